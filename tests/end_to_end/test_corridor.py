"""Algorithm 1 in the corridor: all methods from prior to aligned policy, and interrupted at every kind of instant."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from corridor_runs import (
    EXPERT_POLICY,
    HORIZON,
    LEFT,
    LENGTH,
    PRIOR,
    SETTINGS,
    all_observations,
    corridor,
    expert,
    inner,
    run,
    task_of,
)
from mereq.align import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP, align
from mereq.align.algorithm import Iteration, Resume, events
from mereq.align.method import Progress
from mereq.align.settings import AlignSettings, WarmStart
from mereq.align.warm_start import warm_start
from mereq.core.errors import IncompatibleRun, NonFiniteFeatures, UnknownName, WrongPolicyOutput
from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import Decision, Supervisor
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.supervision.noise import Noisy, RandomOther
from mereq.tasks.corridor import FORWARD, THETA_EXPERT, THETA_PRIOR, WAIT, Corridor
from mereq.tasks.gymnasium_task import GymnasiumSimulator
from toys import EXPERT, POLICY, Nobody

IMITATION = [HG_DAGGER_FT, IWR_FT]
INVERSE_RL = [MEREQ, MEREQ_NP, MAXENT_FT, MAXENT, MAXENT_FT_PSEUDO]
METHODS = pytest.mark.parametrize("method", [MEREQ, MEREQ_NP], ids=lambda m: m.name)
IMITATES = pytest.mark.parametrize("method", IMITATION, ids=lambda m: m.name)
INFERS = pytest.mark.parametrize("method", INVERSE_RL, ids=lambda m: m.name)


# ------------------------------------------------------------------------------------------------- it aligns


def aligned_by(method, settings: AlignSettings = SETTINGS) -> list[Iteration]:
    """MaxEnt's first policy is random: that of seed 0 happens to be one that this expert is content with."""
    return run(method, settings, n_iterations=6, seed=int(method is MAXENT))


@pytest.fixture(scope="module", params=INVERSE_RL + IMITATION, ids=lambda m: m.name)
def aligned(request) -> list[Iteration]:
    return aligned_by(request.param)


def test_the_intervention_rate_falls_below_the_threshold(aligned):
    """From a quarter or more under the prior to below delta = 0.1; the run ends with that round, without an update."""
    ends_below_the_threshold(aligned)


@INFERS
def test_the_intervention_rate_falls_below_the_threshold_with_rollouts_from_where_the_expert_took_over(method):
    """The other estimate of the gradient, with sampled actions."""
    ends_below_the_threshold(aligned_by(method, inner(starts="segments", acting="sampled")))


def ends_below_the_threshold(aligned: list[Iteration]) -> None:
    rates = [iteration.intervention_rate for iteration in aligned]
    assert rates[0] > 0.2
    assert rates[-1] < 0.1
    assert all(rate >= 0.1 for rate in rates[:-1])
    assert [iteration.aligned for iteration in aligned] == [False] * (len(rates) - 1) + [True]
    last, before = aligned[-1], aligned[-2]
    assert last.progress == ()
    np.testing.assert_array_equal(last.theta, before.theta)
    np.testing.assert_array_equal(last.policy.q[0].weight, before.policy.q[0].weight)


@METHODS
@pytest.mark.parametrize("starts", ["episodes", "segments"])
def test_the_inferred_weight_is_the_one_that_differs(method, starts):
    """theta_expert - theta_prior is in left_side alone: there theta_R grows most, and by far."""
    theta = aligned_by(method, inner(starts=starts))[-1].theta
    assert np.argmax(THETA_EXPERT - THETA_PRIOR) == LEFT
    assert theta[LEFT] > 0.3
    assert theta[LEFT] > 1.4 * np.abs(np.delete(theta, LEFT)).max()


def test_the_policy_was_moved_towards_the_experts(aligned):
    """On the right side it switches now, where the prior walked on; on the left it still walks on.

    Nobody has shown an imitator what to do in the first cell: the expert takes over in the second.
    """
    obs, imitates = all_observations(), aligned[-1].theta.size == 0
    near_left, right = obs[:5], obs[LENGTH + 1 : LENGTH + 2] if imitates else obs[LENGTH : LENGTH + 3]
    for cells in (near_left, right):
        wanted = EXPERT_POLICY.distribution(cells).mode()
        assert aligned[-1].policy.distribution(cells).mode().tolist() == wanted.tolist()
    assert not set(PRIOR.distribution(right).mode()) & set(EXPERT_POLICY.distribution(right).mode())


