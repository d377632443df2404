"""The replay ring against a deque, and the price of what is drawn from it."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chisquare

from mereq.core.actions import Discrete
from mereq.core.errors import CorruptCheckpoint
from mereq.core.reward import LinearReward
from mereq.maxent_rl.replay import Replay, Transitions

SHAPE = {"obs_size": 2, "actions": Discrete(3), "n_features": 2}
thetas = arrays(np.float64, 2, elements=st.integers(-4, 4).map(float))
FREE = LinearReward(np.zeros(2))


def transitions(first: int, n: int) -> Transitions:
    """Transitions numbered from `first`: every column tells the number, so that a mix-up of columns or rows shows."""
    number = np.arange(first, first + n)
    return Transitions(
        obs=np.stack([number, -number], axis=1).astype(np.float32),
        action=number % 3,
        next_obs=np.stack([number + 0.25, number], axis=1),
        features=np.stack([number % 7, number % 5], axis=1).astype(np.float64),
        terminated=number % 2 == 1,
        prior=number[:, None] + np.array([0.1, 0.2, 0.3]),
        next_prior=number[:, None] + np.array([0.4, 0.5, 0.6]),
    )


def rows(batch) -> list[tuple]:
    """A drawn batch (or transitions as a batch would show them) as comparable rows, without the reward."""
    columns = [batch.obs, batch.action, batch.next_obs, batch.terminated, batch.next_prior]
    return [
        tuple(np.concatenate([np.atleast_1d(value).astype(np.float32) for value in row]).tolist())
        for row in zip(*columns, strict=True)
    ]


@given(st.integers(1, 9), st.lists(st.integers(1, 25), min_size=1, max_size=6))
def test_replay_is_a_deque(capacity, sizes):
    """Additions of any sizes, also beyond the capacity: exactly the newest `capacity` transitions can be drawn."""
    replay, kept, added = Replay(capacity, **SHAPE), deque(maxlen=capacity), 0
    for size in sizes:
        replay.add(transitions(added, size), FREE)
        kept.extend(rows(transitions(added, size)))
        added += size
        drawn = replay.draw(np.random.default_rng(added), (60 * capacity,), FREE)
        assert set(rows(drawn)) == set(kept)
        assert (replay.size, replay.added) == (len(kept), added)


@given(st.booleans(), thetas, thetas, thetas)
def test_repricing(reprice, first, second, now):
    """reprice=True: features @ theta of today for all; False: each keeps the reward of the theta it was added under."""
    replay = Replay(6, reprice=reprice, **SHAPE)
    replay.add(transitions(0, 4), LinearReward(first))
    replay.add(transitions(4, 4), LinearReward(second))  # overwrites transitions 0 and 1
    batch = replay.draw(np.random.default_rng(0), (200,), LinearReward(now, bonus=0.5))
    numbers = batch.obs[:, 0].astype(int)
    features = np.stack([numbers % 7, numbers % 5], axis=1).astype(float)
    stale = np.where(numbers < 4, features @ first, features @ second)
    np.testing.assert_array_equal(batch.reward, features @ now + 0.5 if reprice else stale)


def test_the_bonus_is_part_of_a_stale_reward():
    replay = Replay(4, reprice=False, **SHAPE)
    replay.add(transitions(0, 1), LinearReward(np.ones(2), bonus=1.0))
    assert replay.draw(np.random.default_rng(0), (1,), FREE).reward.tolist() == [1.0]


def test_draws_are_uniform():
    """With replacement, over what is there (a chi-square test), and over the part that is filled only."""
    replay = Replay(16, **SHAPE)
    replay.add(transitions(0, 10), FREE)
    drawn = replay.draw(np.random.default_rng(0), (100, 200), FREE)
    assert drawn.obs.shape == (100, 200, 2)
    frequencies = np.bincount(drawn.obs[..., 0].astype(int).ravel(), minlength=16)
    assert frequencies[10:].sum() == 0
    assert chisquare(frequencies[:10]).pvalue > 0.01


@given(st.integers(1, 9), st.integers(1, 25), st.integers(1, 25))
def test_a_restored_replay_goes_on_identically(capacity, before, after):
    """Also from the middle of the ring: the same draws, and the same victims of the next additions."""
    original = Replay(capacity, reprice=False, **SHAPE)
    original.add(transitions(0, before), LinearReward(np.ones(2)))
    restored = Replay(capacity, reprice=False, **SHAPE)
    restored.restore(original.state())
    for replay in (original, restored):
        replay.add(transitions(before, after), LinearReward(-np.ones(2)))
    batches = [replay.draw(np.random.default_rng(1), (50,), FREE) for replay in (original, restored)]
    for one, other in zip(*batches, strict=True):
        np.testing.assert_array_equal(one, other)
    for name, column in original.state().items():
        np.testing.assert_array_equal(column, restored.state()[name])


def test_an_empty_replay_cannot_be_drawn_from():
    with pytest.raises(ValueError, match="add transitions first"):
        Replay(4, **SHAPE).draw(np.random.default_rng(0), (1,), FREE)


@pytest.mark.parametrize("wrong", ["capacity", "features", "missing"])
def test_a_state_that_does_not_fit_is_refused(wrong):
    """As for the learner's arrays: a message that names the array, not NumPy's, and never silence."""
    saved = Replay(8, **(SHAPE | {"n_features": 1} if wrong == "features" else SHAPE))
    columns = transitions(0, 6)
    if wrong == "features":
        columns = columns._replace(features=columns.features[:, :1])
    saved.add(columns, LinearReward(np.zeros(columns.features.shape[1])))
    state = saved.state()
    if wrong == "missing":
        del state["next_obs"]
    replay = Replay(4 if wrong == "capacity" else 8, **SHAPE)
    replay.add(transitions(50, 3), FREE)
    before = replay.state()
    with pytest.raises(CorruptCheckpoint, match={"missing": "next_obs"}.get(wrong, "array .* should have shape")):
        replay.restore(state)
    for name, column in replay.state().items():  # nothing was changed before the error was found
        np.testing.assert_array_equal(column, before[name])
