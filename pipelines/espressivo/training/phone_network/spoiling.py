"""What happens to speech between mouth and file, done to log-mel frames on the training device.

Other vocal tracts, rooms, noise, music, other speakers, telephones, tilted spectra, levels, missing stretches and bands. All in
nepers of power; B batch, T frames, M bands.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from espressivo.speech.phone_layers import LOUD_QUANTILE

__all__ = ["spoil"]

NEPERS_PER_DB = math.log(10.0) / 10.0
TOP_MEL = 2595.0 * math.log10(1.0 + 8_000.0 / 700.0)
ROOM_STEPS = (1, 2, 4, 8, 16, 32)
LONGEST_GAP_FRAMES, WIDEST_GAP_BANDS = 14, 16


class _Dice:
    """Draws for each row of a batch."""

    def __init__(self, generator: torch.Generator, size: int) -> None:
        self._generator, self._size = generator, size

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """``(B, *shape)``, or ``(B, 1, 1)`` without a shape."""
        draws = torch.rand((self._size, *(shape or (1, 1))), generator=self._generator, device=self._generator.device)
        return low + (high - low) * draws

    def normal(self, *shape: int) -> Tensor:
        """``(B, *shape)`` standard normal."""
        return torch.randn((self._size, *shape), generator=self._generator, device=self._generator.device)

    def chosen(self, share: float) -> Tensor:
        """``(B, 1, 1)`` true in a share of the rows."""
        return self.uniform(0.0, 1.0) < share


def _band_hz(num_bands: int, device: torch.device) -> Tensor:
    """Centre of each mel band."""
    mel = torch.arange(1, num_bands + 1, device=device) / (num_bands + 1) * TOP_MEL
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def _uneven(dice: _Dice, num_bands: int) -> Tensor:
    """``(B, 1, M)`` smooth random spectrum: four cosines over the bands, the slowest the largest."""
    weights = dice.normal(1, 4)
    order = torch.arange(1, 5, device=weights.device)
    place = (torch.arange(num_bands, device=weights.device) + 0.5) / num_bands
    return weights / order @ torch.cos(math.pi * order[:, None] * place)


def _other_tract(log_mel: Tensor, dice: _Dice) -> Tensor:
    """Stretch the frequency axis by 0.84 to 1.2, as a longer or shorter vocal tract does (Jaitly & Hinton 2013)."""
    size, frames, bands = log_mel.shape
    factor = torch.where(dice.chosen(0.7), dice.uniform(0.84, 1.2), torch.ones((), device=log_mel.device))[:, 0]
    source_hz = _band_hz(bands, log_mel.device) * factor
    position = 2595.0 * torch.log10(1.0 + source_hz / 700.0) / TOP_MEL * (bands + 1) - 1.0
    position = position.clamp(0.0, bands - 1.001)
    before = position.floor().long()[:, None].expand(size, frames, bands)
    share = (position - position.floor())[:, None]
    return torch.lerp(log_mel.gather(2, before), log_mel.gather(2, before + 1), share)


def _room(power: Tensor, dice: _Dice) -> Tensor:
    """Reverberation of 0.15 to 0.9 s: power that decays exponentially behind the direct sound."""
    decay = torch.exp(-13.8 * 0.01 / dice.uniform(0.15, 0.9))
    tail = power
    for step in ROOM_STEPS:
        tail = tail + decay**step * functional.pad(tail, (0, 0, step, 0))[:, : tail.shape[1]]
    gain = torch.exp(-NEPERS_PER_DB * dice.uniform(3.0, 18.0)) * (1.0 - decay)
    return power + torch.where(dice.chosen(0.4), gain, torch.zeros_like(gain)) * functional.pad(tail, (0, 0, 1, 0))[:, :-1]


def _noise(power: Tensor, background: Tensor, dice: _Dice) -> Tensor:
    """Coloured noise, two other speakers, or music, 0 to 30 dB below the speech."""
    _, frames, bands = power.shape
    curve = torch.cos(
        math.pi * torch.arange(5, device=power.device)[:, None] * (torch.arange(bands, device=power.device) + 0.5) / bands
    )
    profile = 1.6 * dice.normal(1, 5) / torch.arange(1, 6, device=power.device) @ curve
    coloured = torch.exp(profile + 0.7 * dice.normal(frames, bands))
    babble = power.roll(1, 0) + power.roll(2, 0)
    kind = dice.uniform(0.0, 1.0)
    noise = torch.where(kind < 0.45, coloured, torch.where(kind < 0.65, babble, torch.exp(background)))
    ratio = power.mean(dim=(1, 2), keepdim=True) / noise.mean(dim=(1, 2), keepdim=True).clamp_min(1e-9)
    gain = ratio * torch.exp(-NEPERS_PER_DB * dice.uniform(0.0, 30.0))
    return power + torch.where(dice.chosen(0.65), gain, torch.zeros_like(gain)) * noise


def _channel(log_mel: Tensor, dice: _Dice) -> Tensor:
    """A tilted and uneven spectrum; telephones; what a codec cuts off."""
    bands = log_mel.shape[2]
    hz = _band_hz(bands, log_mel.device)
    curve = torch.cos(
        math.pi * torch.arange(1, 5, device=log_mel.device)[:, None] * (torch.arange(bands, device=log_mel.device) + 0.5) / bands
    )
    uneven = log_mel + 0.7 * dice.normal(1, 4) / torch.arange(1, 5, device=log_mel.device) @ curve
    low_hz = torch.where(dice.chosen(0.2), dice.uniform(150.0, 400.0), torch.zeros((), device=log_mel.device))
    high_hz = torch.where(dice.chosen(0.3), dice.uniform(3_100.0, 7_500.0), torch.full((), 9_000.0, device=log_mel.device))
    octaves_outside = torch.log2(low_hz.clamp_min(1.0) / hz).clamp_min(0.0) + torch.log2(hz / high_hz).clamp_min(0.0)
    return uneven - 20.0 * octaves_outside.clamp_max(0.5)


def _gaps(log_mel: Tensor, dice: _Dice) -> Tensor:
    """Leave out a stretch and a few bands in some rows (SpecAugment, Park et al. 2019)."""
    _, frames, bands = log_mel.shape
    mean = log_mel.mean(dim=(1, 2), keepdim=True)
    for axis, length, widest in ((1, frames, LONGEST_GAP_FRAMES), (2, bands, WIDEST_GAP_BANDS)):
        shape = (1, length, 1) if axis == 1 else (1, 1, length)
        place = torch.arange(length, device=log_mel.device).reshape(shape)
        start = dice.uniform(0.0, float(length))
        gap = (place >= start) & (place < start + dice.uniform(2.0, float(widest))) & dice.chosen(0.4)
        log_mel = torch.where(gap, mean, log_mel)
    return log_mel


def spoil(log_mel: Tensor, background: Tensor, generator: torch.Generator) -> Tensor:
    """Worse recordings of levelled frames, levelled again with some error.

    Args:
        log_mel: ``(B, T, M)``.
        background: ``(B, T, M)`` sound without speech.
        generator: Decides everything; on the device of the frames.
    """
    dice = _Dice(generator, len(log_mel))
    power = torch.exp(_other_tract(log_mel, dice))
    heard = _channel(torch.log(_noise(_room(power, dice), background, dice).clamp_min(1e-9)), dice)
    heard = torch.logaddexp(heard, dice.uniform(-16.0, -7.0).expand_as(heard)) + 0.15 * dice.normal(*heard.shape[1:])
    level = torch.quantile(heard.logsumexp(dim=2), LOUD_QUANTILE, dim=1)[:, None, None]
    return _gaps(heard - level + 0.4 * dice.normal(1, 1), dice)
