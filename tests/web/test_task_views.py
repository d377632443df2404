"""What a person sees of each task is plain, finite JSON; what they can do is an action of the task."""

import json
import types

import gymnasium as gym
import numpy as np
import pytest

from mereq.core.actions import Box, Discrete
from mereq.core.errors import IncompleteTask, OwnCodeFailed, WrongTask
from mereq.core.task import Task
from mereq.core.view import default_controls, discrete_controls
from mereq.presets.definition import TaskDefinition
from mereq.presets.registry import TASKS
from mereq.tasks.gymnasium_task import FlatWithFeatures
from mereq.tasks.highway.config import FASTER, LANE_RIGHT
from mereq.tasks.rendered_view import RenderedView, as_picture
from mereq.web.messages import Input, parse
from mereq.web.task_view import task_view_of


def begun(name: str):
    task = TASKS[name].task
    environment = task.make()
    environment.reset(seed=1)
    return task, environment, task_view_of(environment, TASKS[name])


@pytest.mark.parametrize("name", TASKS)
def test_pictures_and_readings_are_plain(name):
    task, environment, view = begun(name)
    pictures = [view.still()]
    for _ in range(3):
        environment.step(view.controls.nothing)
        pictures += view.film()
    text = json.dumps([pictures, view.readings()], allow_nan=False)
    assert len(text) / len(pictures) < 60_000
    assert all(isinstance(value, str) for _, value in view.readings())
    assert view.controls.name_of(np.asarray(view.controls.nothing, task.actions.dtype)[()])


@pytest.mark.parametrize("name", TASKS)
def test_every_key_is_an_action_and_no_key_is_two(name):
    task, environment, view = begun(name)
    for key in view.controls.keys:
        said = {"kind": "input", "frame": 0, "sent": 0.0, "mode": "toggle", "engaged": True, "action": key.action}
        held = parse(json.dumps(said), task.actions)
        assert isinstance(held, Input)
        environment.step(held.action)
    codes = [code for key in view.controls.keys for code in key.codes]
    once = [
        "Enter",
        "NumpadEnter",
        "Escape",
        "KeyP",
        "KeyM",
        "KeyH",
        "KeyG",
        "Minus",
        "Equal",
        "NumpadAdd",
        "NumpadSubtract",
    ]
    assert len({*codes, *once}) == len(codes) + len(once)


def test_the_highway_shows_where_the_cars_are():
    _, environment, view = begun("highway")
    for action in (LANE_RIGHT, FASTER):
        environment.step(action)
    film, scene = view.film(), environment.engine.scene()
    assert len(film) == 5
    assert film[-1]["cars"][0] == pytest.approx([scene.x[0], scene.y[0], scene.heading[0]], abs=0.01)
    assert film[-1] == view.still()
    assert film[0]["cars"][0][0] < film[-1]["cars"][0][0]
    assert len(film[-1]["cars"]) == len(film[-1]["crashed"]) > 1
    told = dict(view.readings())
    assert told["forward speed"] == f"{scene.speed[0] * np.cos(scene.heading[0]):.1f} m/s"
    assert told["lane"] in ("left", "middle", "right")


def test_the_arms_keys_lead_along_the_axes_they_name():
    """Each key moves the tool a way of about the named direction, within the centimetre of a step."""
    _, environment, view = begun("bottle-pushing")
    for key in view.controls.keys:
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
    view = task_view_of(Painted(), definition(Discrete(3)))
    assert isinstance(view, RenderedView)
    assert view.still()["source"].startswith("data:image/jpeg;base64,")
    assert [key.codes[0] for key in view.controls.keys] == ["Digit1", "Digit2", "Digit3"]
    assert view.film() == [view.still()]


def rendering(rendered) -> RenderedView:
    painted = types.SimpleNamespace(render_mode="rgb_array", render=lambda: rendered)
    return RenderedView(painted, default_controls(Discrete(2)), 5.0)


def test_pictures_of_several_cameras_stand_side_by_side():
    dark, bright = np.zeros((20, 30, 3), np.uint8), np.full((20, 40, 3), 255, np.uint8)
    shown = as_picture([dark, bright])
    assert shown.shape == (20, 70, 3)
    assert not shown[:, :30].any()
    assert (shown[:, 30:] == 255).all()
    assert rendering([dark, bright]).still()["draw"] == "image"


@pytest.mark.parametrize("rendered", [None, [], "a picture", np.zeros((20, 30)), np.zeros((20, 30, 3)), [None]])
def test_what_render_returns_must_be_a_picture(rendered):
    with pytest.raises(WrongTask, match="which is no picture"):
        rendering(rendered).still()


def test_cameras_must_have_one_height():
    with pytest.raises(WrongTask, match="must have one height"):
        rendering([np.zeros((20, 30, 3), np.uint8), np.zeros((21, 30, 3), np.uint8)]).still()


def test_a_failure_of_render_names_the_line():
    class Broken(Painted):
        def render(self):
            raise OSError("no screen")

    with pytest.raises(OwnCodeFailed, match=r"failed in render\(\): OSError: no screen \(test_task_views.py, line"):
        task_view_of(Broken(), definition(Discrete(3))).still()


def definition(actions) -> TaskDefinition:
    return TaskDefinition(task=Task("own", ("nothing",), 1, actions, make=Painted, simulate=lambda n: None))


def test_what_cannot_be_shown_is_said():
    with pytest.raises(IncompleteTask, match=r"render_mode is None\. Make it with render_mode='rgb_array'"):
        task_view_of(own(), definition(Discrete(4)))


def test_many_actions_have_the_first_nine_number_keys():
    controls = task_view_of(Painted(), definition(Discrete(12))).controls
    assert [key.action for key in controls.keys] == list(range(9))
    assert controls.nothing is None  # no action of an unknown environment is guessed to do nothing


def test_axes_have_two_keys_each_and_rest_in_the_middle():
    controls = task_view_of(Painted(), definition(Box(2))).controls
    assert [key.action for key in controls.keys] == [[1, 0], [-1, 0], [0, 1], [0, -1]]
    np.testing.assert_array_equal(controls.nothing, [0.0, 0.0])
    assert controls.name_of(np.array([0.5, -1.0])) == "+0.50, -1.00"


@pytest.mark.parametrize(
    "wrong",
    [{"keys": ["KeyA", "KeyA"]}, {"keys": ["KeyA"] * 3}, {"nothing": 2}, {"keys": ["KeyP", "KeyA"]}, {"nothing": -1}],
)
def test_impossible_controls(wrong):
    with pytest.raises(ValueError, match=r"keys|nothing"):
        discrete_controls(["left", "right"], **wrong)
