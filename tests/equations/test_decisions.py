"""Likelihood of decisions: against a direct evaluation, one intervention at a time."""

import numpy as np
import pytest

from mereq.core.supervisor import Controller
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.irl.decisions import (
    ACCEPTED,
    IGNORED,
    DecisionModel,
    all_decisions,
    log_likelihood,
    slip_probabilities,
    votes,
)

P, E = Controller.POLICY, Controller.EXPERT


def rollout(controllers, *, episodes=None, retracts=()):
    obs = np.zeros(1, np.float32)
    episodes = [0] * len(controllers) if episodes is None else episodes
    return Rollout.of(
        SupervisedStep(e, i, obs, 0, 0, c, obs, np.zeros(1), False, False, i in retracts)
        for i, (c, e) in enumerate(zip(controllers, episodes, strict=True))
    )


def test_interventions_are_numbered_throughout_a_log():
    log = InterventionLog((rollout([P, E, E, P, E]), rollout([E, P, P]), rollout([P, P])))
    assert all_decisions(log).tolist() == [-1, 0, 0, -1, 1, 2, -1, -1, -1, -1]


def test_an_episode_ends_an_intervention():
    log = InterventionLog((rollout([P, E, E, E], episodes=[0, 0, 1, 1]),))
    assert all_decisions(log).tolist() == [-1, 0, 1, 1]


def test_a_retracted_intervention_is_no_evidence():
    log = InterventionLog((rollout([E, P, E, E, P, P], retracts=[4]),))
    assert all_decisions(log).tolist() == [0, ACCEPTED, IGNORED, IGNORED, ACCEPTED, ACCEPTED]


@pytest.mark.parametrize("slip", [0.0, 0.3])
def test_likelihood_is_that_of_the_decisions_one_by_one(slip):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(4), (9, 3))[..., 0]  # of the executed action: 9 steps, 3 policies
    decision = np.array([ACCEPTED, 0, 0, 0, IGNORED, 1, ACCEPTED, 2, 2])
    wanted = np.ones(3)
    for steps in ([1, 2, 3], [5], [7, 8]):
        geometric_mean = probs[steps].prod(axis=0) ** (1 / len(steps))
        wanted *= (1 - slip) * geometric_mean + slip / 4
    wanted *= (probs[0] * probs[6]) ** 0.1
    found = log_likelihood(np.log(probs), decision, DecisionModel(slip=slip, accepted=0.1), uniform=np.log(1 / 4))
    np.testing.assert_allclose(found, np.log(wanted))


def test_slips_are_the_interventions_that_theta_makes_improbable():
    log_probs = np.log(np.array([[0.9], [0.8], [1e-9]]))
    decision = np.array([0, 0, 1])
    model = DecisionModel(slip=0.2, accepted=0.0)
    probable, improbable = slip_probabilities(log_probs, decision, model, uniform=np.log(1 / 5))[:, 0]
    assert probable == pytest.approx(0.04 / (0.04 + 0.8 * np.sqrt(0.72)))
    assert improbable > 0.999


def test_without_an_intervention_there_are_no_votes():
    log_probs = np.log(np.array([[0.5, 0.25]]))
    assert votes(log_probs, np.array([ACCEPTED])).shape == (0, 2)
    model = DecisionModel(slip=0.1, accepted=0.5)
    np.testing.assert_allclose(log_likelihood(log_probs, np.array([ACCEPTED]), model, uniform=-1.0), 0.5 * log_probs[0])
