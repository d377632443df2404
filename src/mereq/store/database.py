"""SQLite file of a run, a study or a trial: one writer, any number of readers.

Every row has a checksum, because SQLite detects damage to its own structures only. With write-ahead logging a commit
survives the death of the process, and other processes can read during recording.
"""

import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from mereq import __version__
from mereq.core.errors import CannotWrite, CorruptCheckpoint, IncompatibleRun, NoRun, RunExists
from mereq.store.atomic import writing
from mereq.store.compatibility import check_version

T = TypeVar("T")
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}


@dataclass(frozen=True)
class Schema:
    """Names and tables of one kind of SQLite file."""

    what: str  # kind: "run", "study" or "trial"
    format: int
    tables: dict[str, tuple[str, str]]  # name: (key, other columns); see `starts`
    remedy: str  # advice for a damaged file
    beside: frozenset[str] = frozenset()  # names of other files that may exist before this file is created

    @property
    def starts(self) -> str:
        """Name of the first table, with one row per start; its third column is the version of mereq."""
        return next(iter(self.tables))

    def columns(self, table: str) -> list[str]:
        """Names of a table's columns, in order, without the checksum at the end of each row."""
        return ", ".join(self.tables[table]).split(", ")

    @property
    def file(self) -> str:
        """Name of the SQLite file."""
        return f"{self.what}.sqlite"

    @property
    def lock(self) -> str:
        """Name of the file that the writer holds locked."""
        return f"{self.what}.lock"

    def is_leftover(self, file: Path) -> bool:
        """Whether the file was left by a killed creation, or belongs to an SQLite file that was deleted."""
        return file.name.startswith(f"{self.file}.new") or file.name in (f"{self.file}-wal", f"{self.file}-shm")


class Database:
    """Open SQLite file of one schema."""

    def __init__(self, schema: Schema, file: Path, connection: sqlite3.Connection, closing: ExitStack):
        self.schema, self._file, self._connection, self._closing = schema, file, connection, closing

    @classmethod
    def create(cls, schema: Schema, directory: Path, first_start: Mapping[str, Any]) -> "Database":
        """New file in an empty or missing directory, with the first row of its first table.

        Raises:
            RunExists: the directory contains such a file, or any other.
            CannotWrite: no permission, the disk is full, or another process is recording there.
        """
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            _refuse_occupied(schema, directory)
            with ExitStack() as locked:
                locked.callback(_lock(schema, directory).release)
                _refuse_occupied(schema, directory)
                for leftover in filter(schema.is_leftover, directory.iterdir()):
                    leftover.unlink()
                new = directory / f"{schema.file}.new"
                with _readable_errors(schema, new), ExitStack() as closing:
                    connection = _connect(new, "rwc", closing)
                    connection.execute(
                        "PRAGMA journal_mode = WAL"
                    )  # a later change would lock readers out if it were killed
                    for name, (key, others) in schema.tables.items():
                        columns = f"{key}, {others}, crc, PRIMARY KEY ({key})"
                        connection.execute(f"CREATE TABLE {name} ({columns}) WITHOUT ROWID")
                    connection.execute(f"PRAGMA user_version = {schema.format}")
                    with connection:
                        cls(schema, new, connection, closing).insert(schema.starts, first_start)
                os.replace(new, directory / schema.file)
        return cls.open(schema, directory, write=True)

    @classmethod
    def open(cls, schema: Schema, directory: Path, *, write: bool) -> "Database":
        """Open the file in a directory.

        Raises:
            NoRun: the directory has no such file.
            IncompatibleRun: the file has another format, or is of another version of mereq.
            CorruptCheckpoint: the file is damaged.
            CannotWrite: no permission, the disk is full, or another process is writing.
        """
        file = directory / schema.file
        if not file.is_file():
            raise NoRun(
                f"There is no {schema.what} in {directory}. Name another directory, or start a new {schema.what} there."
            )
        with ExitStack() as closing, _readable_errors(schema, file):
            if write:
                with writing(directory):
                    closing.callback(_lock(schema, directory).release)
            sealed = not os.access(directory, os.W_OK) and not file.with_name(f"{schema.file}-wal").exists()
            connection = _connect(file, "rw" if write else "ro&immutable=1" if sealed else "ro", closing)
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:
                raise _corrupt(schema, file, "the file is empty, or mereq did not write it")
            if found != schema.format:
                raise IncompatibleRun(
                    f"The {schema.what} in {directory} was recorded in format {found}; this version of mereq "
                    f"uses format {schema.format}. Open it with the version that recorded it, or start a new "
                    f"{schema.what}."
                )
            complaint = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if complaint != "ok":
                raise _corrupt(schema, file, complaint)
            if write:
                connection.execute("PRAGMA synchronous = NORMAL")
            recorded_by = cls(schema, file, connection, closing).rows(schema.starts)[-1]["mereq"]
            check_version(f"The {schema.what} in {directory}", recorded_by, __version__)
            return cls(schema, file, connection, closing.pop_all())

    def close(self) -> None:
        """Close the file and release the writer's lock."""
        self._closing.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Context whose inserted rows are stored together, or not at all.

        Raises:
            CannotWrite: no permission, or the disk is full.
        """
        with _readable_errors(self.schema, self._file), self._connection:
            yield

    def insert(self, table: str, values: Mapping[str, Any], *, replace: bool = False) -> None:
        """Add a row of numbers, texts, bytes and None, by the names of all columns."""
        verb = "INSERT OR REPLACE" if replace else "INSERT"
        names = self.schema.columns(table)
        if values.keys() != set(names):
            raise ValueError(f"the table {table} has the columns {', '.join(names)}; got {', '.join(values)}")
        row = tuple(values[name] for name in names)
        marks = ", ".join("?" * (len(row) + 1))
        self._connection.execute(f"{verb} INTO {table} VALUES ({marks})", (*row, _checksum(row)))

    def rows(self, table: str, **equal: Any) -> list[dict[str, Any]]:
        """Rows of a table, by the names of their columns, in the order of the key.

        equal: values by column; only rows with these values are returned.

        Raises:
            CorruptCheckpoint: a row does not fit its checksum.
        """
        names, order = self.schema.columns(table), self.schema.tables[table][0]
        where = " AND ".join(f"{name} = ?" for name in equal) or "TRUE"
        with _readable_errors(self.schema, self._file):
            found = self._connection.execute(
                f"SELECT * FROM {table} WHERE {where} ORDER BY {order}", tuple(equal.values())
            ).fetchall()
        for *row, checksum in found:
            if _checksum(tuple(row)) != checksum:
                raise _corrupt(self.schema, self._file, f"a row of the table {table} is not what was written")
        return [dict(zip(names, row, strict=False)) for row in found]


class Store:
    """Directory with an open SQLite file, which `close` closes."""

    def __init__(self, directory: Path, database: Database):
        self.directory, self.database = directory, database

    def close(self) -> None:
        """Close the file and release the writer's lock."""
        self.database.close()

    def __enter__(self: T) -> T:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _connect(file: Path, mode: str, closing: ExitStack) -> sqlite3.Connection:
    uri = f"{file.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=30)
    closing.callback(connection.close)
    return connection


