"""From a finished run to a checkpoint: the lip curves are fitted to captured takes, then everything is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from espressivo.media.clip import AudioClip
from espressivo.pretrained import save_network
from espressivo.speech.features import HOP_S, SAMPLE_RATE_HZ, extract_features
from espressivo.speech.phone_layers import LIP_DILATION, LIP_KERNEL, PhoneLayers, level_of
from espressivo.speech.phone_network import PhoneNetwork
from espressivo.speech.phones import LIP_CURVES
from espressivo.training.motion.capture import TRAINING_TAKES, lip_curves
from espressivo.training.phone_network.train import read_task

__all__ = ["export"]

# Ridge penalty as a share of the number of frames; chosen on takes 1114_2_02 and 1114_2_04 left out of the fit.
PENALTY = 0.15
FloatArray = NDArray[np.float64]


def export(prepared: Path, weights: Path, facegood: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Write averaged weights as a checkpoint (without digests and model card).

    Args:
        prepared: The data that was trained on; names classes and model.
        weights: ``average.safetensors`` of the run.
        facegood: The captured takes.
        folder: The checkpoint.

    Returns:
        For each of two takes, R2 of the curves that a fit without this take gives it.
    """
    task = read_task(prepared)
    network = PhoneNetwork(classes=task["classes"], labels=task["labels"], **task["model"])
    kept = {name: value for name, value in load_file(weights).items() if not name.startswith("lip_")}
    network.layers.load_state_dict(kept, strict=False)
    network.eval()
    rows = {take: _rows(network.layers, facegood, take) for take in TRAINING_TAKES}
    left_out = {
        take: _scores(_fitted([rows[name] for name in TRAINING_TAKES if name != take]), rows[take])
        for take in ("1114_2_02", "1114_2_04")
    }
    slope, offset = _fitted(list(rows.values()))
    # (K x inputs, L) -> (L, inputs, K)
    kernel = slope.reshape(LIP_KERNEL, -1, len(LIP_CURVES)).transpose(2, 1, 0)
    with torch.no_grad():
        network.layers.lip_head.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
        network.layers.lip_head.bias.copy_(torch.from_numpy(offset))
    save_network(network, folder)
    return left_out


@torch.inference_mode()
def _rows(layers: PhoneLayers, facegood: Path, take: str) -> tuple[FloatArray, FloatArray]:
    """``(N, K x inputs)`` what the lip head sees at the captured moments, and the curves ``(N, L)``."""
    sound, times_s, curves = lip_curves(facegood, take)
    features = extract_features(AudioClip(sound.mono(SAMPLE_RATE_HZ)[None], SAMPLE_RATE_HZ))
    levelled = features.log_mel - level_of(features.log_mel[features.speaking])
    inputs = layers.lip_inputs(torch.from_numpy(levelled)[None])[0].numpy().astype(np.float64)
    centre = np.round(times_s / HOP_S - 0.5).astype(int)
    taps = (np.arange(LIP_KERNEL) - LIP_KERNEL // 2) * LIP_DILATION
    return np.concatenate([inputs[np.clip(centre + tap, 0, len(inputs) - 1)] for tap in taps], axis=1), curves.astype(np.float64)


def _fitted(takes: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Slope ``(K x inputs, L)`` and offset ``(L,)`` of ridge regression on standardised inputs."""
    x, y = (np.concatenate(part) for part in zip(*takes, strict=True))
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = (x - mean) / scale
    slope = np.linalg.solve(z.T @ z + PENALTY * len(z) * np.eye(z.shape[1]), z.T @ (y - y.mean(axis=0))) / scale[:, None]
    return slope, y.mean(axis=0) - mean @ slope


def _scores(fit: tuple[FloatArray, FloatArray], take: tuple[FloatArray, FloatArray]) -> dict[str, float]:
    guess = np.maximum(0.0, take[0] @ fit[0] + fit[1])
    rest = ((take[1] - guess) ** 2).sum(axis=0) / ((take[1] - take[1].mean(axis=0)) ** 2).sum(axis=0)
    return dict(zip(LIP_CURVES, (1.0 - rest).round(3).tolist(), strict=True))
