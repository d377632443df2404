"""A study on local processes: interrupted, killed and started twice, it ends with the numbers of one left in peace."""

import json
import os
import shutil
import signal

import pytest

from mereq.core.errors import CannotWrite, StudyStopped
from mereq.runs.run import config_of
from mereq.runs.run import run as run_of
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from mereq.studies.comparing import differences
from mereq.studies.driver import RoundFinished, RunFinished, RunStarted, WorkerDied, run_study
from mereq.studies.grid import Study
from mereq.studies.local_engine import LocalEngine
from mereq.studies.study_store import RUNS, StudyStore
from small_studies import (
    compare,
    driver,
    files,
    finish,
    finished,
    kill_driver,
    policies,
    results,
    stopped,
    study_file,
)


def test_killed_and_interrupted_and_started_again_it_is_the_study_left_in_peace(calm_study, tmp_path):
    """kill -9 of the whole driver in the middle of runs; Ctrl-C, once a run has finished, of the next one."""
    out, words = tmp_path / "study", [study_file(tmp_path), "--out", tmp_path / "study"]

    process = driver("RoundFinished", *words, "--workers", 2)
    workers = stopped(process)
    kill_driver(process, workers)
    assert results(out) == 0
    assert policies(out) >= 1

    process = driver("RunFinished", *words, "--workers", 1)
    workers = stopped(process)
    with pytest.raises(CannotWrite, match="Another process is recording into"):
        StudyStore.begin(out, Study.read(words[0]))
    told = kill_driver(process, workers, signal.SIGINT)
    assert process.returncode == 130
    assert f"Resume with the same command:  mereq study {words[0]} --out {out}" in told
    assert "Traceback" not in told
    done = finished(out)
    assert len(done) == 1
    kept = {run.name: files(out / RUNS / run.name) for run in Study.read(words[0]).runs}

    happened = finish(Study.read(words[0]), out, LocalEngine(1))
    assert sum(isinstance(event, RunFinished) for event in happened) == 4 - len(done)
    assert compare(calm_study, out) == []
    for run in done:
        name = f"highway-{run.method}-fast-small-{run.seed}"
        assert files(out / RUNS / name) == kept[name]
    interrupted = 0
    for name in kept:
        with RunReader.open(out / RUNS / name) as store:
            interrupted += len(store.starts()) > 1
    assert interrupted >= 1  # went on in the middle, instead of anew


def test_a_killed_worker_costs_a_worker_and_nothing_else(calm_study, tmp_path):
    study, died, happened = Study.read(study_file(tmp_path)), "", []
    with StudyStore.begin(tmp_path / "study", study) as store:
        pids = {}
        for event, _ in run_study(study, store, LocalEngine(2)):
            happened.append(event)
            if isinstance(event, RunStarted):
                pids[event.name] = event.pid
            if isinstance(event, RoundFinished) and not died:
                died = event.name
                os.kill(pids[died], signal.SIGKILL)
    assert [event for event in happened if isinstance(event, WorkerDied)] == [WorkerDied(died, "signal SIGKILL")]
    ended = [event.name for event in happened if isinstance(event, RunFinished)]
    assert sorted(ended) == sorted(run.name for run in study.runs)
    assert sum(isinstance(event, RunStarted) and event.name == died for event in happened) == 2
    assert len(set(pids.values())) >= 2
    assert compare(calm_study, tmp_path / "study") == []
    if LocalEngine().workers == 2 and hasattr(os, "sched_getaffinity"):  # a core for each worker
        assert {run.provenance["machine"]["usable_cores"] for run in finished(tmp_path / "study")} == {1}


def test_a_run_in_the_foreground_gives_the_same_bits(calm_study, tmp_path):
    """As `mereq align` makes it: in this process, with all its threads, and not pinned to a core."""
    planned = Study.read(study_file(tmp_path)).runs[0]
    with RunWriter.create(tmp_path / "run", config_of(planned.spec)) as store:
        list(run_of(planned.spec, store))
    with RunReader.open(tmp_path / "run") as ours, RunReader.open(calm_study / RUNS / planned.name) as theirs:
        assert theirs.starts()[0].provenance["threads"]["OMP_NUM_THREADS"] == "1"
        assert differences(ours, theirs) == []


def test_results_are_read_anew_from_the_runs_when_the_file_is_gone(calm_study, tmp_path):
    out = shutil.copytree(calm_study, tmp_path / "study")
    (out / "study.sqlite").unlink()
    before = files(out / RUNS)
    happened = finish(Study.read(study_file(tmp_path)), out, LocalEngine(1))
    assert {type(event) for event in happened} == {RunStarted, RunFinished}
    assert files(out / RUNS) == before
    assert compare(calm_study, out) == []


def test_workers_that_die_again_and_again_stop_the_study(tmp_path, monkeypatch):
    """Each worker dies as soon as it takes a job: the job cannot be read there."""
    monkeypatch.setattr(RunSpec, "__reduce__", lambda self: (os._exit, (7,)))
    study = Study.read(study_file(tmp_path))
    with pytest.raises(StudyStopped, match=r"3 workers died one after another .*exit status 7.*fewer --workers"):
        finish(study, tmp_path / "study", LocalEngine(1))


def test_one_thread_each(calm_study):
    for run in finished(calm_study):
        threads = run.provenance["threads"]
        assert {threads[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")} == {"1"}
        assert json.dumps(threads).count("--xla_cpu_multi_thread_eigen=false") == 1
