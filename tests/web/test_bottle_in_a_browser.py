"""A round of the bottle by each device of the page: what is pushed is what the arm does, and what is recorded."""

import numpy as np

from browsing import FAKE_HID, FAKE_PAD, push, sitting
from mereq.core.actions import Box
from mereq.runs.policies import policy_of
from mereq.runs.spec import RunSpec
from mereq.tasks.arm.view import ArmView
from mereq.web.devices.device import Held
from mereq.web.devices.steering import action_of, beyond
from sittings import latest

STEPS = 120  # of a round of the bottle
CLOSE = 2e-7  # float32, from the page's float64


def bottle() -> RunSpec:
    """A round that ends with so few interventions that nothing is learned."""
    named = RunSpec.named(
        task="bottle-pushing", method="mereq", preset="fast", seed=2, n_rounds=1, rate_threshold=0.99,
        supervisor="person",
    )  # fmt: skip
    return named.changed({"settings": {"rollout_steps": STEPS}})


class RecordedRound:
    """Interventions of a round of the bottle, and what must be recorded of each."""

    def __init__(self, at, what):
        self.at, self.what, self.pushed = at, what, []

    def intervene(self, engage, act, rest, hand_back, held: Held) -> None:
        """Take over, push for some steps, hand back; the page says who is in control."""
        self.at.let_pass(2)
        engage()
        self.at.until(lambda: self.at.who() == "YOU")
        self.at.let_pass(1)
        action = action_of(held, ArmView.controls.keys, Box(3))
        act()
        self.at.until(lambda: np.allclose(self.at.recorded()[0][-1].executed, action, atol=CLOSE))
        begun = self.at.steps() - 1
        self.at.let_pass(3)
        self.pushed.append((begun, self.at.steps(), action))
        rest()
        self.at.let_pass(1)
        hand_back()
        self.at.until(lambda: self.at.who() == "POLICY")

    def finished(self) -> bool:
        view = latest(self.at.session)
        if view["phase"] == "supervising" and view["paused"]:  # a machine so loaded that the page was silent
            self.at.page.click("#go")
        return view["phase"] == "finished"

    def check(self) -> None:
        for _ in range(5):
            self.at.keys.press("+")  # what is left of the round may be quick
        self.at.until(self.finished)
        steps, seen_frames = self.at.recorded()
        assert len(steps) == len(seen_frames) == STEPS
        prior, held = policy_of(self.what, "prior"), [action for *_, action in self.pushed]
        assert self.pushed
        for begun, ended, action in self.pushed:
            assert begun + 3 <= ended
            during = steps[begun:ended]  # a page that is starved meanwhile lets go, as it should
            assert any(step.controller and np.allclose(step.executed, action, atol=CLOSE) for step in during)
        for step in steps:
            np.testing.assert_array_equal(step.proposed, prior.distribution(step.obs[None]).mode()[0])
            if step.controller:  # one of the pushes, or nothing held
                assert min(np.abs(step.executed - action).max() for action in [*held, np.zeros(3)]) <= CLOSE
            else:
                np.testing.assert_array_equal(step.executed, step.proposed)
        interventions = np.flatnonzero(np.diff([0, *(step.controller for step in steps), 0]))
        assert len(interventions) >= 2 * len(self.pushed)
        assert f"{sum(step.controller for step in steps)}" in self.at.page.inner_text("#status")


def test_a_round_of_the_bottle_by_a_gamepad(tmp_path, browser):
    """The stick is x and y, the triggers z."""
    what = bottle()
    with sitting(tmp_path / "run", browser, what) as at:
        at.open()
        at.page.evaluate(FAKE_PAD)
        at.go()
        plays = RecordedRound(at, what)
        for (x, y), trigger in [((0.6, -0.8), None), ((0.0, 0.5), 7), ((0.1, -0.1), 6)]:
            plays.intervene(
                lambda: push(at, button=0),
                lambda x=x, y=y, trigger=trigger: push(at, axes=(x, y), button=trigger),
                lambda: push(at),
                lambda: push(at, button=1),
                Held(beyond(x), beyond(y), {None: 0.0, 7: 1.0, 6: -1.0}[trigger]),
            )
            push(at)
        plays.check()


def test_a_round_of_the_bottle_by_a_spacemouse(tmp_path, browser):
    """By HID reports as the device sends them, in the page."""
    what = bottle()
    with sitting(tmp_path / "run", browser, what) as at:
        at.open()
        at.page.evaluate(FAKE_HID)
        at.page.click("#spacemouse")
        at.until(lambda: "SpaceMouse X" in at.page.inner_text("#notice"))
        at.go()
        plays = RecordedRound(at, what)
        for right, towards, down in [(200, -300, 0), (-350, 0, 100), (30, 40, -350)]:
            plays.intervene(
                lambda: at.page.evaluate("report(3, [1, 0]); report(3, [0, 0])"),
                lambda cap=(right, towards, down): at.page.evaluate("([x, y, z]) => cap(x, y, z)", cap),
                lambda: at.page.evaluate("cap(0, 0, 0)"),
                lambda: at.page.evaluate("report(3, [2, 0]); report(3, [0, 0])"),
                Held(*(beyond(way / 350) for way in (right, towards, -down))),
            )
        plays.check()
