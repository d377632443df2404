"""A run that learns behind, on disk: every version that acted can be loaded, and an interruption loses nothing."""

import itertools
import shutil
from dataclasses import replace

import numpy as np
import pytest

import kill9
from mereq.alignment.algorithm import Round
from mereq.alignment.schedule import PolicyVersion
from mereq.core.errors import UnknownName, WrongValue
from mereq.core.supervisor import Decision, DecisionContext
from mereq.interventions.rollout import SupervisedStep
from mereq.runs.recorded import load_supervised_policy, load_version
from mereq.runs.run import config_of, supervisor_of
from mereq.runs.run import run as run_of
from mereq.runs.spec import RunSpec
from mereq.store.recording import record
from mereq.store.run_store import RUN, RunReader
from mereq.store.run_writer import RunWriter
from mereq.supervision.paced import Paced
from toys import POLICY, NeverTakesOver


def until(stream, enough) -> list:
    seen = []
    for event in stream:
        seen.append(event)
        if enough(seen):
            break
    stream.close()
    return seen


def go(directory, enough, rounds=10**6) -> list:
    recorded, config = (directory / RUN.file).exists(), kill9.config(rounds)
    with RunWriter.resume(directory, config, kill9.PRIOR) if recorded else RunWriter.create(directory, config) as store:
        return until(record(kill9.corridor_events(rounds, store.start, behind=True), store), enough)


def acted(seen) -> set[int]:
    return {event.version for event in seen if isinstance(event, SupervisedStep)}


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """A run, interrupted in an episode after the first version has acted; and its rest, after a few more versions."""
    directory = tmp_path_factory.mktemp("concurrent") / "run"

    def in_an_episode(seen) -> bool:
        last = seen[-1]
        return isinstance(last, SupervisedStep) and last.version >= 1 and last.step == 3

    first = go(directory, in_an_episode)
    newest = max(event.version for event in first if isinstance(event, PolicyVersion))

    def enough(seen) -> bool:
        return len(acted(seen) - {first[-1].version}) >= 2 and isinstance(seen[-1], Round)

    return directory, first, newest, go(directory, enough)


