"""Plays notes from soundfont zones: interpolation, envelope, velocity and filter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from espressivo.music.loudness import k_weighted
from espressivo.music.soundfont import Zone

__all__ = ["PlayedNote", "play_part", "reference_level", "zones_for"]

SILENCE_DB = -75.0
MAX_RELEASE_S = 4.0
MIN_RELEASE_S = 0.03
MIN_ATTACK_S = 0.002
VELOCITY_FILTER_CENTS = 2400.0
"""Softer notes are darker: default modulator of the specification, 8.4.2."""
FILTER_OPEN_HZ = 18_000.0

Signal = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PlayedNote:
    """A note in seconds; ``duration_s`` ends when key and pedal are both up."""

    start_s: float
    duration_s: float
    pitch: int
    velocity: int


def reference_level(zones: tuple[Zone, ...], pitch: int, sample_rate_hz: int) -> float:
    """Root mean square of a note of 0.8 s at velocity 90, to balance the instruments of any soundfont."""
    note = PlayedNote(0.0, 0.8, pitch, 90)
    sound = play_part([note], zones, round(0.8 * sample_rate_hz), sample_rate_hz)
    return float(np.sqrt(np.square(k_weighted(sound, sample_rate_hz)).sum(axis=0).mean()))


def zones_for(zones: tuple[Zone, ...], pitch: int, velocity: int) -> tuple[Zone, ...]:
    """Zones that sound for a key and velocity; outside all ranges the zone with the nearest keys does."""
    hits = tuple(z for z in zones if z.keys[0] <= pitch <= z.keys[1] and z.velocities[0] <= velocity <= z.velocities[1])
    if hits:
        return hits
    return (min(zones, key=lambda zone: max(zone.keys[0] - pitch, pitch - zone.keys[1], 0)),)


def play_part(notes: list[PlayedNote], zones: tuple[Zone, ...], num_samples: int, sample_rate_hz: int) -> Signal:
    """``(2, num_samples)`` sum of a part's notes."""
    stem = np.zeros((2, num_samples), np.float32)
    for note in notes:
        start = round(note.start_s * sample_rate_hz)
        for zone in zones_for(zones, note.pitch, note.velocity):
            sound = _voice(zone, note, sample_rate_hz, num_samples - start)
            angle = 0.25 * np.pi * (1.0 + zone.pan)
            stem[0, start : start + sound.size] += np.float32(np.cos(angle)) * sound
            stem[1, start : start + sound.size] += np.float32(np.sin(angle)) * sound
    return stem


def _voice(zone: Zone, note: PlayedNote, sample_rate_hz: int, limit: int) -> Signal:
    envelope = _envelope(zone, note, sample_rate_hz)[: max(limit, 0)]
    semitones = (note.pitch - zone.root_key) * zone.semitones_per_key
    step = zone.rate_hz / sample_rate_hz * 2.0 ** (semitones / 12.0)
    sound = _resampled(zone, step, envelope.size)
    envelope = envelope[: sound.size]
    cutoff_hz = zone.cutoff_hz * 2.0 ** (-VELOCITY_FILTER_CENTS * (1.0 - note.velocity / 127.0) / 1200.0)
    if cutoff_hz < FILTER_OPEN_HZ:
        sound = lfilter(*_low_pass(cutoff_hz, sample_rate_hz), sound).astype(np.float32)
    gain = (note.velocity / 127.0) ** 2 * 10.0 ** (-zone.attenuation_db / 20.0)
    voiced: Signal = sound * envelope * np.float32(gain)
    return voiced


def _resampled(zone: Zone, step: float, length: int) -> Signal:
    """The sample at another pitch by Hermite interpolation, running on in its loop."""
    last = zone.samples.size - 3
    if zone.loop is None:
        length = min(length, max(int((last - 1) / step), 1))
    position = 1.0 + step * np.arange(length)
    if zone.loop is not None:
        start, end = zone.loop
        beyond = position >= end
        position[beyond] = start + (position[beyond] - start) % (end - start)
    index = np.clip(position.astype(np.int64), 1, max(last, 1))
    x = (position - index).astype(np.float32)
    s = zone.samples
    before, here, after, later = (
        s[index - 1],
        s[index],
        s[np.minimum(index + 1, s.size - 1)],
        s[np.minimum(index + 2, s.size - 1)],
    )
    slope = 0.5 * (after - before)
    cubic = 1.5 * (here - after) + 0.5 * (later - before)
    square = after - here - slope - cubic
    interpolated: Signal = ((cubic * x + square) * x + slope) * x + here
    return interpolated


def _envelope(zone: Zone, note: PlayedNote, sample_rate_hz: int) -> Signal:
    """Volume envelope: linear attack, hold, decay in dB to the sustain level, release in dB (specification 8.1.2)."""
    release_s = min(max(zone.release_s, MIN_RELEASE_S), MAX_RELEASE_S)
    attack_s = max(zone.attack_s, MIN_ATTACK_S)
    stretch = zone.key_to_decay ** (note.pitch - 60)
    decay_start = zone.delay_s + attack_s + zone.hold_s * stretch
    # Times are those of a fall by 100 dB; the note is cut where nothing is left to hear.
    time = (
        np.arange(round((note.duration_s + release_s * -SILENCE_DB / 100.0) * sample_rate_hz), dtype=np.float32) / sample_rate_hz
    )
    fall = 100.0 * np.maximum(time - decay_start, 0.0) / max(zone.decay_s * stretch, 1e-3)
    level_db = -np.minimum(fall, zone.sustain_db) - 100.0 * np.maximum(time - note.duration_s, 0.0) / release_s
    attack = np.clip((time - zone.delay_s) / attack_s, 0.0, 1.0)
    envelope = (attack * 10.0 ** (level_db / 20.0)).astype(np.float32)
    audible = np.flatnonzero(level_db > SILENCE_DB)
    return envelope[: audible[-1] + 1] if audible.size else envelope[:1]


def _low_pass(cutoff_hz: float, sample_rate_hz: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Second-order Butterworth (Bristow-Johnson's cookbook)."""
    omega = 2.0 * np.pi * min(cutoff_hz, 0.45 * sample_rate_hz) / sample_rate_hz
    alpha = np.sin(omega) / np.sqrt(2.0)
    cosine = np.cos(omega)
    norm = 1.0 + alpha
    b = np.array([0.5 * (1.0 - cosine), 1.0 - cosine, 0.5 * (1.0 - cosine)]) / norm
    return b.astype(np.float32), np.array([1.0, -2.0 * cosine / norm, (1.0 - alpha) / norm], np.float32)
