"""The parts of diffusers that networks here are made of, loaded without torch's compiler.

diffusers asks for one decorator of ``torch._dynamo``, which takes longer to load than all the rest, and does without it where
it is missing. Nothing here is compiled, and a talking head should not wait for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ConfigMixin", "DDIMScheduler", "ModelMixin", "register_to_config"]


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Importing ``torch._dynamo`` fails inside, unless it is there already; outside it can be had as always."""
    name = "torch._dynamo"
    if name in sys.modules:
        yield
        return
    # None in place of a module makes its import fail ("The import system", Python reference, 5.3.1).
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with _without_compiler():
    from diffusers import ConfigMixin, DDIMScheduler, ModelMixin
    from diffusers.configuration_utils import register_to_config
