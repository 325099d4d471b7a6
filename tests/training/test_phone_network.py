"""Training of the phone network at tiny size, on prepared frames that are made up."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from espressivo.speech import phone_classes
from espressivo.speech.features import NUM_MELS
from espressivo.speech.phone_layers import NUM_BANDS, level_of
from espressivo.training.phone_network.dataset import _write
from espressivo.training.phone_network.frames import BACKGROUND, UNKNOWN, FramePool, decoder_statistics
from espressivo.training.phone_network.packing import pack_mel, unpack_mel
from espressivo.training.phone_network.spoiling import spoil
from espressivo.training.phone_network.train import AVERAGE, train
from espressivo.training.runs import Run

STEP = 2.0
SHARES = {"spoken": 0.75, BACKGROUND: 0.25}
TASK = {
    "classes": ["sil", "PP", "aa"],
    "labels": [["SIL", "SIL"], ["P", "B"], ["AA", "AA"]],
    "model": {"channels": 8, "kernel": 3, "dilations": [1, 2], "rights": [1, 0], "dropout": 0.1},
    "training": {
        "steps": 3, "batch": 6, "frames": 40, "learning_rate": 0.01, "weight_decay": 0.0, "warm_up": 1,
        "label_smoothing": 0.0, "voicing": 0.3, "average": 0.9, "seed": 4,
    },
    "shares": SHARES,
    "step": STEP,
}  # fmt: skip


def frames(count: int, seed: int = 0) -> np.ndarray:
    """Smooth frames around the level of speech."""
    noise = np.random.default_rng(seed).normal(-6.0, 3.0, (count // 10 + 2, 8))
    over_time = np.stack([np.interp(np.arange(count) / 10, np.arange(len(noise)), band) for band in noise.T], axis=1)
    return np.repeat(over_time, 10, axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    count = 400
    classes = np.repeat(np.arange(count // 20) % 3, 20)
    classes[:10] = -1
    for name, marks in (("spoken", classes), (BACKGROUND, np.zeros(count, int))):
        _write(folder / f"{name}.safetensors", [frames(count)], STEP, marks, (marks == 2).astype(np.float32))
    (folder / "task.json").write_text(json.dumps(TASK), encoding="utf-8")
    return folder


def pool(folder: Path) -> FramePool:
    return FramePool(folder, SHARES, STEP, torch.device("cpu"))


def test_the_constants_of_both_sides_agree() -> None:
    assert NUM_BANDS == NUM_MELS
    assert phone_classes.UNKNOWN == UNKNOWN


@pytest.mark.parametrize("count", [1, 16, 37])
def test_packed_frames_come_back_with_a_small_error(count: int) -> None:
    mel = frames(count)
    back = unpack_mel(pack_mel(mel, STEP), STEP, count)
    assert back.shape == mel.shape
    assert np.abs(back - mel).mean() < 0.25 * STEP
    assert len(pack_mel(frames(1600), STEP)) < 0.2 * 1600 * NUM_BANDS


def test_the_level_is_of_the_loud_frames() -> None:
    mel = frames(200)
    assert level_of(mel + 3.0) == pytest.approx(level_of(mel) + 3.0, abs=1e-4)
    quiet = np.concatenate([mel, np.full((20, NUM_BANDS), -16.0, np.float32)])
    assert abs(level_of(quiet) - level_of(mel)) < 1.0


def test_a_batch_has_every_kind_of_stretch(prepared) -> None:
    batch = pool(prepared).batch(torch.Generator().manual_seed(0), 8, 40)
    assert batch.log_mel.shape == (8, 40, NUM_BANDS)
    assert batch.background.shape == batch.log_mel.shape
    assert set(batch.classes[:6].unique().tolist()) <= {UNKNOWN, 0, 1, 2}
    assert not batch.classes[-2:].any()  # nobody speaks in the background


def test_spoiled_frames_are_levelled_and_repeatable() -> None:
    mel = torch.from_numpy(np.stack([frames(60, seed) for seed in range(6)]))
    first, second = (spoil(mel, mel.flip(0), torch.Generator().manual_seed(3)) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert torch.isfinite(first).all()
    assert (first - mel).abs().mean() > 0.3
    assert first.logsumexp(2).quantile(0.95, dim=1).abs().max() < 2.5


def test_statistics_know_shares_and_durations(prepared) -> None:
    statistics = decoder_statistics(pool(prepared), 3)
    np.testing.assert_allclose(statistics["log_prior"].exp().sum(), 1.0, atol=1e-5)
    np.testing.assert_allclose(statistics["mean_frames"], 20.0, atol=1.5)
    assert statistics["log_bigram"][0].argmax() == 1  # silence is followed by PP in what was made up


def test_training_is_repeatable_and_resumes(prepared, tmp_path) -> None:
    whole = Run(tmp_path / "whole")
    train(prepared, whole, device=torch.device("cpu"))
    again = Run(tmp_path / "again")
    train(prepared, again, device=torch.device("cpu"))
    assert (whole.folder / AVERAGE).read_bytes() == (again.folder / AVERAGE).read_bytes()
    losses = [json.loads(line) for line in (whole.folder / "log.jsonl").read_text().splitlines()]
    assert losses[0]["classes"] > 0.0
    train(prepared, whole, device=torch.device("cpu"))  # nothing is left to do
    assert (whole.folder / AVERAGE).read_bytes() == (again.folder / AVERAGE).read_bytes()


def test_a_time_limit_ends_training(prepared, tmp_path) -> None:
    run = Run(tmp_path / "run")
    train(prepared, run, device=torch.device("cpu"), minutes=0.01)
    assert json.loads((run.folder / "state.json").read_text())["step"] > 0


def test_training_needs_little_more_than_torch() -> None:
    code = "import sys, espressivo.training.phone_network.train\nprint(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not {"yaml", "diffusers", "av", "mediapipe", "pydantic", "cv2", "pocketsphinx"} & loaded
