"""The prior of a run by name: files of other libraries, their kinds, and programs that have to be named."""

from dataclasses import replace

import numpy as np
import pytest

from mereq.core.distribution import Categorical
from mereq.core.errors import CannotLoad, NotNamed, UnknownName
from mereq.core.function_policies import DeterministicPolicy, SampledPolicy
from mereq.core.task import Task
from mereq.presets.registry import find_task
from mereq.runs.policies import as_policy, name_policy, open_policy, policy_of
from mereq.runs.spec import RunSpec
from sb3_files import FOLDER, task_of

HIGHWAY = find_task("highway").task


def test_a_file_is_opened_by_its_suffix():
    from mereq.core.actions import Discrete

    task = task_of(4, Discrete(3))
    q = open_policy(str(FOLDER / "dqn.zip"), task, temperature=0.5).distribution(np.ones((2, 4), np.float32))
    assert isinstance(q, Categorical)
    with pytest.raises(CannotLoad, match="leave --prior-kind out"):
        open_policy(str(FOLDER / "dqn.zip"), task, "q")
    with pytest.raises(CannotLoad, match=r"none\.onnx cannot be read"):
        open_policy("none.onnx", task, "q")
    with pytest.raises(CannotLoad, match="trained for 3 actions from 0, and the task highway has 5 actions"):
        policy_of(RunSpec.named(task="highway", prior=str(FOLDER / "dqn.zip")), "prior")


@pytest.mark.parametrize(("kind", "found"), [("action", DeterministicPolicy), ("samples", SampledPolicy)])
def test_a_function_returns_what_its_kind_says(kind, found):
    assert isinstance(as_policy(lambda obs: obs, HIGHWAY, "mine.py:IT", kind), found)


def test_a_program_that_only_a_recorded_run_names_is_not_run(tmp_path):
    """A TorchScript file may do what code does, so it is treated as code."""
    spec = RunSpec.named(task="highway", prior=str(tmp_path / "policy.pt"), prior_kind="logits")
    with pytest.raises(NotNamed, match="is a program that is run only if you name it"):
        policy_of(spec, "prior")
    name_policy(spec.prior)
    (tmp_path / "policy.pt").write_bytes(b"nothing")
    pytest.importorskip("torch")
    with pytest.raises(CannotLoad, match="is no TorchScript file"):
        policy_of(spec, "prior")


def test_two_policies_with_one_recorded_name_are_refused(tmp_path):
    """The second one would act as the first one's prior or expert."""
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "walk.py").write_text("def WALK(obs):\n    return obs\n")
    name_policy(f"{tmp_path}/one/walk.py:WALK")
    name_policy(f"{tmp_path}/other/../one/walk.py:WALK")
    with pytest.raises(CannotLoad, match=r"are both recorded as walk\.py:WALK\. Rename one of the files"):
        name_policy(f"{tmp_path}/other/walk.py:WALK")


def test_the_kind_is_part_of_a_run():
    spec = RunSpec.named(task="highway", prior="policy.onnx", prior_kind="logits")
    assert spec.to_config()["prior_kind"] == "logits"
    assert "prior_kind" not in replace(spec, prior_kind=None).to_config()  # runs of before stay comparable
    assert RunSpec.from_config(spec.to_config()) == spec
    with pytest.raises(UnknownName, match="kind of prior called 'normal'"):
        RunSpec.named(task="highway", prior_kind="normal")
    assert isinstance(HIGHWAY, Task)
