"""Interruption of the program by a signal: a flag that is looked at between steps.

The default answer to Ctrl-C, an exception out of the signal's handler, is raised wherever the program happens to be. In
a callback (of the garbage collector, of compiled code) it is printed and lost; in a command to a robot or in a
transaction it leaves something half done. A run is therefore `deferred`: a signal sets a flag, and `check`, between two
steps, raises `KeyboardInterrupt`. Other commands are interrupted at once, as is what comes before a run's first step,
and a lost exception is raised again.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from types import FrameType
from typing import Any

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)  # Ctrl-C, kill, a closed terminal or a broken SSH connection, Ctrl-\
SUSPENDING = [getattr(signal, name) for name in ("SIGTSTP",) if hasattr(signal, name)]  # Ctrl-Z
REPEATED = 1.0  # s within which a second signal is the same request: a terminal and a parent process may both send one
SLOW = 2.0  # s after which a program that is still at work says so
AGAIN = 0.05  # s after which a lost exception is raised again
STATUS = 130  # exit status
SLOW_WORDS = b"\nStopping after the present step. Ctrl-C again ends the program at once.\n"


class Interruption:
    """Request to end the program, by any of the signals `ENDING`.

    A deferred program has a thread that hears of signals even while the main thread is in compiled code.
    """

    def __init__(self):
        self.requested = False
        self.before_exit: list[Callable[[], object]] = []  # called before a second signal ends the program at once
        self.before_suspension: list[Callable[[], object]] = []  # called before Ctrl-Z suspends the program
        self._known = threading.Event()  # `requested`, for waits. Set by the thread: a handler must not call `set`
        self._deferred = self._at_once = False

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if the end of a deferred program is requested. Called between two steps."""
        if self.requested and self._deferred:
            raise KeyboardInterrupt

    def sleep(self, seconds: float) -> None:
        """Wait [s], and check."""
        self._known.wait(seconds)
        self.check()

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Context of a command line. Ignored signals stay ignored, as SIGHUP under `nohup`."""
        with ExitStack() as closing:
            for number in ENDING:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    closing.callback(signal.signal, number, signal.signal(number, self._handle))
            closing.callback(setattr, sys, "unraisablehook", sys.unraisablehook)
            sys.unraisablehook = self._raise_again
            closing.callback(self._forget)
            yield

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Context of a run, whose end is requested by a flag. A second signal ends the program at once."""
        self._deferred = True
        try:
            with self._listening() if threading.current_thread() is threading.main_thread() else nullcontext():
                self.check()
                yield
        finally:
            self._deferred = False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Part of a deferred program that is interrupted where it is, because it leaves nothing half done.

        Loading and compiling take a second of an idle machine, and many of a busy one, without a step in between. An
        exception that they lose or swallow is raised at their end. Other threads than the main one only check.
        """
        self.check()
        self._at_once = threading.current_thread() is threading.main_thread()
        try:
            yield
        finally:
            self._at_once = False
        self.check()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Context in which a thread hears of signals."""
        heard, sent = socket.socketpair()
        sent.setblocking(False)
        before = signal.set_wakeup_fd(sent.fileno(), warn_on_full_buffer=False)
        suspending = [number for number in SUSPENDING if signal.getsignal(number) is signal.SIG_DFL]
        for number in suspending:
            signal.signal(number, self._suspend)
        thread = threading.Thread(target=self._listen, args=(heard,), name="signals", daemon=True)
        thread.start()
        try:
            yield
        finally:
            for number in suspending:
                signal.signal(number, signal.SIG_DFL)
            signal.set_wakeup_fd(before)
            sent.close()
            thread.join()
            heard.close()

    def _listen(self, heard: socket.socket) -> None:
        first: float | None = None
        told = False
        while True:
            heard.settimeout(None if told or first is None else SLOW)
            try:
                numbers = heard.recv(64)
            except TimeoutError:
                told = True
                with suppress(OSError):  # the terminal may be closed
                    os.write(2, SLOW_WORDS)
                continue
            if not numbers:
                return
            if not set(numbers) & set(ENDING):
                continue
            if first is None:
                first = time.monotonic()
                self.requested = True
                self._known.set()
            elif time.monotonic() - first > REPEATED:
                for act in self.before_exit:
                    act()
                os._exit(STATUS)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if self._at_once or not self._deferred:
            raise KeyboardInterrupt

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        for act in self.before_suspension:
            act()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # returns when the program is continued
        signal.signal(number, self._suspend)

    def _raise_again(self, lost: Any) -> None:
        """Hook for exceptions that a callback has lost: an interruption is raised again a moment later."""
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(lost)
            return
        main = threading.main_thread().ident or 0
        timer = threading.Timer(AGAIN, signal.pthread_kill, (main, signal.SIGINT))
        timer.daemon = True
        timer.start()

    def _forget(self) -> None:
        self.requested = False
        self._known.clear()


interruption = Interruption()
