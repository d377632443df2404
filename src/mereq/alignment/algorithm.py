"""Algorithm 1: collect a supervised rollout, improve the policy from all interventions so far, repeat."""

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from mereq.alignment.check import check_task
from mereq.alignment.coherent_imitation import CoherentImitation
from mereq.alignment.decision_learning import DecisionLearning
from mereq.alignment.divergence import refuse_divergence
from mereq.alignment.imitation_learning import InteractiveImitation
from mereq.alignment.method import Improver, Method, Progress
from mereq.alignment.robot_gated import gate_of, without_gate
from mereq.alignment.schedule import LearningSchedule, PolicyVersion, Resume, Sequential
from mereq.alignment.settings import AlignSettings
from mereq.alignment.takeover_learning import TakeoverLearning
from mereq.core.border import check_parts
from mereq.core.errors import WrongValue
from mereq.core.own_policy import protected
from mereq.core.policy import Policy
from mereq.core.ranges import COUNT, COUNT_OR_NONE, SHARE
from mereq.core.seeding import episode_seed
from mereq.core.simulator import Environment, close
from mereq.core.supervisor import Supervisor
from mereq.core.task import Task
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.supervision.interruption import interruption
from mereq.supervision.supervise import supervise

logger = logging.getLogger("mereq")


@dataclass(frozen=True)
class Round:
    """One round of Algorithm 1: a supervised rollout, and the policy that was learned from it."""

    index: int
    rollout: Rollout  # each step records the version of the policy that acted
    expert_steps: int  # expert samples of all rounds so far
    aligned: bool  # the intervention rate fell below the threshold: no update was needed
    theta: Float[np.ndarray, " features"]  # after the update
    policy: Policy  # after the update: the newest
    progress: tuple[Progress, ...]  # steps of the inner loop during this round
    seconds_waited: float  # between the end of this rollout and the new policy
    state: Callable[[], dict[str, np.ndarray]]  # what a resumed run needs; call it before the next round starts

    @property
    def intervention_rate(self) -> float:
        """Intervention rate lambda of this round's rollout. Alg. 1, l. 4."""
        return self.rollout.intervention_rate


Event = SupervisedStep | Progress | PolicyVersion | Round


