"""Datasets of recorded interventions as supervised steps: our own exports, LeRobot's, Minari's, and CSV of any origin.

Columns, with the names that are understood (a vector in CSV has one column per coordinate, `action_0`, `action_1`):

    observation        observation, observation.state: what the task's learners see
    action             executed: the number of an action, or coordinates in [-1, 1]
    is_intervention    is_intervention, intervention, complementary_info.is_intervention: the supervisor was in control
    episode            episode, episode_index
    step               step, frame_index; else the order of the rows
    proposed_action    what the policy would have done; else the action itself, and in interventions the prior's
    features           features, or columns with the features' names; else not a number
    next_observation   next_observation, next.observation.state; else the episode's next observation
    terminated, truncated (next.done, next.truncated), run, round, retracts, policy_version: else none, 0, or an end

Of a Minari dataset, the other columns are the entries of its infos: of each step, with or without one of the reset.
"""

import csv
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mereq.core.actions import Discrete
from mereq.core.errors import CannotLoad
from mereq.core.policy import Policy
from mereq.core.supervisor import Controller
from mereq.core.task import Task
from mereq.interventions.rollout import SupervisedStep

NAMES = {
    "observation": ("observation", "observation.state"),
    "action": ("action",),
    "is_intervention": ("is_intervention", "intervention", "complementary_info.is_intervention"),
    "episode": ("episode_index", "episode"),
    "step": ("step", "frame_index"),
    "proposed_action": ("proposed_action",),
    "features": ("features",),
    "next_observation": ("next_observation", "next.observation.state"),
    "terminated": ("terminated", "next.done"),
    "truncated": ("truncated", "next.truncated"),
    "run": ("run",),
    "round": ("round",),
    "retracts": ("retracts",),
    "policy_version": ("policy_version",),
}
NEEDED = ("observation", "action", "is_intervention", "episode")
STEPS = "steps.csv"
MINARI = "metadata.json"  # in the folder of a Minari dataset that is called data

Columns = Mapping[str, np.ndarray]  # rows by the name in the file


def read_dataset(source: Path, task: Task, prior: Policy) -> list[tuple[SupervisedStep, ...]]:
    """Steps of a dataset, by round.

    Args:
        source: a CSV file, the folder of our own CSV export, or the folder of a LeRobot or Minari dataset.
        task: of the steps.
        prior: proposes where the dataset does not say what the policy would have done.

    Raises:
        CannotLoad: there is no such dataset, or it does not fit the task. The message says which column is wrong.
    """
    rows = _Rows(source, _columns(source), task)
    obs = rows.vectors("observation", task.obs_size, np.float32)
    executed, by_expert = rows.actions("action"), rows.scalars("is_intervention", None) > 0
    if rows.has("proposed_action"):
        proposed = rows.actions("proposed_action")
    else:
        chosen = prior.distribution(obs).mode()
        mask = by_expert if executed.ndim == 1 else by_expert[:, None]
        proposed = np.where(mask, chosen, executed).astype(executed.dtype)
    episodes = np.column_stack([rows.scalars(name, 0) for name in ("run", "round", "episode")]).astype(int)
    order = np.lexsort((rows.scalars("step", np.arange(len(obs))), *episodes.T[::-1]))
    last = np.append((np.diff(episodes[order], axis=0) != 0).any(axis=1), True)
    terminated, features = rows.scalars("terminated", 0)[order] > 0, rows.features()[order]
    truncated = rows.scalars("truncated", 0)[order] > 0 if rows.has("truncated") else last & ~terminated
    following = np.where(last[:, None], obs[order], np.roll(obs[order], -1, axis=0))
    next_obs = (
        rows.vectors("next_observation", task.obs_size, np.float32)[order]
        if rows.has("next_observation")
        else following
    )
    retracts, version = (rows.scalars(name, 0)[order].astype(int) for name in ("retracts", "policy_version"))
    rounds, step, episode, before = list[list[SupervisedStep]](), 0, 0, None
    for i, at in enumerate(order):
        here = tuple(episodes[at])
        if before is None or here[:2] != before[:2]:
            rounds.append([])
            episode = 0
        elif here != before:
            episode += 1
        step = 0 if here != before else step + 1
        before = here
        rounds[-1].append(
            SupervisedStep(
                episode,
                step,
                obs[at],
                proposed[at],
                executed[at],
                Controller.EXPERT if by_expert[at] else Controller.POLICY,
                next_obs[i],
                features[i],
                bool(terminated[i]),
                bool(truncated[i]),
                int(retracts[i]),
                int(version[i]),
            )
        )
    return [tuple(each) for each in rounds]


