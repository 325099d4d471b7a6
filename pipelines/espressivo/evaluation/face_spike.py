"""The prototype that the face began as, run from its own files as a baseline.

It is no part of the package: ``drive.py``, ``common.py``, ``final.npz`` and ``correspondence.npy`` are looked for in
``../spikes/transfer`` beside the evaluation data, and ``animate.py``, ``rasterize.py``, ``landmarker.py`` in ``../spikes/head``.
Where they are missing the baseline is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.pose import rotation_matrix
from espressivo.face.track import FacialActionTrack
from espressivo.render.fitting import CAMERA_DISTANCE, PIVOT

__all__ = ["Spike", "SpikePortrait"]

Image = NDArray[np.uint8]
Float = NDArray[np.float32]
FILES: Final = ("drive.py", "common.py", "final.npz", "correspondence.npy")


class Spike:
    """The prototype's head and renderer.

    Args:
        folder: Holds its files.
    """

    def __init__(self, folder: Path) -> None:
        with _importable(folder, folder.parent / "head"):
            self._drive: Any = import_module("drive")
        self.head: Any = self._drive.Head(str(folder / "final.npz"), str(folder / "correspondence.npy"))
        self._detector: Any = self._drive.lm.create()
        self.columns = np.array([ARKIT_INDEX[name] for name in self.head.names])

    @classmethod
    def beside(cls, data: Path | None) -> Spike | None:
        """The prototype of the folder beside the data, or ``None``."""
        folder = None if data is None else data.parent / "spikes" / "transfer"
        return cls(folder) if folder is not None and all((folder / name).is_file() for name in FILES) else None

    def fit(self, image: Image) -> SpikePortrait:
        """Fit its head to a picture ``(H, W, 3)`` uint8 RGB."""
        with _silent():
            return SpikePortrait(self, self._drive.Portrait(np.ascontiguousarray(image[..., ::-1]), self.head, self._detector))


class SpikePortrait:
    """A portrait as the prototype fits it."""

    def __init__(self, spike: Spike, portrait: Any) -> None:  # noqa: ANN401 - the prototype is untyped
        self._spike = spike
        self._portrait = portrait
        self._start = (portrait.scale, portrait.shift.copy())

    def frame(self, weights: Float) -> Image:
        """``(H, W, 3)`` uint8 RGB under a track's ``(52,)`` weights, on top of what the portrait shows."""
        return self._drawn(weights[self._spike.columns], np.eye(3))

    def frames(self, track: FacialActionTrack) -> Iterator[Image]:
        """Frames of a track that says all that the face shows; the prototype knows no translation, so its camera is moved."""
        portrait = self._portrait
        scale, shift = self._start
        for index in range(len(track)):
            x, y, z = (float(value) for value in track.head_translation[index])
            zoom = CAMERA_DISTANCE / (CAMERA_DISTANCE - z)
            portrait.scale = scale * zoom
            moved = np.array([x, y, 0.0]) * scale * self.face_height
            portrait.shift = shift + portrait.rotation @ PIVOT * (scale - portrait.scale) + moved
            weights = track.weights[index][self._spike.columns] - portrait.own_expression
            yield self._drawn(weights, rotation_matrix(*(float(angle) for angle in track.head_rotation[index])))
        portrait.scale, portrait.shift = scale, shift

    @property
    def face_height(self) -> float:
        """Hair line to chin, units of its head."""
        head = self._spike.head
        top, chin = head.neutral[head.landmark_vertex[[10, 152]]]
        return float(np.linalg.norm(top - chin))

    def _drawn(self, weights: NDArray[np.floating], turn: NDArray[np.float64]) -> Image:
        return np.ascontiguousarray(self._portrait.frame(weights, turn)[..., ::-1])


@contextmanager
def _importable(*folders: Path) -> Iterator[None]:
    """Let scripts that name each other be imported."""
    sys.path[:0] = [str(folder) for folder in folders]
    try:
        yield
    finally:
        del sys.path[: len(folders)]


@contextmanager
def _silent() -> Iterator[None]:
    """The prototype prints how well it fitted."""
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()):
        yield
