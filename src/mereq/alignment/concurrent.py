"""Concurrent learning: a separate thread improves the policy during supervision, so the supervisor never waits.

When an episode ends and the supervisor has intervened in it, the learner continues from all interventions so far. A new
policy is published between two steps and acts from the next episode on; no episode has two policies. The supervised
side and the learner share immutable values only: logs and policies. Both evaluate the prior, possibly at the same time.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from queue import SimpleQueue

import numpy as np
from jaxtyping import Float

from mereq.alignment.method import Improver, Progress, belief_of
from mereq.alignment.schedule import PolicyVersion, Resume
from mereq.core.policy import Policy
from mereq.core.simulator import close
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.interventions.segments import demonstrated

State = dict[str, np.ndarray]


class Concurrent:
    """Learning schedule that learns from finished episodes while the next ones are supervised.

    For a resumed run, the published policies act again, and learning continues from the last state.
    """

    def __init__(self, improver: Improver, resume: Resume):
        first = PolicyVersion.first(improver)
        if resume.state is not None:
            improver.restore(resume.state)
        published = {each.version: each for each in (first, *resume.published)}
        self._newest = published[max(published)]
        unfinished = next((steps[-1].version for steps in resume.recorded[-1:]), self._newest.version)
        self._acting = published.get(unfinished, self._newest)
        self._state = improver.state()
        self._improver = improver
        self._learner = _LearnerThread(improver, self._newest.version)

    @property
    def policy(self) -> Policy:
        """The newest published policy."""
        return self._newest.policy

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """Inferred reward weights of the newest published policy."""
        return self._newest.theta

    def acting(self, version: int | None) -> tuple[int, Policy]:
        """Version and policy of the next step: the newest begins an episode, and acts until its end."""
        if version is None:
            self._acting = self._newest
        return self._acting.version, self._acting.policy

    def after_step(self, log: InterventionLog, steps: Sequence[SupervisedStep]) -> Iterator[Progress | PolicyVersion]:
        """Events of the learner since the last call. At the end of an episode the learner receives the round so far."""
        if steps[-1].terminated or steps[-1].truncated:
            self._learner.learn_from(log.append(Rollout.of(steps)))
        yield from self._events()

    def after_round(self, log: InterventionLog, iteration: int) -> Iterator[Progress | PolicyVersion]:
        """Events of the learner since the last call. The learner receives the round, and is not waited for."""
        self._learner.learn_from(log)
        yield from self._events()

    def state(self) -> State:
        """State of the improver when it published the newest policy."""
        return self._state

    def close(self) -> None:
        """Stop the learner after its present step, and close the improver's simulators."""
        self._learner.stop()
        close(self._improver)

    def _events(self) -> Iterator[Progress | PolicyVersion]:
        for event, state in self._learner.events():
            yield event
            if isinstance(event, PolicyVersion):  # the consumer has stored it by now, so it may act
                self._newest, self._state = event, state


class _LearnerThread:
    """Thread that owns the improver, receives logs and produces events."""

    def __init__(self, improver: Improver, version: int):
        self._improver, self._version = improver, version
        self._learned = InterventionLog()  # the log of the last finished improvement
        self._before: State = {}  # state before the round that was learned from last
        self._logs = SimpleQueue[InterventionLog | None]()
        self._events = SimpleQueue[tuple[Progress | PolicyVersion, State] | BaseException]()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mereq learner", daemon=True)
        self._thread.start()

    def learn_from(self, log: InterventionLog) -> None:
        """Queue a log. The learner takes the newest one when its present improvement is finished."""
        self._logs.put(log)

    def events(self) -> Iterator[tuple[Progress | PolicyVersion, State]]:
        """Events since the last call, a new policy with the improver's state. An error of the thread is raised here."""
        while not self._events.empty():
            event = self._events.get()
            if isinstance(event, BaseException):
                raise event
            yield event

    def stop(self) -> None:
        """Stop the thread, and wait for its end."""
        self._stopping.set()
        self._logs.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while (log := self._newest_log()) is not None and not self._stopping.is_set():
                if self._is_informative(log):
                    self._improve(log)
        except BaseException as error:
            self._events.put(error)

    def _newest_log(self) -> InterventionLog | None:
        log = self._logs.get()
        while not self._logs.empty():
            log = self._logs.get()
        return log

    def _is_informative(self, log: InterventionLog) -> bool:
        """Whether the log differs from the last one by an intervention or by a retraction."""
        intervened = any(part.expert_steps for part in log.after(self._learned.steps))
        return intervened or _has_retraction(self._learned, log)

    def _improve(self, log: InterventionLog) -> None:
        started = time.perf_counter()
        if _has_retraction(self._learned, log):
            self._improver.restore(self._before)  # the round is learned again without the retracted intervention
        if len(log.rollouts) > len(self._learned.rollouts):
            self._before = self._improver.state()
        for step in self._improver.improve(log, self._version):
            self._events.put((step, {}))
            if self._stopping.is_set():
                return
        self._learned, self._version = log, self._version + 1
        published = PolicyVersion(
            version=self._version,
            policy=self._improver.policy,
            theta=self._improver.theta.copy(),
            learned_from=log.steps,
            seconds=time.perf_counter() - started,
            belief=belief_of(self._improver),
        )
        self._events.put((published, self._improver.state()))


def _has_retraction(before: InterventionLog, now: InterventionLog) -> bool:
    """Whether an intervention of `before` was retracted since. Only its last round can have one."""
    if not before.rollouts:
        return False
    last = len(before.rollouts) - 1
    mask = demonstrated(before.rollouts[last])
    return not np.array_equal(mask, demonstrated(now.rollouts[last])[: len(mask)])
