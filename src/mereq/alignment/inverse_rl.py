"""Methods by inverse reinforcement learning: MEReQ, MEReQ-NP, MaxEnt-FT, MaxEnt. Section 5."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from mereq.alignment.method import Progress
from mereq.alignment.policy_start import PolicyStart, prior_parameters, random_parameters, residual
from mereq.alignment.settings import AlignSettings, Inference
from mereq.core.errors import IncompleteTask, UnknownName
from mereq.core.policy import Policy
from mereq.core.reward import LinearReward
from mereq.core.seeding import seed_for
from mereq.core.simulator import RewindableSimulator, close
from mereq.core.task import Task, checked_features
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.irl.ascent import direction
from mereq.irl.estimators import FromEpisodeStarts, FromSegmentStarts, GradientEstimator
from mereq.maxent_rl.replay import Replay, Transitions
from mereq.maxent_rl.simulator_training import LearnedPolicy, SimulatorTraining

MANY_STEPS = 50_000  # environment steps repeated in one update, of which a warning tells
LONG = 30.0  # seconds of repeated steps in one round, of which a warning tells
REMEDY = '. task_from_gymnasium(..., saving="state") repeats none; processes=N repeats them beside each other'
logger = logging.getLogger("mereq")


@dataclass(frozen=True)
class InverseRL:
    """Method that infers theta by gradient ascent on the interventions' likelihood, and learns a policy for theta . f.

    name: the method's name on the command line.
    policy_start: the first policy, and whether it keeps the prior's term (residual) or theta is the whole reward.
    pseudo_expert: whether the beginning of each policy segment counts as expert steps, section 5.3.
    """

    name: str
    policy_start: PolicyStart
    pseudo_expert: bool

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> "RewardImprover":
        """The improver of a new run, at theta = 0. Alg. 1, l. 1."""
        return RewardImprover(task, prior, settings, method=self, seed=seed)


MEREQ = InverseRL("mereq", residual, pseudo_expert=True)
MEREQ_NP = InverseRL("mereq-np", residual, pseudo_expert=False)
MAXENT_FT = InverseRL("maxent-ft", prior_parameters, pseudo_expert=False)
MAXENT = InverseRL("maxent", random_parameters, pseudo_expert=False)
MAXENT_FT_PSEUDO = InverseRL("maxent-ft-pseudo", prior_parameters, pseudo_expert=True)  # MEReQ without its prior term


class _Closest(NamedTuple):
    """Weights and learner of an inner loop at which the least is left to gain."""

    left: float = np.inf  # gradient times update: twice the gain that a quadratic approximation promises
    theta: Any = None
    learner: Any = None

    def or_closer(self, left: float, theta: Float[np.ndarray, " features"], learner: Any) -> "_Closest":
        """These, or the present ones if less is left to gain there."""
        return _Closest(left, theta, learner) if left < self.left else self


class RewardImprover:
    """Inner loop of Algorithm 1: an ascent step of theta, training with the reward theta . f, repeat.

    precision: of each weight's normal distribution around 0 before any evidence; None: of none of them. With it, a
        round keeps the weights and the policy at which the least is left to gain: an ascent of many weights circles
        around its goal.
    """

    def __init__(
        self,
        task: Task,
        prior: Policy,
        settings: AlignSettings,
        *,
        method: InverseRL,
        seed: int,
        precision: Float[np.ndarray, " features"] | None = None,
    ):
        self._precision = precision
        self._task, self._prior, self._settings, self._method, self._seed = task, prior, settings, method, seed
        self._kappa = settings.inference.kappa if method.pseudo_expert else 1.0
        self._weighed = weighed_features(task.feature_names, settings.inference.features)
        learner, state = method.policy_start(task, prior, settings, seed=seed)
        self._training = SimulatorTraining(
            learner=learner,
            state=state,
            replay=Replay(
                settings.replay_capacity,
                obs_size=task.state_size,
                actions=task.actions,
                n_features=len(task.feature_names),
                reprice=settings.reprice,
                n_prior_parameters=learner.n_prior_parameters,
            ),
            task=task,
            prior=prior,
            schedule=settings.schedule,
        )
        self._estimator = _estimator(task, settings.inference, seed)
        self._theta = np.zeros(len(task.feature_names))
        self._remembered = 0  # number of supervised steps in the replay

    @property
    def policy(self) -> LearnedPolicy:
        """pihat: the learner's present policy."""
        return self._training.policy()

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """theta_R; for a method without a prior term, the whole theta."""
        return self._theta

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Inner loop, step by step. Alg. 1, l. 6-11.

        The gradient compares the mean features of all expert steps so far with those of the current policy.
        """
        inference, training = self._settings.inference, self._training
        self._remember(log)
        expert_steps = self._estimator.observe(log, kappa=self._kappa)
        if expert_steps == 0:
            return
        if repeated := getattr(self._estimator, "repeated_steps", 0):
            seconds = repeated * self._estimator.seconds_a_step if isinstance(self._estimator, FromSegmentStarts) else 0
            long = repeated > MANY_STEPS or seconds * inference.max_updates > LONG
            logger.log(
                logging.WARNING if long else logging.INFO,
                "round %d: each of at most %d updates repeats about %d environment steps (%.1f s in one process), to "
                "bring states back%s",
                *(iteration, inference.max_updates, repeated, seconds, REMEDY if long else ""),
            )
        training.start_phase(self._seed, iteration)
        weighed = self._weighed
        pull = None if self._precision is None else self._precision[weighed] / expert_steps
        supervised = np.concatenate([rollout.features for rollout in log.rollouts])[:, weighed]
        closest = _Closest()
        for step in range(inference.max_updates):
            gradient = self._gradient(iteration, step, pull)
            progress = Progress(step, inference.max_updates, self._theta, gradient, training.loss)
            if progress.gradient_norm < inference.tolerance:
                yield progress
                return
            update = np.zeros_like(gradient)
            update[weighed] = direction(gradient[weighed], supervised, inference.ascent, pull)
            closest = closest.or_closer(float(gradient @ update), self._theta, training.state)
            if step == 0 and not self._settings.persistent:
                restart = seed_for(self._seed, "anew", iteration)
                _, training.state = self._method.policy_start(self._task, self._prior, self._settings, seed=restart)
            self._theta = self._theta + inference.step_size * update
            epsilon = self._settings.schedule.epsilon(step / inference.max_updates)
            training.train(self._settings.training_steps, LinearReward(self._theta), epsilon=epsilon)
            yield Progress(step, inference.max_updates, self._theta, gradient, training.loss)
        if pull is not None and inference.max_updates:
            gradient = self._gradient(iteration, inference.max_updates, pull)[weighed]
            left = float(gradient @ direction(gradient, supervised, inference.ascent, pull))
            _, self._theta, training.state = closest.or_closer(left, self._theta, training.state)

    def _gradient(
        self, iteration: int, step: int, pull: Float[np.ndarray, " weighed"] | None
    ) -> Float[np.ndarray, " features"]:
        """Gradient of the log-posterior per expert step, at the present weights and policy."""
        sampling = seed_for(self._seed, "expectation", iteration, step)
        gradient = np.where(self._weighed, self._estimator.gradient(self.policy, seed=sampling), 0.0)
        if pull is not None:
            gradient[self._weighed] -= pull * self._theta[self._weighed]
        return checked_features(gradient, self._task.feature_names)

    def _remember(self, log: InterventionLog) -> None:
        """Add the new supervised steps to the replay: dynamics do not depend on which controller acted."""
        for new in log.after(self._remembered):
            self._training.replay.add(transitions_of(new, self._task, self._training), LinearReward(self._theta))
        self._remembered = log.steps

    def state(self) -> dict[str, np.ndarray]:
        """State of learner, replay and theta, as named arrays."""
        return self._training.arrays() | {"theta": self._theta, "remembered": np.array(self._remembered)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        self._training.restore(state)
        self._theta, self._remembered = state["theta"].copy(), int(state["remembered"])

    def close(self) -> None:
        """Close the simulators of the training and of the estimator."""
        close(self._training, self._estimator)


def transitions_of(rollout: Rollout, task: Task, training: SimulatorTraining) -> Transitions:
    """Supervised steps as transitions of a training."""
    return Transitions(
        obs=task.state_of(rollout.obs),
        action=rollout.executed,
        next_obs=task.state_of(rollout.next_obs),
        features=rollout.features,
        terminated=rollout.terminated,
        prior=training.prior_parameters(rollout.obs),
        next_prior=training.prior_parameters(rollout.next_obs),
    )


def _estimator(task: Task, inference: Inference, seed: int) -> GradientEstimator:
    if inference.starts == "episodes":
        simulator = (task.simulate_supervised or task.simulate)(inference.sample_envs)
        return FromEpisodeStarts(simulator, inference.sample_length, inference.acting)
    simulator = task.simulate(inference.sample_envs)
    if not isinstance(simulator, RewindableSimulator):
        raise IncompleteTask(
            f"The simulator of the task {task.name} cannot start where the expert took over: it lacks "
            "`states_along` and `put`. Add them, or use settings.inference.starts = 'episodes'."
        )
    return FromSegmentStarts(simulator, inference.sample_length, inference.acting, run_seed=seed)


def weighed_features(names: tuple[str, ...], subset: tuple[str, ...] | None) -> Bool[np.ndarray, " features"]:
    """Mask of the features in f_R, "the non-zero weighted feature set" of section 3.2; by default all of them.

    Raises:
        UnknownName: the subset names a feature that the task does not have.
    """
    for name in subset or ():
        if name not in names:
            raise UnknownName("feature", name, names)
    return np.array([subset is None or name in subset for name in names])
