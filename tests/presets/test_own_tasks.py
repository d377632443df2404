"""Tasks by name: ours, a user's file or module, an installed package; what was recorded is not imported by itself."""

import subprocess
import sys
import textwrap
from importlib import metadata
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest

from mereq.core.errors import CannotLoad, IncompleteTask, NotNamed, UnknownName
from mereq.core.policy import LogitsPolicy
from mereq.presets import registry
from mereq.presets.definition import TaskDefinition
from mereq.presets.registry import TASKS, definition_of, find_task, full_name, is_known
from mereq.runs.policies import as_policy, checksum_of, name_policy, policy_of
from mereq.runs.spec import RunSpec
from mereq.supervision.rules import Rule, Trigger
from mereq.supervision.synthesized import DivergenceExpert, MeasurementExpert
from mereq.tasks.gymnasium_task import task_from_gymnasium
from toys import NeverTakesOver

FILE = """
    import gymnasium as gym
    import numpy as np
    from mereq import LogitsPolicy, TaskDefinition, task_from_gymnasium
    from neighbour import NAMES

    TASK = task_from_gymnasium(
        "pole", lambda: gym.make("CartPole-v1"), lambda o, a, n, i: np.array([abs(n[2]), float(a)]), NAMES
    )
    POLE = TaskDefinition(task=TASK)
    PRIOR = LogitsPolicy(lambda obs: np.stack([-obs[:, 2], obs[:, 2]], axis=1), 2)
    def logits(obs): return np.zeros((len(obs), 2))
    NUMBER = 3
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(registry.USERS, "_found", {})
    (tmp_path / "neighbour.py").write_text('NAMES = ("tilt", "right")\n')
    monkeypatch.setattr(sys, "path", sys.path.copy())
    path = tmp_path / f"pole_{tmp_path.name}.py"
    path.write_text(textwrap.dedent(FILE))
    yield path
    sys.modules.pop("neighbour", None)


def pole() -> TaskDefinition:
    task = task_from_gymnasium("pole", lambda: gym.make("CartPole-v1"), lambda *_: np.zeros(1), ("nothing",))
    return TaskDefinition(task=task)


def test_a_file_is_found_and_remembered_without_its_folder(file):
    definition = find_task(f"{file}:POLE")
    assert definition.task.feature_names == ("tilt", "right")
    recorded = f"{file.name}:POLE"
    assert find_task(f"{file}:POLE") is definition_of(recorded) is definition
    assert full_name(recorded) == f"{file}:POLE"
    config = RunSpec.named(task=f"{file}:POLE").to_config()
    assert config["task"] == recorded
    assert str(file.parent) not in str(config)


def test_a_task_alone_is_enough(file):
    definition = find_task(f"{file}:TASK")
    assert definition.name == "pole"
    assert list(definition.settings) == ["fast"]


def test_what_was_recorded_is_not_imported(file):
    recorded = f"{file.name}:POLE"
    with pytest.raises(NotNamed, match=r"imported only if you name it.*another person\. Name it on the command line"):
        definition_of(recorded)
    with pytest.raises(NotNamed):
        definition_of(f"{file}:POLE")  # nor by its path, when it comes from a record
    assert not is_known(recorded)
    find_task(f"{file}:POLE")
    assert is_known(recorded)


def test_a_module_is_found_in_the_current_directory(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert find_task(f"{file.stem}:POLE").name == "pole"


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("motorway", UnknownName, r"no task called 'motorway'. Known: .*highway.*file.py:NAME or package.module:NAME"),
        ("nowhere.py:POLE", CannotLoad, r"no file nowhere\.py"),
        ("FILE:MOON", CannotLoad, r"no MOON in .*Names defined there: .*POLE"),
        ("FILE:NUMBER", CannotLoad, r"is a int, and must be a TaskDefinition: TaskDefinition\(task=\.\.\., "),
        ("no_such_package.tasks:POLE", CannotLoad, r"ModuleNotFoundError: No module named 'no_such_package'"),
        ("BROKEN:POLE", CannotLoad, r"ZeroDivisionError: division by zero \(broken.py, line 2\)"),
    ],
)
def test_mistakes_are_sentences(file, name, error, words):
    broken = file.with_name("broken.py")
    broken.write_text("x = 1\ny = x / 0\n")
    with pytest.raises(error, match=words):
        find_task(name.replace("FILE", str(file)).replace("BROKEN", str(broken)))


def test_two_files_of_the_same_name_are_not_confused(file, tmp_path):
    find_task(f"{file}:POLE")
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / file.name
    twin.write_text(file.read_text())
    with pytest.raises(CannotLoad, match="are both recorded as"):
        find_task(f"{twin}:POLE")


def test_an_installed_package_offers_tasks(monkeypatch):
    point = SimpleNamespace(name="lander", value="mereq.presets.highway:HIGHWAY")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point] if group == "mereq.tasks" else [])
    assert find_task("lander") is TASKS["highway"]
    with pytest.raises(UnknownName, match="lander"):
        find_task("rover")


def test_naming_a_task_is_the_only_thing_that_runs_its_code(file):
    """A run recorded with a user's task is shown by a process that does not import it."""
    marker = file.with_name("imported")
    file.write_text(file.read_text() + f"\nopen({str(marker)!r}, 'w').close()\n")
    program = f"from mereq.runs.spec import RunSpec; RunSpec.from_config({{'task': '{file.name}:POLE'}})"
    subprocess.run([sys.executable, "-c", program], cwd=file.parent, capture_output=True)
    assert not marker.exists()


