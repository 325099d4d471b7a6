"""The bundled examples are there, are what their page says, and can be used."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.landmarks import FaceLandmarker, find_single_face
from espressivo.media.audio import load_audio
from espressivo.media.image import load_image
from espressivo.resources import example_path

PORTRAITS = {
    "portrait.png": (1024, 1024),
    "portrait_2.png": (1024, 1024),
    "astronaut.jpg": (512, 512),
    "grace_hopper.jpg": (600, 512),
}
MAX_BYTES = {".png": 2_000_000, ".jpg": 300_000}


@pytest.mark.parametrize("name", sorted(PORTRAITS))
def test_portrait_shows_one_face_that_is_found(name):
    path = example_path(name)
    assert path.stat().st_size <= MAX_BYTES[path.suffix]
    image = load_image(path)
    assert image.shape == (*PORTRAITS[name], 3)
    find_single_face(image)


@pytest.mark.parametrize("name", ["portrait.png", "portrait_2.png"])
def test_synthetic_portrait_rests_and_looks_at_the_camera(name):
    image = load_image(example_path(name))
    with FaceLandmarker() as landmarker:
        (face,) = landmarker.detect(image)
    blendshapes = dict(zip(ARKIT_NAMES, face.blendshapes.tolist(), strict=True))
    assert blendshapes["jawOpen"] < 0.1
    assert max(blendshapes["eyeBlinkLeft"], blendshapes["eyeBlinkRight"]) < 0.35
    assert max(abs(angle) for angle in face.head_rotation) < math.radians(10)
    assert 0.35 < face.face_height_px / len(image) < 0.6


def test_speech_is_clean_and_as_long_as_its_phones():
    clip = load_audio(example_path("speech.wav"), require_signal=True)
    assert clip.sample_rate_hz == 24_000
    assert clip.samples.shape[0] == 1
    assert 7 < clip.duration_s < 10
    assert 0.5 < np.abs(clip.samples).max() < 0.95
    phones = json.loads(example_path("speech.phones.json").read_text(encoding="utf-8"))
    assert phones[0]["start_s"] == 0
    assert phones[-1]["end_s"] == pytest.approx(clip.duration_s, abs=1e-3)
    for phone, following in itertools.pairwise(phones):
        assert phone["start_s"] < phone["end_s"] == following["start_s"]


def test_phones_are_loud_where_they_are_vowels_and_quiet_where_they_are_silent():
    samples = load_audio(example_path("speech.wav")).samples[0]
    phones = json.loads(example_path("speech.phones.json").read_text(encoding="utf-8"))

    def level(phone):
        part = samples[round(phone["start_s"] * 24_000) : round(phone["end_s"] * 24_000)]
        return float(np.sqrt(np.mean(part**2)))

    vowels = [level(p) for p in phones if p["phone"] in {"AA", "AE", "AH", "AY", "EH", "EY", "IY", "OW", "UH", "UW"}]
    pauses = [level(p) for p in phones if p["phone"] == "SIL" and p["end_s"] - p["start_s"] > 0.3]
    assert np.median(vowels) > 5 * np.median(pauses)


def test_words_of_the_phones_are_the_transcript():
    phones = json.loads(example_path("speech.phones.json").read_text(encoding="utf-8"))
    spoken = [p["word"] for p, before in zip(phones, [{"word": ""}, *phones], strict=False) if p["word"] != before["word"]]
    text = example_path("speech.txt").read_text(encoding="utf-8")
    assert [word for word in spoken if word] == text.lower().replace(",", "").replace(".", "").replace("!", "").split()


def test_page_names_every_file():
    folder = example_path("README.md").parent
    page = (folder / "README.md").read_text(encoding="utf-8")
    unnamed = [p.name for p in folder.iterdir() if p.name != "README.md" and f"`{p.name}`" not in page]
    assert not unnamed
