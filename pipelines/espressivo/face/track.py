"""The facial action track: what every motion backend makes and every renderer takes.

Conventions: B batch, T frames, A = 52 ARKit weights in the order of :data:`ARKIT_NAMES`. Left and right are the subject's.
``head_rotation`` is ``(pitch, yaw, roll)`` in radians relative to the portrait: pitch > 0 looks up, yaw > 0 turns to the
subject's left (the viewer's right), roll > 0 tilts the head to the subject's left shoulder (clockwise for the viewer).
``head_translation`` is ``(x, y, z)`` in face heights: viewer's right, up, towards the viewer.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from espressivo.errors import TrackError
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES

__all__ = ["FacialActionTrack", "num_frames"]

MAX_ROTATION_RAD = 1.0
MAX_TRANSLATION = 1.0
EYE_YAW_RANGE_RAD = math.radians(30.0)
EYE_PITCH_RANGE_RAD = math.radians(25.0)
LIVE_LINK_POSE = (
    "HeadYaw",
    "HeadPitch",
    "HeadRoll",
    "LeftEyeYaw",
    "LeftEyePitch",
    "LeftEyeRoll",
    "RightEyeYaw",
    "RightEyePitch",
    "RightEyeRoll",
)


def num_frames(duration_s: float, fps: Fraction) -> int:
    """Frames that cover a duration: ``ceil(duration x fps)``, at least one."""
    return max(1, math.ceil(round(duration_s * float(fps), 6)))


@dataclass(frozen=True, slots=True)
class FacialActionTrack:
    """A performance, frame by frame.

    Attributes:
        weights: ``(T, 52)`` float32 in 0-1.
        head_rotation: ``(T, 3)`` float32, radians, at most 1 in magnitude.
        head_translation: ``(T, 3)`` float32, face heights, at most 1 in magnitude.
        fps: Frames a second.

    Raises:
        TrackError: ``track.shape``, ``track.not_finite``, ``track.out_of_range`` or ``track.fps``.
    """

    weights: NDArray[np.float32]
    head_rotation: NDArray[np.float32]
    head_translation: NDArray[np.float32]
    fps: Fraction

    def __post_init__(self) -> None:
        frames = len(self.weights)
        shapes = (self.weights.shape, self.head_rotation.shape, self.head_translation.shape)
        if frames == 0 or shapes != ((frames, len(ARKIT_NAMES)), (frames, 3), (frames, 3)):
            raise TrackError("track.shape", f"track has shapes {shapes}; expected (T, 52), (T, 3), (T, 3) with T at least 1")
        if not 1 <= self.fps <= 120:
            raise TrackError("track.fps", f"track has {self.fps} frames a second; accepted: 1 to 120")
        for name in ("weights", "head_rotation", "head_translation"):
            values = getattr(self, name)
            if not np.isfinite(values).all():
                raise TrackError("track.not_finite", f"track {name} holds NaN or infinity")
            low, high = {"weights": (0.0, 1.0), "head_rotation": (-MAX_ROTATION_RAD, MAX_ROTATION_RAD)}.get(
                name, (-MAX_TRANSLATION, MAX_TRANSLATION)
            )
            if values.min() < low or values.max() > high:
                raise TrackError(
                    "track.out_of_range",
                    f"track {name} spans {values.min():.3f} to {values.max():.3f}; accepted: {low} to {high}",
                )
            object.__setattr__(self, name, np.ascontiguousarray(values, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self) / float(self.fps)

    def shape(self, name: str) -> NDArray[np.float32]:
        """``(T,)`` curve of one ARKit shape."""
        return self.weights[:, ARKIT_INDEX[name]]

    @classmethod
    def still(cls, frames: int, fps: Fraction) -> Self:
        """The portrait at rest."""
        return cls(
            np.zeros((frames, len(ARKIT_NAMES)), np.float32),
            np.zeros((frames, 3), np.float32),
            np.zeros((frames, 3), np.float32),
            fps,
        )

    def save(self, path: Path) -> None:
        """Write as safetensors; the same track always gives the same bytes."""
        tensors = {"weights": self.weights, "head_rotation": self.head_rotation, "head_translation": self.head_translation}
        header = json.dumps({"fps": str(self.fps), "names": ARKIT_NAMES, "type": "FacialActionTrack", "version": 1})
        save_file(tensors, path, metadata={"espressivo": header})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            TrackError: ``track.unreadable`` or one of the errors of the constructor.
        """
        try:
            with path.open("rb") as file:
                header_length = int.from_bytes(file.read(8), "little")
                if header_length > 1 << 20:
                    raise TrackError("track.unreadable", f"{path.name} is not a facial action track")
                header = json.loads(json.loads(file.read(header_length))["__metadata__"]["espressivo"])
            tensors = load_file(path)
            fps = Fraction(header["fps"])
            if tuple(header["names"]) != ARKIT_NAMES:
                raise TrackError("track.unreadable", f"{path.name} names other shapes than the 52 of ARKit")
            return cls(tensors["weights"], tensors["head_rotation"], tensors["head_translation"], fps)
        except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError, SafetensorError) as error:
            raise TrackError("track.unreadable", f"cannot read {path.name} as a facial action track: {error}") from error

    def save_csv(self, path: Path) -> None:
        """Write a CSV as Live Link Face does: time code, 52 shapes, head and eye angles in radians."""
        look = {name: self.shape(name) for name in ARKIT_NAMES if name.startswith("eyeLook")}
        eyes = []
        for side in ("Left", "Right"):
            yaw = look[f"eyeLookOut{side}"] - look[f"eyeLookIn{side}"]
            eyes += [yaw * EYE_YAW_RANGE_RAD * (1 if side == "Left" else -1)]
            eyes += [
                (look[f"eyeLookUp{side}"] - look[f"eyeLookDown{side}"]) * EYE_PITCH_RANGE_RAD,
                np.zeros(len(self), np.float32),
            ]
        pose = np.stack([self.head_rotation[:, 1], self.head_rotation[:, 0], self.head_rotation[:, 2], *eyes], axis=1)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(
                ["Timecode", "BlendshapeCount", *(name[0].upper() + name[1:] for name in ARKIT_NAMES), *LIVE_LINK_POSE]
            )
            for index, row in enumerate(np.concatenate([self.weights, pose], axis=1)):
                writer.writerow([_timecode(index, self.fps), row.size, *(f"{value:.9g}" for value in row)])

    @classmethod
    def load_csv(cls, path: Path, fps: Fraction) -> Self:
        """Read a Live Link Face CSV; head translation is not part of that format and becomes zero.

        Raises:
            TrackError: ``track.unreadable`` or one of the errors of the constructor.
        """
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                rows = list(csv.reader(file))
            column = {name.lower(): index for index, name in enumerate(rows[0])}
            table = np.array([[float(cell) if cell else 0.0 for cell in row[2:]] for row in rows[1:] if row], np.float32)
            weights = np.stack([table[:, column[name.lower()] - 2] for name in ARKIT_NAMES], axis=1)
            rotation = np.stack([table[:, column[name] - 2] for name in ("headpitch", "headyaw", "headroll")], axis=1)
        except (OSError, ValueError, KeyError, IndexError, csv.Error) as error:
            raise TrackError("track.unreadable", f"cannot read {path.name} as a Live Link CSV: {error}") from error
        return cls(np.clip(weights, 0, 1), rotation, np.zeros_like(rotation), fps)


def _timecode(index: int, fps: Fraction) -> str:
    seconds, frame = divmod(index, math.ceil(fps))
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}.000"
