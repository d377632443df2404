"""Devices at the page: the panel where they are tried and calibrated, and what it shows of one at the machine."""

import json
from pathlib import Path

import pytest

from browsing import FAKE_HID, FAKE_PAD, push, sitting
from mereq.tasks.highway.config import LANE_LEFT
from mereq.web.devices.spacemouse import SpaceMouse
from sittings import spec

REPORTS = json.loads(Path(__file__).with_name("spacemouse_reports.json").read_text())


def meter(at, where: str, name: str) -> str:
    return at.page.inner_text(f"{where} [data-name='{name}']")


def gives(at) -> str:
    return at.page.inner_text("#would-act")


@pytest.fixture
def panel(endless):
    """The panel is open, before the run was started."""
    endless.keys.press("t")
    endless.until(lambda: endless.page.is_visible("#trying"))
    endless.until(lambda: gives(endless) == "nothing")
    return endless


# The panel


def test_the_keyboard(panel):
    """Keys show what they would do, and do nothing; Tab and Esc work as everywhere."""
    panel.until(lambda: "No key is down" in panel.page.inner_text("#try-keys"))
    panel.keys.down("ArrowLeft")
    panel.until(lambda: gives(panel) == "LANE LEFT" and "● ArrowLeft" in panel.page.inner_text("#try-keys"))
    panel.keys.up("ArrowLeft")
    panel.until(lambda: gives(panel) == "nothing")
    for key, deed in [("Enter", "take over"), ("m", "take back"), ("p", "pause or continue")]:
        panel.keys.press(key)
        panel.until(lambda deed=deed: panel.page.inner_text("#would-do") == deed)
    assert panel.who() == "PAUSED"
    panel.keys.press("Tab")
    assert panel.page.evaluate("document.activeElement.id") == "trying-close"
    panel.keys.press("Escape")
    panel.until(lambda: not panel.page.is_visible("#trying"))
    panel.go()
    panel.let_pass(2)
    assert panel.taken() == []


def test_trying_pauses_the_run(endless):
    """What was held is let go, there and back."""
    endless.go()
    endless.keys.press("Enter")
    endless.keys.down("ArrowLeft")
    endless.until(lambda: len(endless.taken()) >= 2)
    endless.keys.press("t")
    endless.until(lambda: endless.who() == "PAUSED")
    assert "testing your devices" in endless.page.inner_text("#sub")
    endless.keys.up("ArrowLeft")
    endless.keys.press("Escape")
    endless.until(lambda: not endless.page.is_visible("#trying"))
    at, taken = endless.steps(), endless.taken()
    endless.go()
    endless.let_pass(2)
    assert endless.taken() == taken
    assert endless.steps() > at


def test_absent_with_a_sentence(panel):
    words = panel.page.inner_text("#trying")
    assert "No gamepad was found. Plug one in and press any of its buttons" in words
    assert "No SpaceMouse is connected. Plug it in" in words
    assert not panel.page.is_visible("#try-here")


def test_without_webhid(browser, endless):
    endless.page.add_init_script("Object.defineProperty(navigator, 'hid', {value: undefined})")
    endless.page.reload()
    endless.until(lambda: endless.page.is_visible("#go"))
    endless.page.click("#spacemouse")
    endless.until(lambda: "This browser has no WebHID" in endless.page.inner_text("#notice"))
    endless.keys.press("t")
    endless.until(lambda: "--device spacemouse" in endless.page.inner_text("#try-mouse-words"))
    assert not endless.page.is_visible("#try-mouse-choose")


def test_a_gamepad(panel):
    """Its stick is drawn with the dead zone, beyond which it acts; its buttons say what they mean."""
    panel.page.evaluate(FAKE_PAD)
    panel.until(lambda: "Standard mapping" in panel.page.inner_text("#try-pad-words"))
    push(panel, axes=(0.15, 0.0))
    panel.until(lambda: "0.15" in meter(panel, "#try-pad-meters", "axis 0"))
    assert "at rest" in meter(panel, "#try-pad-meters", "axis 0")
    assert gives(panel) == "nothing"
    push(panel, axes=(0.9, 0.1), button=1)
    panel.until(lambda: gives(panel) == "LANE RIGHT")
    assert "at rest" not in meter(panel, "#try-pad-meters", "axis 0")
    assert "● 1" in meter(panel, "#try-pad-meters", "buttons")
    assert "● hand back" in meter(panel, "#try-pad-meters", "functions")
    assert "○ take over" in meter(panel, "#try-pad-meters", "functions")
    assert panel.page.inner_text("#would-do") == "hand back"