def test_expert_samples_add_up(aligned):
    counts = [iteration.rollout.expert_steps for iteration in aligned]
    assert [iteration.expert_steps for iteration in aligned] == np.cumsum(counts).tolist()
    assert [len(iteration.rollout) for iteration in aligned] == [SETTINGS.rollout_steps] * len(aligned)
    assert [iteration.index for iteration in aligned] == list(range(len(aligned)))


# ----------------------------------------------------------------------------------- Algorithm 1, line by line


class Recording(Corridor):
    """Remembers the seeds it was reset with."""

    def __init__(self, seeds: list[int]):
        super().__init__(length=LENGTH, horizon=HORIZON)
        self.seeds = seeds

    def reset(self, *, seed=None, options=None):
        self.seeds.append(seed)
        return super().reset(seed=seed, options=options)


def test_the_first_rollout_is_the_priors_own():
    """Line 1: theta = 0 and the policy is the prior. Step for step what the prior does in the same episodes."""
    seeds = []
    first = run(task=task_of(lambda: Recording(seeds)), supervisor=Nobody(), n_iterations=1)[0].rollout
    assert len(set(seeds)) == len(seeds) == SETTINGS.rollout_steps // HORIZON
    environment, step = corridor(), 0
    for seed in seeds:
        obs, _ = environment.reset(seed=seed)
        for _ in range(HORIZON):
            action = int(PRIOR.logits(obs[None])[0].argmax())
            np.testing.assert_array_equal(first.obs[step], obs)
            assert first.executed[step] == first.proposed[step] == action
            obs, *_, info = environment.step(action)
            np.testing.assert_array_equal(first.features[step], info["features"])
            step += 1
    assert step == len(first)


class EveryTenth(Nobody):
    """Intervenes in every tenth step of all."""

    def __init__(self):
        self.steps = 0

    def decide(self, moment) -> Decision:
        self.steps += 1
        return Decision(EXPERT, WAIT) if self.steps % 10 == 0 else Decision(POLICY, moment.proposed)


def test_aligned_means_below_the_threshold_not_at_it():
    """Line 4: lambda < delta."""
    once = {"supervisor": EveryTenth(), "n_iterations": 1}
    (at,) = run(MEREQ_NP, inner(max_updates=1), rate_threshold=0.1, **once)
    (above,) = run(MEREQ_NP, inner(max_updates=1), rate_threshold=0.1 + 1e-9, **once)
    assert at.intervention_rate == above.intervention_rate == 0.1
    assert (at.aligned, len(at.progress)) == (False, 1)
    assert (above.aligned, len(above.progress)) == (True, 0)


def test_a_small_gradient_ends_the_inner_loop():
    """Lines 8 and 9: no step is made, theta and policy stay as they are, and the run goes on."""
    one, two = run(MEREQ_NP, inner(tolerance=100.0), n_iterations=2)
    for iteration in (one, two):
        (only,) = iteration.progress
        assert 0 < only.gradient_norm < 100
        assert only.gradient_norm == np.sqrt((only.gradient**2).sum())
        np.testing.assert_array_equal(iteration.theta, 0.0)
    np.testing.assert_allclose(
        two.policy.distribution(all_observations()).log_probs,
        PRIOR.distribution(all_observations()).log_probs,
        atol=1e-6,
    )


@METHODS
def test_theta_climbs_the_gradient_of_all_expert_steps_so_far(method):
    """Lines 7 and 10: theta <- theta + eta (expert mean - policy mean), the expert's over all rounds' steps.

    What the gradient leaves as the policy's mean must be what the policy of the moment does: the prior walks on,
    half of its episodes on the left; after the updates nearly all of it is on the left.
    """
    rounds = run(method, inner(sample_length=720, tolerance=0.0), n_iterations=2, rate_threshold=0.0)
    log, theta, means = InterventionLog(), np.zeros(3), []
    for iteration in rounds:
        log = log.append(iteration.rollout)
        kappa = SETTINGS.inference.kappa if method is MEREQ else 1.0
        expert_mean = log.expert_features(kappa=kappa).mean(axis=0)
        for number, progress in enumerate(iteration.progress):
            assert (progress.step, progress.of) == (number, 6)
            theta = theta + SETTINGS.inference.step_size * progress.gradient
            np.testing.assert_allclose(progress.theta, theta, rtol=1e-12)
            means.append(expert_mean - progress.gradient)
        np.testing.assert_array_equal(iteration.theta, iteration.progress[-1].theta)
    assert len(means) == 12
    np.testing.assert_allclose(means[0], [0.9, 0.5, 0.0], atol=0.15)
    assert min(mean[LEFT] for mean in means[6:]) > 0.8
    assert all(((mean > -1e-9) & (mean < 1 + 1e-9)).all() for mean in means)


