"""A robot under a person's eyes: it moves only while they are there, and its loss ends an episode, never a run."""

import pytest

from breakable import Breakable
from mereq.core.errors import RobotLost
from mereq.store.run_store import RunReader
from mereq.tasks.highway.config import LANE_RIGHT
from mereq.web.messages import Command
from mereq.web.session import COUNTDOWN, LEARNED
from sittings import Person, latest, say, sit, spec

MINE = spec(steps=12).changed({"robot": "breakable:Breakable"})
HANDS = {3: {"engaged": True, "action": LANE_RIGHT}, 4: {"engaged": True}}


def steps_of(directory, index=0):
    with RunReader.open(directory) as store:
        return store.steps(index)


def person() -> Person:
    return Person(lambda _, step: HANDS.get(step, {}))


def test_the_perturbed_highway(tmp_path):
    session = sit(tmp_path / "run", person(), spec(steps=12, rounds=2).changed({"robot": "perturbed"}))
    assert latest(session)["phase"] == "finished"
    assert latest(session)["picture"]["draw"] == "highway"
    assert [number for number, step in enumerate(steps_of(tmp_path / "run", 1)) if step.controller] == [3, 4]


def test_nothing_moves_before_the_person_says_so(tmp_path):
    """Not even to where the episode starts."""
    waited = []

    def act(session):
        if len(waited) < 20:
            waited.append((list(Breakable.made.told), latest(session)["phase"], latest(session)["paused"]))
        else:
            someone(session)

    someone = person()
    sit(tmp_path / "run", act, MINE)
    assert {tuple(told) for told, _, _ in waited} == {()}
    assert waited[-1][1:] == ("supervising", "not started yet")
    assert Breakable.made.told == ["enter", "reset", *["step"] * 12, "stop", "exit"]


@pytest.mark.parametrize("failure", [RobotLost("the cable is out"), TimeoutError("no answer")], ids=repr)
def test_a_lost_robot_pauses_the_run_until_the_person_goes_on(tmp_path, failure):
    """It is stopped at once; the steps stay; no connection is tried meanwhile; then a new episode begins."""
    reasons, told = [], []

    def act(session):
        if not Breakable.made.told:
            Breakable.made.breaks[7] = failure  # the 6th step
        view, now = latest(session), session._clock.now()
        if view["paused"] and "robot" in view["paused"]:
            reasons.append(view["paused"])
            told.append(tuple(Breakable.made.told))
            say(session, {}, now)
            if len(reasons) == 30:
                session.controls.receive(Command("go"), now)
        someone(session)

    someone = person()
    session = sit(tmp_path / "run", act, MINE)
    steps = steps_of(tmp_path / "run")
    assert len(set(reasons)) == 1
    assert reasons[0].startswith("The robot does not answer: ")
    assert str(failure) in reasons[0]
    assert "begins a new episode" in reasons[0]
    assert set(told) == {("enter", "reset", *["step"] * 6, "stop", "exit")}
    assert Breakable.made.told == [*told[0], "enter", "reset", *["step"] * 7, "stop", "exit"]
    assert [step.episode for step in steps] == [0] * 5 + [1] * 7
    assert [number for number, step in enumerate(steps) if step.controller] == [3, 4]
    assert latest(session)["phase"] == "finished"
    assert latest(session)["samples"] == 2


def test_a_pause_stops_the_robot_once_and_the_episode_goes_on(tmp_path):
    """Whoever pauses, and however long: here the page was left."""
    told, left = [], []

    def act(session):
        view, now = latest(session), session._clock.now()
        if view["step"] == 5 and not left:
            session.controls.release("the page was left")
            left.append(now)
        elif view["paused"] == "the page was left":
            told.append(tuple(Breakable.made.told))
            say(session, {}, now)
            if now > left[0] + 5:
                session.controls.receive(Command("go"), now)
        else:
            someone(session)

    someone = person()
    sit(tmp_path / "run", act, MINE)
    before = ("enter", "reset", *["step"] * 5, "stop")
    assert set(told) <= {before[:-1], before}
    assert told[-1] == before
    assert Breakable.made.told == [*before, *["step"] * 7, "stop", "exit"]
    assert [step.step for step in steps_of(tmp_path / "run")] == list(range(12))


def test_the_program_is_stopped(tmp_path):
    """And goes on: the open episode is not driven again."""

    def stopping(session):
        someone(session)
        if latest(session)["step"] == 5:
            session.stop()

    someone = person()
    sit(tmp_path / "run", stopping, MINE)
    first, kept = list(Breakable.made.told), steps_of(tmp_path / "run")
    assert first == ["enter", "reset", *["step"] * len(kept), "stop", "exit"]
    sit(tmp_path / "run", person(), MINE, resume=True)
    assert Breakable.made.told == ["enter", "reset", *["step"] * (12 - len(kept)), "stop", "exit"]
    assert [step.episode for step in steps_of(tmp_path / "run")] == [0] * len(kept) + [1] * (12 - len(kept))


def test_a_robot_that_keeps_time_is_not_waited_for(tmp_path, monkeypatch):
    """Its step returns when its period is over; the page tells that pace."""
    monkeypatch.setattr(Breakable, "hz", 10.0)
    times, someone = [], person()

    def act(session):
        times.append(session._clock.now())
        someone(session)

    session = sit(tmp_path / "run", act, MINE, pace=None)
    assert session.hz == latest(session)["pace"] == 10.0
    assert max(times) < COUNTDOWN + 1.0  # of a clock that only waiting moves; at the highway's own pace it would be 6 more
