"""Rewards with an unnamed part: against soft optima of random decision processes, and gradients by differences."""

import numpy as np
import pytest

from exact import boltzmann, random_mdp, slope, soft_maximum
from mereq.commands.features import feature_lines
from mereq.core.distribution import log_softmax
from mereq.irl.unnamed_reward import (
    ChangedChoices,
    ChangedMoves,
    Divergence,
    Evidence,
    ImpliedReward,
    UnnamedPart,
    basis_of,
    draw_units,
    fitted_changes,
    resemblance,
    unnamed_part,
)
from mereq.maxent_rl.networks import Layer, apply_mlp_numpy, beside

ALPHA, GAMMA = 0.5, 0.8


def two_rewards(seed, *, outcomes=4):
    """A process, a reward for theta's policy, and another one."""
    rng = np.random.default_rng(seed)
    mdp = random_mdp(rng, outcomes=outcomes)
    return rng, mdp, mdp.features @ np.array([0.6, -0.3]), rng.normal(size=(5, 3))


def every_step(mdp, log_probs):
    """Evidence of every state and action of a process with one outcome each; the basis is the state."""
    state, action = (index.ravel() for index in np.indices(mdp.successors.shape[:2]))
    reached = mdp.successors[state, action, 0]
    inside = np.where(mdp.terminal[:, None], 0.0, np.eye(5))
    choices = ChangedChoices(log_probs[state], log_probs[state], action, 1.0)
    return Evidence(choices, np.eye(5)[state], np.arange(15), choices, np.eye(5)[state], inside[reached])


def test_the_policy_of_both_parts_is_optimal_for_its_reward_whatever_the_potential():
    rng, mdp, reward, change = two_rewards(0)
    log_theta = np.log(boltzmann(mdp.soft_q(reward, temperature=ALPHA, gamma=GAMMA), ALPHA))
    potential = np.where(mdp.terminal, 0.0, rng.normal(size=5))
    ratio = [ChangedChoices(log_theta, log_theta, np.full(5, a), 1.0).log_ratio(change).value for a in range(3)]
    unnamed = ALPHA * np.stack(ratio, axis=1) + potential[:, None] - GAMMA * potential[mdp.successors].mean(axis=-1)
    best = boltzmann(mdp.soft_q(reward + unnamed, temperature=ALPHA, gamma=GAMMA), ALPHA)
    np.testing.assert_allclose(best[:-1], np.exp(log_softmax(log_theta + change))[:-1], atol=1e-9)


def test_with_the_best_potential_the_implied_reward_is_the_true_one():
    """Given the exact policies of theta and of both parts, and D the difference of their soft values."""
    _, mdp, reward, true = two_rewards(1, outcomes=1)
    q_theta, q_both = (mdp.soft_q(each, temperature=ALPHA, gamma=GAMMA) for each in (reward, reward + true))
    log_theta, log_both = (np.log(boltzmann(q, ALPHA)) for q in (q_theta, q_both))
    gained = (soft_maximum(q_both, ALPHA) - soft_maximum(q_theta, ALPHA)) / ALPHA
    evidence = every_step(mdp, log_theta)
    part = UnnamedPart(Layer(np.zeros((5, 0)), np.zeros(0)), log_both - log_theta, gained, 1.0, np.zeros(15))
    np.testing.assert_allclose(ALPHA * part.reward(evidence, gamma=GAMMA), true.ravel(), atol=1e-9)
    size, *_ = ImpliedReward(GAMMA)(evidence, part.weights, part.potential)
    assert size == pytest.approx(0.5 * np.mean((true / ALPHA) ** 2))
    unshaped, *_ = ImpliedReward(GAMMA)(evidence, part.weights, np.zeros(5))
    assert unshaped != pytest.approx(size)


def choices(rng, steps=7, actions=3):
    return ChangedChoices(
        log_softmax(rng.normal(size=(steps, actions))),
        log_softmax(rng.normal(size=(steps, actions))),
        rng.integers(actions, size=steps),
        1.7,
    )


def moves(rng, steps=7, squashed=True):
    mean, chosen = rng.normal(0, 0.4, (steps, 2)), rng.uniform(-0.9, 0.9, (steps, 2))
    return ChangedMoves(mean, rng.uniform(0.3, 0.9, (steps, 2)), chosen, squashed, 3.0)


def clipped_moves(rng):
    return moves(rng, squashed=False)


@pytest.mark.parametrize("make", [choices, moves, clipped_moves])
def test_the_derivatives_by_the_change(make):
    rng = np.random.default_rng(0)
    at = make(rng)
    change = rng.normal(0, 0.3, (7, at.n_outputs))
    for function in (at.shown, at.divergence, at.log_ratio):
        found = slope(lambda x, f=function: f(x.reshape(change.shape)).value.sum(), change.ravel())
        np.testing.assert_allclose(function(change).by_change.ravel(), found, atol=1e-6)
        assert function(change).value.shape == (7,)


