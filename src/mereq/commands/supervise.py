"""`mereq supervise`: Algorithm 1 with a person as the supervisor."""

import threading
import webbrowser
from contextlib import ExitStack, nullcontext
from pathlib import Path
from socket import socket
from typing import Any

from rich.console import Console

from mereq.commands.align import DEFAULTS
from mereq.commands.installation import has_windows
from mereq.commands.opening import RunDirectory, open_run, resume_command
from mereq.commands.terminal import prepare
from mereq.core.errors import IncompatibleRun, WrongValue
from mereq.presets.registry import find_task
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
    mouse = SpaceMouse() if device == "spacemouse" else None
    with mouse or nullcontext():
        pass  # a missing device is reported first
    definition = find_task(given.get("task") or DEFAULTS["task"])
    defaults = DEFAULTS | {"supervisor": "person", "rate_threshold": definition.rate_threshold}
    with ExitStack() as closing:
        listening = closing.enter_context(listen(host, port))
        spec, writer = open_run(RunDirectory(out, resume, overwrite), given, defaults, console)
        closing.enter_context(writer)
        if spec.supervisor != "person":
            raise IncompatibleRun(f"A program supervises the run in {out}. Resume it with `mereq align --resume`.")
        session = Session(spec, writer, pace=hz)
        if hz is not None and session.hz is not None:
            raise WrongValue(
                f"--hz is {hz:g}, but the robot {spec.robot} has its own rate of {session.hz:g} steps per second."
            )
        if mouse:
            closing.enter_context(poll_device(mouse, session))
        serve_session(session, listening, browser, console, resume_with=resume_command("supervise", out, given))
    console.print(f"\nThe run is in {out}. Show it with:  mereq show {out}", soft_wrap=True)


def check_pace(hz: float | None) -> None:
    """Refuse a pace that is too fast or too slow for a person.

    Raises:
        WrongValue: `hz` is out of range.
    """
    if hz is not None and not SLOWEST <= hz <= FASTEST:
        raise WrongValue(f"--hz is {hz:g}, and must be between {SLOWEST:g} and {FASTEST:g} steps per second.")


def serve_session(session: Session, listening: socket, browser: bool, console: Console, *, resume_with: str) -> None:
    """Serve the page of a session until its end. resume_with: command to print after Ctrl-C."""
    try:
        prepare(session.definition, console)
        interruption.check()
        serve(session, listening, started=lambda address: _print_address(address, browser, console))
    except KeyboardInterrupt:
        console.print(f"\nStopped. Everything so far is stored. Resume with:  {resume_with}", soft_wrap=True)
        raise


def _print_address(address: str, browser: bool, console: Console) -> None:
    """Print the address of the page, and open the page if this machine can show windows."""
    console.print(
        f"The page is at [bold]{address}[/]\nThe run starts when you continue it there. Ctrl-C stops the run.",
        soft_wrap=True,
    )
    if browser and has_windows():
        # in a thread, because a browser that stays in the foreground returns at its end only
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
