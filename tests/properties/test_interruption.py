"""A signal is never lost: in a run it sets a flag, elsewhere an exception that a callback has lost is raised again."""

import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress

import pytest

from mereq.supervision.interruption import ENDING, REPEATED, SLOW, SLOW_WORDS, Interruption
from waiting import HANG

SECONDS = HANG  # for what takes milliseconds


@pytest.mark.parametrize("number", ENDING)
def test_a_run_is_interrupted_between_steps_only(number):
    interruption, before = Interruption(), signal.getsignal(number)
    with interruption.caught(), interruption.deferred():
        interruption.check()
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            interruption.sleep(SECONDS)
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
    assert signal.getsignal(number) is before
    assert not interruption.requested


def test_a_signal_before_the_run_began_counts():
    interruption = Interruption()
    with interruption.caught():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), interruption.deferred():
            pytest.fail("the run began")


def test_what_comes_before_the_first_step_is_interrupted_where_it_is():
    """A busy machine needs half a minute to load and to compile, without a step in between."""
    interruption = Interruption()

    def load():
        with interruption.at_once():
            signal.raise_signal(signal.SIGINT)
            pytest.fail("it was not interrupted")

    with interruption.caught(), interruption.deferred():
        with pytest.raises(KeyboardInterrupt):
            load()
        with pytest.raises(KeyboardInterrupt), interruption.at_once():
            pytest.fail("the next part began")


def test_an_interruption_that_loading_swallows_is_raised_at_its_end():
    def swallow():
        with suppress(BaseException):
            signal.raise_signal(signal.SIGINT)

    interruption = Interruption()
    with interruption.caught(), interruption.deferred(), pytest.raises(KeyboardInterrupt), interruption.at_once():
        swallow()


def test_after_such_a_part_a_signal_waits_for_a_step_again():
    interruption = Interruption()
    with interruption.caught(), interruption.deferred():
        with interruption.at_once():
            pass
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interruption.check()


def test_the_main_thread_is_not_interrupted_for_the_part_of_another_one():
    """The page's server runs in it, and ends in an order of its own."""
    interruption, begun, end = Interruption(), threading.Event(), threading.Event()

    def part():
        with pytest.raises(KeyboardInterrupt), interruption.at_once():  # noqa: PT012
            begun.set()
            end.wait(SECONDS)

    with interruption.caught(), interruption.deferred():
        thread = threading.Thread(target=part, daemon=True)
        thread.start()
        begun.wait(SECONDS)
        signal.raise_signal(signal.SIGINT)
        end.set()
        thread.join(SECONDS)
        assert interruption.requested


class InACallback:
    """An object that is interrupted while it is collected."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        time.sleep(0)


def test_an_exception_that_a_callback_has_lost_is_raised_again():
    def collect_and_wait() -> None:
        InACallback()
        threading.Event().wait(SECONDS)

    with Interruption().caught(), pytest.raises(KeyboardInterrupt):
        collect_and_wait()


def test_other_lost_exceptions_are_reported_as_before(capsys):
    class Failing:
        def __del__(self):
            raise ZeroDivisionError

    with Interruption().caught():
        Failing()
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_ignored_signal_stays_ignored():
    """As SIGHUP under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption().caught():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_after_a_run_all_is_as_it_was():
    """A signal interrupts at once again; Ctrl-Z, the wake-up file and the hook are the former ones."""
    interruption, hook, suspension = Interruption(), sys.unraisablehook, signal.getsignal(signal.SIGTSTP)
    with interruption.caught():
        with interruption.deferred():
            assert signal.getsignal(signal.SIGTSTP) == interruption._suspend
        assert signal.getsignal(signal.SIGTSTP) is suspension is signal.SIG_DFL
        assert signal.set_wakeup_fd(-1) == -1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert sys.unraisablehook is hook


def test_ctrl_z_holds_the_robots_before_it_suspends(monkeypatch):
    told = []
    interruption = Interruption()
    interruption.before_suspension = [lambda: told.append("held")]
    monkeypatch.setattr(signal, "raise_signal", lambda number: told.append(signal.Signals(number).name))
    with interruption.caught(), interruption.deferred():
        handler = signal.getsignal(signal.SIGTSTP)
        handler(signal.SIGTSTP, None)
        assert signal.getsignal(signal.SIGTSTP) == handler  # also the next time
    assert told == ["held", "SIGTSTP"]


def test_a_run_in_another_thread_leaves_signals_alone():
    """Python allows handlers of signals in the main thread only."""
    interruption, seen = Interruption(), []

    def run() -> None:
        with interruption.deferred():
            seen.append(signal.getsignal(signal.SIGTSTP))
            interruption.requested = True
            with pytest.raises(KeyboardInterrupt):
                interruption.check()
            seen.append("checked")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(SECONDS)
    assert seen == [signal.SIG_DFL, "checked"]


def test_a_wait_lasts_as_long_as_it_is_asked_to(monkeypatch):
    interruption, asked = Interruption(), []
    monkeypatch.setattr(interruption._known, "wait", asked.append)
    interruption.sleep(0.25)
    assert asked == [0.25]


class Heard(socket.socket):
    """The socket at which a thread hears of signals: numbers, or nothing for a while; at last it is closed."""

    def __init__(self, *said: int | None):
        super().__init__()
        self.said, self.limits = [b"" if number is None else bytes([number]) for number in said], []

    def settimeout(self, seconds):
        self.limits.append(seconds)

    def recv(self, most):
        if not self.said:
            return b""
        if not (numbers := self.said.pop(0)):
            raise TimeoutError
        return numbers


def test_a_program_that_is_slow_to_end_says_so_once(monkeypatch):
    written, interruption = [], Interruption()
    monkeypatch.setattr(os, "write", lambda *what: written.append(what))
    with Heard(signal.SIGWINCH, signal.SIGTERM, None) as heard:
        interruption._listen(heard)
    assert heard.limits == [None, None, SLOW, None]  # other signals are no request
    assert written == [(2, SLOW_WORDS)]
    with pytest.raises(KeyboardInterrupt), interruption.deferred():
        interruption.sleep(HANG)


def test_a_second_signal_ends_the_program_unless_it_comes_at_once(monkeypatch):
    """A terminal and a parent process may both send one."""

    class Ended(BaseException):
        pass

    def end(status):
        told.append(status)
        raise Ended

    told, times = [], iter([5.0, 5.0 + REPEATED, 5.1 + REPEATED])
    interruption = Interruption()
    interruption.before_exit = [lambda: told.append("stopped")]
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    monkeypatch.setattr(os, "_exit", end)
    with Heard(signal.SIGINT, signal.SIGHUP, signal.SIGWINCH, signal.SIGINT) as heard, pytest.raises(Ended):
        interruption._listen(heard)
    assert told == ["stopped", 130]
    assert next(times, None) is None
