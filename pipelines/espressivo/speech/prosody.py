"""Pauses, phrases and accents: what brows, head, gaze and blinks go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, percentile_filter

from espressivo.speech.features import HOP_S, SpeechFeatures
from espressivo.speech.phones import PHRASE_PAUSE_S, Phone, is_vowel

__all__ = ["Accent", "Interval", "find_accents", "find_pauses", "find_phrases", "vowel_prominence"]

ACCENT_THRESHOLD = 0.6
ACCENT_SPACING_S = 0.28
NEIGHBOURING_VOWELS = 9
PITCH_SMOOTHING_FRAMES = 3.0
ENERGY_SMOOTHING_FRAMES = 4.0
REGISTER_WINDOW_FRAMES = 400


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time in seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Its length."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Accent:
    """A syllable that stands out.

    Attributes:
        time_s: Its peak.
        onset_s: Where its vowel begins.
        strength: 0-1; 0.5 is an ordinary pitch accent.
    """

    time_s: float
    onset_s: float
    strength: float


def find_pauses(features: SpeechFeatures) -> tuple[Interval, ...]:
    """Silences of at least 0.2 s, those at both ends of the recording included."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], features.speaking, [True]]).astype(np.int8)))
    silences = (Interval(float(first * HOP_S), float(last * HOP_S)) for first, last in zip(edges[::2], edges[1::2], strict=True))
    return tuple(pause for pause in silences if pause.duration_s >= PHRASE_PAUSE_S)


def find_phrases(pauses: Sequence[Interval], duration_s: float) -> tuple[Interval, ...]:
    """What lies between the pauses."""
    edges = [0.0, *(edge for pause in pauses for edge in (pause.start_s, pause.end_s)), duration_s]
    phrases = (Interval(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True))
    return tuple(phrase for phrase in phrases if phrase.duration_s > 2 * HOP_S)


def _relative_pitch(features: SpeechFeatures) -> NDArray[np.float64]:
    """Semitones above the speaker's running median, 0 where unvoiced."""
    voiced = features.voiced
    if voiced.sum() < 5:
        return np.zeros(len(features))
    index = np.arange(len(features))
    semitones = np.interp(index, index[voiced], 12.0 * np.log2(features.f0_hz[voiced] / 100.0))
    level = percentile_filter(semitones, 50, min(len(semitones), REGISTER_WINDOW_FRAMES), mode="nearest")
    return np.asarray(gaussian_filter1d(semitones - level, PITCH_SMOOTHING_FRAMES))


def _prominence(features: SpeechFeatures) -> NDArray[np.float64]:
    """``(T,)`` how much each moment stands out in pitch and loudness, in standard deviations; negative in silence."""
    speaking = features.speaking
    if speaking.sum() < 5:
        return np.full(len(features), -1.0)
    pitch = _relative_pitch(features)
    energy = gaussian_filter1d(features.energy_db.astype(np.float64), ENERGY_SMOOTHING_FRAMES)
    energy_z = (energy - energy[speaking].mean()) / max(1.0, energy[speaking].std())
    pitch_z = pitch / max(1.0, pitch[speaking].std())
    return np.asarray(np.where(speaking, 0.5 * pitch_z + 0.5 * energy_z, -1.0))


def vowel_prominence(features: SpeechFeatures, phones: Sequence[Phone]) -> tuple[Accent, ...]:
    """Every vowel with its peak and how far it stands out from the other vowels, in standard deviations."""
    curve = _prominence(features)
    peaks = []
    for vowel in phones:
        if is_vowel(vowel.label):
            first, last = features.frame(vowel.start_s), features.frame(vowel.end_s)
            peaks.append((first + int(np.argmax(curve[first : last + 1])), vowel.start_s))
    values = np.array([curve[frame] for frame, _ in peaks])
    if not len(values):
        return ()
    # Voices sink over a sentence: each vowel is compared with its neighbours, not with the whole recording.
    values = values - percentile_filter(values, 50, min(len(values), NEIGHBOURING_VOWELS), mode="nearest")
    spread = max(0.25, float(values.std()))
    return tuple(
        Accent(float((frame + 0.5) * HOP_S), onset_s, float(value) / spread)
        for (frame, onset_s), value in zip(peaks, values, strict=True)
    )


def find_accents(vowels: Sequence[Accent]) -> tuple[Accent, ...]:
    """Vowels that stand out, at least 0.28 s apart, the strongest first served.

    Args:
        vowels: As :func:`vowel_prominence` gives them.
    """
    chosen: list[Accent] = []
    for vowel in sorted(vowels, key=lambda vowel: vowel.strength, reverse=True):
        if vowel.strength < ACCENT_THRESHOLD:
            break
        if all(abs(vowel.time_s - other.time_s) >= ACCENT_SPACING_S for other in chosen):
            strength = float(np.clip(0.3 + 0.35 * (vowel.strength - ACCENT_THRESHOLD), 0.0, 1.0))
            chosen.append(Accent(vowel.time_s, vowel.onset_s, strength))
    return tuple(sorted(chosen, key=lambda accent: accent.time_s))