# ------------------------------------------------------------------------------------------------------------- parts


def test_a_supervisor_may_be_one_or_make_one():
    expert, rule = LogitsPolicy(lambda obs: np.zeros((len(obs), 2)), 2), Rule((Trigger(bool, 1),), (Trigger(bool, 1),))
    one = MeasurementExpert(expert, rule)
    for source, needs in (
        (one, False),
        (NeverTakesOver, False),
        (lambda: one, False),
        (lambda policy: MeasurementExpert(policy, rule), True),
        (lambda policy, extra=1: MeasurementExpert(policy, rule), True),
    ):
        definition = TaskDefinition(task=pole().task, supervisor=source, expert=expert)
        assert definition.needs_expert is needs
        assert hasattr(definition.make_supervisor(), "decide")
    assert TaskDefinition(task=pole().task, supervisor=one).make_supervisor() is one
    assert isinstance(TASKS["highway"].make_supervisor(), DivergenceExpert)


def test_what_a_definition_lacks_is_said():
    with pytest.raises(IncompleteTask, match=r"no supervisor, so only a person can supervise it"):
        pole().make_supervisor()
    with pytest.raises(IncompleteTask, match=r"no prior of its own. (Name|Give).*--prior"):
        pole().policy("prior")
    with pytest.raises(UnknownName, match=r"no preset called 'paper'\. Known: fast"):
        pole().settings_of("paper")


def test_a_prior_by_name_is_a_policy_or_a_function(file):
    for what in ("PRIOR", "logits"):
        name_policy(f"{file}:{what}")
        spec = RunSpec.named(task=f"{file}:POLE", prior=f"{file}:{what}")
        policy = policy_of(spec, "prior")
        assert policy.distribution(np.zeros((3, 4), np.float32)).parameters.shape == (3, 2)
        assert len(checksum_of(policy, find_task(f"{file}:POLE").task)) == 64
        assert spec.to_config()["prior"] == f"{file.name}:{what}"
    with pytest.raises(NotNamed, match="--expert"):
        policy_of(RunSpec.named(task=f"{file}:POLE", expert="elsewhere.py:EXPERT"), "expert")
    with pytest.raises(CannotLoad, match="is a int, and must be a policy"):
        as_policy(3, pole().task, "x.py:NUMBER")


def test_other_policies_have_other_checksums():
    task = pole().task
    sums = {checksum_of(LogitsPolicy(lambda obs, k=k: k * obs[:, :2], 2), task) for k in (1.0, 1.0, 2.0)}
    assert len(sums) == 2
