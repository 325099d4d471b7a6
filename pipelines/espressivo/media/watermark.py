"""An invisible mark in the pictures of a video that outlives re-encoding and scaling, unlike metadata.

Spread spectrum in the low frequencies of luma: each of 64 bits moves 97 cosine components up or down by a fraction of a grey
level (Cox et al., 1997, "Secure spread spectrum watermarking for multimedia"). The picture's own share of a bit is known when
the mark is made and is moved only as far as the bit needs (informed embedding; Malvar & Florencio, 2003, "Improved spread
spectrum"), so that it does not drown the mark. Cosines span the whole frame whatever its size, so scaling changes nothing;
cropping moves them and loses the mark.

The places of the bits are no secret: whoever has this program can read the mark, forge it or wash it out. It informs about
files whose metadata was lost in good faith.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter, uniform_filter

from espressivo.errors import EncodeError
from espressivo.threads import LINEAR_ALGEBRA_ON_ONE_CORE

__all__ = ["MAX_PAYLOAD", "read_watermark", "watermarked"]

Frame = NDArray[np.uint8]
PAYLOAD_BITS: Final = 32
CHECK_BITS: Final = 32
COMPONENTS_PER_BIT: Final = 97
MAX_PAYLOAD: Final = 2**PAYLOAD_BITS - 1
# Half cycles a frame: below is what faces and light are made of, above is what H.264 and scaling throw away first.
LOWEST: Final = 40
HIGHEST: Final = 100
# Sides in pixels: smaller frames cannot hold the highest components, or barely.
MIN_MARKED_SIDE: Final = 192
MIN_READ_SIDE: Final = 128
# Mean amplitude in grey levels that a bit is brought to; without the picture's share this alone is 1.4 grey levels rms, 45 dB.
STRENGTH: Final = 0.035
# More for pictures full of detail, which hides the mark and, when encoded anew, disturbs it: share of the spread of their own
# readings.
TEXTURE_SHARE: Final = 0.5
# How the mark is spread over a picture: grey levels of local contrast that count as detail, and how far that weighs.
DETAIL_LEVELS: Final = 4.0
MASK_RANGE: Final = (0.4, 2.0)
DARK_LEVEL: Final = 60.0
DARK_SHARE: Final = 0.4
ROUNDS: Final = 3
# A mark that still reads so well is left where it is, which spares the encoder a flickering pattern.
GOOD_ENOUGH: Final = 0.75
LUMA_WEIGHTS: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709
# Of 2**32 checksums 529 differ from the right one in at most two bits, and with so many doubtful bits of the payload 256
# readings are tried: one unmarked video in 32,000 seems marked.
MAX_CHECK_ERRORS: Final = 2
DOUBTFUL_BITS: Final = 8
SEED: Final = 20261126


def watermarked(frames: Iterable[Frame], payload: int) -> Iterator[Frame]:
    """The same frames with the mark in them.

    Args:
        frames: ``(H, W, 3)`` uint8 RGB; they are not changed.
        payload: 0 to :data:`MAX_PAYLOAD`.

    Yields:
        ``(H, W, 3)`` uint8 RGB.

    Raises:
        EncodeError: ``encode.watermark`` for frames with a side below 192 pixels.
    """
    wanted = _bits(payload)
    shift = np.zeros(PAYLOAD_BITS + CHECK_BITS, np.float32)
    pattern = np.zeros((0, 0), np.float32)
    for frame in frames:
        if min(frame.shape[:2]) < MIN_MARKED_SIDE:
            size = f"{frame.shape[1]} x {frame.shape[0]}"
            raise EncodeError(
                "encode.watermark", f"a video of {size} cannot hold the mark; accepted: sides from {MIN_MARKED_SIDE}"
            )
        with LINEAR_ALGEBRA_ON_ONE_CORE:
            own = _readings(frame @ LUMA_WEIGHTS)
            if pattern.shape != frame.shape[:2] or (wanted * (own + shift)).min() < GOOD_ENOUGH * STRENGTH:
                target = wanted * np.maximum(STRENGTH + TEXTURE_SHARE * own.std(), wanted * own)
                pattern = _hidden_pattern(target - own, frame @ LUMA_WEIGHTS)
                shift = _readings(pattern)
        yield np.clip(np.rint(frame + pattern[..., None]), 0, 255).astype(np.uint8)


def read_watermark(frames: Iterable[Frame]) -> int | None:
    """The payload of marked frames; ``None`` where there is no mark or too little of it is left.

    Args:
        frames: ``(H, W, 3)`` uint8 RGB of one size; a second of video or more reads best.
    """
    readings = [_readings(frame @ LUMA_WEIGHTS) for frame in frames if min(frame.shape[:2]) >= MIN_READ_SIDE]
    if not readings:
        return None
    mean = np.mean(readings, axis=0)
    payload_bits, check_bits = mean[:PAYLOAD_BITS] > 0, np.sign(mean[PAYLOAD_BITS:])
    doubtful = np.argsort(np.abs(mean[:PAYLOAD_BITS]))[:DOUBTFUL_BITS]
    fewest, best = MAX_CHECK_ERRORS + 1, None
    for flips in itertools.product((False, True), repeat=DOUBTFUL_BITS):
        candidate = payload_bits.copy()
        candidate[doubtful] ^= np.array(flips)
        payload = int.from_bytes(np.packbits(candidate).tobytes(), "big")
        errors = int(np.sum(_bits(payload)[PAYLOAD_BITS:] != check_bits))
        if errors < fewest:
            fewest, best = errors, payload
    return best


def _bits(payload: int) -> NDArray[np.float32]:
    """Payload and checksum as -1 and 1."""
    data = payload.to_bytes(PAYLOAD_BITS // 8, "big")
    check = hashlib.blake2b(data, digest_size=CHECK_BITS // 8, person=b"espressivo").digest()
    return np.unpackbits(np.frombuffer(data + check, np.uint8)).astype(np.float32) * 2 - 1


@lru_cache
def _layout() -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """``(bits, components)``: vertical and horizontal half cycles and sign of the components of each bit."""
    rows, columns = np.mgrid[1 : HIGHEST + 1, 1 : HIGHEST + 1]
    radius = np.hypot(rows, columns)
    inside = np.flatnonzero((radius >= LOWEST) & (radius <= HIGHEST))
    random = np.random.Generator(np.random.PCG64(SEED))
    num_bits = PAYLOAD_BITS + CHECK_BITS
    chosen = random.permutation(inside)[: num_bits * COMPONENTS_PER_BIT].reshape(num_bits, COMPONENTS_PER_BIT)
    signs = random.choice(np.array([-1, 1], np.float32), chosen.shape)
    return rows.ravel()[chosen], columns.ravel()[chosen], signs


@lru_cache(maxsize=8)
def _cosines(length: int) -> NDArray[np.float32]:
    """``(HIGHEST + 1, length)`` cosines of 0, 1, 2, ... half cycles over ``length`` pixels."""
    places = (np.arange(length) + 0.5) / length
    return np.cos(np.pi * np.arange(HIGHEST + 1)[:, None] * places).astype(np.float32)


def _readings(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(bits,)`` mean signed amplitude of the components of each bit, in grey levels."""
    amplitudes = _cosines(luma.shape[0]) @ luma @ _cosines(luma.shape[1]).T * (4.0 / luma.size)
    rows, columns, signs = _layout()
    return np.asarray((amplitudes[rows, columns] * signs).mean(axis=1), np.float32)


