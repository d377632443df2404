"""Fit: shares by hand, clones that learn what no weight says, and occasions."""

import numpy as np
import pytest

from mereq.commands.features import feature_lines
from mereq.commands.fit import fit_lines
from mereq.core.distribution import log_softmax
from mereq.core.policy import LogitsPolicy
from mereq.evaluation.recorded_actions import RecordedActions
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


def test_recorded_actions_are_repeated_and_then_the_policy_goes_on():
    policy = RecordedActions(np.array([2, 0]), LogitsPolicy(lambda obs: np.tile([0.0, 1.0, 0.0], (len(obs), 1)), 3))
    assert [int(policy.distribution(np.zeros((1, 4))).mode()[0]) for _ in range(4)] == [2, 0, 1, 1]


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ({}, "the features explain 75% of what 9 interventions show (95% interval 50% to 90%)"),
        (
            {"share": None, "interval": None},
            "what 9 interventions show can hardly be predicted better than by the prior",
        ),
        ({"unknown": "no family"}, "how much the features explain is not known: no family"),
    ],
)
def test_the_fit_in_words(changed, first):
    worst = [{"round": 0, "episode": 3, "steps": [4, 4]}, {"round": 1, "episode": 0, "steps": [2, 9]}]
    fit = {"interventions": 9, "share": 0.75, "interval": [0.5, 0.9], "level": 0.95, "few": False, "worst": worst}
    lines = fit_lines(fit | changed)
    assert lines[0].startswith(first)
    if "unknown" not in changed:
        assert lines[1:] == [
            "  explained worst: round 0, episode 3, step 4",
            "  explained worst: round 1, episode 0, steps 2 to 9",
        ]
        assert "only a hint" in fit_lines(fit | {"few": True})[1]


def test_offered_features_in_words():
    each = {"name": "own y", "sign": "more", "z": 4.9, "adjusted_p": 9e-5, "asked_for_by": [worst_of(2)]}
    report = {"interventions": 13, "enough": True, "candidates": 91, "offered": [each], "fit": None, "accept": ["this"]}
    said = feature_lines(report)
    assert said[0].endswith("(91 candidates were tested against 13 interventions):")
    assert said[1:] == [
        "  more of  own y   (z = 4.9, Holm's p = 9e-05)",
        "    asked for in round 0, episode 2, steps 1 to 5",
        "to accept the first one, add it to the task, as if its author had declared it:",
        "  this",
    ]
    assert feature_lines(report | {"offered": []})[0].startswith("no feature is missing, as far as")
    assert "too few" in feature_lines(report | {"enough": False})[0]


def worst_of(episode):
    return {"round": 0, "episode": episode, "steps": [1, 5]}