def _checksum(values: tuple[Any, ...]) -> int:
    return zlib.crc32(repr(values).encode())


def _lock(schema: Schema, directory: Path) -> FileLock:
    """Lock of the writer, acquired. The system releases the lock when the process ends, even if it is killed."""
    lock = FileLock(directory / schema.lock, timeout=0, mode=0o644, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise CannotWrite(
            f"Another process is recording into {directory}. Wait for its end, stop it, or choose another directory. "
            f"The {schema.what} can be read meanwhile."
        ) from None
    return lock


def _refuse_occupied(schema: Schema, directory: Path) -> None:
    allowed = schema.beside | {schema.lock}
    found = sorted(directory.iterdir())
    names = [file.name for file in found if file.name not in allowed and not schema.is_leftover(file)]
    if schema.file in names:
        raise RunExists(
            f"{directory} already contains a {schema.what}. Resume it, or choose another directory for a new one."
        )
    if names:
        raise RunExists(
            f"{directory} is not empty: it contains {names[0]!r}. A {schema.what} needs a directory of its own; "
            "choose another one."
        )


@contextmanager
def _readable_errors(schema: Schema, file: Path) -> Iterator[None]:
    """Context in which errors of SQLite become messages for the user."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise _corrupt(schema, file, "a name in the file is not text") from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        if code & 0xFF in _DAMAGED:
            raise _corrupt(schema, file, str(error)) from error
        raise CannotWrite(
            f"Cannot use {file}: {error}. Earlier records are safe. Free some space or correct the permissions "
            "and resume, or choose another directory."
        ) from error


def _corrupt(schema: Schema, file: Path, problem: str) -> CorruptCheckpoint:
    return CorruptCheckpoint(f"The record of the {schema.what}, {file}, is damaged: {problem}. {schema.remedy}")
