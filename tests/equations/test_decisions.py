"""Likelihood of decisions: against a direct evaluation, one decision at a time."""

import numpy as np
import pytest

from mereq.core.supervisor import Controller
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.irl.decisions import (
    STEPS,
    DecisionModel,
    Decisions,
    Windows,
    decisions_of,
    intervention_log_likelihoods,
    judgement_log_likelihoods,
    slip_probabilities,
    takeover_probabilities,
)

P, E = Controller.POLICY, Controller.EXPERT


def rollout(controllers, *, episodes=None, retracts=()):
    obs = np.zeros(1, np.float32)
    episodes = [0] * len(controllers) if episodes is None else episodes
    return Rollout.of(
        SupervisedStep(e, i, obs, 0, 0, c, obs, np.zeros(1), False, False, int(i in retracts))
        for i, (c, e) in enumerate(zip(controllers, episodes, strict=True))
    )


def stretches(decisions):
    """Windows of each stretch, as lists of steps, and the intervention that it led to."""
    judged = decisions.judged
    windows = [judged.steps[judged.place[judged.window == i]].tolist() for i in range(len(judged.group))]
    groups = [[w for w, g in zip(windows, judged.group, strict=True) if g == k] for k in range(len(decisions.takeover))]
    return list(zip(groups, decisions.takeover.tolist(), strict=True))


def test_the_last_proposals_before_an_intervention_led_to_it_and_the_others_were_let_pass():
    found = decisions_of(InterventionLog((rollout([P, P, P, P, E, E, P]),)))
    assert stretches(found) == [([[0, 1], [1, 2]], -1), ([[3, 4]], 0), ([[6]], -1)]
    assert found.shown.steps.tolist() == [4, 5]


def test_decisions_are_numbered_throughout_a_log_and_end_with_an_episode():
    found = decisions_of(InterventionLog((rollout([P, E, E, P]), rollout([E, E, P, P], episodes=[0, 1, 1, 1]))))
    assert stretches(found) == [([[0, 1]], 0), ([[3]], -1), ([[4]], 1), ([[5]], 2), ([[6, 7]], -1)]
    assert found.shown.steps.tolist() == [1, 2, 4, 5]
    assert found.n_interventions == 3


def test_a_retracted_intervention_is_no_decision():
    found = decisions_of(InterventionLog((rollout([E, P, E, E, P, P], retracts=[4]),)))
    assert found.shown.steps.tolist() == [0]
    assert stretches(found) == [([[0]], 0), ([[4, 5]], -1)]


def test_evenly_spaced_steps_and_windows_represent_a_long_segment():
    found = decisions_of(InterventionLog((rollout([P] * 100 + [E] * 50),)))
    assert [windows[i] for windows, _ in stretches(found) for i in (0, -1)] == [[0, 1], [97, 98], [99, 100], [99, 100]]
    assert len(found.shown.steps) == STEPS
    assert len(found.judged.group) == STEPS + 1


def test_an_empty_log_has_no_decisions():
    found = decisions_of(InterventionLog())
    assert found.n_interventions == 0
    assert found.shown.means(np.zeros((0, 2, 3))).shape == (0, 2, 3)


DECISIONS = Decisions(
    shown=Windows.of([[np.array([1])], [np.array([4, 5, 6])]]),
    judged=Windows.of([[np.array([0, 1])], [np.array([2, 3]), np.array([3, 4])], [np.array([4])]]),
    takeover=np.array([0, -1, 1]),
)
MODEL = DecisionModel(slip=0.3, spread=0.5)


@pytest.mark.parametrize("slip", [0.0, 0.3])
def test_likelihood_of_what_is_shown_is_that_of_the_votes_one_by_one(slip):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(4), (4, 2, 3))[..., 0]  # of the executed action: 4 steps, 2 coordinates, 3 policies
    wanted = np.ones((2, 3))
    for k, steps in enumerate(([0], [1, 2, 3])):
        for coordinate in range(2):
            geometric_mean = probs[steps, coordinate].prod(axis=0) ** (1 / len(steps))
            wanted[k] *= (1 - slip) * geometric_mean + slip / 4
    model = DecisionModel(slip=slip, spread=0.5)
    found = intervention_log_likelihoods(np.log(probs), DECISIONS, model, uniform=np.log(1 / 4))
    np.testing.assert_allclose(found, np.log(wanted))


def test_likelihood_of_letting_pass_is_that_of_the_worst_window():
    """A proposal that is less probable than a uniform draw leads to a takeover, if the supervisor looks."""
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(4), (5, 1, 3))[..., 0]  # of the proposed action: 5 steps, 1 coordinate, 3 policies
    attention = np.array([0.2, 0.5, 0.9])
    badness = np.log(0.25) - np.log(probs[:, 0])
    of_stretches = [badness[:2].mean(0), np.maximum(badness[2:4].mean(0), badness[3:].mean(0)), badness[4]]
    taken = attention * (0.15 + 0.7 / (1 + np.exp(-np.array(of_stretches) / 0.5)))
    found = judgement_log_likelihoods(np.log(probs), attention, DECISIONS, MODEL, uniform=np.log(1 / 4))
    np.testing.assert_allclose(np.exp(found), [taken[0], 1 - taken[1], taken[2]])


def test_with_no_spread_it_is_the_rule_of_the_divergence():
    """The limit of DivergenceExpert: a takeover where -log pi(a_l|s) exceeds a threshold, here log 5."""
    probs = np.array([0.19, 0.19, 0.21, 0.17, 0.21])[:, None, None]
    rule = DecisionModel(slip=0.0, spread=1e-3)
    found = takeover_probabilities(np.log(probs), np.ones(1), DECISIONS, rule, uniform=np.log(1 / 5))
    np.testing.assert_allclose(found[:, 0], [1.0, 1.0, 0.0], atol=1e-6)


def test_a_slip_is_a_decision_that_theta_makes_improbable_in_every_coordinate():
    likely, unlikely = np.log(0.9), np.log(1e-9)
    log_probs = np.array([[likely, likely], [unlikely, likely], [unlikely, unlikely]])[:, :, None]
    decisions = Decisions(Windows.of([[np.array([i])] for i in range(3)]), Windows.of([]), np.zeros(0, int))
    model = DecisionModel(slip=0.2, spread=0.5)
    slips = slip_probabilities(log_probs, decisions, model, uniform=np.log(1 / 5))[:, 0]
    alone = 0.04 / (0.04 + 0.8 * 0.9)
    np.testing.assert_allclose(slips, [alone**2, alone, 1.0], atol=1e-6)
