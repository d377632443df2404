"""The command line: `mereq init | check | align | supervise | trial | show | features | export | study | ...`."""

import errno
import logging
import os
import sys
from typing import NoReturn

import tyro

from mereq import __version__
from mereq.cli.options import app, console
from mereq.cli.runs import align, supervise, trial  # isort: split

from mereq.cli.policies import prepare, train  # isort: split

from mereq.cli.results import export, export_policy, features, report, show, study  # isort: split

from mereq.cli.tools import check, doctor, init, robot, tasks
from mereq.commands.output import accept_any_text, words
from mereq.core.errors import MereqError
from mereq.core.extras import missing
from mereq.supervision.interruption import STATUS, interruption

__all__ = [  # the order of `--help` is that of the imports above
    "align",
    "check",
    "doctor",
    "export",
    "export_policy",
    "features",
    "init",
    "main",
    "prepare",
    "report",
    "robot",
    "show",
    "study",
    "supervise",
    "tasks",
    "train",
    "trial",
]


class _Warnings(logging.Handler):
    """Handler that prints warnings of a run, such as those of its first check; its log has them, too."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning; an error is printed where it ends the command."""
        if record.levelno == logging.WARNING:
            console.print(words((record.getMessage(), "yellow")), soft_wrap=True)


def main() -> None:
    """Run the command line. A user's mistake is a sentence and exit status 2; an end by a signal is 130."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")  # small networks: an accelerator's dispatch costs more than it saves
    if sys.argv[1:] == ["--version"]:
        print(f"mereq {__version__}")
        return
    accept_any_text()
    logger, warnings = logging.getLogger("mereq"), _Warnings(logging.WARNING)
    logger.addHandler(warnings)
    with interruption.caught():
        try:
            _run_command()
        except KeyboardInterrupt:
            sys.exit(STATUS)
        except OSError as error:
            if error.errno == errno.EIO and interruption.requested:  # the terminal was closed: nothing can be printed
                sys.exit(STATUS)
            raise
        finally:
            logger.removeHandler(warnings)


def _run_command() -> None:
    try:
        app.cli(prog="mereq", description=__doc__, config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff))
        sys.stdout.flush()
    except MereqError as mistake:
        _complain(str(mistake))
    except ModuleNotFoundError as error:
        mistake = missing(error)
        if mistake is None:
            raise
        _complain(str(mistake))
    except BrokenPipeError:  # the reader of our output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _complain(f"Cannot write the output: {error.strerror}.")


def _complain(sentence: str) -> NoReturn:
    """Print a sentence about what the user can correct, and exit with status 2."""
    console.print(words(("mereq:", "bold red"), f" {sentence}"), soft_wrap=True)
    sys.exit(2)
