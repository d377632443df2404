"""A task of a user's own, named as file.py:NAME, on the page: their pictures, their keys, and no action that is "
"guessed."""

from pathlib import Path

import numpy as np
import pytest

from browsing import sitting
from mereq.core.supervisor import Controller
from mereq.runs.spec import RunSpec
from sittings import latest

EXAMPLES = Path(__file__).parents[2] / "examples"
UP = 0


def own(name: str, steps: int = 200) -> RunSpec:
    spec = RunSpec.named(task=f"{EXAMPLES}/{name}", seed=1, n_rounds=1, supervisor="person")
    return spec.changed({"settings": {"rollout_steps": steps}})


@pytest.fixture
def cliff(tmp_path, browser):
    with sitting(tmp_path / "run", browser, own("cliff_walking.py:CLIFF_WALKING")) as at:
        at.open()
        yield at


def test_a_discrete_task_waits_for_a_key_and_takes_the_one_that_is_pressed(cliff):
    """CliffWalking has no action that does nothing: while the person is in control and presses no key, no step is "
    "due."""
    cliff.go()
    cliff.let_pass(2)
    assert latest(cliff.session)["picture"]["draw"] == "image"
    cliff.keys.press("Enter")
    cliff.until(lambda: "press a key" in str(latest(cliff.session)["readings"]))
    waiting = cliff.steps()
    cliff.page.wait_for_timeout(600)  # five steps at this pace
    assert cliff.steps() == waiting
    cliff.keys.down("ArrowUp")
    cliff.let_pass(2)
    cliff.keys.up("ArrowUp")
    cliff.keys.press("Escape")
    cliff.until(lambda: cliff.who() == "POLICY")
    steps, seen_frames = cliff.recorded()
    taken = [step for step in steps if step.controller is Controller.EXPERT]
    assert len(taken) >= 2
    assert {int(step.executed) for step in taken} == {UP}
    assert len(seen_frames) == len(steps)


def test_a_task_with_an_axis(tmp_path, browser):
    """MountainCarContinuous: full force while a key is down, and 0, the middle of the axis, with none."""
    with sitting(tmp_path / "run", browser, own("mountain_car.py:MOUNTAIN_CAR")) as at:
        at.open()
        at.go()
        at.keys.press("Enter")
        at.until(lambda: at.who() == "YOU")
        at.let_pass(3)
        at.keys.down("ArrowRight")
        at.let_pass(4)
        at.keys.up("ArrowRight")
        at.keys.press("Escape")
        at.until(lambda: at.who() == "POLICY")
        steps, _ = at.recorded()
    executed = np.array([step.executed for step in steps if step.controller is Controller.EXPERT])
    assert executed.shape[1:] == (1,)
    assert set(np.unique(executed)) == {0.0, 1.0}
