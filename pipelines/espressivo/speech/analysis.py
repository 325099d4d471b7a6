"""Everything that motion needs to know about a recording, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from espressivo.media.clip import AudioClip
from espressivo.speech.alignment import Transcription, transcribe, transcribe_freely
from espressivo.speech.features import SAMPLE_RATE_HZ, SpeechFeatures, extract_features
from espressivo.speech.phones import Phone, Word
from espressivo.speech.prosody import Accent, Interval, find_accents, find_pauses, find_phrases, vowel_prominence
from espressivo.speech.pseudo_phones import pseudo_phones
from espressivo.speech.recogniser import Recogniser

__all__ = ["Method", "SpeechAnalysis", "analyse_speech"]

PRIMARY_STRESS, SECONDARY_STRESS = 0.8, 0.3

Method = Literal["silence", "alignment", "dictation", "phone_loop", "acoustic"]


@dataclass(frozen=True, slots=True)
class SpeechAnalysis:
    """What is heard.

    Attributes:
        features: Measurements every 10 ms.
        phones: In order of time, without overlap; gaps are silence.
        words: In order of time; those of the transcript, or those that were understood.
        pauses: Silences of at least 0.2 s, those at both ends included.
        phrases: What lies between the pauses.
        accents: Syllables that stand out.
        duration_s: Length of the recording.
        method: ``"silence"``; ``"alignment"`` with a transcript that fits; without one ``"dictation"`` where English is
            understood, ``"phone_loop"`` where it is not; ``"acoustic"`` where the recogniser finds no phones at all.
    """

    features: SpeechFeatures
    phones: tuple[Phone, ...]
    words: tuple[Word, ...]
    pauses: tuple[Interval, ...]
    phrases: tuple[Interval, ...]
    accents: tuple[Accent, ...]
    duration_s: float
    method: Method


def analyse_speech(clip: AudioClip, *, transcript: str | None = None) -> SpeechAnalysis:
    """Find phones, words, pauses and accents of a recording.

    Args:
        clip: Sound of any rate and number of channels.
        transcript: What is said; makes the phones much more exact. A text that does not fit the sound is left aside, which
            ``method`` tells.
    """
    features = extract_features(clip)
    method, found = _transcription(clip, features, transcript)
    vowels = vowel_prominence(features, found.phones)
    pauses = find_pauses(features)
    return SpeechAnalysis(
        features=features,
        phones=_with_stress(found.phones, vowels),
        words=found.words,
        pauses=pauses,
        phrases=find_phrases(pauses, clip.duration_s),
        accents=find_accents(vowels),
        duration_s=clip.duration_s,
        method=method,
    )


def _transcription(clip: AudioClip, features: SpeechFeatures, transcript: str | None) -> tuple[Method, Transcription]:
    if not features.speaking.any():
        return "silence", Transcription((), ())
    samples = clip.mono(SAMPLE_RATE_HZ)
    recogniser = Recogniser()
    aligned = transcribe(samples, features, transcript, recogniser) if transcript else None
    if aligned is not None:
        return "alignment", aligned
    free = transcribe_freely(samples, features, recogniser)
    if free.phones:
        return ("dictation" if free.words else "phone_loop"), free
    return "acoustic", Transcription(pseudo_phones(features), ())


def _with_stress(phones: Sequence[Phone], vowels: Sequence[Accent]) -> tuple[Phone, ...]:
    """Mark the vowels that stand out; schwa is never stressed."""
    strength = {vowel.onset_s: vowel.strength for vowel in vowels}
    marked = []
    for phone in phones:
        value = 0.0 if phone.label == "AH0" else strength.get(phone.start_s, 0.0)
        marked.append(replace(phone, stress=1 if value > PRIMARY_STRESS else 2 if value > SECONDARY_STRESS else 0))
    return tuple(marked)
