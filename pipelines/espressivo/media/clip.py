"""Sound in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from espressivo.errors import AudioInputError
from espressivo.media.resampling import resample

__all__ = ["AudioClip"]


@dataclass(frozen=True, slots=True)
class AudioClip:
    """Decoded sound.

    Attributes:
        samples: ``(C, N)`` float32, nominally -1 to 1.
        sample_rate_hz: Samples a second of each channel.

    Raises:
        AudioInputError: ``audio.shape`` or ``audio.not_finite``.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or 0 in self.samples.shape:
            raise AudioInputError(
                "audio.shape", f"audio has shape {self.samples.shape}; expected (channels, samples), neither zero"
            )
        if not np.isfinite(self.samples).all():
            raise AudioInputError("audio.not_finite", "audio holds NaN or infinity; export it again")
        object.__setattr__(self, "samples", np.ascontiguousarray(self.samples, dtype=np.float32))

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.sample_rate_hz)

    def mono(self, sample_rate_hz: int) -> NDArray[np.float32]:
        """``(N,)`` mean of the channels at another rate (polyphase resampling)."""
        mean: NDArray[np.float32] = self.resampled(sample_rate_hz).samples.mean(axis=0)
        return mean

    def resampled(self, sample_rate_hz: int) -> Self:
        """The same sound at another rate."""
        if sample_rate_hz == self.sample_rate_hz:
            return self
        divisor = int(np.gcd(sample_rate_hz, self.sample_rate_hz))
        return type(self)(resample(self.samples, sample_rate_hz // divisor, self.sample_rate_hz // divisor), sample_rate_hz)

    def placed(self, offset_s: float, duration_s: float) -> Self:
        """The same sound on a clock that lasts ``duration_s``, on which it begins at ``offset_s`` (below 0: its start is cut).

        A part of a sample at the end is left out: with it a clock of whole frames would last a frame longer.
        """
        count, offset = int(duration_s * self.sample_rate_hz + 1e-6), round(offset_s * self.sample_rate_hz)
        placed = np.zeros((len(self.samples), max(1, count)), np.float32)
        heard = self.samples[:, max(0, -offset) : max(0, count - offset)]
        placed[:, max(0, offset) : max(0, offset) + heard.shape[1]] = heard
        return type(self)(placed, self.sample_rate_hz)
