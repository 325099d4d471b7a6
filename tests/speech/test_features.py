import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.media.clip import AudioClip
from espressivo.speech.features import HOP_S, NUM_MELS, extract_features, follow

RATE = 16_000


def voice(duration_s: float, f0_hz: float, rate: int = RATE) -> np.ndarray:
    """A buzz with falling harmonics, loud in the middle of each 400 ms."""
    times = np.arange(int(duration_s * rate)) / rate
    harmonics = range(1, int(min(4_000, rate / 2 - 1) / f0_hz))
    sound = sum(np.sin(2 * np.pi * f0_hz * k * times) / k for k in harmonics)
    return (0.2 * sound * (0.6 - 0.4 * np.cos(2 * np.pi * 2.5 * times))).astype(np.float32)


@pytest.mark.parametrize("f0_hz", [90.0, 140.0, 220.0, 330.0])
def test_pitch_of_a_buzz(f0_hz):
    features = extract_features(AudioClip(voice(1.0, f0_hz)[None], RATE))
    inner = slice(10, -10)
    assert features.voiced[inner].mean() > 0.95
    assert np.median(features.f0_hz[inner]) == pytest.approx(f0_hz, rel=0.01)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 1), (48_000, 2)])
def test_any_rate_and_channels(rate, channels):
    sound = np.repeat(voice(1.0, 150.0, rate)[None], channels, axis=0)
    features = extract_features(AudioClip(sound, rate))
    assert len(features) == 100
    assert np.median(features.f0_hz[features.voiced]) == pytest.approx(150.0, rel=0.02)
    assert features.speaking.mean() > 0.9


def test_blocks_do_not_show():
    sound = voice(45.0, 130.0)
    whole = extract_features(AudioClip(sound[None], RATE))
    part = extract_features(AudioClip(sound[None, : 10 * RATE], RATE))
    np.testing.assert_array_equal(whole.log_mel[:990], part.log_mel[:990])
    np.testing.assert_allclose(whole.energy_db[:990], part.energy_db[:990], rtol=1e-5)


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_and_faint_noise_are_not_speech(level):
    noise = np.random.default_rng(1).normal(0, max(level, 1e-12), (1, RATE)).astype(np.float32)
    features = extract_features(AudioClip(noise, RATE))
    assert not features.speaking.any()
    assert features.activity.max() == 0.0


def test_loud_noise_without_voice_is_not_speech():
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 2 * RATE)).astype(np.float32)
    assert extract_features(AudioClip(noise, RATE)).speaking.mean() < 0.05


def test_speech_between_silences():
    sound = np.concatenate([np.zeros(RATE, np.float32), voice(1.0, 140.0), np.zeros(RATE, np.float32)])
    features = extract_features(AudioClip(sound[None], RATE))
    assert features.speaking[105:195].all()
    assert not features.speaking[:95].any()
    assert not features.speaking[210:].any()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_envelope_follower_never_jumps_and_stays_in_range(target):
    result = follow(np.array(target), 0.01, 0.12, 0.25)
    assert result.min() >= 0
    assert result.max() <= 1
    assert np.abs(np.diff(result)).max(initial=0) <= 0.01 / 0.12 + 1e-6


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 5_000))
def test_any_length(samples):
    features = extract_features(AudioClip(np.full((1, samples), 0.01, np.float32), RATE))
    assert len(features) == max(1, -(-samples // 160))
    assert features.log_mel.shape == (len(features), NUM_MELS)
    assert np.isfinite(features.log_mel).all()
    assert features.hop_s == HOP_S
