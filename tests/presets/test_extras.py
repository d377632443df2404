"""What a small installation leaves out is named, with the extra that has it."""

import sys
import tomllib
from pathlib import Path

import pytest

from mereq.cli import main
from mereq.core.errors import CannotLoad
from mereq.core.extras import EXTRAS, advice
from mereq.presets.named import load_named

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def test_every_extra_exists():
    assert set(EXTRAS.values()) <= PROJECT["optional-dependencies"].keys()
    needed = {line.partition(">")[0].partition("=")[0] for line in PROJECT["dependencies"]}
    assert not needed & EXTRAS.keys()


def test_only_a_missing_package_is_advised_on():
    assert "mereq[arm]" in (advice(ModuleNotFoundError("no", name="mujoco.rollout")) or "")
    assert advice(ModuleNotFoundError("no", name="torch")) is None
    assert advice(ImportError("no")) is None
    assert advice(ValueError("mujoco")) is None


def test_a_task_that_needs_an_extra(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "mujoco", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Absent("mujoco"), *sys.meta_path])
    (tmp_path / "mine.py").write_text("import mujoco")
    with pytest.raises(CannotLoad, match=r"Cannot load the task .*mujoco, .*pip install 'mereq\[arm\]'\."):
        load_named(f"{tmp_path / 'mine.py'}:TASK", "task")


def test_a_command_that_needs_an_extra(tmp_path, monkeypatch, capsys):
    for name in [known for known in sys.modules if known.partition(".")[0] in ("starlette",)]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("mereq.commands.supervise", "mereq.web.server", "mereq.web.access_control"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Absent("starlette"), *sys.meta_path])
    monkeypatch.setattr(sys, "argv", ["mereq", "supervise", "highway", "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "pip install 'mereq[web]'." in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()


class Absent:
    """A package that is not installed."""

    def __init__(self, name: str):
        self.name = name

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == self.name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
