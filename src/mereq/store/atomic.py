"""Files and folders that are written whole or not at all: a process that is killed leaves the old one or the new one.

The only place in mereq that renames what it wrote into place, besides the creation of a database.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mereq.core.errors import CannotWrite


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Turns the operating system's refusal to write into a sentence.

    Raises:
        CannotWrite: no permission, no such place, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror or error
        raise CannotWrite(
            f"Cannot write to {directory}: {reason}. What was recorded before is safe. Free some "
            "space or mend the permissions and resume, or choose another directory."
        ) from error


def replace_file(file: Path, content: bytes) -> None:
    """Put content into a file, all or nothing, and flush it to the disk.

    Raises:
        OSError: no permission, or the disk is full. What was there before is still there.
    """
    temporary = file.with_name(f".{file.name}.tmp")
    try:
        with temporary.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(temporary, file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _flush(file.parent)


@contextmanager
def replaced_folder(out: Path) -> Iterator[Path]:
    """An empty folder to fill, beside `out`; it takes the place of `out` when all went well, and is removed when not.

    A process that is killed leaves it under a name that says it is unfinished; the next one removes it.

    Args:
        out: a folder, which is replaced, or not there yet. A link is followed.

    Yields:
        A folder that already has the last part of the name of `out`.

    Raises:
        CannotWrite: no permission, or the disk is full. What was there before is still there.
    """
    out = out.resolve()
    unfinished, old = (out.with_name(f"{out.name}.{state}") for state in ("unfinished", "replaced"))
    folder = unfinished / out.name
    with writing(out):
        try:
            _remove(unfinished, old)
            folder.mkdir(parents=True)
            yield folder
            for path in [*folder.rglob("*"), folder]:
                _flush(path)
            if out.exists():
                out.rename(old)
            folder.replace(out)
        finally:
            _remove(unfinished, old)


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _flush(path: Path) -> None:
    """Make the system write a file, or the entries of a folder, onto the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
