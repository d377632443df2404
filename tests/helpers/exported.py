"""Recorded runs to export, and the three formats read back as the steps that they were made of.

What a LeRobot dataset v3.0 must have is written down here from LeRobot's own source (`datasets/utils.py`,
`dataset_metadata.py`, `dataset_writer.py`, `compute_stats.py`; it needs a newer Python than these tests).
"""

import csv
import json
from pathlib import Path

import numpy as np

from mereq.core.actions import Actions, Box, Discrete
from mereq.core.supervisor import Controller
from mereq.core.task import Task
from mereq.interventions.rollout import SupervisedStep
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter

OBS, FEATURES = 3, ("near", "smooth")
LEROBOT_INFO = {
    "codebase_version": str,
    "fps": int,
    "features": dict,
    "total_episodes": int,
    "total_frames": int,
    "total_tasks": int,
    "chunks_size": int,
    "data_files_size_in_mb": int,
    "video_files_size_in_mb": int,
    "data_path": str,
    "video_path": type(None),  # no videos
    "robot_type": str,
    "splits": dict,
}
LEROBOT_FEATURES = {
    "timestamp": {"dtype": "float32", "shape": [1], "names": None},
    **{
        name: {"dtype": "int64", "shape": [1], "names": None}
        for name in ("frame_index", "episode_index", "index", "task_index")
    },
}
LEROBOT_EPISODE = {
    "episode_index",
    "tasks",
    "length",
    "data/chunk_index",
    "data/file_index",
    "dataset_from_index",
    "dataset_to_index",
    "meta/episodes/chunk_index",
    "meta/episodes/file_index",
}
LEROBOT_STATISTICS = {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}


def task_of(actions: Actions) -> Task:
    def nothing(*_):
        raise AssertionError("an export runs no environment")

    return Task("toy", FEATURES, OBS, actions, nothing, nothing)


def steps_of(lengths: list[int], actions: Actions, seed: int, *, cut: bool = True) -> list[SupervisedStep]:
    """Episodes of these lengths with awkward numbers; the last one is cut off, unless told."""
    rng = np.random.default_rng(seed)

    def numbers(n: int, dtype: type) -> np.ndarray:
        chosen = rng.normal(size=n) * 10.0 ** rng.integers(-30, 30, size=n)
        return np.where(rng.random(n) < 0.1, -0.0, chosen).astype(dtype)

    def action():
        return np.int64(rng.integers(actions.n)) if isinstance(actions, Discrete) else actions.uniform(rng, 1)[0]

    steps = []
    for episode, length in enumerate(lengths):
        obs = numbers(OBS, np.float32)
        ends = 0 if cut and episode == len(lengths) - 1 else int(rng.integers(1, 3))
        for number in range(length):
            next_obs, last = numbers(OBS, np.float32), number == length - 1
            steps.append(
                SupervisedStep(
                    episode=episode,
                    step=number,
                    obs=obs,
                    proposed=action(),
                    executed=action(),
                    controller=Controller(int(rng.random() < 0.4)),
                    next_obs=next_obs,
                    features=numbers(len(FEATURES), np.float64),
                    terminated=last and ends == 1,
                    truncated=last and ends == 2,
                    retracts=int(rng.random() < 0.2) * int(rng.integers(1, 4)),
                    version=episode // 2,
                )
            )
            obs = next_obs
    return steps


def recorded(directory: Path, steps: list[SupervisedStep], **config) -> Path:
    """A run whose first round is going on."""
    with RunWriter.create(directory, {"task": "toy", "method": "mereq", "n_rounds": 1, **config}) as store:
        for step in steps:
            store.add_step(step)
    return directory


def stored(directory: Path, *rounds: int) -> list[SupervisedStep]:
    with RunReader.open(directory) as store:
        return [step for index in rounds or (0,) for step in store.steps(index)]


def columns(out: Path) -> list[dict]:
    return json.loads((out / "columns.json").read_text())


