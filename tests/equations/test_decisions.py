"""Likelihood of decisions: against a direct evaluation, one decision and one coordinate at a time."""

import numpy as np
import pytest

from mereq.core.supervisor import Controller
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.irl.decisions import STEPS, DecisionModel, Decisions, decisions_of, log_likelihood, slip_probabilities

P, E = Controller.POLICY, Controller.EXPERT


def rollout(controllers, *, episodes=None, retracts=()):
    obs = np.zeros(1, np.float32)
    episodes = [0] * len(controllers) if episodes is None else episodes
    return Rollout.of(
        SupervisedStep(e, i, obs, 0, 0, c, obs, np.zeros(1), False, False, i in retracts)
        for i, (c, e) in enumerate(zip(controllers, episodes, strict=True))
    )


def test_each_segment_is_a_decision_and_decisions_are_numbered_throughout_a_log():
    found = decisions_of(InterventionLog((rollout([P, E, E, P]), rollout([E, E, P], episodes=[0, 1, 1]))))
    assert found.decision.tolist() == [0, 1, 1, 2, 3, 4, 5]
    assert found.intervention.tolist() == [False, True, False, True, True, False]
    assert found.steps.tolist() == list(range(7))


def test_a_retracted_intervention_is_no_decision():
    found = decisions_of(InterventionLog((rollout([E, P, E, E, P, P], retracts=[4]),)))
    assert found.steps.tolist() == [0, 1, 4, 5]
    assert found.intervention.tolist() == [True, False, False]


def test_evenly_spaced_steps_stand_for_a_long_segment():
    found = decisions_of(InterventionLog((rollout([P] * 100 + [E]),)))
    assert len(found.steps) == STEPS + 1
    assert found.steps[[0, STEPS - 1, STEPS]].tolist() == [0, 99, 100]


def test_an_empty_log_has_no_decisions():
    assert len(decisions_of(InterventionLog())) == 0


DECISIONS = Decisions(np.arange(6), np.array([0, 1, 1, 1, 2, 2]), np.array([False, True, True]))


@pytest.mark.parametrize("slip", [0.0, 0.3])
def test_likelihood_is_that_of_the_votes_one_by_one(slip):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(4), (6, 2, 3))[..., 0]  # of the executed action: 6 steps, 2 coordinates, 3 policies
    wanted = np.ones(3)
    for steps, weight in (([0], 0.1), ([1, 2, 3], 1.0), ([4, 5], 1.0)):
        for coordinate in range(2):
            geometric_mean = probs[steps, coordinate].prod(axis=0) ** (1 / len(steps))
            wanted *= ((1 - slip) * geometric_mean + slip / 4) ** weight
    model = DecisionModel(slip=slip, accepted=0.1)
    np.testing.assert_allclose(log_likelihood(np.log(probs), DECISIONS, model, uniform=np.log(1 / 4)), np.log(wanted))


def test_a_slip_is_a_decision_that_theta_makes_improbable_in_every_coordinate():
    likely, unlikely = np.log(0.9), np.log(1e-9)
    log_probs = np.array([[likely, likely], [unlikely, likely], [unlikely, unlikely]])[:, :, None]
    decisions = Decisions(np.arange(3), np.arange(3), np.ones(3, bool))
    model = DecisionModel(slip=0.2, accepted=0.0)
    slips = slip_probabilities(log_probs, decisions, model, uniform=np.log(1 / 5))[:, 0]
    alone = 0.04 / (0.04 + 0.8 * 0.9)
    np.testing.assert_allclose(slips, [alone**2, alone, 1.0], atol=1e-6)
