"""The texture of a given piece over other chords: its accompaniment, tone for tone, where the new harmony wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from espressivo.music.form import Bar
from espressivo.music.harmony import SectionHarmony
from espressivo.music.hearing import Heard
from espressivo.music.melody import chord_at, scale_over
from espressivo.music.score import Note
from espressivo.music.theory import Chord, Key

__all__ = ["moved_tone", "textured"]

LOWEST, HIGHEST = 24, 100
BASS_BELOW: Final = 52


def textured(heard: Heard, templates: Sequence[int], bars: Sequence[Bar], harmony: SectionHarmony) -> list[Note]:
    """All that is not melody (and drums as they are), bar after bar from the template bars in turn.

    Args:
        heard: The given piece.
        templates: Its bars (0-based) whose texture is taken, one after another, again from the first when they run out.
        bars: Where the notes go.
        harmony: What they are to sound like there.
    """
    notes: list[Note] = []
    for number, bar in enumerate(bars):
        template = templates[number % len(templates)]
        for index, note in heard.notes_by_bar[template]:
            tick = bar.start_tick + max(note.start_tick - heard.bars[template][0], 0)
            if index in heard.melody or tick >= bar.end_tick:
                continue
            is_drum = heard.score.parts[note.part].is_drum
            target = chord_at(harmony.chords, tick)
            pitch = note.pitch if is_drum else moved_tone(note.pitch, heard.chords[template], target, harmony.key)
            notes.append(Note(tick, pitch, note.duration_ticks, note.velocity, note.part))
    return notes


def moved_tone(pitch: int, source: Chord, target: Chord, key: Key) -> int:
    """Root to root, third to third and so on, by the nearest way; other tones to the nearest of the scale over the new chord."""
    if source == target:
        return pitch
    wanted: set[int]
    if pitch % 12 in source.pitch_classes:
        index = source.pitch_classes.index(pitch % 12)
        tones = target.pitch_classes
        wanted = {target.bass if index == 0 and pitch < BASS_BELOW else tones[min(index, len(tones) - 1)]}
    else:
        wanted = set(scale_over(key, target)) - set(target.pitch_classes) or set(target.pitch_classes)
    near = range(max(pitch - 6, LOWEST), min(pitch + 6, HIGHEST) + 1)
    return min((p for p in near if p % 12 in wanted), key=lambda p: (abs(p - pitch), p), default=pitch)
