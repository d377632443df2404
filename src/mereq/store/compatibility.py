"""Comparison of configurations and versions when a run or a study is resumed."""

import json
from pathlib import PurePath
from typing import Any

from mereq.core.errors import IncompatibleRun

READ_BY: dict[
    str, tuple[str, ...]
] = {  # names of the methods that read these settings; others run the same, whatever they are
    "posterior": ("mereq-bayes", "mereq-bayes-fading", "mereq-bayes-wishes", "mereq-bayes-csil", "mereq-bayes-iq"),
    "takeovers": ("rlif", "rift", "pvp"),
    "coherent": ("csil",),
    "gates": ("aim", "thrifty-dagger"),
    "decisions": ("mile",),
    "preferences": ("ppl",),
}


def check_resumable(recorded: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse a configuration with which a recorded run cannot be continued exactly.

    Only `n_rounds` may differ, and only grow: no round depends on the number of later rounds. Settings that the
    method does not read may differ, too.

    Raises:
        IncompatibleRun: the configurations differ; the message lists the differences.
    """
    found = _compared(recorded, wanted)
    before, after = found.pop("n_rounds", (0, 0))
    if isinstance(before, int) and isinstance(after, int) and after < before:
        raise IncompatibleRun(
            f"The run has n_rounds = {before}, and cannot be resumed with {after}: this number may only grow."
        )
    if found:
        raise IncompatibleRun(
            f"The run was recorded with another configuration: {_listed(found)}. Resume it with the recorded "
            "one, or start a new run in another directory."
        )


def changes(recorded: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Differences between two configurations, as text; empty if there are none."""
    return _listed(_compared(recorded, wanted))


def check_version(what: str, recorded_by: str, this: str) -> None:
    """Refuse a record of another version of mereq: the first two numbers of the versions must be equal.

    Raises:
        IncompatibleRun: one of these numbers differs.
    """
    series = recorded_by.split(".")[:2]
    if series != this.split(".")[:2]:
        raise IncompatibleRun(
            f"{what} was recorded by mereq {recorded_by}; this is mereq {this}. Open it with a version "
            f"{'.'.join(series)}.x, or start a new one in another directory."
        )


def _compared(recorded: dict[str, Any], wanted: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Differences between two configurations that concern the run: not in settings that its method does not read."""
    method = wanted.get("method")
    unread = tuple(f"settings.{name}" for name, methods in READ_BY.items() if method and method not in methods)
    found = _differences(_as_json(recorded), _as_json(wanted))
    return {name: change for name, change in found.items() if not name.startswith(unread)}


def _as_json(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration after writing and reading: lists replace tuples. What only describes the run is left out.

    That are the path of a robot's driver, and Gymnasium's specification of the environment, which has other entries in
    other versions of Gymnasium.
    """
    written = json.loads(json.dumps({name: value for name, value in config.items() if name != "env_spec"}))
    robot = written.get("robot")
    return written | {"robot": PurePath(robot).name} if isinstance(robot, str) else written


def _listed(changes: dict[str, tuple[Any, Any]]) -> str:
    return "; ".join(f"{name} was {before!r}, now {after!r}" for name, (before, after) in changes.items())


def _differences(left: dict[str, Any], right: dict[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Entries that differ, by dotted names such as `settings.learner.gamma`."""
    found = {}
    for key in sorted(left.keys() | right.keys()):
        before, after = left.get(key, "missing"), right.get(key, "missing")
        if isinstance(before, dict) and isinstance(after, dict):
            found |= _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found[prefix + key] = (before, after)
    return found
