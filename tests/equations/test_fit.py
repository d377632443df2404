"""Fit: shares by hand, clones that learn what no weight says, and occasions."""

import numpy as np
import pytest

from mereq.core.distribution import log_softmax
from mereq.interventions.log import InterventionLog
from mereq.irl.decisions import decisions_of
from mereq.irl.fit import Fit, _changed_choices
from mereq.irl.occasions import occasions
from toys import EXPERT, POLICY, rollout


def test_the_share_is_between_prior_and_clone():
    fit = Fit(np.array([-3.0, -3.0]), np.array([-2.0, -1.0]), np.array([-1.0, -1.0]))
    assert fit.share == pytest.approx(3 / 4)
    assert fit.few
    assert fit.worst.tolist() == [0, 1]
    low, high = fit.interval(np.random.default_rng(0))
    assert (low, high) == (pytest.approx(0.5), pytest.approx(1.0))  # two interventions: half and all of it


@pytest.mark.parametrize(("theta", "share"), [(-5.0, 0.0), (0.0, 1.0)])
def test_a_share_is_never_below_none_or_above_all(theta, share):
    assert Fit(np.array([-3.0]), np.array([theta]), np.array([-1.0])).share == share


def test_where_the_clone_knows_no_more_than_the_prior_there_is_no_share():
    fit = Fit(np.full(9, -3.0), np.full(9, -2.99), np.full(9, -2.95))
    assert fit.share is None
    assert fit.interval(np.random.default_rng(0)) is None
    assert not fit.few


def test_a_clone_is_the_maximum_of_the_penalised_likelihood():
    """The gradient there is zero; steps without weight teach nothing."""
    rng = np.random.default_rng(0)
    log_probs, basis = log_softmax(rng.normal(size=(30, 3))), rng.normal(size=(30, 4))
    chosen, weight = rng.integers(3, size=30), (np.arange(30) < 25).astype(float)
    found = _changed_choices(log_probs, chosen, basis, weight, 2.0)
    change = np.linalg.lstsq(basis, found - log_probs, rcond=None)[0]  # but for each row's normalisation
    change -= change.mean(axis=1, keepdims=True)
    gradient = (basis.T * weight) @ (np.eye(3)[chosen] - np.exp(found)) - 2.0 * change
    np.testing.assert_allclose(gradient, 0.0, atol=1e-3)


def test_occasions_are_the_steps_of_the_episodes():
    one = rollout([POLICY, EXPERT, EXPERT, POLICY, EXPERT, EXPERT], episodes=[0, 0, 0, 0, 0, 1])
    log = InterventionLog((rollout([POLICY, POLICY]), one))
    assert [tuple(each) for each in occasions(log, decisions_of(log))] == [(1, 0, 1, 2), (1, 0, 4, 4), (1, 1, 0, 0)]
