"""Formats of datasets, and one function that writes any of them."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mereq.core.errors import CannotExport, RunExists, UnknownName
from mereq.exports import csv_table, lerobot_dataset, minari_dataset
from mereq.exports.columns import Table, described, table
from mereq.exports.recording import Episode, Recording
from mereq.store.atomic import replaced_folder
from mereq.store.provenance import clean_provenance, provenance

MARK = "columns.json"  # a file that every export has, and nothing else that mereq writes


class Format(NamedTuple):
    """A kind of dataset."""

    write: Callable[[Recording, Iterable[Table], Path], None]  # all episodes into a folder
    how_to_load: str


FORMATS = {
    "csv": Format(csv_table.write, csv_table.HOW_TO_LOAD),
    "minari": Format(minari_dataset.write, minari_dataset.HOW_TO_LOAD),
    "lerobot": Format(lerobot_dataset.write, lerobot_dataset.HOW_TO_LOAD),
}


def export(
    recording: Recording,
    format: str,
    out: Path,
    *,
    overwrite: bool = False,
    episodes: Iterable[Episode] | None = None,
) -> None:
    """Write a dataset, with `columns.json`, `provenance.json` and a `README.txt` beside it.

    Args:
        recording: the runs to export.
        format: one of `FORMATS`.
        out: folder to write. An export that is stopped leaves none, or the one that was there.
        overwrite: replace an export that is there.
        episodes: those of the recording; given by a caller who wants to see them pass.

    Raises:
        UnknownName: no format has this name.
        CannotExport: a package is missing, or two runs do not fit together.
        RunExists: `out` is taken.
        CannotWrite: no permission, or the disk is full.
    """
    if format not in FORMATS:
        raise UnknownName("format", format, list(FORMATS))
    written = FORMATS[format]
    episodes = recording.episodes() if episodes is None else episodes

    def check() -> None:
        _refuse_occupied(out, overwrite=overwrite)

    with replaced_folder(out, check) as folder:
        passing = _Alike(episodes)
        written.write(recording, passing, folder)
        columns = described(passing.first, recording.task.feature_names)
        _write_json(folder / MARK, columns)
        origin = {
            "format": format,
            "task": recording.task.name,
            "steps": passing.n_steps,
            "episodes": passing.n_episodes,
            "exported": clean_provenance(provenance()),
            "runs": [run.record() for run in recording.runs],
        }
        _write_json(folder / "provenance.json", origin)
        listed = "\n".join(f"  {column['name']}: {column['about']}" for column in columns)
        runs = "1 run" if len(recording.runs) == 1 else f"{len(recording.runs)} runs"
        amount = f"{passing.n_steps} supervised steps, {passing.n_episodes} episodes, {runs}"
        readme = f"""{recording.task.name}: {recording.task.summary}

{amount}; exported by mereq. {_pace(recording.task.hz)}
columns.json has types and shapes; provenance.json has configuration, seed, versions, commit and inferred weights.

{written.how_to_load}

{listed}
"""
        (folder / "README.txt").write_text(readme, encoding="utf-8")


def _refuse_occupied(out: Path, *, overwrite: bool) -> None:
    """Raises RunExists unless `out` is free: not there, an empty folder, or with `overwrite` another export."""
    out = out.resolve()
    occupied = out.exists() and (out.is_file() or any(out.iterdir()))
    if occupied and not (overwrite and (out / MARK).is_file()):
        mend = "Choose another --out." if overwrite else "Choose another --out; --overwrite replaces an export."
        raise RunExists(
            f"{out} {'is not an export' if overwrite else 'is there already'}: it is not overwritten. {mend}"
        )


class _Alike:
    """Tables of episodes, refused unless all have the same types and shapes; counts them as they pass."""

    def __init__(self, episodes: Iterable[Episode]):
        self._episodes = episodes
        self.first: Table = {}
        self.n_steps = self.n_episodes = 0

    def __iter__(self) -> Iterator[Table]:
        for episode in self._episodes:
            found = table(episode)
            self.first = self.first or found
            for name, values in found.items():
                wanted = self.first[name]
                if (values.dtype, values.shape[1:]) != (wanted.dtype, wanted.shape[1:]):
                    raise CannotExport(
                        f"The runs do not fit together: {name} is {wanted.dtype}{wanted.shape[1:]} in the first one "
                        f"and {values.dtype}{values.shape[1:]} in run {episode.run}. Export each by itself."
                    )
            self.n_steps += len(episode)
            self.n_episodes += 1
            yield found


def _pace(hz: float | None) -> str:
    if hz is None:
        return "Steps per second of the task's own time: not recorded; where a format needs the number, it is 1."
    return f"Steps per second of the task's own time: {hz:g}."


def _write_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
