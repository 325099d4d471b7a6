"""Themes that return: a bar's melody fitted to the chords, register and density of another place."""

from __future__ import annotations

from espressivo.music.grammar import BarGrammar
from espressivo.music.melody import metrical_weight
from espressivo.music.tokens import MELODY_HIGH, MELODY_LOW, GridBar, GridNote

__all__ = ["restated"]

BEAT_PLACES = 4
MAX_SHARE = 0.6
"""A returning melody takes at most this share of the onsets asked for; the least stressed notes give way."""


def restated(theme: GridBar, grammar: BarGrammar, num_onsets: float) -> tuple[GridNote, ...]:
    """The melody of ``theme`` as the grammar's chords and range allow it.

    Notes keep their rhythm and contour and go to the nearest tone of the scale that sounds there; the whole moves by octaves into
    the range.
    """
    melody = [note for note in theme.notes if not note.is_accompaniment]
    most = max(1, round(MAX_SHARE * num_onsets))
    if len(melody) > most:
        stressed = sorted(
            melody, key=lambda note: (-metrical_weight(note.position, theme.num_positions, BEAT_PLACES), note.position)
        )
        melody = sorted(stressed[:most])
    if not melody:
        return ()
    low, high = max(grammar.melody_range[0], MELODY_LOW), min(grammar.melody_range[1], MELODY_HIGH)
    middle = sum(note.pitch for note in melody) / len(melody)
    octave = 12 * round((0.5 * (low + high) - middle) / 12) if not low <= middle <= high else 0
    return tuple(
        GridNote(note.position, is_accompaniment=False, pitch=_fitted(note.pitch + octave, note.position, grammar, low, high),
                 duration=note.duration)
        for note in melody
    )  # fmt: skip


def _fitted(pitch: int, position: int, grammar: BarGrammar, low: int, high: int) -> int:
    place = max(index for index, chord in enumerate(grammar.chords) if chord.position <= position)
    scale = grammar.scales[place]
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return min(
        (candidate for candidate in range(max(low - 6, MELODY_LOW), min(high + 6, MELODY_HIGH) + 1) if candidate % 12 in scale),
        key=lambda candidate: (abs(candidate - pitch), candidate),
    )