class _Rows:
    """Rows of a dataset, with checks that they fit a task."""

    def __init__(self, source: Path, columns: Columns, task: Task):
        self._source, self._columns, self._task = source, columns, task
        missing = [name for name in NEEDED if not self.has(name)]
        if missing:
            understood = "; ".join(" or ".join(NAMES[name]) for name in missing)
            raise CannotLoad(
                f"{source} has no column for {', '.join(missing)}. Understood are: {understood} (in CSV, a vector has "
                f"one column per coordinate, such as observation_0). Its columns are: {', '.join(columns)}."
            )

    def _found(self, name: str) -> np.ndarray | None:
        for called in NAMES[name]:
            if called in self._columns:
                return self._columns[called]
            parts = list(itertools.takewhile(self._columns.__contains__, (f"{called}_{i}" for i in itertools.count())))
            if parts:
                return np.column_stack([self._columns[part] for part in parts])
        return None

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return self._found(name) is not None

    def scalars(self, name: str, otherwise: Any) -> np.ndarray:
        """A number of each row."""
        found = self._found(name)
        n = len(next(iter(self._columns.values())))
        values = np.broadcast_to(otherwise, (n,)) if found is None else found.reshape(n, -1)
        if values.ndim == 2 and values.shape[1] != 1:
            raise CannotLoad(f"{self._source}: {name} has {values.shape[1]} numbers in each row, and must have one.")
        numbers = np.asarray(values, float).reshape(n)
        self._refuse_gaps(name, numbers)
        return numbers

    def vectors(self, name: str, size: int, dtype: Any) -> np.ndarray:
        """As many numbers of each row."""
        found = self._found(name)
        assert found is not None
        values = np.asarray(found, float).reshape(len(found), -1)
        if values.shape[1] != size:
            raise CannotLoad(
                f"{self._source}: {name} has {values.shape[1]} numbers in each row; {self._task.name} has {size}."
            )
        self._refuse_gaps(name, values)
        return values.astype(dtype)

    def actions(self, name: str) -> np.ndarray:
        """Actions of the task."""
        actions = self._task.actions
        if isinstance(actions, Discrete):
            numbers = self.scalars(name, None)
            if not (np.isin(numbers, np.arange(actions.n))).all():
                raise CannotLoad(
                    f"{self._source}: {name} must be a whole number from 0 to {actions.n - 1}, the number of an action "
                    f"of {self._task.name}; there is {numbers[~np.isin(numbers, np.arange(actions.n))][0]:g}."
                )
            return numbers.astype(np.int64)
        values = self.vectors(name, actions.size, np.float32)
        if np.abs(values).max() > 1.0 + 1e-6:
            raise CannotLoad(
                f"{self._source}: {name} must lie in [-1, 1], where the task's limits are -1 and 1; there is "
                f"{values.flat[np.abs(values).argmax()]:g}. Scale the actions to the task's limits."
            )
        return values

    def features(self) -> np.ndarray:
        """Features of each row; not a number where they were not recorded, such as one that was added to the task."""
        names, n = self._task.feature_names, len(next(iter(self._columns.values())))
        named = {
            name: self._columns[found]
            for name in names
            for found in (name, f"features_{name}")
            if found in self._columns
        }
        if named:
            return np.column_stack([named.get(name, np.full(n, np.nan)) for name in names]).astype(float)
        return self.vectors("features", len(names), float) if self.has("features") else np.full((n, len(names)), np.nan)

    def _refuse_gaps(self, name: str, values: np.ndarray) -> None:
        gaps = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
        if len(gaps):
            raise CannotLoad(f"{self._source}: {name} in row {gaps[0]} (from 0) is empty or no finite number.")


def _columns(source: Path) -> Columns:
    """Columns of a dataset's file or folder."""
    if source.is_dir() and (source / "meta" / "info.json").is_file():
        return _lerobot(source)
    if minari := next((folder for folder in (source, source / "data") if (folder / MINARI).is_file()), None):
        return _minari(minari)
    file = source / STEPS if source.is_dir() else source
    if not file.is_file() or file.suffix != ".csv":
        raise CannotLoad(
            f"{source} is no dataset that can be read: neither a .csv file, nor a folder with {STEPS}, nor a LeRobot "
            f"dataset (a folder with meta/info.json), nor a Minari dataset (a folder with data/{MINARI}). "
            "`mereq export` writes such folders."
        )
    with file.open(newline="", encoding="utf-8-sig") as opened:
        lines = csv.reader(opened)
        names = next(lines, [])
        rows = list(lines)
    if not rows:
        raise CannotLoad(f"{file} has no rows.")
    wrong = next((i for i, row in enumerate(rows) if len(row) != len(names)), None)
    if wrong is not None:
        raise CannotLoad(f"{file}: row {wrong} (from 0) has {len(rows[wrong])} entries; the header has {len(names)}.")
    return {name: _numbers([row[i] for row in rows]) for i, name in enumerate(names)}


