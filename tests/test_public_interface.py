"""The public interface: its names, that importing it is quick, and that our tasks are listed as they are."""

import re
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

import mereq
from mereq import cli
from mereq.presets.catalogue import CATALOGUE
from mereq.presets.registry import TASKS

NAMES = [
    "AlignSettings",
    "Box",
    "Categorical",
    "ClippedGaussian",
    "ClippedGaussianPolicy",
    "Controller",
    "Decision",
    "DecisionContext",
    "DeterministicPolicy",
    "Discrete",
    "DivergenceExpert",
    "GaussianPolicy",
    "LogitsPolicy",
    "METHODS",
    "MeasurementExpert",
    "MereqError",
    "Policy",
    "Round",
    "Rule",
    "RuleEngine",
    "RunSpec",
    "SampledPolicy",
    "SquashedGaussian",
    "Study",
    "Supervisor",
    "Task",
    "TaskDefinition",
    "Trigger",
    "WeightedSamples",
    "__version__",
    "align",
    "axis_controls",
    "check_task",
    "create",
    "discrete_controls",
    "events",
    "export",
    "fast",
    "find_task",
    "load_policy",
    "open_policy",
    "on_parts",
    "report",
    "resume",
    "run",
    "save_policy",
    "supervise",
    "task_from_gymnasium",
]
HEAVY = ("jax", "mujoco", "numba", "gymnasium", "matplotlib", "scipy", "pandas", "torch")


def test_the_names_are_these():
    assert sorted(mereq.__all__) == sorted(NAMES)
    assert sorted(name for names in mereq._HOMES.values() for name in names) == sorted(set(NAMES) - {"__version__"})


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_what_its_module_defines(name):
    if name == "__version__":
        return
    assert getattr(mereq, name) is getattr(import_module(mereq._HOME[name]), name)


def test_a_name_that_there_is_not():
    with pytest.raises(AttributeError, match="module 'mereq' has no attribute 'allign'"):
        mereq.allign  # noqa: B018


@pytest.mark.parametrize("words", [["tasks"], ["doctor"], ["--help"], ["align", "--help"]])
def test_starting_imports_no_simulator_and_no_learner(words):
    """Commands that only tell something are answered at once: see `benchmarks/speed/start_up.py`."""
    program = (
        f"import contextlib, sys; sys.argv = ['mereq', *{words!r}]; import mereq; from mereq.cli import main\n"
        f"with contextlib.suppress(SystemExit): main()\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("words", "status"), [([], 2), (["--help"], 0), (["-h"], 0)])
def test_the_overview_has_a_sentence_for_every_command(monkeypatch, capsys, words, status):
    monkeypatch.setattr("sys.argv", ["mereq", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == status
    told = capsys.readouterr().out
    commands = [name.replace("_", "-") for name in cli.__all__ if name != "main"]
    assert sorted(re.findall(r"^  ([a-z-]+) +[A-Z]", told, re.MULTILINE)) == sorted(commands)
    assert len(told.splitlines()) < 50
    assert max(map(len, told.splitlines())) <= 110


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_catalogue_says_what_the_definitions_say(name):
    entry, definition = CATALOGUE[name], TASKS[name]
    assert definition.name == name
    assert entry.summary == definition.summary
    assert entry.feature_names == definition.task.feature_names
    assert entry.for_a_person == definition.for_a_person
    np.testing.assert_array_equal(entry.theta_prior, definition.theta_prior)
    np.testing.assert_array_equal(entry.theta_expert, definition.theta_expert)
