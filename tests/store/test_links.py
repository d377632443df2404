"""Nothing is written through a link in a directory that another person sent."""

import os
from contextlib import nullcontext

import numpy as np
import pytest

from kill9 import config, corridor_events
from mereq.commands import browser, show
from mereq.commands import study as study_command
from mereq.commands.output import PlainConsole
from mereq.core.errors import CannotWrite
from mereq.core.task import Task
from mereq.presets.definition import TaskDefinition
from mereq.reports import behaviour, study_report
from mereq.reports.behaviour import Behaviour, EvaluatedPolicy, EvaluationTask, PolicyEvaluation
from mereq.reports.behaviour_report import write_behaviour
from mereq.store.atomic import replace_file
from mereq.store.links import inside
from mereq.store.recording import record
from mereq.store.run_log import logged, logger
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from mereq.studies.grid import PlannedRun
from mereq.studies.study_store import StudyStore
from mereq.trials.plan import BlindRun
from mereq.trials.trial_store import TrialStore
from recorded_runs import EVENTS_PER_ROUND, step


@pytest.fixture
def thesis(tmp_path):
    file = tmp_path / "thesis.tex"
    file.write_text("my thesis")
    return file


@pytest.fixture
def sent(tmp_path):
    with RunWriter.create(tmp_path / "sent", config(3)) as store:
        store.add_step(step(0))
    return tmp_path / "sent"


def linked(file, target, hard):
    file.unlink(missing_ok=True)
    file.hardlink_to(target) if hard else file.symlink_to(os.path.relpath(target, file.parent))


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize(
    "name", ["run.lock", "run.tally", "run.sqlite-wal", "run.sqlite-shm", "run.sqlite-journal", "run.log"]
)
def test_resuming_changes_no_linked_file(sent, thesis, name, hard):
    linked(sent / name, thesis, hard)
    left_out = name == "run.log"
    refused = nullcontext() if left_out else pytest.raises(CannotWrite, match=rf"{name} (is a link|has .* hard link)")
    with refused, RunWriter.resume(sent, config(3)) as store, logged(sent):
        logger.info("a line")
        store.add_step(step(1))
    assert thesis.read_text() == "my thesis"


def test_reading_a_record_through_a_link_is_refused(sent, tmp_path):
    """SQLite would write beside the file that the link leads to."""
    (sent / "run.sqlite").rename(tmp_path / "elsewhere.sqlite")
    (sent / "run.sqlite").symlink_to("../elsewhere.sqlite")
    with pytest.raises(CannotWrite, match="is a link"):
        RunReader.open(sent)


@pytest.mark.parametrize("what", ["folder", "file", "temporary"])
def test_checkpoints_go_through_no_link(tmp_path, thesis, what):
    outside = tmp_path / "outside"
    outside.mkdir()
    run = tmp_path / "run"
    with RunWriter.create(run, config(3)) as store:
        if what == "folder":
            (run / "checkpoints").symlink_to("../outside")
        else:
            (run / "checkpoints").mkdir()
            name = "policy-0000.json" if what == "file" else ".policy-0000.json.next.tmp"
            (run / "checkpoints" / name).symlink_to("../../thesis.tex")
        events = record(corridor_events(3), store)
        if what == "temporary":
            [next(events) for _ in range(EVENTS_PER_ROUND)]
        else:
            with pytest.raises(CannotWrite, match=r"leads out of|is a link"):
                [next(events) for _ in range(EVENTS_PER_ROUND)]
    assert thesis.read_text() == "my thesis"
    assert list(outside.iterdir()) == []


def test_replacing_a_file_replaces_a_link(tmp_path, thesis):
    (tmp_path / "file").symlink_to("thesis.tex")
    replace_file(tmp_path / "file", b"new")
    assert thesis.read_text() == "my thesis"
    assert (tmp_path / "file").read_bytes() == b"new"


def test_overwriting_deletes_links_and_not_what_they_lead_to(sent, thesis):
    (sent / "figures").symlink_to("..")
    (sent / "notes").symlink_to("../thesis.tex")
    RunWriter.create(sent, config(3), overwrite=True).close()
    assert thesis.read_text() == "my thesis"


