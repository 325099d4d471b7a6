from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from espressivo.errors import EncodeError
from espressivo.media.image import load_image
from espressivo.media.video import encode_video
from espressivo.media.video_reader import read_frames
from espressivo.media.watermark import MAX_PAYLOAD, read_watermark, watermarked
from espressivo.resources import example_path

Frame = NDArray[np.uint8]


@pytest.fixture(scope="module")
def portrait() -> Frame:
    return load_image(example_path("portrait.png"))[::2, ::2].copy()


def swaying(portrait: Frame, count: int = 12) -> list[Frame]:
    return [np.roll(portrait, round(3 * np.sin(n / 3)), axis=1) for n in range(count)]


@settings(max_examples=15, deadline=None)
@given(payload=st.integers(0, MAX_PAYLOAD), seed=st.integers(0, 9))
def test_every_payload_comes_back(payload: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    smooth = random.integers(40, 216, (8, 8, 3)).repeat(30, axis=0).repeat(32, axis=1).astype(np.uint8)
    assert read_watermark(watermarked([smooth] * 2, payload)) == payload


def test_it_is_hardly_there_and_the_frames_given_stay_as_they_are(portrait: Frame) -> None:
    before = portrait.copy()
    (marked,) = watermarked([portrait], 1234)
    assert (portrait == before).all()
    assert marked.dtype == np.uint8
    error = np.mean((marked.astype(float) - portrait) ** 2)
    assert 0.5 < error < 8  # 39 dB and more


@pytest.mark.parametrize("crf", [18, 23, 28])
def test_it_outlives_encoding(crf: int, portrait: Frame, tmp_path: Path) -> None:
    encode_video(tmp_path / "a.mp4", watermarked(swaying(portrait), 0xC0FFEE), fps=Fraction(25))
    encode_video(tmp_path / "b.mp4", read_frames(tmp_path / "a.mp4"), fps=Fraction(25), crf=crf)
    assert read_watermark(read_frames(tmp_path / "b.mp4")) == 0xC0FFEE


def test_nothing_is_found_where_nothing_is(portrait: Frame) -> None:
    assert read_watermark(swaying(portrait)) is None
    assert read_watermark([]) is None
    assert read_watermark([np.zeros((300, 300, 3), np.uint8)]) is None
    assert read_watermark([np.zeros((64, 64, 3), np.uint8)]) is None


def test_noise_is_no_mark() -> None:
    random = np.random.default_rng(0)
    assert all(read_watermark([random.integers(0, 256, (128, 128, 3), dtype=np.uint8)]) is None for _ in range(60))


def test_the_mark_is_the_same_whatever_other_threads_let_linear_algebra_do() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8)
    with threadpool_limits(2, user_api="blas"):
        on_two = next(watermarked([frame], 7))
    with threadpool_limits(1, user_api="blas"):
        on_one = next(watermarked([frame], 7))
    assert np.array_equal(on_one, on_two)


def test_small_frames_are_refused() -> None:
    with pytest.raises(EncodeError) as caught:
        next(watermarked([np.zeros((100, 400, 3), np.uint8)], 1))
    assert caught.value.code == "encode.watermark"
