"""`mereq supervise`: Algorithm 1 with a person at the wheel."""

import webbrowser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from mereq.commands.align import DEFAULTS
from mereq.commands.opening import open_run
from mereq.commands.terminal import warm_up
from mereq.core.errors import IncompatibleRun
from mereq.experiments.runs import PERSON
from mereq.web.devices.at_wheel import at_the_wheel
from mereq.web.devices.spacemouse import SpaceMouse
from mereq.web.doctor import has_windows
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
    if hz is not None and not SLOWEST <= hz <= FASTEST:
        raise IncompatibleRun(f"--hz is {hz:g}; allowed is {SLOWEST:g} to {FASTEST:g} steps per second.")
    mouse = SpaceMouse() if device == "spacemouse" else None
    with mouse or nullcontext():
        pass  # if it is not there, say so before anything else
    listening = listen(host, port)
    defaults = DEFAULTS | {"expert": PERSON, "rate_threshold": 0.05}
    spec, store = open_run(out, resume=resume, overwrite=overwrite, given=given, defaults=defaults, console=console)
    with store, listening:
        if spec.expert != PERSON:
            raise IncompatibleRun(f"A program supervises the run in {out}. Go on with it by `mereq align --resume`.")
        warm_up(console)
        session = Session(spec, store, pace=hz)
        try:
            with at_the_wheel(mouse, session) if mouse else nullcontext():
                serve(session, listening, started=lambda address: _invite(address, browser, console))
        except KeyboardInterrupt:
            console.print(
                f"\nStopped. Everything so far is in {out}. Go on with:  mereq supervise --resume --out {out}",
                soft_wrap=True,
            )
            raise
    console.print(f"\nThe run is in {out}. Look at it with:  mereq show {out}", soft_wrap=True)


def _invite(address: str, browser: bool, console: Console) -> None:
    """Say where the page is, and open it where there is a browser with a window."""
    console.print(f"The page is at [bold]{address}[/]\nIt waits for you there. Ctrl-C stops the run.", soft_wrap=True)
    if browser and has_windows():
        webbrowser.open(address)
