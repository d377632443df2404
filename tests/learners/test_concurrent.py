"""Concurrent learning: policies are trained during supervision, and the record says which one acted when."""

import itertools
import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corridor_runs import PRIOR, QUICK, SETTINGS, corridor, expert, task_of
from mereq.alignment import IWR_FT, MEREQ
from mereq.alignment.algorithm import Round, events
from mereq.alignment.concurrent import Concurrent
from mereq.alignment.method import Progress
from mereq.alignment.schedule import PolicyVersion, Resume
from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import Decision
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.interventions.segments import demonstrated
from toys import EXPERT, POLICY

STEPS = 60  # of a round: five episodes of twelve, or fewer that end early


@dataclass
class Schooled:
    """A method whose improvements end when the test says so; its policies and states are told apart by a number."""

    name: str = "schooled"

    def __post_init__(self):
        self.logs: list[InterventionLog] = []
        self.rounds: list[int] = []
        self.restored: list[int] = []
        self.made, self.theta, self.policy = 0, np.zeros(3), PRIOR
        self.may_end = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)  # state() is asked for after an improvement
        self.fail: Exception | None = None

    def start(self, task, prior, settings, *, seed):
        return self

    def improve(self, log, iteration):
        self.logs.append(log)
        self.rounds.append(iteration)
        yield Progress(0, 2, self.theta, np.ones(3), float("nan"))
        self.may_end.acquire()
        if self.fail:
            raise self.fail
        self.made += 1
        self.theta = np.full(3, float(self.made))
        self.policy = LogitsPolicy(PRIOR.logits, 3)

    def state(self):
        self.ended.release()
        return {"made": np.array(self.made)}

    def restore(self, state):
        self.made = int(state["made"])
        self.restored.append(self.made)

    def let_end(self, n: int = 1) -> None:
        self.may_end.release(n)


class Whims:
    """Intervenes at the steps of its list, takes back at others, and does something at each step."""

    def __init__(self, intervenes=lambda n: True, retracts=lambda n: False, at_step=lambda n: None):
        self.intervenes, self.retracts, self.at_step, self.n = intervenes, retracts, at_step, -1

    def begin_episode(self, seed) -> None: ...

    def decide(self, context) -> Decision:
        if context.recorded_decision:
            return context.recorded_decision
        self.n += 1
        self.at_step(self.n)
        who = EXPERT if self.intervenes(self.n) else POLICY
        return Decision(who, context.proposed, self.retracts(self.n))


def stream(method, supervisor, *, rounds=2, resume=None, steps=STEPS, rate_threshold=0.0):
    return events(
        task_of(), PRIOR, supervisor, method, replace(SETTINGS, rollout_steps=steps),
        seed=0, n_rounds=rounds, rate_threshold=rate_threshold, resume=resume, learning=Concurrent,
    )  # fmt: skip


def learners() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "mereq learner"]


def whole_episodes(log: InterventionLog) -> bool:
    """Whether the last rollout ends with an episode, or is a whole round."""
    last = log.rollouts[-1]
    return len(last) == STEPS or bool(last.terminated[-1] | last.truncated[-1])


@settings(deadline=None, max_examples=25)
@given(released=st.sets(st.integers(0, 2 * STEPS - 1)), waits=st.booleans())
def test_a_step_says_which_policy_acted(released, waits):
    """Whenever improvements end: an episode has the newest version that was published before it, from start to end."""
    method = Schooled()

    def at_step(n: int) -> None:
        if n in released:
            method.let_end()
            if waits:
                time.sleep(0.003)  # now and then enough for the policy to be published at once

    newest, rollouts, versions = 0, [], []
    running = stream(method, Whims(at_step=at_step))
    for event in running:
        if isinstance(event, PolicyVersion):
            assert event.version == newest + 1
            assert event.theta[0] == event.version
            newest = event.version
        elif isinstance(event, SupervisedStep):
            if event.step == 0:
                acts = newest
            assert event.version == acts
            versions.append(event.version)
        elif isinstance(event, Round):
            rollouts.append(event.rollout)
            assert event.theta[0] == newest
            assert event.state() == {"made": newest}
            assert event.policy is PRIOR or newest > 0
            if event.index == 1:
                method.let_end(100)
    assert len(versions) == 2 * STEPS
    np.testing.assert_array_equal(np.concatenate([rollout.version for rollout in rollouts]), versions)
    assert learners() == []
    assert all(whole_episodes(log) for log in method.logs)
    assert method.rounds == list(range(len(method.logs)))


def until(running, kind) -> list:
    """Events up to the first one of a kind."""
    seen = []
    for event in running:
        seen.append(event)
        if isinstance(event, kind):
            return seen
    raise AssertionError(f"no {kind.__name__} came")


def test_what_was_made_acts_from_the_next_episode_on():
    method = Schooled()
    method.let_end(10**6)
    running = stream(method, Whims(at_step=lambda n: time.sleep(0.001)), rounds=10**6)
    until(running, PolicyVersion)
    after = list(itertools.islice((e for e in running if isinstance(e, SupervisedStep)), 200))
    assert max(step.version for step in after) >= 1
    running.close()
    assert learners() == []


def test_nothing_is_learned_without_interventions():
    method = Schooled()
    first = list(stream(method, Whims(intervenes=lambda n: False)))
    assert [type(e) for e in first if not isinstance(e, SupervisedStep)] == [Round, Round]
    assert method.logs == []


