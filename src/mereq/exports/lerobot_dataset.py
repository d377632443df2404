"""LeRobot format: datasets v3.0 in Parquet. Observations are vectors, so there are no videos."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mereq.core.errors import CannotExport
from mereq.exports.columns import Table, parts
from mereq.exports.lerobot_statistics import Statistics, merged, statistics
from mereq.exports.recording import Recording

FILES_PER_CHUNK, FILE_MEGABYTES, VIDEO_MEGABYTES = 1000, 100, 200  # LeRobot's own
FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
NAMES = {  # LeRobot's, where they differ from ours
    "observation": "observation.state",
    "next_observation": "next.observation.state",
    "terminated": "next.done",
    "truncated": "next.truncated",
    "episode": "episode_of_round",
    "step": "frame_index",
}
HOW_TO_LOAD = """\
A LeRobot dataset, format v3.0. With  pip install "lerobot[dataset]" , and FOLDER for the path of this folder:

    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    dataset = LeRobotDataset("mereq/export", root="FOLDER")
    dataset[0]["observation.state"], dataset[0]["action"], dataset[0]["is_intervention"]

There, observation is called observation.state, terminated next.done, truncated next.truncated, step frame_index and
episode episode_of_round. fps is a whole number: for another pace, such as 0.2 steps per second, fps and timestamp are
of the nearest one (at least 1), and the column task_time has the true seconds. There is no next.reward, because no
reward was given. For weights theta the reward is features @ theta."""


def write(recording: Recording, tables: Iterable[Table], folder: Path) -> None:
    """Write all episodes into `data`, and their description into `meta`.

    Raises:
        CannotExport: pyarrow is not installed, or the task's pace is no positive number.
    """
    hz = 1.0 if recording.task.hz is None else recording.task.hz
    if not 0 < hz < np.inf:
        raise CannotExport(
            f"The task's own pace is {hz:g} steps per second, and must be a positive number, since LeRobot's datasets "
            "have timestamps. Give the task another `hz`, or use --format csv."
        )
    fps = max(1, round(hz))
    episodes: list[dict[str, Any]] = []
    of_episodes: list[dict[str, Statistics]] = []
    features: dict[str, dict[str, Any]] = {}
    n_frames = 0
    with _DataFiles(folder) as files:
        for number, table in enumerate(tables):
            frames = _frames(table, number, n_frames, fps) | ({} if fps == hz else _task_time(table, hz))
            features = features or _features(table, frames, recording)
            place = files.add(frames)
            of_episodes.append({name: statistics(values) for name, values in frames.items()})
            length = len(frames["index"])
            episodes.append(
                {
                    "episode_index": number,
                    "tasks": [recording.task.summary],
                    "length": length,
                    **{f"data/{name}": index for name, index in place.items()},
                    "dataset_from_index": n_frames,
                    "dataset_to_index": n_frames + length,
                    **{
                        f"stats/{name}/{key}": value.tolist()
                        for name, found in of_episodes[-1].items()
                        for key, value in found.items()
                    },
                    "meta/episodes/chunk_index": 0,
                    "meta/episodes/file_index": 0,
                }
            )
            n_frames += length
    info = {
        "codebase_version": "v3.0",
        "fps": fps,
        "features": features,
        "total_episodes": len(episodes),
        "total_frames": n_frames,
        "total_tasks": 1,
        "chunks_size": FILES_PER_CHUNK,
        "data_files_size_in_mb": FILE_MEGABYTES,
        "video_files_size_in_mb": VIDEO_MEGABYTES,
        "data_path": f"data/{FILE}",
        "video_path": None,
        "robot_type": recording.task.name,
        "splits": {"train": f"0:{len(episodes)}"},
    }
    whole = {name: merged([of[name] for of in of_episodes]) for name in features}
    _write_meta(folder / "meta", info, whole, recording.task.summary, episodes)


class _DataFiles:
    """Files of frames: a row group per episode, the next file when one is full."""

    def __init__(self, folder: Path):
        self._pa, self._parquet = _pyarrow()
        self._folder = folder
        self._number, self._writer, self._path = -1, None, folder

    def __enter__(self) -> "_DataFiles":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._writer:
            self._writer.close()

    def add(self, frames: Table) -> dict[str, int]:
        """Write an episode; returns the chunk and file it is in."""
        table = self._pa.table({name: self._column(values) for name, values in frames.items()})
        if self._writer is None or self._path.stat().st_size >= FILE_MEGABYTES * 2**20:
            self.__exit__()
            self._number += 1
            self._path = self._folder / f"data/{FILE}".format(**self._place())
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._parquet.ParquetWriter(self._path, table.schema, compression="snappy")
        self._writer.write_table(table)
        return self._place()

    def _place(self) -> dict[str, int]:
        chunk, file = divmod(self._number, FILES_PER_CHUNK)
        return {"chunk_index": chunk, "file_index": file}

    def _column(self, values: np.ndarray) -> Any:
        numbers = self._pa.array(values.reshape(-1))
        size = values[0].size
        return numbers if size == 1 else self._pa.FixedSizeListArray.from_arrays(numbers, size)


def _frames(table: Table, number: int, first: int, fps: int) -> Table:
    """Columns of an episode under LeRobot's names, with those that every LeRobot dataset has.

    number: of the episode. first: number of its first frame.
    """
    steps = np.arange(len(table["step"]))
    frames = {NAMES.get(name, name): values for name, values in table.items()}
    return frames | {
        "timestamp": (steps / fps).astype(np.float32),
        "frame_index": steps,
        "episode_index": np.full(len(steps), number),
        "index": first + steps,
        "task_index": np.zeros(len(steps), np.int64),
    }


def _task_time(table: Table, hz: float) -> Table:
    """Column of the steps' true times [s], for a pace that LeRobot's whole `fps` cannot say."""
    return {"task_time": np.arange(len(table["step"])) / hz}


def _features(table: Table, frames: Table, recording: Recording) -> dict[str, dict[str, Any]]:
    """Description of each column in `info.json`."""
    names = {NAMES.get(name, name): parts(name, values, recording.task.feature_names) for name, values in table.items()}
    return {
        name: {
            "dtype": values.dtype.name,
            "shape": [values[0].size],
            "names": list(names[name]) if values.ndim > 1 else None,
        }
        for name, values in frames.items()
    }


def _write_meta(
    folder: Path, info: dict[str, Any], whole: dict[str, Statistics], task: str, episodes: list[dict[str, Any]]
) -> None:
    pa, parquet = _pyarrow()
    place = folder / f"episodes/{FILE}".format(chunk_index=0, file_index=0)
    place.parent.mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist(episodes), place, compression="snappy")
    described = {  # so that pandas makes the task the index, as LeRobot expects
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"},
            {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object"},
        ],
        "pandas_version": "2.0.0",
    }
    tasks = pa.table({"task_index": [0], "task": [task]}).replace_schema_metadata({"pandas": json.dumps(described)})
    parquet.write_table(tasks, folder / "tasks.parquet")
    (folder / "info.json").write_text(json.dumps(info, indent=4), encoding="utf-8")
    found = {name: {key: value.tolist() for key, value in of.items()} for name, of in whole.items()}
    (folder / "stats.json").write_text(json.dumps(found, indent=4), encoding="utf-8")


def _pyarrow() -> tuple[Any, Any]:
    """Raises CannotExport when it is not installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise CannotExport(
            'pyarrow is not installed. Install it with  pip install "mereq[lerobot]"  or use --format csv.'
        ) from error
    return pyarrow, parquet
