"""Sound: level, length, dynamics, and music that makes room for speech."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from espressivo.errors import SettingError
from espressivo.media.clip import AudioClip
from espressivo.music.compose import compose
from espressivo.music.loudness import gain_db, integrated_loudness_lufs, limit_true_peak, normalise_loudness, true_peak_db
from espressivo.music.mix import duck_envelope, mix_under_speech
from espressivo.music.score import Control, Note, Score
from espressivo.music.settings import MusicSettings
from espressivo.music.soundfont import bundled_soundfont_path, load_soundfont
from espressivo.music.synthesis import synthesise

RATE = 48_000


def tone(level_db: float, seconds: float = 5.0, frequency_hz: float = 997.0, channels: int = 2) -> AudioClip:
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 10 ** (level_db / 20) * np.sin(2 * np.pi * frequency_hz * time)
    return AudioClip(np.repeat(wave[None], channels, axis=0).astype(np.float32), RATE)


@pytest.fixture(scope="module")
def score(make_plan: Any) -> Score:
    return compose(make_plan(("joy", 4.0)), seed=1, settings=MusicSettings())


@pytest.mark.parametrize("level_db", [-23.0, -33.0])
def test_loudness_of_the_reference_tones(level_db: float) -> None:
    """EBU Tech 3341, cases 1 and 2: a stereo tone of 1 kHz at -23 (-33) dBFS reads -23 (-33) LUFS within 0.1."""
    assert integrated_loudness_lufs(tone(level_db, 20.0, 1000.0)) == pytest.approx(level_db, abs=0.1)


def test_silence_and_quiet_passages_are_gated() -> None:
    """EBU Tech 3341, case 3: quiet beginnings and ends do not count."""
    parts = [tone(-36.0, 10.0), tone(-23.0, 30.0), tone(-36.0, 10.0)]
    clip = AudioClip(np.concatenate([part.samples for part in parts], axis=1), RATE)
    assert integrated_loudness_lufs(clip) == pytest.approx(-23.0, abs=0.1)


def test_normalising_and_limiting() -> None:
    loud = normalise_loudness(tone(-40.0), -16.0)
    assert integrated_loudness_lufs(loud) == pytest.approx(-16.0, abs=0.1)
    random = np.random.default_rng(0)
    clicks = AudioClip((0.1 * random.standard_normal((2, RATE))).astype(np.float32), RATE)
    clicks.samples[:, ::4000] = 3.0
    assert true_peak_db(limit_true_peak(clicks)) <= -0.9
    silence = AudioClip(np.zeros((2, RATE), np.float32), RATE)
    assert normalise_loudness(silence, -16.0) is silence


def test_sound_is_as_long_as_the_score_and_as_loud_as_asked(score: Score) -> None:
    clip = synthesise(score)
    assert clip.samples.shape == (2, round(score.duration_s * 44_100))
    assert integrated_loudness_lufs(clip) == pytest.approx(-16.0, abs=0.7)
    assert true_peak_db(clip) <= -0.9
    assert np.abs(clip.samples[:, -40:]).max() < 1e-3
    assert np.array_equal(clip.samples, synthesise(score).samples)


def test_velocity_is_heard(score: Score) -> None:
    soft = replace(score, notes=tuple(replace(note, velocity=30) for note in score.notes))
    loud = replace(score, notes=tuple(replace(note, velocity=110) for note in score.notes))
    levels = [integrated_loudness_lufs(synthesise(each, target_lufs=None)) for each in (soft, loud)]
    assert levels[1] - levels[0] > 15.0


def test_pitch_is_true(score: Score) -> None:
    for program in (0, 48, 73):
        part = replace(score.parts[0], program=program)
        one = replace(score, parts=(part,), notes=(Note(0, 69, score.end_tick, 90, 0),), controls=())
        wave = synthesise(one, reverb=0.0).samples.mean(axis=0)[4410:]
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(wave.size)))
        frequencies = np.fft.rfftfreq(wave.size, 1 / 44_100)
        near = (frequencies > 380) & (frequencies < 500)
        cents = 1200 * np.log2(frequencies[near][np.argmax(spectrum[near])] / 440.0)
        assert abs(cents) < 20, program


def test_pedal_holds_notes(score: Score) -> None:
    part = replace(score.parts[0], program=0)
    dry = replace(score, parts=(part,), notes=(Note(0, 60, 120, 90, 0),), controls=())
    held = replace(dry, controls=(Control(60, 0, 64, 127), Control(score.end_tick - 1, 0, 64, 0)))
    late = slice(44_100, 2 * 44_100)
    energies = [float(np.square(synthesise(s, reverb=0.0, target_lufs=None).samples[:, late]).mean()) for s in (dry, held)]
    assert energies[1] > 100 * energies[0]


def test_every_program_sounds() -> None:
    font = load_soundfont(bundled_soundfont_path())
    for program in range(128):
        assert all(zone.samples.size > 8 for zone in font.zones(program)), program


def test_wrong_settings_are_refused(score: Score, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.sf2"
    wrong.write_bytes(b"RIFF\x00\x00\x00\x00sfbk")
    cases = [{"sample_rate_hz": 1}, {"reverb": 2.0}, {"soundfont": wrong}, {"soundfont": tmp_path / "none.sf2"}]
    for case in cases:
        with pytest.raises(SettingError):
            synthesise(score, **case)  # type: ignore[arg-type]


def speech_between(start_s: float, end_s: float, seconds: float) -> AudioClip:
    random = np.random.default_rng(1)
    samples = 0.1 * random.standard_normal((1, round(seconds * RATE))).astype(np.float32)
    samples[:, : round(start_s * RATE)] = 0
    samples[:, round(end_s * RATE) :] = 0
    return AudioClip(samples, RATE)


def test_music_gives_way_before_speech_and_returns_after_it() -> None:
    envelope = duck_envelope(speech_between(4.0, 7.0, 12.0), attack_s=0.15, release_s=0.6, hold_s=0.35)
    at = {time: float(envelope[round(time * RATE)]) for time in (2.0, 4.05, 5.5, 10.0)}
    assert at[2.0] < 0.05
    assert at[4.05] > 0.7
    assert at[5.5] > 0.95
    assert at[10.0] < 0.05


def test_mix_levels() -> None:
    music, speech = tone(-20.0, 12.0), speech_between(4.0, 7.0, 12.0)
    mixed = mix_under_speech(music, speech, duck_db=9.0, music_below_speech_lu=7.0)
    pause = AudioClip(mixed.samples[:, : round(3.0 * RATE)], RATE)
    assert integrated_loudness_lufs(pause) == pytest.approx(-23.0, abs=0.3)
    assert true_peak_db(mixed) <= -0.9
    undisturbed = mix_under_speech(music, AudioClip(np.zeros((1, RATE), np.float32), RATE))
    assert undisturbed.samples.shape == music.samples.shape


def test_mix_keeps_the_longer_and_joins_rates() -> None:
    music = synthesise_tone_at(22_050, 3.0)
    mixed = mix_under_speech(music, speech_between(0.5, 1.0, 2.0))
    assert mixed.sample_rate_hz == RATE
    assert mixed.duration_s == pytest.approx(3.0, abs=0.001)
    with pytest.raises(SettingError):
        mix_under_speech(music, music, duck_db=-1.0)


def synthesise_tone_at(rate: int, seconds: float) -> AudioClip:
    time = np.arange(round(seconds * rate)) / rate
    return AudioClip(gain_db(np.sin(2 * np.pi * 300 * time).astype(np.float32)[None], -20), rate)
