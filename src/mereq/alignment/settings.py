"""Settings of Algorithm 1 and its methods. Their values are in `mereq.presets`."""

from dataclasses import dataclass, field
from typing import Literal

from mereq.core.ranges import COUNT, COUNT_OR_NONE, FINITE, NON_NEGATIVE, POSITIVE, SHARE, check_ranges
from mereq.imitation.cloning import CloningSettings
from mereq.imitation.objectives import DecisionSettings, PreferenceSettings
from mereq.irl.ascent import Ascent
from mereq.irl.estimators import Acting
from mereq.maxent_rl.learners import LearnerSettings
from mereq.maxent_rl.simulator_training import TrainingSchedule


@dataclass(frozen=True, kw_only=True)
class Inference:
    """Settings of the inner loop. Alg. 1, l. 6-11."""

    max_updates: int  # N_update: largest number of ascent steps between two rounds
    ascent: Ascent  # along the gradient (the paper), or along the natural gradient
    step_size: float  # eta
    tolerance: float  # epsilon: a gradient shorter than this ends the inner loop
    sample_length: int  # simulator steps for the policy's mean features
    sample_envs: int  # number of environments for these steps
    starts: Literal["episodes", "segments"]  # start states: new episodes, or the expert's takeovers
    acting: Acting  # actions of the policy in these steps: "greedy" or "sampled"
    kappa: float  # share of each policy segment that is not pseudo-expert; 1 uses none
    features: tuple[str, ...] | None  # f_R: the features that theta_R may weigh; None means all of the task's

    def __post_init__(self):
        check_ranges(
            self,
            max_updates=COUNT_OR_NONE,
            step_size=NON_NEGATIVE,
            tolerance=NON_NEGATIVE,
            sample_length=COUNT,
            sample_envs=COUNT,
            kappa=SHARE,
        )


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """Settings of the imitation methods' warm start: the prior is cloned from its rollouts. Section 6."""

    steps: int  # steps of the prior's rollouts
    updates: int  # gradient steps of the clone
    kept: int  # number of these steps, the last ones, that stay among the demonstrations

    def __post_init__(self):
        check_ranges(self, steps=COUNT, updates=COUNT_OR_NONE, kept=COUNT_OR_NONE)


@dataclass(frozen=True, kw_only=True)
class PosteriorSettings:
    """Settings of the posterior of theta over a policy family. docs/instant.md."""

    width: float = 0.5  # standard deviation of each weight before any evidence, in limits of the family's region
    slip: float = 0.3  # share of votes and of takeovers that no theta explains
    spread: float = 0.5  # of the badness of a proposal at which the supervisor takes over [nats]
    tolerance: float = 6.7  # rationality with which the supervisor judges proposals
    log_rationality: float = 1.9  # mean of log beta before any evidence
    log_rationality_width: float = 0.5  # its standard deviation
    logit_attention_width: float = 1.5  # standard deviation of the attention's logit before any evidence; its mean is 0
    habit: float = 0.5  # standard deviation of each action's log-odds before any evidence; 0: no habits
    draws: int = 512  # of all parameters, in each iteration of the importance sampling
    iterations: int = 3  # at least

    def __post_init__(self):
        check_ranges(
            self,
            width=POSITIVE,
            slip=SHARE,
            spread=POSITIVE,
            tolerance=POSITIVE,
            log_rationality=FINITE,
            log_rationality_width=POSITIVE,
            logit_attention_width=POSITIVE,
            habit=NON_NEGATIVE,
            draws=COUNT,
            iterations=COUNT,
        )


@dataclass(frozen=True, kw_only=True)
class TakeoverSettings:
    """Settings of the methods that learn values from takeovers: RLIF, RIFT and PVP."""

    cost: float = 3.0  # of a takeover, in units of the temperature; for PVP the size of the proxy values
    updates: int = 500  # gradient updates per round

    def __post_init__(self):
        check_ranges(self, cost=POSITIVE, updates=COUNT_OR_NONE)


@dataclass(frozen=True, kw_only=True)
class CoherentSettings:
    """Settings of residual CSIL."""

    divergence: float = 0.1  # weight of the clone's divergence from the prior
    bound: float = 5.0  # largest |log clone - log prior| in the reward [nats]
    training_steps: int = 2000  # simulator steps of training per round

    def __post_init__(self):
        check_ranges(self, divergence=NON_NEGATIVE, bound=POSITIVE, training_steps=COUNT_OR_NONE)


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """Settings of the gates of AIM and ThriftyDAgger. docs/benchmark.md."""

    rate: float = (
        0.05  # share of the policy's own states in which it would have asked: delta of AIM, alpha_h of Thrifty
    )
    demonstrated: int = 1  # first episodes in which the supervisor is asked at every step
    deviation: float = 0.1  # largest distance of continuous actions that agree, for AIM
    members: int = 5  # clones of ThriftyDAgger's ensemble
    end: Literal["failure", "success"] = "failure"  # what it means for the task that an episode terminates
    updates: int = 300  # gradient updates of each network per round

    def __post_init__(self):
        check_ranges(
            self,
            rate=SHARE,
            demonstrated=COUNT_OR_NONE,
            deviation=NON_NEGATIVE,
            members=COUNT,
            updates=COUNT_OR_NONE,
        )


@dataclass(frozen=True, kw_only=True)
class AlignSettings:
    """Settings of one run of Algorithm 1."""

    rollout_steps: int  # T: supervised steps per round
    inference: Inference
    learner: LearnerSettings
    schedule: TrainingSchedule
    training_steps: int  # env_update_freq: simulator steps of training after each ascent step
    replay_capacity: int
    reprice: bool  # reward of old transitions: by the current theta (True), or as first computed (False)
    persistent: bool  # whether the learner keeps its state between rounds, or is initialised again in each
    warm_start: WarmStart
    cloning: CloningSettings  # for the imitation methods
    cloning_updates: int  # gradient steps per round of the imitation methods
    posterior: PosteriorSettings = PosteriorSettings()
    takeovers: TakeoverSettings = TakeoverSettings()
    coherent: CoherentSettings = CoherentSettings()
    gates: GateSettings = GateSettings()
    decisions: DecisionSettings = field(default_factory=DecisionSettings)
    preferences: PreferenceSettings = field(default_factory=PreferenceSettings)
    rollout_episodes: int | None = None  # a round ends with this many episodes, if it has not ended before

    def __post_init__(self):
        check_ranges(
            self,
            rollout_steps=COUNT,
            training_steps=COUNT_OR_NONE,
            replay_capacity=COUNT,
            cloning_updates=COUNT_OR_NONE,
        )
