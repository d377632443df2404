"""The ghost goes where the policy will go, exactly, and never where it would have gone."""

from typing import Any, cast

import numpy as np
import pytest

from mereq.core.view import Foreseeable
from mereq.presets.registry import TASKS
from mereq.runs.policies import policy_of
from mereq.runs.spec import RunSpec
from mereq.web.ghost import Ghost, Start, foresee
from mereq.web.task_view import task_view_of
from waiting import until as happens


def copy_of(name: str):
    environment = TASKS[name].task.make()
    environment.reset(seed=0)
    view = task_view_of(environment, TASKS[name])
    assert isinstance(view, Foreseeable)
    return environment, view


@pytest.mark.parametrize("name", ["highway", "bottle-pushing", "erasing", "pillow-grasping"])
def test_the_policy_goes_where_the_ghost_went(name):
    """Also after the ghost's environment was somewhere else, and the original one is not moved by it."""
    policy = policy_of(RunSpec.named(task=name), "prior")
    (environment, view), (other, others_view) = copy_of(name), copy_of(name)
    act = lambda obs: environment.step(policy.distribution(obs[None]).mode()[0])[0]  # noqa: E731
    obs, _ = environment.reset(seed=5)
    for _ in range(4):
        obs = act(obs)
    start = Start(1, view.save(), obs, policy)
    before = view.still()
    paths = [foresee(other, others_view, start, lambda: False) for _ in range(2)]
    assert view.still() == before
    true = []
    for _ in range(view.ahead):
        obs = act(obs)
        true += view.places()
    assert paths == [true, true]


class Line:
    """An environment that moves by its action, and its view."""

    ahead = 3

    def __init__(self):
        self.x = 0.0

    def reset(self, *, seed=None):
        return np.zeros(1), {}

    def step(self, action):
        self.x += float(action)
        return np.array([self.x]), 0.0, self.x >= 10, False, {}

    def save(self):
        return self.x

    def restore(self, state):
        self.x = state

    def places(self):
        return [(self.x, 0.0, 0.0)]


class Ones:
    def distribution(self, obs):
        return self

    def mode(self):
        return np.ones(1)


@pytest.fixture
def ghost():
    made = Ghost(lambda: (cast(Any, line), cast(Any, line)))
    line = Line()
    yield made
    made.close()


def until(ghost: Ghost, path: list[float]) -> None:
    happens(lambda: [place[0] for place in ghost.path()] == path)


def test_a_ghost_follows_the_newest_state_and_ends_with_the_episode(ghost):
    assert ghost.path() == []
    ghost.begin(4.0, np.array([4.0]), Ones())
    until(ghost, [5, 6, 7])
    ghost.begin(5.0, np.array([5.0]), Ones())
    assert ghost.path() in ([(5, 0, 0), (6, 0, 0), (7, 0, 0)], [(6, 0, 0), (7, 0, 0), (8, 0, 0)])
    until(ghost, [6, 7, 8])
    ghost.begin(8.0, np.array([8.0]), Ones())
    until(ghost, [9, 10])
    ghost.forget()
    assert ghost.path() == []
    ghost.begin(0.0, np.array([0.0]), Ones())
    assert ghost.path() != [(9, 0, 0), (10, 0, 0)]  # of another episode
    until(ghost, [1, 2, 3])


def test_a_ghost_that_fails_is_logged_and_shows_nothing(ghost, caplog):
    ghost._make = lambda: 1 / 0
    ghost.begin(0.0, np.zeros(1), Ones())
    assert ghost.path() == []
    ghost._thread.join()
    assert ghost.path() == []
    assert "cannot be shown: ZeroDivisionError" in caplog.text
