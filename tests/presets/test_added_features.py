"""Features that a user accepts: a task with one of them reports it as it reports those that its author declared."""

from dataclasses import replace

import numpy as np
import pytest

from mereq import TaskDefinition
from mereq.core.actions import Box, Discrete
from mereq.core.errors import UnknownName
from mereq.core.simulator import RewindableSimulator
from mereq.irl.candidates import Candidate, Moves, candidate_named, library
from mereq.presets import registry
from mereq.presets.added_features import with_added_features
from mereq.presets.named import is_named, recorded_name, without_added
from mereq.presets.registry import definition_of
from mereq.tasks.corridor import TASK
from toys import LINE

LEFT = Candidate("on the left", lambda moves: moves.next_obs[:, :6].sum(axis=1))  # is the declared feature left_side
CHANGED = Candidate("changed", lambda moves: (moves.action != moves.action_before).astype(float))
CORRIDOR = TaskDefinition(task=TASK, candidates=(LEFT, CHANGED), theta_prior=np.array([1.0, 0.0, -0.2]))


def added(*names: str) -> TaskDefinition:
    return with_added_features(CORRIDOR, "corridor + more", names)


def test_an_added_feature_equals_the_declared_one_in_environment_and_simulator():
    task = added("on the left", "changed").task
    assert task.feature_names == (*TASK.feature_names, "on the left", "changed")
    rng, environment, before = np.random.default_rng(0), task.make(), None
    environment.reset(seed=1)
    for _ in range(60):
        action = int(rng.integers(3))
        *_, terminated, truncated, info = environment.step(action)
        assert info["features"][3] == info["features"][1]
        assert info["features"][4] == (before is not None and action != before)
        before = action
        if terminated or truncated:
            environment.reset()
            before = None
    simulator, plain = task.simulate(4), TASK.simulate(4)
    np.testing.assert_array_equal(simulator.reset(0), plain.reset(0))
    first, before = np.ones(4, bool), np.zeros(4, int)
    for _ in range(40):
        actions = rng.integers(3, size=4)
        step, bare = simulator.step(actions), plain.step(actions)
        np.testing.assert_array_equal(step.features[:, :3], bare.features)
        np.testing.assert_array_equal(step.features[:, 3], step.features[:, 1])
        np.testing.assert_array_equal(step.features[:, 4], ~first & (actions != before))
        first, before = bare.terminated | bare.truncated, actions


def test_a_simulator_that_goes_back_does_so_with_added_features():
    class Back:
        n_envs = 2

        def reset(self, seed):
            return np.zeros((2, 1))

        def put(self, env, state):
            assert state == "there"

        def states_along(self, seed, actions, *, at):
            return [("there", np.array([5.0]))]

        def step(self, actions):
            raise AssertionError

    task = replace(LINE, simulate=lambda n: Back())
    simulator = with_added_features(TaskDefinition(task=task), "line + more", ["change of action"]).task.simulate(2)
    assert isinstance(simulator, RewindableSimulator)
    simulator.reset(0)
    ((state, obs),) = simulator.states_along(0, np.zeros(1), at=[0])
    simulator.put(1, state)
    assert obs == 5.0
    assert simulator._obs.tolist() == [[0.0], [5.0]]


def test_weights_limits_and_settings_have_a_place_for_it():
    fast = CORRIDOR.settings["fast"]
    some = replace(fast, inference=replace(fast.inference, features=("forward",)))
    family = replace(CORRIDOR.family_settings, limit=(1.0, 3.0, 2.0))
    made = with_added_features(
        replace(CORRIDOR, settings={"fast": some}, family=lambda: None, family_settings=family), "x", ["changed"]
    )
    assert made.theta_prior.tolist() == [1.0, 0.0, -0.2, 0.0]
    assert made.settings["fast"].inference.features == ("forward", "changed")
    assert made.family_settings.limit == (1.0, 3.0, 2.0, 3.0)
    assert made.family is None


def test_it_is_named_behind_the_task(monkeypatch):
    monkeypatch.setitem(registry.TASKS._loaded, "corridor", CORRIDOR)
    made = definition_of("corridor + changed + obs[3] > 0.5")
    assert made.task.feature_names[3:] == ("changed", "obs[3] > 0.5")
    assert made is definition_of("corridor + changed + obs[3] > 0.5")
    with pytest.raises(UnknownName, match="no candidate feature called 'wish'"):
        definition_of("corridor + wish")
    assert without_added("a/my.py:X + |u - v|") == ("a/my.py:X", ("|u - v|",))
    assert recorded_name("a/my.py:X + |u - v|") == "my.py:X + |u - v|"
    assert is_named("my.py:X + u")
    assert not is_named("highway + u")


@pytest.mark.parametrize("actions", [Discrete(3), Box(2)])
def test_every_candidate_of_the_library_is_found_by_its_name(actions):
    rng = np.random.default_rng(0)
    obs, following = rng.normal(size=(2, 20, 3))
    action = rng.integers(3, size=20) if isinstance(actions, Discrete) else rng.uniform(-1, 1, (20, 2))
    moves = Moves(obs, action, following, action[::-1], np.zeros((20, 1)))
    names = ("x", "y > z", "own speed")
    for candidate in library(moves, actions, names=names):
        again = candidate_named(candidate.name, 3, actions, names=names)
        np.testing.assert_array_equal(again.of(moves), candidate.of(moves))
