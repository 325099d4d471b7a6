"""The denoiser's training at tiny size: it runs, learns, stops and goes on as if it had not stopped."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from espressivo.errors import CheckpointError
from espressivo.motion.denoiser_motion import MotionDenoiser
from espressivo.motion.state import ACTION_DIM, EVENT_DIM, SOUND_DIM, STATE_DIM, Conditions, emotion_dim, speech_dim
from espressivo.pretrained import load_network
from espressivo.resources import checkpoint_folder, load_config
from espressivo.training.motion.ablation import compare, kinds_of_clips
from espressivo.training.motion.dataset import Clip, ClipSet, write_clips
from espressivo.training.motion.train import TrainingSettings, export, train
from espressivo.training.runs import Run

MODEL = {"channels": 16, "num_layers": 1, "num_heads": 2, "window": 20, "num_kept": 4, "bank_entries": 4, "embedding": 8}


def clip(seed: int, frames: int = 40) -> Clip:
    rng = np.random.default_rng(seed)

    def noise(width: int) -> np.ndarray:
        return rng.random((frames, width), dtype=np.float32)

    widths = (speech_dim(), SOUND_DIM, emotion_dim(), ACTION_DIM, EVENT_DIM)
    conditions = Conditions(*(noise(width) for width in widths), noise(1)[:, 0])
    state = np.concatenate([conditions.actions[:, :52], np.zeros((frames, 6), np.float32)], axis=1)
    return Clip(state, conditions, np.ones(STATE_DIM, np.bool_), np.ones(3, np.bool_), seed % 3, matched=bool(seed % 2))


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> ClipSet:
    path = tmp_path_factory.mktemp("clips") / "clips.safetensors"
    write_clips((clip(seed) for seed in range(30)), path)
    return ClipSet([[path]], [1.0], MODEL["window"])


def write_checksums(folder: Path) -> None:
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(sums))


def settings(steps: int) -> TrainingSettings:
    return TrainingSettings(**(load_config("train/motion.yaml")["training"] | {"steps": steps, "batch": 4, "warm_up": 2}))


def test_batches_are_windows_of_the_clips(clips) -> None:
    for held_out in (False, True):
        batch = clips.batch(torch.Generator().manual_seed(0), 6, held_out=held_out)
        assert batch.state.shape == batch.partner.shape == (6, 20, STATE_DIM)
        # Stored in steps of 1/512 and 1/256.
        torch.testing.assert_close(batch.state[..., :52], batch.actions[..., :52], rtol=0, atol=1 / 300)


def test_the_embedder_sees_another_clip_of_the_same_emotion(clips) -> None:
    partners = clips.partner.numpy()
    labels = clips.per_clip["label"].numpy()
    assert (partners != np.arange(len(partners))).all()
    np.testing.assert_array_equal(labels[partners], labels)


def test_clips_survive_the_disk_to_a_step(tmp_path) -> None:
    written = clip(5, frames=20)
    write_clips([written], tmp_path / "one.safetensors")
    read = ClipSet([[tmp_path / "one.safetensors"]], [1.0], 20).batch(torch.Generator().manual_seed(0), 1)
    np.testing.assert_allclose(read.state[0], written.state, atol=1 / 1000)
    np.testing.assert_allclose(read.events[0], written.conditions.events, atol=1 / 500)
    np.testing.assert_allclose(read.sound[0], written.conditions.sound, atol=1 / 15)


def test_the_loss_falls_on_clips_that_were_held_out(clips, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("espressivo.training.motion.train.SAVE_EVERY", 10)
    train(MODEL, settings(40), clips, Run(tmp_path))
    losses = [json.loads(line)["held_out"] for line in (tmp_path / "log.jsonl").read_text().splitlines() if "held_out" in line]
    assert losses[-1] < losses[0]


def test_a_stopped_run_continues_as_if_it_had_not_stopped(clips, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("espressivo.training.motion.train.SAVE_EVERY", 3)
    # The length of a run shapes its learning rates; a stop does not change the length, so it is held constant here.
    monkeypatch.setattr("espressivo.training.motion.train._rate", lambda _, step, __: 0.001 / (1 + step))
    first, second = Run(tmp_path / "whole"), Run(tmp_path / "halves")
    train(MODEL, settings(6), clips, first)
    train(MODEL, settings(3), clips, second)
    train(MODEL, settings(6), clips, second)
    for name, tensor in first.average_weights().items():
        torch.testing.assert_close(second.average_weights()[name], tensor, rtol=0, atol=0)


def test_a_run_starts_from_a_checkpoint(clips, tmp_path) -> None:
    train(MODEL, settings(2), clips, Run(tmp_path / "first"))
    export(MODEL, Run(tmp_path / "first"), tmp_path / "checkpoint")
    write_checksums(tmp_path / "checkpoint")
    still = replace(settings(1), learning_rate=0.0)
    train(MODEL, still, clips, Run(tmp_path / "second"), init_from=tmp_path / "checkpoint")
    start = load_network(MotionDenoiser, tmp_path / "checkpoint")
    weights = Run(tmp_path / "second").average_weights()
    for name, tensor in start.state_dict().items():
        torch.testing.assert_close(weights[f"denoiser.{name}"], tensor, rtol=0, atol=0)


def test_a_checkpoint_of_other_sizes_is_refused_as_a_start(clips, tmp_path) -> None:
    with pytest.raises(CheckpointError, match="other sizes"):
        train(MODEL, settings(1), clips, Run(tmp_path), init_from=checkpoint_folder("motion"))


def test_runs_are_compared_on_plain_clips_and_on_mixtures(tmp_path, capsys) -> None:
    def mixed(seed: int) -> Clip:
        made = clip(seed)
        made.conditions.emotion[:] = 0.0
        made.conditions.emotion[:, 1] = 0.8
        made.conditions.emotion[:, 2] = 0.6 if seed % 2 else 0.0
        return replace(made, matched=True)

    path = tmp_path / "clips.safetensors"
    write_clips((mixed(seed) for seed in range(60)), path)
    clips = ClipSet([[path]], [1.0], MODEL["window"])
    assert kinds_of_clips(clips).tolist() == ["plain", "mixture"] * 30
    train(MODEL, settings(2), clips, Run(tmp_path / "run"))
    compare(MODEL, settings(2), [path], Run(tmp_path / "run"), "small")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["clips"], line["num_clips"]) for line in lines] == [("plain", 1), ("mixture", 1)]
    assert all(line["low"] <= line["loss"] <= line["high"] for line in lines)
