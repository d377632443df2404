"""A study with the seeds of each row in lockstep: the local pool's runs, up to the rounding of a batched product."""

import numpy as np

from mereq.studies.driver import RoundFinished, RunFinished, run_study
from mereq.studies.grid import Study
from mereq.studies.lockstep_engine import LockstepEngine
from mereq.studies.study_store import StudyStore
from small_studies import finish, finished, study_file


def test_a_row_gives_the_runs_of_the_local_pool(calm_study, tmp_path):
    study = Study.read(study_file(tmp_path))
    happened = finish(study, tmp_path / "study", LockstepEngine())
    assert sorted(e.name for e in happened if isinstance(e, RunFinished)) == sorted(run.name for run in study.runs)
    for ours, pools in zip(finished(tmp_path / "study"), finished(calm_study), strict=True):
        assert ours[:5] == pools[:5]
        assert [r.index for r in ours.rounds] == [r.index for r in pools.rounds]
        assert ours.rounds[0].intervention_rate == pools.rounds[0].intervention_rate  # no update yet: the very same
        np.testing.assert_allclose(ours.rounds[0].theta, pools.rounds[0].theta, atol=0.02)
        assert ours.rounds[0].theta.any()


def test_a_row_that_is_stopped_goes_on(tmp_path):
    """Closed after the first finished round, which both runs of the row keep; then finished, by half rows."""
    study = Study.read(study_file(tmp_path))
    with StudyStore.begin(tmp_path / "study", study) as store:
        events = run_study(study, store, LockstepEngine())
        for event, _ in events:
            if isinstance(event, RoundFinished):
                break
        events.close()
    happened = finish(study, tmp_path / "study", LockstepEngine(workers=1))
    assert sum(isinstance(e, RunFinished) for e in happened) == len(study.runs) == len(finished(tmp_path / "study"))
