"""A study on a real local Ray with two worker processes: the local pool's numbers, also when a worker is killed."""

import os
import signal
import sys

import pytest

from mereq.core.errors import StudyStopped
from mereq.studies.driver import RoundFinished, RunFinished, RunStarted, WorkerDied, run_study
from mereq.studies.grid import Study
from mereq.studies.ray_engine import RayEngine
from mereq.studies.study_store import StudyStore
from small_studies import compare, finished, numbers, study_file

# Ray starts its processes with a fork, and where JAX is at work in this process already, it warns of any fork. Each of
# these forks becomes a new program at once, for which no lock of JAX matters.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")


def test_ray_gives_the_numbers_of_the_local_pool_although_a_worker_is_killed(calm_study, tmp_path, monkeypatch):
    """kill -9 of the worker process of the run that is first to finish a round, or of the run that follows it there."""
    monkeypatch.setenv("RAY_worker_niceness", "0")  # Ray's own 15 would let every other test go first
    study, died, happened, pids = Study.read(study_file(tmp_path)), "", [], {}
    with StudyStore.begin(tmp_path / "study", study) as store:
        for event, _ in run_study(study, store, RayEngine(workers=2)):
            happened.append(event)
            if isinstance(event, RunStarted):
                pids.setdefault(event.name, event.pid)
            if isinstance(event, RoundFinished) and not died:
                died = event.name
                os.kill(pids[died], signal.SIGKILL)
    assert os.getpid() not in pids.values()
    assert len(set(pids.values())) >= 2
    (lost,) = [event.name for event in happened if isinstance(event, WorkerDied)]
    ended = [event.name for event in happened if isinstance(event, RunFinished)]
    assert sorted(ended) == sorted(run.name for run in study.runs)  # none lost, none doubled
    assert sum(isinstance(event, RunStarted) and event.name == lost for event in happened) == 2
    assert [numbers(run) for run in finished(tmp_path / "study")] == [numbers(run) for run in finished(calm_study)]
    assert compare(calm_study, tmp_path / "study") == []
    for run in finished(tmp_path / "study"):
        assert run.provenance["threads"] == finished(calm_study)[0].provenance["threads"]  # the flags of a user, too
        assert run.provenance["threads"]["OMP_NUM_THREADS"] == "1"
        assert run.provenance["command"] == finished(calm_study)[0].provenance["command"]


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(StudyStopped, match=r'Ray is not installed.*pip install "mereq\[ray\]"'):
        RayEngine()


def test_no_cluster_at_the_address():
    with pytest.raises(StudyStopped, match=r"Cannot use Ray at 127\.0\.0\.1:1"):
        RayEngine("127.0.0.1:1")