def _hidden_pattern(shift: NDArray[np.float32], luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(H, W)`` grey levels to add so that the readings move by ``shift``: strong in detail, weak in plain and dark places."""
    mask = _visibility(luma)
    asked = shift / mask.mean()
    for _ in range(ROUNDS):  # the mask mixes the bits a little
        pattern = _pattern(asked, luma.shape[0], luma.shape[1]) * mask
        asked = asked + (shift - _readings(pattern)) / mask.mean()
    return pattern


def _visibility(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(H, W)`` how much may be hidden at each place, about 1 for the texture of hair and cloth."""
    window = max(3, min(luma.shape) // 40)
    mean = uniform_filter(luma, window)
    contrast = np.sqrt(uniform_filter((luma - mean) ** 2, window))
    # The least contrast around: beside an edge lies plain skin, on which the mark would show.
    detail = uniform_filter(np.clip(minimum_filter(contrast, 2 * window) / DETAIL_LEVELS, *MASK_RANGE), window)
    return np.asarray(detail * np.clip(mean / DARK_LEVEL, DARK_SHARE, 1.0), np.float32)


def _pattern(shift: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """``(H, W)`` grey levels to add so that the readings move by ``shift``."""
    rows, columns, signs = _layout()
    amplitudes = np.zeros((HIGHEST + 1, HIGHEST + 1), np.float32)
    amplitudes[rows, columns] = signs * shift[:, None]
    return np.asarray(_cosines(height).T @ amplitudes @ _cosines(width), np.float32)
