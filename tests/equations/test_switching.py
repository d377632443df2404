"""Wishes that come and go: Gibbs samples against all labellings enumerated, and who says what when minds change."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from mereq.irl.posterior import normalized
from mereq.irl.switching import A, B, Wishes, log_path, sample_labels

X = np.linspace(-2.0, 2.0, 41)
LOG_BEFORE = np.log(normalized(-0.5 * X**2))


def shown(signs, sharpness=3.0):
    """Log-likelihood of interventions that each say on which side of zero x is."""
    return np.array([-np.log1p(np.exp(-sharpness * sign * X)) for sign in signs])


def enumerated(groups):
    """Probability of every labelling whose last label is 0, from the definition."""
    labellings = [np.array([*each, 0]) for each in itertools.product(range(2), repeat=len(groups) - 1)]
    scores = []
    for labels in labellings:
        switches = (np.diff(labels) != 0).sum()
        others = len(labels) - 1 - switches
        path = quad(lambda h, s=switches, o=others: beta(A, B).pdf(h) * h**s * (1 - h) ** o, 0, 1)[0]
        parts = [np.exp(LOG_BEFORE) @ np.exp(groups[labels == k].sum(axis=0)) for k in range(2)]
        scores.append(path * np.prod(parts))
    return np.array(labellings), np.array(scores) / np.sum(scores)


def test_the_probability_of_a_path_integrates_the_rate_out():
    for labels, switches in (([0, 0, 0, 0], 0), ([0, 1, 1, 0], 2)):
        exact = quad(lambda h, s=switches: beta(A, B).pdf(h) * h**s * (1 - h) ** (3 - s), 0, 1)[0]
        assert np.exp(log_path(np.array(labels))) == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("signs", [[1, 1, -1, -1], [1, -1, 1, -1, 1], [1] * 4])
def test_samples_are_those_of_the_enumerated_posterior(signs):
    groups = shown(signs)
    labellings, exact = enumerated(groups)
    labels = sample_labels(LOG_BEFORE, groups, np.random.default_rng(0), sweeps=400, first=20)
    found = Wishes(labels, X[:, None], LOG_BEFORE, groups)
    np.testing.assert_allclose(found.same, exact @ (labellings == 0), atol=0.07)
    assert found.two == pytest.approx(exact[labellings.any(axis=1)].sum(), abs=0.07)
    assert found.most_probable.tolist() == labellings[exact.argmax()].tolist()


@pytest.mark.parametrize(
    ("signs", "two"), [([1] * 12, False), ([1] * 10 + [-1] * 2, True), ([1, -1] * 6, True), ([1] * 11 + [-1], None)]
)
def test_a_changed_mind_is_seen_after_two_interventions_and_an_alternating_one_as_two(signs, two):
    groups = shown(signs, sharpness=6.0)
    labels = sample_labels(LOG_BEFORE, groups, np.random.default_rng(0))
    found = Wishes(labels, X[:, None], LOG_BEFORE, groups)
    if two is None:  # one intervention may be a slip
        assert 0.1 < found.two < 0.9
        return
    assert (found.two > 0.5) is two
    assert np.sign(found.present.mean[0]) == signs[-1]
    if two:
        np.testing.assert_array_equal(found.most_probable == 0, np.array(signs) == signs[-1])
        other = found.of(found.most_probable == 1)
        assert np.sign(other.mean[0]) == -signs[-1]
