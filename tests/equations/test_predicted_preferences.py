"""PPL: what the simulator predicts is what happens, and preferences hold in predicted states."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from corridor_runs import PRIOR, QUICK, corridor, run, task_of
from mereq.alignment.preference_learning import PPL
from mereq.alignment.takeover_learning import takeovers
from mereq.core.errors import IncompleteTask
from mereq.core.seeding import episode_seed
from mereq.imitation.cloning import CloningSettings
from mereq.imitation.objectives import PreferenceLoss, PreferenceSettings, PreferredActions
from mereq.imitation.residual_policy import ResidualCategorical, ResidualFit
from toys import LINE, one_hot


def test_predicted_states_are_those_that_the_policy_would_have_reached():
    """The same episode once more, in which the prior continues where the expert had taken over."""
    settings = replace(QUICK, preferences=PreferenceSettings(horizon=5))
    improver = PPL.start(task_of(), PRIOR, settings, seed=0)
    (made,) = run(PPL, QUICK, n_rounds=1, rate_threshold=0.0)
    rollout = made.rollout
    for step in np.flatnonzero(takeovers(rollout))[:3].tolist():
        predicted = improver.predict(rollout, 0, step)
        environment, first = corridor(), step - rollout.step[step]
        obs, _ = environment.reset(seed=episode_seed(0, 0, int(rollout.episode[step])))
        for action in rollout.executed[first:step]:
            obs, *_ = environment.step(action)
        expected, ended = [obs], False
        while len(expected) < 5 and not ended:
            obs, _, terminated, truncated, _ = environment.step(PRIOR.distribution(obs[None]).mode()[0])
            ended = terminated or truncated
            if not ended:
                expected.append(obs)
        np.testing.assert_array_equal(predicted, expected)
    improver.close()


def test_the_loss_is_that_of_preferences_and_of_demonstrations():
    log_probs = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]))
    batch = PreferredActions(np.zeros((2, 1)), log_probs, np.array([1, 2]), np.array([0, 2]), np.array([True, False]))
    found = PreferenceLoss(PreferenceSettings(sharpness=2.0))(ResidualCategorical(3), np.zeros((2, 3)), batch)
    assert found == pytest.approx(0.5 * (np.log1p((0.5 / 0.3) ** 2) - np.log(0.3)), rel=1e-5)


def test_a_preference_holds_in_a_state_that_was_only_predicted():
    prior = np.log(np.full((3, 3), 1 / 3))
    obs = one_hot([0, 1, 0], 3)  # 1 was predicted from 0, and 2 is neither
    compared = np.array([True, True, False])
    batch = PreferredActions(obs, prior, np.array([2, 2, 2]), np.array([0, 0, 2]), compared)
    settings = CloningSettings(hidden=(), learning_rate=0.02, weight_decay=0.0, batch_size=1)
    fit = ResidualFit(3, ResidualCategorical(3), PreferenceLoss(PreferenceSettings()), settings)
    state, _ = fit.update(
        fit.init(0), jax.tree.map(lambda column: np.broadcast_to(column, (200, *column.shape)), batch)
    )
    change = np.asarray(state.network[0].weight)
    log_odds = change[:, 2] - change[:, 0]
    assert log_odds[1] > 1.0
    assert log_odds[2] == 0.0


def test_a_simulator_that_cannot_go_back_is_refused():
    with pytest.raises(IncompleteTask, match="The method ppl predicts what follows"):
        PPL.start(LINE, PRIOR, QUICK, seed=0)
