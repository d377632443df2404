"""A run's log: a text file in its directory that says what happened when, for people."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mereq.core.errors import CannotWrite
from mereq.core.printable import printable
from mereq.store.links import inside

LOG = "run.log"
logger = logging.getLogger("mereq")


class PrintableFormatter(logging.Formatter):
    """Format of a log whose lines are those of the program: messages may quote files, users and other programs.

    Characters that act on a terminal, and line ends within a message, are written as escapes.
    """

    def __init__(self):
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of a message."""
        return printable(super().formatMessage(record), kept="")

    def formatException(self, ei: Any) -> str:
        """The lines of a traceback."""
        return printable(super().formatException(ei))


@contextmanager
def logged(directory: Path) -> Iterator[None]:
    """Within it, everything that `mereq` logs is appended to the run's log; an exception that leaves it, too.

    A log that cannot be written is left out: the run's record is its SQLite file.
    """
    try:
        handler = logging.FileHandler(inside(directory, directory / LOG), encoding="utf-8")
    except (OSError, CannotWrite):
        yield
        return
    handler.setFormatter(PrintableFormatter())
    thread = threading.get_ident()  # the runs of a lockstep batch each have a thread, and a log
    handler.addFilter(lambda record: record.thread == thread)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    except BaseException as error:
        logger.log(
            logging.INFO if isinstance(error, KeyboardInterrupt | GeneratorExit) else logging.ERROR,
            "stopped by %s: %s",
            type(error).__name__,
            error,
            exc_info=not isinstance(error, KeyboardInterrupt | GeneratorExit),
        )
        raise
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()
