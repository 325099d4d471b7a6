"""The layers of the phone network: what is heard in levelled log-mel frames. Needs little but torch: it trains anywhere.

Legend: B batch, T frames of 10 ms, M mel bands (80), C channels, P classes, L lip curves (3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from espressivo.speech.phones import LIP_CURVES

__all__ = ["LIP_DILATION", "LIP_KERNEL", "NUM_BANDS", "Heard", "PhoneLayers", "level_of"]

NUM_BANDS = 80
# A recording is shifted so that the loud end of its frames is at 0; what is 14 nepers (61 dB) quieter is not told apart.
LOUD_QUANTILE = 0.95
QUIETEST = -14.0
INPUT_MEAN, INPUT_SCALE = -6.0, 3.0
FRONT_KERNEL, FRONT_RIGHT = 5, 2
# The lip curves are linear in what the blocks make of the sound and in coarse bands of the sound itself, 120 ms to both sides.
LIP_KERNEL, LIP_DILATION, LIP_BANDS, LIP_SMOOTHING = 7, 4, 40, 3
LIP_REACH = LIP_KERNEL // 2 * LIP_DILATION + LIP_SMOOTHING // 2


def level_of(log_mel: NDArray[np.float32]) -> float:
    """Natural logarithm of the power that 5 % of the frames of ``(T, M)`` exceed; subtracted before the network hears them."""
    loudest = log_mel.max(axis=1)
    power = loudest + np.log(np.exp(log_mel - loudest[:, None]).sum(axis=1))
    return float(np.quantile(power, LOUD_QUANTILE))


class Heard(NamedTuple):
    """What the layers put out.

    Attributes:
        classes: ``(B, T, P)`` logits.
        voicing: ``(B, T)`` logits.
        lips: ``(B, T, L)`` :data:`espressivo.speech.phones.LIP_CURVES` in units of ARKit weights, not clipped.
    """

    classes: Tensor
    voicing: Tensor
    lips: Tensor


class _Block(nn.Module):
    """Gated pointwise expansion, depthwise convolution over time, projection; residual."""

    def __init__(self, channels: int, kernel: int, dilation: int, right: int, dropout: float) -> None:
        super().__init__()
        self.padding = ((kernel - 1 - right) * dilation, right * dilation)
        self.norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, 2 * channels)
        self.over_time = nn.Conv1d(channels, channels, kernel, dilation=dilation, groups=channels)
        self.project = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:  # (B, T, C) -> (B, T, C)
        gated = functional.glu(self.expand(self.norm(hidden)), dim=-1)
        moved = self.over_time(functional.pad(gated.transpose(1, 2), self.padding)).transpose(1, 2)
        projected: Tensor = self.project(functional.silu(moved))
        added: Tensor = hidden + self.dropout(projected)
        return added


class PhoneLayers(nn.Module):
    """Levelled log-mel frames to viseme posteriors, voicing and lip curves.

    Args:
        num_classes: P; class 0 is silence.
        channels: Width of the network.
        kernel: Taps of each convolution.
        dilations: Spacing of the taps, one for each block.
        rights: Taps that look into the future, one for each block.
        dropout: Share of what a block adds that is left out in training.
    """

    log_prior: Tensor
    log_bigram: Tensor
    mean_frames: Tensor

    def __init__(
        self,
        num_classes: int,
        channels: int,
        kernel: int,
        dilations: Sequence[int],
        rights: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        self.look_ahead_frames = FRONT_RIGHT + LIP_REACH + sum(r * d for r, d in zip(rights, dilations, strict=True))
        self.look_back_frames = (
            (FRONT_KERNEL - 1 - FRONT_RIGHT)
            + LIP_REACH
            + sum((kernel - 1 - r) * d for r, d in zip(rights, dilations, strict=True))
        )
        self.front = nn.Conv1d(NUM_BANDS, channels, FRONT_KERNEL)
        self.blocks = nn.ModuleList(_Block(channels, kernel, d, r, dropout) for d, r in zip(dilations, rights, strict=True))
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, num_classes + 1)
        # Fitted in closed form after the rest is trained: captured speakers are too few to train by.
        self.lip_head = nn.Conv1d(channels + LIP_BANDS, len(LIP_CURVES), LIP_KERNEL, dilation=LIP_DILATION, padding="same")
        # Statistics of the training corpus for the decoder: class shares, which class follows which, mean durations in frames.
        self.register_buffer("log_prior", torch.zeros(num_classes))
        self.register_buffer("log_bigram", torch.zeros(num_classes, num_classes))
        self.register_buffer("mean_frames", torch.full((num_classes,), 8.0))

    def forward(self, levelled: Tensor) -> Heard:
        """Hear ``(B, T, M)`` log-mel frames from which :func:`level_of` their recording was subtracted."""
        hidden = self._hidden(levelled)
        logits = self.head(hidden)
        lips: Tensor = self.lip_head(self._lip_inputs(levelled, hidden).transpose(1, 2)).transpose(1, 2)
        return Heard(logits[..., :-1], logits[..., -1], lips)

    def lip_inputs(self, levelled: Tensor) -> Tensor:
        """``(B, T, C + 40)`` what the lip head is linear in."""
        return self._lip_inputs(levelled, self._hidden(levelled))

    def _hidden(self, levelled: Tensor) -> Tensor:  # (B, T, C)
        centred = ((levelled.clamp_min(QUIETEST) - INPUT_MEAN) / INPUT_SCALE).transpose(1, 2)  # (B, M, T)
        padded = functional.pad(centred, (FRONT_KERNEL - 1 - FRONT_RIGHT, FRONT_RIGHT), mode="replicate")
        hidden = self.front(padded).transpose(1, 2)
        for block in self.blocks:
            hidden = block(hidden)
        normed: Tensor = self.norm(hidden)
        return normed

    def _lip_inputs(self, levelled: Tensor, hidden: Tensor) -> Tensor:
        coarse = levelled.clamp_min(QUIETEST).reshape(*levelled.shape[:2], LIP_BANDS, -1).mean(dim=3).transpose(1, 2)
        smooth = functional.avg_pool1d(coarse, LIP_SMOOTHING, 1, LIP_SMOOTHING // 2, count_include_pad=False)
        return torch.cat([hidden, (smooth.transpose(1, 2) - INPUT_MEAN) / INPUT_SCALE], dim=2)
