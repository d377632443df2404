"""Settings of the highway's training and alignment: `paper` (Tables 6 and 7) and `fast`."""

from dataclasses import replace

from mereq.alignment.settings import AlignSettings, Inference, PosteriorSettings, WarmStart
from mereq.imitation.cloning import CloningSettings
from mereq.maxent_rl.dqn import DQNSettings
from mereq.maxent_rl.simulator_training import TrainingSchedule

DQN = DQNSettings(
    hidden=(256, 256),
    learning_rate=1e-4,
    gamma=0.8,
    temperature=1.0,
    prior_temperature=0.0,
    target_period=50,
    max_grad_norm=10.0,
)

TRAINING = TrainingSchedule(
    n_envs=1,
    chunk=50,
    updates_per_step=1.0,
    batch_size=32,
    learning_starts=200,
    epsilon_start=1.0,
    epsilon_end=0.05,
    exploration_fraction=0.7,
)

PAPER = AlignSettings(
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
    learner=replace(DQN, prior_temperature=1.0),
    schedule=replace(TRAINING, learning_starts=2000),
    training_steps=1000,
    replay_capacity=2000,
    reprice=True,
    persistent=True,
    warm_start=WarmStart(steps=100_000, updates=20_000, kept=500),
    cloning=CloningSettings(hidden=(256, 256), learning_rate=1e-3, weight_decay=0.0, batch_size=64),
    cloning_updates=2000,
)

FAST = replace(
    PAPER,
    inference=replace(PAPER.inference, max_updates=20, starts="segments", kappa=0.9),
    learner=replace(PAPER.learner, hidden=(64, 64), learning_rate=1e-3),
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
    posterior=PosteriorSettings(tolerance=1.0, log_rationality=2.3),
)
