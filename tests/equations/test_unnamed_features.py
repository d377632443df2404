"""Unnamed features of `mereq-deep`: the formula, its scale, and the penalty under which their weights are inferred."""

from dataclasses import replace

import numpy as np
import pytest

from corridor_runs import ALPHA, GAMMA, LEFT, LENGTH, PRIOR, QUICK, SETTINGS, expert, inner, run, task_of
from exact import corridor_mdp
from mereq.alignment.added_features import recorded_moves
from mereq.alignment.deep_inverse_rl import MEREQ_DEEP, prior_moves
from mereq.alignment.inverse_rl import MEREQ, RewardImprover
from mereq.commands.features import feature_lines
from mereq.core.seeding import stream
from mereq.interventions.log import InterventionLog
from mereq.irl.ascent import CONSTANT, direction
from mereq.irl.candidates import Moves
from mereq.irl.unnamed_features import UnnamedFeatures
from mereq.supervision.synthesized import DivergenceExpert
from mereq.tasks.corridor import FEATURE_NAMES, THETA_PRIOR
from toys import table_policy

N = len(FEATURE_NAMES)


def some_moves(rng: np.random.Generator, n: int = 300) -> Moves:
    """Steps whose second coordinate never changes."""
    obs = rng.normal(size=(n, 5)) * [1.0, 0.0, 30.0, 1.0, 1.0] + [0.0, 2.0, 0.0, 5.0, 0.0]
    features = rng.uniform(size=(n, 2))
    return Moves(obs, np.zeros(n, int), obs, np.zeros(n, int), features)


def test_units_are_rectified_centred_and_of_one_scale():
    moves = some_moves(np.random.default_rng(0))
    unnamed = UnnamedFeatures.drawn(moves, np.random.default_rng(1), units=40)
    found = unnamed(moves)
    weight, bias = unnamed.units
    for step in (0, 7):
        seen = np.append(moves.features[step], moves.next_obs[step])
        for unit in range(40):
            output = max(0.0, float(weight[:, unit] @ seen + bias[unit]))
            assert found[step, unit] == pytest.approx(output - unnamed.mean[unit], abs=1e-6)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-6)  # no bonus for staying alive
    variance = found.var(axis=0)
    assert ((variance < 1e-12) | (np.abs(40 * variance - 1.0) < 1e-4)).all()  # few units never react
    assert variance.sum() > 0.9
    assert not weight[3].any()  # the coordinate that never changes
    assert (weight[:2] != 0).sum() > 0.35 * (weight != 0).sum()  # about half of what is seen are features
    again = UnnamedFeatures.drawn(moves, np.random.default_rng(1), units=40)
    np.testing.assert_array_equal(again(moves), found)


def test_a_direction_with_a_prior_ends_at_the_mode():
    """In an exponential family with constant covariance, one natural step from 0 is the mode of the posterior."""
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(4000, 3)) * [1.0, 2.0, 0.5]
    covariance, precision = np.cov(seen, rowvar=False, bias=True), np.array([0.0, 0.0, 4.0])
    difference = np.array([0.3, -0.2, 0.4])  # of mean features, at theta = 0
    mode = np.linalg.solve(covariance + np.diag(precision) + CONSTANT * np.eye(3), difference)
    found = direction(difference, seen, "natural", precision)
    np.testing.assert_allclose(found, np.diag(covariance)[:2].mean() * mode)
    nothing = direction(difference, seen, "natural", np.zeros(3))
    np.testing.assert_allclose(nothing, direction(difference, seen, "natural"))


