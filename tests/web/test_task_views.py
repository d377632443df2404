"""What a person sees of each task is plain, finite JSON; what they can do is an action of the task."""

import json

import gymnasium as gym
import numpy as np
import pytest

from mereq.core.actions import Box, Discrete
from mereq.core.errors import IncompatibleRun
from mereq.presets.registry import TASKS
from mereq.tasks.gymnasium_task import FlatWithFeatures
from mereq.tasks.highway.config import FASTER, LANE_RIGHT
from mereq.web.messages import Input, parse
from mereq.web.task_view import RenderedView, task_view_of


def begun(name: str):
    task = TASKS[name].task
    environment = task.make()
    environment.reset(seed=1)
    return task, environment, task_view_of(environment, task.actions)


@pytest.mark.parametrize("name", TASKS)
def test_pictures_and_readings_are_plain(name):
    task, environment, stage = begun(name)
    pictures = [stage.still()]
    for _ in range(3):
        environment.step(stage.neutral)
        pictures += stage.film()
    text = json.dumps([pictures, stage.readings()], allow_nan=False)
    assert len(text) / len(pictures) < 60_000
    assert all(isinstance(value, str) for _, value in stage.readings())
    assert stage.name_of(np.asarray(stage.neutral, task.actions.dtype)[()])


@pytest.mark.parametrize("name", TASKS)
def test_every_key_is_an_action_and_no_key_is_two(name):
    task, environment, stage = begun(name)
    for key in stage.keys:
        said = {"kind": "input", "frame": 0, "sent": 0.0, "mode": "toggle", "engaged": True, "action": key.action}
        held = parse(json.dumps(said), task.actions)
        assert isinstance(held, Input)
        environment.step(held.action)
    codes = [code for key in stage.keys for code in key.codes]
    once = ["Enter", "NumpadEnter", "Escape", "KeyP", "KeyM", "KeyH", "Minus", "Equal", "NumpadAdd", "NumpadSubtract"]
    assert len({*codes, *once}) == len(codes) + len(once)


def test_the_highway_shows_where_the_cars_are():
    _, environment, stage = begun("highway")
    for action in (LANE_RIGHT, FASTER):
        environment.step(action)
    film, scene = stage.film(), environment.engine.scene()
    assert len(film) == 5
    assert film[-1]["cars"][0] == pytest.approx([scene.x[0], scene.y[0], scene.heading[0]], abs=0.01)
    assert film[-1] == stage.still()
    assert film[0]["cars"][0][0] < film[-1]["cars"][0][0]
    assert len(film[-1]["cars"]) == len(film[-1]["crashed"]) > 1
    told = dict(stage.readings())
    assert told["forward speed"] == f"{scene.speed[0] * np.cos(scene.heading[0]):.1f} m/s"
    assert told["lane"] in ("left", "middle", "right")


def test_the_arms_keys_lead_along_the_axes_they_name():
    """Each key moves the tool a way of about the named direction, within the centimetre of a step."""
    _, environment, stage = begun("bottle-pushing")
    for key in stage.keys:
        environment.reset(seed=1)
        before = environment.measured.tip[0]
        for _ in range(3):
            environment.step(np.array(key.action, np.float32))
        moved = environment.measured.tip[0] - before
        axis = int(np.flatnonzero(key.action)[0])
        assert np.abs(moved).argmax() == axis
        assert np.sign(moved[axis]) == key.action[axis]
        assert f"({'-' if key.action[axis] < 0 else '+'}{'xyz'[axis]})" in key.label


def own(**how):
    return FlatWithFeatures(gym.make("CliffWalking-v1", **how), lambda *_: np.zeros(1), ("nothing",))


class Painted(gym.Env):
    """An environment of a user's own that paints itself."""

    render_mode = "rgb_array"

    def render(self):
        return np.full((20, 30, 3), 90, np.uint8)


def test_an_environment_of_ones_own_is_shown_as_it_paints_itself():
    stage = task_view_of(Painted(), Discrete(3))
    assert isinstance(stage, RenderedView)
    assert stage.still()["source"].startswith("data:image/jpeg;base64,")
    assert [key.codes[0] for key in stage.keys] == ["Digit1", "Digit2", "Digit3"]
    assert stage.film() == [stage.still()]


@pytest.mark.parametrize(
    ("environment", "actions"), [(own(), Discrete(4)), (Painted(), Box(2)), (Painted(), Discrete(10))]
)
def test_what_cannot_be_shown_is_said(environment, actions):
    with pytest.raises(IncompatibleRun, match="rgb_array"):
        task_view_of(environment, actions)
