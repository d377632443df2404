"""Computation of learners' updates: one learner at a time, or many learners of parallel threads in one batch.

Seeds as a batch axis: each run of a batch in lockstep executes in its own thread, as if alone. As soon as all of them
have asked for updates, one call computes these under `jax.vmap`. On an accelerator the batch takes little longer than
a single run.
"""

import atexit
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from mereq.supervision.interruption import interruption


class Learner(Protocol):
    """An algorithm without state, equal to another one with the same settings. `update` is compiled."""

    def update(self, state: Any, batches: Any) -> tuple[Any, Any]:
        """New state and metrics, after one update per batch along the leading axis."""
        ...


Compute = Callable[[Learner, Any, Any], tuple[Any, Any]]


def alone(learner: Learner, state: Any, batches: Any) -> tuple[Any, Any]:
    """The learner's own update."""
    return learner.update(state, batches)


_computed_by: ContextVar[Compute] = ContextVar("computed_by", default=alone)


def update(learner: Learner, state: Any, batches: Any) -> tuple[Any, Any]:
    """New state and metrics, computed alone or, in a thread of a `LockstepBatch`, together with others."""
    interruption.check()
    answer = _computed_by.get()(learner, state, batches)
    _dispatched[threading.get_ident()] = answer[1]
    return answer


_dispatched: dict[int, Any] = {}  # metrics of the newest updates, by thread


@atexit.register
def await_updates() -> None:
    """Wait for the updates that were dispatched: the interpreter must not end while they are computed."""
    jax.block_until_ready(list(_dispatched.values()))


class Stopped(BaseException):
    """The batch was stopped: the threads of its runs end."""


class LockstepBatch:
    """Batch of learners that update in lockstep. A request for updates waits until every member has asked or has left.

    Args:
        members: initial number of members. The batch keeps this size when members leave, so that no other size has to
            be compiled.
    """

    def __init__(self, members: int):
        self._members, self._active, self._stopped = members, members, False
        self._changed = threading.Condition()
        self._calls: dict[int, tuple[Learner, Any, Any]] = {}
        self._answers: dict[int, Any] = {}

    @contextmanager
    def member(self, number: int) -> Iterator[None]:
        """Context in which this thread's updates are computed together with those of the other members."""
        token = _computed_by.set(partial(self._update, number))
        try:
            yield
        finally:
            _computed_by.reset(token)
            with self._changed:
                self._active -= 1
                self._answer_if_all_called()

    def stop(self) -> None:
        """Stop the batch: waiting members, and every later request, raise `Stopped`."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _update(self, number: int, learner: Learner, state: Any, batches: Any) -> tuple[Any, Any]:
        with self._changed:
            self._calls[number] = learner, state, batches
            self._answer_if_all_called()
            self._changed.wait_for(lambda: number in self._answers or self._stopped)
            if self._stopped:
                raise Stopped
            answer = self._answers.pop(number)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer_if_all_called(self) -> None:
        if len(self._calls) < self._active or not self._calls:
            return
        numbers = sorted(self._calls)
        for learner in dict.fromkeys(self._calls[n][0] for n in numbers):
            mine = [n for n in numbers if self._calls[n][0] == learner]
            padded = (mine + mine[:1] * self._members)[: self._members]
            states, batches = zip(*(self._calls[n][1:] for n in padded), strict=True)
            try:
                answers = together(learner)(states, batches)
            except Exception as error:
                answers = [error] * len(mine)
            self._answers |= dict(zip(mine, answers, strict=False))
        self._calls.clear()
        self._changed.notify_all()


@lru_cache
def together(learner: Learner) -> Callable[[tuple, tuple], tuple]:
    """A learner's update of several states at once: `jax.vmap` over runs, in one compiled call."""

    @jax.jit
    def updated(states: tuple, batches: tuple) -> tuple:
        one_by_one = (jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees) for trees in (states, batches))
        stacked = jax.vmap(learner.update)(*one_by_one)
        return tuple(jax.tree.map(lambda leaf, i=i: leaf[i], stacked) for i in range(len(states)))

    return updated