def events(
    task: Task,
    prior: Policy,
    supervisor: Supervisor,
    method: Method,
    settings: AlignSettings,
    *,
    seed: int,
    n_rounds: int,
    rate_threshold: float,
    resume: Resume | None = None,
    learning: Callable[[Improver, Resume], LearningSchedule] = Sequential,
    environment: Environment | None = None,
) -> Generator[Event, None, None]:
    """Events of Algorithm 1: each supervised step, each step of the inner loop, each finished round.

    The run begins with `check_task`. Environments that it makes are closed when the generator ends.

    Args:
        task: the task, with its features.
        prior: the policy to start from; only its action distribution is used.
        supervisor: decides at each step whether to intervene.
        method: a row of Table 1, such as `MEREQ`.
        settings: the method's numbers, such as `mereq.fast(task)`.
        seed: seed of everything random.
        n_rounds: largest number of rounds.
        rate_threshold: delta; the run ends with the first round whose intervention rate is below delta. With 0, and
            with a robot-gated method, the run has all `n_rounds` rounds.
        resume: state of an interrupted run with the same arguments, which is continued exactly.
        learning: when the policy learns: `Sequential`, between rounds; or `Concurrent`, during supervision.
        environment: environment of the supervised rollouts; by default `task.make()`.

    Raises:
        LearnerDiverged: theta, or the parameters or the action distribution of a new policy, are not finite.
        WrongValue: a number is out of its range, or a robot-gated method is to learn during supervision.
    """
    resume = resume or Resume()
    _check_numbers(seed, n_rounds, rate_threshold)
    check_parts(task, supervisor)
    if not hasattr(method, "start"):
        raise WrongValue(f"The method is {method!r}. It must be one of mereq.METHODS, such as METHODS['mereq'].")
    log, waiting, gated = resume.log, list(resume.recorded), gate_of(method)
    if gated is not None:
        rate_threshold = 0.0  # the rate says how often the robot asked, and not how content the supervisor is
    if log.rollouts and log.rollouts[-1].intervention_rate < rate_threshold:
        return
    task, prior = task.seen_by(prior)
    with interruption.at_once():
        checked = check_task(task, prior, settings=_relied_on(method, settings))
    for tried in checked:
        if tried.verdict == "warn":
            logger.warning("%s: %s", tried.what, tried.words)
    improver = method.start(task, protected(prior, task.actions), settings, seed=seed)

    with ExitStack() as closing_all:
        learner = closing_all.enter_context(closing(learning(improver, resume)))
        if gated is not None and not isinstance(learner, Sequential):
            raise WrongValue(
                f"The method {method.name} decides before each round when it will ask, from the policy that acts then. "
                "It must learn between rounds: choose the schedule sequential."
            )
        gate = gated and gated.next_gate(task, settings, log, learner.policy, seed=seed)
        if environment is None:
            environment = task.make()
            closing_all.callback(close, environment)
        for index in range(len(log.rollouts), n_rounds):
            recorded = waiting.pop(0) if waiting else ()
            steps, progress = list(recorded), list[Progress]()
            if recorded:  # what the last step led to may not have been recorded
                yield from _collected(learner.after_step(log, steps), progress, steps[-1].obs[None])
            for step in supervise(  # l. 3
                environment,
                learner.acting,
                supervisor,
                settings.rollout_steps,
                episode_seed=partial(episode_seed, seed, index),
                task=task,
                recorded=recorded,
                n_episodes=settings.rollout_episodes,
                gate=gate,
            ):
                steps.append(step)
                yield step
                yield from _collected(learner.after_step(log, steps), progress, step.obs[None])
            rollout = Rollout.of(steps)
            log = log.append(rollout)
            aligned = rollout.intervention_rate < rate_threshold  # l. 4

            started = time.perf_counter()
            if not aligned:
                yield from _collected(learner.after_round(log, index), progress, rollout.obs)  # l. 6-11
            refuse_divergence(learner.policy, learner.theta, rollout.obs, f"in round {index}")
            if gated is not None:
                gate = gated.next_gate(task, settings, log, learner.policy, seed=seed)
            yield Round(
                index=index,
                rollout=rollout,
                expert_steps=log.expert_steps,
                aligned=aligned,
                theta=learner.theta.copy(),
                policy=learner.policy,
                progress=tuple(progress),
                seconds_waited=time.perf_counter() - started,
                state=learner.state,
            )
            if aligned:
                return


def _relied_on(method: Method, settings: AlignSettings) -> AlignSettings:
    """The settings as far as the method relies on them: many never start where the expert took over."""
    learner = without_gate(method)
    if not isinstance(learner, InteractiveImitation | TakeoverLearning | DecisionLearning | CoherentImitation):
        return settings
    return replace(settings, inference=replace(settings.inference, starts="episodes"))


def _check_numbers(seed: int, n_rounds: int, rate_threshold: float) -> None:
    """Refuse numbers that a run cannot have.

    Raises:
        WrongValue: a number is out of its range, or NaN.
    """
    for name, value, allowed in (
        ("seed", seed, COUNT_OR_NONE),
        ("n_rounds", n_rounds, COUNT),
        ("rate_threshold", rate_threshold, SHARE),
    ):
        if not allowed.holds(value) or (allowed.whole and isinstance(value, float)):
            raise WrongValue(f"A run's {name} must be {allowed.wanted_instead_of(value)}; it is {value!r}.")


def _collected(
    events: Iterable[Progress | PolicyVersion], progress: list[Progress], obs: Float[np.ndarray, "n obs"]
) -> Iterator[Progress | PolicyVersion]:
    """The same events; those that are `Progress` are appended to `progress`, and policies are checked before they act.

    Raises:
        LearnerDiverged: a published policy is not finite.
    """
    for event in events:
        if isinstance(event, PolicyVersion):
            refuse_divergence(event.policy, event.theta, obs, f"before policy {event.version} was published")
        if isinstance(event, Progress):
            progress.append(event)
        yield event
