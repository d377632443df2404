"""Ghost: what the policy is about to do, simulated in a copy of the environment and in a thread of its own.

The control loop only hands over a state and reads the newest path. A path that is too late for its step is never waited
for: a newer state ends the simulation that began in an older one.
"""

import logging
from collections.abc import Callable
from threading import Condition, Thread
from typing import Any, NamedTuple

import numpy as np

from mereq.core.policy import Policy
from mereq.core.simulator import Environment, close
from mereq.core.view import Foreseeable, Place

logger = logging.getLogger("mereq")


class Start(NamedTuple):
    """State in which the ghost begins, and the policy that acts from there on."""

    number: int  # larger than that of all earlier ones
    state: Any  # as `Foreseeable.save` returned it
    obs: np.ndarray
    policy: Policy


def foresee(environment: Environment, view: Foreseeable, start: Start, is_late: Callable[[], bool]) -> list[Place]:
    """Path of the policy's most probable actions from a state, until an episode's end or `is_late`."""
    view.restore(start.state)
    obs, path, ended = start.obs, list[Place](), False
    for _ in range(view.ahead):
        if ended or is_late():
            break
        action = start.policy.distribution(obs[None].copy()).mode()[0]
        obs, _, terminated, truncated, _ = environment.step(action)
        path += view.places()
        ended = terminated or truncated
    return path


class Ghost:
    """Path of the policy from the present state. Nothing is simulated, and no thread started, until it is asked for.

    make: makes a copy of the environment, and its view.
    """

    def __init__(self, make: Callable[[], tuple[Environment, Foreseeable]]):
        self._make = make
        self._number = 0  # of the present state
        self._start: Start | None = None  # in the present state; None while nothing is known
        self._changed = Condition()
        self._wanted: Start | None = None  # not begun yet
        self._begun = 0  # number of the state from which the thread simulates or has simulated
        self._over = False
        self._found: tuple[int, list[Place]] = (0, [])  # number of the state, and the path from there
        self._thread: Thread | None = None

    def begin(self, state: Any, obs: np.ndarray, policy: Policy) -> None:
        """Begin in a new state, the one that followed from the last one."""
        self._number += 1
        self._start = Start(self._number, state, obs, policy)

    def forget(self) -> None:
        """Forget the last state: nothing follows from it."""
        self._number += 1
        self._start = None

    def path(self) -> list[Place]:
        """Path from the present state, or from the one before until that is known; empty if neither is known."""
        if self._start is None:
            return []
        if self._thread is None:
            self._thread = Thread(target=self._work, name="mereq ghost", daemon=True)
            self._thread.start()
        number, path = self._found
        if number < self._number:
            with self._changed:
                if self._wanted is not self._start and self._begun < self._number:
                    self._wanted = self._start
                    self._changed.notify()
        return path if number >= self._number - 1 else []

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._over = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _next(self) -> Start | None:
        """The newest state that is asked for, as soon as there is one; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._wanted is not None)
            if self._over or self._wanted is None:
                return None
            start, self._wanted = self._wanted, None
            self._begun = start.number
            return start

    def _is_late(self) -> bool:
        return self._over or self._wanted is not None

    def _work(self) -> None:
        environment = None
        try:
            environment, view = self._make()
            while (start := self._next()) is not None:
                path = foresee(environment, view, start, self._is_late)
                if not self._is_late():
                    self._found = (start.number, path)
        except Exception as error:  # the run continues without a ghost
            logger.warning("What the policy is about to do cannot be shown: %s: %s", type(error).__name__, error)
        finally:
            close(environment)
