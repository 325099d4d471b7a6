"""A tiny set of filmed speakers, which the renderer films itself, from its folder to a step of training."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from espressivo.cli import app
from espressivo.errors import SettingError, VideoInputError
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.motion.gaze import eye_weights, line_of_sight
from espressivo.motion.state import emotion_faces
from espressivo.render.performance import track_video
from espressivo.resources import load_config
from espressivo.training.motion import clips as module
from espressivo.training.motion.__main__ import main
from espressivo.training.motion.clips import prepare_folder
from espressivo.training.motion.dataset import STEPS, ClipSet
from espressivo.training.motion.train import TrainingSettings, train
from espressivo.training.runs import Run

MODEL = {"channels": 16, "num_layers": 1, "num_heads": 2, "window": 20, "num_kept": 4, "bank_entries": 4, "embedding": 8}
ANGRY, SILENT, BROKEN = (f"M003/video/front/{part}.mp4" for part in ("angry/level_3/001", "happy/level_1/002", "sad/level_2/003"))


def said(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def track_only_the_broken(path, **options):
    assert path.name == "003.mp4", f"{path.name} is tracked again"
    return track_video(path, **options)


@pytest.fixture(scope="module")
def filmed(talking_head, small_portrait, short_speech, tmp_path_factory):
    """Two clips named as in MEAD, one without sound, and a file that is no video; and the track of the first."""
    folder = tmp_path_factory.mktemp("mead")
    for name in (ANGRY, SILENT, BROKEN):
        (folder / name).parent.mkdir(parents=True)
    made = talking_head(small_portrait, short_speech, "anger", seed=1, output_path=folder / ANGRY)
    talking_head(small_portrait, None, "joy", duration_s=1.0, seed=2, output_path=folder / SILENT)
    (folder / BROKEN).write_bytes(b"no video at all")
    return folder, made.track


@pytest.mark.slow
def test_a_folder_becomes_clips_that_train(filmed, tmp_path, capsys, monkeypatch) -> None:
    folder, acted = filmed
    output = tmp_path / "clips.safetensors"
    main(["clips", "--folder", str(folder), "--layout", "mead", "-o", str(output)])
    *lines, summary = said(capsys)
    assert summary == {"clips": 2, "left_out": 1, "people": 1}
    left_out = [line for line in lines if "left_out" in line]
    assert [(line["clip"], line["left_out"]) for line in left_out] == [(BROKEN, "video.format")]
    assert left_out[0]["reason"]
    assert {line["clip"]: line["speech"] for line in lines if "speech" in line} == {ANGRY: True, SILENT: False}

    clips = ClipSet([[output]], [1.0], MODEL["window"])
    assert clips.per_clip["label"].tolist() == [emotion_faces().index("anger"), emotion_faces().index("joy")]
    assert clips.per_clip["known"].tolist() == [[1, 1, 0], [0, 1, 0]]
    first = slice(int(clips.first[0]), int(clips.first[1]))
    state = clips.frames["state"][first].numpy() * STEPS["state"]
    jaw = ARKIT_NAMES.index("jawOpen")
    assert np.corrcoef(state[:, jaw], acted.weights[: len(state), jaw])[0, 1] > 0.5
    intensity = clips.frames["emotion"][:, -1].numpy() * STEPS["emotion"]
    np.testing.assert_allclose([intensity[0], intensity[-1]], [1.0, 0.4], atol=0.01)
    assert clips.frames["sound"][first].any()
    assert not clips.frames["sound"][first.stop :].any()

    settings = TrainingSettings(**(load_config("train/motion.yaml")["training"] | {"steps": 1, "batch": 4, "shares": [1.0]}))
    # Two clips are too few to hold one out.
    monkeypatch.setattr("espressivo.training.motion.train.held_out_loss", lambda *_: 0.0)
    train(MODEL, settings, clips, Run(tmp_path / "run"))
    log = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[0])
    assert np.isfinite([value for value in log.values() if value is not None]).all()

    before = output.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(module, "track_video", track_only_the_broken)
        prepare_folder(folder, "mead", output)
    assert said(capsys)[-1] == {"clips": 2, "left_out": 1, "people": 1}
    assert output.read_bytes() == before


def test_a_folder_without_a_usable_clip_is_an_error(tmp_path, capsys) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "1001_DFA_ANG_XX.flv").write_bytes(b"no video")
    with pytest.raises(VideoInputError) as caught:
        prepare_folder(folder, "crema-d", tmp_path / "clips.safetensors")
    assert caught.value.code == "video.none_usable"
    assert said(capsys)[0]["clip"] == "1001_DFA_ANG_XX.flv"
    assert not (tmp_path / "clips.safetensors").exists()


@pytest.mark.parametrize(
    ("name", "layout", "code"),
    [("missing", "mead", "setting.folder"), (".", "mead", "setting.layout"), (".", "voxceleb", "setting.layout")],
)
def test_a_wrong_folder_or_layout_is_named(name, layout, code, tmp_path) -> None:
    with pytest.raises(SettingError) as caught:
        prepare_folder(tmp_path / name, layout, tmp_path / "clips.safetensors")
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_the_line_of_sight_is_what_the_eyes_were_turned_to() -> None:
    rng = np.random.default_rng(0)
    direction, head = rng.uniform(-0.2, 0.2, (2, 30, 2))
    np.testing.assert_allclose(line_of_sight(eye_weights(direction, head), head), direction, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--help"], 0, "prepare"),
        (["prepare", "--help"], 0, "bound by the terms"),
        (["motion", "clips", "--help"], 0, "bound by the terms"),
        (["phone-network", "prepare", "--help"], 0, "--background"),
        (["music", "train", "--help"], 0, "--save-every"),
        (["motion", "clips", "--folder", ".", "--layout", "voxceleb", "-o", "x.safetensors"], 2, "invalid choice"),
        (["music", "dance"], 2, "invalid choice"),
        (["emopia"], 2, "required: --data"),
        (["head"], 2, "required"),
        (["text-emotion"], 2, "required"),
        (["music-corpus"], 2, "required"),
        (["music-measures"], 2, "required"),
    ],
)
def test_training_commands_are_handed_on(arguments, status, words, capsys) -> None:
    result = CliRunner().invoke(app, ["train", *arguments])
    assert result.exit_code == status
    assert words in " ".join((result.output + "".join(capsys.readouterr())).split())
