"""Runs in the corridor, whole and in pieces; and supervised steps by hand, for what needs no run."""

import itertools
from pathlib import Path

import numpy as np

from kill9 import config, corridor_events
from mereq.core.supervisor import Controller
from mereq.interventions.rollout import SupervisedStep
from mereq.store.recording import record
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from mereq.studies.comparing import differences

ROUNDS = 3
EVENTS_PER_ROUND = 40 + 3 + 1  # supervised steps, steps of the inner loop, the round


def start(directory: Path, events: int) -> None:
    """Begin the run and abandon it after so many events."""
    with RunWriter.create(directory, config(ROUNDS)) as store:
        list(itertools.islice(record(corridor_events(ROUNDS), store), events))


def go_on(directory: Path, rounds: int = ROUNDS, events: int | None = None) -> int:
    """Resume the run, to its end unless told; returns how many events there were."""
    with RunWriter.resume(directory, config(rounds)) as store:
        return len(list(itertools.islice(record(corridor_events(rounds, store.start), store), events)))


def compare(left: Path, right: Path) -> list[str]:
    with RunReader.open(left) as one, RunReader.open(right) as other:
        return differences(one, other)


def step(number: int, obs_size: int = 4) -> SupervisedStep:
    return SupervisedStep(
        episode=number // 10,
        step=number % 10,
        obs=np.full(obs_size, number, np.float32),
        proposed=np.int64(number % 3),
        executed=np.int64(1),
        controller=Controller(number % 2),
        next_obs=np.full(obs_size, number + 1, np.float32),
        features=np.array([number / 3, -0.0]),
        terminated=number % 10 == 9,
        truncated=False,
        retracts=int(number % 7 == 3),
    )
