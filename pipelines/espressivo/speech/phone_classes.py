"""From phones in several alphabets to the classes of the network, frame by frame."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from espressivo.resources import load_config
from espressivo.speech.features import HOP_S
from espressivo.speech.phones import SILENCE, Phone

__all__ = ["UNKNOWN", "class_names", "class_of", "frame_classes", "frame_voicing", "phone_labels"]

UNKNOWN = -100
SHORTEST_PAUSE_S = 0.06
_VOICELESS = frozenset("ptkfθsʃxχhħɕʂcqʈɸʔ") | {"P", "T", "K", "F", "TH", "S", "SH", "CH", "HH", "tʃ", "ts", "ʧ", "ʦ", "tɕ", "ʨ"}
# (voiceless, voiced) labels of the classes that have both.
_PAIRS = {"PP": ("P", "B"), "FF": ("F", "V"), "TH": ("TH", "DH"), "DD": ("T", "D"), "SS": ("S", "Z"), "CH": ("SH", "ZH"),
          "kk": ("K", "G"), "CC": ("ɕ", "ʑ"), "CX": ("ʂ", "ʐ"), "xx": ("x", "ʁ")}  # fmt: skip
# Sounds of espeak-ng that the viseme table does not list by themselves.
_EXTRA = {
    "g": "ɡ", "ə-": "ə", "ʑ": "ʑ", "dʑ": "ɕ", "dʲ": "d", "tʲ": "t", "tɕh": "ɕ", "th": "t", "ph": "p", "kh": "k", "tsh": "ts",
    "ʈh": "ʈ", "əl": "l", "n̩": "n", "ɬ": "l", "ɮ": "l", "ɹ̩": "ɹ", "ɐ̃": "ɐ", "ɨ̞": "ɨ", "ʉː": "ʉ", "ɵ": "o", "ɘ": "ə", "ʌ": "ʌ",
    "ʑʲ": "ʑ", "ɧ": "ʃ", "ɫ": "l", "ʒʲ": "ʒ", "i̯": "j", "u̯": "w", "ʊ̯": "w", "ɪ̯": "j", "ɒː": "ɒ",
}  # fmt: skip


def class_names() -> tuple[str, ...]:
    """Names of the viseme targets, silence first."""
    return tuple(load_config("motion/visemes.yaml")["visemes"])


def phone_labels() -> tuple[tuple[str, str], ...]:
    """For each class the labels ``(voiceless, voiced)``: ARPAbet where the class has one, else IPA."""
    rows = load_config("motion/visemes.yaml")["visemes"]
    return tuple(_PAIRS.get(name, ((row["arpa"] or row["ipa"])[0],) * 2) for name, row in rows.items())


@cache
def _table() -> dict[str, int]:
    rows = load_config("motion/visemes.yaml")["visemes"]
    return {label: index for index, row in enumerate(rows.values()) for label in (*row["arpa"], *row["ipa"])}


@cache
def class_of(label: str) -> int:
    """Number of a label's class, :data:`UNKNOWN` where the table has nothing like it."""
    table = _table()
    if label in table:
        return table[label]
    plain = unicodedata.normalize("NFD", _EXTRA.get(label, label))
    base = "".join(letter for letter in plain if not unicodedata.combining(letter) and letter not in "ːʰʲʷˤ0123456789-'\"")
    for candidate in (base, _EXTRA.get(base, ""), base[:2], base[-1:], base[:1]):
        if candidate in table:
            return table[candidate]
    return UNKNOWN


def _spans(phones: Sequence[Phone]) -> list[tuple[str, float, float]]:
    """Split diphthongs, drop the short silences that synthesisers put between words."""
    sequences = load_config("motion/visemes.yaml")["sequences"]
    spans: list[tuple[str, float, float]] = []
    for index, phone in enumerate(phones):
        inside = 0 < index < len(phones) - 1
        if phone.label == SILENCE and phone.duration_s < SHORTEST_PAUSE_S and inside and spans:
            label, start_s, _ = spans[-1]
            spans[-1] = (label, start_s, phone.end_s)
            continue
        parts = sequences["arpa"].get(phone.label)
        if parts is None:
            spans.append((phone.label, phone.start_s, phone.end_s))
            continue
        middle_s = phone.start_s + sequences["first_share"] * phone.duration_s
        spans += [(parts[0], phone.start_s, middle_s), (parts[1], middle_s, phone.end_s)]
    return spans


def frame_classes(phones: Sequence[Phone], num_frames: int) -> NDArray[np.int64]:
    """``(T,)`` class at the middle of each 10 ms frame; silence where no phone is."""
    classes = np.zeros(num_frames, np.int64)
    for label, start_s, end_s in _spans(phones):
        first, last = round(start_s / HOP_S), round(end_s / HOP_S)
        classes[first:last] = class_of(label)
    return classes


def frame_voicing(phones: Sequence[Phone], num_frames: int) -> NDArray[np.float32]:
    """``(T,)`` 1 in vowels and voiced consonants, 0 in the others and in silence."""
    voiced = np.zeros(num_frames, np.float32)
    for label, start_s, end_s in _spans(phones):
        is_voiced = label != SILENCE and label not in _VOICELESS and label[:1] not in _VOICELESS
        voiced[round(start_s / HOP_S) : round(end_s / HOP_S)] = float(is_voiced)
    return voiced
