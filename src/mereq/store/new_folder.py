"""A folder that is whole or not there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mereq.core.errors import RunExists
from mereq.store.checkpoints import writing

MARK = "columns.json"  # every export has it, and nothing else of ours


@contextmanager
def new_folder(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder to fill, beside `out`; it takes that name when all went well, and goes away when not.

    A process that is killed leaves it under a name that says it is unfinished; the next one removes it.

    Args:
        out: not there yet, or an empty folder.
        overwrite: an export that is there is replaced, once the new one is whole.

    Raises:
        RunExists: something is there that may not be overwritten.
        CannotWrite: no permission, or the disk is full. What was there before is still there.
    """
    out = out.resolve()  # a link is followed
    occupied = out.exists() and (out.is_file() or any(out.iterdir()))
    if occupied and not (overwrite and (out / MARK).is_file()):
        mend = "Choose another --out." if overwrite else "Choose another --out; --overwrite replaces an export."
        raise RunExists(
            f"{out} {'is not an export' if overwrite else 'is there already'}: it is not overwritten. {mend}"
        )
    unfinished, old = (out.with_name(f"{out.name}.{state}") for state in ("unfinished", "replaced"))
    folder = unfinished / out.name
    with writing(out):
        try:
            for leftover in (unfinished, old):
                shutil.rmtree(leftover, ignore_errors=True)
            folder.mkdir(parents=True)
            yield folder
            _see_onto_disk(folder)
            if occupied:
                out.rename(old)
            folder.replace(out)
        finally:
            for leftover in (unfinished, old):
                shutil.rmtree(leftover, ignore_errors=True)


def _see_onto_disk(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
