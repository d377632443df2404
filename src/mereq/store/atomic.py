"""Atomic writes of files and folders: after a killed process, the old or the new version is there, and complete.

Only this module, `checkpoints` and `database` rename finished files into place.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mereq.core.errors import CannotWrite
from mereq.store.locks import WriterLock

LOCK = "lock"


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
def replaced_folder(out: Path, check: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """Empty folder beside `out` that the caller fills; it replaces `out` at the end, or is removed after an error.

    One process writes at a time. A killed process leaves the folder under a name that ends in `.unfinished`; the next
    call removes it.

    Args:
        out: the folder to replace or to create. A link is followed.
        check: called when no other process writes; what it raises leaves `out` unchanged.

    Yields:
        A folder with the same last part of its name as `out`.

    Raises:
        CannotWrite: another process is writing it, no permission, or the disk is full. `out` is then unchanged.
    """
    out = out.resolve()
    unfinished, old = (out.with_name(f"{out.name}.{state}") for state in ("unfinished", "replaced"))
    folder = unfinished / out.name
    with writing(out), _only_writer(unfinished, out):
        try:
            if old.exists() and not out.exists():  # a process was killed between the two renames below
                old.rename(out)
            check()
            _remove(folder, old)
            folder.mkdir()
            yield folder
            for path in [*folder.rglob("*"), folder]:
                flush(path)
            _exchange(folder, out, old)
        finally:
            _remove(old, unfinished)


def _exchange(folder: Path, out: Path, old: Path) -> None:
    """Put `folder` in the place of `out`, which becomes `old`; after an error it keeps its name."""
    if out.exists():
        out.rename(old)
    try:
        folder.replace(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise


@contextmanager
def _only_writer(unfinished: Path, out: Path) -> Iterator[None]:
    """Context in which no other process has the folder `unfinished`, which is created.

    Its owner removes the folder together with the lock in it. Who has opened a lock that is removed meanwhile tries
    again.
    """
    while True:
        if unfinished.is_symlink():
            unfinished.unlink()
        unfinished.mkdir(parents=True, exist_ok=True)
        try:
            lock = WriterLock.acquire(unfinished / LOCK, f"writing {out}")
        except FileNotFoundError:
            continue
        if lock.is_in_place():
            break
        lock.release()
    try:
        yield
    finally:
        lock.release()


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
