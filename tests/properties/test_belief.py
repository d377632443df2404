"""What a posterior says in words follows from its intervals."""

import json

import numpy as np
import pytest

from mereq.irl.belief import Belief, InterventionEffect, WeightBelief
from mereq.irl.posterior import NormalPrior, Posterior

NAMES = ("speed", "height")
LIMIT = np.array([1.0, 2.0])
BEFORE = NormalPrior(np.array([0.0, 0.0, 2.0]), np.array([0.5, 1.0, 0.5]))


def weight(low: float, high: float, mean: float | None = None) -> WeightBelief:
    return WeightBelief("speed", (low + high) / 2 if mean is None else mean, low, high, before=0.98)


@pytest.mark.parametrize(
    ("low", "high", "sign", "words"),
    [
        (0.4, 0.6, "more", "wants more, 0.50 ± 0.10"),
        (-0.9, -0.1, "less", "wants less, -0.50 ± 0.40"),
        (-0.05, 0.75, "more", "probably wants more, 0.35 ± 0.40"),
        (-0.75, 0.05, "less", "probably wants less, -0.35 ± 0.40"),
        (-0.3, 0.5, "unknown", "cannot tell yet"),  # zero is clearly inside
        (-0.05, 1.6, "unknown", "cannot tell yet"),  # as wide as before any evidence
        (-0.05, 0.05, "neither", "does not matter, 0.00 ± 0.05"),
        (0.01, 0.05, "more", "wants more, 0.03 ± 0.02"),
    ],
)
def test_words_of_an_interval(low, high, sign, words):
    assert (weight(low, high).sign, weight(low, high).words) == (sign, words)


def test_no_negative_zero():
    assert weight(-0.05, 0.05, mean=-0.001).words == "does not matter, 0.00 ± 0.05"


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ((0.2, -0.8), "speed 0.20 -> 0.50"),
        ((0.5, -0.5), "height -0.50 -> -0.80"),
        ((0.3, -1.1), "speed 0.30 -> 0.50"),  # the interval of the height is twice as wide
        ((0.49, -0.8), "hardly anything"),
        ((-0.001, -0.8), "speed 0.00 -> 0.50"),
    ],
)
def test_the_largest_change_in_words(before, words):
    weights = (weight(0.4, 0.6), WeightBelief("height", -0.8, -1.0, -0.6, before=1.96))
    belief = Belief(weights, (), (7.0, 6.0, 8.0))
    assert belief.change_since(before) == words
    effect = InterventionEffect(1, 3, 12, 6, 0.51, before)
    assert (belief.moved_by(effect), effect.contradicts, effect.place) == (words, True, "episode 3, steps 12 to 17")
    assert InterventionEffect(1, 3, 12, 1, 0.5, before).place == "episode 3, step 12"
    told = belief.with_interventions([effect])
    assert Belief.from_json(json.loads(json.dumps(told.to_json()))) == told
    earlier = belief.to_json()
    del earlier["interventions"]
    assert Belief.from_json(earlier) == belief
    with pytest.raises(ValueError, match="as many as the features"):
        Belief.from_json(belief.with_interventions([InterventionEffect(0, 0, 0, 1, 0.1, (0.0,))]).to_json())


def posterior(theta: np.ndarray, log_rationality=2.0) -> Posterior:
    rest = np.full((len(theta), 1), log_rationality)
    return Posterior(np.concatenate([theta, rest], axis=1), np.full(len(theta), 1 / len(theta)))


def test_the_summary_has_the_draws_intervals_within_the_region():
    draws = np.random.default_rng(0).normal([0.5, -1.9], [0.1, 0.2], (20_000, 2))
    belief = Belief.of(posterior(draws), BEFORE, LIMIT, NAMES)
    speed, height = belief.weights
    assert (speed.mean, speed.low, speed.high) == pytest.approx((0.5, 0.5 - 0.196, 0.5 + 0.196), abs=0.01)
    assert height.low == -2.0  # of the region
    assert (speed.before, height.before) == pytest.approx((0.98, 1.96))
    assert belief.rationality == pytest.approx((np.exp(2.0),) * 3)
    assert belief.confused == ()
    assert Belief.from_json(belief.to_json()) == belief


@pytest.mark.parametrize(("slope", "confused"), [(-1.0, True), (1.0, True), (0.4, False)])
def test_weights_that_cannot_be_told_apart(slope, confused):
    rng = np.random.default_rng(1)
    speed = rng.normal(0, 0.3, 5000)
    draws = np.stack([speed, slope * speed + rng.normal(0, 0.15, 5000)], axis=1)
    found = Belief.of(posterior(draws), BEFORE, LIMIT, NAMES).confused
    assert [pair[:2] for pair in found] == ([NAMES] if confused else [])
    assert all(np.sign(how) == np.sign(slope) for *_, how in found)
