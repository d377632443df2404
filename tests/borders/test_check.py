"""`check_task` refuses what cannot be aligned, with what is wrong, where, and what to do."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from mereq import check_task
from mereq.core.distribution import Categorical, SquashedGaussian
from mereq.core.errors import NonFiniteFeatures, WrongAction, WrongPolicyOutput, WrongTask
from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import Controller, Decision
from mereq.presets.registry import TASKS
from mereq.tasks.gymnasium_task import task_from_gymnasium
from toys import NeverTakesOver

PRIOR = LogitsPolicy(lambda obs: np.stack([-obs[:, 2], obs[:, 2]], axis=1), 2)


class Changed(gym.Wrapper):
    """CartPole, with what it returns changed."""

    change = staticmethod(lambda answer, n: answer)

    def reset(self, **options):
        self.n = 0
        return self.env.reset(**options)

    def step(self, action):
        self.n += 1
        return self.change(self.env.step(action), self.n)


def pole(change=None, features=lambda obs, action, next_obs, info: np.array([abs(next_obs[2])])):
    def make():
        env = Changed(gym.make("CartPole-v1"))
        if change:
            env.change = change
        return env

    return task_from_gymnasium("pole", make, features, ("tilt",))


def test_what_is_right_passes():
    check_task(pole())
    check_task(pole(), PRIOR, NeverTakesOver())


@pytest.mark.parametrize("name", ["highway", "erasing"])
def test_ours_pass(name):
    definition = TASKS[name]
    check_task(definition.task, definition.policy("prior"), definition.make_supervisor())


def test_one_environment_for_all():
    env = pole().make()
    with pytest.raises(WrongTask, match=r"returns the same environment twice.*lambda: gymnasium\.make"):
        check_task(replace(pole(), make=lambda: env))


def test_nan_in_an_observation():
    def change(answer, n):
        obs = np.where(np.arange(4) == 2, np.nan if n == 3 else answer[0], answer[0])
        return obs, *answer[1:]

    with pytest.raises((WrongTask, NonFiniteFeatures), match=r"Coordinate 2 of an observation|tilt"):
        check_task(pole(change, features=lambda *_: np.zeros(1)))


def test_nan_in_a_feature():
    with pytest.raises(NonFiniteFeatures, match="tilt"):
        check_task(pole(features=lambda *_: np.array([np.nan])))


def test_randomness_that_no_seed_decides():
    rng = np.random.default_rng()
    noisy = pole(lambda answer, n: (answer[0] + rng.normal(size=4).astype(np.float32), *answer[1:]))
    with pytest.raises(WrongTask, match=r"same seed and actions, in two environments, .*different observations"):
        check_task(noisy)


def test_what_outlives_an_episode():
    """A running normalisation: each environment repeats itself only once."""

    class Running(Changed):
        count = 0

        def step(self, action):
            self.count += 1
            obs, *rest = self.env.step(action)
            return (obs / self.count).astype(np.float32), *rest

    task = task_from_gymnasium("pole", lambda: Running(gym.make("CartPole-v1")), lambda *_: np.zeros(1), ("tilt",))
    with pytest.raises(WrongTask, match=r"in one environment twice.*running normalisation"):
        check_task(task)


class Given:
    """A prior that answers with what it was given."""

    def __init__(self, answer):
        self.answer = answer

    def distribution(self, obs):
        return self.answer(obs)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda obs: SquashedGaussian(np.zeros((len(obs), 2)), np.zeros((len(obs), 2))), "gives a SquashedGaussian"),
        (lambda obs: Categorical(np.zeros((len(obs), 3))), "parameters of shape"),
        (lambda obs: Categorical(np.full((len(obs), 2), np.nan)), "NaN or infinite"),
        (
            lambda obs: Categorical.from_logits(np.random.default_rng().normal(size=(len(obs), 2))),
            "two different distributions",
        ),
        (
            lambda obs: (obs.__isub__(1.0), Categorical.from_logits(np.zeros((len(obs), 2))))[1],
            "changed its observations in place",
        ),
    ],
)
def test_priors(answer, words):
    with pytest.raises((WrongTask, WrongPolicyOutput), match=words):
        check_task(pole(), Given(answer))


def test_a_supervisor_whose_action_is_none():
    class Vector:
        def begin_episode(self, seed):
            pass

        def decide(self, context):
            return Decision(Controller.EXPERT, np.zeros(2))

    with pytest.raises(WrongAction, match="supervisor answered with the action"):
        check_task(pole(), PRIOR, Vector())
