"""How the engine is compiled: one decorator, so one set of Numba options for every compiled function.

`fastmath` stays off (additions keep highway-env's order), and `error_model="numpy"` drops the zero-division checks:
every divisor of the engine has passed `not_zero`. The GIL is released while a compiled function runs.
"""

import inspect
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba


def compiled(function: Callable[..., Any], *, cache: bool = False) -> Any:
    """`function`, compiled on first call. Run-time shape checkers are taken off first: Numba cannot see through them."""
    return numba.njit(
        inspect.unwrap(function), cache=cache, nogil=True, boundscheck=False, fastmath=False, error_model="numpy"
    )


def fingerprint_of_sources() -> int:
    """Checksum of this folder's source files.

    Numba's disk cache watches only the file of the cached function, not the files of the functions it calls. A cached
    function that closes over this number is compiled anew when any of them changes.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return zlib.crc32(b"".join(source.read_bytes() for source in sources))
