"""Minari format: datasets of the Farama Foundation, in HDF5.

Gymnasium's convention for infos holds: entry 0 is that of the reset, entry t + 1 that of step t.
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mereq.core.actions import Discrete
from mereq.core.errors import CannotExport
from mereq.exports.columns import Table
from mereq.exports.recording import RecordedTask, Recording
from mereq.gymnasium_ids import ARM_IDS, HIGHWAY_ID

IDS = {"highway": HIGHWAY_ID, **ARM_IDS}  # Gymnasium's, by task
OF_EPISODE = ("run", "round", "episode")  # infos that the reset has too
NATIVE = (
    "observation",
    "action",
    "next_observation",
    "terminated",
    "truncated",
)  # Minari has entries of its own for them
HOW_TO_LOAD = """\
A Minari dataset. With  pip install "minari[hdf5]":

    import minari
    dataset = minari.MinariDataset("data")            # this folder's
    episode = dataset[0]
    episode.observations, episode.actions             # T + 1 of the first, T of the second
    episode.infos["is_intervention"][1:]              # of each step; entry 0 of every info is the reset's

In the folder that MINARI_DATASETS_PATH names, and called NAME-v0, it is  minari.load_dataset("NAME-v0") .
Rewards are NaN, because none were given. For weights theta they are  episode.infos["features"][1:] @ theta .
Where the task's environment was made by gymnasium.make, dataset.recover_environment() makes it again. Its observations
are the environment's own, those of the dataset flattened.
An episode that neither terminated nor was truncated was cut off by the end of its round."""


def write(recording: Recording, tables: Iterable[Table], folder: Path) -> None:
    """Write all episodes into `data`.

    Raises:
        CannotExport: Minari is not installed.
    """
    try:
        import h5py  # noqa: F401
        import minari  # noqa: F401
        from minari.dataset.minari_storage import MinariStorage
    except ImportError as error:
        raise CannotExport(
            'Minari is not installed. Install it with  pip install "mereq[minari]"  or use --format csv.'
        ) from error
    tables = iter(tables)
    first = next(tables)
    observations, actions = _spaces(recording.task, first)
    storage = MinariStorage.new(folder / "data", observations, actions, data_format="hdf5")
    methods = sorted({str(run.starts[-1].config.get("method")) for run in recording.runs})
    storage.update_metadata(
        {
            "dataset_id": _identifier(folder.name),
            "minari_version": version("minari"),
            "algorithm_name": ", ".join(methods),
            "description": f"{recording.task.summary}. Supervised rollouts with interventions, exported by mereq; "
            "provenance.json beside this folder says where they come from.",
            **({"env_spec": found} if (found := _env_spec(recording.task)) else {}),
        }
    )
    try:
        storage.update_episodes(_buffers(first, tables))
    except RuntimeError as error:  # how HDF5 says that it cannot write what it still held in memory
        raise OSError(error) from error


def _spaces(task: RecordedTask, first: Table) -> tuple[Any, Any]:
    from gymnasium import spaces

    seen, done = first["observation"], first["action"]
    observations = spaces.Box(-np.inf, np.inf, seen.shape[1:], seen.dtype.type)
    if isinstance(task.actions, Discrete):
        return observations, spaces.Discrete(task.actions.n)
    return observations, spaces.Box(-1.0, 1.0, done.shape[1:], done.dtype.type)


def _env_spec(task: RecordedTask) -> str | None:
    """Gymnasium's specification of the task's environment, for `recover_environment`; None if it has none."""
    if task.env_spec is not None or task.name not in IDS:
        return task.env_spec
    import gymnasium

    return gymnasium.spec(IDS[task.name]).to_json()


def _buffers(first: Table, rest: Iterable[Table]) -> Iterator[Any]:
    from minari.data_collector import EpisodeBuffer

    for table in itertools.chain([first], rest):
        yield EpisodeBuffer(
            observations=[*table["observation"], table["next_observation"][-1]],
            actions=list(table["action"]),
            rewards=[np.nan] * len(table["action"]),
            terminations=list(table["terminated"]),
            truncations=list(table["truncated"]),
            infos={name: _with_reset(name, values) for name, values in table.items() if name not in NATIVE},
        )


def _with_reset(name: str, values: np.ndarray) -> np.ndarray:
    reset = values[:1] if name in OF_EPISODE else np.zeros_like(values[:1])
    return np.concatenate([reset, values])


def _identifier(name: str) -> str:
    """Name as Minari wants it: letters, digits, - and _, and a version at the end."""
    plain = re.sub(r"[^\w-]", "-", name)
    return plain if re.search(r"-v\d+$", plain) else f"{plain}-v0"
