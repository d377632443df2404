"""Provenance says what a number depends on, and nothing about whose machine it was."""

import getpass
import json
import platform
import subprocess
from pathlib import Path

import numpy as np
import pytest

import mereq
from mereq.store import provenance as module
from mereq.store.provenance import provenance, resident_bytes


def test_what_it_says(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = provenance()
    assert found["mereq"] == mereq.__version__
    assert found["packages"]["numpy"] == np.__version__
    assert found["machine"]["cores"] >= found["machine"]["usable_cores"] >= 1
    assert found["machine"]["processor"]
    assert found["threads"]["OMP_NUM_THREADS"] == "1"
    assert json.loads(json.dumps(found)) == found


def test_nothing_that_names_a_person_or_a_place(monkeypatch):
    home = "/home/marie.curie"
    words = [f"{home}/.venv/bin/mereq", "align", "highway", f"--out={home}/runs/radium", "--prior", "~/old/prior",
             "../marie/notes", "runs/mine", "--seed", "3", "C:\\Users\\marie\\x"]  # fmt: skip
    monkeypatch.setattr("sys.argv", words)
    monkeypatch.setenv("XLA_FLAGS", f"--xla_cpu_foo=1 --xla_dump_to={home}/dump")
    found = provenance()
    assert found["command"] == "mereq align highway --out=radium --prior prior notes runs/mine --seed 3 x"
    assert found["threads"]["XLA_FLAGS"] == "--xla_cpu_foo=1 --xla_dump_to=dump"
    text = json.dumps(found)
    assert "marie" not in text
    assert platform.node() not in text
    assert str(Path.home()) not in text
    assert f"/{getpass.getuser()}" not in text


def test_the_commit_is_that_of_mereq_only(tmp_path):
    def git(*words):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    package = tmp_path / "src" / "mereq"
    package.mkdir(parents=True)
    installed = tmp_path / "venv" / "mereq"
    installed.mkdir(parents=True)
    (package / "x.py").write_text("1")
    assert module._git(package) is None
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "x")
    clean = module._git(package)
    assert clean is not None
    assert len(clean["commit"]) == 40
    assert not clean["dirty"]
    assert module._git(installed) is None
    (package / "x.py").write_text("2")
    assert module._git(package) == clean | {"dirty": True}


def test_without_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance()["git"] is None


def test_memory():
    if Path("/proc/self/statm").exists():
        before = resident_bytes()
        ballast = np.ones(20_000_000)
        after = resident_bytes()
        assert after is not None
        assert before is not None
        assert after - before == pytest.approx(ballast.nbytes, rel=0.2)
