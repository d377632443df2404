"""`mereq init`: a file with a task of a Gymnasium environment, to be edited."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from mereq.core.errors import CannotWrite
from mereq.tasks.starter import starting_file


def init(file: Path, environment: str, console: Console) -> None:
    """Write the file. An existing file is left alone.

    Raises:
        CannotWrite: the file exists, has another suffix than .py, or cannot be written.
    """
    if file.suffix != ".py":
        raise CannotWrite(f"{file} would not be a Python file. Choose a name that ends with .py.")
    text = starting_file(environment, file.name)
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise CannotWrite(f"{file} exists, and is not overwritten. Choose another name.") from None
    except OSError as error:
        raise CannotWrite(f"{file} cannot be written: {error.strerror}.") from error
    console.print(Text(f"{file} is written. It runs as it is; try it with:  mereq check {file}:TASK"), soft_wrap=True)