def test_the_divergences_are_those_of_the_distributions():
    rng = np.random.default_rng(1)
    at, change = choices(rng), rng.normal(size=(7, 3))
    after, before = log_softmax(at.log_probs + change), at.log_probs
    np.testing.assert_allclose(at.divergence(change).value, (np.exp(after) * (after - before)).sum(axis=1))
    np.testing.assert_allclose(at.divergence(change + 5.0).value, at.divergence(change).value)
    far = moves(rng)
    drawn = far.mean[0] + 0.2 + far.std[0] * np.random.default_rng(2).standard_normal((200_000, 2))
    many = ChangedMoves(*(np.tile(each[:1], (200_000, 1)) for each in (far.mean, far.std)), np.tanh(drawn), True, 1.0)
    inside = np.abs(many.chosen).max(axis=1) < 0.97
    mean_ratio = many.log_ratio(np.full((200_000, 2), 0.2)).value[inside].mean()
    assert mean_ratio == pytest.approx(far.divergence(np.full((7, 2), 0.2)).value[0], rel=0.15)


@pytest.mark.parametrize("penalty", [Divergence(), ImpliedReward(GAMMA)])
def test_the_gradients_of_the_penalties(penalty):
    rng, mdp, reward, _ = two_rewards(2, outcomes=1)
    evidence = every_step(mdp, log_softmax(reward))
    weights, potential = rng.normal(size=(5, 3)), rng.normal(size=5)
    _, by_weights, by_potential = penalty(evidence, weights, potential)
    found = slope(lambda x: penalty(evidence, x.reshape(5, 3), potential)[0], weights.ravel())
    np.testing.assert_allclose(by_weights.ravel(), found, atol=1e-7)
    found = slope(lambda x: penalty(evidence, weights, x)[0], potential)
    np.testing.assert_allclose(by_potential, found, atol=1e-7)


# -------------------------------------------------------------------------------------- what is learned, and when


def interventions(rng, wish, n=16, steps=6):
    """Choices among three actions in states on a line, by a given wish; theta's policy is uniform."""
    obs = rng.uniform(-1, 1, (n * steps, 1))
    log_odds = np.zeros((n * steps, 3))
    chosen = (wish(obs) + rng.gumbel(size=log_odds.shape)).argmax(axis=1)
    units = draw_units(obs, rng, units=16)
    basis, seen = basis_of(units, obs), ChangedChoices(log_odds, log_softmax(log_odds), chosen, 1.0)
    return Evidence(seen, basis, np.repeat(np.arange(n), steps), seen, basis, np.zeros_like(basis)), units


def beyond(obs):
    """A wish for one action on the right half, and for another on the left."""
    return 4.0 * np.column_stack([obs > 0, obs < 0, 0 * obs])


@pytest.mark.parametrize("penalty", [Divergence(), ImpliedReward(GAMMA)])
def test_a_wish_that_theta_cannot_say_is_learned(penalty):
    evidence, units = interventions(np.random.default_rng(0), beyond)
    part = unnamed_part(evidence, units, penalty, slip=0.3, log_uniform=-np.log(3))
    assert part is not None
    assert part.gain.mean() > 0.2
    assert part.change(np.array([[0.7], [-0.7]])).argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("penalty", [Divergence(), ImpliedReward(GAMMA)])
def test_where_theta_says_all_there_is_hardly_ever_an_unnamed_part(penalty):
    """Interventions that are drawn from theta's policy itself."""
    found = [
        unnamed_part(*interventions(np.random.default_rng(seed), lambda obs: 0.0), penalty, slip=0.3, log_uniform=-1.1)
        for seed in range(4)
    ]
    assert sum(part is not None for part in found) <= 1
    assert all(part.gain.mean() < 0.05 for part in found if part is not None)


def test_a_strong_penalty_leaves_theta_alone_and_few_interventions_teach_nothing():
    evidence, units = interventions(np.random.default_rng(0), beyond)
    ((weights, _),) = fitted_changes(evidence, Divergence(), [1e4], np.ones(16, bool))
    np.testing.assert_allclose(evidence.basis @ weights, 0.0, atol=1e-2)
    few, units = interventions(np.random.default_rng(0), beyond, n=3)
    assert unnamed_part(few, units, Divergence(), slip=0.3, log_uniform=-1.1) is None


def test_what_an_unnamed_reward_is_like():
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.normal(size=(400, 2)), np.ones(400)])
    found = resemblance(values[:, 0] - 0.5 * values[:, 1], values)
    np.testing.assert_allclose(found, [0.89, -0.45, 0.0], atol=0.06)
    said = feature_lines(
        {"interventions": 1, "fit": None, "enough": False, "unnamed": [{"name": "own y", "correlation": -0.6}]}
    )
    assert said[:2] == ["the unnamed part of the reward is most like:", "  less of  own y   (correlation -0.60)"]


def test_a_network_beside_another_adds_its_outputs():
    rng = np.random.default_rng(0)
    sizes = [(4, 6), (6, 5), (5, 3)]
    mlp = tuple(Layer(rng.normal(size=size), rng.normal(size=size[1])) for size in sizes)
    units, head = (Layer(rng.normal(size=size), rng.normal(size=size[1])) for size in ((4, 7), (7, 3)))
    x = rng.normal(size=(9, 4))
    wanted = apply_mlp_numpy(mlp, x.copy()) + apply_mlp_numpy((units, head), x.copy())
    np.testing.assert_allclose(apply_mlp_numpy(beside(mlp, units, head), x.copy()), wanted)
