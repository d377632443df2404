"""Control of a step follows from what is held when the step is due; leaving the page releases everything."""

import pytest

from mereq.web.controls import SIGHT, SILENCE, UNSEEN, Controls, Retraction, State
from mereq.web.messages import Command, Input

LEFT, RIGHT = 0, 2


def held(action=None, *, engaged=False, mode="toggle", frame=0) -> Input:
    return Input(frame, 100.0, mode, engaged, action)


@pytest.fixture
def wheel():
    controls = Controls(pace=2.0)
    controls.receive(held(), 0.0)
    controls.receive(Command("go"), 0.0)
    return controls


def taken(controls) -> tuple:
    hands = controls.take()
    return hands.engaged, hands.action


def test_nothing_moves_before_the_person_says_so():
    controls = Controls(pace=2.0)
    assert controls.state(0.0).paused == "not started yet"
    controls.receive(held(LEFT, engaged=True), 0.0)
    assert controls.state(0.0) == State("not started yet", False, 2.0)


def test_toggle(wheel):
    assert taken(wheel) == (False, None)
    wheel.receive(held(RIGHT, engaged=True), 0.1)
    assert taken(wheel) == (True, RIGHT)
    wheel.receive(held(engaged=True), 0.2)
    assert taken(wheel) == (True, None)
    wheel.receive(held(LEFT), 0.3)
    assert taken(wheel) == (False, LEFT)


def test_hold(wheel):
    wheel.receive(held(RIGHT, mode="hold"), 0.1)
    assert wheel.state(0.1).engaged
    assert taken(wheel) == (True, RIGHT)
    assert taken(wheel) == (True, RIGHT)
    wheel.receive(held(mode="hold"), 0.2)
    assert taken(wheel) == (False, None)


@pytest.mark.parametrize("mode", ["toggle", "hold"])
def test_a_tap_between_two_steps_counts_for_one(wheel, mode):
    wheel.receive(held(RIGHT, mode=mode, engaged=mode == "toggle"), 0.1)
    wheel.receive(held(mode=mode, engaged=mode == "toggle"), 0.15)
    assert taken(wheel) == (True, RIGHT)
    assert taken(wheel) == (mode == "toggle", None)


def test_a_key_that_is_let_go_after_its_step_does_not_count_again(wheel):
    """Heartbeats repeat what is held; only going down is a tap."""
    wheel.receive(held(RIGHT, engaged=True), 0.1)
    assert taken(wheel) == (True, RIGHT)
    wheel.receive(held(RIGHT, engaged=True), 0.15)
    wheel.receive(held(engaged=True), 0.2)
    assert taken(wheel) == (True, None)


def test_silence_releases_and_pauses(wheel):
    wheel.receive(held(RIGHT, engaged=True), 1.0)
    assert wheel.state(1.0 + SILENCE) == State(None, True, 2.0)
    assert wheel.state(1.01 + SILENCE) == State("the page does not answer", False, 2.0)
    assert taken(wheel) == (False, None)
    wheel.receive(held(), 3.0)
    assert wheel.state(3.0).paused == "the page does not answer"  # only the person can go on


@pytest.mark.parametrize(
    "away",
    [
        lambda wheel: wheel.release("gone"),
        lambda wheel: wheel.receive(Command("release", "gone"), 1.0),
        lambda wheel: wheel.receive(Command("pause", "gone"), 1.0),
    ],
)
@pytest.mark.parametrize("how", [{"engaged": True}, {"mode": "hold"}])
def test_what_was_held_before_a_release_takes_over_no_more_afterwards(wheel, away, how):
    wheel.receive(held(RIGHT, **how), 1.0)
    away(wheel)
    assert wheel.state(1.0) == State("gone", False, 2.0)
    wheel.receive(Command("go"), 1.1)
    wheel.receive(held(RIGHT, **how), 1.1)  # still down
    assert wheel.state(1.1) == State(None, False, 2.0)
    assert taken(wheel) == (False, None)
    wheel.receive(held(mode=how.get("mode", "toggle")), 1.2)
    wheel.receive(held(RIGHT, **how), 1.3)
    assert taken(wheel) == (True, RIGHT)


def test_a_mistake_is_taken_back_once_and_hands_back(wheel):
    wheel.receive(held(RIGHT, engaged=True), 0.1)
    wheel.receive(Command("retract"), 0.2)
    wheel.receive(held(RIGHT, engaged=True), 0.25)
    wheel.receive(Command("retract"), 0.3)  # the same one
    assert wheel.take() == (False, None, 0, 100.0)
    assert wheel.state(0.3).asked == (Retraction(None),)
    assert wheel.take_retraction() == Retraction(None)
    assert wheel.take_retraction() is None


def test_earlier_interventions_are_taken_back_in_turn_or_kept(wheel):
    wheel.receive(held(RIGHT, engaged=True), 0.1)
    wheel.receive(Command("keep", (0, 1, 2)), 0.2)
    assert wheel.state(0.2).engaged
    wheel.receive(Command("retract", (0, 3, 4)), 0.3)
    wheel.receive(Command("retract"), 0.3)
    assert not wheel.state(0.3).engaged
    assert wheel.state(0.3).kept == {(0, 1, 2)}
    assert [wheel.take_retraction() for _ in range(3)] == [Retraction((0, 3, 4)), Retraction(None), None]


def test_what_was_seen_is_known_even_while_nothing_counts(wheel):
    wheel.release("gone")
    wheel.receive(held(RIGHT, engaged=True, frame=41), 0.1)
    assert wheel.take().frame == 41


def test_the_pace_is_the_persons(wheel):
    wheel.receive(Command("pace", 7.0), 0.1)
    assert wheel.state(0.1).pace == 7.0


# ------------------------------------------------------------------------------------------------- what the person sees


def seen(controls, frame: int, now: float) -> str | None:
    """Reason of the pause after a message that acknowledges a picture."""
    controls.receive(held(frame=frame), now)
    return controls.state(now).paused


def test_a_picture_that_is_not_acknowledged_pauses_the_run(wheel):
    """The oldest one that was not counts, so that a page which draws late is late, however many follow."""
    for number in range(1, 5):
        wheel.show(number, 0.3 * number)
    assert seen(wheel, 1, 0.6 + SIGHT) is None
    assert seen(wheel, 1, 0.61 + SIGHT) == UNSEEN
    wheel.receive(Command("go"), 2.0)
    assert wheel.state(2.0).paused == UNSEEN
    assert seen(wheel, 4, 2.0) == UNSEEN  # it needs a word, too
    wheel.receive(Command("go"), 2.0)
    assert wheel.state(2.0).paused is None


def test_without_a_newer_picture_the_last_one_stays_fresh(wheel):
    wheel.show(1, 0.0)
    assert seen(wheel, 1, 0.5) is None
    assert seen(wheel, 1, 60.0) is None


@pytest.mark.parametrize("frame", [0, 3, 2**53 - 1])
def test_a_picture_that_was_not_put_is_not_acknowledged(wheel, frame):
    """For instance one of an earlier start of the program."""
    wheel.show(1, 0.0)
    wheel.show(2, 0.1)
    assert seen(wheel, frame, 0.2 + SIGHT) == UNSEEN


def test_a_new_page_has_seen_nothing(wheel):
    wheel.show(1, 0.0)
    wheel.receive(held(frame=1), 0.0)
    wheel.admit("ready when you are")
    wheel.receive(Command("go"), 0.1)
    assert wheel.state(0.1).paused == UNSEEN
    wheel.receive(held(frame=1), 0.2)
    wheel.receive(Command("go"), 0.2)
    assert wheel.state(0.2).paused is None
