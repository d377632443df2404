"""`mereq report`, on studies by hand."""

import getpass
import json
import re
import socket
import sys

import pytest

from mereq import cli
from mereq.commands import report as command
from mereq.core.errors import NoRun, WrongThreshold
from mereq.reports import results, study_report
from mereq.reports.results import StudyResults
from mereq.reports.study_report import report, write_report
from mereq.runs.recorded import RecordedConfig
from study_runs import kappa_study, methods_study, run

DELTAS = (0.15, 0.10, 0.05)
FILES = ["figure2.png", "provenance.json", "report.md", "rounds.csv", "runs.csv", "summary.csv", "table1.csv"]
FILES += ["thetas.png"]
METHODS = ("mereq", "maxent", "iwr-ft")


class StoreByHand:
    """A study as its store would give it."""

    title, description, planned = "Six methods", "On the highway.", 48

    def __init__(self, runs):
        self._runs = runs

    def open(self, directory):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def runs(self):
        return self._runs


@pytest.fixture
def without_pictures(monkeypatch):
    """For tests that look at words only: drawing is what takes time."""
    for name in ("study_figure", "theta_figure"):
        monkeypatch.setattr(study_report, name, lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The report of an unfinished study."""
    out = tmp_path_factory.mktemp("report")
    write_report(
        StudyResults("Six methods", "On the highway.", 48, methods_study(methods=METHODS, seeds=3)),
        out,
        thresholds=DELTAS,
    )
    return out


def test_all_files_are_there(written):
    assert sorted(file.name for file in written.iterdir()) == FILES


def test_report_says_what_it_is_of(written):
    text = (written / "report.md").read_text()
    assert text.startswith("# Six methods\n\nOn the highway.\n\n**Unfinished: 9 of 48 runs.**")
    assert text.count("<sub>") == 5  # under each table and picture
    assert text.count("commit 0123456789") == 5
    assert "](figure2.png)" in text
    assert "](thetas.png)" in text
    assert len(json.loads((written / "provenance.json").read_text())["runs"]) == 9


def test_the_same_study_gives_the_same_bytes(written, tmp_path):
    write_report(
        StudyResults("Six methods", "On the highway.", 48, methods_study(methods=METHODS, seeds=3)),
        tmp_path,
        thresholds=DELTAS,
    )
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes(), name


def test_no_path_host_or_user_gets_into_the_files(tmp_path):
    private = {"prior": str(tmp_path / "mine.safetensors"), "expert": "/home/somebody/expert"}
    runs = [run("mereq", seed, [0.3, 0.1], config=private) for seed in range(2)]
    command_line = {"command": f"mereq study {tmp_path}/study.toml --out=/home/somebody/runs"}
    runs = [r._replace(provenance=r.provenance | command_line) for r in runs]
    runs[1] = runs[1]._replace(config=RecordedConfig(runs[1].config.fields | {"prior": "/home/else/other.safetensors"}))
    out = tmp_path / "out"
    write_report(StudyResults("In /home/somebody/runs", "From ~/studies/a.toml", 2, runs), out, thresholds=DELTAS)
    for file in out.iterdir():
        content = file.read_bytes()
        for secret in ("/home", str(tmp_path), "somebody"):
            assert secret.encode() not in content, (file.name, secret)
        if file.suffix != ".png":
            for secret in (getpass.getuser(), socket.gethostname()):
                assert not re.search(rf"\b{re.escape(secret)}\b", content.decode()), (file.name, secret)
    assert "`prior`: mine.safetensors (MEReQ); other.safetensors (MEReQ)" in (out / "report.md").read_text()


def test_a_study_the_paper_knows_nothing_of(tmp_path, without_pictures):
    runs = [run("mine", seed, [0.3, 0.1], task="my-task", theta=()) for seed in range(2)]
    made = write_report(StudyResults("Mine", "", 2, runs), tmp_path, thresholds=DELTAS)
    text = (tmp_path / "report.md").read_text()
    assert "The paper has no number" in text
    assert "Finished: 2 of 2 runs." in text
    assert "thetas.png" not in text  # no method here learns weights
    assert made.main_table.header[0] == "method"  # the overview


def test_the_report_of_a_task_whose_code_is_not_here(tmp_path, monkeypatch):
    """Everything that needs no code is there, under the names that the runs recorded; folders are not."""
    drawn = {}
    monkeypatch.setattr(study_report, "theta_figure", lambda runs, path, **names: drawn.update(names))
    monkeypatch.setattr(study_report, "study_figure", lambda *args: None)
    task, names = "/home/somebody/my_task.py:LANDER", ["fuel", "tilt"]
    runs = [run("mereq", s, [0.3, 0.04], task=task, theta=(0, 1), config={"feature_names": names}) for s in range(2)]
    runs += [run("mereq", 0, [0.3, 0.1], task="another", theta=(0, 1, 2))]
    made = write_report(StudyResults("Mine", "", 3, runs), tmp_path)
    assert drawn == {"feature_names": {task: ("fuel", "tilt")}, "difference": {}}
    assert [line[0] for line in made.main_table.lines] == ["my_task.py:LANDER", "another"]
    assert "feature_names" not in made.files[0].read_text()
    written = [file for file in made.files if file.suffix != ".png"]
    assert {file.name for file in written} == set(FILES) - {"figure2.png", "thetas.png"}
    assert all("somebody" not in file.read_text() for file in written)


def test_weights_of_a_task_without_names_are_numbered(tmp_path):
    runs = [run("mereq", 0, [0.3, 0.04], task="another", theta=(0, 1, 2))]
    assert "thetas.png" in [file.name for file in write_report(StudyResults("Mine", "", 1, runs), tmp_path).files]


def test_who_supervised_is_read_from_the_runs(tmp_path, without_pictures):
    runs = [run("mereq", s, [0.3, 0.04], task="my_task.py:LANDER", config={"supervisor": "person"}) for s in range(2)]
    made = write_report(StudyResults("Mine", "", 2, runs), tmp_path)
    assert "table2.csv" in [file.name for file in made.files]
    assert "table1.csv" not in [file.name for file in made.files]
    assert list(made.tables) == ["A person's samples", "Overview"]


def test_from_python(tmp_path, monkeypatch, without_pictures):
    """The value has the files and tables; nothing is printed."""
    monkeypatch.setattr(results, "StudyStore", StoreByHand(methods_study(methods=METHODS, seeds=2)))
    made = report(str(tmp_path), thresholds=(0.1,))
    assert made.folder == tmp_path / "report"
    assert made.files[0].name == "report.md"
    assert sorted({file.name for file in made.files}) == FILES
    assert list(made.tables) == ["Expert samples", "Beside the paper", "Overview"]
    assert made.main_table is made.tables["Beside the paper"]
    assert made.state.startswith("**Unfinished: 6 of 48 runs.**")
    assert (made.behaviour_tables, made.notes) == ({}, ())


def test_several_tasks_and_an_ablation(tmp_path, without_pictures):
    write_report(
        StudyResults("Two", "", 8, methods_study(("highway", "erasing"), methods=METHODS[:2], seeds=2)),
        tmp_path / "a",
        thresholds=DELTAS,
    )
    assert "## Over all tasks" in (tmp_path / "a/report.md").read_text()
    write_report(StudyResults("kappa", "", 4, kappa_study((0.0, 1.0), seeds=2)), tmp_path / "b", thresholds=DELTAS)
    assert "`settings.inference.kappa`: 0.0 (MEReQ, kappa 0.0);" in (tmp_path / "b/report.md").read_text()


def test_the_command_prints_the_table_beside_the_papers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "StudyStore", StoreByHand(methods_study(methods=METHODS, seeds=2)))
    monkeypatch.setattr(sys, "argv", ["mereq", "report", str(tmp_path), "--deltas", "0.15"])
    cli.main()
    printed = capsys.readouterr()
    assert "Unfinished: 6 of 48 runs." in printed.out
    assert "965 (100)" in printed.out
    assert "1208" not in printed.out
    assert sorted(file.name for file in (tmp_path / "report").iterdir()) == FILES


def test_a_terminal_gets_a_table_without_markdown(tmp_path, monkeypatch, capsys, without_pictures):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(results, "StudyStore", StoreByHand(methods_study(methods=METHODS, seeds=2)))
    command.report(tmp_path, tmp_path / "out", deltas=(0.15,), console=cli.console)
    printed = capsys.readouterr().out
    assert "IWR-FT" in printed
    assert "|" not in printed


def test_nothing_finished_yet_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "StudyStore", StoreByHand([]))
    with pytest.raises(NoRun, match=r"No run .* finished yet \(planned: 48\)"):
        report(tmp_path)


@pytest.mark.parametrize("deltas", [(), (0.0,), (1.5,), (0.1, 0.1)])
def test_thresholds_must_make_sense(tmp_path, deltas):
    with pytest.raises(WrongThreshold, match="different numbers above 0"):
        report(tmp_path, thresholds=deltas)
