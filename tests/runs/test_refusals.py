"""What no run can have is refused with a sentence: settings, files, diverged learners, and code that was not named."""

import json
import stat
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from corridor_runs import SETTINGS
from mereq.alignment.divergence import refuse_divergence
from mereq.commands import browser
from mereq.commands.opening import warn_of_environment
from mereq.core.errors import CorruptCheckpoint, LearnerDiverged, NotNamed, WrongStudy, WrongTrial, WrongValue
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import Layer
from mereq.presets.registry import definition_of
from mereq.runs import robots
from mereq.runs.spec import RunSpec
from mereq.store.database import from_json
from mereq.store.provenance import environment_changes, provenance
from mereq.studies.grid import Study
from mereq.trials.plan import Trial

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        *(("learner", "learning_rate", value) for value in (NAN, INFINITE, 0.0, -1.0)),
        ("learner", "temperature", INFINITE),
        ("learner", "max_grad_norm", NAN),
        ("learner", "target_period", 0),
        *(("learner", "hidden", value) for value in ((-1,), (8, 0))),
        *(("cloning", "learning_rate", value) for value in (NAN, -1.0)),
        ("cloning", "weight_decay", NAN),
        ("cloning", "hidden", (0,)),
        ("cloning", "batch_size", 0),
        *(("inference", "step_size", value) for value in (NAN, INFINITE)),
        ("inference", "max_updates", -1),
        ("inference", "tolerance", NAN),
        *(("schedule", name, 0) for name in ("chunk", "n_envs", "batch_size")),
        ("schedule", "updates_per_step", -1.0),
        *(("schedule", "epsilon_start", value) for value in (NAN, 2.0)),
        ("warm_start", "updates", -1),
        *((None, name, -1) for name in ("training_steps", "cloning_updates", "rollout_steps", "replay_capacity")),
    ],
)
def test_settings_that_no_run_can_have(part, name, value):
    with pytest.raises(WrongValue, match=rf"{name} must be .*; {name} is "):
        replace(SETTINGS if part is None else getattr(SETTINGS, part), **{name: value})


@pytest.mark.parametrize(
    "change", [{"pace": 1e-300}, {"pace": INFINITE}, {"seed": 2**63}, {"supervision": {"upper": NAN}}]
)
def test_runs_that_cannot_be(change):
    spec = RunSpec.named(task="highway")
    with pytest.raises(WrongValue, match=next(iter(change))):
        replace(spec, **change)


def test_a_replay_that_no_machine_has_room_for():
    from mereq.core.actions import Discrete
    from mereq.maxent_rl.replay import Replay

    with pytest.raises(WrongValue, match="GiB of memory"):
        Replay(10**13, obs_size=4, actions=Discrete(3), n_features=2)


@pytest.mark.parametrize("where", ["parameters", "theta", "overflow"])
def test_a_learner_that_diverged_is_no_result(where):
    weight = np.full((2, 3), 1e38 if where == "overflow" else 1.0, np.float32)
    bias = np.array([0.0, NAN if where == "parameters" else 0.0, 0.0], np.float32)
    policy = QPolicy((Layer(weight, bias),), None, 1.0, 0.0)
    theta, obs = np.array([NAN if where == "theta" else 0.0]), np.full((5, 2), 10.0, np.float32)
    with np.errstate(all="ignore"), pytest.raises(LearnerDiverged, match="in round 2"):
        refuse_divergence(policy, theta, obs, "in round 2")


def test_a_learner_that_did_not_diverge():
    policy = QPolicy((Layer(np.ones((2, 3), np.float32), np.zeros(3, np.float32)),), None, 1.0, 0.0)
    refuse_divergence(policy, np.zeros(0), np.ones((5, 2), np.float32), "in round 2")


# --------------------------------------------------------------------------------------------------------------- files

DEEP, LONG = "[" * 20_000 + "]" * 20_000, "9" * 5_000


@pytest.mark.parametrize("text", [DEEP, LONG, "{", "\ud800", None])
def test_recorded_texts_that_cannot_be_read(text):
    with pytest.raises(CorruptCheckpoint, match="cannot be read"):
        from_json(text)


