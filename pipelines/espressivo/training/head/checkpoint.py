"""Write the finished head as a checkpoint folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.head import FORMAT_VERSION, MM_PER_UNIT, Tissue
from espressivo.training.head.correspondence import Correspondence
from espressivo.training.head.mesh import Float, HeadMesh
from espressivo.training.head.surface import face_mask, find_lining, upper_lids

__all__ = ["write_checkpoint"]


def _eye_centres(head: HeadMesh) -> tuple[Float, Float]:
    """Centres of rotation (2, 3) and how the identity modes move them (K, 2, 3)."""
    centres, modes = [], []
    for side in (1, -1):
        eye = (head.tissue == Tissue.EYE) & (head.neutral[:, 0] * side > 0)
        ball = head.neutral[eye]
        low, high = ball.min(axis=0), ball.max(axis=0)
        centres.append([*((low + high) / 2)[:2], high[2] - (high - low)[1] / 2])
        modes.append(head.identity[:, eye].mean(axis=1))
    return np.array(centres), np.stack(modes, axis=1)


def _arrays(
    head: HeadMesh, marks: Correspondence, jaw: Float, on_lower_jaw: np.ndarray[Any, np.dtype[np.bool_]], tone: Float
) -> dict[str, np.ndarray[Any, Any]]:
    lining = find_lining(head, marks)
    eye_centres, eye_centre_modes = _eye_centres(head)
    exact = {
        "neutral": head.neutral, "landmark_weights": marks.weights, "jaw": jaw, "tone": tone, "eye_centres": eye_centres,
        "eye_centre_modes": eye_centre_modes, "lining_shift": lining.shift, "mouth_depth": lining.mouth_depth,
        "lid": upper_lids(head), "face_mask": face_mask(head, marks),
    }  # fmt: skip
    index = {
        "triangles": head.triangles, "landmark_vertices": marks.vertices,
        "lining_vertices": lining.vertices, "lining_rim": lining.rim,
    }  # fmt: skip
    arrays: dict[str, np.ndarray[Any, Any]] = {name: array.astype(np.float32) for name, array in exact.items()}
    arrays |= {name: array.astype(np.int32) for name, array in index.items()}
    arrays |= {name: array.astype(np.float16) for name, array in (("expression", head.expression), ("identity", head.identity))}
    return arrays | {"tissue": head.tissue.astype(np.uint8), "on_lower_jaw": on_lower_jaw.astype(np.uint8)}


def write_checkpoint(
    out: Path,
    head: HeadMesh,
    marks: Correspondence,
    jaw: Float,
    on_lower_jaw: np.ndarray[Any, np.dtype[np.bool_]],
    tone: Float,
    origin: dict[str, str],
) -> None:
    """Write ``head.safetensors``, ``config.json`` and ``SHA256SUMS``; fields as in ``MorphableHead``.

    Args:
        out: Checkpoint folder; made if missing.
        head: The finished head.
        marks: Its face points.
        jaw: ``(52, 3, 4)`` motion of the lower jaw.
        on_lower_jaw: ``(V,)`` what follows it.
        tone: ``(V, 3)`` RGB factors.
        origin: Where shapes and identity come from, for ``config.json``.
    """
    arrays = _arrays(head, marks, jaw, on_lower_jaw, tone)
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, out / "head.safetensors")
    config = {
        "format_version": FORMAT_VERSION,
        "mm_per_unit": round(MM_PER_UNIT, 4),
        "num_identity_modes": len(arrays["identity"]),
        "expression_names": list(ARKIT_NAMES),
        "tissues": {tissue.name.lower(): int(tissue) for tissue in Tissue},
        **origin,
    }
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    sums = [f"{hashlib.sha256((out / name).read_bytes()).hexdigest()}  {name}\n" for name in ("config.json", "head.safetensors")]
    (out / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
