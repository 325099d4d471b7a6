"""Music under speech: balanced by loudness, and out of the way while someone speaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, maximum_filter1d
from scipy.signal import lfilter

from espressivo.errors import SettingError
from espressivo.media.clip import AudioClip
from espressivo.music.loudness import gain_db, integrated_loudness_lufs, k_weighted, limit_true_peak

__all__ = ["duck_envelope", "mix_under_speech"]

SPEECH_LUFS = -16.0
FRAME_S = 0.01
ACTIVE_BELOW_SPEECH_LU = 22.0
"""Frames this far below the speech's own loudness count as pauses."""


def mix_under_speech(
    music: AudioClip,
    speech: AudioClip,
    *,
    duck_db: float = 9.0,
    music_below_speech_lu: float = 7.0,
    attack_s: float = 0.15,
    release_s: float = 0.6,
    hold_s: float = 0.35,
) -> AudioClip:
    """Speech at -16 LUFS with music below it, and lower still while the speech sounds.

    The music begins to give way ``attack_s`` before a word and comes back over ``release_s``; pauses
    up to ``hold_s`` are bridged.

    Args:
        music: Any rate, mono or stereo.
        speech: Any rate, mono or stereo; starts together with the music.
        duck_db: By how much the music yields to speech, 0 to 40.
        music_below_speech_lu: Loudness of the speech over that of the music in pauses, -10 to 40.
        attack_s: 0.01 to 2.
        release_s: 0.01 to 5.
        hold_s: Pauses up to this length are bridged, 0 to 5.

    Returns:
        Stereo, at the higher of the two rates, as long as the longer of the two, true peaks at most -1 dBTP.

    Raises:
        SettingError: ``setting.mix`` for values out of range.
    """
    _check(duck_db, music_below_speech_lu, attack_s, release_s, hold_s)
    rate = max(music.sample_rate_hz, speech.sample_rate_hz)
    voice = _levelled(_stereo(speech.resampled(rate)), SPEECH_LUFS)
    bed = _levelled(_stereo(music.resampled(rate)), SPEECH_LUFS - music_below_speech_lu)
    length = max(voice.samples.shape[1], bed.samples.shape[1])
    voice_samples, bed_samples = _padded(voice, length), _padded(bed, length)
    duck = duck_envelope(AudioClip(voice_samples, rate), attack_s=attack_s, release_s=release_s, hold_s=hold_s)
    gain = 10.0 ** (-duck_db * duck / 20.0)
    return limit_true_peak(AudioClip((voice_samples + bed_samples * gain).astype(np.float32), rate))


def _check(duck_db: float, below_lu: float, attack_s: float, release_s: float, hold_s: float) -> None:
    limits = {
        "duck_db": (duck_db, 0.0, 40.0),
        "music_below_speech_lu": (below_lu, -10.0, 40.0),
        "attack_s": (attack_s, 0.01, 2.0),
        "release_s": (release_s, 0.01, 5.0),
        "hold_s": (hold_s, 0.0, 5.0),
    }
    for name, (value, low, high) in limits.items():
        if not low <= value <= high:
            raise SettingError("setting.mix", f"{name} is {value}; accepted: {low:g} to {high:g}")


def duck_envelope(speech: AudioClip, *, attack_s: float, release_s: float, hold_s: float) -> NDArray[np.float64]:
    """``(N,)`` from 0 (pause) to 1 (speech), ahead of the speech by ``attack_s``."""
    hop = max(round(FRAME_S * speech.sample_rate_hz), 1)
    length = speech.samples.shape[1]
    power = (k_weighted(speech.samples, speech.sample_rate_hz) ** 2).sum(axis=0)
    frames = np.add.reduceat(power, np.arange(0, length, hop)) / hop
    level_lu = -0.691 + 10.0 * np.log10(np.maximum(frames, 1e-12))
    active = level_lu > max(integrated_loudness_lufs(speech) - ACTIVE_BELOW_SPEECH_LU, -60.0)
    bridge = 2 * round(0.5 * hold_s / FRAME_S) + 1
    margin = bridge + 1
    active = binary_closing(np.pad(active, margin), np.ones(bridge, bool))[margin:-margin]
    lead = 2 * round(attack_s / FRAME_S) + 1
    ahead = maximum_filter1d(active.astype(np.float64), lead)
    smooth = _smoothed(ahead, attack_s / FRAME_S, release_s / FRAME_S)
    return np.interp(np.arange(length), np.arange(smooth.size) * hop, smooth)


def _smoothed(target: NDArray[np.float64], rise_frames: float, fall_frames: float) -> NDArray[np.float64]:
    """One-pole rise and fall; whichever is higher leads, so that ducking is quick and recovery slow."""
    rise = _one_pole(target, max(rise_frames / 3.0, 1.0))
    fall = _one_pole(target, max(fall_frames / 3.0, 1.0))
    return np.maximum(rise, fall)


def _one_pole(target: NDArray[np.float64], time_constant: float) -> NDArray[np.float64]:
    keep = float(np.exp(-1.0 / time_constant))
    smooth: NDArray[np.float64] = lfilter([1.0 - keep], [1.0, -keep], target)
    return smooth


def _stereo(clip: AudioClip) -> AudioClip:
    if clip.samples.shape[0] == 2:
        return clip
    mean = clip.samples.mean(axis=0, keepdims=True)
    return AudioClip(np.repeat(mean, 2, axis=0), clip.sample_rate_hz)


def _levelled(clip: AudioClip, target_lufs: float) -> AudioClip:
    loudness = integrated_loudness_lufs(clip)
    return AudioClip(gain_db(clip.samples, target_lufs - loudness), clip.sample_rate_hz) if loudness > -69.0 else clip


def _padded(clip: AudioClip, length: int) -> NDArray[np.float32]:
    return np.pad(clip.samples, ((0, 0), (0, length - clip.samples.shape[1])))
