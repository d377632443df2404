"""`mereq init` writes files that run, and `mereq check` tells of each what was tried."""

import io
import itertools

import pytest
from rich.console import Console

from mereq.commands.check import check
from mereq.commands.init import init
from mereq.core.errors import CannotLoad, CannotWrite
from mereq.core.simulator import close

QUIET = Console(file=io.StringIO())


def checked(task: str, **policies) -> tuple[bool, str]:
    out = Console(file=io.StringIO(), width=400)
    fine = check(task, "fast", policies.get("prior"), None, policies.get("expert"), out, QUIET)
    return fine, out.file.getvalue()


@pytest.mark.parametrize("environment", ["CartPole-v1", "Pendulum-v1", "Blackjack-v1", "FrozenLake-v1"])
def test_a_new_file_runs(tmp_path, environment):
    file = tmp_path / f"{environment.partition('-')[0].lower()}_task.py"
    init(file, environment, QUIET)
    fine, table = checked(f"{file}:TASK")
    assert fine, table
    assert table.count("✓ pass") == 10
    assert "1 for supervision, 10 for training" in table


def test_a_failure_is_a_row_and_the_rest_is_tried(tmp_path):
    file = tmp_path / "half_task.py"
    init(file, "CartPole-v1", QUIET)
    file.write_text(file.read_text().replace("return np.zeros((len(obs), 2))", "return np.full((len(obs), 2), 0.5)"))
    fine, table = checked(f"{file}:TASK")
    assert not fine
    assert "✗ fail" in table
    assert "probabilities, where logits are wanted" in table
    assert table.count("✓ pass") == 9


def test_what_builds_on_a_failure_is_not_tried(tmp_path):
    file = tmp_path / "broken_task.py"
    init(file, "CartPole-v1", QUIET)
    file.write_text(file.read_text().replace("return np.array([action == 1,", "return np.array([1 / 0,"))
    fine, table = checked(f"{file}:TASK")
    assert not fine
    assert "ZeroDivisionError: division by zero (broken_task.py, line" in table
    assert table.count("– not tried") == 8


def test_files_that_are_not_written(tmp_path):
    file = tmp_path / "task.py"
    file.write_text("mine")
    with pytest.raises(CannotWrite, match="is not overwritten"):
        init(file, "CartPole-v1", QUIET)
    assert file.read_text() == "mine"
    with pytest.raises(CannotWrite, match=r"ends with \.py"):
        init(tmp_path / "task.txt", "CartPole-v1", QUIET)
    with pytest.raises(CannotLoad, match="Gymnasium cannot make 'Nowhere-v0'"):
        init(tmp_path / "new.py", "Nowhere-v0", QUIET)


def test_a_close_that_fails_is_a_warning(caplog):
    class Stuck:
        def close(self):
            raise RuntimeError("the port is busy")

    closed = itertools.count()
    close(Stuck(), object(), type("Other", (), {"close": lambda self: next(closed)})())
    assert next(closed) == 1
    assert "A Stuck could not be closed: RuntimeError: the port is busy" in caplog.text