def test_kappa_one_is_mereq_np():
    """Bit for bit: MEReQ without pseudo-expert steps is MEReQ-NP; and with them it is not."""
    short = {"n_iterations": 1, "rate_threshold": 0.0}
    (np_,), (one,), (some,) = (
        run(MEREQ_NP, inner(max_updates=2), **short),
        run(MEREQ, inner(max_updates=2, kappa=1.0), **short),
        run(MEREQ, inner(max_updates=2), **short),
    )
    np.testing.assert_array_equal(one.theta, np_.theta)
    assert all(np.array_equal(a, np_.state()[name]) for name, a in one.state().items())
    assert not np.array_equal(some.theta, np_.theta)


def test_without_interventions_nothing_is_inferred():
    """MEReQ-NP, an idle supervisor, a threshold that no rate is below: theta and policy stay, round after round."""
    rounds = run(MEREQ_NP, supervisor=Nobody(), rate_threshold=0.0, n_iterations=2)
    assert [(r.intervention_rate, r.expert_steps, r.progress) for r in rounds] == [(0.0, 0, ())] * 2
    for iteration in rounds:
        np.testing.assert_array_equal(iteration.theta, 0.0)
        log_probs = iteration.policy.distribution(all_observations()).log_probs
        np.testing.assert_allclose(log_probs, PRIOR.distribution(all_observations()).log_probs, atol=1e-6)


def test_an_idle_supervisor_is_content_at_once():
    """A rate of 0 is below any threshold; with pseudo-expert steps an idle round can be learned from, too."""
    (only,) = run(MEREQ, supervisor=Nobody())
    assert only.aligned
    (only,) = run(MEREQ, inner(max_updates=1), supervisor=Nobody(), rate_threshold=0.0, n_iterations=1)
    assert len(only.progress) == 1
    assert np.isfinite(only.theta).all()


@IMITATES
def test_imitation_learns_nothing_from_an_idle_supervisor(method):
    """Round after round the clone that it started with, bit for bit; and theta is empty, here as elsewhere."""
    settings = replace(SETTINGS, warm_start=replace(SETTINGS.warm_start, updates=100))
    rounds = run(method, settings, supervisor=Nobody(), rate_threshold=0.0, n_iterations=2)
    assert [(r.intervention_rate, r.expert_steps, r.progress) for r in rounds] == [(0.0, 0, ())] * 2
    one, two = (r.state() for r in rounds)
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert [r.theta.shape for r in rounds] == [(0,)] * 2


@IMITATES
def test_rounds_draw_other_batches(method):
    """From the same clone and the same log, two rounds (and the warm start) take pairs in another order."""
    (first,) = run(method, QUICK, rate_threshold=0.0, n_iterations=1)
    log, results = InterventionLog((first.rollout,)), []
    for iteration in (0, 1, 1):
        improver = method.start(task_of(), PRIOR, QUICK, seed=0)
        list(improver.improve(log, iteration))
        results.append(np.concatenate([array.ravel() for array in improver.state().values()]))
    np.testing.assert_array_equal(results[1], results[2])
    assert not np.array_equal(results[0], results[1])


@IMITATES
def test_imitation_infers_no_reward(method):
    """Nor has its progress a gradient; its loss falls below that of the clone it began with."""
    first, _ = run(method, n_iterations=2, rate_threshold=0.0)
    assert first.theta.shape == (0,)
    assert [(p.step, p.of) for p in first.progress] == [(n, 6) for n in range(6)]  # 300 updates in calls of 50
    assert {(p.theta.shape, p.gradient.shape) for p in first.progress} == {((0,), (0,))}
    assert first.progress[-1].loss < first.progress[0].loss


