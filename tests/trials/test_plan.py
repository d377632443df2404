"""A trial file: what it means, what it refuses, and that its order is random, balanced and always the same."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mereq.core.errors import WrongTrial
from mereq.presets.methods import METHODS
from mereq.presets.registry import TASKS
from mereq.trials.plan import Trial, TrialFile, Wait, shuffled_methods

pytestmark = pytest.mark.paper("section 6, 3 trials of each method")

TEXT = """
title = "Highway-Human"
participant = "p07"
seed = 7
tasks = ["highway-human"]
methods = ["mereq", "maxent", "maxent-ft", "hg-dagger-ft", "iwr-ft"]
trials = 3
"""
BLIND = [name for name in METHODS if name not in ("aim", "thrifty-dagger")]  # these ask, which tells them apart
FIVE = ["mereq", "maxent", "maxent-ft", "hg-dagger-ft", "iwr-ft"]


def read(folder, text):
    file = folder / "p07.toml"
    file.write_text(text)
    return Trial.read(file)


def planned(**entries) -> Trial:
    said = {"title": "", "participant": "p", "seed": 0, "tasks": ["highway-human"], "methods": FIVE} | entries
    return Trial.of(TrialFile(**said))


def test_what_a_file_means(tmp_path):
    trial = read(tmp_path, TEXT + "\n[changes]\nsettings.rollout_steps = 200\nrate_threshold = 0.1\n")
    assert [run.name for run in trial.runs] == [f"{number:02d}" for number in range(1, 16)]
    assert {run.spec.supervisor for run in trial.runs} == {"person"}
    assert {run.spec.settings.rollout_steps for run in trial.runs} == {200}
    assert {run.spec.rate_threshold for run in trial.runs} == {0.1}
    assert {run.spec.n_rounds for run in trial.runs} == {10}
    assert trial.file.wait == Wait(60.0, 20.0)


def test_the_threshold_is_the_tasks():
    assert {run.spec.rate_threshold for run in planned().runs} == {TASKS["highway-human"].rate_threshold}


@given(
    seed=st.integers(0, 2**31),
    methods=st.lists(st.sampled_from(BLIND), min_size=1, unique=True),
    tasks=st.lists(st.sampled_from(["highway-human", "erasing-human"]), min_size=1, unique=True),
    trials=st.integers(1, 3),
)
@settings(max_examples=15)
def test_every_block_has_every_method_once(seed, methods, tasks, trials):
    """And one seed, which no other block has; the order in which a file lists methods does not matter."""
    trial = planned(seed=seed, methods=methods, tasks=tasks, trials=trials)
    specs = [run.spec for run in trial.runs]
    size = len(methods)
    blocks = [specs[start : start + size] for start in range(0, len(specs), size)]
    assert len(blocks) == trials * len(tasks)
    for block in blocks:
        assert sorted(spec.method for spec in block) == sorted(methods)
        assert len({(spec.task, spec.seed) for spec in block}) == 1
    assert len({(block[0].task, block[0].seed) for block in blocks}) == len(blocks)
    assert planned(seed=seed, methods=methods[::-1], tasks=tasks, trials=trials).runs == trial.runs


def test_every_method_comes_in_every_place():
    """Over 500 seeds, each of five methods is first in a fifth of the blocks: 300 of 1500, by 4 standard deviations."""
    said = {"title": "", "participant": "p", "tasks": ["highway-human"], "methods": FIVE}
    files = [TrialFile(seed=seed, **said) for seed in range(500)]
    first = Counter(shuffled_methods(file, block, "highway-human")[0] for file in files for block in range(3))
    assert set(first) == set(FIVE)
    assert all(abs(times - 300) < 4 * (1500 * 0.2 * 0.8) ** 0.5 for times in first.values())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("seed = 7", ""), "seed is missing"),
        (("seed = 7", "seed = -7"), "seed is -7, and must be at least 0"),
        (("trials = 3", "trials = 0"), "trials is 0, and must be at least 1"),
        (("trials = 3", "trials = 2.5"), "2.5 is not a whole number"),
        (("trials = 3", "triasl = 3"), r"unknown triasl \(allowed: title, participant, seed, tasks"),
        (("trials = 3", 'wait = {before = -1}'), "before is -1, between is 20, and both must be between 0 and 3600"),
        (('"p07"', "7"), "7 is not a text"),
        (('"maxent",', '"mereq",'), "methods names mereq more than once"),
        (('["highway-human"]', "[]"), "tasks is empty"),
        (('"maxent",', '"magic",'), "no method called 'magic'. Known: aim, csil, hg-dagger-ft"),
        (('"maxent",', '"aim",'), "aim would ask the participant to act"),
        (('"highway-human"', '"motorway"'), "no task called 'motorway'. Known: bottle-pushing"),
        (("trials = 3", 'preset = "slow"'), "no preset called 'slow'. Known: fast, paper"),
        (("trials = 3", 'changes = {seed = 3, supervisor = "person"}'), "changes has seed, supervisor, which"),
        (("trials = 3", "changes = {settings = {speed = 3}}"), "no number of settings called 'speed'"),
        (("trials = 3", "trials = three"), "is not TOML"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_what_is_wrong(tmp_path, change, sentence):
    with pytest.raises(WrongTrial, match=sentence) as refusal:
        read(tmp_path, TEXT.replace(*change))
    assert "p07.toml" in str(refusal.value)


def test_no_file(tmp_path):
    with pytest.raises(WrongTrial, match=r"Cannot read the trial .*p08.toml: No such file"):
        Trial.read(tmp_path / "p08.toml")
