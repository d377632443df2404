"""A Gymnasium task of a stranger's, in one file: through a study in a worker process, and through a report and exports
that have never seen the file."""

import csv
import json
import os
import subprocess
import sys

import pytest

from mereq.studies.study_store import RUNS, StudyStore

TASK = '''
import gymnasium as gym
import numpy as np
from gymnasium import spaces

from mereq import Controller, Decision, LogitsPolicy, TaskDefinition, task_from_gymnasium


class Line(gym.Env):
    """Cells 0 to 7; actions: left, stay, right."""

    def __init__(self):
        self.observation_space, self.action_space = spaces.Discrete(8), spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell, self.time = int(self.np_random.integers(8)), 0
        return self.cell, {}

    def step(self, action):
        self.cell = int(np.clip(self.cell + action - 1, 0, 7))
        self.time += 1
        return self.cell, 0.0, False, self.time >= 10, {}


class KeepsLeft:
    def begin_episode(self, seed):
        pass

    def decide(self, context):
        if context.obs.argmax() > 3:
            return Decision(Controller.EXPERT, 0)
        return Decision(Controller.POLICY, context.proposed)


def features(obs, action, next_obs, info):
    return np.array([next_obs / 7, action != 1], float)


LINE = TaskDefinition(
    task=task_from_gymnasium("line", Line, features, ("rightness", "moves")),
    supervisor=KeepsLeft,
    prior=LogitsPolicy(lambda obs: np.tile([0.0, 0.5, 1.0], (len(obs), 1)), n_actions=3),
    summary="walk on a line",
)
'''
STUDY = """
title = "On a line"
tasks = ["TASK"]
methods = ["mereq", "hg-dagger-ft"]
presets = ["fast"]
seeds = [0, 1]
rounds = 2

[variants.small.settings]
rollout_steps = 60
training_steps = 50
cloning_updates = 50
inference = { max_updates = 2, sample_length = 60 }
warm_start = { steps = 100, updates = 20 }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the stranger's file and study."""
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "my_task.py").write_text(TASK)
    (folder / "study.toml").write_text(STUDY.replace("TASK", f"{folder}/my_task.py:LINE"))
    return folder


@pytest.fixture(scope="module")
def study(folder):
    """The finished study; the file is gone."""
    from mereq.studies.grid import Study
    from mereq.studies.local_engine import LocalEngine
    from small_studies import finish

    happened = finish(Study.read(folder / "study.toml"), folder / "study", LocalEngine(1))
    assert [event for event in happened if "Failed" in type(event).__name__] == []
    assert os.getpid() not in {event.pid for event in happened if "Started" in type(event).__name__}
    (folder / "my_task.py").rename(folder / "elsewhere.txt")
    yield folder / "study"
    (folder / "elsewhere.txt").rename(folder / "my_task.py")


def elsewhere(*lines: str) -> str:
    """Run lines of Python in a process that has never imported the task."""
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_runs_are_recorded_under_the_name_without_folders(study):
    with StudyStore.open(study) as store:
        runs = store.runs()
    assert {run.task for run in runs} == {"my_task.py:LINE"}
    assert {run.feature_names for run in runs} == {("rightness", "moves")}
    assert not any(run.supervised_by_person for run in runs)
    assert sorted(file.name for file in (study / RUNS).iterdir()) == sorted(run.name for run in runs)
    assert runs[0].name == "my_task.py_LINE-mereq-fast-small-0"
    assert 0 < runs[0].rounds[0].intervention_rate < 1
    assert str(study.parent).encode() not in (study / "study.sqlite").read_bytes()


def test_it_is_reported_and_exported_without_its_code(study, tmp_path):
    run = study / RUNS / "my_task.py_LINE-mereq-fast-small-0"
    told = elsewhere(
        "import sys",
        "from pathlib import Path",
        "from mereq import export, report",
        "from mereq.exports import read_runs",
        f"made = report({str(study)!r}, {str(tmp_path / 'report')!r}, behaviour=True)",
        "print(made.state, *made.notes, made.main_table.markdown(), sep='\\n')",
        f"recording = read_runs([Path({str(run)!r})])",
        f"export(recording, 'csv', Path({str(tmp_path / 'csv')!r}))",
        f"export(recording, 'minari', Path({str(tmp_path / 'minari')!r}))",
        "print([name for name in sys.modules if 'my_task' in name])",
    )
    assert "Finished: 4 of 4 runs." in told
    assert "The behaviour on my_task.py:LINE is left out: " in told
    assert "| HG-DAgger-FT, small " in told
    assert told.splitlines()[-1] == "[]"
    text = (tmp_path / "report/report.md").read_text()
    for part in ("(figure2.png)", "(thetas.png)", "The paper has no number", "is left out: "):
        assert part in text
    with (tmp_path / "csv/steps.csv").open() as file:
        steps = list(csv.DictReader(file))
    assert len(steps) == 2 * 60
    assert {"features_rightness", "features_moves"} <= steps[0].keys()
    origin = json.loads((tmp_path / "csv/provenance.json").read_text())
    assert origin["task"] == "my_task.py:LINE"
    assert str(study.parent) not in json.dumps(origin) + text


def test_the_command_has_nothing_left_to_do(folder, study, mereq):
    (folder / "elsewhere.txt").rename(folder / "my_task.py")
    try:
        status, table, told = mereq("study", folder / "study.toml", "--out", study, "--workers", 2)
    finally:
        (folder / "my_task.py").rename(folder / "elsewhere.txt")
    assert status == 0, told
    assert "4 runs, 4 of them finished" in told
    assert "| MEReQ, small        | 2/2 " in table
