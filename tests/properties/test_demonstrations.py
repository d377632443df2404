"""Demonstrations and batches drawn from them: HG-DAgger draws uniformly, IWR gives interventions half of a batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact import corridor_mdp
from mereq.alignment.imitation_learning import aggregated, balanced
from mereq.core.policy import LogitsPolicy
from mereq.core.simulator import Step
from mereq.imitation.demonstrations import Demonstrations, by_expert, by_policy, draw, joined, of_rollouts
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from toys import EXPERT, POLICY, TabularSimulator, one_hot, rollout, table_policy


def group(number: int, size: int) -> Demonstrations:
    """Pairs that say which group they are of (the observation) and which one they are (the action)."""
    return Demonstrations(np.full((size, 1), number, np.float32), np.arange(size))


SIZES = st.lists(st.integers(0, 9), min_size=1, max_size=5)


@given(SIZES.filter(any), st.integers(1, 40), st.integers(1, 4), st.integers(0, 99))
def test_every_group_that_has_any_has_the_same_share_of_every_batch(sizes, size, n_batches, seed):
    """Up to one pair, which goes to the first ones; empty groups have none; every pair is a pair of its group."""
    drawn = draw([group(n, k) for n, k in enumerate(sizes)], np.random.default_rng(seed), n_batches, size)
    assert drawn.obs.shape == (n_batches, size, 1)
    assert drawn.action.shape == (n_batches, size)
    filled = [n for n, k in enumerate(sizes) if k]
    for batch in range(n_batches):
        shares = np.bincount(drawn.obs[batch, :, 0].astype(int), minlength=len(sizes))
        fair = [size // len(filled) + (place < size % len(filled)) for place in range(len(filled))]
        assert shares[filled].tolist() == fair
        assert shares.sum() == size
    assert (drawn.action < np.take(sizes, drawn.obs[..., 0].astype(int))).all()


@given(st.integers(0, 5))
def test_nothing_to_imitate_is_refused(n_groups):
    with pytest.raises(ValueError, match="nothing to imitate: every group of demonstrations is empty"):
        draw([group(n, 0) for n in range(n_groups)], np.random.default_rng(0), 1, 4)


def test_within_a_group_every_pair_has_the_same_chance():
    """8 and 2 pairs, half of each batch each: 1/16 for each of the eight, 1/4 for each of the two."""
    n = 8000
    drawn = draw([group(0, 8), group(1, 2)], np.random.default_rng(0), n // 16, 16)
    for number, size in enumerate([8, 2]):
        taken = np.bincount(drawn.action[drawn.obs[..., 0] == number], minlength=size) / n
        chance = 1 / (2 * size)
        assert (np.abs(taken - chance) < 4 * np.sqrt(chance * (1 - chance) / n)).all()
        assert len(taken) == size


def test_draws_differ_from_each_other_and_follow_from_the_generator():
    one, again, other = (draw([group(0, 50)], np.random.default_rng(seed), 2, 20) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.action, again.action)
    assert not np.array_equal(one.action, other.action)
    assert not np.array_equal(one.action[0], one.action[1])


# ------------------------------------------------------------------------------------------------- out of the log


def marked(controllers: list[list]) -> InterventionLog:
    """A log whose steps are numbered: in the observation, and in the action (proposals are something else)."""
    log, first = InterventionLog(), 0
    for row in controllers:
        numbers = np.arange(first, first + len(row))
        log = log.append(Rollout(**(vars(rollout(row)) | {"obs": numbers[:, None] * 1.0, "executed": numbers})))
        first += len(row)
    return log


LOGS = st.lists(st.lists(st.sampled_from([POLICY, EXPERT]), min_size=1, max_size=12), min_size=1, max_size=4)


@given(LOGS)
def test_every_step_is_the_experts_or_the_policys(controllers):
    """Together all steps of all rounds, each with what was executed there."""
    log, who = marked(controllers), np.concatenate(controllers)
    for of, controller in ((by_expert, EXPERT), (by_policy, POLICY)):
        found = of(log)
        assert found.action.tolist() == np.flatnonzero(who == controller).tolist()
        np.testing.assert_array_equal(found.obs[:, 0], found.action)
    assert len(by_expert(log).obs) == log.expert_steps


KEPT = Demonstrations(np.full((6, 1), -1.0), np.full(6, -1))  # of the warm start


@given(LOGS)
def test_what_hg_dagger_and_iwr_imitate(controllers):
    """HG-DAgger: the warm start's and the expert's steps, together. IWR: the expert's | all the rest."""
    log, who = marked(controllers), np.concatenate(controllers)
    expert, policy = np.flatnonzero(who == EXPERT).tolist(), np.flatnonzero(who == POLICY).tolist()
    assert [sorted(g.action.tolist()) for g in aggregated(KEPT, log)] == [[-1] * 6 + expert]
    assert [sorted(g.action.tolist()) for g in balanced(KEPT, log)] == [expert, [-1] * 6 + policy]


