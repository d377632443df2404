"""Differences between recorded runs or studies, for checking that a resumed or repeated run is the same bit for bit."""

from pathlib import Path
from typing import Any

from mereq.store.database import Database
from mereq.store.run_store import RunReader
from mereq.studies.study_store import StudyStore

CLOCKS_AND_MEMORY = {"time", "seconds", "seconds_waited", "memory"}  # columns that no two runs share


def differences(left: RunReader, right: RunReader) -> list[str]:
    """Differences between two runs in steps, inner loops, rounds, policies and states; empty when they are equal.

    Times, durations and memory are not compared.
    """
    tables = ("fields", "steps", "versions", "progress", "rounds")
    found = _differing_rows(left.database, right.database, tables, CLOCKS_AND_MEMORY)
    ours, theirs = _tensor_files(left.directory), _tensor_files(right.directory)
    names = sorted(ours.keys() | theirs.keys())
    return found + [f"checkpoints/{name}" for name in names if ours.get(name) != theirs.get(name)]


def study_differences(left: StudyStore, right: StudyStore) -> list[str]:
    """Differences between the finished runs of two studies; empty when they are equal.

    Times, durations, memory and provenance are not compared.
    """
    return _differing_rows(left.database, right.database, ("runs", "rounds"), CLOCKS_AND_MEMORY | {"provenance"})


def _differing_rows(left: Database, right: Database, tables: tuple[str, ...], ignored: set[str]) -> list[str]:
    found = []
    for table in tables:
        ours, theirs = (_compared_rows(database, table, ignored) for database in (left, right))
        if ours != theirs:
            found.append(f"{len(ours ^ theirs)} rows of the table {table}")
    return found


def _compared_rows(database: Database, table: str, ignored: set[str]) -> set[tuple[Any, ...]]:
    names = [name for name in database.schema.columns(table) if name not in ignored]
    return {tuple(row[name] for name in names) for row in database.rows(table)}


def _tensor_files(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (directory / "checkpoints").glob("*.safetensors")}
