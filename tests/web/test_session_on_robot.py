"""A robot under a person's eyes: it moves only while they are there, and its loss ends an episode, never a run."""

from dataclasses import replace

import pytest

from breakable import Breakable
from ids import words
from mereq.core.errors import RobotLost
from mereq.store.run_store import RunReader
from mereq.tasks.highway.config import LANE_RIGHT
from mereq.web.controls import SIGHT, UNSEEN
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


@pytest.mark.parametrize("failure", [RobotLost("the cable is out"), TimeoutError("no answer")], ids=words)
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
    """After a pause by leaving the page, however long."""
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


def test_a_key_that_is_waited_for_stops_the_robot(tmp_path):
    """In a task without an idle action a person in control who presses nothing moves it no further."""
    waited = []

    def act(session):
        session.view.controls = replace(session.view.controls, nothing=None)
        if latest(session)["step"] < 3:
            someone(session)
        elif len(waited) < 100:
            waited.append(tuple(Breakable.made.told))
            say(session, {"engaged": True}, session._clock.now())
        else:
            session.stop()

    someone = person()
    sit(tmp_path / "run", act, MINE)
    assert waited[-1] == ("enter", "reset", *["step"] * 3, "stop")
    assert Breakable.made.told == [*waited[-1], "exit"]


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


def test_after_a_round_hardware_waits_for_a_word_and_counts_down(tmp_path):
    """Learning may take minutes: a page that is open and in front is no word."""
    waited, went = [], []

    def act(session):
        view, now = latest(session), session._clock.now()
        someone(session)
        if view["paused"] == LEARNED:
            waited.append(list(Breakable.made.told))
            if len(waited) == 200:
                session.controls.receive(Command("go"), now)
                went.append(now)
        elif went and view["round"] == 1 and view["step"] == 0:
            went.append((now, view["awaits"], len(Breakable.made.told)))

    someone = person()
    sit(tmp_path / "run", act, spec(steps=12, rounds=2).changed({"robot": "breakable:Breakable"}))
    first_round = ["enter", "reset", *["step"] * 12, "stop"]
    assert all(told == first_round for told in waited)
    counted = [(now, words) for now, words, told in went[1:] if told == len(first_round)]
    assert counted[-1][0] - went[0] == pytest.approx(COUNTDOWN, abs=0.05)
    assert {words for _, words in counted} >= {f"The robot moves in {seconds} s" for seconds in (1, 2, 3)}
    assert Breakable.made.told == [*first_round, "reset", *["step"] * 12, "stop", "exit"]


def test_a_pause_during_the_countdown_begins_it_again(tmp_path):
    paused = []

    def act(session):
        now = session._clock.now()
        someone(session)
        if latest(session)["awaits"] == "The robot moves in 1 s" and not paused:
            session.controls.receive(Command("pause", "tea"), now)
            paused.append(now)
        elif latest(session)["paused"] == "tea":
            session.controls.receive(Command("go"), now)
        elif paused and not Breakable.made.told:
            paused.append(now)

    someone = person()
    sit(tmp_path / "run", act, MINE)
    assert paused[-1] - paused[0] >= COUNTDOWN - 0.1


def test_a_page_that_draws_nothing_any_more_stops_the_robot(tmp_path):
    """Its heartbeat goes on, with the number of an old picture: after a second the robot stands still."""
    blind, told = [], []

    def act(session):
        view, now = latest(session), session._clock.now()
        if view["step"] < 5 or (blind and now > blind[0] + 30):
            someone(session)
            if view["paused"] == UNSEEN:
                session.controls.receive(Command("go"), now)
            return
        blind.append(now)
        say(session, {"frame": 5}, now)
        if view["paused"] == UNSEEN:
            session.controls.receive(Command("go"), now)  # is no remedy
            told.append(list(Breakable.made.told))

    someone = person()
    sit(tmp_path / "run", act, MINE)
    assert len(told) > 100
    assert told[0][-1] != "reset"
    assert all(after[-1] == "stop" and after.count("step") <= 5 + SIGHT * 5 + 1 for after in told[1:])
    assert told[-1].count("stop") == 1


def test_the_page_says_what_the_driver_does(tmp_path):
    """While a reset waits for a person. P is shown meanwhile, and ends it."""
    session = sit(tmp_path / "run", person(), MINE)
    session._status.phase = "supervising"
    session.driver_works("reset", 0.5)
    assert latest(session)["awaits"] is None
    session.driver_works("reset", 12.3)
    assert latest(session)["awaits"] == "The robot: reset, 12 s"
    session.controls.release("tea")
    session.driver_works("reset", 12.3)
    assert latest(session)["paused"] == session.objection() == "tea"


def test_a_robot_that_keeps_time_is_not_waited_for(tmp_path, monkeypatch):
    """Its step returns when its period is over; the page tells that pace."""
    monkeypatch.setattr(Breakable, "hz", 10.0)
    times, someone = [], person()

    def act(session):
        times.append(session._clock.now())
        someone(session)

    session = sit(tmp_path / "run", act, MINE, pace=None)
    assert session.hz == latest(session)["pace"] == 10.0
    assert max(times) < COUNTDOWN + 1.0  # of a clock that only waiting moves; the highway's own pace would add 6
