"""Alignment from recorded interventions: the events of a run whose supervision has already happened."""

import time
from collections.abc import Generator, Sequence

from mereq.alignment.algorithm import Event, Round
from mereq.alignment.handback import AtHandback
from mereq.alignment.method import Improver, Progress
from mereq.alignment.schedule import Resume
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep


def replayed(rounds: Sequence[Sequence[SupervisedStep]], improver: Improver) -> Generator[Event, None, None]:
    """Events of recorded rounds: each step, and what the improver learns at each handback.

    What is inferred is what a run with these very steps infers. The policies that proposed them need not be known.
    """
    learner, log = AtHandback(improver, Resume()), InterventionLog()
    for index, recorded in enumerate(rounds):
        steps, progress = list[SupervisedStep](), list[Progress]()
        for step in recorded:
            steps.append(step)
            yield step
            for event in learner.after_step(log, steps):
                progress += [event] if isinstance(event, Progress) else []
                yield event
        log = log.append(Rollout.of(steps))
        started = time.perf_counter()
        for event in learner.after_round(log, index):
            progress += [event] if isinstance(event, Progress) else []
            yield event
        yield Round(
            index=index,
            rollout=log.rollouts[-1],
            expert_steps=log.expert_steps,
            aligned=False,
            theta=learner.theta.copy(),
            policy=learner.policy,
            progress=tuple(progress),
            seconds_waited=time.perf_counter() - started,
            state=learner.state,
        )
