"""How good the thought is: texts read, words understood, faces read back, promises kept, hostile input survived."""

from __future__ import annotations

from pathlib import Path

from espressivo.evaluation.emotion_plan import measure_plans
from espressivo.evaluation.emotion_robustness import measure_robustness
from espressivo.evaluation.emotion_text import measure_texts
from espressivo.evaluation.figures import Figure

__all__ = ["evaluate"]


def evaluate(data: Path | None, *, quick: bool) -> list[Figure]:
    """Measure the emotion front-end.

    Args:
        data: Folder that holds ``text/goemotions`` and ``text/emobank``; without it their figures are skipped.
        quick: Fewer texts, seeds and pairs, same names.
    """
    return [*measure_texts(data, quick=quick), *measure_plans(quick=quick), *measure_robustness()]