def test_an_aligned_round_ends_the_run():
    method = Schooled()
    *_, last = stream(method, Whims(intervenes=lambda n: False), rate_threshold=0.1, rounds=5)
    assert (last.index, last.aligned) == (0, True)
    assert learners() == []


def test_what_goes_wrong_in_the_thread_is_raised_where_the_steps_are():
    method = Schooled()
    method.fail = ZeroDivisionError("the learner's")
    method.let_end()
    with pytest.raises(ZeroDivisionError, match="the learner's"):
        list(stream(method, Whims(at_step=lambda n: time.sleep(0.001)), rounds=10**6))
    assert learners() == []


def test_closing_the_stream_ends_the_thread():
    method = Schooled()
    running = stream(method, Whims(at_step=lambda n: time.sleep(0.001)), rounds=10**6)
    until(running, Progress)
    assert len(learners()) == 1
    method.let_end()
    running.close()
    assert learners() == []


def test_what_was_learned_from_a_mistake_is_forgotten():
    """Taken back in the round in which it was learned from: the state from before that round comes back."""
    method, mistaken = Schooled(), threading.Event()
    method.let_end(10**6)
    supervisor = Whims(intervenes=lambda n: n == 2, retracts=lambda n: mistaken.is_set() and not taken.append(n))
    taken: list[int] = []
    running = stream(method, supervisor, rounds=10**6, steps=10**6)
    until(running, PolicyVersion)
    assert [int(demonstrated(log.rollouts[-1]).sum()) for log in method.logs] == [1]
    mistaken.set()
    next(running)
    mistaken.clear()
    assert method.restored == []
    until(running, PolicyVersion)
    running.close()
    assert method.restored == [0]
    assert [int(demonstrated(log.rollouts[-1]).sum()) for log in method.logs] == [1, 0]
    assert method.logs[-1].expert_steps == 1  # it was an effort nevertheless


SHORT = replace(QUICK, rollout_steps=STEPS)


@pytest.mark.parametrize("method", [MEREQ, IWR_FT], ids=lambda method: method.name)
def test_methods_learn_behind(method):
    """Real methods: they improve more than once a round, and each version is another policy."""

    class Slow:
        def __init__(self):
            self.expert, self.begin_episode = (it := expert()), it.begin_episode

        def decide(self, context):
            time.sleep(0.002)
            return self.expert.decide(context)

    running = events(
        task_of(), PRIOR, Slow(), method, SHORT, seed=0, n_rounds=10**6, rate_threshold=0.0, learning=Concurrent
    )
    made = []
    for event in running:
        if isinstance(event, PolicyVersion):
            made.append(event)
            if len(made) == 3:
                break
    running.close()
    assert [each.version for each in made] == [1, 2, 3]
    assert made[0].learned_from < made[1].learned_from < made[2].learned_from
    obs = np.eye(2 * corridor().length, dtype=np.float32)
    tables = [each.policy.distribution(obs).log_probs for each in made]
    assert all((one != other).any() for one, other in itertools.pairwise(tables))
    assert learners() == []


def test_an_improver_remembers_each_step_once():
    """A log that grows within a round, and over its border; what is remembered is part of the state."""
    improver = MEREQ.start(task_of(), PRIOR, SHORT, seed=0)
    steps = [e for e in stream(Schooled(), Whims(intervenes=lambda n: False)) if isinstance(e, SupervisedStep)]
    first, second = steps[:STEPS], steps[STEPS:]
    for log in (
        (first[:12],), (first[:36],), (first, second[:12]), (first, second[:24])
    ):  # fmt: skip
        improver._remember(InterventionLog(tuple(Rollout.of(part) for part in log)))
    saved = improver.state()
    assert int(saved["remembered"]) == int(saved["replay.added"]) == STEPS + 24
    np.testing.assert_array_equal(
        saved["replay.obs"], np.array([step.obs for step in [*first, *second[:24]]], np.float32)
    )
    again = MEREQ.start(task_of(), PRIOR, SHORT, seed=0)
    again.restore(saved)
    again._remember(InterventionLog((Rollout.of(first), Rollout.of(second[:30]))))
    assert int(again.state()["replay.added"]) == STEPS + 30


def test_a_resumed_run_goes_on_with_its_versions():
    """The unfinished episode resumes with its own policy, the next one has the newest; versions continue."""
    first = Schooled()
    running = stream(first, Whims(), rounds=1)
    steps = list(itertools.islice((e for e in running if isinstance(e, SupervisedStep)), 16))
    first.let_end(100)
    running.close()
    assert steps[-1].episode == 1
    recorded = tuple(s._replace(version=3 * (s.episode == 1)) for s in steps)
    published = tuple(
        PolicyVersion(number, LogitsPolicy(PRIOR.logits, 3), np.full(3, float(number)), 12, 0.0) for number in (3, 5)
    )
    second = Schooled()
    second.let_end(100)
    supervisor = Whims(at_step=lambda n: time.sleep(0.002))
    running = stream(second, supervisor, rounds=1, resume=Resume(recorded=(recorded,), published=published))
    rest, newest, acts = list(running), 5, 3
    for event in rest:
        if isinstance(event, PolicyVersion):
            assert event.version == newest + 1
            newest += 1
        elif isinstance(event, SupervisedStep):
            acts = newest if event.step == 0 else acts
            assert event.version == acts
    asked = [event for event in rest if isinstance(event, SupervisedStep)]
    assert len(asked) == supervisor.n + 1 == STEPS - len(recorded)
    assert asked[0].version == 3
    assert second.rounds[:1] == [5]