@pytest.mark.parametrize("content", [f"x = {DEEP}", f"x = {LONG}", "#" * 2**21])
@pytest.mark.parametrize(("kind", "mistake"), [(Study, WrongStudy), (Trial, WrongTrial)])
def test_files_that_cannot_be_read(tmp_path, content, kind, mistake):
    (tmp_path / "file.toml").write_text(content)
    with pytest.raises(mistake, match="is not TOML"):
        kind.read(tmp_path / "file.toml")


TRIAL = 'title = "T"\nparticipant = "p"\nseed = 1\ntasks = ["highway-human"]\nmethods = ["mereq"]\n'


@pytest.mark.parametrize("wrong", ["wait = {before = nan}", "wait = {between = inf}", "trials = 1000000000"])
def test_trials_that_cannot_be_done(tmp_path, wrong):
    (tmp_path / "trial.toml").write_text(TRIAL + wrong)
    with pytest.raises(WrongTrial, match="must be"):
        Trial.read(tmp_path / "trial.toml")


@pytest.mark.parametrize("wrong", ["seeds = {first = 0, count = 1000000000}", f"seeds = [3]\n[variants.{'x' * 250}]"])
def test_studies_that_cannot_be_done(tmp_path, wrong):
    study = 'title = "t"\ntasks = ["highway"]\nmethods = ["mereq"]\npresets = ["fast"]\nrounds = 1\n'
    (tmp_path / "study.toml").write_text(study + wrong)
    with pytest.raises(WrongStudy, match=r"at most|are possible"):
        Study.read(tmp_path / "study.toml")


# ---------------------------------------------------------------------------------------------- code that was not named


def test_a_recorded_driver_is_imported_only_when_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "notes.py").write_text("import pathlib\npathlib.Path('EXECUTED').touch()\ndef thing(task): ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(robots, "_named", {})
    plain = RunSpec.named(task="highway", preset="paper")
    spec = RunSpec.from_config(plain.to_config() | {"robot": "notes:thing"})
    with pytest.raises(NotNamed, match="Name it again with --robot"):
        robots.find_driver(str(spec.robot), definition_of("highway"))
    assert not Path("EXECUTED").exists()
    named = spec.on(f"{tmp_path}/notes.py:thing")
    assert named.to_config()["robot"] == "notes.py:thing"
    robots.find_driver(named.to_config()["robot"], definition_of("highway"))
    assert Path("EXECUTED").exists()


# ----------------------------------------------------------------------------------------------- where a run is resumed


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [("packages", "jax", "0.0.1"), ("threads", "JAX_ENABLE_X64", "1"), ("machine", "usable_cores", 99)],
)
def test_another_environment_is_named(part, name, value):
    now = provenance()
    before = json.loads(json.dumps(now))
    before[part][name] = value
    assert f"{part}.{name} was {value!r}" in environment_changes(before, now)
    console = Console(file=StringIO(), width=500)
    warn_of_environment([before, now, now], "run", console)
    assert "may not be what it would have been" in console.file.getvalue()


def test_the_same_environment_is_not_mentioned():
    now = provenance()
    before = now | {"time": "earlier", "command": "another", "git": None}
    before["packages"] = {"numpy": now["packages"]["numpy"]}  # an earlier version recorded fewer
    assert environment_changes(before, now) == ""


def test_a_browser_is_given_no_token(tmp_path, monkeypatch):
    """Only a file without permissions for others has it; the file is gone at the end."""
    opened = []
    monkeypatch.setattr(browser, "has_windows", lambda: True)
    monkeypatch.setattr(browser.webbrowser, "open", opened.append)
    with browser.opened_in_browser("http://127.0.0.1:1/?token=secret", tmp_path):
        file = tmp_path / browser.FILE
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert 'url=http://127.0.0.1:1/?token=secret"' in file.read_text()
        for thread in [thread for thread in browser.threading.enumerate() if thread.name == "browser"]:
            thread.join()
    assert opened == [file.as_uri()]
    assert not file.exists()
