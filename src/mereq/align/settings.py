"""Every number Algorithm 1 runs with. The numbers themselves are in `experiments/presets.py`."""

from dataclasses import dataclass

from mereq.maxent_rl.dqn import DQNSettings
from mereq.maxent_rl.practice import Schedule


@dataclass(frozen=True, kw_only=True)
class Inference:
    """The inner loop. Alg. 1, l. 6-11."""

    max_updates: int  # N_update: most ascent steps between two rounds
    step_size: float  # eta
    tolerance: float  # epsilon: a gradient shorter than this ends the inner loop
    sample_length: int  # simulator steps for the policy's mean features
    sample_envs: int  # environments in which they are made
    kappa: float  # share of each policy segment that is not pseudo-expert; 1 uses none


@dataclass(frozen=True, kw_only=True)
class AlignSettings:
    """One run of Algorithm 1."""

    rollout_steps: int  # T: supervised steps per round
    inference: Inference
    learner: DQNSettings
    practice: Schedule
    practice_steps: int  # env_update_freq: simulator steps of practice after each ascent step
    replay_capacity: int
    reprice: bool  # price old transitions with the current theta (True), or keep their first reward (False)
    persistent: bool  # the residual Q-function lives on between rounds (True), or starts anew (False)