class EveryFifth(Nobody):
    """Waits in every fifth step of all."""

    def __init__(self):
        self.steps = 0

    def decide(self, moment) -> Decision:
        self.steps += 1
        return Decision(EXPERT, WAIT) if self.steps % 5 == 0 else Decision(POLICY, moment.proposed)


@IMITATES
def test_the_clone_is_the_most_likely_one(method):
    """An expert who waits in each fifth step, wherever that is: how often does the clone wait, cell by cell?

    HG-DAgger-FT: as often as the pairs of warm start and expert do. IWR-FT: all of the expert's pairs together weigh as
    much as all the others, which are the warm start's and the policy's.
    """
    settings = replace(SETTINGS, warm_start=replace(SETTINGS.warm_start, kept=90), cloning_updates=3000)
    (only,) = run(method, settings, supervisor=EveryFifth(), rate_threshold=0.0, n_iterations=1)
    kept = warm_start(task_of(), PRIOR, settings, seed=0).demonstrations
    rollout = only.rollout
    waited = rollout.obs[rollout.by_expert].sum(axis=0)
    walked = kept.obs.sum(axis=0) + (method is IWR_FT) * rollout.obs[~rollout.by_expert].sum(axis=0)
    assert (waited.sum(), len(kept.obs)) == (36, 90)
    assert (kept.action == FORWARD).all()
    weight = walked.sum() / waited.sum() if method is IWR_FT else 1.0
    often = waited + walked > 5
    waited, walked = waited[often], walked[often]
    wanted = weight * waited / (weight * waited + walked)
    found = np.exp(only.policy.distribution(all_observations()[often]).log_probs)[:, WAIT]
    assert wanted.size >= 5
    assert np.ptp(wanted) > 0.1
    np.testing.assert_allclose(found, wanted, atol=0.08)


@pytest.mark.parametrize(
    ("method", "features"),
    [(MEREQ, ()), (MAXENT, ("switch", "forward")), *((method, ("left_side",)) for method in INVERSE_RL)],
    ids=lambda value: getattr(value, "name", None),
)
def test_weights_outside_f_r_stay_zero(method, features):
    """Section 3.2: theta_R has weights in the chosen features alone, exactly, in every step of every round."""
    rounds = run(method, inner(features=features, max_updates=2), n_iterations=2, rate_threshold=0.0, seed=1)
    inside = np.array([name in features for name in ("forward", "left_side", "switch")])
    for moment in [*rounds[0].progress, *rounds[1].progress, *rounds]:
        np.testing.assert_array_equal(moment.theta[~inside], 0.0)
    assert (rounds[-1].theta[inside] != 0).all()
    if not features:  # a gradient of nothing is below any tolerance: the inner loop ends at once
        assert [len(r.progress) for r in rounds] == [1, 1]


def test_f_r_is_all_features_in_any_order_by_default():
    """Naming every feature is naming none, bit for bit."""
    short = {"n_iterations": 1, "rate_threshold": 0.0}
    (by_default,) = run(MEREQ_NP, inner(max_updates=2), **short)
    (named,) = run(MEREQ_NP, inner(max_updates=2, features=("switch", "forward", "left_side")), **short)
    np.testing.assert_array_equal(named.theta, by_default.theta)


def test_two_seeds_differ():
    one, other = (run(MEREQ_NP, inner(max_updates=1), seed=seed, n_iterations=1)[0] for seed in (0, 1))
    assert not np.array_equal(one.rollout.obs, other.rollout.obs)
    assert not np.array_equal(one.policy.q[0].weight, other.policy.q[0].weight)


def test_a_fresh_residual_q_does_not_forget_the_policy_under_supervision():
    """Eq. (8) wants the mean features under the current theta's policy, also where Q_R starts anew in each round."""
    settings = replace(inner(sample_length=720, tolerance=0.0), persistent=False)
    _, second = run(MEREQ_NP, settings, n_iterations=2, rate_threshold=0.0)
    log = InterventionLog((_.rollout, second.rollout))
    policy_mean = log.expert_features(kappa=1.0).mean(axis=0) - second.progress[0].gradient
    assert second.rollout.features[:, LEFT].mean() > 0.8  # what that policy did a moment ago
    assert policy_mean[LEFT] > 0.8


