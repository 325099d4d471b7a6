"""The learned composer at work on given pieces: bars that go on from some bars and, where there are any, lead into others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from espressivo.emotion.plan import EmotionPlan
from espressivo.music.assembly import Harmoniser
from espressivo.music.hearing import Heard
from espressivo.music.performance import resolve_overlaps
from espressivo.music.score import Control, Note, Score
from espressivo.music.settings import MusicSettings

__all__ = ["model_notes"]

CONTEXT_BARS = 8
"""Given bars on either side that the model is shown; more would not fit its context."""


def model_notes(
    heard: Heard,
    gap: Sequence[int],
    plan: EmotionPlan,
    *,
    seed: int,
    settings: MusicSettings,
    harmoniser: Harmoniser,
) -> Score:
    """Bars by the transformer, from tick 0, in the piece's own parts.

    Args:
        heard: The given piece.
        gap: Its bars (0-based) that are to be filled; empty for a continuation.
        plan: As long as the new bars.
        seed: 0 or more.
        settings: As for composing; the palette is the piece's own.
        harmoniser: Their chords.

    Raises:
        CheckpointError: Weights missing, altered or malformed.
    """
    from espressivo.music.composer_model import compose_model
    from espressivo.music.grid import grid_bars

    bars = grid_bars(heard.score, heard.key)
    first, last = (gap[0], gap[-1] + 1) if gap else (heard.last_full_bar() + 1, len(bars))
    before = bars[max(first - CONTEXT_BARS, 0) : first]
    after = bars[last : last + CONTEXT_BARS] if gap else []
    written = compose_model(
        plan,
        seed=seed,
        settings=settings.model_copy(update={"palette": "piano"}),
        before=before,
        after=after,
        harmoniser=harmoniser,
    )
    own = {role: heard.score.parts.index(part) for role, part in heard.palette.parts.items()}
    part_of = [own.get(part.role, own["accompaniment"]) for part in written.parts]
    notes: list[Note] = [replace(note, part=part_of[note.part]) for note in written.notes]
    pedalled = {control.part for control in heard.score.controls}
    controls: list[Control] = [replace(c, part=part_of[c.part]) for c in written.controls if part_of[c.part] in pedalled]
    return replace(
        written, parts=heard.score.parts, notes=resolve_overlaps(notes), controls=tuple(sorted(dict.fromkeys(controls)))
    )
