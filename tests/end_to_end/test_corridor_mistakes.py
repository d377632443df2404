"""A user's mistakes, in the corridor: a task, a prior or a simulator that cannot be, and what Algorithm 1 says."""

from dataclasses import replace

import numpy as np
import pytest

from corridor_runs import HORIZON, IMITATION, INVERSE_RL, LENGTH, QUICK, SETTINGS, corridor, inner, run, task_of
from mereq.alignment import MEREQ, MEREQ_NP
from mereq.core.errors import IncompleteTask, NonFiniteFeatures, UnknownName, WrongPolicyOutput, WrongTask
from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import Decision
from mereq.tasks.corridor import Corridor
from mereq.tasks.gymnasium_simulator import GymnasiumSimulator
from toys import NeverTakesOver

INFERS = pytest.mark.parametrize("method", INVERSE_RL, ids=lambda m: m.name)


class Broken(Corridor):
    """Emits a NaN feature with the given share of steps."""

    def __init__(self, share: float = 1.0):
        super().__init__(length=LENGTH, horizon=HORIZON)
        self.share = share

    def step(self, action):
        obs, reward, terminated, truncated, info = super().step(action)
        if self.np_random.random() < self.share:
            info["features"][2] = np.nan
        return obs, reward, terminated, truncated, info


@pytest.mark.parametrize("where", ["supervised", "simulated"])
def test_features_that_are_not_finite(where):
    """Refused by name before they reach theta: from the supervised environment, and from the simulator."""
    task = task_of(make=Broken) if where == "supervised" else task_of(simulated=Broken)
    with pytest.raises(NonFiniteFeatures, match="'switch'"):
        run(task=task)


def test_features_that_are_not_finite_in_practice_only():
    """A rare NaN, met while practising and not while the expectation was sampled, must not make Q_R NaN."""

    class Rare(GymnasiumSimulator):
        def step(self, actions):
            step = super().step(actions)
            if self.n_envs == SETTINGS.schedule.n_envs:
                step.features[0, 2] = np.nan
            return step

    settings = inner(sample_envs=5, max_updates=2)
    task = replace(task_of(), simulate=lambda n: Rare(corridor, n))
    with pytest.raises(NonFiniteFeatures, match="'switch'"):
        run(settings=settings, task=task, n_rounds=1)


@pytest.mark.parametrize("shape", [(1, 4), (3,), (1, 1, 3), (2, 3)])
def test_a_prior_of_the_wrong_shape(shape):
    with pytest.raises(WrongPolicyOutput, match=r"must return logits of shape \(20, 3\)"):
        run(prior=LogitsPolicy(lambda obs: np.zeros(shape), 3))


@pytest.mark.parametrize("n_actions", [1, 5])
def test_a_prior_for_another_number_of_actions(n_actions):
    """Consistent in itself, but not with the task; one action even broadcasts."""
    with pytest.raises(WrongPolicyOutput, match="3 actions"):
        run(prior=LogitsPolicy(lambda obs: np.zeros((len(obs), n_actions)), n_actions))


@INFERS
def test_a_feature_that_the_task_does_not_have(method):
    with pytest.raises(UnknownName, match=r"no feature called 'left'. Known: forward, left_side, switch"):
        run(method, inner(features=("forward", "left")))


class OneWay:
    """A simulator that cannot go back."""

    def __init__(self, n_envs: int):
        simulator = GymnasiumSimulator(corridor, n_envs)
        self.n_envs, self.reset, self.step = n_envs, simulator.reset, simulator.step


@INFERS
def test_a_simulator_that_cannot_go_back(method):
    """Refused before the first step, with the way out."""
    task = replace(task_of(), simulate=OneWay)
    with pytest.raises(IncompleteTask, match=r"task corridor .* lacks `states_along` and `put`.*starts = 'episodes'"):
        run(method, inner(starts="segments"), task=task, supervisor=Refusing())


@pytest.mark.parametrize(
    ("method", "starts"),
    [(MEREQ, "episodes"), *((method, "segments") for method in IMITATION)],
    ids=lambda value: getattr(value, "name", None),
)
def test_who_needs_no_simulator_that_goes_back(method, starts):
    settings = replace(QUICK, inference=replace(QUICK.inference, starts=starts))
    assert len(run(method, settings, task=replace(task_of(), simulate=OneWay), n_rounds=1)) == 1


class Refusing(NeverTakesOver):
    """Is never to be asked."""

    def decide(self, context) -> Decision:
        raise AssertionError("the run has begun")


def test_a_simulator_of_another_task():
    """A simulator that does not reproduce the supervised states: no rollouts from where the expert took over."""
    task = task_of(simulated=lambda: Corridor(length=LENGTH, horizon=HORIZON, slip=0.9))
    with pytest.raises(WrongTask, match="simulator of the task corridor does not lead where its environment leads"):
        run(MEREQ_NP, inner(starts="segments"), task=task, seed=1)