def answer(at, words: str) -> None:
    at.until(lambda: words in at.page.inner_text("#calibrate-words"))


def test_a_worn_gamepad_is_calibrated(panel):
    """Rest and range are the person's; kept over a reload, and forgotten when they say so. All by the keyboard."""
    panel.page.evaluate(FAKE_PAD)
    push(panel, axes=(0.3, 0.0))  # its rest is off, and it does not reach the end
    panel.until(lambda: gives(panel) == "nothing" and "0.30" in meter(panel, "#try-pad-meters", "axis 0"))
    panel.page.focus("#calibrate")
    panel.keys.press("Enter")
    answer(panel, "Release every stick")
    panel.page.focus("#calibrate-next")
    panel.keys.press("Enter")
    answer(panel, "Move every stick")
    for x in (0.7, -0.5, 0.3):
        push(panel, axes=(x, 0.0))
        panel.until(lambda x=x: f"raw {x:.2f}" in meter(panel, "#try-pad-meters", "axis 0"))
    panel.page.focus("#calibrate-next")
    panel.keys.press("Enter")
    panel.until(lambda: "Your calibration" in panel.page.inner_text("#try-pad-words"))
    for _ in range(2):
        for x, shown in [(0.3, "0.00"), (0.7, "1.00"), (0.5, "0.50"), (-0.1, "-0.50")]:
            push(panel, axes=(x, 0.0))
            panel.until(lambda x=x, shown=shown: f"{shown} (raw {x:.2f})" in meter(panel, "#try-pad-meters", "axis 0"))
        panel.page.reload()
        panel.until(lambda: panel.page.is_visible("#go"))
        panel.page.evaluate(FAKE_PAD)
        panel.keys.press("t")
        panel.until(lambda: "Your calibration" in panel.page.inner_text("#try-pad-words"))
    panel.page.click("#calibrate-forget")
    panel.until(lambda: "Standard mapping" in panel.page.inner_text("#try-pad-words"))
    assert panel.page.evaluate("localStorage.length") == 0


def test_a_gamepad_without_standard_mapping(panel):
    """It says so and does nothing, until the person has shown what is what; then it drives."""
    panel.page.evaluate(FAKE_PAD + "window.pad.mapping = ''; window.pad.id = 'Odd pad';")
    panel.until(lambda: "does not know the buttons of this gamepad" in panel.page.inner_text("#try-pad-words"))
    push(panel, axes=(1.0, 0.0), button=0)
    panel.until(lambda: "● 0" in meter(panel, "#try-pad-meters", "buttons"))
    assert (gives(panel), panel.page.inner_text("#would-do")) == ("nothing", "none yet")
    push(panel)
    panel.page.click("#calibrate")
    for words in ("Release every stick", "Move every stick"):
        answer(panel, words)
        panel.page.click("#calibrate-next")
    shown = [
        ("to the right", {"axes": (0.0, -1.0)}),  # a stick that lies on its side
        ("to the left", {"axes": (0.0, 1.0)}),
        ("towards you", {"axes": (1.0, 0.0)}),
        ("away from you", {"button": 16}),
        ("raises the tool", None),
        ("lowers the tool", None),
        ("takes over", {"button": 5}),
        ("hands back", {"button": 4}),
        ("takes back", None),
        ("pauses", None),
    ]
    for words, pushed in shown:
        answer(panel, words)
        if pushed is None:
            panel.page.click("#calibrate-next")
        else:
            push(panel, **pushed)
            panel.until(lambda: "Release it" in panel.page.inner_text("#calibrate-words"))
            push(panel)
    panel.until(lambda: "Your calibration" in panel.page.inner_text("#try-pad-words"))
    push(panel, axes=(0.0, 1.0))
    panel.until(lambda: gives(panel) == "LANE LEFT")
    push(panel, button=16)
    panel.until(lambda: gives(panel) == "FASTER")
    push(panel)
    panel.until(lambda: gives(panel) == "nothing")
    panel.page.click("#trying-close")
    panel.go()
    push(panel, button=5)
    panel.until(lambda: panel.who() == "YOU")
    push(panel, axes=(0.0, 1.0))
    panel.let_pass(3)
    assert panel.recorded()[0][-1].executed == LANE_LEFT
    push(panel, button=4)
    panel.until(lambda: panel.who() == "POLICY")


