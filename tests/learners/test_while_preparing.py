"""Supervision that begins before the policy family is prepared: what acts when, what is kept, and how it ends."""

import threading
from contextlib import closing
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest

from corridor_runs import LEFT, PRIOR, SETTINGS, all_observations, task_of
from mereq.alignment.schedule import PolicyVersion
from mereq.commands.prepare import PRIOR as PRIOR_SUM
from mereq.core.actions import Box
from mereq.core.errors import WrongValue
from mereq.interventions.rollout import SupervisedStep
from mereq.maxent_rl import family_preparation
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.family import FamilySnapshot, PolicyFamily, ThetaNeighbourhood, ThetaRegion, ThetaSource
from mereq.maxent_rl.family_preparation import BackgroundPreparation, Beginning, PreparationProgress
from mereq.maxent_rl.family_training import FamilySettings, FamilyTraining, unprepared
from mereq.maxent_rl.training import TrainingSettings
from mereq.maxent_rl.two_stream import state_features
from mereq.runs.inference import RecordedInference
from mereq.runs.policies import checksum_of
from mereq.runs.preparations import preparation_of
from mereq.runs.run import create, resume, run
from mereq.runs.spec import RunSpec
from mereq.store.checkpoints import save_arrays, state_file
from mereq.store.families import load_family, save_family
from mereq.store.run_store import RunReader
from mereq.web.run_status import preparing_words
from waiting import HANG, until

TASK = """
from corridor_runs import PRIOR, SETTINGS, expert, task_of
from mereq import TaskDefinition
from test_while_preparing import FAMILY
CORRIDOR = TaskDefinition(
    task=task_of(), prior=PRIOR, supervisor=expert, settings={"fast": SETTINGS}, family_settings=FAMILY
)
"""
TRAINING = TrainingSettings(
    n_steps=3000,
    checkpoint_interval=1500,
    learner=replace(SETTINGS.learner, hidden=(16,), learning_rate=5e-3, decay_updates=1000),
    schedule=replace(SETTINGS.schedule, epsilon_end=0.5),
    replay_capacity=3000,
    alive_bonus=0.0,
)
FAMILY = FamilySettings(training=TRAINING, limit=(1.5,), zero=1 / 3, rank=4)
FIRST = 60  # supervised steps before the first snapshot


@pytest.fixture(scope="module")
def corridor(tmp_path_factory):
    file = tmp_path_factory.mktemp("task") / "corridor_while_preparing.py"
    file.write_text(TASK)
    return f"{file}:CORRIDOR"


@pytest.fixture(autouse=True)
def pace(monkeypatch):
    monkeypatch.setattr(family_preparation, "SUPERVISED_STEPS", 2 * FIRST)


def spec_of(corridor, **how) -> RunSpec:
    named = RunSpec.named(task=corridor, method="mereq-bayes", seed=1, n_rounds=1, own_rate_steps=0, **how)
    return named.changed({"settings": {"posterior": {"draws": 128}}})


def events_of(spec, writer, until_step=None):
    """Events of a run until so many steps are recorded; what follows from the last of them has not happened."""
    seen = []
    with closing(run(spec, writer)) as stream:
        for event in stream:
            seen.append(event)
            if sum(isinstance(each, SupervisedStep) for each in seen) == until_step:
                break
    return seen


def told(events):
    """What a record says about each step and each version."""
    return [
        (e.version, e.executed, e.controller) if isinstance(e, SupervisedStep) else (e.version, *e.theta)
        for e in events
        if isinstance(e, SupervisedStep | PolicyVersion)
    ]


@pytest.fixture(scope="module")
def whole(corridor, tmp_path_factory):
    """Events and directory of a run that was never interrupted."""
    directory, spec = tmp_path_factory.mktemp("run") / "whole", spec_of(corridor)
    with pytest.MonkeyPatch.context() as patch, create(spec, directory) as writer:
        patch.setattr(family_preparation, "SUPERVISED_STEPS", 2 * FIRST)
        return events_of(spec, writer), directory


def test_the_prior_acts_until_a_snapshot_is_there_and_versions_say_which(whole):
    seen, directory = whole
    steps = [event for event in seen if isinstance(event, SupervisedStep)]
    versions = [event for event in seen if isinstance(event, PolicyVersion)]
    assert any(step.controller for step in steps[:FIRST])
    assert {step.version for step in steps[:FIRST]} == {0}
    assert seen.index(versions[0]) >= FIRST
    assert versions[0].learned_from < FIRST + 12  # as soon as the policy is in control, and not at the next handback
    numbers = [version.snapshot.number for version in versions]
    assert numbers == sorted(numbers)
    assert set(numbers) == {1, 2}
    assert versions[-1].theta[LEFT] > 0.2
    files = sorted(file.name for file in (directory / "checkpoints").glob("family-*.safetensors"))
    assert files == ["family-0001.safetensors", "family-0002.safetensors"]
    with RunReader.open(directory) as reader:
        first, inference = reader.policy(0, PRIOR), RecordedInference.of(reader)
        stored = load_family(reader.newest_family(), task_of())[0]
    assert first.q[-1].weight.any()
    np.testing.assert_array_equal(
        inference.family.network.states[-1].weight, versions[-1].snapshot.family.network.states[-1].weight
    )
    np.testing.assert_array_equal(stored.network.states[0].weight, inference.family.network.states[0].weight)


