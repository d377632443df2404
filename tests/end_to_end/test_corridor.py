"""Algorithm 1 in the corridor: all methods from prior to aligned policy, and what they do line by line."""

from dataclasses import replace

import numpy as np
import pytest

from corridor_runs import (
    EXPERT_POLICY,
    HORIZON,
    IMITATION,
    INVERSE_RL,
    LEFT,
    LENGTH,
    PRIOR,
    QUICK,
    SETTINGS,
    all_observations,
    corridor,
    inner,
    run,
    task_of,
)
from mereq.alignment import IWR_FT, MAXENT, MEREQ, MEREQ_NP, check
from mereq.alignment.algorithm import Round
from mereq.alignment.settings import AlignSettings
from mereq.alignment.warm_start import warm_start
from mereq.core.supervisor import Decision
from mereq.interventions.log import InterventionLog
from mereq.tasks.corridor import FORWARD, THETA_EXPERT, THETA_PRIOR, WAIT, Corridor
from toys import EXPERT, POLICY, NeverTakesOver

pytestmark = pytest.mark.paper("section 6 MEReQ, MEReQ-NP", "Alg. 1, the outer loop", "Alg. 1, l. 6-11 the inner loop")

METHODS = pytest.mark.parametrize("method", [MEREQ, MEREQ_NP], ids=lambda m: m.name)
IMITATES = pytest.mark.parametrize("method", IMITATION, ids=lambda m: m.name)
INFERS = pytest.mark.parametrize("method", INVERSE_RL, ids=lambda m: m.name)


# ------------------------------------------------------------------------------------------------- it aligns


def aligned_by(method, settings: AlignSettings = SETTINGS) -> list[Round]:
    """MaxEnt's first policy is random: that of seed 0 happens to be one that this expert is content with."""
    return run(method, settings, n_rounds=6, seed=int(method is MAXENT))


@pytest.fixture(scope="module", params=INVERSE_RL + IMITATION, ids=lambda m: m.name)
def aligned(request) -> list[Round]:
    return aligned_by(request.param)


def test_the_intervention_rate_falls_below_the_threshold(aligned):
    """From a quarter or more under the prior to below delta = 0.1; the run ends with that round, without an update."""
    ends_below_the_threshold(aligned)


@INFERS
def test_the_intervention_rate_falls_below_the_threshold_with_rollouts_from_where_the_expert_took_over(method):
    """The other estimate of the gradient, with sampled actions."""
    ends_below_the_threshold(aligned_by(method, inner(starts="segments", acting="sampled")))


def ends_below_the_threshold(aligned: list[Round]) -> None:
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
    assert theta[LEFT] > 1.3 * np.abs(np.delete(theta, LEFT)).max()


