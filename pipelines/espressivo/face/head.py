"""The morphable head: a face mesh with identity modes, the 52 ARKit shapes, teeth, gums, tongue and turning eyes.

Frame: x to the viewer's right, y up, z towards the viewer; origin between the ears. One unit is 13.57 mm; from the topmost
to the lowest face point it is about 10.5 units. Left and right are the subject's, so ``mouthSmileLeft`` moves vertices with
x > 0.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from espressivo.errors import CheckpointError
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.face.pose import rotation_matrix
from espressivo.resources import checkpoint_folder, verify_checksums

__all__ = ["MM_PER_UNIT", "MorphableHead", "Tissue", "expression_weights"]

MM_PER_UNIT: Final = 190 / 14
FORMAT_VERSION: Final = 1
# How far an eye turns at weight 1; FACS gives no angles. Engineering: within the comfortable range of human gaze.
EYE_YAW_RAD: Final = math.radians(28.0)
EYE_UP_RAD: Final = math.radians(24.0)
EYE_DOWN_RAD: Final = math.radians(26.0)


class Tissue(IntEnum):
    """What a vertex is made of. All corners of a triangle are of one tissue."""

    SKIN = 0
    TONGUE = 1
    TEETH = 2
    EYE = 3
    GUM = 4


@dataclass(frozen=True, eq=False)
class MorphableHead:
    """Arrays of ``checkpoints/head``. V vertices, F triangles, K identity modes; sides are (left, right).

    Attributes:
        neutral: ``(V, 3)`` float32, the mean face at rest, units.
        triangles: ``(F, 3)`` int32.
        tissue: ``(V,)`` uint8, values of :class:`Tissue`.
        expression: ``(52, V, 3)`` float32 displacements at weight 1 in the order of ``ARKIT_NAMES``. Eyeballs do not move in it:
            they turn, see :meth:`vertices`.
        identity: ``(K, V, 3)`` float32 displacements of one mode at weight 1; weights are about standard normal.
        landmark_vertices: ``(468, 3)`` int32 corners that hold MediaPipe's face points; column 0 is the nearest vertex.
        landmark_weights: ``(468, 3)`` float32 barycentric weights.
        jaw: ``(52, 3, 4)`` float32; lower teeth, lower gum and tongue move by ``jaw[k] @ (x, y, z, 1)`` (already in
            ``expression``).
        on_lower_jaw: ``(V,)`` bool, lower teeth, lower gum and tongue.
        tone: ``(V, 3)`` float32 RGB factor of the colour of teeth and gums, 1 elsewhere.
        eye_centres: ``(2, 3)`` float32 centres of rotation on the mean face.
        eye_centre_modes: ``(K, 2, 3)`` float32, how the identity modes move them.
        lining_vertices: ``(N,)`` int32 skin vertices that a photograph of the face at rest hides: inner lips, lid edges.
        lining_rim: ``(N,)`` int32 the visible vertex nearest to each of them along the mesh.
        lining_shift: ``(N, 3)`` float32 where, beside the rim vertex, its colour may be taken from.
        mouth_depth: ``(V,)`` float32 way along the mesh from the lips into the mouth, units; 0 outside.
        lid: ``(2, V)`` float32 0-1, how much a vertex belongs to the upper lid.
        face_mask: ``(V,)`` float32 0-1, 1 on the face that the landmarks cover, 0 on ears, neck, back of the head.
    """

    neutral: NDArray[np.float32]
    triangles: NDArray[np.int32]
    tissue: NDArray[np.uint8]
    expression: NDArray[np.float32]
    identity: NDArray[np.float32]
    landmark_vertices: NDArray[np.int32]
    landmark_weights: NDArray[np.float32]
    jaw: NDArray[np.float32]
    on_lower_jaw: NDArray[np.bool_]
    tone: NDArray[np.float32]
    eye_centres: NDArray[np.float32]
    eye_centre_modes: NDArray[np.float32]
    lining_vertices: NDArray[np.int32]
    lining_rim: NDArray[np.int32]
    lining_shift: NDArray[np.float32]
    mouth_depth: NDArray[np.float32]
    lid: NDArray[np.float32]
    face_mask: NDArray[np.float32]

    @classmethod
    def from_pretrained(cls, path: Path | None = None) -> Self:
        """Load ``checkpoints/head`` or another folder of the same form, digests checked.

        Raises:
            CheckpointError: ``checkpoint.missing``, ``checkpoint.altered`` or ``checkpoint.malformed``.
        """
        if path is None:
            folder = checkpoint_folder("head")
        else:
            folder = path
            verify_checksums(folder)
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            arrays = load_file(folder / "head.safetensors")
            if config["format_version"] != FORMAT_VERSION or tuple(config["expression_names"]) != ARKIT_NAMES:
                raise CheckpointError("checkpoint.malformed", f"{folder.name} is a head of another format; rebuild it")
            wide: dict[str, Any] = {n: a.astype(np.float32) if a.dtype == np.float16 else a for n, a in arrays.items()}
            wide["on_lower_jaw"] = wide["on_lower_jaw"].astype(bool)
            return cls(**wide)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise CheckpointError("checkpoint.malformed", f"cannot read {folder.name} as a head: {error}") from error

    @property
    def num_identity_modes(self) -> int:
        """K."""
        return len(self.identity)

    @cached_property
    def triangle_tissue(self) -> NDArray[np.uint8]:
        """``(F,)`` tissue of each triangle."""
        return self.tissue[self.triangles[:, 0]]

    @cached_property
    def landmark_base(self) -> NDArray[np.float32]:
        """``(468, 3)`` face points of the mean face."""
        return self.landmarks(self.neutral)

    @cached_property
    def landmark_identity(self) -> NDArray[np.float32]:
        """``(K, 468, 3)`` identity modes at the face points."""
        return np.stack([self.landmarks(mode) for mode in self.identity])

    @cached_property
    def landmark_expression(self) -> NDArray[np.float32]:
        """``(52, 468, 3)`` shapes at the face points."""
        return np.stack([self.landmarks(shape) for shape in self.expression])

    @cached_property
    def face_height(self) -> float:
        """Hair line to chin on the mean face, units; the unit of a track's head translation."""
        return float(np.linalg.norm(self.landmark_base[10] - self.landmark_base[152]))

    @cached_property
    def eye_vertices(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Vertex indices of the left and the right eyeball."""
        eyes = self.tissue == Tissue.EYE
        return np.flatnonzero(eyes & (self.neutral[:, 0] > 0)), np.flatnonzero(eyes & (self.neutral[:, 0] < 0))

    def vertices(self, identity: NDArray[np.floating], expression: NDArray[np.floating]) -> NDArray[np.float32]:
        """``(V, 3)`` posed head, units, float32.

        Args:
            identity: ``(K,)`` weights of the identity modes.
            expression: ``(52,)`` ARKit weights, nominally 0-1.
        """
        shape = self.neutral + np.tensordot(np.asarray(identity, np.float32), self.identity, 1)
        return self.express(shape, self.eye_centres_of(identity), expression)

    def express(
        self, shape: NDArray[np.float32], eye_centres: NDArray[np.float32], expression: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Like :meth:`vertices`, for an identity whose ``(V, 3)`` shape and ``(2, 3)`` eye centres are at hand."""
        active = np.flatnonzero(expression)
        posed = shape + np.tensordot(np.asarray(expression, np.float32)[active], self.expression[active], 1)
        for side, (eye, (yaw_rad, pitch_rad)) in enumerate(zip(self.eye_vertices, gaze_angles(expression), strict=True)):
            turn = rotation_matrix(pitch_rad, yaw_rad, 0.0).astype(np.float32)
            posed[eye] = (shape[eye] - eye_centres[side]) @ turn.T + eye_centres[side]
        return posed.astype(np.float32, copy=False)

    def eye_centres_of(self, identity: NDArray[np.floating]) -> NDArray[np.float32]:
        """``(2, 3)`` centres of rotation of the eyeballs of a person."""
        moved: NDArray[np.float32] = self.eye_centres + np.tensordot(np.asarray(identity, np.float32), self.eye_centre_modes, 1)
        return moved

    def landmarks(self, vertices: NDArray[np.float32], which: Sequence[int] | slice = slice(None)) -> NDArray[np.float32]:
        """``(468, 3)`` MediaPipe's face points on ``(V, 3)`` vertices (or displacements), or some of them in that order."""
        which = which if isinstance(which, slice) else list(which)
        corners = vertices[self.landmark_vertices[which]]
        found: NDArray[np.float32] = (corners * self.landmark_weights[which, :, None]).sum(axis=1)
        return found


def gaze_angles(expression: NDArray[np.floating]) -> tuple[tuple[float, float], tuple[float, float]]:
    """``(yaw, pitch)`` of the left and the right eyeball in radians: yaw > 0 to the viewer's right, pitch > 0 up."""

    def angles(side: str, outwards: int) -> tuple[float, float]:
        down, inward, outward, up = (float(expression[ARKIT_INDEX[f"eyeLook{way}{side}"]]) for way in ("Down", "In", "Out", "Up"))
        return outwards * (outward - inward) * EYE_YAW_RAD, up * EYE_UP_RAD - down * EYE_DOWN_RAD

    return angles("Left", 1), angles("Right", -1)


def expression_weights(**shapes: float) -> NDArray[np.float32]:
    """``(52,)`` float32 from names, both sides where a name gives none: ``expression_weights(mouthSmile=0.8, jawOpen=0.1)``.

    Raises:
        KeyError: A name is no ARKit shape.
    """
    weights = np.zeros(len(ARKIT_NAMES), np.float32)
    for name, value in shapes.items():
        weights[[ARKIT_INDEX[full] for full in expand_sides(name)]] = value
    return weights