@pytest.mark.parametrize("cut", [FIRST - 20, FIRST, 2 * FIRST + 10])
def test_an_interrupted_run_goes_on_exactly(whole, corridor, tmp_path, cut):
    seen, spec = whole[0], spec_of(corridor)
    with create(spec, tmp_path / "run") as writer:
        before = events_of(spec, writer, cut)
    with resume(spec, tmp_path / "run") as writer:
        after = events_of(spec, writer)
    assert told(before) + told(after) == told(seen)


def test_an_unfinished_family_is_prepared_further_as_the_command_would(corridor, tmp_path):
    """By default, and to the last digit while no supervisor is known."""
    spec, file = spec_of(corridor), tmp_path / "family"
    training = FamilyTraining(task_of(), PRIOR, FAMILY, seed=0)
    phases = training.run_phases()
    about = {"seed": 0, PRIOR_SUM: checksum_of(PRIOR, task_of()), "settings": asdict(FAMILY)}
    about["settings"]["limit"] = [1.5]
    about["settings"]["training"]["learner"]["hidden"] = [16]
    next(phases)
    save_arrays(state_file(file), training.state(), kind="state", about={"training": about, "curve": []})
    save_family(file, training.family, about={**about, "steps": training.steps})
    next(phases)
    save_family(tmp_path / "finished", training.family, about={**about, "steps": training.steps})
    assert spec.learning == "preparing"
    assert spec_of(corridor, family=str(tmp_path / "finished")).learning == "handback"
    unfinished = spec_of(corridor, family=str(file))
    assert unfinished.learning == "preparing"
    with create(unfinished, tmp_path / "run") as writer, closing(preparation_of(unfinished, writer)) as preparation:
        assert preparation.newest.number == 1
        assert preparation.progress() == PreparationProgress(0.5, True, None, None)
        preparation.follow(FIRST, None)
        assert preparation.progress() is None
        found, wanted = (each.network.states[-1].weight for each in (preparation.newest.family, training.family))
        np.testing.assert_array_equal(found, wanted)


def test_a_finished_family_is_learned_further_from_itself_if_asked_for(corridor, tmp_path):
    training = FamilyTraining(task_of(), PRIOR, FAMILY, seed=0)
    about = {PRIOR_SUM: checksum_of(PRIOR, task_of())}
    for _ in training.run_phase():
        pass
    save_family(tmp_path / "family", training.family, about=about)
    spec = spec_of(corridor, family=str(tmp_path / "family"), learning="preparing")
    with create(spec, tmp_path / "run") as writer, closing(preparation_of(spec, writer)) as preparation:
        before = preparation.newest
        assert before.number == 0
        preparation.follow(FIRST, ThetaNeighbourhood(np.ones(3), 0.1 * np.ones(3)))
        assert preparation.newest.number == 1
        for theta in (np.zeros(3), np.eye(3)[LEFT]):
            now, then = (
                each.member(theta, PRIOR).distribution(all_observations()).log_probs
                for each in (preparation.newest.family, before.family)
            )
            np.testing.assert_allclose(now, then, atol=0.6 * theta.any() + 1e-6)


def test_only_a_method_with_a_family_can_prepare(corridor):
    with pytest.raises(WrongValue, match="the method mereq uses none"):
        RunSpec.named(task=corridor, method="mereq", learning="preparing")


def test_half_of_the_thetas_are_what_the_supervisor_may_want():
    region = ThetaRegion(np.array([1.5, 1.0]))
    source, shape = ThetaSource(region), (40, 50)
    alone, same = (each.draw(np.random.default_rng(0), shape) for each in (source, region))
    np.testing.assert_array_equal(alone, same)
    source.around = ThetaNeighbourhood(np.array([0.7, -2.0]), np.array([0.01, 0.01]))
    drawn = source.draw(np.random.default_rng(0), shape)
    near = (abs(drawn - np.array([0.7, -1.0])) < 0.05).all(axis=-1)
    assert 0.45 < near.mean() < 0.55
    np.testing.assert_array_equal(drawn[~near], alone[~near])


class Phases(FamilyTraining):
    """A training whose chunks end when the test says so."""

    family: PolicyFamily = object.__new__(PolicyFamily)
    chunks = 2, 4

    def __init__(self):
        self.settings = SimpleNamespace(n_steps=8, checkpoint_interval=4)
        self.thetas, self.steps, self.closed = ThetaSource(ThetaRegion(np.ones(1))), 0, False
        self.may_end, self.ended = threading.Semaphore(0), 0

    def run_phase(self):
        for done in self.chunks:
            self.may_end.acquire()
            self.ended += 1
            if self.ended == 7:
                raise OSError("the disk is full")
            yield done
        self.steps += self.chunks[-1]

    def state(self):
        return {"steps": np.array(self.steps)}

    def close(self):
        self.closed = True


