"""`mereq trial` from its first run to its report, with a scripted person in place of the browser's."""

import re
import signal

import pytest

from mereq.commands import supervise, trial
from mereq.presets.methods import METHODS
from mereq.store.run_store import RunReader
from mereq.supervision.interruption import interruption
from mereq.tasks.highway.config import LANE_RIGHT
from mereq.trials.trial_store import TrialStore
from mereq.web.session import Session
from sittings import Person, Played

TEXT = """
title = "Two methods"
participant = "p07"
seed = 1
tasks = ["highway-human"]
methods = ["mereq", "maxent"]
trials = 1
rounds = 2
wait = { before = 1, between = 1 }

[changes]
rate_threshold = 0.3
settings.rollout_steps = 10
settings.training_steps = 100
settings.inference = { max_updates = 1, sample_length = 100, tolerance = 0.0 }
"""


def content_after_a_round(taken: int):
    """Takes so many steps of the first round, one of the second."""
    return Person(lambda index, step: {"engaged": True, "action": LANE_RIGHT} if step < (1 if index else taken) else {})


@pytest.fixture
def poll_device(monkeypatch):
    """Set `.act` to who acts at each look at the clock; no network is needed."""

    class SupervisorSocket:
        act = None

    def session(*args, **keywords):
        clock = Played(SupervisorSocket.act)
        clock.session = Session(*args, clock=clock, **keywords)
        return clock.session

    monkeypatch.setattr(trial, "Session", session)
    monkeypatch.setattr(supervise, "serve", lambda session, listening, started: (session.run(), interruption.check()))
    return SupervisorSocket


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "p07.toml"
    file.write_text(TEXT)
    return file


def test_a_trial_from_the_first_run_to_the_report(mereq, poll_device, file, tmp_path):
    """Each command does one run, in the assigned order, and says the same whatever the method; then all is told."""
    out, said, taken = tmp_path / "p07", [], (6, 8)

    def stopping(session):
        content(session)
        if session.latest_view._view["step"] == 4:
            signal.raise_signal(signal.SIGINT)

    content = content_after_a_round(taken[0])
    poll_device.act = stopping
    status, _, told = mereq("trial", file, "--out", out)
    assert status == 130
    assert f"mereq trial {file} --out {out}" in told
    with RunReader.open(out / "runs/01") as store:
        before = store.steps(0)
    assert len(before) == 4

    for number, steps in enumerate(taken, 1):
        assert mereq("show", out / "runs/01")[0] == 2
        assert mereq("report", out)[0] == 2
        poll_device.act = content_after_a_round(steps)
        status, _, told = mereq("trial", file, "--out", out)
        assert status == 0
        said.append(told)
        assert f"run {number} of 2, highway-human" in told
    assert "1 of 2 runs left" in said[0]
    assert "All 2 runs are finished" in said[-1]
    with RunReader.open(out / "runs/01") as store:  # continued, and no decision was asked for twice
        assert len(store.starts()) == 2
        assert [step.obs.tolist() for step in store.steps(0)[:4]] == [step.obs.tolist() for step in before]

    ends = "\n1 of 2 runs left. Continue with:", "\nAll 2 runs are finished."
    first, second = (told.split(end)[0] for told, end in zip(said, ends, strict=True))
    assert first.replace("run 1 of 2", "run 2 of 2") == second
    words = " ".join(said).replace("mereq trial", "").replace("mereq report", "")
    assert not [method for method in METHODS if method in words]
    assert sorted(path.name for path in (out / "runs").iterdir()) == ["01", "02"]

    with TrialStore.open(out) as store:
        order = [run.spec.method for run in store.trial.runs]
        assert sorted(order) == ["maxent", "mereq"]
        for number, method in enumerate(order, 1):
            with RunReader.open(out / f"runs/{number:02d}") as run:
                assert run.starts()[-1].config["method"] == method
    status, _, told = mereq("report", out)
    assert status == 0, told
    text = (out / "report/report.md").read_text()
    assert "Unblinded early" not in text
    for method, name in (("mereq", "MEReQ"), ("maxent", "MaxEnt")):
        assert re.search(rf"\| 0{order.index(method) + 1} +\| Highway-Human \| {name} ", text)
        samples = float(taken[order.index(method)] + 1)
        assert f"highway-human,{method},,fast,0.05,{samples}," in (out / "report/table2.csv").read_text()
    assert mereq("show", out / "runs/01", "--json")[0] == 0
    assert "All 2 runs are finished" in mereq("trial", file, "--out", out)[2]


def test_a_look_too_early_is_noted_for_ever(mereq, poll_device, file, tmp_path):
    out = tmp_path / "p07"
    poll_device.act = content_after_a_round(0)
    mereq("trial", file, "--out", out)
    status, _, told = mereq("report", out)
    assert status == 2
    assert "1 of 2 runs left" in told
    assert not [method for method in METHODS if method in told.replace("mereq trial", "").replace("mereq:", "")]
    for command in ("supervise", "align"):
        status, _, told = mereq(command, "--resume", "--out", out / "runs/01")
        assert status == 2
        assert "blind trial with 1 of 2 runs left" in told
    status, _, told = mereq("report", out, "--unblind")
    assert status == 0
    assert "Unblinding early: 1 of 2 runs are to come" in told
    assert "**Unblinded early, after 1 of 2 runs.**" in (out / "report/report.md").read_text()
    poll_device.act = content_after_a_round(0)
    mereq("trial", file, "--out", out)
    assert mereq("report", out)[0] == 0
    assert "**Unblinded early, after 1 of 2 runs.**" in (out / "report/report.md").read_text()
    status, _, told = mereq("report", out, "--behaviour")
    assert status == 2
    assert "without --behaviour" in told


def test_a_plan_is_not_changed(mereq, poll_device, file, tmp_path):
    poll_device.act = content_after_a_round(0)
    mereq("trial", file, "--out", tmp_path / "p07")
    file.write_text(TEXT.replace("seed = 1", "seed = 2"))
    status, _, told = mereq("trial", file, "--out", tmp_path / "p07")
    assert status == 2
    assert "seed was 1, now 2" in told


def test_what_the_programs_mistake_was_is_kept_from_the_person(mereq, poll_device, file, tmp_path):
    def act(session):
        raise RuntimeError("maxent went wrong")

    poll_device.act = act
    status, _, told = mereq("trial", file, "--out", tmp_path / "p07")
    assert status == 2
    assert "maxent" not in told
    assert "maxent went wrong" in (tmp_path / "p07/runs/01.failed.txt").read_text()
