"""Links in a directory that another person sent: nothing is written through a link that leads to another file."""

import os
import stat
from pathlib import Path

from mereq.core.errors import CannotWrite


def inside(directory: Path, file: Path) -> Path:
    """The file, if writing to it changes nothing outside of the directory.

    Args:
        directory: directory that the user named. It may be a link itself.
        file: file or folder in this directory, or in a folder below it. It may be missing.

    Raises:
        CannotWrite: the file is a symbolic link or has a second name (a hard link), or a folder on the way to it is a
            link that leads out of the directory.
    """
    if _resolved(file.parent).is_relative_to(_resolved(directory)):
        try:
            found = os.lstat(file)
        except (FileNotFoundError, NotADirectoryError):
            return file
        if stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1):
            return file
        kind = "has a second name, a hard link" if stat.S_ISREG(found.st_mode) else "is a link, or no ordinary file"
    else:
        file, kind = _first_link(directory, file), f"is a link that leads out of {directory}"
    raise CannotWrite(
        f"{file} {kind}. Nothing is written through it, because it could change another file. Replace it by a copy "
        f"or remove it, and repeat the command."
    )


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (RuntimeError, OSError) as error:  # a loop of links
        raise CannotWrite(f"Cannot write to {path}: its links lead in a circle. Remove them.") from error


def _first_link(directory: Path, file: Path) -> Path:
    """The first link between the directory and the file, for messages."""
    below = [path for path in file.parents if path != directory and directory in path.parents]
    return next((path for path in reversed(below) if path.is_symlink()), file)
