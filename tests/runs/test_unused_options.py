"""An option that would have no effect beside the others is refused with a sentence, before anything is written."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mereq.alignment.posterior_alignment import MEREQ_BAYES
from mereq.commands.align import align_from
from mereq.commands.opening import RunDirectory, open_run
from mereq.commands.unused import refuse_other_names
from mereq.core.errors import CannotLoad, WrongValue
from mereq.core.policy import LogitsPolicy
from mereq.presets.registry import find_task
from mereq.runs.policies import as_policy
from mereq.runs.spec import RunSpec

QUIET = Console(file=StringIO())
# a task whose supervisor is made without an expert
CLIFF = f"{Path(__file__).parents[2]}/examples/cliff_walking.py:CLIFF_WALKING"


@pytest.mark.parametrize(
    ("given", "where", "sentence"),
    [
        ({"prior_kind": "samples"}, {}, "no prior is named: name one with --prior, or leave --prior-kind out"),
        ({"task": CLIFF, "expert": "x.zip"}, {}, "--expert has no effect: the supervisor .* is not made of an expert"),
        ({"family": "runs/family"}, {}, "--family has no effect: the method mereq uses no policy family"),
        ({"supervisor": "person", "pace": 2.0}, {}, "A person supervises this run, so pace would have no effect"),
        ({}, {"accept_loss": True}, "--accept-loss has no effect on a new run"),
        ({}, {"resume": True, "overwrite": True}, "--overwrite deletes it: leave one out"),
    ],
)
def test_a_run_with_an_option_without_an_effect(tmp_path, given, where, sentence):
    directory = RunDirectory(tmp_path / "run", **{"resume": False, **where})
    with pytest.raises(WrongValue, match=sentence):
        open_run(directory, given, {"task": "highway"}, QUIET)
    assert list(tmp_path.iterdir()) == []


def test_options_that_have_an_effect_are_taken():
    """The same options, beside what they need."""
    assert RunSpec.named(task="highway", prior="p.onnx", prior_kind="q").prior_kind == "q"
    assert RunSpec.named(task="highway", pace=2.0).pace == 2.0
    assert RunSpec.named(task="highway", method=MEREQ_BAYES.name, family="f").family == "f"


@pytest.mark.parametrize(
    "change", [{"noise": 0.1}, {"lateness": 2}, {"expert": "x.zip"}, {"pace": 1.0}, {"prior_kind": "q"}]
)
def test_what_a_study_or_a_trial_changes_without_an_effect(change):
    person = RunSpec.named(task="highway-human", supervisor="person")
    with pytest.raises(WrongValue, match=r"no effect|no prior is named"):
        person.changed(change)


def test_a_kind_of_what_says_itself_what_it_is():
    task = find_task("highway").task
    with pytest.raises(CannotLoad, match=r"mine\.py:IT is a policy, .* leave --prior-kind out"):
        as_policy(LogitsPolicy(lambda obs: obs, 5), task, "mine.py:IT", "logits")


@pytest.mark.parametrize(
    ("option", "value"), [("--resume", True), ("--accept-loss", True), ("--track", "wandb"), ("--rounds", 3)]
)
def test_a_dataset_is_not_supervised(tmp_path, option, value):
    name = {"--rounds": "n_rounds"}.get(option, option.strip("-").replace("-", "_"))
    with pytest.raises(WrongValue, match=f"nothing is supervised: leave out {option}\\.$"):
        align_from(tmp_path / "data", tmp_path / "run", overwrite=False, given={name: value}, console=QUIET)


@pytest.mark.parametrize(
    ("config", "named", "sentence"),
    [
        ({"task": "highway"}, {"task": "my.py:LANDER"}, "has the task highway, and --task names my.py:LANDER"),
        ({"task": "my.py:A", "prior": "p.zip"}, {"prior": "my.py:P"}, "has the prior p.zip, and --prior names my.py:P"),
        ({"task": "my.py:A"}, {"prior": "my.py:P"}, "has no prior that has to be named"),
    ],
)
def test_another_name_than_the_record_has(config, named, sentence):
    with pytest.raises(WrongValue, match=sentence):
        refuse_other_names(Path("run"), config, **{"task": None, "prior": None, **named})


def test_the_names_that_the_record_has():
    recorded = {"task": "my.py:A", "prior": "my.py:P"}
    refuse_other_names(Path("run"), recorded, task="elsewhere/my.py:A", prior="./my.py:P")
    more = {"task": "my.py:A + speed"}  # with a feature that the user has added
    for task in ("./my.py:A", "./my.py:A + speed"):
        refuse_other_names(Path("run"), more, task=task, prior=None)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "run", "--json", "--no-clip"), "--json draws nothing: leave out --no-clip."),
        (("study", "--list", "--workers", 2), "they are listed: leave out --workers."),
        (("study", "highway", "--engine", "ray", "--address", "a:1", "--workers", 2), "a cluster knows its own"),
        (("report", "study", "--task", "my.py:A"), "--task is for --behaviour"),
        (("report", "study", "--unblind"), "--unblind is for trials, and there is none in study"),
        (("robot", "check", "--out", "x.pdf"), "--out is where `tags` writes its sheets"),
        (("check", "highway", "--prior-kind", "q"), "no prior is named"),
    ],
)
def test_commands(mereq, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    status, out, told = mereq(*words)
    assert (status, out) == (2, "")
    assert sentence in " ".join(told.split())
