"""CSV format: `steps.csv`, a line per step, for spreadsheets and everything else."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mereq.exports.columns import Table, parts
from mereq.exports.recording import Recording

HOW_TO_LOAD = """\
steps.csv has a header and a line per step. true and false are 1 and 0. A vector takes a column per coordinate, such as
observation_0; features are called by their names. Every number is the shortest text that reads back as the same one.

    import pandas
    steps = pandas.read_csv("steps.csv", float_precision="round_trip")
    steps[steps.is_intervention == 1]"""


def write(recording: Recording, tables: Iterable[Table], folder: Path) -> None:
    """Write all episodes into `steps.csv`."""
    with (folder / "steps.csv").open("w", newline="", encoding="utf-8") as opened:
        lines = csv.writer(opened, lineterminator="\n")
        for number, table in enumerate(tables):
            if number == 0:
                names = recording.task.feature_names
                lines.writerow([part for name, values in table.items() for part in parts(name, values, names)])
            columns = [column for values in table.values() for column in _flat(values)]
            lines.writerows(zip(*(_texts(column) for column in columns), strict=True))


def _flat(values: np.ndarray) -> list[np.ndarray]:
    return list(values.reshape(len(values), -1).T)


def _texts(column: np.ndarray) -> list[str]:
    """Shortest texts that read back as the same numbers."""
    return [str(value) for value in (column.astype(np.int64) if column.dtype == bool else column)]
