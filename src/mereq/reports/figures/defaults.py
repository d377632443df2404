"""Matplotlib with its own defaults: figures are the same in every folder and for every user.

Matplotlib reads a file `matplotlibrc` of the folder in which a program happens to run, or one of the user.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from mereq.core.errors import CannotLoad

try:
    from matplotlib import rc_context, rcParamsDefault
except (UnicodeDecodeError, OSError) as error:
    raise CannotLoad(
        f"Matplotlib cannot read its settings, a file matplotlibrc of this folder or of the user: {error}. Correct or "
        "delete it, or work in another folder."
    ) from error

P = ParamSpec("P")
DEFAULTS: dict[Any, Any] = {name: value for name, value in rcParamsDefault.items() if name != "backend"}


def with_defaults(draw: Callable[P, None]) -> Callable[P, None]:
    """The function, which draws with Matplotlib's own defaults whatever settings are in force."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
        with rc_context(DEFAULTS):
            draw(*args, **kwargs)

    return drawn
