"""Everything that motion needs to know about a recording, in one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from espressivo.media.clip import AudioClip
from espressivo.speech.alignment import Transcription, transcribe, transcribe_freely
from espressivo.speech.ear import Ear
from espressivo.speech.features import SAMPLE_RATE_HZ, SpeechFeatures, extract_features
from espressivo.speech.phones import Phone, Word
from espressivo.speech.prosody import Accent, Interval, find_accents, find_pauses, find_phrases, vowel_prominence
from espressivo.speech.recogniser import Recogniser
from espressivo.speech.recogniser_process import RecogniserProcess
from espressivo.speech.recognition import SpeechRecogniser
from espressivo.threads import begun

__all__ = ["Method", "SpeechAnalysis", "analyse_speech", "listening"]

PRIMARY_STRESS, SECONDARY_STRESS = 0.8, 0.3

Method = Literal["silence", "alignment", "dictation", "network"]


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
            understood, ``"network"`` where it is not.
        lips: ``(T, 3)`` float32, opening of the jaw, spreading and rounding that a captured speaker would show at this sound,
            in units of ARKit weights, on the frames of ``features``; ``None`` where nobody speaks or a transcript tells more.
    """

    features: SpeechFeatures
    phones: tuple[Phone, ...]
    words: tuple[Word, ...]
    pauses: tuple[Interval, ...]
    phrases: tuple[Interval, ...]
    accents: tuple[Accent, ...]
    duration_s: float
    method: Method
    lips: NDArray[np.float32] | None = None


def analyse_speech(clip: AudioClip, *, transcript: str | None = None) -> SpeechAnalysis:
    """Find phones, words, pauses and accents of a recording.

    Args:
        clip: Sound of any rate and number of channels.
        transcript: What is said; makes the phones much more exact. A text that does not fit the sound is left aside, which
            ``method`` tells.
    """
    return _analysed(clip, extract_features(clip), transcript, Recogniser())


@contextmanager
def listening(clip: AudioClip, *, transcript: str | None = None) -> Iterator[Future[SpeechAnalysis]]:
    """:func:`analyse_speech` beside other work, most of it in another process; given up when the block is left.

    Args:
        clip: See :func:`analyse_speech`.
        transcript: See :func:`analyse_speech`.
    """
    with RecogniserProcess() as recogniser:
        # Linear algebra rounds by the number of its threads, which other work may change at any time.
        features = extract_features(clip)
        yield begun(lambda: _analysed(clip, features, transcript, recogniser))


def _analysed(clip: AudioClip, features: SpeechFeatures, transcript: str | None, recogniser: SpeechRecogniser) -> SpeechAnalysis:
    method: Method = "silence"
    found, lips = Transcription((), ()), None
    if features.speaking.any():
        ear = Ear(features)
        method, found = _transcription(clip.mono(SAMPLE_RATE_HZ), features, ear, transcript, recogniser)
        lips = None if method == "alignment" else ear.heard.lips
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
        lips=lips,
    )


def _transcription(
    samples: NDArray[np.float32],
    features: SpeechFeatures,
    ear: Ear,
    transcript: str | None,
    recogniser: SpeechRecogniser,
) -> tuple[Method, Transcription]:
    aligned = transcribe(samples, features, transcript, recogniser, ear) if transcript else None
    if aligned is not None:
        return "alignment", aligned
    free = transcribe_freely(samples, features, recogniser, ear)
    return ("dictation" if free.words else "network"), free


def _with_stress(phones: Sequence[Phone], vowels: Sequence[Accent]) -> tuple[Phone, ...]:
    """Mark the vowels that stand out; schwa is never stressed."""
    strength = {vowel.onset_s: vowel.strength for vowel in vowels}
    marked = []
    for phone in phones:
        value = 0.0 if phone.label == "AH0" else strength.get(phone.start_s, 0.0)
        marked.append(replace(phone, stress=1 if value > PRIMARY_STRESS else 2 if value > SECONDARY_STRESS else 0))
    return tuple(marked)
