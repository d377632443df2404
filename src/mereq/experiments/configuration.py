"""A run's configuration: what must be the same when it goes on."""

from typing import Any

from mereq.core.errors import IncompatibleRun


def check_resumable(recorded: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Whether a run recorded with one configuration goes on exactly with another one.

    Only `n_iterations` may differ, and only grow: no round depends on how many come after it.

    Raises:
        IncompatibleRun: naming what differs.
    """
    changes = _differences(recorded, wanted)
    before, after = changes.pop("n_iterations", (0, 0))
    if isinstance(before, int) and isinstance(after, int) and after < before:
        raise IncompatibleRun(
            f"The run was to have n_iterations = {before}, and cannot be resumed with {after}: it may only grow."
        )
    if changes:
        listed = "; ".join(f"{name} was {before!r}, now {after!r}" for name, (before, after) in changes.items())
        raise IncompatibleRun(
            f"The run was recorded with another configuration: {listed}. Resume it with what it was started with, or "
            "start a new run in another directory."
        )


def _differences(left: dict[str, Any], right: dict[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Entries that are not equal, under dotted names such as `settings.learner.gamma`."""
    found = {}
    for key in sorted(left.keys() | right.keys()):
        before, after = left.get(key, "missing"), right.get(key, "missing")
        if isinstance(before, dict) and isinstance(after, dict):
            found |= _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found[prefix + key] = (before, after)
    return found
