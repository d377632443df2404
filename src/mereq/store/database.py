"""SQLite file of a run, a study or a trial: one writer, any number of readers.

When `transaction` returns, its rows are acknowledged: they survive the death of the process and, unless `survive` was
set to "death", a power cut. Acknowledged rows that are missing later are noticed when the file is opened (`Tally`).
Every row has a checksum, because SQLite detects damage to its own structures only. With write-ahead logging other
processes can read during recording. docs/storage.md has the promises and their cost.
"""

import json
import os
import shutil
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from mereq import __version__
from mereq.core.errors import CannotWrite, CorruptCheckpoint, IncompatibleRun, LostRows, NoRun, RunExists
from mereq.store.atomic import flush, writing
from mereq.store.compatibility import check_version
from mereq.store.links import inside
from mereq.store.locks import WriterLock
from mereq.store.tally import Tally, read_tally

T = TypeVar("T")
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}


@dataclass(frozen=True)
class Schema:
    """Names and tables of one kind of SQLite file."""

    what: str  # kind: "run", "study" or "trial"
    format: int
    tables: dict[str, tuple[str, str]]  # name: (key, other columns); see `starts`
    remedy: str  # advice for a damaged file
    lost: str  # advice for a file without rows that were acknowledged
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

    @property
    def tally(self) -> str:
        """Name of the file with the numbers of acknowledged rows."""
        return f"{self.what}.tally"

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the files that SQLite writes."""
        return self.file, f"{self.file}-wal", f"{self.file}-shm", f"{self.file}-journal"

    def is_leftover(self, file: Path) -> bool:
        """Whether the file was left by a killed creation, or belongs to an SQLite file that was deleted."""
        return file.name.startswith(f"{self.file}.new") or file.name in (*self.parts[1:], self.tally)


class Database:
    """Open SQLite file of one schema."""

    def __init__(self, schema: Schema, file: Path, connection: sqlite3.Connection, closing: ExitStack):
        self.schema, self._file, self._connection, self._closing = schema, file, connection, closing
        self._tally: Tally | None = None  # of a writer
        self._counts: dict[str, int] = {}  # number of rows by table, for the tally
        self._places: dict[Path, tuple[int, int]] = {}  # device and number of each file that a writer has open

    @classmethod
    def create(
        cls, schema: Schema, directory: Path, first_start: Mapping[str, Any], *, overwrite: bool = False
    ) -> "Database":
        """New file in an empty or missing directory, with the first row of its first table.

        Args:
            schema: tables of the file.
            directory: directory of the file.
            first_start: first row of the first table.
            overwrite: delete what is in the directory, if it has such a file, while no other process records into it.

        Raises:
            RunExists: the directory contains such a file, or any other; with `overwrite`, other files only.
            CannotWrite: no permission, the disk is full, or another process is recording there.
        """
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            replaced = overwrite and (directory / schema.file).exists()
            if not replaced:
                _refuse_occupied(schema, directory)
            with ExitStack() as locked:
                locked.callback(_lock(schema, directory).release)
                if replaced:
                    _empty(directory, keep=schema.lock)
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
                flush(directory)
                with suppress(PermissionError):
                    flush(directory.resolve().parent)
                return cls._opened(schema, directory, write=True, accept_loss=False, acknowledged={}, lock=locked)

    @classmethod
    def open(
        cls,
        schema: Schema,
        directory: Path,
        *,
        write: bool,
        accept_loss: bool = False,
        acknowledged: Mapping[str, int] | None = None,
    ) -> "Database":
        """Open the file in a directory.

        Args:
            schema: tables of the file.
            directory: directory of the file.
            write: lock the file for this process, and open it for writing.
            accept_loss: open the file although acknowledged rows are lost. A writer then counts anew.
            acknowledged: numbers of rows by table that other files show to have been acknowledged; read before the
                call.

        Raises:
            NoRun: the directory has no such file.
            IncompatibleRun: the file has another format, or is of another version of mereq.
            CorruptCheckpoint: the file is damaged.
            LostRows: rows that were acknowledged are missing.
            CannotWrite: no permission, the disk is full, another process is writing, or a file is a link.
        """
        with ExitStack() as locked:
            file = directory / schema.file
            if write and _is_file(file):
                with writing(directory):
                    locked.callback(_lock(schema, directory).release)
            return cls._opened(
                schema,
                directory,
                write=write,
                accept_loss=accept_loss,
                acknowledged=acknowledged or {},
                lock=locked,
            )

    @classmethod
    def _opened(
        cls,
        schema: Schema,
        directory: Path,
        *,
        write: bool,
        accept_loss: bool,
        acknowledged: Mapping[str, int],
        lock: ExitStack,
    ) -> "Database":
        """See `open`; `lock` releases the writer's lock, which the database takes over."""
        file = (directory / schema.file).absolute()
        if not _is_file(file):
            raise NoRun(
                f"There is no {schema.what} in {directory}. Name another directory, or start a new {schema.what} there."
            )
        for part in schema.parts:
            inside(directory, directory / part)
        tally = read_tally(directory / schema.tally)
        has_log = file.with_name(f"{file.name}-wal").exists()
        if write:  # a writer's connection would clear a damaged log away when it is closed
            with cls._opened(
                schema,
                directory,
                write=False,
                accept_loss=accept_loss,
                acknowledged=acknowledged,
                lock=ExitStack(),
            ) as looked_at:
                looked_at.rows(schema.starts)
        with lock.pop_all() as closing, _readable_errors(schema, file):
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
            complaint = "ok" if write else connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if complaint != "ok":
                raise _corrupt(schema, file, complaint)
            database = cls(schema, file, connection, closing)
            starts = database.rows(schema.starts)
            if not starts:
                raise _corrupt(schema, file, "it does not say how it was started")
            check_version(f"The {schema.what} in {directory}", starts[-1]["mereq"], __version__)
            if not accept_loss:
                database._refuse_loss(tally, acknowledged, has_log)
            if write:
                with writing(directory):
                    database._begin_writing(closing)
            database._closing = closing.pop_all()
            return database

    def _refuse_loss(self, tally: Mapping[str, int], acknowledged: Mapping[str, int], has_log: bool) -> None:
        """Raise LostRows if there are fewer rows than were acknowledged."""
        known = {name: max(tally.get(name, 0), acknowledged.get(name, 0)) for name in self.schema.tables}
        found = self._count()
        lost = [f"{n} of {name} ({found[name]} are there)" for name, n in known.items() if found[name] < n]
        if lost:
            log = f"{self._file.name}-wal"
            state = "damaged, or was cut off" if has_log else "missing"
            raise LostRows(
                f"The record of the {self.schema.what}, {self._file}, has lost rows. These were stored: "
                f"{', '.join(lost)}. The newest rows are in {log} until they are moved into {self._file.name}; "
                f"that file is {state}. Restore both files together from a copy. {self.schema.lost}"
            )

    def _begin_writing(self, closing: ExitStack) -> None:
        """Prepare for inserting rows."""
        self.survive("power cut")
        self._tally = Tally(inside(self._file.parent, self._file.with_name(self.schema.tally)))
        closing.callback(self._tally.close)
        self._counts = self._count()
        self._tally.write(self._counts)
        self.check_in_place()

    def count(self, table: str) -> int:
        """Number of rows of a table that this writer has stored."""
        return self._counts[table]

    def _count(self) -> dict[str, int]:
        """Number of rows by table."""
        return {
            name: self._connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in self.schema.tables
        }

    def close(self) -> None:
        """Close the file and release the writer's lock."""
        self._closing.close()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def survive(self, what: Literal["power cut", "death"]) -> None:
        """Set what acknowledged rows survive: a power cut, or only the death of the process (ten times faster).

        In both cases rows are on the disk when `settle` has returned.
        """
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if what == 'power cut' else 'NORMAL'}")

    def settle(self) -> None:
        """Flush all acknowledged rows to the disk, and move them from the log into the SQLite file.

        Readers may delay the second part.

        Raises:
            CannotWrite: no permission, or the disk is full.
        """
        with _readable_errors(self.schema, self._file):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def check_in_place(self) -> None:
        """Refuse to continue if a file of this writer was deleted, moved or replaced by another program.

        Raises:
            CannotWrite: a file is gone. Where only SQLite's log is gone, its rows were saved first.
        """
        names = (*self.schema.parts[:3], self.schema.lock)
        for file in (self._file.with_name(name) for name in names):
            try:
                found = os.stat(file, follow_symlinks=False)
            except FileNotFoundError:
                if file in self._places:
                    raise self._gone(file) from None
                continue
            if self._places.setdefault(file, (found.st_dev, found.st_ino)) != (found.st_dev, found.st_ino):
                raise self._gone(file)

    def _gone(self, file: Path) -> CannotWrite:
        saved = "Where its directory was moved, everything up to now is in the new place; otherwise it is lost."
        if file != self._file and self._file.is_file():
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                saved = (
                    f"Everything up to now was saved into {self._file.name}, and the {self.schema.what} can be resumed."
                )
        return CannotWrite(
            f"{file} was deleted, moved or replaced by another program while this one was recording. {saved}"
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Context whose inserted rows are stored together, or not at all. They are acknowledged when it is left.

        Raises:
            CannotWrite: no permission, the disk is full, or the file was deleted or moved.
        """
        before = dict(self._counts)
        try:
            with _readable_errors(self.schema, self._file), self._connection:
                yield
        except BaseException:
            self._counts = before
            raise
        self.check_in_place()
        if self._tally is not None:
            with writing(self._file.parent):
                self._tally.write(self._counts)

    def insert(self, table: str, values: Mapping[str, Any], *, replace: bool = False) -> None:
        """Add a row of numbers, texts, bytes and None, by the names of all columns."""
        names = self.schema.columns(table)
        if values.keys() != set(names):
            raise ValueError(f"the table {table} has the columns {', '.join(names)}; got {', '.join(values)}")
        row = tuple(values[name] for name in names)
        if replace:
            keys = self.schema.tables[table][0].split(", ")
            where = " AND ".join(f"{key} = ?" for key in keys)
            replaced = self._connection.execute(f"DELETE FROM {table} WHERE {where}", [values[key] for key in keys])
            self._counts[table] = self._counts.get(table, 0) - replaced.rowcount
        marks = ", ".join("?" * (len(row) + 1))
        self._connection.execute(f"INSERT INTO {table} VALUES ({marks})", (*row, _checksum(row)))
        self._counts[table] = self._counts.get(table, 0) + 1

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


def from_json(text: Any) -> Any:
    """The content of a recorded JSON text.

    Raises:
        CorruptCheckpoint: it is not JSON, nested too deeply, or has a number with thousands of digits.
    """
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise CorruptCheckpoint(
            f"A text in the record cannot be read ({str(error) or type(error).__name__}). mereq did not write it so. "
            "Restore the record from a copy."
        ) from error


class Store:
    """Directory with an open SQLite file, which `close` closes. A program may change its directory meanwhile."""

    def __init__(self, directory: Path, database: Database):
        self.directory, self.database = directory.absolute(), database

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


def _lock(schema: Schema, directory: Path) -> WriterLock:
    """Lock of the writer, acquired."""
    return WriterLock.acquire(directory / schema.lock, f"recording into {directory}")


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a name that is too long
        return False


def _empty(directory: Path, *, keep: str) -> None:
    """Delete everything in a directory but the writer's lock. Links are deleted, not followed."""
    for path in directory.iterdir():
        if path.name == keep:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


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
