"""The command line: `mereq COMMAND ...`. `mereq` alone, and `mereq --help`, print an overview."""

import errno
import logging
import os
import sys
import textwrap
from collections.abc import Callable
from typing import NoReturn

# Before NumPy is imported: threads of a small matrix product wait for each other longer than one thread takes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

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

OVERVIEW: dict[str, tuple[Callable[..., None], ...]] = {
    "Align": (align, supervise, trial),
    "See, compare, use": (show, features, study, report, export, export_policy),
    "A task of your own": (init, check, tasks),
    "Policies": (train, prepare),
    "Machine and robot": (doctor, robot),
}


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
    if sys.argv[1:] in ([], ["-h"], ["--help"]):
        print(overview())
        sys.exit(0 if sys.argv[1:] else 2)
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


def overview() -> str:
    """What each command does, in a sentence, and two commands to begin with."""
    lines = [
        "usage: mereq COMMAND [options]",
        "",
        "Align a robot policy from a person's interventions. `mereq COMMAND --help` explains a command with examples.",
    ]
    for kind, commands in OVERVIEW.items():
        lines += ["", f"{kind}:"]
        for command in commands:
            name = (command.__name__ or "").replace("_", "-")
            sentence = " ".join((command.__doc__ or "").partition("\n\n")[0].split())
            start = f"  {name:15}"
            lines += textwrap.wrap(sentence, 100, initial_indent=start, subsequent_indent=" " * len(start))
    return "\n".join(
        [
            *lines,
            "",
            "Begin with:",
            "  mereq align highway --seed 1 --rounds 6 --out runs/first    and    mereq show runs/first",
            "  mereq supervise highway                                     (you, in the browser)",
        ]
    )


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