def test_the_named_directory_may_be_a_link(sent, tmp_path):
    (tmp_path / "link").symlink_to("sent")
    RunWriter.resume(tmp_path / "link", config(3)).close()
    RunWriter.create(tmp_path / "link", config(3), overwrite=True).close()


def test_links_that_lead_in_a_circle(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(CannotWrite):
        inside(tmp_path, tmp_path / "a" / "file")
    with pytest.raises(CannotWrite):
        inside(tmp_path, tmp_path / "a")


def only(kind, **has):
    """An object of this class of which no more is known than the test needs."""
    make = tuple.__new__ if issubclass(kind, tuple) else object.__new__
    return make(type("Only", (kind,), has))


PLANNED, BLIND = only(PlannedRun, name="a-run"), only(BlindRun, name="07")


PLACES = {  # what is written into a study, a trial, a run or a report, and the function that names or writes it
    "runs/a-run": lambda sent: StudyStore.run_directory(
        only(StudyStore, directory=sent), only(PlannedRun, name="a-run")
    ),
    "runs/07": lambda sent: TrialStore.run_directory(only(TrialStore, directory=sent), BLIND),
    "runs/a-run.failed.txt": lambda sent: study_command._traceback_file(only(StudyStore, directory=sent), PLANNED),
    "figures/run.png": lambda sent: show._draw(sent, {}, False, PlainConsole()),
    "figures/before_after.gif": lambda sent: show._draw(sent, {}, False, PlainConsole()),
    browser.FILE: lambda sent: browser._page_that_leads_to("http://localhost", sent),
    "report.md": lambda sent: only(study_report._Writer, out=sent, files=[])._file("report.md"),
    "figure12_highway.png": lambda sent: write_behaviour([only(Behaviour, task="highway")], sent),
    "behaviour.csv": lambda sent: write_behaviour([], sent),
}


@pytest.mark.parametrize("name", PLACES)
def test_studies_trials_reports_and_figures_write_through_no_link(tmp_path, thesis, name):
    file = tmp_path / "sent" / name
    file.parent.mkdir(parents=True)
    file.symlink_to(thesis)
    with pytest.raises(CannotWrite, match="is a link"):
        PLACES[name](tmp_path / "sent")
    assert thesis.read_text() == "my thesis"


@pytest.mark.parametrize("link", ["folder", "arrays", "description", "temporary"])
def test_evaluations_that_a_report_keeps_go_through_no_link(tmp_path, thesis, monkeypatch, link):
    """A stored evaluation is two files in the study's folder evaluations, which may refer elsewhere by links."""
    task = only(EvaluationTask, definition=only(TaskDefinition, task=only(Task)), theta_expert=np.ones(1))
    monkeypatch.setattr(behaviour, "_evaluation_task", lambda name: task)
    monkeypatch.setattr(behaviour, "_dependencies", lambda *parts: "one")
    monkeypatch.setattr(behaviour, "_read_stored", lambda *parts: None)  # as for code that has changed since
    folder = tmp_path / "sent" / behaviour.EVALUATIONS
    name = behaviour.digest("one")[:16]
    (tmp_path / "outside").mkdir()
    if link == "folder":
        folder.parent.mkdir()
        folder.symlink_to("../outside")
        with pytest.raises(CannotWrite, match="leads out of"):
            next(behaviour.evaluate_policies(folder.parent, [only(EvaluatedPolicy, task="corridor", load=object)]))
    else:
        names = {"arrays": f"{name}.safetensors", "description": f"{name}.json", "temporary": f".{name}.json.next.tmp"}
        folder.mkdir(parents=True)
        (folder / names[link]).symlink_to("../../thesis.tex")
        numbers = {"features": np.zeros((1, 1)), "returns": np.zeros(1), "measures": {}, "provenance": {}}
        behaviour._store(inside(folder.parent, folder / name), only(PolicyEvaluation, **numbers))
        assert not any(file.is_symlink() for file in folder.iterdir())
    assert thesis.read_text() == "my thesis"
    assert list((tmp_path / "outside").iterdir()) == []
