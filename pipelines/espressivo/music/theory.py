"""Pitch classes, modes, keys and chords."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from espressivo.emotion.plan import Mode

__all__ = ["CHORD_INTERVALS", "MODE_BRIGHTNESS", "MODE_STEPS", "PITCH_CLASS_NAMES", "Chord", "Key"]

PITCH_CLASS_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

MODE_STEPS: dict[Mode, tuple[int, ...]] = {
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "major": (0, 2, 4, 5, 7, 9, 11),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
}
"""Semitones above the tonic of the seven degrees, from the darkest mode to the brightest."""

MODE_BRIGHTNESS: dict[Mode, float] = {
    "phrygian": -1.0,
    "minor": -0.6,
    "dorian": -0.2,
    "mixolydian": 0.2,
    "major": 0.6,
    "lydian": 1.0,
}
"""Place of the modes on the circle of fifths, scaled to -1..1."""

CHORD_INTERVALS: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "5": (0, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "minmaj7": (0, 3, 7, 11),
    "hdim7": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
    "add9": (0, 4, 7, 14),
    "minadd9": (0, 3, 7, 14),
    "maj6": (0, 4, 7, 9),
    "7b9": (0, 4, 7, 10, 13),
    "minb9": (0, 3, 7, 13),
    "7#11": (0, 4, 6, 10),
}
"""Semitones above the root; names as in Harte et al. 2005 where they define them."""


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic (pitch class 0-11) and a mode."""

    tonic: int
    mode: Mode

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """The seven pitch classes from the tonic upwards."""
        return tuple((self.tonic + step) % 12 for step in MODE_STEPS[self.mode])

    def pitch_class(self, degree: int) -> int:
        """Pitch class of a scale degree, 0 = tonic; any integer."""
        return (self.tonic + MODE_STEPS[self.mode][degree % 7]) % 12

    @property
    def has_major_third(self) -> bool:
        """Whether the tonic triad is major."""
        return MODE_STEPS[self.mode][2] == 4

    def __str__(self) -> str:
        return f"{PITCH_CLASS_NAMES[self.tonic]}:{self.mode}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Inverse of ``str``.

        Raises:
            ValueError: The text is no key.
        """
        tonic, _, mode = text.partition(":")
        for known in MODE_STEPS:
            if mode == known:
                return cls(PITCH_CLASS_NAMES.index(tonic), known)
        message = f"{text!r} is no key"
        raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Chord:
    """A root (pitch class 0-11), a quality of :data:`CHORD_INTERVALS` and the bass's pitch class."""

    root: int
    quality: str
    bass: int

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """Pitch classes from the root upwards."""
        return tuple((self.root + interval) % 12 for interval in CHORD_INTERVALS[self.quality])

    @property
    def third(self) -> int | None:
        """Pitch class of the third; ``None`` where the chord has none."""
        for interval in CHORD_INTERVALS[self.quality]:
            if interval in {3, 4}:
                return (self.root + interval) % 12
        return None

    def __str__(self) -> str:
        slash = "" if self.bass == self.root else f"/{PITCH_CLASS_NAMES[self.bass]}"
        return f"{PITCH_CLASS_NAMES[self.root]}:{self.quality}{slash}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Inverse of ``str``.

        Raises:
            ValueError: The text is no chord.
        """
        body, _, bass = text.partition("/")
        root, _, quality = body.partition(":")
        if quality not in CHORD_INTERVALS:
            message = f"{text!r} is no chord"
            raise ValueError(message)
        root_class = PITCH_CLASS_NAMES.index(root)
        return cls(root_class, quality, PITCH_CLASS_NAMES.index(bass) if bass else root_class)
