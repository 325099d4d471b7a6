"""Resampling against scipy's, which it stands in for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from espressivo.media.resampling import resample

FACTORS = [(2, 3), (3, 2), (1, 3), (160, 441), (441, 160), (2, 1), (320, 441)]


@settings(deadline=None, max_examples=60)
@given(factors=st.sampled_from(FACTORS), length=st.integers(1, 3_000))
def test_any_length_at_the_rates_of_recordings(factors: tuple[int, int], length: int) -> None:
    samples = np.random.default_rng(length).uniform(-1, 1, (2, length)).astype(np.float32)
    np.testing.assert_allclose(resample(samples, *factors), resample_poly(samples, *factors, axis=1), atol=2e-6)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_a_tone_keeps_its_pitch_and_loudness_and_what_is_too_high_goes(rate_hz: int) -> None:
    times_s = np.arange(48_000) / 48_000
    tones = np.stack([np.sin(2 * np.pi * hz * times_s) for hz in (440.0, 23_500.0)]).astype(np.float32)
    divisor = int(np.gcd(rate_hz, 48_000))
    low, high = resample(tones, rate_hz // divisor, 48_000 // divisor)[:, rate_hz // 10 : -rate_hz // 10]
    expected = np.sin(2 * np.pi * 440.0 * np.arange(rate_hz) / rate_hz)[rate_hz // 10 : -rate_hz // 10]
    np.testing.assert_allclose(low, expected, atol=2e-3)
    assert np.abs(high).max() < 0.02
