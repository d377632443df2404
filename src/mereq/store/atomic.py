"""Atomic writes of files and folders: after a killed process, the old or the new version is there, and complete.

Only this module, `checkpoints` and `database` rename finished files into place.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mereq.core.errors import CannotWrite


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Context in which an error of the operating system while writing becomes a message for the user.

    Raises:
        CannotWrite: no permission, no such folder, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        reason = "a file has this name" if isinstance(error, FileExistsError) else error.strerror or error
        raise CannotWrite(
            f"Cannot write to {directory}: {reason}. Earlier records are safe. Free some space or correct the "
            "permissions and resume, or choose another directory."
        ) from error


def replace_file(file: Path, content: bytes) -> None:
    """Replace the content of a file atomically, and flush it to the disk.

    Raises:
        OSError: no permission, or the disk is full. The file then keeps its earlier content.
    """
    temporary = file.with_name(f".{file.name}.tmp")
    try:
        temporary.unlink(missing_ok=True)  # which may be a link
        with temporary.open("xb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(temporary, file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    flush(file.parent)


@contextmanager
def replaced_folder(out: Path) -> Iterator[Path]:
    """Empty folder beside `out` that the caller fills; it replaces `out` at the end, or is removed after an error.

    A killed process leaves the folder under a name that ends in `.unfinished`; the next call removes it.

    Args:
        out: the folder to replace or to create. A link is followed.

    Yields:
        A folder with the same last part of its name as `out`.

    Raises:
        CannotWrite: no permission, or the disk is full. `out` is then unchanged.
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
                flush(path)
            if out.exists():
                out.rename(old)
            folder.replace(out)
        finally:
            _remove(unfinished, old)


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def flush(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
