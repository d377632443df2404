"""`mereq supervise`: Algorithm 1 with a person at the wheel."""

import webbrowser
from contextlib import ExitStack, nullcontext
from pathlib import Path
from socket import socket
from typing import Any

from rich.console import Console

from mereq.commands.align import DEFAULTS
from mereq.commands.installation import has_windows
from mereq.commands.opening import RunDirectory, open_run
from mereq.commands.terminal import prepare
from mereq.core.errors import IncompatibleRun
from mereq.presets.registry import find_task
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
        pass  # if it is not there, say so before anything else
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
            raise IncompatibleRun(
                f"--hz is {hz:g}, but the robot {spec.robot} keeps its own time: {session.hz:g} steps per second."
            )
        if mouse:
            closing.enter_context(poll_device(mouse, session))
        named = f" {given['task']}" if given.get("task") else ""
        sit(session, listening, browser, console, resume_with=f"mereq supervise{named} --resume --out {out}")
    console.print(f"\nThe run is in {out}. Look at it with:  mereq show {out}", soft_wrap=True)


def check_pace(hz: float | None) -> None:
    """Raises IncompatibleRun when nobody could keep up with it, or stay awake."""
    if hz is not None and not SLOWEST <= hz <= FASTEST:
        raise IncompatibleRun(f"--hz is {hz:g}; allowed is {SLOWEST:g} to {FASTEST:g} steps per second.")


def sit(session: Session, listening: socket, browser: bool, console: Console, *, resume_with: str) -> None:
    """Invite the person to the page, and follow the session to its end. resume_with: the command after Ctrl-C."""
    prepare(session.definition, console)
    try:
        serve(session, listening, started=lambda address: _invite(address, browser, console))
    except KeyboardInterrupt:
        console.print(f"\nStopped. Everything so far is stored. Resume with:  {resume_with}", soft_wrap=True)
        raise


def _invite(address: str, browser: bool, console: Console) -> None:
    """Say where the page is, and open it where there is a browser with a window."""
    console.print(f"The page is at [bold]{address}[/]\nIt waits for you there. Ctrl-C stops the run.", soft_wrap=True)
    if browser and has_windows():
        webbrowser.open(address)
