"""Score -> sound: every part through the soundfont, placed left and right, in a room, at an even loudness.

symusic's synthesiser ignores velocity and pedal and cuts notes short, so the soundfont is played by our own sampler.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, oaconvolve, sosfilt

from espressivo.errors import SettingError
from espressivo.media.clip import AudioClip
from espressivo.music.loudness import normalise_loudness
from espressivo.music.sampler import PlayedNote, play_part, reference_level
from espressivo.music.score import Score
from espressivo.music.soundfont import bundled_soundfont_path, load_soundfont
from espressivo.seeds import numpy_generator

__all__ = ["MAX_NOTES", "TARGET_LUFS", "synthesise"]

MAX_NOTES = 50_000
MAX_DURATION_S = 1800.0
TARGET_LUFS = -16.0
FADE_S = 0.35
REFERENCE_LEVEL = 0.05
MIN_LEVEL = 0.003
REVERB_S = 1.9
REVERB_PRE_DELAY_S = 0.018
DRY_ROLES = {"bass": 0.35, "percussion": 0.7}
"""Reverberation of low parts against the others, lest it grow muddy."""


def synthesise(
    score: Score,
    *,
    sample_rate_hz: int = 44_100,
    target_lufs: float | None = TARGET_LUFS,
    reverb: float = 0.22,
    soundfont: Path | None = None,
) -> AudioClip:
    """Play a score in stereo; the sound lasts exactly as long as the score and fades out in its last 0.35 s.

    Args:
        score: At most 50,000 notes and 30 minutes.
        sample_rate_hz: 8,000 to 96,000.
        target_lufs: Integrated loudness (BS.1770-4), true peaks at most -1 dBTP; ``None`` leaves the level as it comes.
        reverb: Level of the room against the direct sound, 0 to 1.
        soundfont: A General MIDI .sf2 file; default the one inside pretty_midi (TimGM6mb, GPL-2).

    Returns:
        ``(2, N)`` clip, N = duration times rate, rounded.

    Raises:
        SettingError: ``setting.sample_rate``, ``setting.reverb``, ``setting.duration``, ``setting.num_notes``,
            ``setting.soundfont``.
    """
    _check(score, sample_rate_hz, reverb)
    font = load_soundfont(soundfont or bundled_soundfont_path())
    num_samples = max(round(score.duration_s * sample_rate_hz), 1)
    dry = np.zeros((2, num_samples), np.float32)
    send = np.zeros((2, num_samples), np.float32)
    for index, notes in sorted(_played_notes(score).items()):
        part = score.parts[index]
        stem = play_part(notes, font.zones(part.program, is_drum=part.is_drum), num_samples, sample_rate_hz)
        middle = float(np.median([note.pitch for note in notes]))
        level = reference_level(font.zones(part.program, is_drum=part.is_drum), round(middle), sample_rate_hz)
        stem *= _pan_and_volume(part.pan, part.volume)[:, None] * np.float32(REFERENCE_LEVEL / max(level, MIN_LEVEL))
        dry += stem
        send += np.float32(DRY_ROLES.get(part.role, 1.0)) * stem
    mixed = dry + np.float32(reverb) * _room(send, sample_rate_hz) if reverb > 0 else dry
    mixed *= _fade_out(num_samples, sample_rate_hz)
    clip = AudioClip(mixed, sample_rate_hz)
    return clip if target_lufs is None else normalise_loudness(clip, target_lufs)


def _check(score: Score, sample_rate_hz: int, reverb: float) -> None:
    if not 8_000 <= sample_rate_hz <= 96_000:
        raise SettingError("setting.sample_rate", f"sample rate is {sample_rate_hz} Hz; accepted: 8,000 to 96,000")
    if not 0.0 <= reverb <= 1.0:
        raise SettingError("setting.reverb", f"reverb is {reverb}; accepted: 0 to 1")
    if score.duration_s > MAX_DURATION_S:
        raise SettingError(
            "setting.duration", f"the score lasts {score.duration_s:.0f} s; accepted: {MAX_DURATION_S:.0f} s at most"
        )
    if len(score.notes) > MAX_NOTES:
        raise SettingError("setting.num_notes", f"the score has {len(score.notes)} notes; accepted: {MAX_NOTES} at most")


def _played_notes(score: Score) -> dict[int, list[PlayedNote]]:
    """Notes by part in seconds, held by the pedal where it is down."""
    played: dict[int, list[PlayedNote]] = defaultdict(list)
    for note, end_tick in zip(score.notes, score.sounding_ends(), strict=True):
        start_s = score.seconds(note.start_tick)
        played[note.part].append(PlayedNote(start_s, score.seconds(end_tick) - start_s, note.pitch, note.velocity))
    return played


def _pan_and_volume(pan: int, volume: int) -> NDArray[np.float32]:
    """Constant-power pan, and 40 log10(volume / 127) dB (General MIDI level 1, recommended practice)."""
    angle = 0.5 * np.pi * min(max((pan - 1) / 126.0, 0.0), 1.0)
    gains: NDArray[np.float32] = (np.sqrt(2.0) * (volume / 127.0) ** 2 * np.array([np.cos(angle), np.sin(angle)])).astype(
        np.float32
    )
    return gains


def _room(send: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float32]:
    """A synthetic hall: noise that dies away, its treble sooner, different on both sides (Moorer 1979)."""
    random = numpy_generator(0, "reverb", str(sample_rate_hz))
    length = round(REVERB_S * sample_rate_hz)
    time = np.arange(length) / sample_rate_hz
    noise = random.standard_normal((2, length))
    dark = sosfilt(butter(2, min(2500.0, 0.4 * sample_rate_hz), fs=sample_rate_hz, output="sos"), noise, axis=1)
    response = noise * 10.0 ** (-3.0 * time / 0.7) * 0.35 + dark * 10.0 ** (-3.0 * time / REVERB_S)
    response *= np.clip(time / 0.01, 0.0, 1.0)
    response /= np.sqrt((response**2).sum(axis=1, keepdims=True))
    delayed = np.pad(response, ((0, 0), (round(REVERB_PRE_DELAY_S * sample_rate_hz), 0)))
    clear = sosfilt(butter(1, 180.0, "highpass", fs=sample_rate_hz, output="sos"), send, axis=1)
    wet = oaconvolve(clear, delayed, axes=1)[:, : send.shape[1]]
    return wet.astype(np.float32)


def _fade_out(num_samples: int, sample_rate_hz: int) -> NDArray[np.float32]:
    length = min(round(FADE_S * sample_rate_hz), num_samples)
    fade = np.ones(num_samples, np.float32)
    fade[num_samples - length :] = 0.5 + 0.5 * np.cos(np.pi * np.linspace(0.0, 1.0, length))
    return fade
