"""Comparing two runs: what exact resume, and "the same seed gives the same run", are checked with."""

from pathlib import Path

from mereq.experiments.database import TABLES
from mereq.experiments.store import RunStore

CLOCKS_AND_MEMORY = {"time", "seconds", "seconds_waited", "memory"}  # columns that no two runs share


def differences(left: RunStore, right: RunStore) -> list[str]:
    """Where two runs differ, bit for bit, in steps, inner loops, rounds, policies and states; empty when nowhere.

    When things happened, how long they took and the memory they used are not compared.
    """
    found = []
    for table in ("fields", "steps", "progress", "iterations"):
        columns = ", ".join(TABLES[table]).split(", ")
        compared = [i for i, name in enumerate(columns) if name not in CLOCKS_AND_MEMORY]
        rows = [{tuple(row[i] for i in compared) for row in store.database.rows(table)} for store in (left, right)]
        if rows[0] != rows[1]:
            found.append(f"{len(rows[0] ^ rows[1])} rows of the table {table}")
    ours, theirs = _tensor_files(left.directory), _tensor_files(right.directory)
    names = sorted(ours.keys() | theirs.keys())
    return found + [f"checkpoints/{name}" for name in names if ours.get(name) != theirs.get(name)]


def _tensor_files(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (directory / "checkpoints").glob("*.safetensors")}
