"""What can be measured in speech every 10 ms: spectrum, loudness, pitch, and whether anyone speaks.

Frame ``i`` describes the sound around ``(i + 0.5) x hop_s``. Long recordings are worked through in blocks, so that memory
beyond the result itself does not grow with their length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, median_filter, percentile_filter, uniform_filter1d

from espressivo.media.clip import AudioClip
from espressivo.speech.pitch import PITCH_WINDOW, SAMPLE_RATE_HZ, pitch_candidates, pitch_path

__all__ = ["HOP_S", "NUM_MELS", "SAMPLE_RATE_HZ", "SpeechFeatures", "extract_features", "follow"]

HOP = 160
HOP_S = HOP / SAMPLE_RATE_HZ
WINDOW = 400
FFT_SIZE = 512
NUM_MELS = 80
BLOCK_FRAMES = 2_000
LOG_FLOOR = 1e-7
SILENCE_DB = -62.0
SPEECH_OVER_FLOOR_DB = 9.0
SPEECH_BELOW_PEAK_DB = 32.0
FLOOR_WINDOW_FRAMES = 1_500
ATTACK_S = 0.12
RELEASE_S = 0.25

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SpeechFeatures:
    """Measurements of T frames.

    Attributes:
        hop_s: Seconds between frames, 0.01.
        log_mel: ``(T, 80)`` float32, natural logarithm of mel power, 0-8 kHz, floored at ``log(1e-7)``.
        energy_db: ``(T,)`` float32, root mean square in dB of full scale, at least -100.
        f0_hz: ``(T,)`` float32 pitch, 0 where unvoiced.
        voiced: ``(T,)`` bool.
        speaking: ``(T,)`` bool, speech present; gaps shorter than a plosive's closure are bridged.
        activity: ``(T,)`` float32 in 0-1, ``speaking`` smoothed by 120 ms attack and 250 ms release.
    """

    hop_s: float
    log_mel: FloatArray
    energy_db: FloatArray
    f0_hz: FloatArray
    voiced: NDArray[np.bool_]
    speaking: NDArray[np.bool_]
    activity: FloatArray

    def __len__(self) -> int:
        return len(self.energy_db)

    @property
    def times_s(self) -> NDArray[np.float64]:
        """``(T,)`` centre of each frame."""
        times: NDArray[np.float64] = (np.arange(len(self), dtype=np.float64) + 0.5) * self.hop_s
        return times

    def frame(self, time_s: float) -> int:
        """Index of the frame that holds a moment, clipped to the recording."""
        return int(np.clip(time_s / self.hop_s, 0, len(self) - 1))


@cache
def _mel_filters() -> FloatArray:
    """``(257, 80)`` triangular filters, equally spaced on the mel scale 2595 log10(1 + f / 700), 0-8 kHz."""
    top = 2595.0 * np.log10(1.0 + SAMPLE_RATE_HZ / 2 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0.0, top, NUM_MELS + 2) / 2595.0) - 1.0)
    bins = np.fft.rfftfreq(FFT_SIZE, 1.0 / SAMPLE_RATE_HZ)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def _frames(padded: FloatArray, first: int, count: int, width: int, margin: int) -> FloatArray:
    """``(count, width)`` windows centred on the middle of their hop; ``padded`` has ``margin`` zeros on both sides."""
    start = margin + first * HOP + HOP // 2 - width // 2
    windows = np.lib.stride_tricks.sliding_window_view(padded[start : start + (count - 1) * HOP + width], width)
    return windows[::HOP]


def _blocks(num_frames: int) -> Iterator[tuple[int, int]]:
    for first in range(0, num_frames, BLOCK_FRAMES):
        yield first, min(BLOCK_FRAMES, num_frames - first)


def follow(target: NDArray[np.floating], step_s: float, attack_s: float, release_s: float) -> FloatArray:
    """Envelope follower: rises over ``attack_s`` and falls over ``release_s`` in straight lines, never jumping.

    Args:
        target: ``(T,)`` in 0-1.
        step_s: Seconds between samples.
        attack_s: Seconds from 0 to 1.
        release_s: Seconds from 1 to 0.
    """
    result = np.empty(len(target), np.float32)
    level = float(target[0])
    rise, fall = step_s / attack_s, step_s / release_s
    for index, wanted in enumerate(target.tolist()):
        level = min(wanted, level + rise) if wanted > level else max(wanted, level - fall)
        result[index] = level
    return result


def _bridge(mask: NDArray[np.bool_], gap: int, shortest: int) -> NDArray[np.bool_]:
    """Fill gaps of at most ``gap`` frames, then drop runs shorter than ``shortest``."""
    closed = mask.copy()
    for value, limit in ((False, gap), (True, shortest - 1)):
        padded = np.concatenate([[not value], closed, [not value]])
        edges = np.flatnonzero(padded[1:] != padded[:-1])
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start <= limit and (value or (start > 0 and end < len(mask))):
                closed[start:end] = not value
    return closed


def _speech_present(energy_db: FloatArray, voiced: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Frames that stand out from the background and lie near something voiced."""
    window = min(len(energy_db), FLOOR_WINDOW_FRAMES)
    coarse = energy_db[::10]
    floor = percentile_filter(coarse, 8, max(1, window // 10), mode="nearest").repeat(10)[: len(energy_db)]
    peak = percentile_filter(coarse, 95, max(1, window // 10), mode="nearest").repeat(10)[: len(energy_db)]
    # In a recording without pauses the floor is speech itself: never ask for more than a share of the range.
    threshold = np.minimum(floor + SPEECH_OVER_FLOOR_DB, 0.5 * (floor + peak))
    threshold = np.maximum(threshold, np.maximum(peak - SPEECH_BELOW_PEAK_DB, SILENCE_DB))
    near_voice = maximum_filter1d(uniform_filter1d(voiced.astype(np.float32), 5), 41) > 0.55
    return _bridge((energy_db > threshold) & near_voice, gap=14, shortest=6)


def extract_features(clip: AudioClip) -> SpeechFeatures:
    """Measure a recording at 16 kHz, channels averaged.

    Args:
        clip: Sound of any rate and number of channels.
    """
    samples = clip.mono(SAMPLE_RATE_HZ)
    num_frames = max(1, -(-len(samples) // HOP))
    margin = PITCH_WINDOW
    padded = np.zeros(num_frames * HOP + 2 * margin, np.float32)
    padded[margin : margin + len(samples)] = samples
    log_mel = np.empty((num_frames, NUM_MELS), np.float32)
    energy_db = np.empty(num_frames, np.float32)
    candidates, strengths = [], []
    window, filters = np.hanning(WINDOW).astype(np.float32), _mel_filters()
    for first, count in _blocks(num_frames):
        short = _frames(padded, first, count, WINDOW, margin)
        power = np.abs(np.fft.rfft(short * window, FFT_SIZE)).astype(np.float32) ** 2
        log_mel[first : first + count] = np.log(np.maximum(power @ filters / WINDOW, LOG_FLOOR))
        energy_db[first : first + count] = 10.0 * np.log10(np.maximum(np.mean(short**2, axis=1), 1e-10))
        block = pitch_candidates(_frames(padded, first, count, PITCH_WINDOW, margin))
        candidates.append(block[0])
        strengths.append(block[1])
    f0_hz = pitch_path(np.concatenate(candidates), np.concatenate(strengths), energy_db)
    voiced = (f0_hz > 0.0) & median_filter(f0_hz > 0.0, 3)
    f0_hz = np.where(voiced, f0_hz, 0.0).astype(np.float32)
    speaking = _speech_present(energy_db, voiced)
    activity = follow(speaking.astype(np.float32), HOP_S, ATTACK_S, RELEASE_S)
    return SpeechFeatures(HOP_S, log_mel, energy_db, f0_hz, voiced, speaking, activity)
