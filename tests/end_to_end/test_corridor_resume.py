"""Algorithm 1 in the corridor, interrupted at every kind of instant: what comes after is bit-equal."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from corridor_runs import HORIZON, IMITATION, PRIOR, QUICK, expert, run, task_of
from mereq import align
from mereq.alignment import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP
from mereq.alignment.algorithm import Resume, Round, events
from mereq.alignment.method import Progress
from mereq.alignment.settings import AlignSettings
from mereq.core.supervisor import Supervisor
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.supervision.noise import Noisy, RandomOther
from toys import EXPERT, NeverTakesOver


@dataclass
class Tape:
    """A run as a store would see it: each event, and after each round its state."""

    events: list
    states: list[dict[str, np.ndarray]]

    def until(self, n_events: int, *, states_kept: int | None = None) -> Resume:
        """What a store holds after so many events; of the states only the first few, if some were not written."""
        seen = self.events[:n_events]
        rounds = [e for e in seen if isinstance(e, Round)]
        kept = rounds if states_kept is None else rounds[:states_kept]
        steps = [e for e in seen if isinstance(e, SupervisedStep)]
        per_round = [tuple(steps[i : i + QUICK.rollout_steps]) for i in range(0, len(steps), QUICK.rollout_steps)]
        return Resume(
            log=InterventionLog(tuple(Rollout.of(part) for part in per_round[: len(kept)])),
            state=self.states[len(kept) - 1] if kept else None,
            recorded=tuple(per_round[len(kept) :]),
        )


@dataclass(frozen=True)
class Variant:
    """What a run is made of."""

    method: object
    settings: AlignSettings
    supervisor: Callable[[], Supervisor] = expert


def tape(variant: Variant, resume: Resume | None = None) -> Tape:
    how = {"seed": 1, "n_rounds": 3, "rate_threshold": 0.0, "resume": resume}
    recorded = Tape([], [])
    for event in events(task_of(), PRIOR, variant.supervisor(), variant.method, variant.settings, **how):
        recorded.events.append(event)
        if isinstance(event, Round):
            recorded.states.append({name: array.copy() for name, array in event.state().items()})
    return recorded


def assert_same(one, other) -> None:
    """Bit-equal events."""
    assert type(one) is type(other)
    match one:
        case SupervisedStep():
            for a, b in zip(one, other, strict=True):
                np.testing.assert_array_equal(a, b)
        case Progress():
            assert (one.step, one.of) == (other.step, other.of)
            np.testing.assert_array_equal(
                [*one.theta, *one.gradient, one.loss], [*other.theta, *other.gradient, other.loss]
            )
        case Round():
            assert (one.index, one.expert_steps, one.aligned) == (other.index, other.expert_steps, other.aligned)
            np.testing.assert_array_equal(one.theta, other.theta)
            for here, there in zip(one.policy.q, other.policy.q, strict=True):
                np.testing.assert_array_equal(here.weight, there.weight)
                np.testing.assert_array_equal(here.bias, there.bias)
            for name, column in vars(one.rollout).items():
                np.testing.assert_array_equal(column, getattr(other.rollout, name))


SEGMENTS = replace(QUICK, inference=replace(QUICK.inference, starts="segments", acting="sampled"))
SMALL = replace(QUICK, reprice=False, persistent=False, replay_capacity=500)
VARIANTS = {
    "mereq": Variant(MEREQ, QUICK),
    "mereq, segments, sampled": Variant(MEREQ, SEGMENTS),
    "mereq-np, stale rewards, fresh Q_R, full replay": Variant(MEREQ_NP, SMALL),
    "maxent-ft, segments, sampled": Variant(MAXENT_FT, SEGMENTS),
    "maxent, stale rewards, fresh Q, full replay": Variant(MAXENT, SMALL),
    "hg-dagger-ft": Variant(HG_DAGGER_FT, QUICK),
    "iwr-ft, noisy expert": Variant(IWR_FT, QUICK, lambda: Noisy(expert(), RandomOther(3), probability=0.3)),
    "maxent-ft-pseudo, fresh Q": Variant(MAXENT_FT_PSEUDO, replace(QUICK, persistent=False)),
}


@pytest.fixture(scope="module", params=VARIANTS.values(), ids=VARIANTS)
def variant(request):
    return request.param, tape(request.param)


def after_round(whole: Tape, index: int) -> int:
    """Number of events up to the end of a round."""
    return next(n for n, e in enumerate(whole.events) if isinstance(e, Round) and e.index == index) + 1


CUTS = {
    "in the middle of the first episode": lambda whole: 5,
    "between two rounds": lambda whole: after_round(whole, 0),
    "in the middle of an episode of the second round": lambda whole: after_round(whole, 0) + 3 * HORIZON + 7,
    "between two episodes": lambda whole: after_round(whole, 0) + 4 * HORIZON,
    "at the end of the second rollout, or in the update": lambda whole: after_round(whole, 0) + QUICK.rollout_steps,
    "after two rounds": lambda whole: after_round(whole, 1),
}


def resumed_equals(whole: Tape, variant: Variant, resume: Resume) -> None:
    """All that comes after the resumed point is bit-equal; what is done again comes out as before."""
    rest = tape(variant, resume)
    recorded = sum(len(part) for part in resume.recorded) + sum(len(r) for r in resume.log.rollouts)
    done = len(resume.log.rollouts)
    expected = [e for e in whole.events if not isinstance(e, SupervisedStep)]
    expected = expected[sum(len(e.progress) + 1 for e in expected if isinstance(e, Round) and e.index < done) :]
    steps = [e for e in whole.events if isinstance(e, SupervisedStep)][recorded:]
    for one, other in [
        ([e for e in rest.events if isinstance(e, SupervisedStep)], steps),
        ([e for e in rest.events if not isinstance(e, SupervisedStep)], expected),
    ]:
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    for state, before in zip(rest.states, whole.states[done:], strict=True):
        assert state.keys() == before.keys()
        for name in state:
            np.testing.assert_array_equal(state[name], before[name], err_msg=name)


@pytest.mark.parametrize("cut", CUTS)
def test_resume_is_exact(variant, cut):
    """N + kill + N equals 2N: steps, theta, loss, parameters, optimiser and replay, wherever the run was cut."""
    how, whole = variant
    resumed_equals(whole, how, whole.until(CUTS[cut](whole)))


def test_a_round_whose_state_was_not_written_is_updated_again(variant):
    """The steps of both rounds are there, the state of the first only, or of neither: the people's work is not lost."""
    how, whole = variant
    in_the_third = after_round(whole, 1) + 2 * HORIZON + 5
    for states_kept in (1, 0):
        resume = whole.until(in_the_third, states_kept=states_kept)
        assert [len(part) for part in resume.recorded][-1] == 2 * HORIZON + 5
        resumed_equals(whole, how, resume)