# --------------------------------------------------------------------------------------------------------- resume


QUICK = replace(
    inner(max_updates=2, sample_length=60),
    rollout_steps=9 * HORIZON,
    practice_steps=100,
    warm_start=WarmStart(steps=300, updates=100, kept=50),
    cloning_updates=100,
)


@dataclass
class Tape:
    """A run as a store would see it: each event, and after each round its state."""

    events: list
    states: list[dict[str, np.ndarray]]

    def until(self, n_events: int, *, states_kept: int | None = None) -> Resume:
        """What a store holds after so many events; of the states only the first few, if some were not written."""
        seen = self.events[:n_events]
        rounds = [e for e in seen if isinstance(e, Iteration)]
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
    how = {"seed": 1, "n_iterations": 3, "rate_threshold": 0.0, "resume": resume}
    recorded = Tape([], [])
    for event in events(task_of(), PRIOR, variant.supervisor(), variant.method, variant.settings, **how):
        recorded.events.append(event)
        if isinstance(event, Iteration):
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
        case Iteration():
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
    return next(n for n, e in enumerate(whole.events) if isinstance(e, Iteration) and e.index == index) + 1


CUTS = {
    "in the middle of the first episode": lambda whole: 5,
    "between two rounds": lambda whole: after_round(whole, 0),
    "in the middle of an episode of the second round": lambda whole: after_round(whole, 0) + 3 * HORIZON + 7,
    "between two episodes": lambda whole: after_round(whole, 0) + 4 * HORIZON,
    "at the end of the second rollout": lambda whole: after_round(whole, 0) + QUICK.rollout_steps,
    "in the middle of the second update": lambda whole: after_round(whole, 0) + QUICK.rollout_steps + 1,
    "after two rounds": lambda whole: after_round(whole, 1),
}


def resumed_equals(whole: Tape, variant: Variant, resume: Resume) -> None:
    """All that comes after the resumed point is bit-equal; what is done again comes out as before."""
    rest = tape(variant, resume)
    recorded = sum(len(part) for part in resume.recorded) + sum(len(r) for r in resume.log.rollouts)
    done = len(resume.log.rollouts)
    expected = [e for e in whole.events if not isinstance(e, SupervisedStep)]
    expected = expected[sum(len(e.progress) + 1 for e in expected if isinstance(e, Iteration) and e.index < done) :]
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
    first = run(settings=settings, supervisor=Nobody())
    assert [iteration.aligned for iteration in first] == [True]
    resume = Resume(log=InterventionLog((first[0].rollout,)), state=first[0].state())
    assert run(settings=settings, supervisor=Nobody(), resume=resume) == []


@pytest.mark.parametrize("persistent", [True, False])
def test_the_residual_q_function_lives_on_or_starts_anew(persistent):
    """persistent=False: each round ends with a Q_R that has seen that round's updates only (Adam counts them)."""
    settings = replace(QUICK, persistent=persistent)
    counts = []
    for iteration in align(task_of(), PRIOR, expert(), MEREQ, settings, seed=0, n_iterations=3, rate_threshold=0.0):
        (count,) = (array for name, array in iteration.state().items() if name.endswith(".count"))
        counts.append(int(count))
    assert counts == ([100, 200, 300] if persistent else [100] * 3)


def test_the_run_under_test_can_fail(variant):
    """Rounds differ from each other, people intervened, and theta or the clone moved: equality says something."""
    how, whole = variant
    first, second, third = (e for e in whole.events if isinstance(e, Iteration))
    assert first.expert_steps > 0
    assert (how.method in IMITATION) == np.array_equal(first.theta, second.theta)
    assert not np.array_equal(second.policy.q[0].weight, third.policy.q[0].weight)
    assert not np.array_equal(first.rollout.obs, second.rollout.obs)
    assert any(s.controller is EXPERT for s in whole.events if isinstance(s, SupervisedStep))


def test_a_state_that_was_asked_for_does_not_change_afterwards():
    """A consumer may keep `iteration.state()` in memory while the run goes on, also with a full replay."""
    settings, kept, copies = replace(QUICK, replay_capacity=300), [], []
    for iteration in align(task_of(), PRIOR, expert(), MEREQ, settings, seed=0, n_iterations=2, rate_threshold=0.0):
        kept.append(iteration.state())
        copies.append({name: array.copy() for name, array in kept[-1].items()})
    for state, copy in zip(kept, copies, strict=True):
        for name in state:
            np.testing.assert_array_equal(state[name], copy[name], err_msg=name)


