"""A study of a second per run, and ways to run and to interrupt it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import mereq
from mereq.store.run_store import RunReader
from mereq.studies.comparing import differences, study_differences
from mereq.studies.driver import Engine, Event, run_study
from mereq.studies.grid import Study
from mereq.studies.study_store import RUNS, StudyRun, StudyStore
from waiting import until

TEXT = """
title = "Small"
description = "Two methods, two seeds."
tasks = ["highway"]
methods = ["mereq", "mereq-np"]
presets = ["fast"]
seeds = [3, 4]
rounds = 3

[variants.small.settings]
rollout_steps = 120
training_steps = 100
inference = { max_updates = 2, sample_length = 250 }
"""
STOPPING = """
import os, signal, sys
from contextlib import closing
from mereq.cli import main
from mereq.commands import study

def stopping(*arguments, whole=study.run_study):
    with closing(whole(*arguments)) as events:
        for event in events:
            yield event
            if type(event[0]).__name__ == kind:
                os.killpg(0, signal.SIGSTOP)

kind, study.run_study = sys.argv.pop(1), stopping
main()
"""


def study_file(folder: Path, text: str = TEXT) -> Path:
    file = folder / "small.toml"
    file.write_text(text)
    return file


def finish(study: Study, directory: Path, engine: Engine) -> list[Event]:
    """Do what is missing of a study; returns what happened."""
    with StudyStore.begin(directory, study) as store:
        return [event for event, _ in run_study(study, store, engine)]


def compare(left: Path, right: Path) -> list[str]:
    """Where two studies differ: in their results, and in each of their runs, bit for bit."""
    with StudyStore.open(left) as ours, StudyStore.open(right) as theirs:
        found = study_differences(ours, theirs)
    names = [sorted(folder.name for folder in (study / RUNS).iterdir()) for study in (left, right)]
    if names[0] != names[1]:
        return [*found, f"runs {names}"]
    for name in names[0]:
        with RunReader.open(left / RUNS / name) as one, RunReader.open(right / RUNS / name) as other:
            found += [f"{name}: {what}" for what in differences(one, other)]
    return found


def numbers(run: StudyRun) -> tuple:
    """Results of a run: rates, expert samples and thetas."""
    return run[:5], [(r.intervention_rate, r.expert_steps, r.theta.tobytes()) for r in run.rounds]


def finished(directory: Path) -> list[StudyRun]:
    with StudyStore.open(directory) as store:
        return store.runs()


def driver(kind: str, *words: object) -> subprocess.Popen:
    """`mereq study` in a process group of its own, all of which stops after each event of this kind."""
    environment = os.environ | {"PYTHONPATH": str(Path(mereq.__file__).parents[1])}
    command = [sys.executable, "-c", STOPPING, kind, "study", *map(str, words)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)


def stopped(process: subprocess.Popen) -> list[int]:
    """Wait until a driver has stopped itself; its living descendants."""
    until(lambda: state(process.pid) in ("T", "Z", ""))
    assert state(process.pid) == "T", process.communicate()
    return children(process.pid)


def children(pid: int) -> list[int]:
    """Living descendants of a process."""
    found = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, file.read_text().split()):
            found += [child, *children(child)]
    return found


def state(pid: int) -> str:
    """Letter of a process's state: R, S, T for a stopped one, Z for one that has ended; empty without a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def kill_driver(process: subprocess.Popen, workers: Sequence[int], with_signal: int = signal.SIGKILL) -> str:
    """Kill a stopped driver alone (Ctrl-C: with its whole group); then none of its workers lives. Returns its words."""
    if with_signal == signal.SIGINT:
        os.killpg(process.pid, with_signal)
    else:
        process.send_signal(with_signal)
    os.killpg(process.pid, signal.SIGCONT)
    told = process.communicate()[1]
    until(lambda: {state(pid) for pid in workers} <= {"Z", ""})
    return told


def files(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Every file's time of change and content; not of those that come and go with who reads and writes."""
    passing = (".lock", "-shm", "-wal")
    found = sorted(file for file in directory.rglob("*") if file.is_file() and not file.name.endswith(passing))
    return {str(file.relative_to(directory)): (file.stat().st_mtime_ns, file.read_bytes()) for file in found}


def policies(directory: Path) -> int:
    """Rounds finished in all runs, whether or not these are."""
    return len(list((directory / RUNS).glob("*/checkpoints/policy-*.safetensors")))


def results(directory: Path) -> int:
    """Runs in the study's file, also before there is one."""
    return len(finished(directory)) if (directory / "study.sqlite").exists() else 0