def share_of_expert_steps(groups, log: InterventionLog, size: int = 32) -> np.ndarray:
    """In each of 200 batches."""
    drawn = draw(groups(KEPT, log), np.random.default_rng(0), 200, size)
    return np.isin(drawn.action, by_expert(log).action).mean(axis=1)


@pytest.mark.parametrize("n_expert", [1, 3, 60])
def test_half_of_each_batch_of_iwr_are_interventions(n_expert):
    """However few or many there are; HG-DAgger's share is that among all pairs, in the mean over batches."""
    log = marked([[POLICY] * 20 + [EXPERT] * n_expert])
    np.testing.assert_array_equal(share_of_expert_steps(balanced, log), 0.5)
    p = n_expert / (n_expert + 6)
    proportional = share_of_expert_steps(aggregated, log)
    assert abs(proportional.mean() - p) < 4 * np.sqrt(p * (1 - p) / (200 * 32))
    assert proportional.std() > 0


def test_without_a_warm_start_to_keep_the_rest_is_the_policys():
    """kept = 0: IWR still has two groups, HG-DAgger the expert's steps alone."""
    log, none = marked([[POLICY] * 3 + [EXPERT] * 2]), Demonstrations(np.zeros((0, 1)), np.zeros(0, int))
    assert [g.action.tolist() for g in balanced(none, log)] == [[3, 4], [0, 1, 2]]
    assert [g.action.tolist() for g in aggregated(none, log)] == [[3, 4]]


# ------------------------------------------------------------------------------------------------- out of rollouts


class Reusing(TabularSimulator):
    """Hands out the same arrays at every step, as simulators may."""

    def reset(self, seed):
        self._shared = super().reset(seed)
        return self._shared

    def step(self, actions) -> Step:
        step = super().step(actions)
        self._shared[:] = step.obs
        return step._replace(obs=self._shared)


@pytest.mark.parametrize(("n_steps", "n_found"), [(1, 4), (40, 40), (41, 44)])
def test_rollouts_are_what_the_policy_does_when_left_alone(n_steps, n_found):
    """Its most probable actions at what it saw, followed by hand; the number of steps is rounded up."""
    mdp = corridor_mdp(length=6, slips_in_ten=0)
    q = np.random.default_rng(0).normal(size=(mdp.n_states, 3))
    found = of_rollouts(table_policy(q, 1.0), Reusing(mdp, 4, limits=[7], starts=[6]), n_steps, seed=0)
    cells = found.obs.argmax(axis=1)
    assert len(found.obs) == len(found.action) == n_found
    assert found.action.tolist() == q[cells].argmax(axis=1).tolist()
    cell = 6
    for step in range(n_found // 4):
        assert cells[4 * step : 4 * step + 4].tolist() == [cell] * 4
        cell = mdp.successors[cell, q[cell].argmax(), 0]
        if (step + 1) % 7 == 0 or mdp.terminal[cell]:
            cell = 6
    np.testing.assert_array_equal(found.obs, one_hot(cells, mdp.n_states))


def test_rollouts_differ_by_their_seed():
    policy = LogitsPolicy(lambda obs: np.tile([0.0, 0.0, 2.0], (len(obs), 1)), 3)
    simulator = TabularSimulator(corridor_mdp(), 8, limits=[3])
    one, again, other = (of_rollouts(policy, simulator, 40, seed=seed).obs for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_joining_keeps_pairs_together_and_in_order():
    whole = joined([group(0, 2), group(1, 0), group(2, 3)])
    assert list(zip(whole.obs[:, 0].tolist(), whole.action.tolist(), strict=True)) == [
        (0, 0), (0, 1), (2, 0), (2, 1), (2, 2)
    ]  # fmt: skip
