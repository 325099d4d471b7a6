"""What happens to speech between mouth and file: rooms, noise, music, telephones, other speeds and pitches."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

__all__ = ["augment"]

SAMPLE_RATE_HZ = 16_000
FloatArray = NDArray[np.float32]


def augment(samples: FloatArray, other: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, float]:
    """A worse recording of the same speech.

    Args:
        samples: ``(N,)`` at 16 kHz.
        other: Somebody else's speech, for babble in the background.
        rng: Decides everything.

    Returns:
        The sound, and by how much it is longer (playing it slower lowers the pitch too).
    """
    stretch = Fraction(int(rng.integers(86, 118)), 100) if rng.random() < 0.7 else Fraction(1)
    sound = resample_poly(samples, stretch.numerator, stretch.denominator).astype(np.float32)
    if rng.random() < 0.45:
        sound = _room(sound, rng)
    if rng.random() < 0.7:
        sound = _noise(sound, other, rng)
    if rng.random() < 0.4:
        sound = _band(sound, rng)
    if rng.random() < 0.1:
        limit = np.quantile(np.abs(sound), rng.uniform(0.97, 0.999))
        sound = np.clip(sound, -limit, limit)
    level_db = rng.uniform(-38.0, -14.0)
    sound = sound * (10.0 ** (level_db / 20.0) / max(1e-5, float(np.sqrt(np.mean(sound**2)))))
    return sound.astype(np.float32), float(stretch)


def _room(sound: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Exponentially decaying noise after the direct sound: reverberation times of 0.15 to 0.8 s."""
    reverberation_s = rng.uniform(0.15, 0.8)
    times_s = np.arange(int(reverberation_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(len(times_s)) * 10.0 ** (-3.0 * times_s / reverberation_s)
    tail *= 10.0 ** (rng.uniform(-14.0, -2.0) / 20.0) / np.sqrt(np.sum(tail**2))
    tail[: int(0.003 * SAMPLE_RATE_HZ)] = 0.0
    tail[0] = 1.0
    return fftconvolve(sound, tail)[: len(sound)].astype(np.float32)


def _noise(sound: FloatArray, other: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Coloured noise, babble, or chords, 3 to 32 dB below the speech."""
    kind = rng.random()
    if kind < 0.55:
        noise = _coloured(len(sound), rng.uniform(0.0, 2.0), rng)
    elif kind < 0.8:
        noise = np.resize(other, len(sound)) + 0.7 * np.roll(np.resize(other[::-1], len(sound)), len(sound) // 3)
    else:
        noise = _chords(len(sound), rng)
    snr_db = rng.uniform(3.0, 32.0)
    gain = np.sqrt(np.mean(sound**2) / max(1e-12, float(np.mean(noise**2)))) * 10.0 ** (-snr_db / 20.0)
    return (sound + gain * noise).astype(np.float32)


def _coloured(length: int, slope: float, rng: np.random.Generator) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(rng.standard_normal(length))
    spectrum[1:] *= np.arange(1, len(spectrum)) ** (-slope / 2.0)
    return np.fft.irfft(spectrum, length)


def _chords(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    times_s = np.arange(length) / SAMPLE_RATE_HZ
    music = np.zeros(length)
    root_hz = rng.uniform(110.0, 330.0)
    for step in rng.choice([0, 3, 4, 5, 7, 9, 12, 16], size=4):
        for harmonic in range(1, 6):
            music += np.sin(2 * np.pi * root_hz * 2 ** (step / 12) * harmonic * times_s + rng.uniform(0, 6.28)) / harmonic**1.5
    return music * (0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.5, 2.5) * times_s))


def _band(sound: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A telephone, a codec without heights, or a tilted spectrum."""
    kind = rng.random()
    if kind < 0.4:
        edges_hz = (rng.uniform(150.0, 350.0), rng.uniform(3_100.0, 3_700.0))
        return sosfilt(butter(4, edges_hz, "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), sound).astype(np.float32)
    if kind < 0.7:
        return sosfilt(butter(6, rng.uniform(3_500.0, 7_500.0), fs=SAMPLE_RATE_HZ, output="sos"), sound).astype(np.float32)
    spectrum = np.fft.rfft(sound)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(sound), 1.0 / SAMPLE_RATE_HZ), 60.0) / 1_000.0)
    return np.fft.irfft(spectrum * 10.0 ** (rng.uniform(-4.0, 4.0) * octaves / 20.0), len(sound)).astype(np.float32)
