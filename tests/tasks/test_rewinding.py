"""Simulators that continue from earlier states of an episode: highway, arm and Gymnasium, bit for bit."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import gymnasium as gym
import numpy as np
import pytest

from mereq.core.actions import Actions, Discrete
from mereq.core.simulator import Environment, RewindableSimulator, Step
from mereq.core.task import Task
from mereq.tasks import arm
from mereq.tasks.corridor import FEATURE_NAMES, Corridor
from mereq.tasks.environment_group import later_seed
from mereq.tasks.gymnasium_simulator import GymnasiumSimulator
from mereq.tasks.gymnasium_task import task_from_gymnasium
from mereq.tasks.highway.config import HighwayConfig
from mereq.tasks.highway.environment import HighwayEnv
from mereq.tasks.highway.simulator import HighwaySimulator

ROAD = replace(HighwayConfig.TASK, duration=12)  # short, dense enough for a crash now and then
CARTPOLE = task_from_gymnasium(
    "pole", lambda: gym.make("CartPole-v1", max_episode_steps=13), lambda *step: np.abs(step[2][:2]), ("x", "v")
)
PENDULUM = task_from_gymnasium(
    "pendulum", lambda: gym.make("Pendulum-v1", max_episode_steps=13), lambda *step: np.abs(step[2][:2]), ("x", "y")
)


def corridor() -> Corridor:
    return Corridor(length=5, horizon=9, slip=0.3)


class Kind(NamedTuple):
    """A task, and how many steps go past the end of any of its episodes."""

    simulate: Callable[[int], RewindableSimulator]
    make: Callable[[], Environment]
    actions: Actions
    n_steps: int = 30
    later_seed: Callable[[int, int], int | None] = lambda first, number: None  # of the episodes after the first


def kind_of(task: Task, n_steps: int, later_seed=lambda first, number: None) -> Kind:
    return Kind(task.simulate, task.make, task.actions, n_steps, later_seed)


KINDS = {
    "highway": Kind(lambda n: HighwaySimulator(n, ROAD), lambda: HighwayEnv(ROAD), Discrete(5)),
    "corridor": Kind(lambda n: GymnasiumSimulator(corridor, n), corridor, Discrete(3), 30, later_seed),
    "cart-pole": kind_of(CARTPOLE, 30, later_seed),
    "pendulum": kind_of(PENDULUM, 30, later_seed),
    "bottle-pushing": kind_of(arm.BOTTLE_PUSHING, 110),
    "erasing": kind_of(arm.ERASING, 110),
    "pillow-grasping": kind_of(arm.PILLOW_GRASPING, 110),
}
N_ENVS = 3


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    kind = KINDS[request.param]
    return kind.simulate(N_ENVS), kind.simulate(N_ENVS), kind.make(), kind


def straight(environment, seed: int, actions: np.ndarray, later=lambda first, number: None) -> list[tuple]:
    """(obs, next_obs, features, terminated, truncated) of each step, over several episodes."""
    obs, _ = environment.reset(seed=seed)
    steps, episodes = [], 0
    for action in actions:
        next_obs, _, terminated, truncated, info = environment.step(action)
        steps.append((obs, next_obs, info["features"], terminated, truncated))
        episodes += terminated or truncated
        obs = environment.reset(seed=later(seed, episodes))[0] if terminated or truncated else next_obs
    return steps


def first_episode(steps: list[tuple]) -> int:
    """Its length."""
    return next(n for n, (*_, terminated, truncated) in enumerate(steps) if terminated or truncated) + 1


def test_it_says_that_it_can(kind):
    assert isinstance(kind[0], RewindableSimulator)


@pytest.mark.parametrize("seed", range(3))
def test_states_and_what_comes_after_are_those_of_the_episode(kind, seed):
    """From the start, the middle, before the last step: the same observations, then the same steps.

    Through the end into the next episode, in whichever environment, whatever the other ones do.
    """
    simulator, _, environment, (_, _, actions_of, n_steps, later) = kind
    rng = np.random.default_rng(seed)
    actions = actions_of.uniform(rng, n_steps)
    expected = straight(environment, seed, actions, later)
    length = first_episode(expected)
    at = sorted({0, 1, length // 2, length - 1})
    found = simulator.states_along(seed, actions[: at[-1]], at=at)
    assert len(found) == len(at)
    simulator.reset(seed)
    for env, (k, (state, obs)) in enumerate(zip(at, found, strict=True)):
        np.testing.assert_array_equal(obs, expected[k][0])
        here = env % N_ENVS
        simulator.put(here, state)
        for n in range(k, n_steps):
            all_actions = actions_of.uniform(rng, N_ENVS)
            all_actions[here] = actions[n]
            step = simulator.step(all_actions)
            _, next_obs, features, terminated, truncated = expected[n]
            np.testing.assert_array_equal(step.next_obs[here], next_obs)
            np.testing.assert_array_equal(step.features[here], features)
            assert (step.terminated[here], step.truncated[here]) == (terminated, truncated)
            if n + 1 < n_steps:
                np.testing.assert_array_equal(step.obs[here], expected[n + 1][0])


def assert_same(one: Step, other: Step, envs=range(N_ENVS)) -> None:
    """Bit for bit, in these environments."""
    for a, b in zip(one[:5], other[:5], strict=True):
        np.testing.assert_array_equal(a[envs], b[envs])
    if one.measured is not None:
        assert [one.measured.single(env) for env in envs] == [other.measured.single(env) for env in envs]


def test_the_other_environments_are_not_disturbed(kind):
    """One simulator steps on; its twin looks along an episode and has a state put into environment 1."""
    undisturbed, simulator, _, (_, _, actions_of, n_steps, _) = kind
    rng = np.random.default_rng(3)
    actions = np.stack([actions_of.uniform(rng, N_ENVS) for _ in range(n_steps + 20)])
    np.testing.assert_array_equal(undisturbed.reset(4), simulator.reset(4))
    for row in actions[:5]:
        assert_same(undisturbed.step(row), simulator.step(row))
    ((_, _), (state, _)) = simulator.states_along(9, actions[:3, 0], at=[0, 3])
    for row in actions[5:15]:
        assert_same(undisturbed.step(row), simulator.step(row))  # looking leaves all of them as they are
    simulator.put(1, state)
    elsewhere = False
    for row in actions[15:]:
        before, after = undisturbed.step(row), simulator.step(row)
        assert_same(before, after, [0, 2])
        elsewhere |= not np.array_equal(before.obs[1], after.obs[1])
    assert elsewhere  # environment 1 did continue from another state


def test_a_state_can_be_put_again_and_again(kind):
    """Also into two environments at once: stepping from it does not use it up."""
    simulator, _, environment, (_, _, actions_of, n_steps, later) = kind
    actions = actions_of.uniform(np.random.default_rng(5), n_steps)
    expected = straight(environment, 2, actions, later)
    k = first_episode(expected) // 2
    ((state, _),) = simulator.states_along(2, actions[:k], at=[k])
    simulator.reset(0)
    for _ in range(2):
        simulator.put(0, state)
        simulator.put(2, state)
        for n in range(k, n_steps):
            step = simulator.step(np.stack([actions[n]] * N_ENVS))
            for env in (0, 2):
                np.testing.assert_array_equal(step.next_obs[env], expected[n][1])
                np.testing.assert_array_equal(step.features[env], expected[n][2])


def test_looking_twice_finds_the_same(kind):
    """Also after other episodes were looked along: a state depends on the seed and the actions alone."""
    simulator, _, _, (_, _, actions_of, *_) = kind
    actions = actions_of.uniform(np.random.default_rng(6), 6)
    once = simulator.states_along(1, actions[:2], at=[0, 2])
    simulator.states_along(2, actions[:2], at=[2])
    again = simulator.states_along(1, actions[:2], at=[0, 2])
    for (_, a), (_, b) in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)
    simulator.reset(0)
    for env, (state, _) in enumerate([once[1], again[1]]):
        simulator.put(env, state)
    for action in actions[2:]:
        step = simulator.step(np.stack([action] * N_ENVS))
        np.testing.assert_array_equal(step.next_obs[0], step.next_obs[1])


def test_the_features_are_the_corridors():
    """What `corridor` is tested with is the task of the other tests, slips and all: its noise is brought back, too."""
    slipped = [s[2][FEATURE_NAMES.index("forward")] for s in straight(corridor(), 0, np.zeros(30, int))]
    assert 0.0 in slipped
    assert 1.0 in slipped
