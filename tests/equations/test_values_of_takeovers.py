"""RLIF, RIFT and PVP: what their labels say, and the exact optimum of what they learn from them."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from corridor_runs import PRIOR, SETTINGS, task_of
from exact import MDP, boltzmann, corridor_mdp
from mereq.alignment.takeover_learning import (
    PVP,
    LabelledSteps,
    cost_of_proposals,
    cost_of_takeovers,
    proxy_values,
    takeovers,
)
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.maxent_rl.dqn import DQN, DQNSettings
from mereq.maxent_rl.replay import Batch
from toys import EXPERT, POLICY, one_hot, rollout

LENGTH, TAU, GAMMA, COST = 4, 0.2, 0.8, 0.5
S, A = 2 * LENGTH, 3
RIGHT = np.arange(S) >= LENGTH
NUMBERS = {"hidden": (), "learning_rate": 0.01, "gamma": GAMMA, "target_period": 100, "max_grad_norm": 10.0}
UNIFORM = np.full((S, A), -np.log(A))


def supervised() -> Rollout:
    """Two steps from each state, action and outcome of the corridor; the expert takes over wherever it is right."""
    mdp, steps = corridor_mdp(LENGTH), []
    for episode, (s, a, k) in enumerate(np.ndindex(mdp.successors.shape)):
        reached = mdp.successors[s, a, k]
        steps.append((episode, 0, s, a, a, POLICY, reached))
        if not mdp.terminal[reached]:
            steps.append((episode, 1, reached, 1, 2, EXPERT if RIGHT[reached] else POLICY, reached))
    episode, step, here, proposed, executed, controller, there = map(np.array, zip(*steps, strict=True))
    n = len(steps)
    return Rollout(
        episode=episode,
        step=step,
        obs=one_hot(here, S),
        proposed=proposed,
        executed=executed,
        controller=controller,
        next_obs=one_hot(there, S),
        features=np.zeros((n, 1)),
        terminated=mdp.terminal[there],
        truncated=~mdp.terminal[there] & (np.append(np.diff(episode), 1) != 0),
        retracts=np.zeros(n, int),
        version=np.zeros(n, int),
    )


def learned(groups: list[LabelledSteps], log_prior: np.ndarray, prior_temperature: float, updates: int = 8000):
    """Table (S, A) that a DQN without hidden layers learns from all labelled steps at once."""
    dqn = DQN(S, A, DQNSettings(temperature=TAU, prior_temperature=prior_temperature, **NUMBERS))
    steps = LabelledSteps(*(np.concatenate(column) for column in zip(*groups, strict=True)))
    known, there = (obs @ log_prior for obs in (steps.obs, steps.next_obs))
    batch = Batch(
        steps.obs, steps.action, COST * steps.label, steps.next_obs, steps.terminated.astype(float), known, there
    )
    batches = jax.tree.map(lambda column: np.broadcast_to(column, (100, *column.shape)), batch)
    with jax.enable_x64(True):
        state = dqn.init(0, zero_head=True)
        for _ in range(updates // 100):
            state, _ = dqn.update(state, batches)
        return dqn.policy(state, None).values(np.eye(S))


def only(steps: LabelledSteps, which: np.ndarray) -> LabelledSteps:
    return LabelledSteps(*(column[which] for column in steps))


def costs(mdp: MDP) -> np.ndarray:
    """Expected cost of each state and action: a takeover follows where the next state is right, and not the end."""
    return -COST * (RIGHT & ~mdp.terminal)[mdp.successors].mean(axis=-1)


def test_rlif_learns_the_exact_soft_values_of_the_cost_and_avoids_takeovers():
    """Its optimum is that of the reward -c P(takeover follows), and it goes and stays where the expert lets it act."""
    mdp, whole = corridor_mdp(LENGTH), supervised()
    (group,) = cost_of_takeovers(whole)
    table = learned([only(group, whole.step == 0)], UNIFORM, 0.0)
    exact = mdp.soft_q(costs(mdp), temperature=TAU, gamma=GAMMA)
    np.testing.assert_allclose(table, exact, atol=1e-3)
    best, inside = table.argmax(axis=1), ~mdp.terminal
    assert (best[RIGHT & inside] == 1).all()  # switch sides
    assert (best[~RIGHT & inside] != 1).all()


def test_rlif_blames_the_step_before_a_takeover_of_the_same_episode():
    controllers = [POLICY, POLICY, EXPERT, EXPERT, POLICY, EXPERT, EXPERT, POLICY]
    episodes = [0, 0, 0, 0, 0, 0, 1, 1]
    (group,) = cost_of_takeovers(rollout(controllers, episodes=episodes))
    np.testing.assert_array_equal(group.label, [0, -1, 0, 0, -1, 0, 0, 0])


def test_takeovers_are_first_steps_and_retracted_ones_are_none():
    controllers = [POLICY, EXPERT, EXPERT, POLICY, EXPERT, EXPERT]
    made = rollout(controllers, episodes=[0, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(np.flatnonzero(takeovers(made)), [1, 4, 5])
    retracted = rollout(controllers, retracts=[3])
    np.testing.assert_array_equal(np.flatnonzero(takeovers(retracted)), [4])


def test_rift_adds_the_cost_of_refused_proposals_to_the_prior():
    """Q_R(s, proposal) is -c exactly where it was refused, so that its odds fall by exp(c / alphahat)."""
    mdp, whole = corridor_mdp(LENGTH), supervised()
    prior = np.random.default_rng(1).dirichlet(np.ones(A), S)
    moved, stopped = cost_of_proposals(whole)
    rewarded = only(
        moved, (whole.step == 0) & (moved.action != 1)
    )  # switching sides was refused wherever it was proposed
    table = learned([rewarded, stopped], np.log(prior), TAU)
    inside = RIGHT & ~mdp.terminal
    np.testing.assert_allclose(table[inside, 1], -COST, atol=1e-3)
    odds = boltzmann(table + TAU * np.log(prior), TAU)[inside]
    np.testing.assert_allclose(
        odds[:, 1] / odds[:, 0] / (prior[inside, 1] / prior[inside, 0]),
        np.exp((-COST - table[inside, 0]) / TAU),
        rtol=1e-2,
    )


def test_pvp_values_are_1_and_minus_1_on_labelled_pairs_and_spread_by_td():
    """Pairs that no other step contradicts have exactly their values; a step before them is worth gamma of it."""
    mdp, whole = corridor_mdp(LENGTH), supervised()
    moved, good, bad = proxy_values(whole)
    ahead = only(moved, (whole.step == 0) & (moved.action == 0) & (moved.obs @ ~RIGHT > 0))  # forward, on the left
    table = learned([ahead, good, bad], UNIFORM, TAU)
    inside = RIGHT & ~mdp.terminal
    np.testing.assert_allclose(table[inside, 2], COST, atol=1e-3)
    np.testing.assert_allclose(table[inside, 1], -COST, atol=1e-3)
    value = TAU * np.log(np.exp(table / TAU).mean(axis=1)) * ~mdp.terminal
    left = ~RIGHT & ~mdp.terminal
    expected = GAMMA * value[mdp.successors[left, 0]].mean(axis=1)
    np.testing.assert_allclose(table[left, 0], expected, atol=1e-3)


def test_a_proposal_that_the_expert_took_is_not_refused():
    made = rollout([POLICY, EXPERT])
    assert len(cost_of_proposals(made)[1].obs) == 0
    _, good, bad = proxy_values(made)
    assert (len(good.obs), len(bad.obs)) == (1, 0)


@pytest.mark.parametrize("cost", [1.0, 4.0])
def test_values_are_in_units_of_the_temperature(cost):
    settings = replace(SETTINGS, takeovers=replace(SETTINGS.takeovers, cost=cost))
    improver = PVP.start(task_of(), PRIOR, settings, seed=0)
    made = rollout([POLICY, EXPERT])
    states = one_hot([0, 1], 28)
    made = replace(made, obs=states, next_obs=states, proposed=np.array([0, 1]), executed=np.array([0, 2]))
    _, good, bad = improver.groups(InterventionLog((made,)))
    temperature = SETTINGS.learner.temperature
    assert (good.reward, bad.reward) == (pytest.approx(cost * temperature), pytest.approx(-cost * temperature))
    assert good.terminated == bad.terminated == 1
