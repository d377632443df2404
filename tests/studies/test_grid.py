"""A study file: the grid that it means, and a sentence for every mistake."""

import pytest

from mereq.core.errors import UnknownName, WrongStudy
from mereq.presets.methods import METHODS
from mereq.presets.registry import TASKS
from mereq.studies.grid import Study, find_study, shipped_studies
from small_studies import TEXT, study_file


def test_the_grid(tmp_path):
    text = (
        TEXT.replace("[3, 4]", "{ first = 3, count = 2 }") + '\n[variants."kappa 0.3"]\nsettings.inference.kappa = 0.3'
    )
    study = Study.read(study_file(tmp_path, text))
    assert (study.title, study.description) == ("Small", "Two methods, two seeds.")
    assert [(run.spec.seed, run.spec.method, run.variant) for run in study.runs] == [
        (seed, method, variant)
        for seed in (3, 4)
        for method in ("mereq", "mereq-np")
        for variant in ("small", "kappa 0.3")
    ]
    first, second = study.runs[:2]
    assert first.name == "highway-mereq-fast-small-3"
    assert second.name == "highway-mereq-fast-kappa_0.3-3"
    usual = TASKS["highway"].settings["fast"]
    assert (first.spec.settings.rollout_steps, second.spec.settings.rollout_steps) == (120, usual.rollout_steps)
    assert (first.spec.settings.inference.kappa, second.spec.settings.inference.kappa) == (usual.inference.kappa, 0.3)
    assert {(run.spec.n_rounds, run.spec.rate_threshold) for run in study.runs} == {(3, 0.0)}


def test_without_variants_there_is_one_without_a_name(tmp_path):
    text = TEXT[: TEXT.index("[variants")]
    study = Study.read(study_file(tmp_path, text))
    assert [run.variant for run in study.runs] == [""] * 4
    assert study.runs[0].name == "highway-mereq-fast-3"
    assert study.runs[0].spec.settings == TASKS["highway"].settings["fast"]


def test_every_shipped_study_can_be():
    assert {"highway", "kappa", "thresholds"} <= shipped_studies().keys()
    for name, file in shipped_studies().items():
        study = Study.read(file)
        assert study.description, name
        assert {run.spec.method for run in study.runs} <= METHODS.keys()
        assert find_study(name) == file


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("title = ", "titel = ", "titel .allowed: title, description, tasks, methods, presets, seeds, rounds, "),
        ("title = ", "# ", "title is missing"),
        ("rounds = 3", 'rounds = "3"', "'3' is not a whole number @ study.rounds"),
        ("rounds = 3", "rounds = 2.5", "2.5 is not a whole number @ study.rounds"),
        ("rounds = 3", "rounds = 0", "rounds is 0, and must be at least 1"),
        ("rounds = 3", "rounds = 3\nrate_threshold = 5", "rate_threshold is 5.*between 0 and 1"),
        ("[3, 4]", "3", "3 is not a list, such as"),
        ("[3, 4]", "[]", "seeds is empty"),
        ("[3, 4]", "[3, true]", "True is not a whole number"),
        ("[3, 4]", "[3, 3]", "seeds names 3 more than once"),
        ("[3, 4]", "[-1]", "there is a seed -1"),
        ("[3, 4]", "{ first = 1 }", "count is missing"),
        ("[3, 4]", "{ first = 1, count = 0 }", "count is 0, and must be at least 1"),
        ("[3, 4]", "{ start = 1, count = 2 }", "start .allowed: first, count"),
        ('["highway"]', '"highway"', "'highway' is not a list"),
        ('["highway"]', '["motorway"]', "no task called 'motorway'. Known: .*highway"),
        ('"mereq-np"', '"magic"', "no method called 'magic'. Known: .*mereq"),
        ('["fast"]', '["slow"]', "no preset called 'slow'. Known: .*fast"),
        ("training_steps", "practise_steps", "variant 'small' is impossible. There is no .*'practise_steps'. Known: "),
        ("= 120", '= "many"', "variant 'small' is impossible. .*rollout_steps"),
        ("[variants.small.settings]", "[variants.small]\nseed = 3\nn_rounds = 2", "seed, n_rounds, which"),
        ("[variants.small.settings]", "variants = 3\n[other]", "3 is not a table"),
        ("[variants.small.settings]", '[variants."a b"]\n[variants."a_b"]\n[other]', "unknown other"),
        ('title = "Small"', "title = Small", "is not TOML: .*line 2"),
    ],
)  # fmt: skip
def test_a_mistake_is_a_sentence(tmp_path, old, new, sentence):
    assert old in TEXT
    with pytest.raises(WrongStudy, match=sentence) as mistake:
        Study.read(study_file(tmp_path, TEXT.replace(old, new)))
    assert "small.toml" in str(mistake.value)


def test_variants_must_differ_in_more_than_punctuation(tmp_path):
    text = TEXT + '\n[variants."a b"]\nnoise = 0.1\n[variants."a_b"]\nnoise = 0.2'
    with pytest.raises(WrongStudy, match="'a b' and 'a_b' are too much alike"):
        Study.read(study_file(tmp_path, text))


def test_a_study_that_is_not_there(tmp_path):
    with pytest.raises(UnknownName, match=r"no study called 'lowway'. Known: .*highway, instant, .*file of your own"):
        find_study("lowway")
    with pytest.raises(WrongStudy, match="No such file"):
        Study.read(find_study(str(tmp_path / "mine.toml")))
