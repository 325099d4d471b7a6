"""Random numbers: one seed for a run, an independent child for every stage.

Children are named, not counted, so that a new stage does not shift the random numbers of the others.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Protocol

import numpy as np

from espressivo.errors import SettingError

__all__ = ["MAX_SEED", "HasInitialSeed", "child_seed", "numpy_generator", "resolve_seed"]

MAX_SEED = 2**63 - 1


class HasInitialSeed(Protocol):
    """What is used of a ``torch.Generator``."""

    def initial_seed(self) -> int:
        """The seed the generator was given."""


def resolve_seed(seed: int | None) -> int:
    """The seed itself, or a fresh one when ``None``.

    Raises:
        SettingError: ``setting.seed`` when the seed is negative or above :data:`MAX_SEED`.
    """
    if seed is None:
        return secrets.randbelow(2**31)
    if not 0 <= seed <= MAX_SEED:
        raise SettingError("setting.seed", f"seed is {seed}; accepted: 0 to {MAX_SEED}")
    return seed


def child_seed(seed: int, *names: str) -> int:
    """Seed of a named stage, e.g. ``child_seed(seed, "motion", "blinks")``."""
    text = "/".join((str(seed), *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") & MAX_SEED


def numpy_generator(seed: int, *names: str) -> np.random.Generator:
    """Generator of a named stage; global random state is never touched."""
    return np.random.Generator(np.random.PCG64(child_seed(seed, *names)))
