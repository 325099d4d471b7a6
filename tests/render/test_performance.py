"""Clips that our own renderer makes from a known track, read again."""

from fractions import Fraction

import numpy as np
import pytest

from espressivo import track_video
from espressivo.errors import Cancelled, TrackError, VideoInputError
from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.head import expression_weights
from espressivo.face.track import FacialActionTrack
from espressivo.media.clip import AudioClip
from espressivo.media.video import encode_video
from espressivo.progress import CancelToken, StageTimer
from espressivo.render.performance import load_performance

FPS = Fraction(15)
FRAMES = 30


@pytest.fixture(scope="module")
def asked():
    """Brows, then the jaw, then a smile, with a turning head."""
    phase = np.linspace(0, 1, FRAMES)

    def bump(middle):
        return np.clip(1 - np.abs(phase - middle) / 0.25, 0, 1)

    weights = (
        np.outer(0.9 * bump(0.25), expression_weights(browInnerUp=1, browOuterUp=1))
        + np.outer(0.7 * bump(0.5), expression_weights(jawOpen=1))
        + np.outer(0.9 * bump(0.75), expression_weights(mouthSmile=1))
    )
    rotation = np.stack([0 * phase, 0.15 * np.sin(2 * np.pi * phase), 0.1 * np.cos(2 * np.pi * phase)], axis=1)
    return FacialActionTrack(weights, rotation, np.zeros((FRAMES, 3)), FPS)


@pytest.fixture(scope="module")
def frames(renderer, asked, small_portrait):
    return list(renderer.frames(renderer.fit(small_portrait), asked))


@pytest.fixture(scope="module")
def clip(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "acted.mp4"
    tone = AudioClip(0.3 * np.sin(np.arange(32_000) / 10).astype(np.float32)[None], 16_000)
    encode_video(path, frames, fps=FPS, audio=tone)
    return path


@pytest.fixture(scope="module")
def performance(clip):
    return track_video(clip)


def test_what_was_asked_is_read(performance, asked):
    track = performance.track
    assert (len(track), track.fps) == (FRAMES, FPS)
    assert performance.lost_share == 0
    assert performance.warnings == ()
    for shape in ("browInnerUp", "jawOpen", "mouthSmileLeft"):
        assert np.corrcoef(track.shape(shape), asked.shape(shape))[0, 1] > 0.8, shape
    assert track.shape("jawOpen").max() > 0.3, "the rest of an open mouth is read as funnel and lowered lip"
    np.testing.assert_allclose(
        track.head_rotation[:, 1], asked.head_rotation[:, 1] - np.mean(asked.head_rotation[:, 1]), atol=0.06
    )
    assert np.corrcoef(track.head_rotation[:, 2], asked.head_rotation[:, 2])[0, 1] > 0.95


def test_the_sound_comes_along(performance):
    assert performance.speech is not None
    assert performance.speech.duration_s == pytest.approx(performance.track.duration_s, abs=0.001)
    assert np.abs(performance.speech.samples).max() > 0.2


@pytest.mark.parametrize("fps", [Fraction(30), Fraction(30000, 1001), Fraction(8)])
def test_another_frame_rate_is_the_same_performance(clip, performance, fps):
    other = track_video(clip, fps=fps)
    assert other.track.fps == fps
    assert other.track.duration_s == pytest.approx(performance.track.duration_s, abs=1 / float(fps))
    times = (np.arange(FRAMES) + 0.5) / float(FPS)
    again = np.interp(times, (np.arange(len(other.track)) + 0.5) / float(fps), other.track.shape("jawOpen"))
    np.testing.assert_allclose(again, performance.track.shape("jawOpen"), atol=0.15)


def test_a_face_lost_for_a_moment_is_bridged_with_a_warning(frames, tmp_path):
    gone = [np.full_like(frame, 90) if index in (12, 13, 14) else frame for index, frame in enumerate(frames)]
    encode_video(tmp_path / "lost.mp4", gone, fps=FPS)
    performance = track_video(tmp_path / "lost.mp4")
    assert performance.lost_share == pytest.approx(3 / FRAMES, abs=1.5 / FRAMES)
    assert "bridged" in performance.warnings[0]
    assert np.abs(np.diff(performance.track.weights, axis=0)).max() < 0.6


def crowd(frame):
    return np.concatenate([frame, frame[:, ::-1]], axis=1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda _, frame: np.full_like(frame, 90), "video.no_face"),
        (lambda index, frame: np.full_like(frame, 90) if index > 15 else frame, "video.no_face"),
        (lambda _, frame: crowd(frame), "video.many_faces"),
        (lambda _, frame: np.pad(frame[::4, ::4], ((0, 64), (0, 64), (0, 0)), mode="edge"), "video.face_too_small"),
    ],
    ids=["nobody", "gone", "crowd", "small"],
)
def test_clips_that_cannot_be_used_are_refused(frames, tmp_path, change, code):
    encode_video(tmp_path / "clip.mp4", [change(index, frame) for index, frame in enumerate(frames)], fps=FPS)
    with pytest.raises(VideoInputError) as caught:
        track_video(tmp_path / "clip.mp4")
    assert caught.value.code == code


def test_the_largest_of_several_faces_can_be_followed(frames, tmp_path):
    encode_video(tmp_path / "crowd.mp4", [crowd(frame) for frame in frames[:8]], fps=FPS)
    assert len(track_video(tmp_path / "crowd.mp4", face="largest").track) == 8


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\0\0\0\x18ftypmp42" + b"\0" * 64])
def test_broken_files_are_refused(tmp_path, content):
    (tmp_path / "broken.mp4").write_bytes(content)
    with pytest.raises(VideoInputError):
        track_video(tmp_path / "broken.mp4")


def test_reading_can_be_stopped(clip):
    token = CancelToken()
    timer = StageTimer(lambda event: token.cancel() if event.done == 3 else None, token)
    with pytest.raises(Cancelled):
        track_video(clip, timer=timer)


def test_saved_actions_are_a_performance_too(asked, tmp_path):
    asked.save(tmp_path / "actions.safetensors")
    asked.save_csv(tmp_path / "actions.csv")
    for name in ("actions.safetensors", "actions.csv"):
        loaded = load_performance(tmp_path / name, FPS)
        np.testing.assert_allclose(loaded.track.weights, asked.weights, atol=1e-6)
        assert loaded.speech is None
    (tmp_path / "bad.csv").write_text("nothing")
    with pytest.raises(TrackError):
        load_performance(tmp_path / "bad.csv", FPS)


def test_a_shape_held_throughout_is_no_rest(renderer, small_portrait, tmp_path):
    weights = np.tile(expression_weights(mouthSmile=0.8), (12, 1))
    track = FacialActionTrack(weights, np.zeros((12, 3)), np.zeros((12, 3)), FPS)
    encode_video(tmp_path / "smile.mp4", renderer.frames(renderer.fit(small_portrait), track), fps=FPS)
    found = track_video(tmp_path / "smile.mp4").track
    assert found.weights[:, ARKIT_INDEX["mouthSmileLeft"]].mean() > 0.3
