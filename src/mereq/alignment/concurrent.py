"""Zero wait: a thread of its own improves the policy while supervision goes on.

Whenever an episode is over and the supervisor has intervened, the learner goes on from all interventions so far. A
policy that it has made is published between two steps, and acts from the next episode on; no episode has two policies.
What the supervised side and the learner share are values: logs and policies, which nobody writes into. The prior is
asked by both at once.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from queue import SimpleQueue

import numpy as np
from jaxtyping import Float

from mereq.alignment.method import Improver, Progress
from mereq.alignment.schedule import PolicyVersion, Resume
from mereq.core.policy import Policy
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.interventions.segments import demonstrated

State = dict[str, np.ndarray]


class Concurrent:
    """Learns from finished episodes while the next ones are supervised; nobody waits.

    Made from an interrupted run, it goes on with the policies that were published, and learns on from the last state.
    """

    def __init__(self, improver: Improver, resume: Resume):
        first = PolicyVersion(0, improver.policy, improver.theta.copy(), learned_from=0, seconds=0.0)
        if resume.state is not None:
            improver.restore(resume.state)
        self._published = {each.version: each for each in (first, *resume.published)}
        self._newest = self._published[max(self._published)]
        self._state = improver.state()
        self._student = _Student(improver, self._newest.version)

    @property
    def policy(self) -> Policy:
        """The newest policy that was published."""
        return self._newest.policy

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """That it follows."""
        return self._newest.theta

    def acting(self, version: int | None) -> tuple[int, Policy]:
        """The newest policy; or the one that has acted before an interruption."""
        chosen = self._newest if version is None else self._published[version]
        return chosen.version, chosen.policy

    def during(self, log: InterventionLog, steps: Sequence[SupervisedStep]) -> Iterator[Progress | PolicyVersion]:
        """What the learner has done meanwhile. It is given the round so far when an episode is over."""
        if steps[-1].terminated or steps[-1].truncated:
            self._student.learn_from(log.append(Rollout.of(steps)))
        yield from self._news()

    def after(self, log: InterventionLog, iteration: int) -> Iterator[Progress | PolicyVersion]:
        """The same at the end of a round, whose last episode may have been cut. Nothing is waited for."""
        self._student.learn_from(log)
        yield from self._news()

    def state(self) -> State:
        """That of the learner when it had made the newest policy."""
        return self._state

    def close(self) -> None:
        """Stop the learner after the step that it is at."""
        self._student.stop()

    def _news(self) -> Iterator[Progress | PolicyVersion]:
        for event, state in self._student.news():
            yield event
            if isinstance(event, PolicyVersion):  # it is stored by now, so it may act
                self._newest, self._state = event, state


class _Student:
    """The thread: it owns the improver, takes logs and gives events."""

    def __init__(self, improver: Improver, version: int):
        self._improver, self._version = improver, version
        self._learned = InterventionLog()  # from what
        self._before: State = {}  # the round that was learned from last
        self._logs = SimpleQueue[InterventionLog | None]()
        self._events = SimpleQueue[tuple[Progress | PolicyVersion, State] | BaseException]()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mereq learner", daemon=True)
        self._thread.start()

    def learn_from(self, log: InterventionLog) -> None:
        """From the newest log, once the improvement is done that the learner is at."""
        self._logs.put(log)

    def news(self) -> Iterator[tuple[Progress | PolicyVersion, State]]:
        """What has happened since; with a new policy, the state that it was made in. Raises what the thread raised."""
        while not self._events.empty():
            event = self._events.get()
            if isinstance(event, BaseException):
                raise event
            yield event

    def stop(self) -> None:
        """Wait for the end of the thread."""
        self._stopping.set()
        self._logs.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while (log := self._newest_log()) is not None and not self._stopping.is_set():
                if self._has_news(log):
                    self._improve(log)
        except BaseException as error:
            self._events.put(error)

    def _newest_log(self) -> InterventionLog | None:
        log = self._logs.get()
        while not self._logs.empty():
            log = self._logs.get()
        return log

    def _has_news(self, log: InterventionLog) -> bool:
        intervened = any(part.expert_steps for part in log.after(self._learned.steps))
        return intervened or _taken_back(self._learned, log)

    def _improve(self, log: InterventionLog) -> None:
        started = time.perf_counter()
        if _taken_back(self._learned, log):
            self._improver.restore(self._before)  # what was learned from a mistake is forgotten
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
        )
        self._events.put((published, self._improver.state()))


def _taken_back(before: InterventionLog, now: InterventionLog) -> bool:
    """Whether an intervention has been taken back since: only one of the round that was the last one then."""
    if not before.rollouts:
        return False
    last = len(before.rollouts) - 1
    shown = demonstrated(before.rollouts[last])
    return not np.array_equal(shown, demonstrated(now.rollouts[last])[: len(shown)])
