"""What a dataset says of every step, whatever its format."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mereq.core.task import Task
from mereq.exports.recording import Episode

Table = dict[str, np.ndarray]  # T entries by column


class Column(NamedTuple):
    """One quantity of a step."""

    name: str
    about: str
    of: Callable[[Episode], np.ndarray]  # (T, ...)


COLUMNS = (
    Column("run", "which run of this dataset, from 0; provenance.json lists them", lambda e: _all(e, e.run)),
    Column("round", "of the run, from 0; after each one the policy was improved", lambda e: _all(e, e.round)),
    Column("episode", "of the round, from 0", lambda e: _all(e, e.number)),
    Column("step", "of the episode, from 0", lambda e: np.asarray(e.rollout.step, np.int64)),
    Column("observation", "what the step was decided on, in the task's own units", lambda e: e.rollout.obs),
    Column("action", "that was executed: its number, or coordinates in [-1, 1]", lambda e: e.rollout.executed),
    Column("proposed_action", "that the policy would have taken", lambda e: e.rollout.proposed),
    Column(
        "policy_version",
        "number of the policy that proposed the step",
        lambda e: np.asarray(e.rollout.version, np.int64),
    ),
    Column("is_intervention", "the expert was in control", lambda e: e.rollout.by_expert),
    Column("retracted", "the expert was in control, and later took it back as a mistake", lambda e: e.retracted),
    Column("retracts", "before this step the expert took back their last intervention", lambda e: e.rollout.retracts),
    Column("features", "of the step; every reward is their sum, weighted by theta", lambda e: e.rollout.features),
    Column("next_observation", "where the step led", lambda e: e.rollout.next_obs),
    Column("terminated", "the step ended the task", lambda e: e.rollout.terminated),
    Column("truncated", "the step was the last that the episode may have", lambda e: e.rollout.truncated),
)


def table(episode: Episode) -> Table:
    """All columns of an episode."""
    return {column.name: column.of(episode) for column in COLUMNS}


def parts(name: str, values: np.ndarray, task: Task) -> tuple[str, ...]:
    """Names of the numbers in a column: of a scalar its own, of a vector one for each coordinate."""
    if values.ndim == 1:
        return (name,)
    coordinates = task.feature_names if name == "features" else range(values.shape[1])
    return tuple(f"{name}_{coordinate}" for coordinate in coordinates)


def described(first: Table, task: Task) -> list[dict[str, Any]]:
    """What the columns are, for JSON.

    first: any episode.
    """
    return [
        {
            "name": column.name,
            "dtype": first[column.name].dtype.name,
            "shape": list(first[column.name].shape[1:]),
            "parts": list(parts(column.name, first[column.name], task)),
            "about": column.about,
        }
        for column in COLUMNS
    ]


def _all(episode: Episode, value: int) -> np.ndarray:
    return np.full(len(episode), value, np.int64)