def read_csv(out: Path, actions: Actions) -> dict[str, np.ndarray]:
    with (out / "steps.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    found = {}
    for column in columns(out):
        kind = np.dtype(column["dtype"])
        texts = [[row[part] for part in column["parts"]] for row in rows]
        values = np.array([[kind.type(int(t) if kind.kind == "b" else t) for t in row] for row in texts], kind)
        found[column["name"]] = values.reshape(len(rows), *column["shape"])
    return found


def read_minari(out: Path, actions: Actions) -> dict[str, np.ndarray]:
    import minari

    dataset = minari.MinariDataset(out / "data")
    of = []
    for episode in dataset.iterate_episodes():
        assert np.isnan(episode.rewards).all()
        assert all(len(info) == len(episode) + 1 for info in episode.infos.values())
        assert not episode.infos["is_intervention"][0]
        of.append(
            {
                "observation": episode.observations[:-1],
                "next_observation": episode.observations[1:],
                "action": episode.actions,
                "terminated": episode.terminations,
                "truncated": episode.truncations,
                **{name: values[1:] for name, values in episode.infos.items()},
            }
        )
        if isinstance(actions, Box):
            assert dataset.action_space.contains(episode.actions[0])
    assert dataset.total_steps == sum(len(episode["action"]) for episode in of)
    return {name: np.concatenate([episode[name] for episode in of]) for name in of[0]}


def read_lerobot(out: Path, actions: Actions) -> dict[str, np.ndarray]:
    import pandas
    import pyarrow
    from pyarrow import parquet

    info = json.loads((out / "meta/info.json").read_text())
    assert {name: type(value) for name, value in info.items()} == LEROBOT_INFO
    assert info["codebase_version"] == "v3.0"
    assert info["fps"] > 0
    assert info["features"].items() >= LEROBOT_FEATURES.items()
    assert info["splits"] == {"train": f"0:{info['total_episodes']}"}
    tasks = pandas.read_parquet(out / "meta/tasks.parquet")
    assert tasks.index.name == "task"
    assert tasks.task_index.tolist() == list(range(info["total_tasks"]))

    episodes = parquet.read_table(out / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    statistics = {f"stats/{name}/{key}" for name in info["features"] for key in LEROBOT_STATISTICS}
    assert [set(episode) for episode in episodes] == [LEROBOT_EPISODE | statistics] * info["total_episodes"]
    assert [episode["episode_index"] for episode in episodes] == list(range(info["total_episodes"]))
    borders = [0, *np.cumsum([episode["length"] for episode in episodes]).tolist()]
    assert [episode["dataset_from_index"] for episode in episodes] == borders[:-1]
    assert [episode["dataset_to_index"] for episode in episodes] == borders[1:]
    assert info["total_frames"] == borders[-1]

    files = {}
    for episode in episodes:
        place = {"chunk_index": episode["data/chunk_index"], "file_index": episode["data/file_index"]}
        files.setdefault(out / info["data_path"].format(**place), []).append(episode)
        assert episode["tasks"] == tasks.index.tolist()
    assert sorted(files) == sorted(out.glob("data/*/*.parquet")) == list(files)
    frames = {name: [] for name in info["features"]}
    for path, there in files.items():
        opened = parquet.ParquetFile(path)
        assert [opened.metadata.row_group(i).num_rows for i in range(opened.num_row_groups)] == [
            episode["length"] for episode in there
        ]
        schema = opened.schema_arrow
        assert schema.names == list(info["features"])
        for name, about in info["features"].items():
            scalar, size = pyarrow.from_numpy_dtype(np.dtype(about["dtype"])), about["shape"][0]
            assert schema.field(name).type == (scalar if size == 1 else pyarrow.list_(scalar, size))
            frames[name].append(np.array(opened.read()[name].to_pylist(), about["dtype"]))
            assert about["names"] is None or len(about["names"]) == size
    found = {name: np.concatenate(values) for name, values in frames.items()}

    whole = json.loads((out / "meta/stats.json").read_text())
    for name, values in found.items():
        assert whole[name].keys() == LEROBOT_STATISTICS
        numbers = values.reshape(len(values), -1).astype(float)
        assert whole[name]["count"] == [len(values)]
        assert whole[name]["max"] == numbers.max(axis=0).tolist()
        np.testing.assert_allclose(whole[name]["mean"], numbers.mean(axis=0), rtol=1e-6, atol=1e-9 * _size(numbers))
        np.testing.assert_allclose(whole[name]["std"], numbers.std(axis=0), rtol=1e-6, atol=1e-7 * _size(numbers))
    assert found["index"].tolist() == list(range(borders[-1]))
    for episode in episodes:
        frame = slice(episode["dataset_from_index"], episode["dataset_to_index"])
        assert (found["episode_index"][frame] == episode["episode_index"]).all()
        assert found["frame_index"][frame].tolist() == list(range(episode["length"]))
        np.testing.assert_array_equal(
            found["timestamp"][frame], (np.arange(episode["length"]) / info["fps"]).astype(np.float32)
        )
        assert episode["stats/features/min"] == found["features"][frame].min(axis=0).tolist()
    names = {
        "observation.state": "observation",
        "next.observation.state": "next_observation",
        "next.done": "terminated",
        "next.truncated": "truncated",
        "episode_of_round": "episode",
        "frame_index": "step",
    }
    return {names.get(name, name): values for name, values in found.items()}


READERS = {"csv": read_csv, "minari": read_minari, "lerobot": read_lerobot}


def as_steps(found: dict[str, np.ndarray]) -> list[SupervisedStep]:
    """The steps again. A LeRobot dataset has vectors of one number as scalars."""
    fields = {
        "obs": "observation",
        "proposed": "proposed_action",
        "executed": "action",
        "controller": "is_intervention",
        "version": "policy_version",
        "next_obs": "next_observation",
    }
    names = [name for name in SupervisedStep._fields if name != "seen"]  # what a person saw is not exported
    taken = (found[fields.get(name, name)] for name in names)
    return [SupervisedStep(*row) for row in zip(*taken, strict=True)]


def same(left: SupervisedStep, right: SupervisedStep) -> bool:
    """Bit for bit, in all fields that are exported."""
    sides = zip(left._replace(seen=0), right._replace(seen=0), strict=True)
    pairs = [(np.asarray(a).reshape(-1), np.asarray(b).reshape(-1)) for a, b in sides]
    return all(
        a.tobytes() == b.tobytes() if a.dtype.kind == "f" else a.astype(int).tolist() == b.astype(int).tolist()
        for a, b in pairs
    ) and all(a.dtype == b.dtype for a, b in pairs if a.dtype.kind == "f")


def _size(numbers: np.ndarray) -> float:
    return float(np.abs(numbers).max())
