"""The numbers of Highway-Sim. Tables 6 and 7, and `fast`."""

from dataclasses import replace

from mereq.alignment.settings import AlignSettings, Inference, WarmStart
from mereq.evaluation.highway_clips import film_highway
from mereq.evaluation.highway_metrics import highway_card
from mereq.imitation.cloning import CloningSettings
from mereq.maxent_rl.dqn import DQNSettings
from mereq.maxent_rl.simulator_training import TrainingSchedule
from mereq.maxent_rl.training import TrainingSettings
from mereq.presets.definition import TaskDefinition
from mereq.supervision.synthesized import DivergenceExpert, divergence_rule
from mereq.tasks import highway

_DQN = DQNSettings(
    hidden=(256, 256),
    learning_rate=1e-4,
    gamma=0.8,
    temperature=1.0,
    prior_temperature=0.0,
    target_period=50,
    max_grad_norm=10.0,
)

_PRACTICE = TrainingSchedule(
    n_envs=1,
    chunk=50,
    updates_per_step=1.0,
    batch_size=32,
    learning_starts=200,
    epsilon_start=1.0,
    epsilon_end=0.05,
    exploration_fraction=0.7,
)

_PAPER = AlignSettings(
    rollout_steps=2000,
    inference=Inference(
        max_updates=40,
        ascent="gradient",
        step_size=0.2,
        tolerance=0.03,
        sample_length=1000,
        sample_envs=25,
        starts="episodes",
        acting="greedy",
        kappa=0.1,
        features=None,
    ),
    learner=replace(_DQN, prior_temperature=1.0),
    schedule=replace(_PRACTICE, learning_starts=2000),
    training_steps=1000,
    replay_capacity=2000,
    reprice=True,
    persistent=True,
    warm_start=WarmStart(steps=100_000, updates=20_000, kept=500),
    cloning=CloningSettings(hidden=(256, 256), learning_rate=1e-3, weight_decay=0.0, batch_size=64),
    cloning_updates=2000,
)

FAST = replace(
    _PAPER,
    inference=replace(_PAPER.inference, max_updates=20, starts="segments", kappa=0.9),
    learner=replace(_PAPER.learner, hidden=(64, 64), learning_rate=1e-3),
    schedule=TrainingSchedule(
        n_envs=10,
        chunk=100,
        updates_per_step=0.25,
        batch_size=64,
        learning_starts=0,
        epsilon_start=0.1,
        epsilon_end=0.1,
        exploration_fraction=0.0,
    ),
    training_steps=400,
    replay_capacity=20_000,
)

HIGHWAY = TaskDefinition(
    name=highway.TASK.name,
    task=highway.TASK,
    summary="drive on a three-lane highway; the expert wants to keep to the right lane",
    hz=1.0,
    theta_prior=highway.THETA_PRIOR,
    theta_expert=highway.THETA_EXPERT,
    training={
        "paper": TrainingSettings(
            n_steps=500_000,
            checkpoint_interval=10_000,
            learner=_DQN,
            schedule=_PRACTICE,
            replay_capacity=15_000,
            alive_bonus=1.0,
        )
    },
    supervisor=lambda expert, upper, lower: DivergenceExpert(expert, divergence_rule(upper=upper, lower=lower)),
    supervision={"upper": 1.62, "lower": 1.52},
    describe=highway_card,
    film=film_highway,
    align={"paper": _PAPER, "fast": FAST},
)
