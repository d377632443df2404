"""The emulated FANUC cell on the page: its camera's picture, an intervention by a SpaceMouse, and an emergency stop."""

import io
from base64 import b64decode

import numpy as np
from PIL import Image

import emulated_robot
from browsing import FAKE_HID, sitting
from mereq.robots import cell
from mereq.robots.sight import tracker
from mereq.robots.sight.overlay import TAG, TRACKED
from mereq.runs.spec import RunSpec
from mereq.web import session
from mereq.web.devices.steering import beyond
from sittings import latest

RIGHT, TOWARDS, DOWN = 100, -250, -50  # of the cap
CLOSE = 2e-7  # float32, from the page's float64


def supervised() -> RunSpec:
    named = RunSpec.named(task="bottle-pushing", preset="fast", seed=2, n_rounds=1, supervisor="person")
    return named.changed({"robot": "emulated_robot:emulated", "settings": {"rollout_steps": 200}})


def shows(picture: np.ndarray, colour) -> int:
    """Number of pixels of about a colour: the page's picture is a JPEG."""
    return int((np.abs(picture.astype(int) - colour).max(axis=2) < 60).sum())


def test_the_cell_is_supervised(tmp_path, browser, monkeypatch):
    monkeypatch.setattr(session, "COUNTDOWN", 0.1)
    for module, name, value in ((cell, "RESET_SPEED", 0.5), (cell, "STILL_FOR", 0.1), (tracker, "GOALS", 2)):
        monkeypatch.setattr(module, name, value)  # a short reset
    with sitting(tmp_path / "run", browser, supervised()) as at:
        lab = emulated_robot.made[-1]
        try:
            at.open()
            at.page.evaluate(FAKE_HID)
            at.page.click("#spacemouse")
            at.until(lambda: "SpaceMouse X" in at.page.inner_text("#notice"))
            at.go()
            at.let_pass(1)
            at.page.evaluate("report(3, [1, 0]); report(3, [0, 0])")
            at.until(lambda: at.who() == "YOU")
            at.page.evaluate("([x, y, z]) => cap(x, y, z)", [RIGHT, TOWARDS, DOWN])
            pushed = np.float32([beyond(way / 350) for way in (TOWARDS, RIGHT, -DOWN)])
            at.until(lambda: np.allclose(at.recorded()[0][-1].executed, pushed, atol=CLOSE))
            at.let_pass(2)
            shown = latest(at.session)["picture"]["source"]
            at.page.evaluate("cap(0, 0, 0)")
            at.page.evaluate("report(3, [2, 0]); report(3, [0, 0])")
            at.until(lambda: at.who() == "POLICY")
            at.let_pass(2)
            lab.emulated.happen("stop")
            at.until(lambda: at.who() == "PAUSED")
            at.until(lambda: "SRVO-002 Teach pendant E-stop" in at.page.inner_text("#sub"))
            assert "Continue reconnects" in at.page.inner_text("#sub")
            assert "could not be told to stop" not in at.page.inner_text("#sub")
        finally:
            at.session.stop()
            lab.close()
        steps, seen_frames = at.recorded()
    picture = np.asarray(Image.open(io.BytesIO(b64decode(shown.partition(",")[2]))))
    assert picture.shape == (360, 480, 3)
    assert shows(picture, TAG) > 100
    assert shows(picture, TRACKED) > 20
    by_hand = [step for step in steps if step.controller and np.allclose(step.executed, pushed, atol=CLOSE)]
    assert len(by_hand) >= 2
    assert not steps[-1].controller
    assert len(seen_frames) == len(steps)
