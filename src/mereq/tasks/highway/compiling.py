"""Compilation of the engine: one decorator, and so one set of Numba options for every compiled function.

`fastmath` stays off (additions keep highway-env's order), and `error_model="numpy"` drops the zero-division checks:
every divisor of the engine has passed `not_zero`. The GIL is released while a compiled function runs.
"""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

NOTHING_COMPILED = {"__init__", "drawing", "engine", "environment", "reference", "scene", "simulator"}


def compiled(function: Callable[..., Any], *, called_from_python: bool = False) -> Any:
    """Compiled form of a function: compiled on first call, and inlined where it is used.

    Only functions that are `called_from_python` can be called from there, and only they are kept in Numba's disk cache.
    """
    options: dict[str, Any] = {
        "cache": called_from_python,
        "no_cpython_wrapper": not called_from_python,
        "no_cfunc_wrapper": True,
        "nogil": True,
        "forceinline": True,
        "boundscheck": False,
        "fastmath": False,
        "error_model": "numpy",
    }
    return numba.njit(**options)(function)


def fingerprint_of_sources() -> int:
    """Checksum of this folder's source files, except those without compiled functions.

    Numba's disk cache watches only the file of the cached function, not the files of the functions it calls. A cached
    function that closes over this number is recompiled when any of them changes.
    """
    sources = sorted(path for path in Path(__file__).parent.glob("*.py") if path.stem not in NOTHING_COMPILED)
    return zlib.crc32(b"".join(source.read_bytes() for source in sources))


def is_ready(function: Any, arguments: tuple[Any, ...]) -> bool:
    """Whether a compiled `function` is in memory or in the disk cache for the types of such arguments.

    Numba has no public interface for this; the function reads what Numba's dispatcher reads.
    """
    signature = tuple(numba.typeof(argument) for argument in arguments)
    if signature in function.overloads:
        return True
    cache = function._cache
    return cache._index_key(signature, function.targetctx.codegen()) in cache._cache_file._load_index()