def test_a_finished_run_stays_finished(variant):
    how, whole = variant
    assert tape(how, whole.until(len(whole.events))).events == []


def test_an_aligned_run_stays_aligned():
    """Resumed after the round that ended it, a run has nothing left to do, though it may have rounds to spare."""
    settings = replace(QUICK, inference=replace(QUICK.inference, max_updates=1))
    first = run(settings=settings, supervisor=NeverTakesOver())
    assert [iteration.aligned for iteration in first] == [True]
    resume = Resume(log=InterventionLog((first[0].rollout,)), state=first[0].state())
    assert run(settings=settings, supervisor=NeverTakesOver(), resume=resume) == []


@pytest.mark.parametrize("persistent", [True, False])
def test_the_residual_q_function_lives_on_or_starts_anew(persistent):
    """persistent=False: each round ends with a Q_R that has seen that round's updates only (Adam counts them)."""
    settings = replace(QUICK, persistent=persistent)
    counts = []
    for iteration in align(task_of(), PRIOR, expert(), MEREQ, settings, seed=0, n_rounds=3, rate_threshold=0.0):
        (count,) = (array for name, array in iteration.state().items() if name.endswith(".count"))
        counts.append(int(count))
    assert counts == ([100, 200, 300] if persistent else [100] * 3)


def test_the_run_under_test_can_fail(variant):
    """Rounds differ from each other, people intervened, and theta or the clone moved: equality says something."""
    how, whole = variant
    first, second, third = (e for e in whole.events if isinstance(e, Round))
    assert first.expert_steps > 0
    assert (how.method in IMITATION) == np.array_equal(first.theta, second.theta)
    assert not np.array_equal(second.policy.q[0].weight, third.policy.q[0].weight)
    assert not np.array_equal(first.rollout.obs, second.rollout.obs)
    assert any(s.controller is EXPERT for s in whole.events if isinstance(s, SupervisedStep))


def test_a_state_that_was_asked_for_does_not_change_afterwards():
    """A consumer may keep `iteration.state()` in memory while the run goes on, also with a full replay."""
    settings, kept, copies = replace(QUICK, replay_capacity=300), [], []
    for iteration in align(task_of(), PRIOR, expert(), MEREQ, settings, seed=0, n_rounds=2, rate_threshold=0.0):
        kept.append(iteration.state())
        copies.append({name: array.copy() for name, array in kept[-1].items()})
    for state, copy in zip(kept, copies, strict=True):
        for name in state:
            np.testing.assert_array_equal(state[name], copy[name], err_msg=name)
