"""N rounds, an interruption, and N more are 2N rounds, bit for bit."""

import shutil

import numpy as np
import pytest

import kill9
from mereq.alignment.algorithm import Round, events
from mereq.alignment.inverse_rl import MEREQ
from mereq.core.errors import NonFiniteFeatures
from mereq.core.task import Task
from mereq.store.recording import record
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from mereq.tasks.corridor import TASK
from recorded_runs import EVENTS_PER_ROUND, ROUNDS, compare, go_on, start


def test_the_run_is_worth_interrupting(calm):
    with RunReader.open(calm) as store:
        rates = [row.intervention_rate for row in store.rounds()]
        assert len(rates) == ROUNDS
        assert sum(0 < rate < 1 for rate in rates) >= 2
        assert all(len(store.progress(index)) == 3 for index in range(ROUNDS))
        ends = [store.rollout(index) for index in range(ROUNDS)]
        assert any(rollout.terminated.any() for rollout in ends)
        assert not all(rollout.terminated[-1] | rollout.truncated[-1] for rollout in ends)  # some are cut


@pytest.mark.parametrize(
    "cut",
    [
        0,  # before the first step
        17,  # in an episode
        40,  # before the first update
        42,  # in it
        43,  # before the round is finished
        2 * EVENTS_PER_ROUND + 39,
        ROUNDS * EVENTS_PER_ROUND,  # nothing is left to do
    ],
)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(calm, tmp_path, cut):
    start(tmp_path / "run", cut)
    go_on(tmp_path / "run")
    assert compare(calm, tmp_path / "run") == []


def test_interrupted_many_times(calm, tmp_path):
    start(tmp_path / "run", 10)
    rng = np.random.default_rng(0)
    for _ in range(5):
        go_on(tmp_path / "run", events=int(rng.integers(1, 30)))
    go_on(tmp_path / "run")
    assert compare(calm, tmp_path / "run") == []
    with RunReader.open(tmp_path / "run") as store:
        assert len(store.starts()) == 7


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    directory = tmp_path_factory.mktemp("longer") / "run"
    start(directory, 0)
    go_on(directory, ROUNDS + 1)
    return directory


@pytest.mark.parametrize(
    ("damaged", "unfinished"), [([1, 2], 0), ([2], 15), ([1, 2], 15)], ids=["both", "last", "both, and a new round"]
)
def test_damaged_states_are_made_again_from_the_steps(calm, longer, tmp_path, damaged, unfinished):
    run = tmp_path / "run"
    shutil.copytree(calm, run)
    if unfinished:
        go_on(run, ROUNDS + 1, events=unfinished)
    for index in damaged:
        file = run / "checkpoints" / f"state-{index:04d}.safetensors"
        file.write_bytes(file.read_bytes()[:-1])
    go_on(run, ROUNDS + 1)
    assert compare(longer, run) == []


def test_a_longer_run_begins_as_the_shorter_one(calm, longer):
    with RunReader.open(calm) as left, RunReader.open(longer) as right:
        for index in range(ROUNDS):
            np.testing.assert_array_equal(left.rollout(index).obs, right.rollout(index).obs)
            np.testing.assert_array_equal(left.rounds()[index].theta, right.rounds()[index].theta)


def test_an_aligned_run_has_nothing_left_to_do(tmp_path):
    def stream(resume=None):
        supervisor = kill9.DivergenceExpert(kill9.EXPERT, kill9.divergence_rule(upper=1.6, lower=1.5))
        return events(
            TASK, kill9.PRIOR, supervisor, MEREQ, kill9.SETTINGS,
            seed=1, n_rounds=3, rate_threshold=0.99, resume=resume,
        )  # fmt: skip

    with RunWriter.create(tmp_path / "run", {"n_rounds": 3}) as store:
        assert isinstance(list(record(stream(), store))[-1], Round)
    with RunWriter.resume(tmp_path / "run", {"n_rounds": 3}) as store:
        assert list(record(stream(store.start), store)) == []
        assert [row.aligned for row in store.rounds()] == [True]


def test_what_the_store_gives_back_is_what_went_in(tmp_path):
    with RunWriter.create(tmp_path / "run", kill9.config(2)) as store:
        stream = list(record(kill9.corridor_events(2), store))
    rounds = [event for event in stream if isinstance(event, Round)]
    with RunReader.open(tmp_path / "run") as store:
        for iteration, row in zip(rounds, store.rounds(), strict=True):
            recorded = store.rollout(row.index)
            for name, column in vars(iteration.rollout).items():
                again = getattr(recorded, name)
                assert again.dtype == column.dtype
                assert again.tobytes() == column.tobytes()
            assert row.intervention_rate == iteration.intervention_rate
            assert row.expert_steps == iteration.expert_steps
            assert row.seconds_waited == iteration.seconds_waited
            assert (row.aligned, row.steps) == (iteration.aligned, 40)
            assert row.memory is None or row.memory > 10_000_000
            np.testing.assert_array_equal(row.theta, iteration.theta)
            for timed, progress in zip(store.progress(row.index), iteration.progress, strict=True):
                assert timed.seconds >= 0
                assert str(timed.progress) == str(progress)
            policy = store.policy(row.index, kill9.PRIOR)
            obs = iteration.rollout.obs
            np.testing.assert_array_equal(
                policy.distribution(obs).log_probs, iteration.policy.distribution(obs).log_probs
            )


def test_nan_in_features_stops_the_run_and_keeps_what_was_recorded(calm, tmp_path):
    class Fails:
        """The corridor, with a feature that fails once."""

        def __init__(self):
            self.env, self.steps = TASK.make(), 0
            self.reset = self.env.reset

        def step(self, action):
            obs, reward, terminated, truncated, info = self.env.step(action)
            self.steps += 1
            if self.steps == 49:
                info["features"][1] = np.nan
            return obs, reward, terminated, truncated, info

    task = Task(TASK.name, TASK.feature_names, TASK.obs_size, TASK.actions, Fails, TASK.simulate)
    with (
        RunWriter.create(tmp_path / "run", kill9.config(ROUNDS)) as store,
        pytest.raises(NonFiniteFeatures, match="left_side"),
    ):
        list(record(kill9.corridor_events(ROUNDS, task=task), store))
    with RunReader.open(tmp_path / "run") as store:
        assert len(store.steps(1)) == 8
    go_on(tmp_path / "run")
    assert compare(calm, tmp_path / "run") == []


def test_kill_9(calm, tmp_path):
    """A few of the kills of benchmarks/reliability/kill9.py."""
    result = kill9.torment(times=2, rounds=ROUNDS, most_events=70, seed=0, folder=tmp_path, calm=calm)
    assert (result["kills"], result["lost"], result["different"]) == (2, 0, [])
    assert result["acknowledged"] >= 2 * EVENTS_PER_ROUND
