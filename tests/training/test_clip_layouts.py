"""File names of sets of filmed speakers."""

from pathlib import PurePosixPath

import pytest

from espressivo.emotion.ontology import Ontology
from espressivo.resources import load_config
from espressivo.training.motion.layouts import LAYOUTS, ClipLabel


@pytest.mark.parametrize(
    ("layout", "path", "expected"),
    [
        ("mead", "M003/video/front/angry/level_3/001.mp4", ClipLabel("M003", "anger", 1.0)),
        ("mead", "parts/W011/video/front/disgusted/level_1/030.mp4", ClipLabel("W011", "disgust", 0.4)),
        ("mead", "M030_front_angry_level3_001.mp4", ClipLabel("M030", "anger", 1.0)),
        ("mead", "flat/M030_front_neutral_level_1_001.mp4", ClipLabel("M030", "neutral", 0.7)),
        ("mead", "M003/video/left_30/angry/level_3/001.mp4", None),
        ("mead", "M003/video/front/furious/level_3/001.mp4", None),
        ("mead", "M003/video/front/angry/level_4/001.mp4", None),
        ("mead", "M003/audio/angry/level_3/001.m4a", None),
        ("hdtf", "WDA_BarackObama_000.mp4", ClipLabel("WDA_BarackObama", "neutral", 0.7)),
        ("hdtf", "clips/RD_Radio1.mp4", ClipLabel("RD_Radio1", "neutral", 0.7)),
        ("hdtf", "WDA_video_url.txt", None),
        ("ravdess", "Actor_12/01-01-05-02-01-01-12.mp4", ClipLabel("12", "anger", 1.0)),
        ("ravdess", "02-01-02-01-02-02-03.mp4", ClipLabel("03", "calm", 0.7)),
        ("ravdess", "01-02-05-02-01-01-12.mp4", None),
        ("ravdess", "03-01-05-02-01-01-12.wav", None),
        ("ravdess", "01-01-09-02-01-01-12.mp4", None),
        ("crema-d", "VideoFlash/1001_DFA_ANG_XX.flv", ClipLabel("1001", "anger", 0.7)),
        ("crema-d", "1091_IEO_FEA_HI.mp4", ClipLabel("1091", "fear", 1.0)),
        ("crema-d", "1091_IEO_NEU_XX.mp4", ClipLabel("1091", "neutral", 0.7)),
        ("crema-d", "1091_IEO_LOL_HI.mp4", None),
        ("crema-d", "AudioWAV/1091_IEO_FEA_HI.wav", None),
    ],
)
def test_a_path_tells_who_shows_what(layout, path, expected) -> None:
    assert LAYOUTS[layout](PurePosixPath(path)) == expected


def test_every_emotion_is_a_word_of_the_ontology() -> None:
    table = load_config("train/clips.yaml")
    assert set(LAYOUTS) < set(table)
    words = {word for layout in LAYOUTS for word in table[layout].get("emotions", {}).values()}
    assert len(words) == 9
    assert all(word in Ontology.load() for word in words - {"neutral"})
