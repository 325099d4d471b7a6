"""How the hot loops are compiled: by numba, at the first call, cached on disk.

Compiled loops release the interpreter lock and keep no state, so several threads may render at once.
"""

from __future__ import annotations

from functools import partial

import numba

__all__ = ["compiled"]

compiled = partial(numba.njit, nogil=True, cache=True, fastmath={"nsz", "arcp", "contract", "afn"})
