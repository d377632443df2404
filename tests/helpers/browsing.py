"""A real Chromium, a session with its server, and a person at the browser's keyboard, with devices of theirs."""

import threading
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import pytest
import uvicorn

from mereq.runs.run import config_of
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from mereq.web import controls
from mereq.web.devices.polling import poll_device
from mereq.web.server import listen, make_server
from mereq.web.session import Session
from sittings import latest
from waiting import HANG

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SLOW = HANG / 2  # s that a page of a test may take

TOKEN = "a-token"
PACE = 8.0  # steps per second
FEWER_FRAMES = """
    const draw = window.requestAnimationFrame.bind(window);  // by software: 60 frames a second cost 0.4 of a core
    window.requestAnimationFrame = (act) => setTimeout(() => draw(act), 100);
"""


class Sitting:
    """A session with its server, and a person at the browser's keyboard."""

    page: "Page"

    def __init__(self, directory, browser: "Browser", session: Session, server: uvicorn.Server, address: str):
        self.directory, self.browser, self.address = directory, browser, address
        self.session, self.server = session, server
        self.mistakes = []  # of all pages
        self.new_page()

    def new_page(self, before: str = "") -> None:
        """A page that is still empty. before: a script that runs before its own."""
        self.page = self.browser.new_page(viewport={"width": 1280, "height": 800})
        self.page.set_default_timeout(1000 * HANG)
        self.keys = self.page.keyboard
        self.page.on("pageerror", lambda error: self.mistakes.append(str(error)))
        self.page.on("console", lambda said: self.mistakes.append(said.text) if said.type == "error" else None)
        self.page.add_init_script(FEWER_FRAMES)
        self.page.add_init_script(before)

    def open(self) -> None:
        self.page.goto(self.address)
        self.until(lambda: self.who() == "PAUSED" and self.page.is_visible("#go"))

    def go(self) -> None:
        """Continue. A run that is told to before the page has shown the newest picture pauses again, and stays so."""
        self.until(lambda: self.who() == "PAUSED" and self.page.is_visible("#go") and not self.session.controls._unseen)
        self.keys.press("p")
        self.until(lambda: self.who() in ("POLICY", "YOU"))

    def who(self) -> str:
        """Controller that the banner names."""
        return self.page.inner_text("#who")

    def steps(self) -> int:
        view = latest(self.session)
        return view["step"]

    def until(self, condition, seconds: float = HANG) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"the page says {self.page.inner_text('body')}"
            self.page.wait_for_timeout(10)

    def heard(self) -> None:
        """Wait until the session has heard of every key so far: of a message that the page sent after them."""
        now = self.page.evaluate("Date.now() / 1000")
        self.until(lambda: self.session.controls._sent > now)

    def let_pass(self, steps: int) -> None:
        """Wait until so many more steps were taken, with the keys that are down now."""
        self.heard()
        end = self.steps() + steps
        self.until(lambda: self.steps() >= end)

    def until_left(self, server, seconds: float = HANG) -> None:
        """Wait until the server knows that its page has gone: what it does for a run that is over takes seconds."""
        end = time.monotonic() + seconds
        while server.server_state.tasks and not self.session.over and time.monotonic() < end:
            time.sleep(0.01)

    def recorded(self):
        """The steps so far, and what was seen at each; the run may go on in between."""
        with RunReader.open(self.directory) as store:
            steps = store.steps(0)
            return steps, store.seen_frames(0)[: len(steps)]

    def taken(self) -> list[int]:
        """Which steps the person took so far."""
        return [number for number, step in enumerate(self.recorded()[0]) if step.controller]


@contextmanager
def sitting(directory, browser, what, *, pace=PACE, device=None):
    """A session with its page. The page may be slow: this machine has other work, which must not pause a run."""
    with (
        pytest.MonkeyPatch.context() as patched,
        RunWriter.create(directory, config_of(what)) as store,
        listen("127.0.0.1", 0) as listening,
    ):
        patched.setattr(controls, "SILENCE", SLOW)
        patched.setattr(controls, "SIGHT", SLOW + 2.0)  # later, so that silence is noticed as silence
        session = Session(what, store, pace=pace)
        server = make_server(session, listening, token=TOKEN)
        threads = [
            threading.Thread(target=session.run),
            threading.Thread(target=server.run, kwargs={"sockets": [listening]}),
        ]
        for thread in threads:
            thread.start()
        at = Sitting(
            directory, browser, session, server, f"http://127.0.0.1:{listening.getsockname()[1]}/?token={TOKEN}"
        )
        try:
            with nullcontext() if device is None else poll_device(device, session):
                yield at
        finally:
            at.page.close()
            at.until_left(server)
            session.stop()
            server.should_exit = True
            for thread in threads:
                thread.join(HANG)
        assert [mistake for mistake in at.mistakes if "WebSocket" not in mistake] == []


FAKE_PAD = """
    window.pad = {id: 'Pad (fake)', mapping: 'standard', connected: true, axes: [0, 0, 0, 0],
                  buttons: Array.from({length: 17}, () => ({pressed: false, value: 0}))};
    navigator.getGamepads = () => [window.pad];
"""


def push(at, *, axes=(0, 0), button=None) -> None:
    at.page.evaluate(
        """([axes, button]) => {
            window.pad.axes = [...axes, 0, 0];
            window.pad.buttons = window.pad.buttons.map((_, i) => ({pressed: i === button, value: +(i === button)}));
        }""",
        [list(axes), button],
    )


FAKE_HID = """
    window.mouse = Object.assign(new EventTarget(), {productName: 'SpaceMouse X', opened: false, open: async () => {}});
    navigator.hid.requestDevice = async () => [window.mouse];
    window.report = (reportId, bytes) => window.mouse.dispatchEvent(Object.assign(
        new Event('inputreport'), {reportId, data: new DataView(new Uint8Array(bytes).buffer)}));
    window.repeated = (reportId, bytes) => {  // a cap that is pushed repeats itself
        clearInterval(window.repeating);
        window.report(reportId, bytes);
        window.repeating = setInterval(() => window.report(reportId, bytes), 20);
    };
    window.cap = (x, y, z) => window.repeated(1, [...new Uint8Array(new Int16Array([x, y, z]).buffer)]);
"""
