"""Every number Algorithm 1 runs with. The numbers themselves are in `experiments/presets.py`."""

from dataclasses import dataclass
from typing import Literal

from mereq.imitation.cloning import CloningSettings
from mereq.irl.ascent import Ascent
from mereq.irl.estimators import Acting
from mereq.maxent_rl.learners import LearnerSettings
from mereq.maxent_rl.simulator_training import TrainingSchedule


@dataclass(frozen=True, kw_only=True)
class Inference:
    """The inner loop. Alg. 1, l. 6-11."""

    max_updates: int  # N_update: most ascent steps between two rounds
    ascent: Ascent  # along the gradient (the paper), or the "natural" way
    step_size: float  # eta
    tolerance: float  # epsilon: a gradient shorter than this ends the inner loop
    sample_length: int  # simulator steps for the policy's mean features
    sample_envs: int  # environments in which they are made
    starts: Literal["episodes", "segments"]  # where they start: new episodes, or where the expert's segments began
    acting: Acting  # how the policy acts there: "greedy" or "sampled"
    kappa: float  # share of each policy segment that is not pseudo-expert; 1 uses none
    features: tuple[str, ...] | None  # f_R: the features that theta_R may weigh; None means all of the task's

    def __post_init__(self):
        if not (0 <= self.kappa <= 1 and self.sample_length >= 1 and self.sample_envs >= 1):
            raise ValueError(
                f"need 0 <= kappa <= 1, sample_length >= 1, sample_envs >= 1; got kappa={self.kappa}, "
                f"sample_length={self.sample_length}, sample_envs={self.sample_envs}"
            )


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """Prior rollouts from which the imitation methods are cloned before their first round. Section 6."""

    steps: int  # of the prior, to be cloned from
    updates: int  # of the clone
    kept: int  # of these steps, the last so many stay among the demonstrations

    def __post_init__(self):
        if self.steps < 1 or self.kept < 0:
            raise ValueError(f"need steps >= 1, kept >= 0; got steps={self.steps}, kept={self.kept}")


@dataclass(frozen=True, kw_only=True)
class AlignSettings:
    """One run of Algorithm 1."""

    rollout_steps: int  # T: supervised steps per round
    inference: Inference
    learner: LearnerSettings
    schedule: TrainingSchedule
    training_steps: int  # env_update_freq: simulator steps of practice after each ascent step
    replay_capacity: int
    reprice: bool  # price old transitions with the current theta (True), or keep their first reward (False)
    persistent: bool  # the learner lives on between rounds (True), or starts anew (False)
    warm_start: WarmStart
    cloning: CloningSettings  # of the imitation methods
    cloning_updates: int  # of the imitation methods, per round

    def __post_init__(self):
        if self.rollout_steps < 1 or self.replay_capacity < 1:
            raise ValueError(
                f"need rollout_steps >= 1, replay_capacity >= 1; got rollout_steps={self.rollout_steps}, "
                f"replay_capacity={self.replay_capacity}"
            )