def background(phases):
    kept = []
    preparation = BackgroundPreparation(
        lambda: Beginning(phases), lambda state, number: kept.append(number), newest=None, first=phases.family
    )
    preparation.begin()
    return preparation, kept


def test_in_the_background_it_goes_on_until_its_end():
    phases = Phases()
    preparation, kept = background(phases)
    assert preparation.newest is None
    preparation.follow(1, ThetaNeighbourhood(np.ones(1), np.ones(1)))
    phases.may_end.release(4)
    preparation._thread.join(HANG)
    assert preparation._error is None
    assert kept == [1, 2]
    assert preparation.newest.number == 2
    assert preparation.progress() is None
    preparation.close()
    assert phases.closed


def test_the_time_that_is_left_is_known_after_the_first_steps():
    phases = Phases()
    phases.settings.n_steps, phases.settings.checkpoint_interval, phases.chunks = 300, 150, range(2, 152, 2)
    preparation, _ = background(phases)
    phases.may_end.release()
    until(lambda: preparation._in_phase == 2 or preparation._error)
    assert preparation.progress().seconds_left is None
    phases.may_end.release()
    until(lambda: preparation._per_step is not None or preparation._error)
    _, learns, following, left = preparation.progress()
    assert not learns
    assert 0.0 < following < left
    phases.may_end.release(300)
    preparation.close()


def test_a_run_without_a_step_leaves_nothing_behind():
    phases = Phases()
    preparation, kept = background(phases)
    phases.may_end.release(4)
    preparation._thread.join(HANG)
    assert preparation.newest.number == 2
    assert kept == []
    preparation.close()


def test_in_the_background_it_stops_within_a_phase():
    phases = Phases()
    preparation, kept = background(phases)
    phases.may_end.release()
    until(lambda: preparation.progress().share == 0.25 or preparation._error)
    closing_thread = threading.Thread(target=preparation.close)
    closing_thread.start()
    until(lambda: preparation._stopping.is_set())
    phases.may_end.release()
    closing_thread.join(HANG)
    assert phases.closed
    assert kept == []
    assert not preparation._thread.is_alive()


def test_an_error_in_the_background_is_raised_at_the_next_step():
    phases = Phases()
    phases.ended = 6
    preparation, _ = background(phases)
    preparation.follow(1, None)
    phases.may_end.release()
    preparation._thread.join(HANG)
    with pytest.raises(OSError, match="the disk is full"):
        preparation.follow(2, None)
    preparation.close()


def test_an_error_before_the_first_phase_is_raised_at_the_next_step():
    def make():
        raise ValueError("no such task")

    preparation = BackgroundPreparation(make, lambda state, number: None, newest=None, first=Phases.family)
    preparation.begin()
    preparation._thread.join(HANG)
    with pytest.raises(ValueError, match="no such task"):
        preparation.follow(1, None)
    preparation.close()


@pytest.mark.parametrize("task", [task_of(), replace(task_of(), actions=Box(2))])
def test_before_any_preparation_each_member_is_the_prior(task):
    first = unprepared(task, FAMILY)
    assert not state_features(first.network, all_observations()).any()
    member = first.member(np.ones(3), PRIOR)
    if isinstance(member, QPolicy):
        log_probs = member.distribution(all_observations()).log_probs
        np.testing.assert_allclose(log_probs, PRIOR.distribution(all_observations()).log_probs, atol=1e-6)
    else:
        assert not member.actor[-1].bias.any()
        assert member.actor[-1].bias.shape == (4,)


def test_with_a_person_it_begins_with_what_there_is(corridor, tmp_path):
    """Nothing is made before `begin`: a family that the run has learned with, or the prior."""
    spec = spec_of(corridor, supervisor="person")
    with create(spec, tmp_path / "run") as writer:
        preparation = preparation_of(spec, writer)
        assert isinstance(preparation, BackgroundPreparation)
        assert preparation.newest is None
        assert preparation.progress() == PreparationProgress(0.0, False, None, None)
        preparation.close()
        family = FamilyTraining(task_of(), PRIOR, FAMILY, seed=0).family
        policy = family.member(np.zeros(3), PRIOR)
        writer.add_version(PolicyVersion(1, policy, np.zeros(3), 0, 0.0, snapshot=FamilySnapshot(3, family)))
        assert preparation_of(spec, writer).newest.number == 3


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        ((0.0, False, None, None), "0 %; it learns from you soon, and until then it does what it did before"),
        (
            (0.04, False, 18.0, 200.0),
            "4 %; it learns from you in about 20 s, and until then it does what it did before",
        ),
        ((0.41, True, 3.0, 61.0), "41 %, about 2 min left; it learns from you already"),
    ],
)
def test_what_the_page_says(progress, words):
    assert preparing_words(PreparationProgress(*progress)) == words
