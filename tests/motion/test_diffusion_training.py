"""The denoiser's training at tiny size: it runs, learns, stops and goes on as if it had not stopped."""

import json

import numpy as np
import pytest
import torch

from espressivo.motion.state import ACTION_DIM, STATE_DIM, Conditions, emotion_dim, speech_dim
from espressivo.resources import load_config
from espressivo.training.motion.dataset import Clip, ClipSet, write_clips
from espressivo.training.motion.train import TrainingSettings, train
from espressivo.training.runs import Run

MODEL = {"channels": 16, "num_layers": 1, "num_heads": 2, "window": 20, "num_kept": 4, "bank_entries": 4, "embedding": 8}


def clip(seed: int, frames: int = 40) -> Clip:
    rng = np.random.default_rng(seed)

    def noise(width: int) -> np.ndarray:
        return rng.random((frames, width), dtype=np.float32)

    conditions = Conditions(noise(speech_dim()), noise(emotion_dim()), noise(ACTION_DIM), noise(1)[:, 0])
    state = np.concatenate([conditions.actions[:, :52], np.zeros((frames, 6), np.float32)], axis=1)
    return Clip(state, conditions, np.ones(STATE_DIM, np.bool_), seed % 3, matched=bool(seed % 2))


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> ClipSet:
    path = tmp_path_factory.mktemp("clips") / "clips.safetensors"
    write_clips((clip(seed) for seed in range(4)), path)
    return ClipSet([path], [1.0], MODEL["window"])


def settings(steps: int) -> TrainingSettings:
    return TrainingSettings(**(load_config("train/motion.yaml")["training"] | {"steps": steps, "batch": 4, "warm_up": 2}))


def test_batches_are_windows_of_the_clips(clips) -> None:
    batch = clips.batch(np.random.default_rng(0), 6)
    assert batch.state.shape == (6, 20, STATE_DIM)
    torch.testing.assert_close(batch.state[..., :52], batch.actions[..., :52])


def test_the_loss_falls(clips, tmp_path) -> None:
    run = Run(tmp_path)
    train(MODEL, settings(21), clips, run)
    losses = [json.loads(line)["motion"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0]


def test_a_stopped_run_continues_as_if_it_had_not_stopped(clips, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("espressivo.training.motion.train.SAVE_EVERY", 3)
    # The length of a run shapes its learning rates; a stop does not change the length, so it is held constant here.
    monkeypatch.setattr("espressivo.training.motion.train.warm_cosine", lambda step, *_: 1.0 / (1 + step))
    first, second = Run(tmp_path / "whole"), Run(tmp_path / "halves")
    train(MODEL, settings(6), clips, first)
    train(MODEL, settings(3), clips, second)
    train(MODEL, settings(6), clips, second)
    for name, tensor in first.average_weights().items():
        torch.testing.assert_close(second.average_weights()[name], tensor, rtol=0, atol=0)
