"""`mereq supervise`: Algorithm 1 with a person as the supervisor."""

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from socket import socket
from typing import Any

from rich.console import Console

from mereq.commands.align import DEFAULTS
from mereq.commands.browser import opened_in_browser
from mereq.commands.opening import RunDirectory, open_run, recording, stopped
from mereq.commands.output import command, resume_command, words
from mereq.commands.terminal import prepare
from mereq.core.errors import IncompatibleRun, WrongValue
from mereq.presets.registry import definition_of, find_task
from mereq.runs.tracking import require_tracker, tracked_run
from mereq.store.run_writer import RunWriter
from mereq.supervision.interruption import interruption
from mereq.web.devices.polling import poll_device
from mereq.web.devices.spacemouse import SpaceMouse
from mereq.web.messages import FASTEST, SLOWEST
from mereq.web.server import listen, serve
from mereq.web.session import Session


def supervise(
    out: Path,
    *,
    resume: bool,
    overwrite: bool,
    accept_loss: bool = False,
    track: str | None = None,
    given: dict[str, Any],
    hz: float | None,
    host: str,
    port: int,
    browser: bool,
    device: str,
    console: Console,
) -> None:
    """Run Algorithm 1 into a run directory, with a person who supervises it on a page."""
    check_pace(hz)
    if track is not None:
        require_tracker(track)  # a missing package deletes nothing
    mouse = SpaceMouse() if device == "spacemouse" else None
    with mouse or nullcontext():
        pass  # a missing device is reported first
    definition = find_task(given.get("task") or DEFAULTS["task"])
    defaults = DEFAULTS | {"supervisor": "person", "rate_threshold": definition.rate_threshold}
    with ExitStack() as closing:
        listening = closing.enter_context(listen(host, port))
        spec, writer = open_run(RunDirectory(out, resume, overwrite, accept_loss), given, defaults, console)
        closing.enter_context(recording(writer))
        if spec.supervisor != "person":
            raise IncompatibleRun(f"A program supervises the run in {out}. Resume it with `mereq align --resume`.")
        names = definition_of(spec.task).task.feature_names
        observed = tracked_run(track, writer.directory, spec, names, lambda: len(writer.rounds()))
        session = Session(spec, writer, pace=hz, observed=observed)
        if hz is not None and session.hz is not None:
            raise WrongValue(
                f"--hz is {hz:g}, but the robot {spec.robot} has its own rate of {session.hz:g} steps per second."
            )
        if mouse:
            closing.enter_context(poll_device(mouse, session))
        again = resume_command("supervise", out, given)
        serve_session(session, listening, browser, console, writer=writer, out=out, resume_with=again)
    console.print(words(f"\nThe run is in {out}. Show it with:  {command('mereq', 'show', out)}"), soft_wrap=True)


def check_pace(hz: float | None) -> None:
    """Refuse a pace that is too fast or too slow for a person.

    Raises:
        WrongValue: `hz` is out of range.
    """
    if hz is not None and not SLOWEST <= hz <= FASTEST:
        raise WrongValue(f"--hz is {hz:g}, and must be between {SLOWEST:g} and {FASTEST:g} steps per second.")


def serve_session(
    session: Session,
    listening: socket,
    browser: bool,
    console: Console,
    *,
    writer: RunWriter,
    out: Path,
    resume_with: str,
) -> None:
    """Serve the page of a session until its end.

    Args:
        session: session of the person.
        listening: socket of the server.
        browser: whether to open the page in a browser.
        console: console for messages.
        writer: writer of the run.
        out: directory of the run or trial, for messages.
        resume_with: command to print after Ctrl-C.
    """
    with ExitStack() as closing:

        def started(addresses: Sequence[str]) -> None:
            _print_addresses(addresses, console)
            if browser:
                closing.enter_context(opened_in_browser(addresses[0], writer.directory))

        try:
            prepare(session.definition, console)
            interruption.check()
            serve(session, listening, started=started)
        except KeyboardInterrupt:
            console.print(words(stopped(writer, out, resume_with)), soft_wrap=True)
            raise


def _print_addresses(addresses: Sequence[str], console: Console) -> None:
    """Print the addresses of the page: the first one is for this machine."""
    console.print(words("The page is at ", (addresses[0], "bold")), soft_wrap=True)
    for address in addresses[1:]:
        console.print(words("From other machines: ", (address, "bold")), soft_wrap=True)
    console.print("The run starts when you continue it there. Ctrl-C stops the run.", soft_wrap=True)
