"""Seeds as a batch axis: updates of many learners in one call equal each learner's own, for any other members."""

import threading

import numpy as np
import pytest
import test_dqn_update
import test_sac_update
from test_dqn_update import N_ACTIONS, OBS_SIZE, SETTINGS, batches

from mereq.imitation.cloning import CategoricalLikelihood, Cloning, CloningSettings
from mereq.imitation.demonstrations import Demonstrations
from mereq.maxent_rl import updating
from mereq.maxent_rl.dqn import DQN
from mereq.maxent_rl.updating import LockstepBatch, Stopped, together, update
from waiting import HANG

LEARNER = DQN(OBS_SIZE, N_ACTIONS, SETTINGS)
CONTINUOUS = test_sac_update.LEARNER
CLONING_SETTINGS = CloningSettings(hidden=(8,), learning_rate=1e-2, weight_decay=1e-3, batch_size=16)
CLONING = Cloning(OBS_SIZE, CategoricalLikelihood(N_ACTIONS), CLONING_SETTINGS)


def close(one, other) -> bool:
    """States that are equal to within the rounding of a matrix product."""
    one, other = one.arrays(), other.arrays()
    return one.keys() == other.keys() and all(np.allclose(one[n], other[n], rtol=1e-4, atol=1e-6) for n in one)


@pytest.mark.parametrize("learner", [LEARNER, CONTINUOUS, CLONING], ids=["residual DQN", "residual SAC", "cloning"])
def test_the_update_works_under_vmap_over_seeds(learner):
    """Three seeds with their own parameters and batches: one vmapped call gives what three calls give."""
    start = {} if learner is CLONING else {"zero_head": False}
    batches = test_sac_update.batches if learner is CONTINUOUS else test_dqn_update.batches
    alone = rows = tuple(learner.init(seed, **start) for seed in range(3))
    for call in range(4):
        drawn = [batches(10 * call + seed) for seed in range(3)]
        if learner is CLONING:
            drawn = [Demonstrations(batch.obs, batch.action) for batch in drawn]
        answers = together(learner)(rows, tuple(drawn))
        rows = tuple(state for state, _ in answers)
        one_by_one = [learner.update(state, batch) for state, batch in zip(alone, drawn, strict=True)]
        alone = tuple(state for state, _ in one_by_one)
        for (state, metrics), (own_state, own_metrics) in zip(answers, one_by_one, strict=True):
            assert close(state, own_state)
            np.testing.assert_allclose(metrics.loss, own_metrics.loss, rtol=1e-4)
    assert not close(alone[0], alone[1])


def in_threads(work, n: int) -> None:
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG)
        assert not thread.is_alive()


def test_members_of_a_row_get_their_own_answers_and_may_leave_early(monkeypatch):
    """Members 0, 1, 2 make 2, 4 and 5 calls; there are five computations, all of three members' size, compiled once."""
    shapes = []
    own = updating.together.__wrapped__(LEARNER)

    def watched(states, drawn):
        shapes.append(len(states))
        return own(states, drawn)

    monkeypatch.setattr(updating, "together", lambda learner: watched)
    row, ended = LockstepBatch(3), {}

    def work(number: int) -> None:
        with row.member(number):
            state = LEARNER.init(number, zero_head=True)
            for call in range((2, 4, 5)[number]):
                state, _ = update(LEARNER, state, batches(100 * number + call))
            ended[number] = state

    in_threads(work, 3)
    assert shapes == [3] * 5
    assert own._cache_size() == 1
    for number, calls in enumerate((2, 4, 5)):
        state = LEARNER.init(number, zero_head=True)
        for call in range(calls):
            state, _ = LEARNER.update(state, batches(100 * number + call))
        assert close(ended[number], state)


def test_outside_a_row_a_learner_computes_for_itself():
    state = LEARNER.init(0, zero_head=True)
    ours, _ = update(LEARNER, state, batches(1))
    own, _ = LEARNER.update(state, batches(1))
    for name, array in ours.arrays().items():
        np.testing.assert_array_equal(array, own.arrays()[name])


def test_a_stopped_row_ends_its_members():
    """One member waits for the other, who never calls."""
    row, seen, waiting = LockstepBatch(2), [], threading.Event()

    def work(number: int) -> None:
        with row.member(number):
            if number == 1:
                waiting.wait(HANG)
                return
            try:
                update(LEARNER, LEARNER.init(0, zero_head=True), batches(0))
            except Stopped:
                seen.append(number)

    stopper = threading.Timer(0.3, lambda: (row.stop(), waiting.set()))
    stopper.start()
    in_threads(work, 2)
    stopper.join()
    assert seen == [0]


def test_an_error_reaches_every_member():
    row, seen = LockstepBatch(2), []

    def work(number: int) -> None:
        with row.member(number):
            try:
                update(LEARNER, LEARNER.init(0, zero_head=True), batches(0)._replace(obs=np.zeros((3, 16, 99))))
            except (TypeError, ValueError) as error:
                seen.append(type(error))

    in_threads(work, 2)
    assert len(seen) == 2


def test_learners_of_different_make_share_a_row():
    """A clone and a Q-function ask at the same time: each gets its own kind of answer."""
    row, ended = LockstepBatch(2), {}

    def work(number: int) -> None:
        with row.member(number):
            batch = batches(number)
            if number:
                ended[1] = update(CLONING, CLONING.init(1), Demonstrations(batch.obs, batch.action))[0]
            else:
                ended[0] = update(LEARNER, LEARNER.init(0, zero_head=True), batch)[0]

    in_threads(work, 2)
    batch = batches(1)
    assert close(ended[0], LEARNER.update(LEARNER.init(0, zero_head=True), batches(0))[0])
    assert close(ended[1], CLONING.update(CLONING.init(1), Demonstrations(batch.obs, batch.action))[0])
