"""How well the music says what it should: emotion by judges, attributes asked against given, quality, copying, speed.

espressivo evaluate music --data FOLDER [--quick]     # FOLDER holds music/emopia and music/pop909
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from espressivo.evaluation.figures import Figure, rows
from espressivo.evaluation.music_attributes import measure_attribute_control
from espressivo.evaluation.music_constraints import measure_constraints, measure_validity
from espressivo.evaluation.music_control import measure_arc, measure_continuity, measure_plan_control
from espressivo.evaluation.music_emotion import measure_emotion
from espressivo.evaluation.music_memory import measure_memory
from espressivo.evaluation.music_pieces import Writers
from espressivo.evaluation.music_scene import measure_scene
from espressivo.evaluation.music_speed import measure_speed

__all__ = ["evaluate"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Size:
    """How many pieces, and how long."""

    emotion: int
    ablation: int
    piece_s: float
    attributes: int
    plans: int
    levels: int
    control_s: float
    steps: int
    step: int
    step_s: float
    arcs: int
    arc_s: float
    constrained_model: int
    constrained_rules: int
    constrained_s: float
    scenes: int
    songs: int | None


FULL = _Size(
    emotion=100, ablation=15, piece_s=20.0, attributes=39, plans=3, levels=5, control_s=16.0, steps=9, step=4, step_s=10.0,
    arcs=12, arc_s=40.0, constrained_model=250, constrained_rules=750, constrained_s=8.0, scenes=12, songs=None,
)  # fmt: skip
QUICK = _Size(
    emotion=1, ablation=1, piece_s=6.0, attributes=2, plans=1, levels=2, control_s=5.0, steps=2, step=1, step_s=5.0, arcs=1,
    arc_s=8.0, constrained_model=2, constrained_rules=12, constrained_s=3.5, scenes=1, songs=30,
)  # fmt: skip


def evaluate(data: Path | None, *, quick: bool) -> list[Figure]:
    """Measure the music; what is measured goes to the log as soon as it is, since the whole takes its time.

    Args:
        data: Folder with ``music/emopia`` and ``music/pop909``; what needs one that is absent is skipped.
        quick: Few pieces, the same names.
    """
    size = QUICK if quick else FULL
    figures: list[Figure] = []
    started = time.monotonic()

    def take(measured: list[Figure]) -> None:
        figures.extend(measured)
        for row in rows(measured):
            logger.info("%4.0f s  %s", time.monotonic() - started, "  ".join(cell for cell in row if cell))

    take(measure_speed())
    emopia, pop909 = (None if data is None else data / "music" / name for name in ("emopia", "pop909"))
    with Writers() as writers:
        if emopia is not None and emopia.is_dir():
            measured, scores = measure_emotion(writers, emopia, size.emotion, size.ablation, size.piece_s)
            take(measured)
        else:
            reason = "skipped: no music/emopia in --data"
            take([Figure("emotion.velocity_free.accuracy", None, "", "higher", 0.55, source=reason)])
            scores = []
        if scores and pop909 is not None and pop909.is_dir():
            take(measure_memory(pop909, scores, num_songs=size.songs))
        else:
            reason = "skipped: no music/emopia and music/pop909 in --data"
            take([Figure("memory.longest_run", None, "notes", "lower", source=reason)])
        take(measure_scene(writers, size.scenes))
        take(measure_attribute_control(writers, size.attributes, size.plans, size.levels, size.control_s))
        take(measure_plan_control(writers, size.plans, size.levels, size.control_s))
        take(measure_continuity(writers, size.steps, size.step, size.step_s))
        take(measure_arc(writers, size.arcs, size.arc_s))
        take(measure_constraints(writers, {"model": size.constrained_model, "rules": size.constrained_rules}, size.constrained_s))
        take([measure_validity(writers)])
    return figures
