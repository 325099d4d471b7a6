"""Rotations of the head, in the convention of :class:`~espressivo.face.track.FacialActionTrack`.

The frame is x to the viewer's right, y up, z towards the viewer. Pitch > 0 looks up, yaw > 0 turns to the viewer's right,
roll > 0 tilts clockwise for the viewer.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["rotation_angles", "rotation_matrix"]


def rotation_matrix(pitch_rad: float, yaw_rad: float, roll_rad: float) -> NDArray[np.float64]:
    """``(3, 3)`` matrix that turns a column vector: first roll, then pitch, then yaw."""
    cos_pitch, sin_pitch = math.cos(-pitch_rad), math.sin(-pitch_rad)
    cos_yaw, sin_yaw = math.cos(yaw_rad), math.sin(yaw_rad)
    cos_roll, sin_roll = math.cos(-roll_rad), math.sin(-roll_rad)
    yaw = np.array([[cos_yaw, 0, sin_yaw], [0, 1, 0], [-sin_yaw, 0, cos_yaw]])
    pitch = np.array([[1, 0, 0], [0, cos_pitch, -sin_pitch], [0, sin_pitch, cos_pitch]])
    roll = np.array([[cos_roll, -sin_roll, 0], [sin_roll, cos_roll, 0], [0, 0, 1]])
    product: NDArray[np.float64] = yaw @ pitch @ roll
    return product


def rotation_angles(matrix: NDArray[np.floating]) -> tuple[float, float, float]:
    """``(pitch, yaw, roll)`` in radians of a rotation matrix: the inverse of :func:`rotation_matrix`, pitch within pi/2."""
    forward = matrix[:, 2]
    yaw = math.atan2(forward[0], forward[2])
    pitch = math.asin(float(np.clip(forward[1], -1.0, 1.0)))
    roll = math.atan2(-matrix[1, 0], matrix[1, 1])
    return pitch, yaw, roll
