"""Going on from the middle of an arm's episode, in contact: bit for bit, and as the gradient's estimator needs it."""

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from arm_scripts import Scripted, grasp, push, wipe
from mereq.core.distribution import SquashedGaussian
from mereq.core.policy import GaussianPolicy
from mereq.core.seeding import episode_seed
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.irl.estimators import FromSegmentStarts
from mereq.supervision.supervise import supervise
from mereq.supervision.synthesized import MeasurementExpert
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import N_STEPS, at_full_length
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.simulator import ArmSimulator
from mereq.tasks.arm.tasks import task_of
from toys import NeverTakesOver, always

pytestmark = pytest.mark.paper("Eq. (7), the same on the arm")

RUN_SEED = 3
LATER = 8  # steps that are repeated
TASKS = {  # name: task, a script that the rule has nothing against, a careless one
    "bottle-pushing": (bottle_pushing.TASK, lambda: push(0.02), lambda: push(0.15)),
    "erasing": (erasing.TASK, lambda: wipe(0.015), lambda: wipe(0.003)),
    "pillow-grasping": (pillow_grasping.TASK, lambda: grasp(0.0), lambda: grasp(0.07)),
}
EVERY_TASK = pytest.mark.parametrize("name", TASKS)


def steps_of(env: ArmEnv, policy, supervisor, episodes: int = 2) -> Iterator[SupervisedStep]:
    """Episode of round 0 of a run with the seed `RUN_SEED`."""
    return supervise(
        env,
        always(policy),
        supervisor,
        episodes * N_STEPS,
        episode_seed=lambda k: episode_seed(RUN_SEED, 0, k),
        task=task_of(env.task),
    )


@EVERY_TASK
@pytest.mark.parametrize(("n_envs", "threads"), [(1, 1), (2, 1), (5, 2), (17, 3)])
@pytest.mark.parametrize("supervised", [True, False], ids=["supervised", "alone"])
def test_what_comes_after_a_touch_is_what_came(name, n_envs, threads, supervised):
    """A scripted episode is continued from several of its steps at once, to its end, in any number of environments."""
    task, careful, _ = TASKS[name]
    ends = task.over if supervised else at_full_length
    env = ArmEnv(task, ends=ends)
    steps, touches = [], []
    for step in steps_of(env, Scripted(env, careful()), NeverTakesOver(), episodes=1):
        steps.append(step)
        touches.append(env.measured.force.any())
        if step.truncated:
            break
    episode, touched = Rollout.of(steps), np.flatnonzero(touches)[0]
    at = np.linspace(touched + 1, len(episode) - LATER, n_envs).astype(int)
    assert touched < 30
    assert len(set(at)) == min(n_envs, at[-1] - at[0] + 1)
    simulator = ArmSimulator(task, n_envs, threads, ends=ends)
    simulator.reset(0)
    states = simulator.states_along(episode_seed(RUN_SEED, 0, 0), episode.executed[: at[-1]], at=at.tolist())
    for number, (state, obs) in enumerate(states):
        np.testing.assert_array_equal(obs, episode.obs[at[number]])
        simulator.put(number, state)
    for later in range(LATER):
        step = simulator.step(episode.executed[at + later])
        np.testing.assert_array_equal(step.next_obs, episode.next_obs[at + later])
        np.testing.assert_array_equal(step.features, episode.features[at + later])
        np.testing.assert_array_equal(step.truncated, at + later == len(episode) - 1)


@EVERY_TASK
def test_segments_of_a_supervised_arm_are_found_again(name):
    """A careless script, an expert that takes over by the task's rule, and the policy tried from where it did."""
    task, careful, careless = TASKS[name]
    env = ArmEnv(task, ends=task.over)
    expert = MeasurementExpert(Scripted(env, careful()), task.rule)
    rollout = Rollout.of(steps_of(env, Scripted(env, careless()), expert))
    assert 10 < rollout.expert_steps < len(rollout)
    estimator = FromSegmentStarts(ArmSimulator(task, 3), 60, "greedy", run_seed=RUN_SEED)
    assert estimator.observe(InterventionLog((rollout,)), kappa=1.0) == rollout.expert_steps
    gradient = estimator.gradient(GaussianPolicy(idle, 3), seed=0)
    assert np.isfinite(gradient).all()
    assert gradient.any()


def idle(obs):
    """Before the tanh: no action, and little doubt."""
    return np.zeros((len(obs), 3)), np.full((len(obs), 3), -3.0)


class Pushing:
    """`push` from observations: a policy for any number of environments."""

    def __init__(self, height: float):
        self._script = push(height)

    def distribution(self, obs) -> SquashedGaussian:
        tip = 0.1 * obs[:, :3] + np.array([0.5, 0.0, 0.1])
        bottle = tip + 0.1 * obs[:, 6:9]
        seen = SimpleNamespace(tip=tip, bottle=bottle, goal=bottle[:, :2] + 0.1 * obs[:, 12:14])
        action = np.clip(self._script(seen), -0.999, 0.999)
        return SquashedGaussian(np.arctanh(action), np.full(action.shape, -3.0))


def test_in_its_own_place_an_expert_does_what_it_did():
    """So the gradient is 0 there. A policy that pushes high has to come down: `table_distance` loses weight."""
    task, low, high = bottle_pushing.TASK, Pushing(0.02), Pushing(0.12)
    env = ArmEnv(task, ends=task.over)
    rollout = Rollout.of(steps_of(env, high, MeasurementExpert(low, task.rule)))
    estimator = FromSegmentStarts(ArmSimulator(task, 3), 1000, "greedy", run_seed=RUN_SEED)
    assert estimator.observe(InterventionLog((rollout,)), kappa=1.0) > 20
    # the script rounds differently for three environments than for one, which contacts amplify to 1e-6
    np.testing.assert_allclose(estimator.gradient(low, seed=0), 0.0, atol=1e-5)
    assert estimator.gradient(high, seed=0)[task.feature_names.index("table_distance")] < -0.2
