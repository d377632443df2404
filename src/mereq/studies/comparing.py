"""Comparing runs and studies: what exact resume, and "the same seed gives the same run", are checked with."""

from pathlib import Path

from mereq.store.database import Database
from mereq.store.run_store import RunStore
from mereq.studies.study_store import StudyStore

CLOCKS_AND_MEMORY = {"time", "seconds", "seconds_waited", "memory"}  # columns that no two runs share


def differences(left: RunStore, right: RunStore) -> list[str]:
    """Where two runs differ, bit for bit, in steps, inner loops, rounds, policies and states; empty when nowhere.

    When things happened, how long they took and the memory they used are not compared.
    """
    tables = ("fields", "steps", "versions", "progress", "rounds")
    found = _differing_rows(left.database, right.database, tables, CLOCKS_AND_MEMORY)
    ours, theirs = _tensor_files(left.directory), _tensor_files(right.directory)
    names = sorted(ours.keys() | theirs.keys())
    return found + [f"checkpoints/{name}" for name in names if ours.get(name) != theirs.get(name)]


def study_differences(left: StudyStore, right: StudyStore) -> list[str]:
    """Where the finished runs of two studies differ, bit for bit; empty when nowhere.

    Clocks and memory are not compared, nor where the runs were made.
    """
    return _differing_rows(left.database, right.database, ("runs", "rounds"), CLOCKS_AND_MEMORY | {"provenance"})


def _differing_rows(left: Database, right: Database, tables: tuple[str, ...], ignored: set[str]) -> list[str]:
    found = []
    for table in tables:
        columns = ", ".join(left.schema.tables[table]).split(", ")
        compared = [i for i, name in enumerate(columns) if name not in ignored]
        rows = [{tuple(row[i] for i in compared) for row in database.rows(table)} for database in (left, right)]
        if rows[0] != rows[1]:
            found.append(f"{len(rows[0] ^ rows[1])} rows of the table {table}")
    return found


def _tensor_files(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (directory / "checkpoints").glob("*.safetensors")}
