"""The study store: results are added once and never changed, and everything else is a sentence. And the time left."""

import json
import random
import re
import shutil

import pytest

import mereq.store.database
from mereq.core.errors import CannotWrite, CorruptCheckpoint, IncompatibleRun, NoRun, RunExists
from mereq.runs.run import config_of
from mereq.studies.driver import Pace
from mereq.studies.grid import Study
from mereq.studies.study_store import EVALUATIONS, StudyStore
from small_studies import TEXT, files, finished, numbers, study_file


@pytest.fixture
def copy(calm_study, tmp_path):
    """A finished study, to be changed."""
    return shutil.copytree(calm_study, tmp_path / "copy")


def read(folder, text=TEXT):
    return Study.read(study_file(folder, text))


def test_what_a_study_tells(calm_study, tmp_path):
    with StudyStore.open(calm_study) as store:
        assert (store.title, store.description, store.planned) == ("Small", "Two methods, two seeds.", 4)
        runs = store.runs()
    assert [run[:5] for run in runs] == [
        ("highway", method, "fast", "small", seed) for seed in (3, 4) for method in ("mereq", "mereq-np")
    ]
    for run, planned in zip(runs, read(tmp_path).runs, strict=True):
        assert run.name == planned.name
        assert run.config.fields == json.loads(json.dumps(config_of(planned.spec)))
        assert run.provenance["packages"]["jax"]
        assert [r.index for r in run.rounds] == [0, 1, 2]
        assert {r.steps for r in run.rounds} == {120}
        assert 0 < run.seconds < 600


def test_a_finished_study_is_not_touched(copy, tmp_path):
    before = files(copy)
    study = read(tmp_path)
    with StudyStore.begin(copy, study) as store:
        assert store.missing(study) == []
    assert files(copy) == before


def test_it_grows_and_shrinks(copy, tmp_path):
    results = [numbers(run) for run in finished(copy)]
    more = read(tmp_path, TEXT.replace("[3, 4]", "[2, 4, 3]"))
    with StudyStore.begin(copy, more) as store:
        assert [run.spec.seed for run in store.missing(more)] == [2, 2]
        assert store.planned == 6
        assert [numbers(run) for run in store.runs()] == [*results[2:], *results[:2]]
    less = read(tmp_path, TEXT.replace("[3, 4]", "[3]"))
    with StudyStore.begin(copy, less) as store:
        assert store.missing(less) == []
        assert [numbers(run) for run in store.runs()] == results[:2]
    with StudyStore.begin(copy, read(tmp_path)) as store:
        assert [numbers(run) for run in store.runs()] == results


def test_it_may_begin_again_beside_what_is_kept_of_its_runs(copy, tmp_path):
    (copy / "study.sqlite").unlink()
    (copy / EVALUATIONS).mkdir()
    with StudyStore.begin(copy, read(tmp_path)) as store:
        assert len(store.missing(read(tmp_path))) == 4


def test_a_result_is_added_once(copy, tmp_path):
    with StudyStore.begin(copy, read(tmp_path)) as store, pytest.raises(Exception, match="UNIQUE"):
        store.add(read(tmp_path).runs[0])
    assert len(finished(copy)) == 4


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (
            "max_updates = 2",
            "max_updates = 4",
            "small-3 .* 3 more: settings.inference.max_updates was 2, now 4",
        ),
        ("rounds = 3", "rounds = 4", "n_rounds was 3, now 4"),
    ],
)
def test_other_numbers_for_finished_runs_are_refused_by_name(copy, tmp_path, old, new, named):
    before = files(copy)
    with pytest.raises(IncompatibleRun, match=named):
        StudyStore.begin(copy, read(tmp_path, TEXT.replace(old, new)))
    assert files(copy) == before


def test_one_writer_and_many_readers(copy, tmp_path):
    with StudyStore.begin(copy, read(tmp_path)):
        with pytest.raises(CannotWrite, match="Another process is recording"):
            StudyStore.begin(copy, read(tmp_path))
        assert len(finished(copy)) == 4


def test_places_without_a_study(tmp_path, calm_study):
    with pytest.raises(NoRun, match="There is no study in"):
        StudyStore.open(tmp_path)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(RunExists, match=r"not empty: it contains 'thesis.tex'. A study needs a directory of its own"):
        StudyStore.begin(tmp_path, read(calm_study.parent))


def test_another_version(copy, tmp_path, monkeypatch):
    monkeypatch.setattr(mereq.store.database, "__version__", "0.3.1")
    with pytest.raises(IncompatibleRun, match=r"The study in .* recorded by mereq 0\.2\.\d+; this is mereq 0\.3\.1"):
        StudyStore.begin(copy, read(tmp_path))


@pytest.mark.parametrize("damage", ["garbage", "emptied", "cut"])
def test_a_damaged_study_is_a_sentence(copy, tmp_path, damage):
    file = copy / "study.sqlite"
    content = file.read_bytes()
    file.write_bytes({"garbage": b"x" * 5000, "emptied": b"", "cut": content[:9000]}[damage])
    with pytest.raises(CorruptCheckpoint, match=r"study\.sqlite, is damaged.*finished runs are read again from runs/"):
        finished(copy)
    with pytest.raises(CorruptCheckpoint):
        StudyStore.begin(copy, read(tmp_path))


def test_a_changed_bit_is_noticed_or_harmless(copy):
    file = copy / "study.sqlite"
    content, whole, noticed = file.read_bytes(), str(finished(copy)), 0
    chance = random.Random(0)
    for at in chance.sample([at for at, byte in enumerate(content) if byte], 30):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :])
        try:
            assert str(finished(copy)) == whole
        except (CorruptCheckpoint, IncompatibleRun, CannotWrite):
            noticed += 1
    assert noticed > 20


def test_nothing_in_it_names_a_person_or_a_place(calm_study, tmp_path_factory):
    content = (calm_study / "study.sqlite").read_bytes()
    assert not re.search(str(calm_study.parent).encode(), content)


def test_the_time_left():
    pace = Pace()
    assert pace.seconds_left([(("a",), 5)], 2) is None
    pace.add(("a",), 20.0, 2)
    pace.add(("b",), 30.0)
    assert pace.seconds_left([(("a",), 3), (("a",), 3)], 1) == 60
    assert pace.seconds_left([(("a",), 3), (("a",), 3)], 2) == 30
    assert pace.seconds_left([(("a",), 1), (("b",), 4)], 8) == 120  # rounds come one after another
    assert pace.seconds_left([(("c",), 3)], 1) == pytest.approx(50)  # a condition never seen: the mean of the others
    assert pace.seconds_left([], 2) == 0
