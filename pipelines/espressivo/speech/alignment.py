"""Who said what when: phones and words of a recording, utterance by utterance.

A recording is cut at its pauses into utterances of at most some 20 s, so that time and memory grow linearly with its length
and one bad passage does not spoil the rest.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from espressivo.speech.ear import Ear
from espressivo.speech.features import HOP, HOP_S, SAMPLE_RATE_HZ, SpeechFeatures
from espressivo.speech.phones import SILENCE, Phone, Word, is_vowel
from espressivo.speech.recognition import RecognisedUnit, SpeechRecogniser
from espressivo.speech.text import sound_out, words_of

__all__ = ["Transcription", "Utterance", "transcribe", "transcribe_freely", "utterances"]

LONGEST_UTTERANCE_S = 20.0
PAUSE_S = 0.3
PADDING_S = 0.15
SCHWA_S = 0.075
LEAST_ALIGNED_SHARE = 0.5
PROBE_S = 30.0
TRUSTED_CONFIDENCE = 0.56
LEAST_SUPPORT = 0.33
VOWEL_LENGTH = 1.4
LONGEST_DIRECT_ALIGNMENT_S = 40.0

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of speech between two pauses, in frames of 10 ms."""

    first: int
    last: int

    def sound(self, samples: FloatArray) -> tuple[FloatArray, float]:
        """Its samples with some of the silence around it, and where they start in seconds."""
        padding = int(PADDING_S * SAMPLE_RATE_HZ)
        start = max(0, self.first * HOP - padding)
        return samples[start : self.last * HOP + padding], start / SAMPLE_RATE_HZ

    def of(self, phones: Sequence[Phone]) -> tuple[Phone, ...]:
        """The phones of a recording that belong to it."""
        start_s, end_s = self.first * HOP_S - PADDING_S, self.last * HOP_S + PADDING_S
        return tuple(phone for phone in phones if start_s < phone.centre_s < end_s)


@dataclass(frozen=True, slots=True)
class Transcription:
    """Phones (without silences) and words, in order of time."""

    phones: tuple[Phone, ...]
    words: tuple[Word, ...]


