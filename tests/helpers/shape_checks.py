"""The run-time checker that the test-suite puts on the package: beartype, for hints that name protocols too."""

import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import runtime_checkable

import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype

# a whole number may be NumPy's (actions of a Discrete space are), and may stand where a float is wanted
NUMBERS = BeartypeConf(is_pep484_tower=True, hint_overrides=FrozenDict({int: int | np.integer}))


def checked(function):
    """`function` with its annotations executed at every call.

    beartype tests a value against a protocol with `isinstance`, which Python allows for `runtime_checkable` protocols
    only. The package has no use for that itself, so its protocols are made checkable here.
    """
    for value in vars(sys.modules[function.__module__]).values():
        if isinstance(value, type) and getattr(value, "_is_protocol", False):
            runtime_checkable(value)
    return beartype(function, conf=NUMBERS)


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
