"""Algorithm 1 in a corridor: the task, an exact prior, an expert who takes over by a rule, and settings for seconds.

The corridor is too long to be finished within an episode, so the prior walks on along the side it started on. The
expert wants the left side besides: it takes over after two steps on the right. Prior and expert are exact solutions.
"""

from dataclasses import replace

import numpy as np

from exact import corridor_mdp
from mereq import align
from mereq.alignment import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP
from mereq.alignment.algorithm import Round
from mereq.alignment.settings import AlignSettings, Inference, WarmStart
from mereq.core.actions import Discrete
from mereq.core.policy import LogitsPolicy
from mereq.core.task import Task
from mereq.imitation.cloning import CloningSettings
from mereq.maxent_rl.dqn import DQNSettings
from mereq.maxent_rl.simulator_training import TrainingSchedule
from mereq.supervision.rules import Rule, Trigger
from mereq.supervision.synthesized import DivergenceExpert
from mereq.tasks.corridor import FEATURE_NAMES, THETA_EXPERT, THETA_PRIOR, Corridor
from mereq.tasks.gymnasium_simulator import GymnasiumSimulator
from toys import table_policy

IMITATION = [HG_DAGGER_FT, IWR_FT]
INVERSE_RL = [MEREQ, MEREQ_NP, MAXENT_FT, MAXENT, MAXENT_FT_PSEUDO]

LENGTH, HORIZON = 14, 12
LEFT = FEATURE_NAMES.index("left_side")
ALPHA, GAMMA = 0.5, 0.8
SETTINGS = AlignSettings(
    rollout_steps=180,
    inference=Inference(
        max_updates=6,
        ascent="gradient",
        step_size=0.5,
        tolerance=0.03,
        sample_length=240,
        sample_envs=10,
        starts="episodes",
        acting="greedy",
        kappa=0.6,
        features=None,
    ),
    learner=DQNSettings(
        hidden=(16,),
        learning_rate=3e-3,
        gamma=GAMMA,
        temperature=ALPHA,
        prior_temperature=ALPHA,
        target_period=50,
        max_grad_norm=10.0,
    ),
    schedule=TrainingSchedule(
        n_envs=10,
        chunk=100,
        updates_per_step=0.5,
        batch_size=32,
        learning_starts=200,
        epsilon_start=0.5,
        epsilon_end=0.05,
        exploration_fraction=0.7,
    ),
    training_steps=300,
    replay_capacity=3000,
    reprice=True,
    persistent=True,
    warm_start=WarmStart(steps=1000, updates=600, kept=300),
    cloning=CloningSettings(hidden=(16,), learning_rate=3e-3, weight_decay=0.0, batch_size=32),
    cloning_updates=300,
)
QUICK = replace(  # where it does not matter what is learned
    SETTINGS,
    rollout_steps=9 * HORIZON,
    inference=replace(SETTINGS.inference, max_updates=2, sample_length=60),
    training_steps=100,
    warm_start=WarmStart(steps=300, updates=100, kept=50),
    cloning_updates=100,
)


def corridor() -> Corridor:
    return Corridor(length=LENGTH, horizon=HORIZON)


def task_of(make=corridor, simulated=corridor) -> Task:
    return Task("corridor", FEATURE_NAMES, 2 * LENGTH, Discrete(3), make, lambda n: GymnasiumSimulator(simulated, n))


def boltzmann_optimal(theta: np.ndarray) -> LogitsPolicy:
    mdp = corridor_mdp(LENGTH)
    return table_policy(mdp.soft_q(mdp.features @ theta, temperature=ALPHA, gamma=GAMMA), ALPHA)


PRIOR, EXPERT_POLICY = boltzmann_optimal(THETA_PRIOR), boltzmann_optimal(THETA_EXPERT)


def expert() -> DivergenceExpert:
    """The highway rule with a longer hold, so that interventions are more than the way to the left."""
    engage, disengage = Trigger(lambda kl: kl >= 1.2, 2), Trigger(lambda kl: kl <= 1.0, 4)
    return DivergenceExpert(EXPERT_POLICY, Rule((engage,), (disengage,), min_hold=8))


def run(method=MEREQ, settings=SETTINGS, *, task=None, prior=PRIOR, supervisor=None, **how) -> list[Round]:
    how = {"seed": 0, "n_rounds": 4, "rate_threshold": 0.1, **how}
    return list(align(task or task_of(), prior, supervisor or expert(), method, settings, **how))


def inner(**numbers) -> AlignSettings:
    return replace(SETTINGS, inference=replace(SETTINGS.inference, **numbers))


def all_observations() -> np.ndarray:
    return np.eye(2 * LENGTH, dtype=np.float32)
