"""The parts of diffusers that networks here are made of, loaded without what they do not need.

diffusers asks for one decorator of ``torch._dynamo`` and for one base class of transformers, which take longer to load than all
the rest, and does without them where they are missing. Nothing here is compiled or quantised, and a talking head should not
wait for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ConfigMixin", "DDIMScheduler", "ModelMixin", "register_to_config"]


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Importing a module fails inside, unless it is there already; outside it can be had as always."""
    if name in sys.modules:
        yield
        return
    # None in place of a module makes its import fail ("The import system", Python reference, 5.3.1).
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with _without("torch._dynamo"):
    import diffusers.utils  # noqa: F401 - looks which packages there are; others who use diffusers want transformers found

    with _without("transformers"):
        from diffusers import ConfigMixin, DDIMScheduler, ModelMixin
        from diffusers.configuration_utils import register_to_config
