"""Sound at another rate, without scipy.signal, which takes longer to load than most recordings take to resample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["resample"]

# Zero crossings of the low-pass on each side, and the Kaiser window's shape: scipy.signal.resample_poly's own choice.
HALF_CROSSINGS = 10
KAISER_BETA = 5.0


def resample(samples: NDArray[np.float32], up: int, down: int) -> NDArray[np.float32]:
    """Polyphase resampling by ``up / down`` through a windowed-sinc low-pass, without delay.

    Args:
        samples: ``(C, N)``.
        up: Factor of the new rate, without a common divisor with ``down``.
        down: Divisor of the new rate.

    Returns:
        ``(C, ceil(N * up / down))``; silence is assumed beyond both ends.
    """
    half = HALF_CROSSINGS * max(up, down)
    places = np.arange(-half, half + 1)
    low_pass = np.sinc(places / max(up, down)) * np.kaiser(2 * half + 1, KAISER_BETA)
    low_pass *= up / low_pass.sum()
    num_taps = 2 * half // up + 1  # input samples that an output sample can reach
    margin = num_taps
    padded = np.pad(samples, ((0, 0), (margin, margin + down)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, num_taps, axis=1)
    length = -(-samples.shape[1] * up // down)
    result = np.empty((len(samples), length), np.float32)
    for first in range(min(up, length)):
        # Output samples up apart see the input through the same taps of the filter, down input samples further on each time.
        centre = first * down
        start = -(-(centre - half) // up)
        reach = half + centre - up * (start + np.arange(num_taps))
        taps = np.where(reach >= 0, low_pass[np.maximum(reach, 0)], 0.0).astype(np.float32)
        count = -(-(length - first) // up)
        begin = margin + start
        result[:, first::up] = windows[:, begin : begin + (count - 1) * down + 1 : down] @ taps
    return result
