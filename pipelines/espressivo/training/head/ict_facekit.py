"""USC's ICT-FaceKit (light version, MIT): the scan-based shapes that the head's expressions are learnt from.

Read from one ``.npz`` made of its OBJ files: ``neutral`` (cm), ``faces`` (quads, -1 padded), ``groups``, ``expr_names``,
``expr``, ``ident``. None of it enters the checkpoint as it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from espressivo.errors import SettingError
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.head import Tissue
from espressivo.training.head.mesh import Float, HeadMesh, Int

__all__ = ["read_ict_facekit"]

UNITS_PER_CM = 1 / 1.36
TISSUE_OF_MATERIAL = {
    "M_Face": Tissue.SKIN,
    "M_BackHead": Tissue.SKIN,
    "M_GumsTongue": Tissue.TONGUE,
    "M_Teeth": Tissue.TEETH,
    "M_ScleraLeft": Tissue.EYE,
    "M_IrisLeft": Tissue.EYE,
    "M_ScleraRight": Tissue.EYE,
    "M_IrisRight": Tissue.EYE,
}
# The kit splits these in two sides, ARKit does not.
MERGED = ("browInnerUp", "cheekPuff")


def read_ict_facekit(path: Path) -> HeadMesh:
    """Skin, mouth, teeth and eyes of the kit in this package's names and scale; lashes and tear film are left out.

    Raises:
        SettingError: ``setting.expressions`` when the file does not hold the kit.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("neutral", "faces", "groups", "expr_names", "expr", "ident")}
    except (OSError, ValueError, KeyError) as error:
        raise SettingError("setting.expressions", f"{path.name} does not hold ICT-FaceKit: {error}") from error
    triangles, tissue = _triangles(arrays["faces"].astype(np.int64), [str(g) for g in arrays["groups"]], len(arrays["neutral"]))
    used = np.unique(triangles)
    used = used[np.argsort(tissue[used] != Tissue.SKIN, kind="stable")]
    position = np.full(len(arrays["neutral"]), -1, np.int64)
    position[used] = np.arange(len(used))
    names = [str(name) for name in arrays["expr_names"]]
    fields = dict(zip(names, arrays["expr"][:, used].astype(np.float64) * UNITS_PER_CM, strict=True))
    return HeadMesh(
        neutral=arrays["neutral"][used].astype(np.float64) * UNITS_PER_CM,
        triangles=position[triangles],
        tissue=tissue[used],
        expression=np.stack([_arkit_shape(fields, name) for name in ARKIT_NAMES]),
        identity=arrays["ident"][:, used].astype(np.float64) * UNITS_PER_CM,
    )


def _arkit_shape(fields: dict[str, Float], name: str) -> Float:
    if name == "tongueOut":
        return np.zeros_like(next(iter(fields.values())))
    if name in MERGED:
        return fields[f"{name}_L"] + fields[f"{name}_R"]
    for side in ("Left", "Right"):
        own = f"{name.removesuffix(side)}_{side[0]}"
        if name.endswith(side) and own in fields:
            return fields[own]
    return fields[name]


def _triangles(faces: Int, groups: list[str], count: int) -> tuple[Int, np.ndarray[tuple[int], np.dtype[np.uint8]]]:
    """Triangles of the materials that are used, and the tissue of each vertex."""
    starts = [int(group.split("\t")[0]) for group in groups] + [len(faces)]
    triangles, tissue = [], np.zeros(count, np.uint8)
    for group, start, stop in zip(groups, starts[:-1], starts[1:], strict=True):
        material = group.split("usemtl ")[-1]
        if material not in TISSUE_OF_MATERIAL:
            continue
        part = faces[start:stop]
        quads = part[part[:, 3] >= 0]
        triangles += [part[:, :3], quads[:, [0, 2, 3]]]
        tissue[part[part >= 0]] = TISSUE_OF_MATERIAL[material]
    return np.concatenate(triangles), tissue