# --------------------------------------------------------------------------------------------- a user's mistakes


class Broken(Corridor):
    """Emits a NaN feature with the given share of steps."""

    def __init__(self, share: float = 1.0):
        super().__init__(length=LENGTH, horizon=HORIZON)
        self.share = share

    def step(self, action):
        obs, reward, terminated, truncated, info = super().step(action)
        if self.np_random.random() < self.share:
            info["features"][2] = np.nan
        return obs, reward, terminated, truncated, info


@pytest.mark.parametrize("where", ["supervised", "simulated"])
def test_features_that_are_not_finite(where):
    """Refused by name before they reach theta: from the supervised environment, and from the simulator."""
    task = task_of(make=Broken) if where == "supervised" else task_of(simulated=Broken)
    with pytest.raises(NonFiniteFeatures, match="'switch'"):
        run(task=task)


def test_features_that_are_not_finite_in_practice_only():
    """A rare NaN, met while practising and not while the expectation was sampled, must not make Q_R NaN."""

    class Rare(GymnasiumSimulator):
        def step(self, actions):
            step = super().step(actions)
            if self.n_envs == SETTINGS.practice.n_envs:
                step.features[0, 2] = np.nan
            return step

    settings = inner(sample_envs=5, max_updates=2)
    task = replace(task_of(), simulate=lambda n: Rare(corridor, n))
    with pytest.raises(NonFiniteFeatures, match="'switch'"):
        run(settings=settings, task=task, n_iterations=1)


@pytest.mark.parametrize("shape", [(1, 4), (3,), (1, 1, 3), (2, 3)])
def test_a_prior_of_the_wrong_shape(shape):
    with pytest.raises(WrongPolicyOutput, match=r"must return logits of shape \(1, 3\)"):
        run(prior=LogitsPolicy(lambda obs: np.zeros(shape), 3))


@pytest.mark.parametrize("n_actions", [1, 5])
def test_a_prior_for_another_number_of_actions(n_actions):
    """Consistent in itself, but not with the task; one action even broadcasts."""
    with pytest.raises(WrongPolicyOutput, match="3 actions"):
        run(prior=LogitsPolicy(lambda obs: np.zeros((len(obs), n_actions)), n_actions))


@INFERS
def test_a_feature_that_the_task_does_not_have(method):
    with pytest.raises(UnknownName, match=r"no feature called 'left'. Known: forward, left_side, switch"):
        run(method, inner(features=("forward", "left")))


class OneWay:
    """A simulator that cannot go back."""

    def __init__(self, n_envs: int):
        simulator = GymnasiumSimulator(corridor, n_envs)
        self.n_envs, self.reset, self.step = n_envs, simulator.reset, simulator.step


@INFERS
def test_a_simulator_that_cannot_go_back(method):
    """Refused before the first step, with the way out."""
    task = replace(task_of(), simulate=OneWay)
    with pytest.raises(IncompatibleRun, match=r"task corridor .* lacks `states_along` and `put`.*starts = 'episodes'"):
        run(method, inner(starts="segments"), task=task, supervisor=Refusing())


@pytest.mark.parametrize(
    ("method", "starts"),
    [(MEREQ, "episodes"), *((method, "segments") for method in IMITATION)],
    ids=lambda value: getattr(value, "name", None),
)
def test_who_needs_no_simulator_that_goes_back(method, starts):
    settings = replace(QUICK, inference=replace(QUICK.inference, starts=starts))
    assert len(run(method, settings, task=replace(task_of(), simulate=OneWay), n_iterations=1)) == 1


class Refusing(Nobody):
    """Is never to be asked."""

    def decide(self, moment) -> Decision:
        raise AssertionError("the run has begun")


def test_a_simulator_of_another_task():
    """It does not lead where the supervised environment led: no rollouts from where the expert took over."""
    task = task_of(simulated=lambda: Corridor(length=LENGTH, horizon=HORIZON, slip=0.9))
    with pytest.raises(IncompatibleRun, match="the simulator does not lead where the supervised environment led"):
        run(MEREQ_NP, inner(starts="segments"), task=task, seed=1)
