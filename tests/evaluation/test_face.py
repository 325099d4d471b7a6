from fractions import Fraction

import numpy as np
import pytest

from espressivo.evaluation.face import evaluate
from espressivo.evaluation.face_portraits import CLIPS, clip_paths, psnr, ssim
from espressivo.evaluation.face_read_back import READABLE, UNREADABLE, displacement, read_back
from espressivo.evaluation.face_reenactment import reenactment
from espressivo.evaluation.face_speed import memory, moving_track
from espressivo.face.head import expression_weights
from espressivo.face.landmarks import FaceLandmarker
from espressivo.media.video import encode_video
from espressivo.render.renderer import PortraitRenderer


@pytest.fixture(scope="module")
def renderer():
    return PortraitRenderer.from_pretrained()


@pytest.fixture(scope="module")
def data(renderer, small_portrait, tmp_path_factory):
    """A folder with one clip that our own renderer made."""
    folder = tmp_path_factory.mktemp("data")
    (folder / CLIPS[0]).mkdir(parents=True)
    track = moving_track(24)
    encode_video(folder / CLIPS[0] / "acted.mp4", renderer.frames(renderer.fit(small_portrait), track), fps=Fraction(25), crf=8)
    return folder


def test_measures_know_equal_pictures():
    picture = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    assert psnr(picture, picture) == pytest.approx(100)
    assert ssim(picture, picture) == pytest.approx(1)
    assert psnr(picture, 255 - picture) < 15
    assert ssim(picture, 255 - picture) < 0.1


def test_our_own_clip_is_reenacted_better_than_by_the_baselines(renderer, data):
    assert len(clip_paths(data, 5)) == 1
    with FaceLandmarker() as reader:
        figures = {figure.name: figure for figure in reenactment(renderer, reader, data, 1, 4)}
    for name in ("psnr", "ssim", "face", "mouth"):
        figure = figures[f"reenactment.{name}"]
        assert set(figure.baselines) == {"still first frame", "no residual field"}
        assert figure.met is True, (name, figure.value, figure.baselines)
        assert figures[f"clip.acted.{name}"].value == pytest.approx(figure.value)
        assert "prototype" in figure.source


def test_without_data_nothing_is_passed(renderer):
    with FaceLandmarker() as reader:
        figures = reenactment(renderer, reader, None, 3, 4)
    figures += displacement(renderer.head, None)
    assert {figure.value for figure in figures} == {None}
    assert {figure.met for figure in figures} == {None}
    assert [figure.name for figure in figures if figure.name.startswith("displacement")] == [
        f"displacement.{name}" for name in UNREADABLE
    ]


def test_memory_is_told_at_three_moments(renderer):
    figure = memory(renderer, 20)
    assert list(figure.baselines) == ["MB at 10 %", "MB at 50 %", "MB at 100 %"]
    assert figure.value < 16


@pytest.mark.slow
def test_every_readable_shape_is_read(renderer, small_portrait):
    portrait = renderer.fit(small_portrait)
    with FaceLandmarker() as reader:
        figures = {f.name: f for f in read_back(renderer, [portrait], reader, None, num_faces=0, num_spike=0)}
    for name in READABLE:
        curve = figures[f"read_back.{name}"].baselines
        assert curve["at 1"] > curve["at 0"], name
        assert figures[f"read_back.{name}"].floor is None, "without real faces there is no floor"
        assert figures[f"cross_talk.{name}"].baselines["own"] == pytest.approx(curve["at 1"] - curve["at 0"], abs=1e-6)
    assert expression_weights(**dict.fromkeys(READABLE["lookLeft"], 1.0)).sum() == 2


@pytest.mark.slow
def test_the_bundled_portraits_meet_the_floors():
    named = {figure.name: figure for figure in evaluate(None, quick=True)}
    assert named["reenactment.psnr"].value is None, "without clips it is skipped, never passed"
    missed = {figure.name for figure in named.values() if figure.met is False and not figure.name.startswith("speed")}
    # A funnel's reading falls again at full weight, and the squint of an open eye is hardly read.
    assert missed <= {"read_back.shapes_below_0.95", "rank.mouthFunnel", "rank.eyeSquint", "rank.mouthPress"}
