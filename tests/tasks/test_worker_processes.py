"""Environments in worker processes: the same numbers as in one process, and sentences for what goes wrong there."""

import signal
import threading

import numpy as np
import pytest

from gates import PRIOR
from light_environments import Gates, Walk, gates_features, position
from mereq.core.errors import OwnCodeFailed, WrongTask, WrongValue
from mereq.tasks.gymnasium_task import task_from_gymnasium


def walk(processes=2, **more):
    return task_from_gymnasium("walk", Walk, position, ("x", "y"), processes=processes, **more)


def numbers(simulator) -> list[np.ndarray]:
    """All that a simulator returns over ends of episodes, states brought back, and rest."""
    found = [simulator.reset(3)]
    rng = np.random.default_rng(0)
    for _ in range(6):
        found += [np.asarray(part, float) for part in simulator.step(rng.integers(2, size=3))[:5]]
    states = simulator.states_along(9, np.array([0, 1, 1, 0]), at=[1, 3, 4])
    found += [obs for _, obs in states]
    simulator.put(0, states[1][0])
    simulator.put(2, states[0][0])
    simulator.rest(1, found[0][1], 2)
    for _ in range(6):
        found += [np.asarray(part, float) for part in simulator.step(rng.integers(2, size=3))[:5]]
    simulator.put(1, states[2][0])
    return [*found, simulator.step(np.zeros(3, int)).next_obs.copy(), simulator.reset(4)]


@pytest.fixture
def closing():
    made = []
    yield lambda simulator: made.append(simulator) or simulator
    for simulator in made:
        simulator.close()


@pytest.mark.parametrize("saving", ["replay", "state"])
def test_workers_give_the_numbers_of_one_process(closing, saving):
    one, several = (closing(walk(n, saving=saving).simulate(3)) for n in (1, 2))
    for wanted, found in zip(numbers(one), numbers(several), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_pictures_for_a_prior_come_from_workers(closing):
    tasks = [
        task_from_gymnasium("gates", Gates, gates_features, ("right", "stay"), state=("position",), processes=n)
        for n in (1, 2)
    ]
    one, several = (closing(task.seen_by(PRIOR)[0].simulate(2)) for task in tasks)
    np.testing.assert_array_equal(one.reset(0), several.reset(0))
    for ours, theirs in zip(one.step(np.array([0, 2])), several.step(np.array([0, 2])), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_error_of_a_worker_is_the_environments_sentence(closing):
    simulator = closing(walk().simulate(2))
    simulator.reset(0)
    with pytest.raises(OwnCodeFailed, match=r"task walk failed in step\(\): RuntimeError: the gripper is stuck"):
        simulator.step(np.array([0, 2]))


def test_a_worker_that_dies_is_a_sentence(closing):
    simulator = closing(walk().simulate(2))
    simulator.reset(0)
    with pytest.raises(OwnCodeFailed, match=r"task walk was ended by the signal SIGKILL\. If the memory is full"):
        simulator.step(np.array([0, 3]))


def test_workers_ignore_ctrl_c_and_end_with_their_simulator(closing):
    simulator = closing(walk().simulate(2))
    first = simulator.reset(0)
    workers = [each._process for each in simulator._processes]
    for worker in workers:
        worker.send_signal(signal.SIGINT)
    np.testing.assert_array_equal(simulator.reset(0), first)
    simulator.close()
    assert [worker.poll() for worker in workers] == [0, 0]
    np.testing.assert_array_equal(simulator.reset(0), first)  # new workers


def test_what_cannot_be_sent_is_refused_at_once():
    lock = threading.Lock()
    with pytest.raises(WrongTask, match=r"cannot be sent to another process.*use processes=1"):
        task_from_gymnasium("walk", Walk, lambda *_: np.zeros(1) if lock else None, ("a",), processes=2)


@pytest.mark.parametrize(("processes", "saving"), [(0, "replay"), (2, "deepcopy")])
def test_wrong_numbers_of_processes(processes, saving):
    with pytest.raises(WrongValue, match="a copy of an environment stays in its process"):
        walk(processes, saving=saving)