def test_a_calibration_that_is_nonsense_is_ignored(endless):
    for nonsense in ("{", "null", "[]", '{"axes": [null], "sources": {}}', '{"axes": [], "sources": {"right": [{}]}}'):
        endless.page.evaluate("text => localStorage.setItem('mereq gamepad Pad (fake)', text)", nonsense)
        endless.page.reload()
        endless.until(lambda: endless.page.is_visible("#go"))
        endless.page.evaluate(FAKE_PAD)
        endless.keys.press("t")
        endless.until(lambda: "Standard mapping" in endless.page.inner_text("#try-pad-words"))


def test_a_spacemouses_reports_mean_here_what_they_mean_there(panel):
    """The same bytes as in test_devices.py, each from a cap at rest."""
    panel.page.evaluate(FAKE_HID)
    panel.page.click("#try-mouse-choose")
    panel.until(lambda: "SpaceMouse X" in panel.page.inner_text("#try-mouse-words"))
    for report in REPORTS:
        kind, *data = report["bytes"]
        panel.page.evaluate("clearInterval(window.repeating); report(3, [0]); report(1, [0, 0, 0, 0, 0, 0])")
        panel.page.evaluate("([kind, data]) => repeated(kind, data)", [kind, data])
        *ways, takes_over, hands_back = report["held"]
        lamps = f"{'●' if takes_over else '○'} take over", f"{'●' if hands_back else '○'} hand back"

        def shown(ways=ways, lamps=lamps):
            return all(
                f"{way:.2f}" == meter(panel, "#try-mouse-meters", name).replace(name, "").split(",")[0].strip()
                for name, way in zip(("right", "towards", "up"), ways, strict=True)
            ) and all(lamp in meter(panel, "#try-mouse-meters", "buttons") for lamp in lamps)

        panel.until(shown)
    assert panel.who() == "PAUSED"


def test_a_spacemouse_that_falls_silent(endless):
    endless.page.evaluate(FAKE_HID)
    endless.page.click("#spacemouse")
    endless.until(lambda: "SpaceMouse X" in endless.page.inner_text("#notice"))
    endless.go()
    endless.page.evaluate("report(3, [1]); report(3, [0]); cap(-300, 0, 0)")
    endless.until(lambda: len(endless.taken()) >= 2)
    endless.page.evaluate("clearInterval(repeating)")
    endless.until(lambda: endless.who() == "PAUSED")
    assert "SpaceMouse X fell silent" in endless.page.inner_text("#sub")


# A SpaceMouse at the program's machine


def test_a_spacemouse_at_the_machine_of_the_program(tmp_path, browser, hidraw):
    """It is shown in the panel, acts, and is handed back by the page's Esc; the page's own keys do not act."""
    hidraw.plug()
    with sitting(tmp_path / "run", browser, spec(steps=2000), device=SpaceMouse(hidraw.root)) as at:
        at.open()
        assert "the SpaceMouse Compact at the program's computer" in at.page.inner_text("#how")
        at.keys.press("t")
        at.until(lambda: at.page.is_visible("#try-here"))
        hidraw.buttons(1)
        at.until(lambda: "● take over" in meter(at, "#try-here-meters", "buttons"))
        hidraw.buttons(0)
        at.until(lambda: "○ take over" in meter(at, "#try-here-meters", "buttons"))
        at.keys.press("Escape")
        at.go()
        at.keys.press("Enter")
        at.keys.down("ArrowLeft")
        at.let_pass(3)
        assert at.taken() == []
        hidraw.buttons(1)
        hidraw.buttons(0)
        at.until(lambda: at.who() == "YOU")
        at.let_pass(2)
        assert len(at.taken()) >= 1
        at.keys.up("ArrowLeft")
        at.keys.press("Escape")
        at.until(lambda: at.who() == "POLICY")
        at.let_pass(2)  # until the device was felt with nothing held: before that no press counts
        hidraw.buttons(1)
        at.until(lambda: at.who() == "YOU")
        hidraw.unplug()
        at.until(lambda: at.who() == "PAUSED")
        at.until(lambda: "SpaceMouse is plugged in here" in at.page.inner_text("#sub"))
        at.keys.press("p")
        at.page.wait_for_timeout(300)
        assert at.who() == "PAUSED"