def test_nothing_recorded_is_lost_or_made_again(halves):
    directory, first, _, rest = halves
    made = [event for event in [*first, *rest] if isinstance(event, SupervisedStep)]
    with RunReader.open(directory) as store:
        recorded = list(itertools.chain(*(store.steps(index) for index in range(len(store.rounds()) + 1))))
    assert len(recorded) == len(made)
    for one, other in zip(recorded, made, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert kill9.contradictions(directory) == []


def test_a_resumed_run_goes_on_with_the_version_of_the_open_episode_and_numbers_on(halves):
    _, first, newest, rest = halves
    steps = [event for event in rest if isinstance(event, SupervisedStep)]
    open_episode = list(itertools.takewhile(lambda s: s.episode == first[-1].episode, steps))
    assert {s.version for s in open_episode} <= {first[-1].version}
    assert next(e.version for e in rest if isinstance(e, PolicyVersion)) == newest + 1


def test_every_version_that_proposed_can_be_asked_again(halves):
    directory, first, _, rest = halves
    steps = [e for e in [*first, *rest] if isinstance(e, SupervisedStep) and e.version > 0]
    with RunReader.open(directory) as store:
        policies = {number: store.version(number, kill9.PRIOR) for number in {s.version for s in steps}}
        with pytest.raises(UnknownName, match="published version"):
            store.version(10**6, kill9.PRIOR)
        versions = store.versions()
    for s in steps:
        assert policies[s.version].distribution(s.obs[None]).mode()[0] == s.proposed
    published = [e for e in [*first, *rest] if isinstance(e, PolicyVersion)]
    assert [row.number for row in versions] == [e.version for e in published] == list(range(1, len(published) + 1))
    for row, event in zip(versions, published, strict=True):
        np.testing.assert_array_equal(row.theta, event.theta)
        assert (row.learned_from, row.seconds) == (event.learned_from, event.seconds)
        assert row.learned_from <= row.round * kill9.SETTINGS.rollout_steps + row.idx


def test_rounds_have_the_newest_version(halves):
    directory, first, _, rest = halves
    rounds = [event for event in [*first, *rest] if isinstance(event, Round)]
    with RunReader.open(directory) as store:
        for event, row in zip(rounds, store.rounds(), strict=True):
            before = [v for v in store.versions() if (v.round, v.idx) <= (row.index, kill9.SETTINGS.rollout_steps)]
            np.testing.assert_array_equal(row.theta, before[-1].theta if before else np.zeros(3))
            obs = event.rollout.obs
            stored = store.policy(row.index, kill9.PRIOR).distribution(obs).log_probs
            np.testing.assert_array_equal(stored, event.policy.distribution(obs).log_probs)


def test_rounds_stay_when_the_last_state_is_damaged(halves, tmp_path):
    shutil.copytree(halves[0], tmp_path / "run")
    with RunReader.open(tmp_path / "run") as store:
        finished = len(store.rounds())
    file = tmp_path / "run" / "checkpoints" / f"state-{finished - 1:04d}.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with RunReader.open(tmp_path / "run") as store:
        resume = store.resume_point(kill9.PRIOR)
        assert len(resume.log.rollouts) == finished
        assert all(len(steps) < kill9.SETTINGS.rollout_steps for steps in resume.recorded)


def test_kill_9_while_it_learns_behind(tmp_path):
    result = kill9.torment(times=1, rounds=2, most_events=60, seed=3, folder=tmp_path, behind=True)
    assert (result["kills"], result["lost"], result["different"]) == (1, 0, [])


# ------------------------------------------------------------------------------------------- by name, and older runs


def short(**changes) -> RunSpec:
    spec = RunSpec.named(task="highway", method="mereq", preset="fast", seed=3, n_rounds=1, rate_threshold=0.0)
    quick = {
        "rollout_steps": 60,
        "training_steps": 100,
        "inference": {"max_updates": 2, "sample_length": 100, "tolerance": 0.0},
    }
    return spec.changed({"settings": quick, **changes})


@pytest.mark.parametrize("changes", [{}, {"learning": "concurrent", "pace": 40.0}], ids=["waiting", "concurrent"])
def test_the_policy_of_each_step_of_a_run_by_name(tmp_path, changes):
    spec = short(**changes).with_rounds(2)
    with RunWriter.create(tmp_path / "run", config_of(spec)) as store:
        list(run_of(spec, store))
    with RunReader.open(tmp_path / "run") as store:
        steps = [*store.steps(0), *store.steps(1)]
        if not changes:
            assert [s.version for s in steps] == [0] * 60 + [1] * 60
            assert store.versions() == []
        for s in steps[::7]:
            assert load_version(store, s.version).distribution(s.obs[None]).mode()[0] == s.proposed
        first = load_supervised_policy(store, 0).distribution(steps[0].obs[None]).log_probs
        np.testing.assert_array_equal(load_version(store, 0).distribution(steps[0].obs[None]).log_probs, first)


# ------------------------------------------------------------------------------------------------------------- pace


class Time:
    def __init__(self):
        self.now, self.waits = 0.0, []

    def wait(self, seconds: float) -> None:
        self.waits.append(round(seconds, 9))
        self.now += max(seconds, 0.0)


def moment(decided=None) -> DecisionContext:
    return DecisionContext(0, np.zeros(1), 1, {}, decided)


def test_a_paced_supervisor_takes_each_step_at_its_time():
    time = Time()
    paced = Paced(NeverTakesOver(), 4.0, now=lambda: time.now, wait=time.wait)
    paced.begin_episode(0)
    for _ in range(3):
        assert paced.decide(moment()) == Decision(POLICY, 1)
        time.now += 0.05  # the environment's own time does not make it slower
    assert time.waits == [0.25, 0.2, 0.2]
    time.now += 10.0  # what was missed is not made up for
    paced.decide(moment())
    paced.decide(moment())
    assert time.waits[3:] == [0.0, 0.25]


def test_what_was_decided_before_is_not_waited_for():
    time = Time()
    Paced(NeverTakesOver(), 1.0, now=lambda: time.now, wait=time.wait).decide(moment(Decision(POLICY, 1)))
    assert time.waits == []


def test_a_pace_must_be_possible():
    with pytest.raises(ValueError, match="positive"):
        Paced(NeverTakesOver(), 0.0)
    with pytest.raises(WrongValue, match="pace"):
        short(pace=-1.0)
    assert isinstance(supervisor_of(short(pace=2.0)), Paced)
    assert not isinstance(supervisor_of(short()), Paced)
    assert replace(short(), pace=2.0) == short(pace=2.0)