def test_the_policy_was_moved_towards_the_experts(aligned):
    """On the right side it switches now, where the prior walked on; on the left it still walks on.

    An imitator was not shown what to do in the first cell: the expert takes over in the second.
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
    first = run(task=task_of(lambda: Recording(seeds)), supervisor=NeverTakesOver(), n_rounds=1)[0].rollout
    seeds = [seed for seed in seeds if seed != check.SEED]  # without the episodes of the check before the run
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


class EveryTenth(NeverTakesOver):
    """Intervenes in every tenth step of all."""

    def __init__(self):
        self.steps = 0

    def decide(self, context) -> Decision:
        self.steps += 1
        return Decision(EXPERT, WAIT) if self.steps % 10 == 0 else Decision(POLICY, context.proposed)


def test_aligned_means_below_the_threshold_not_at_it():
    """Line 4: lambda < delta."""
    once = {"supervisor": EveryTenth(), "n_rounds": 1}
    (at,) = run(MEREQ_NP, inner(max_updates=1), rate_threshold=0.1, **once)
    (above,) = run(MEREQ_NP, inner(max_updates=1), rate_threshold=0.1 + 1e-9, **once)
    assert at.intervention_rate == above.intervention_rate == 0.1
    assert (at.aligned, len(at.progress)) == (False, 1)
    assert (above.aligned, len(above.progress)) == (True, 0)


def test_a_small_gradient_ends_the_inner_loop():
    """Lines 8 and 9: no step is made, theta and policy stay as they are, and the run goes on."""
    one, two = run(MEREQ_NP, inner(tolerance=100.0), n_rounds=2)
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
    rounds = run(method, inner(sample_length=720, tolerance=0.0), n_rounds=2, rate_threshold=0.0)
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
    short = {"n_rounds": 1, "rate_threshold": 0.0}
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
    rounds = run(MEREQ_NP, supervisor=NeverTakesOver(), rate_threshold=0.0, n_rounds=2)
    assert [(r.intervention_rate, r.expert_steps, r.progress) for r in rounds] == [(0.0, 0, ())] * 2
    for iteration in rounds:
        np.testing.assert_array_equal(iteration.theta, 0.0)
        log_probs = iteration.policy.distribution(all_observations()).log_probs
        np.testing.assert_allclose(log_probs, PRIOR.distribution(all_observations()).log_probs, atol=1e-6)


def test_an_idle_supervisor_is_content_at_once():
    """A rate of 0 is below any threshold; with pseudo-expert steps an idle round can be learned from, too."""
    (only,) = run(MEREQ, supervisor=NeverTakesOver())
    assert only.aligned
    (only,) = run(MEREQ, inner(max_updates=1), supervisor=NeverTakesOver(), rate_threshold=0.0, n_rounds=1)
    assert len(only.progress) == 1
    assert np.isfinite(only.theta).all()


@IMITATES
def test_imitation_learns_nothing_from_an_idle_supervisor(method):
    """Round after round the clone that it started with, bit for bit; and theta is empty, here as elsewhere."""
    settings = replace(SETTINGS, warm_start=replace(SETTINGS.warm_start, updates=100))
    rounds = run(method, settings, supervisor=NeverTakesOver(), rate_threshold=0.0, n_rounds=2)
    assert [(r.intervention_rate, r.expert_steps, r.progress) for r in rounds] == [(0.0, 0, ())] * 2
    one, two = (r.state() for r in rounds)
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert [r.theta.shape for r in rounds] == [(0,)] * 2


@IMITATES
def test_rounds_draw_other_batches(method):
    """From the same clone and the same log, two rounds (and the warm start) take pairs in another order."""
    (first,) = run(method, QUICK, rate_threshold=0.0, n_rounds=1)
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
    first, _ = run(method, n_rounds=2, rate_threshold=0.0)
    assert first.theta.shape == (0,)
    assert [(p.step, p.of) for p in first.progress] == [(n, 6) for n in range(6)]  # 300 updates in calls of 50
    assert {(p.theta.shape, p.gradient.shape) for p in first.progress} == {((0,), (0,))}
    assert first.progress[-1].loss < first.progress[0].loss


class EveryFifth(NeverTakesOver):
    """Waits in every fifth step of all."""

    def __init__(self):
        self.steps = 0

    def decide(self, context) -> Decision:
        self.steps += 1
        return Decision(EXPERT, WAIT) if self.steps % 5 == 0 else Decision(POLICY, context.proposed)


@IMITATES
def test_the_clone_is_the_most_likely_one(method):
    """An expert who waits in each fifth step, wherever that is: how often does the clone wait, cell by cell?

    HG-DAgger-FT: as often as the pairs of warm start and expert do. IWR-FT: all of the expert's pairs together weigh as
    much as all the others, which are the warm start's and the policy's.
    """
    settings = replace(SETTINGS, warm_start=replace(SETTINGS.warm_start, kept=90), cloning_updates=3000)
    (only,) = run(method, settings, supervisor=EveryFifth(), rate_threshold=0.0, n_rounds=1)
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
    rounds = run(method, inner(features=features, max_updates=2), n_rounds=2, rate_threshold=0.0, seed=1)
    inside = np.array([name in features for name in ("forward", "left_side", "switch")])
    for made in [*rounds[0].progress, *rounds[1].progress, *rounds]:
        np.testing.assert_array_equal(made.theta[~inside], 0.0)
    assert (rounds[-1].theta[inside] != 0).all()
    if not features:  # a gradient of nothing is below any tolerance: the inner loop ends at once
        assert [len(r.progress) for r in rounds] == [1, 1]


def test_the_natural_way_of_a_single_feature_is_the_gradients():
    """However many features the task has besides: variance and mean variance of one feature cancel."""
    first = [
        run(MEREQ_NP, inner(features=("left_side",), ascent=ascent, max_updates=1), n_rounds=1)[0].theta
        for ascent in ("gradient", "natural")
    ]
    assert first[0][LEFT] > 0.01
    np.testing.assert_allclose(first[1], first[0], rtol=0.01)


def test_f_r_is_all_features_in_any_order_by_default():
    """Naming every feature is naming none, bit for bit."""
    short = {"n_rounds": 1, "rate_threshold": 0.0}
    (by_default,) = run(MEREQ_NP, inner(max_updates=2), **short)
    (named,) = run(MEREQ_NP, inner(max_updates=2, features=("switch", "forward", "left_side")), **short)
    np.testing.assert_array_equal(named.theta, by_default.theta)


def test_two_seeds_differ():
    one, other = (run(MEREQ_NP, inner(max_updates=1), seed=seed, n_rounds=1)[0] for seed in (0, 1))
    assert not np.array_equal(one.rollout.obs, other.rollout.obs)
    assert not np.array_equal(one.policy.q[0].weight, other.policy.q[0].weight)


def test_a_fresh_residual_q_does_not_forget_the_policy_under_supervision():
    """Eq. (8) wants the mean features under the current theta's policy, also where Q_R starts anew in each round."""
    settings = replace(inner(sample_length=720, tolerance=0.0), persistent=False)
    _, second = run(MEREQ_NP, settings, n_rounds=2, rate_threshold=0.0)
    log = InterventionLog((_.rollout, second.rollout))
    policy_mean = log.expert_features(kappa=1.0).mean(axis=0) - second.progress[0].gradient
    assert second.rollout.features[:, LEFT].mean() > 0.8  # what that policy did a moment ago
    assert policy_mean[LEFT] > 0.8
