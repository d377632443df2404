"""Algorithm 1: collect a supervised rollout, improve the policy from all interventions so far, repeat."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from jaxtyping import Float

from mereq.align.method import Method, Progress
from mereq.align.settings import AlignSettings
from mereq.core.policy import Policy
from mereq.core.seeding import episode_seed
from mereq.core.supervisor import Supervisor
from mereq.core.task import Task
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.supervision.supervise import supervise


@dataclass(frozen=True)
class Iteration:
    """One round of Algorithm 1: a supervised rollout, and the policy that was made from it."""

    index: int
    rollout: Rollout  # collected with the policy of the round before
    expert_steps: int  # expert samples of all rounds so far
    aligned: bool  # the intervention rate fell below the threshold: no update was needed
    theta: Float[np.ndarray, " features"]  # after the update
    policy: Policy  # after the update
    progress: tuple[Progress, ...]  # the update, step by step
    seconds_waited: float  # between the end of this rollout and the new policy
    state: Callable[[], dict[str, np.ndarray]]  # what a resumed run needs; ask before the next round starts

    @property
    def intervention_rate(self) -> float:
        """lambda of this round's rollout. Alg. 1, l. 4."""
        return self.rollout.intervention_rate


@dataclass(frozen=True)
class Resume:
    """Where an interrupted run stands."""

    log: InterventionLog = field(default_factory=InterventionLog)  # complete rounds
    state: dict[str, np.ndarray] | None = None  # of the last complete round
    recorded: tuple[tuple[SupervisedStep, ...], ...] = ()  # steps of the rounds after it; the last may be unfinished


Event = SupervisedStep | Progress | Iteration


def align(task: Task, prior: Policy, supervisor: Supervisor, method: Method, settings: AlignSettings, **how):
    """Align a prior policy with what a supervisor wants: Algorithm 1, one `Iteration` after another.

    Takes the keywords of `events`, which this is without the events inside a round.
    """
    return (e for e in events(task, prior, supervisor, method, settings, **how) if isinstance(e, Iteration))


def events(
    task: Task,
    prior: Policy,
    supervisor: Supervisor,
    method: Method,
    settings: AlignSettings,
    *,
    seed: int,
    n_iterations: int,
    rate_threshold: float,
    resume: Resume | None = None,
) -> Iterator[Event]:
    """Algorithm 1 as a stream: each supervised step, each step of the inner loop, each finished round.

    Args:
        task: what is done, and its features.
        prior: the policy to start from; it needs to tell its action distribution, nothing else.
        supervisor: who watches and intervenes.
        method: a row of Table 1, such as `MEREQ`.
        settings: its numbers, such as `presets.ALIGN["highway"]["fast"]`.
        seed: everything random follows from it.
        n_iterations: most rounds.
        rate_threshold: delta; the run ends with the first round whose intervention rate is below it. 0 never ends.
        resume: continue an interrupted run of the same arguments, exactly.
    """
    resume = resume or Resume()
    improver = method.start(task, prior, settings, seed=seed)
    if resume.state is not None:
        improver.restore(resume.state)
    log, waiting = resume.log, list(resume.recorded)
    if log.rollouts and log.rollouts[-1].intervention_rate < rate_threshold:
        return
    environment = task.make()

    for index in range(len(log.rollouts), n_iterations):
        recorded = waiting.pop(0) if waiting else ()
        steps = list(recorded)
        for step in supervise(  # l. 3
            environment,
            improver.policy,
            supervisor,
            settings.rollout_steps,
            episode_seed=partial(episode_seed, seed, index),
            feature_names=task.feature_names,
            recorded=recorded,
        ):
            steps.append(step)
            yield step
        rollout = Rollout.of(steps)
        log = log.append(rollout)
        aligned = rollout.intervention_rate < rate_threshold  # l. 4

        started = time.perf_counter()
        progress = []
        if not aligned:
            for moment in improver.improve(log, index):  # l. 6-11
                progress.append(moment)
                yield moment
        yield Iteration(
            index=index,
            rollout=rollout,
            expert_steps=log.expert_steps,
            aligned=aligned,
            theta=improver.theta.copy(),
            policy=improver.policy,
            progress=tuple(progress),
            seconds_waited=time.perf_counter() - started,
            state=improver.state,
        )
        if aligned:
            return