def test_without_evidence_beyond_the_prior_weights_are_pulled_to_zero():
    """The gradient that is followed is that of the log-posterior per expert step: less precision x theta / steps."""
    log = InterventionLog(tuple(each.rollout for each in run(settings=QUICK, n_rounds=1)))
    improvers = [
        RewardImprover(task_of(), PRIOR, inner(max_updates=1), method=MEREQ, seed=0, precision=precision)
        for precision in (None, np.full(N, 5.0))
    ]
    for each in improvers:
        each._theta = np.full(N, 2.0)  # weights that other interventions have shown
    plain, pulled = (next(each.improve(log, 0)).gradient for each in improvers)
    n = len(log.expert_features(kappa=SETTINGS.inference.kappa))
    np.testing.assert_allclose(plain - pulled, 5.0 * 2.0 / n)


def test_a_round_keeps_the_policy_at_which_the_least_is_left_to_gain():
    """An estimator that knows what is left: the second of three steps is the best one, and its weights are kept."""
    log = InterventionLog(tuple(each.rollout for each in run(settings=QUICK, n_rounds=1)))
    improver = RewardImprover(task_of(), PRIOR, inner(max_updates=3), method=MEREQ, seed=0, precision=np.full(N, 1e-9))
    sizes = iter([4.0, 1.0, 3.0, 2.0])
    improver._estimator.gradient = lambda policy, *, seed: np.full(N, next(sizes))  # pyright: ignore
    thetas = [progress.theta for progress in improver.improve(log, 0)]
    np.testing.assert_array_equal(improver.theta, thetas[0])  # after the first step, before the second
    np.testing.assert_allclose(thetas[0], SETTINGS.inference.step_size * 4.0)


def test_only_named_weights_are_reported_and_a_run_goes_on_exactly():
    settings = replace(QUICK, inference=replace(QUICK.inference, ascent="natural", features=FEATURE_NAMES[-1:]))
    rounds = run(MEREQ_DEEP, settings, n_rounds=2, rate_threshold=0.0)
    found = rounds[-1]
    assert found.theta.shape == found.progress[-1].gradient.shape == (N,)
    assert not found.theta[:-1].any()
    state = found.state()
    assert 0.0 < float(state["unnamed.share"]) <= 1.0
    improver = MEREQ_DEEP.start(task_of(), PRIOR, settings, seed=99)  # units of another seed, which are replaced
    improver.restore(state)
    log = InterventionLog(tuple(each.rollout for each in rounds))
    features = improver._unnamed(recorded_moves(task_of(), log))
    drawn = UnnamedFeatures.drawn(prior_moves(task_of(), PRIOR, 0), stream(0, "unnamed features"))
    np.testing.assert_array_equal(features, drawn(recorded_moves(task_of(), log)))
    np.testing.assert_array_equal(improver.theta, found.theta)
    assert {name: array.tolist() for name, array in improver.state().items()} == {
        name: array.tolist() for name, array in state.items()
    }


def test_what_the_unnamed_part_is_like_is_told_without_a_test_of_candidates():
    like = [{"name": "left_side", "correlation": -0.62}]
    said = feature_lines({"offered": None, "fit": None, "unnamed": like})
    assert said == ["the unnamed part of the reward is most like:", "  less of  left_side   (correlation -0.62)"]
    assert feature_lines({"offered": None, "fit": None, "unnamed": None}) == ["no round is finished yet"]


def test_a_wish_that_no_theta_says_is_learned():
    """The left side in the first five cells and the right side after them: of both, theta has one weight."""
    mdp, cells = corridor_mdp(LENGTH), np.arange(2 * LENGTH) % LENGTH
    wish = np.where(cells < 5, 2.0, -2.0)[:, None] * mdp.features[:, :, LEFT]
    q = mdp.soft_q(mdp.features @ THETA_PRIOR + wish, temperature=ALPHA, gamma=GAMMA)
    supervisor = DivergenceExpert(table_policy(q, ALPHA), expert()._engine.rule)
    settings = inner(ascent="natural")
    how = {"supervisor": supervisor, "n_rounds": 3, "rate_threshold": 0.0}
    linear, deep = ([each.intervention_rate for each in run(m, settings, **how)] for m in (MEREQ, MEREQ_DEEP))
    assert min(linear) > 0.4
    assert min(deep) < 0.1
