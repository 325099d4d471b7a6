"""How well the music says what it should: emotion by judges, attributes asked against given, quality, copying, speed.

espressivo evaluate music --data FOLDER [--quick]     # FOLDER holds music/emopia and music/pop909
"""

from __future__ import annotations

from pathlib import Path

from espressivo.evaluation.figures import Figure
from espressivo.evaluation.music_control import (
    measure_arc,
    measure_attribute_control,
    measure_continuity,
    measure_plan_control,
    measure_validity,
)
from espressivo.evaluation.music_emotion import measure_emotion
from espressivo.evaluation.music_memory import measure_memory
from espressivo.evaluation.music_speed import measure_speed

__all__ = ["evaluate"]


def evaluate(data: Path | None, *, quick: bool) -> list[Figure]:
    """Measure the music.

    Args:
        data: Folder with ``music/emopia`` and ``music/pop909``; what needs one that is absent is skipped.
        quick: Few pieces, the same names.
    """
    figures = [*measure_speed(), *measure_plan_control(1 if quick else 10), *measure_attribute_control(1 if quick else 5)]
    figures += [*measure_continuity(5 if quick else 9, 1 if quick else 6), *measure_arc(1 if quick else 16)]
    figures += measure_validity(12 if quick else 1000)
    emopia, pop909 = (None if data is None else data / "music" / name for name in ("emopia", "pop909"))
    if emopia is not None and emopia.is_dir():
        figures += measure_emotion(emopia, 2 if quick else 100)
    else:
        figures.append(
            Figure("emotion.velocity_free.accuracy", None, "", "higher", 0.55, source="skipped: no music/emopia in --data")
        )
    if pop909 is not None and pop909.is_dir():
        figures += measure_memory(pop909, 4 if quick else 48, num_songs=60 if quick else None)
    else:
        figures.append(Figure("memory.longest_run", None, "notes", "lower", source="skipped: no music/pop909 in --data"))
    return figures
