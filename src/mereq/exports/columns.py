"""Columns of a dataset, whatever its format: the quantities of every step."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from mereq.exports.recording import Episode

Table = dict[str, np.ndarray]  # T entries by column


class Column(NamedTuple):
    """One quantity of a step."""

    name: str
    about: str
    of: Callable[[Episode], np.ndarray]  # (T, ...)


COLUMNS = (
    Column(
        "run", "number of the run in this dataset, from 0; provenance.json lists the runs", lambda e: _all(e, e.run)
    ),
    Column(
        "round",
        "number of the round in the run, from 0; after each round the policy was improved",
        lambda e: _all(e, e.round),
    ),
    Column("episode", "number of the episode in the round, from 0", lambda e: _all(e, e.number)),
    Column("step", "number of the step in the episode, from 0", lambda e: np.asarray(e.rollout.step, np.int64)),
    Column("observation", "observation before the step, in the task's own units", lambda e: e.rollout.obs),
    Column("action", "action that was executed: its number, or coordinates in [-1, 1]", lambda e: e.rollout.executed),
    Column("proposed_action", "action that the policy would have taken", lambda e: e.rollout.proposed),
    Column(
        "policy_version",
        "number of the policy that proposed the step",
        lambda e: np.asarray(e.rollout.version, np.int64),
    ),
    Column("is_intervention", "the expert was in control", lambda e: e.rollout.by_expert),
    Column("retracted", "the expert was in control, and later retracted the step as a mistake", lambda e: e.retracted),
    Column(
        "retracts",
        "k: before this step the expert retracted the k-th last intervention of the round (1: the last); 0: none",
        lambda e: np.asarray(e.rollout.retracts, np.int64),
    ),
    Column(
        "features", "features of the step; every reward is their sum, weighted by theta", lambda e: e.rollout.features
    ),
    Column("next_observation", "observation after the step", lambda e: e.rollout.next_obs),
    Column("terminated", "the step ended the task", lambda e: e.rollout.terminated),
    Column("truncated", "the step was the last one that the episode may have", lambda e: e.rollout.truncated),
)


def table(episode: Episode) -> Table:
    """Table of an episode: all columns."""
    return {column.name: column.of(episode) for column in COLUMNS}


def parts(name: str, values: np.ndarray, feature_names: Sequence[str]) -> tuple[str, ...]:
    """Names of the numbers in a column: a scalar's is the column's, a vector has one for each coordinate."""
    if values.ndim == 1:
        return (name,)
    coordinates = feature_names if name == "features" else range(values.shape[1])
    return tuple(f"{name}_{coordinate}" for coordinate in coordinates)


def described(first: Table, feature_names: Sequence[str]) -> list[dict[str, Any]]:
    """Description of the columns, for JSON.

    first: table of any episode.
    """
    return [
        {
            "name": column.name,
            "dtype": first[column.name].dtype.name,
            "shape": list(first[column.name].shape[1:]),
            "parts": list(parts(column.name, first[column.name], feature_names)),
            "about": column.about,
        }
        for column in COLUMNS
    ]


def _all(episode: Episode, value: int) -> np.ndarray:
    return np.full(len(episode), value, np.int64)
