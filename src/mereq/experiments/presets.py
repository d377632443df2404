"""Every number of every task, in one place. Tables 6 and 7, and the `fast` presets.

`paper` follows the paper's tables; `fast` (the default) reaches the same intervention rates with the same number of
expert samples in a fraction of the time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mereq.align import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP
from mereq.align.method import Method
from mereq.align.settings import AlignSettings, Inference, WarmStart
from mereq.core.errors import UnknownName
from mereq.core.policy import Policy
from mereq.core.supervisor import Supervisor
from mereq.core.task import Task
from mereq.experiments.evaluation import Evaluation
from mereq.experiments.highway_views import film_highway, highway_card
from mereq.imitation.cloning import CloningSettings
from mereq.maxent_rl.dqn import DQNSettings
from mereq.maxent_rl.practice import Schedule
from mereq.maxent_rl.training import TrainingSettings
from mereq.supervision.synthesized import DivergenceExpert, divergence_rule
from mereq.tasks import highway

_METHODS = (MEREQ, MEREQ_NP, MAXENT, MAXENT_FT, HG_DAGGER_FT, IWR_FT, MAXENT_FT_PSEUDO)
METHODS: dict[str, Method] = {method.name: method for method in _METHODS}


@dataclass(frozen=True)
class TaskPreset:
    """A task with its numbers."""

    task: Task
    summary: str
    theta_prior: np.ndarray  # weights of the prior's reward
    theta_expert: np.ndarray  # weights of the expert's reward
    training: TrainingSettings  # of the shipped prior and expert
    supervisor: Callable[..., Supervisor]  # makes a synthesized expert of an expert policy and the numbers below
    supervision: dict[str, float]  # numbers of its intervention rule
    align: dict[str, AlignSettings]  # by family: paper, fast
    describe: Callable[[Evaluation], dict[str, Any]]  # more lines for the model card
    film: Callable[[Policy, Policy, Path], None]  # the task before and after, as a GIF

    def synthesized_expert(self, expert: Policy) -> Supervisor:
        """The expert policy as a supervisor that takes over by the task's rule. App. A.1."""
        return self.supervisor(expert, **self.supervision)


_HIGHWAY_DQN = DQNSettings(
    hidden=(256, 256),
    learning_rate=1e-4,
    gamma=0.8,
    alpha=1.0,
    prior_alpha=0.0,
    target_period=50,
    max_grad_norm=10.0,
)

_HIGHWAY_PRACTICE = Schedule(
    n_envs=1,
    chunk=50,
    updates_per_step=1.0,
    batch_size=32,
    learning_starts=200,
    epsilon_start=1.0,
    epsilon_end=0.05,
    exploration_fraction=0.7,
)

_HIGHWAY_PAPER = AlignSettings(
    rollout_steps=2000,
    inference=Inference(
        max_updates=40,
        step_size=0.2,
        tolerance=0.03,
        sample_length=1000,
        sample_envs=25,
        starts="episodes",
        acting="greedy",
        kappa=0.1,
        features=None,
    ),
    learner=replace(_HIGHWAY_DQN, prior_alpha=1.0),
    practice=replace(_HIGHWAY_PRACTICE, learning_starts=2000),
    practice_steps=1000,
    replay_capacity=2000,
    reprice=True,
    persistent=True,
    warm_start=WarmStart(steps=100_000, updates=20_000, kept=500),
    cloning=CloningSettings(hidden=(256, 256), learning_rate=1e-3, weight_decay=0.0, batch_size=64),
    cloning_updates=2000,
)

_HIGHWAY_FAST = replace(
    _HIGHWAY_PAPER,
    inference=replace(_HIGHWAY_PAPER.inference, max_updates=20, starts="segments", kappa=0.9),
    learner=replace(_HIGHWAY_PAPER.learner, hidden=(64, 64), learning_rate=1e-3),
    practice=Schedule(
        n_envs=10,
        chunk=100,
        updates_per_step=0.25,
        batch_size=64,
        learning_starts=0,
        epsilon_start=0.1,
        epsilon_end=0.1,
        exploration_fraction=0.0,
    ),
    practice_steps=400,
    replay_capacity=20_000,
)


def fast(*, gamma: float, rollout_steps: int) -> AlignSettings:
    """The `fast` numbers for a task of your own.

    Args:
        gamma: discount factor; about 1 - 1 / (steps that a decision matters for).
        rollout_steps: supervised steps per round.
    """
    return replace(_HIGHWAY_FAST, rollout_steps=rollout_steps, learner=replace(_HIGHWAY_FAST.learner, gamma=gamma))


TASKS: dict[str, TaskPreset] = {
    "highway": TaskPreset(
        task=highway.TASK,
        summary="drive on a three-lane highway; the expert wants to keep to the right lane",
        theta_prior=highway.THETA_PRIOR,
        theta_expert=highway.THETA_EXPERT,
        training=TrainingSettings(
            n_steps=500_000,
            leg=10_000,
            learner=_HIGHWAY_DQN,
            practice=_HIGHWAY_PRACTICE,
            replay_capacity=15_000,
            alive_bonus=1.0,
        ),
        supervisor=lambda expert, upper, lower: DivergenceExpert(expert, divergence_rule(upper=upper, lower=lower)),
        supervision={"upper": 1.62, "lower": 1.52},
        describe=highway_card,
        film=film_highway,
        align={"paper": _HIGHWAY_PAPER, "fast": _HIGHWAY_FAST},
    ),
}


def task_preset(name: str) -> TaskPreset:
    """The preset of a task.

    Raises:
        UnknownName: with the names there are.
    """
    if name not in TASKS:
        raise UnknownName("task", name, list(TASKS))
    return TASKS[name]
