"""Situations that people report of systems like this one: a run is refused at its start, or right (docs/border.md)."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from mereq import align, check_task
from mereq.core.errors import OwnCodeFailed, WrongTask
from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import Controller, Decision
from mereq.presets.fast import fast
from mereq.tasks.gymnasium_simulator import GymnasiumSimulator
from mereq.tasks.gymnasium_task import task_from_gymnasium
from strangers import Stranger, task_of

BALANCE = LogitsPolicy(lambda obs: np.stack([-3 * obs[:, 2] - obs[:, 3], 3 * obs[:, 2] + obs[:, 3]], 1), 2)


class Counted(gym.Wrapper):
    """An environment that is counted; of the class there is one per test."""

    def __init__(self, env):
        super().__init__(env)
        type(self).now += 1
        type(self).most = max(type(self).most, type(self).now)

    def close(self):
        super().close()
        type(self).now -= 1


class Teacher:
    def begin_episode(self, seed) -> None: ...

    def decide(self, context):
        if 5 <= context.step % 15 < 11:
            return Decision(Controller.EXPERT, 1)
        return Decision(Controller.POLICY, context.proposed)


def pole(wrap=lambda env: env, **more):
    return task_from_gymnasium(
        "pole",
        lambda: wrap(gym.make("CartPole-v1")),
        lambda obs, action, next_obs, info: np.array([np.clip(next_obs[1], 0, 1), float(action)]),
        ("speed", "right"),
        **more,
    )


def settings_of(task, starts="segments", **changes):
    settings = fast(task, gamma=0.9, rollout_steps=60)
    inference = replace(settings.inference, starts=starts, max_updates=1, sample_length=40, sample_envs=3)
    return replace(settings, inference=inference, training_steps=0, **changes)


@pytest.mark.parametrize("starts", ["segments", "episodes"])
def test_a_running_normalisation_is_named(starts):
    task = pole(gym.wrappers.NormalizeObservation)
    with pytest.raises(WrongTask, match=r"in one environment twice.*the wrapper NormalizeObservation.*TransformObserv"):
        next(align(task, BALANCE, Teacher(), settings=settings_of(task, starts)))


def test_one_wrapped_object_for_all():
    """Two wrappers around one environment are two objects, and one simulator."""
    env = gym.make("CartPole-v1")
    task = task_from_gymnasium("pole", lambda: gym.Wrapper(env), lambda *step: np.zeros(1), ("a",))
    with pytest.raises(WrongTask, match="returns the same environment twice"):
        check_task(task)


def test_environments_are_few_and_closed():
    class Here(Counted):
        now = most = 0

    task = pole(Here)
    for _ in align(task, BALANCE, Teacher(), settings=settings_of(task), n_rounds=1):
        pass
    assert Here.now == 0
    assert Here.most <= 1 + 10 + 3 + 1  # supervised, training, estimates, repeating


def test_environments_are_closed_after_a_failure():
    class Here(Counted):
        now = most = 0

        def step(self, action):
            obs, *rest = self.env.step(action)
            self.steps = getattr(self, "steps", 0) + 1
            return (np.full(4, np.nan, np.float32) if self.steps == 50 else obs), *rest

    task = pole(Here)
    with pytest.raises(WrongTask, match="Coordinate 0 of an observation of the task pole is nan"):
        list(align(task, BALANCE, Teacher(), settings=settings_of(task), n_rounds=1))
    assert Here.now == 0


def test_a_simulator_of_which_there_can_be_one():
    class Only(Counted):
        now = most = 0

        def __init__(self, env):
            if type(self).now:
                raise RuntimeError("there can be only one")
            super().__init__(env)

    task = pole(Only)
    words = r"a second environment beside the first: RuntimeError: there can be only one .*1 for supervision, 10 for"
    with pytest.raises(OwnCodeFailed, match=words):
        next(align(task, BALANCE, Teacher(), settings=settings_of(task)))
    assert Only.now == 0


def test_a_picture_that_does_not_fit_into_memory():
    space = gym.spaces.Box(0, 255, (210, 160, 3), np.uint8)
    picture = np.zeros(space.shape, np.uint8)
    task = task_of(lambda: Stranger(first=picture, obs_space=space))
    with pytest.raises(WrongTask, match=r"The replay needs .* GB for .* transitions"):
        check_task(task, settings=replace(fast(task), replay_capacity=10_000_000))


class Walk(gym.Env):
    """A random walk; its generator is reseeded identically by every reset without a seed."""

    observation_space, action_space = gym.spaces.Box(-9, 9, (1,)), gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.rng, self.steps = np.random.default_rng(0 if seed is None else seed), 0
        self.place = self.rng.normal(size=1).astype(np.float32)
        return self.place, {}

    def step(self, action):
        self.steps += 1
        self.place = (self.place + self.rng.normal(size=1)).astype(np.float32)
        return self.place, 0.0, False, self.steps == 3, {}


def test_every_episode_has_a_seed_of_its_own():
    task = task_of(Walk)
    simulator, starts = task.simulate(2), []
    starts += list(simulator.reset(0))
    for step in range(1, 10):
        obs = simulator.step(np.zeros(2, int)).obs
        starts += list(obs) if step % 3 == 0 else []
    assert len({float(start[0]) for start in starts}) == 8


class Saving(Walk):
    """The same; its state can be saved, as two ways of saving it claim."""

    forgets = False

    def get_state(self):
        return self.place, self.steps, None if self.forgets else self.rng.bit_generator.state

    def set_state(self, state):
        self.place, self.steps, rng = state
        if rng is not None:
            self.rng.bit_generator.state = rng


@pytest.mark.parametrize("saving", ["replay", "deepcopy", "state"])
def test_states_are_brought_back(saving):
    task = task_of(Saving, saving=saving)
    simulator, actions = task.simulate(2), np.zeros(3, int)
    assert isinstance(simulator, GymnasiumSimulator)
    (_, (state, obs)) = simulator.states_along(4, actions[:2], at=[0, 2])
    env = task.make()
    env.reset(seed=4)
    expected = [env.step(0)[0] for _ in range(3)]
    np.testing.assert_array_equal(obs, expected[1])
    for _ in range(2):
        simulator.put(1, state)
        simulator.rest(0, obs, 1)
        np.testing.assert_array_equal(simulator.step(np.zeros(2, int)).next_obs, [obs, expected[2]])
    assert simulator.cost_of(state) == (2 if saving == "replay" else 0)


def test_a_state_that_forgets_something_is_found():
    class Forgetful(Saving):
        forgets = True
        steps_left = 30

        def step(self, action):
            return *super().step(action)[:3], False, {}

    with pytest.raises(WrongTask, match="does not continue as it did"):
        check_task(task_of(Forgetful, saving="state"))


def test_a_state_that_nothing_can_save():
    with pytest.raises(WrongTask, match=r"has no get_state\(\) and set_state"):
        task_of(Walk, saving="state")


def test_the_cost_of_long_episodes_is_told():
    task = pole(lambda env: gym.wrappers.TimeLimit(env, 20_000))
    (row,) = [tried for tried in check_task(task) if "brought back" in tried.what]
    assert row.verdict == "warn"
    assert "about 1,000,000 environment steps for one update" in row.words


def test_what_cannot_be_repeated_can_be_aligned_from_episodes():
    """And it is said."""
    rng = np.random.default_rng()
    shaken = pole(lambda env: gym.wrappers.TransformObservation(env, lambda obs: obs + rng.normal(size=4), None))
    with pytest.raises(WrongTask, match=r"in two environments.*'episodes'"):
        check_task(shaken)
    (row,) = [
        tried for tried in check_task(shaken, settings=settings_of(shaken, "episodes")) if tried.verdict == "warn"
    ]
    assert "no rollout starts where the expert took over" in row.words


@pytest.mark.parametrize(("ends", "limit", "words"), [
    (37, None, "episodes of 37 steps, as one of random actions"),
    (10**6, 60, "episodes of 60 steps, its limit"),
    (10**6, None, "episodes of 1000 steps, assumed, since one of random actions did not end within 1000 steps"),
])  # fmt: skip
def test_the_length_of_an_episode_is_its_limit_or_tried(ends, limit, words):
    """An environment of one's own is in no registry that could say how long its episodes are."""

    class Own(Stranger):
        def reset(self, **given):
            self.n = 0
            return super().reset(**given)

        def step(self, action):
            self.n += 1
            obs, reward, _, _, info = super().step(action)
            return obs, reward, self.n == ends, False, info

    def make():
        return gym.wrappers.TimeLimit(Own(), limit) if limit else Own()

    (row,) = [one for one in check_task(task_of(make)) if "brought back" in one.what]
    assert words in row.words
