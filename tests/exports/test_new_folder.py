"""An export is whole or not there; nothing is overwritten unasked; every refusal is a sentence."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from exported import READERS, recorded, steps_of, task_of
from full_disk import fill
from mereq.cli import main
from mereq.core.actions import Box, Discrete
from mereq.core.errors import CannotExport, CannotWrite, NoRun, RunExists, UnknownName
from mereq.exports import export, read_runs
from mereq.presets.registry import TASKS
from mereq.store.run_writer import RunWriter


@pytest.fixture
def run(tmp_path):
    return recorded(tmp_path / "run", steps_of([4, 3], Box(2), 0))


def recording(*runs: Path):
    return read_runs(runs, task=task_of(Box(2)))


def everything(folder: Path) -> list[Path]:
    """But for the runs, which may be open elsewhere."""
    return sorted(path for path in folder.rglob("*") if path.parent.name != "run")


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("mishap", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_export_that_is_stopped_leaves_nothing(tmp_path, run, format, mishap):
    def stopped():
        episodes = recording(run).episodes()
        yield next(episodes)
        raise mishap

    for existing in (False, True):
        if existing:
            export(recording(run), "csv", tmp_path / "out")
        before = everything(tmp_path)
        with pytest.raises(CannotWrite if isinstance(mishap, OSError) else KeyboardInterrupt):
            export(recording(run), format, tmp_path / "out", overwrite=True, episodes=stopped())
        assert everything(tmp_path) == before


def test_a_killed_export_is_marked_as_unfinished_and_the_next_one_cleans_up(tmp_path, run):
    program = f"""
        import os, signal, sys
        sys.path[:0] = {[str(Path(__file__).parents[1] / "helpers")]}
        from pathlib import Path
        from exported import task_of
        from mereq.core.actions import Box
        from mereq.exports import export, read_runs

        def killed(episodes):
            yield next(episodes)
            os.kill(os.getpid(), signal.SIGKILL)

        recording = read_runs([Path({str(run)!r})], task=task_of(Box(2)))
        export(recording, "csv", Path({str(tmp_path / "out")!r}), episodes=killed(recording.episodes()))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.unfinished", "run"]
    export(recording(run), "csv", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run"]


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("room", [0, 300_000])  # bytes; nothing can be begun, or not ended
def test_a_full_disk(small_disk, run, format, room):
    fill(small_disk)
    ballast = small_disk / "ballast"
    os.truncate(ballast, ballast.stat().st_size - room)
    endless = itertools.cycle(list(recording(run).episodes()))
    with pytest.raises(CannotWrite, match=r"No space left|errno = 28"):
        export(recording(run), format, small_disk / "out", episodes=endless)
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_nothing_is_overwritten_unasked(tmp_path, run):
    export(recording(run), "csv", tmp_path / "out")
    with pytest.raises(RunExists, match="--overwrite replaces an export"):
        export(recording(run), "csv", tmp_path / "out")
    export(recording(run), "lerobot", tmp_path / "out", overwrite=True)
    assert not (tmp_path / "out/steps.csv").exists()
    with pytest.raises(RunExists, match="is not an export: it is not overwritten"):
        export(recording(run), "csv", run, overwrite=True)
    assert (run / "run.sqlite").exists()
    (tmp_path / "empty").mkdir()
    export(recording(run), "csv", tmp_path / "empty")


@pytest.mark.parametrize(("format", "package"), [("lerobot", "pyarrow"), ("minari", "minari"), ("minari", "h5py")])
def test_a_missing_package_is_a_sentence(tmp_path, run, monkeypatch, format, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(CannotExport, match=rf"mereq\[{format}\]"):
        export(recording(run), format, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_exported_is_a_sentence(tmp_path, run):
    with pytest.raises(CannotExport, match="No run was named"):
        recording()
    with pytest.raises(NoRun):
        recording(tmp_path / "nowhere")
    with pytest.raises(UnknownName, match=r"no recorded round called '3'\. Known: 0"):
        read_runs([run], rounds=[3], task=task_of(Box(2)))
    with pytest.raises(UnknownName, match="no format called 'hdf'"):
        export(recording(run), "hdf", tmp_path / "out")
    RunWriter.create(tmp_path / "begun", {"task": "toy"}).close()
    with pytest.raises(CannotExport, match="has no steps yet"):
        recording(tmp_path / "begun")
    other = recorded(tmp_path / "other", steps_of([2], Discrete(3), 0), task="erasing")
    with pytest.raises(CannotExport, match="different tasks: erasing, toy"):
        read_runs([run, other])
    with pytest.raises(CannotExport, match=r"action is float32\(2,\) in the first one and int64\(\) in run 1"):
        export(recording(run, other), "csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_our_tasks_know_their_own_time():
    assert {name: preset.hz for name, preset in TASKS.items()} == {
        name: pytest.approx(1.0 if name.startswith("highway") else 10.0) for name in TASKS
    }


def test_the_command(tmp_path, capsys, monkeypatch):
    task = TASKS["highway"].task
    steps = steps_of([2, 2], task.actions, 0)
    run = recorded(tmp_path / "run", steps, task="highway")
    words = ["mereq", "export", str(run), "--format", "csv", "--out", str(tmp_path / "out"), "--rounds", "0"]
    monkeypatch.setattr(sys, "argv", words)
    main()
    assert len((tmp_path / "out/steps.csv").read_text().splitlines()) == 1 + len(steps)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--overwrite" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*words, "--overwrite"])
    main()