def _numbers(texts: Sequence[str]) -> np.ndarray:
    """Numbers of a column; not a number where a text is none, which is refused where the column is used."""
    words = {"true": 1.0, "false": 0.0, "": np.nan}

    def number(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            return words.get(text.strip().lower(), np.nan)

    return np.array([number(text) for text in texts])


def _lerobot(folder: Path) -> Columns:
    """Columns of all Parquet files of a LeRobot dataset, of version 2 or 3."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise CannotLoad(
            'pyarrow is not installed, and LeRobot\'s datasets need it. Install it with  pip install "mereq[lerobot]".'
        ) from error
    files = sorted((folder / "data").rglob("*.parquet"))
    if not files:
        raise CannotLoad(f"{folder} has no Parquet files in data/.")
    understood = {name for names in NAMES.values() for name in names}
    parts: list[dict[str, np.ndarray]] = []
    for file in files:
        try:
            wanted = sorted(understood & set(parquet.read_schema(file).names))
            table = parquet.read_table(file, columns=wanted)
        except pyarrow.ArrowException as error:
            raise CannotLoad(f"{file} cannot be read: {error}") from error
        parts.append({name: _rows_of(table[name].to_pylist(), f"{file}: {name}") for name in wanted})
    kept = [name for name in parts[0] if all(name in part for part in parts)]
    if kept and not sum(len(part[kept[0]]) for part in parts):
        raise CannotLoad(f"{folder} has no rows.")
    return {name: np.concatenate([part[name] for part in parts if len(part[name])]) for name in kept}


def _rows_of(values: list[Any], what: str) -> np.ndarray:
    """Rows of a column of numbers or of vectors.

    Raises:
        CannotLoad: they are no numbers, or the vectors differ in length.
    """
    try:
        return np.array([np.ravel(np.asarray(np.nan if value is None else value, float)) for value in values])
    except ValueError as error:
        raise CannotLoad(f"{what} must have numbers, or vectors of one length: {error}.") from error


def _minari(folder: Path) -> Columns:
    """Columns of a Minari dataset: observations flattened, actions scaled to [-1, 1], and the infos of each step.

    Raises:
        CannotLoad: Minari is not installed, cannot read the folder, or episodes have different infos.
    """
    try:
        from gymnasium import spaces
        from minari import MinariDataset
    except ImportError as error:
        raise CannotLoad(
            'Minari is not installed, and its datasets need it. Install it with  pip install "mereq[minari]".'
        ) from error
    try:
        dataset = MinariDataset(folder)
        episodes = list(dataset.iterate_episodes())
    except Exception as error:
        raise CannotLoad(f"Minari cannot read {folder}: {type(error).__name__}: {error}") from error
    seen, acting = dataset.observation_space, dataset.action_space
    parts: list[dict[str, np.ndarray]] = []
    for number, episode in enumerate(episodes):
        n = len(episode.rewards)
        obs = np.stack([np.asarray(spaces.flatten(seen, _at(episode.observations, t))) for t in range(n + 1)])
        infos = {name: _of_steps(values, n) for name, values in (episode.infos or {}).items()}
        own = {
            "observation": obs[:-1],
            "next_observation": obs[1:],
            "action": _scaled(np.asarray(episode.actions), acting),
            "terminated": np.asarray(episode.terminations),
            "truncated": np.asarray(episode.truncations),
            "episode": np.full(n, number),
            "step": np.arange(n),
        }
        told = {name: values for name, values in infos.items() if values is not None and name not in own}
        if "proposed_action" in told:
            told["proposed_action"] = _scaled(told["proposed_action"], acting)
        parts.append(told | own)
    if not parts:
        raise CannotLoad(f"{folder} has no episodes.")
    wrong = next((number for number, part in enumerate(parts) if part.keys() != parts[0].keys()), None)
    if wrong is not None:
        differ = ", ".join(sorted(parts[wrong].keys() ^ parts[0].keys()))
        raise CannotLoad(f"{folder}: the infos of episode {wrong} (from 0) differ from those of episode 0: {differ}.")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _at(observations: Any, t: int) -> Any:
    """Observation at a step, of observations that may be nested."""
    if isinstance(observations, dict):
        return {name: _at(values, t) for name, values in observations.items()}
    if isinstance(observations, tuple):
        return tuple(_at(values, t) for values in observations)
    return observations[t]


def _of_steps(values: Any, n: int) -> np.ndarray | None:
    """An info of each of n steps, without that of the reset; None if it is nested or has another length."""
    if not isinstance(values, np.ndarray | list) or len(values) not in (n, n + 1):
        return None
    found = np.asarray(values)
    return found[-n:] if found.dtype.kind in "biuf" else None


def _scaled(action: np.ndarray, space: Any) -> np.ndarray:
    """Actions in [-1, 1], where the space says what its limits are."""
    low, high = getattr(space, "low", None), getattr(space, "high", None)
    if low is None or high is None or not (np.isfinite(low).all() and np.isfinite(high).all()):
        return action
    return (2.0 * (action - low) / (high - low) - 1.0).astype(np.float32)
