import json

import numpy as np
import pytest

from espressivo import FacialActionTrack, ScenePipeline, load_plan
from espressivo.errors import EmotionInputError
from espressivo.media.audio import load_audio
from espressivo.media.midi import load_midi
from espressivo.media.video import probe_video
from espressivo.provenance import verify_file
from espressivo.scene import SceneFiles


@pytest.fixture(scope="module")
def scene(talking_head):
    from espressivo import MusicPipeline

    return ScenePipeline(talking_head, MusicPipeline.from_pretrained())


@pytest.fixture(scope="module")
def rendered(scene, small_portrait, short_speech, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    result = scene(small_portrait, short_speech, "joy turning to awe", files=SceneFiles.in_folder(folder), seed=7)
    return folder, result


def test_all_parts_are_there_and_agree(rendered, short_speech):
    folder, result = rendered
    names = {
        "talk.mp4",
        "scene.mp4",
        "music.mid",
        "music.wav",
        "plan.json",
        "actions.safetensors",
        "actions.csv",
        "provenance.json",
    }
    assert {path.name for path in folder.iterdir()} == names
    assert load_plan(folder / "plan.json") == result.talk.plan == result.music.plan
    assert np.array_equal(FacialActionTrack.load(folder / "actions.safetensors").weights, result.talk.track.weights)
    talk, film = probe_video(folder / "talk.mp4"), probe_video(folder / "scene.mp4")
    assert talk.num_frames == film.num_frames == len(result.talk.track)
    assert load_midi(folder / "music.mid").get_end_time() <= short_speech.duration_s + 0.1
    assert load_audio(folder / "music.wav").duration_s == pytest.approx(short_speech.duration_s, abs=0.05)
    assert (folder / "talk.mp4").read_bytes() != (folder / "scene.mp4").read_bytes()


def test_everything_says_that_it_was_generated(rendered):
    folder, _ = rendered
    for name in ("talk.mp4", "scene.mp4", "music.mid", "music.wav", "provenance.json"):
        assert verify_file(folder / name).found, name
    record = json.loads((folder / "provenance.json").read_text())
    assert str(folder) not in json.dumps(record)


def test_the_music_ducks_under_the_speech(rendered, short_speech):
    _, result = rendered
    assert result.audio.duration_s == pytest.approx(short_speech.duration_s, abs=0.05)
    assert np.abs(result.audio.samples).max() <= 1.0


def test_only_the_video_on_request_and_nothing_on_error(scene, small_portrait, short_speech, tmp_path):
    path = tmp_path / "scene.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(EmotionInputError):
        scene(small_portrait, short_speech, "joi", files=SceneFiles(scene=path), seed=1)
    assert path.read_bytes() == b"precious"
    scene(small_portrait, short_speech, "joy", files=SceneFiles(scene=path), seed=1)
    assert list(tmp_path.iterdir()) == [path]
    assert probe_video(path).has_audio
