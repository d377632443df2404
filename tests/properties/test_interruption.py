"""A signal is never lost: in a run it sets a flag, elsewhere an exception that a callback has lost is raised again."""

import signal
import threading
import time

import pytest

from mereq.supervision.interruption import ENDING, Interruption

SECONDS = 30.0


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
