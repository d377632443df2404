"""The run-time checks that the test-suite puts on the package: jaxtyping's shapes and beartype's types.

A check costs 30 times what a short function costs, and the loops of a run call the same functions a hundred thousand
times with the same shapes. So in each test the first calls of each function are checked, and then one in so many.
"""

import functools
import inspect
import sys
from contextlib import contextmanager
from dataclasses import is_dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import runtime_checkable

import jaxtyping
import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype

FIRST_CALLS, ONE_IN = 8, 200  # of a function in a test

# a whole number may be NumPy's (actions of a Discrete space are), and may stand where a float is wanted
NUMBERS = BeartypeConf(is_pep484_tower=True, hint_overrides=FrozenDict({int: int | np.integer}))

_counters: list[list[int]] = []
_paused = [False]
_jaxtyped = jaxtyping.jaxtyped


def checked(function):
    """`function` with its annotations executed at every call.

    beartype tests a value against a protocol with `isinstance`, which Python allows for `runtime_checkable` protocols
    only. The package has no use for that itself, so its protocols are made checkable here.
    """
    for value in vars(sys.modules[function.__module__]).values():
        if isinstance(value, type) and getattr(value, "_is_protocol", False):
            runtime_checkable(value)
    return beartype(function, conf=NUMBERS)


def sampled(function, check):
    """`check(function)` for the first calls since `forget_calls`, then for one in so many; else `function`.

    The check is made at the first call: each of pytest's workers imports the whole package, and calls a part of it.
    """
    calls, made = [0], []
    _counters.append(calls)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        __tracebackhide__ = True
        calls[0] += 1
        if _paused[0] or (calls[0] > FIRST_CALLS and calls[0] % ONE_IN):
            return function(*args, **kwargs)
        if not made:
            made.append(check(function))
        return made[0](*args, **kwargs)

    return wrapper


def jaxtyped(fn, *, typechecker):
    """jaxtyping's decorator, with the checks of a function made as often as `sampled` says."""
    if is_dataclass(fn):  # whose __init__ jaxtyping replaces

        def check(init):
            sampling, fn.__init__ = fn.__init__, init
            checked_init = _jaxtyped(fn, typechecker=typechecker).__init__
            fn.__init__ = sampling
            return checked_init

        fn.__init__ = sampled(fn.__init__, check)
        return fn
    if isinstance(fn, (staticmethod, classmethod, property)) or not inspect.isfunction(fn):
        return _jaxtyped(fn, typechecker=typechecker)
    return sampled(fn, functools.partial(_jaxtyped, typechecker=typechecker))


def forget_calls() -> None:
    """The next calls of every function are its first ones."""
    for calls in _counters:
        calls[0] = 0


@contextmanager
def paused():
    """Without checks, as for a user: what the package itself says about values of other types."""
    _paused[0] = True
    try:
        yield
    finally:
        _paused[0] = False


def check_the_package() -> None:
    """From here on, `mereq` is imported with its annotations checked; it must not have been imported before."""
    if any(name.split(".")[0] == "mereq" for name in sys.modules):
        raise RuntimeError("mereq was imported before its shape annotations could be switched on")
    jaxtyping.jaxtyped = functools.partial(functools.partial, jaxtyped)  # called with typechecker=...
    jaxtyping.install_import_hook("mereq", "shape_checks.checked")
    sys.meta_path.insert(0, NumbaModulesUnchecked)


class NumbaModulesUnchecked:
    """An import hook, to be put before jaxtyping's: Numba compiles functions, and cannot see through a checker."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """The plain module, for those of the tasks that are compiled."""
        if not name.startswith("mereq.tasks."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None or not Path(spec.origin).is_file():
            return None
        source = Path(spec.origin).read_text()
        return spec if "import numba" in source or "import compiled" in source else None
