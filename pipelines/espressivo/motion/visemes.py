"""The table of mouth targets, and phones turned into gestures of the mouth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.resources import load_config
from espressivo.speech.phones import SILENCE, Phone, is_vowel

__all__ = ["Gesture", "Viseme", "gestures", "viseme_of", "visemes"]

CONFIG = "motion/visemes.yaml"
SHORTEST_SILENCE_S = 0.06
LENGTH_MARK = "ː"


@dataclass(frozen=True, slots=True)
class Viseme:
    """What a sound asks of the mouth.

    Attributes:
        name: Key of the table.
        kind: Class that selects the hard constraint, such as ``"closed"``.
        jaw_dominance: How strongly the jaw holds its target against its neighbours, 0-1.
        lips_dominance: The same for the lips.
        target: ``(52,)`` ARKit weights.
    """

    name: str
    kind: str
    jaw_dominance: float
    lips_dominance: float
    target: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gesture:
    """One target with its time; a diphthong is two, silence is one too."""

    viseme: Viseme
    label: str
    start_s: float
    end_s: float
    stress: int
    vowel: bool

    @property
    def duration_s(self) -> float:
        """Length."""
        return self.end_s - self.start_s

    @property
    def centre_s(self) -> float:
        """Middle."""
        return 0.5 * (self.start_s + self.end_s)


@cache
def visemes() -> dict[str, Viseme]:
    """The table by name."""
    table = {}
    for name, row in load_config(CONFIG)["visemes"].items():
        target = np.zeros(len(ARKIT_NAMES))
        for shape, weight in row["t"].items():
            target[[ARKIT_INDEX[side] for side in expand_sides(shape)]] = weight
        target.flags.writeable = False
        jaw_dominance, lips_dominance = row["dom"]
        table[name] = Viseme(name, row["class"], jaw_dominance, lips_dominance, target)
    return table


@cache
def _by_label() -> dict[str, Viseme]:
    labels = {}
    for name, row in load_config(CONFIG)["visemes"].items():
        for label in (*row["arpa"], *row["ipa"]):
            labels[label] = visemes()[name]
    return labels


def viseme_of(label: str) -> Viseme:
    """Target of a sound; modifiers behind an IPA symbol are ignored, unknown sounds leave the mouth nearly free (schwa)."""
    labels = _by_label()
    for length in range(len(label), 0, -1):
        if label[:length] in labels:
            return labels[label[:length]]
    return labels["AH0"]


def _parts(label: str) -> tuple[str, ...]:
    sequences = load_config(CONFIG)["sequences"]
    return tuple(sequences["arpa"].get(label) or sequences["ipa"].get(label) or (label,))


def gestures(phones: Sequence[Phone], duration_s: float) -> tuple[Gesture, ...]:
    """Mouth gestures that tile a recording: phones in order, diphthongs split, gaps filled with silence.

    Args:
        phones: In order of time, without overlap.
        duration_s: End of the recording.
    """
    share = float(load_config(CONFIG)["sequences"]["first_share"])
    result: list[Gesture] = []
    clock = 0.0
    for phone in phones:
        if phone.label == SILENCE:
            continue
        if phone.start_s - clock > SHORTEST_SILENCE_S:
            result.append(_silence(clock, phone.start_s))
            clock = phone.start_s
        parts = _parts(phone.label)
        # A gap too short to be silence belongs to the sound before it.
        edges = (
            [phone.start_s, phone.end_s]
            if len(parts) == 1
            else [phone.start_s, phone.start_s + share * phone.duration_s, phone.end_s]
        )
        for part, start_s, end_s in zip(parts, edges, edges[1:], strict=False):
            result.append(Gesture(viseme_of(part), part.rstrip(LENGTH_MARK), start_s, end_s, phone.stress, is_vowel(part)))
        clock = phone.end_s
    if duration_s - clock > SHORTEST_SILENCE_S or not result:
        result.append(_silence(clock, max(duration_s, clock + SHORTEST_SILENCE_S)))
    return tuple(result)


def _silence(start_s: float, end_s: float) -> Gesture:
    return Gesture(visemes()["sil"], SILENCE, start_s, end_s, 0, vowel=False)
