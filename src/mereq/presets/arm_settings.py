"""Settings of the arm tasks' training and alignment: `paper` (Tables 8 and 9) and `fast`."""

from dataclasses import replace
from typing import Any

from mereq.alignment.settings import AlignSettings, Inference, WarmStart
from mereq.imitation.cloning import CloningSettings
from mereq.maxent_rl.sac import SACSettings
from mereq.maxent_rl.simulator_training import TrainingSchedule
from mereq.maxent_rl.training import TrainingSettings

_SAC = SACSettings(
    hidden=(400, 300),
    learning_rate=5e-3,
    temperature_learning_rate=5e-3,
    gamma=0.9,
    tau=0.01,
    temperature=1.0,
    prior_temperature=0.0,
)
_FAST_SAC = replace(_SAC, hidden=(128, 128), learning_rate=5e-4, temperature_learning_rate=5e-4)
_SCHEDULE = TrainingSchedule(
    n_envs=1,
    chunk=50,
    updates_per_step=1.0,
    batch_size=512,
    learning_starts=5000,
    epsilon_start=0.0,
    epsilon_end=0.0,
    exploration_fraction=0.0,
)

_PAPER_TRAINING = TrainingSettings(
    n_steps=50_000,
    checkpoint_interval=5000,
    learner=_SAC,
    schedule=_SCHEDULE,
    replay_capacity=1_000_000,
    alive_bonus=0.0,
)


def training(
    *, n_steps: int, temperature: float | None, learning_starts: int = 1000, decay_updates: int = 0
) -> dict[str, TrainingSettings]:
    """Settings of Table 8 and of `fast`; `fast` has a fixed temperature, or learns it if `temperature` is None."""
    held = {} if temperature is None else {"temperature": temperature, "temperature_learning_rate": 0.0}
    schedule = replace(
        _SCHEDULE, n_envs=10, chunk=100, updates_per_step=0.5, batch_size=256, learning_starts=learning_starts
    )
    fast = replace(
        _PAPER_TRAINING,
        n_steps=n_steps,
        checkpoint_interval=10_000,
        learner=replace(_FAST_SAC, decay_updates=decay_updates, **held),
        schedule=schedule,
    )
    return {"fast": fast, "paper": _PAPER_TRAINING}


_PAPER = AlignSettings(
    rollout_steps=1000,
    inference=Inference(
        max_updates=20,
        ascent="gradient",
        step_size=0.2,
        tolerance=0.2,
        sample_length=1000,
        sample_envs=10,
        starts="episodes",
        acting="greedy",
        kappa=0.9,
        features=None,
    ),
    learner=replace(_SAC, temperature=0.035, prior_temperature=0.035),
    schedule=replace(_SCHEDULE, n_envs=10),
    training_steps=1000,
    replay_capacity=1_000_000,
    reprice=True,
    persistent=True,
    warm_start=WarmStart(steps=20_000, updates=10_000, kept=1000),
    cloning=CloningSettings(hidden=(256, 256), learning_rate=1e-3, weight_decay=0.0, batch_size=128),
    cloning_updates=1000,
)

_FAST = replace(
    _PAPER,
    inference=replace(_PAPER.inference, sample_length=500, starts="segments"),
    schedule=TrainingSchedule(
        n_envs=10,
        chunk=100,
        updates_per_step=1.0,
        batch_size=128,
        learning_starts=0,
        epsilon_start=0.0,
        epsilon_end=0.0,
        exploration_fraction=0.0,
    ),
    training_steps=400,
    replay_capacity=200_000,
)


def alignment(*, temperature: float, paper: dict[str, Any], fast: dict[str, Any]) -> dict[str, AlignSettings]:
    """Presets `paper` and `fast` of a task, with its own numbers for the inference.

    `fast` has a fixed temperature, the prior's alpha; `paper` has that of Table 9, for a prior trained with `paper`.
    """
    held = replace(
        _FAST_SAC,
        learning_rate=1e-3,
        temperature_learning_rate=0.0,
        temperature=temperature,
        prior_temperature=temperature,
    )
    return {
        "paper": replace(_PAPER, inference=replace(_PAPER.inference, **paper)),
        "fast": replace(_FAST, learner=held, inference=replace(_FAST.inference, **fast)),
    }


BOTTLE = alignment(
    temperature=0.06,
    paper={"tolerance": 0.2, "sample_length": 1000},
    fast={"kappa": 0.9, "ascent": "gradient", "max_updates": 20, "tolerance": 0.1},
)
ERASING = alignment(
    temperature=0.016,  # where the prior's learned temperature ended
    paper={"tolerance": 0.1, "sample_length": 2000},
    fast={"kappa": 0.9, "ascent": "natural", "max_updates": 10, "tolerance": 0.05},
)
PILLOW = alignment(
    temperature=0.3,
    paper={"tolerance": 0.1, "sample_length": 2000},
    fast={"kappa": 0.95, "ascent": "natural", "max_updates": 10, "tolerance": 0.05},
)