def utterances(features: SpeechFeatures) -> list[Utterance]:
    """Stretches of speech, cut at pauses and, where there is none for too long, at the quietest moment."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], features.speaking, [False]]).astype(np.int8)))
    runs = [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]
    merged: list[tuple[int, int]] = []
    for first, last in runs:
        if merged and (first - merged[-1][1]) * HOP_S < PAUSE_S and (last - merged[-1][0]) * HOP_S < LONGEST_UTTERANCE_S:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return [piece for first, last in merged for piece in _split(features, first, last)]


def _split(features: SpeechFeatures, first: int, last: int) -> list[Utterance]:
    longest = int(LONGEST_UTTERANCE_S / HOP_S)
    pieces = []
    while last - first > longest:
        smooth = np.convolve(features.energy_db[first : first + longest], np.ones(9) / 9.0, "same")
        cut = first + longest // 2 + int(np.argmin(smooth[longest // 2 : -20]))
        pieces.append(Utterance(first, cut))
        first = cut
    return [*pieces, Utterance(first, last)]


def transcribe_freely(samples: FloatArray, features: SpeechFeatures, recogniser: SpeechRecogniser, ear: Ear) -> Transcription:
    """Phones without a text: those of the words that a dictation hears where two ears agree on it, else those heard by ear.

    A dictation of English knows which words exist and closes the lips where they close more often than phones by ear do, but
    invents words in other languages. It is believed when it is sure of itself (mean posterior 0.57-0.94 on intelligible
    English, at most 0.56 on most of ten other languages) and when the phone network, which knows no language, hears its phones
    too (support 0.37-0.78 on English, 0.06-0.29 where a foreign language was taken for English). The first half minute decides
    about being sure.

    Args:
        samples: ``(N,)`` at 16 kHz.
        features: Of the same recording.
        recogniser: The acoustic model of English.
        ear: The phone network, listening to the recording.
    """
    parts = utterances(features)
    heard: list[list[RecognisedUnit]] = []
    for utterance in parts:
        heard.append(recogniser.words(utterance.sound(samples)[0]))
        if _seconds(parts[: len(heard)]) > PROBE_S and not _sure(heard):
            break
    if _sure(heard):
        pairs = zip(parts, heard, strict=True)
        dictated = _joined([_heard_utterance(*pair, samples, recogniser, ear) for pair in pairs])
        if ear.heard.support(dictated.phones) > LEAST_SUPPORT:
            return dictated
    return Transcription(ear.heard.phones, ())


def _seconds(parts: Sequence[Utterance]) -> float:
    return sum(part.last - part.first for part in parts) * HOP_S


def _sure(heard: Sequence[Sequence[RecognisedUnit]]) -> bool:
    """Whether the words of a dictation are likely to be what was said: mean posterior, weighted by duration."""
    words = [unit for units in heard for unit in units]
    total_s = sum(unit.end_s - unit.start_s for unit in words)
    return sum((unit.end_s - unit.start_s) * unit.confidence for unit in words) > TRUSTED_CONFIDENCE * total_s


def _heard_utterance(
    utterance: Utterance,
    words: Sequence[RecognisedUnit],
    samples: FloatArray,
    recogniser: SpeechRecogniser,
    ear: Ear,
) -> Transcription:
    if words:
        return _placed(words, *utterance.sound(samples), recogniser)
    return Transcription(utterance.of(ear.heard.phones), ())


def transcribe(
    samples: FloatArray, features: SpeechFeatures, transcript: str, recogniser: SpeechRecogniser, ear: Ear
) -> Transcription | None:
    """Phones and words of a known text; ``None`` when the text does not fit the recording.

    Args:
        samples: ``(N,)`` at 16 kHz.
        features: Of the same recording.
        transcript: What is said, in Latin script.
        recogniser: The acoustic model of English.
        ear: The phone network, asked about utterances that the text does not fit.
    """
    text = words_of(transcript)
    for word in sorted(set(text)):
        if recogniser.pronunciation(word) is None:
            recogniser.teach(word, sound_out(word))
    parts = utterances(features)
    if not text or not parts:
        return None
    whole = Utterance(parts[0].first, parts[-1].last)
    if (whole.last - whole.first) * HOP_S <= LONGEST_DIRECT_ALIGNMENT_S:
        return _align(samples, [(whole, text)], recogniser, ear)
    return _align(samples, _shared_out(samples, parts, text, recogniser), recogniser, ear)


def _align(
    samples: FloatArray, parts: Sequence[tuple[Utterance, Sequence[str]]], recogniser: SpeechRecogniser, ear: Ear
) -> Transcription | None:
    pieces = [_aligned_utterance(utterance, text, samples, recogniser, ear) for utterance, text in parts]
    aligned = sum(len(text) for piece, (_, text) in zip(pieces, parts, strict=True) if piece.words)
    if aligned < LEAST_ALIGNED_SHARE * sum(len(text) for _, text in parts):
        return None
    return _joined(pieces)


def _aligned_utterance(
    utterance: Utterance, text: Sequence[str], samples: FloatArray, recogniser: SpeechRecogniser, ear: Ear
) -> Transcription:
    """Phones and words of one utterance; phones alone, heard by ear, when the words do not fit."""
    found = recogniser.aligned_words(utterance.sound(samples)[0], text) if text else []
    return _heard_utterance(utterance, found, samples, recogniser, ear)


def _placed(found: Sequence[RecognisedUnit], sound: FloatArray, start_s: float, recogniser: SpeechRecogniser) -> Transcription:
    """Phones of words whose times are known: aligned with the sound, or spread over each word where that fails."""
    spelt = [recogniser.pronunciation(unit.label) or () for unit in found]
    units = recogniser.aligned_phones(sound, [phone for phones in spelt for phone in phones])
    if not units:
        units = [unit for word, phones in zip(found, spelt, strict=True) for unit in _spread(word, phones)]
    words = tuple(Word(_spelling(unit.label), start_s + unit.start_s, start_s + unit.end_s) for unit in found)
    return Transcription(tuple(_phones(units, start_s)), words)


def _spread(word: RecognisedUnit, phones: Sequence[str]) -> list[RecognisedUnit]:
    lengths = np.array([VOWEL_LENGTH if is_vowel(phone) else 1.0 for phone in phones])
    edges = word.start_s + (word.end_s - word.start_s) * np.concatenate([[0.0], np.cumsum(lengths) / lengths.sum()])
    return [RecognisedUnit(phone, float(start), float(end)) for phone, (start, end) in zip(phones, pairwise(edges), strict=True)]


def _joined(pieces: Sequence[Transcription]) -> Transcription:
    phones = [phone for piece in pieces for phone in piece.phones]
    return Transcription(tuple(_without_overlap(phones)), tuple(word for piece in pieces for word in piece.words))


def _spelling(label: str) -> str:
    return re.sub(r"\(\d+\)$", "", label)


def _shared_out(
    samples: FloatArray, parts: Sequence[Utterance], text: Sequence[str], recogniser: SpeechRecogniser
) -> list[tuple[Utterance, Sequence[str]]]:
    """Give each utterance its words: what a dictation of it heard is matched with the transcript."""
    heard: list[str] = []
    owners: list[int] = []
    for index, utterance in enumerate(parts):
        units = recogniser.words(utterance.sound(samples)[0])
        heard += [_spelling(unit.label) for unit in units]
        owners += [index] * len(units)
    blocks = difflib.SequenceMatcher(None, heard, text, autojunk=False).get_matching_blocks()
    anchors = [(block.b + k, owners[block.a + k]) for block in blocks for k in range(block.size)]
    owner_of_word = _interpolated_owners(anchors, len(text), parts)
    return [(part, [word for word, owner in zip(text, owner_of_word, strict=True) if owner == i]) for i, part in enumerate(parts)]


def _interpolated_owners(anchors: Sequence[tuple[int, int]], num_words: int, parts: Sequence[Utterance]) -> list[int]:
    """Utterance of each word; words between two anchors are shared out by the length of the utterances between them."""
    ends = np.cumsum([part.last - part.first for part in parts])
    middle = ends - 0.5 * np.diff(ends, prepend=0)
    known = [(-1, 0.0), *((word, float(middle[owner])) for word, owner in anchors), (num_words, float(ends[-1]))]
    position = np.interp(np.arange(num_words), [word for word, _ in known], [place for _, place in known])
    return [int(index) for index in np.minimum(np.searchsorted(ends, position, side="left"), len(parts) - 1)]


def _phones(units: Sequence[RecognisedUnit], start_s: float) -> list[Phone]:
    return [Phone(_reduced(unit), start_s + unit.start_s, start_s + unit.end_s) for unit in units if unit.label != SILENCE]


def _reduced(unit: RecognisedUnit) -> str:
    """The dictionary does not tell schwa from the vowel of "cut"; a short one is a schwa."""
    return "AH0" if unit.label == "AH" and unit.end_s - unit.start_s < SCHWA_S else unit.label


def _without_overlap(phones: Sequence[Phone]) -> list[Phone]:
    """Utterances are heard with some padding, so the last phone of one may reach into the next."""
    ordered = sorted(phones, key=lambda phone: phone.start_s)
    cut = [
        Phone(phone.label, phone.start_s, min(phone.end_s, following.start_s), phone.stress)
        for phone, following in pairwise(ordered)
    ]
    kept = [*cut, *ordered[-1:]]
    return [phone for phone in kept if phone.duration_s > 0.5 * HOP_S]
