"""Small real inputs that several test folders share."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# Commands are started as a user's are: Python keeps what it has compiled, as it does unless a machine forbids it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes depends on what else the machine does.
settings.register_profile("espressivo", deadline=None)
settings.load_profile("espressivo")

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "demo" / "examples"


@pytest.fixture(scope="session")
def portrait_path() -> Path:
    return EXAMPLES / "portrait.png"


@pytest.fixture(scope="session")
def small_portrait(portrait_path: Path) -> np.ndarray:
    """``(256, 256, 3)`` RGB: large enough for the landmarker, small enough for tests."""
    import cv2

    from espressivo.media.image import load_image

    return cv2.resize(load_image(portrait_path), (256, 256), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="session")
def short_speech():
    """The first 1.2 seconds of the bundled speech."""
    from espressivo.media.audio import load_audio
    from espressivo.media.clip import AudioClip

    clip = load_audio(EXAMPLES / "speech.wav")
    return AudioClip(clip.samples[:, : int(1.2 * clip.sample_rate_hz)], clip.sample_rate_hz)


@pytest.fixture(scope="session")
def short_speech_path(short_speech, tmp_path_factory) -> Path:
    from espressivo.media.audio import save_wav

    path = tmp_path_factory.mktemp("speech") / "short.wav"
    save_wav(short_speech, path)
    return path


@pytest.fixture(scope="session")
def small_portrait_path(small_portrait: np.ndarray, tmp_path_factory) -> Path:
    from espressivo.media.image import save_png

    path = tmp_path_factory.mktemp("portrait") / "small.png"
    save_png(small_portrait, path)
    return path


@pytest.fixture(scope="session")
def talking_head():
    from espressivo import TalkingHeadPipeline

    return TalkingHeadPipeline.from_pretrained()
