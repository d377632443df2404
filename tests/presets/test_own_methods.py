"""Methods by name: ours, and a user's file; what was recorded is not imported by itself."""

import json
import sys
from dataclasses import replace

import pytest

from mereq.alignment.posterior_alignment import MEREQ_BAYES
from mereq.alignment.takeover_learning import PVP
from mereq.core.errors import CannotLoad, NotNamed, UnknownName
from mereq.presets import methods
from mereq.presets.methods import default_learning, find_method, known_method, method_named
from mereq.runs.families import method_of
from mereq.runs.spec import RunSpec
from mereq.studies.grid import Study, StudyFile

FILE = """
from dataclasses import replace
from mereq.alignment.posterior_alignment import MEREQ_BAYES
from mereq.alignment.takeover_learning import PVP
MINE = replace(PVP, name="mine")
BAYES = replace(MEREQ_BAYES, name="my-bayes")
NUMBER = 3
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(methods.USERS, "_found", {})
    monkeypatch.setattr(sys, "path", sys.path.copy())
    path = tmp_path / "praise.py"
    path.write_text(FILE)
    return path


def test_a_users_method_is_found_and_recorded_without_its_folder(file):
    spec = RunSpec.named(task="highway", method=f"{file}:MINE")
    assert method_of(spec).name == "mine"
    assert spec.to_config()["method"] == "praise.py:MINE"
    again = RunSpec.from_config(json.loads(json.dumps(spec.to_config())))
    assert method_of(again) == replace(PVP, name="mine")
    assert known_method("praise.py:MINE") is find_method(f"{file}:MINE")


def test_a_recorded_method_is_not_imported(file):
    assert known_method("praise.py:MINE") is None
    with pytest.raises(NotNamed, match=r"imported only if you name it.*another person\. Name it with --method"):
        method_named("praise.py:MINE")


def test_what_is_no_method_is_refused(file, tmp_path):
    with pytest.raises(
        CannotLoad, match=r"praise\.py:NUMBER is of type int, and no method: it needs a `name` and start"
    ):
        find_method(f"{file}:NUMBER")
    with pytest.raises(UnknownName, match=r"no method called 'magic'.*or your own method: file\.py:NAME"):
        find_method("magic")
    find_method(f"{file}:MINE")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "praise.py").write_text(FILE)
    with pytest.raises(CannotLoad, match=r"are both recorded as praise\.py:MINE"):
        find_method(f"{tmp_path}/other/praise.py:MINE")


def test_it_learns_when_its_kind_does(file):
    find_method(f"{file}:BAYES")
    assert default_learning("praise.py:BAYES") == default_learning(MEREQ_BAYES.name) == "handback"
    assert default_learning("praise.py:MINE") == "sequential"


def test_a_study_has_it_among_the_others(file):
    mine = f"{file}:MINE"
    study = Study.of(
        StudyFile(title="", tasks=["highway"], methods=[mine, "pvp"], presets=["fast"], seeds=[0], rounds=1)
    )
    assert [run.condition[1] for run in study.runs] == ["praise.py:MINE", "pvp"]
    assert study.runs[0].name == "highway-praise.py_MINE-fast-0"
