"""Local engine: worker processes on this machine, one thread each, and one core each when there are as many.

A run is recorded where it stays, so a worker may die at any moment: another one resumes its run. No worker outlives
the process that started it.
"""

import multiprocessing
import multiprocessing.connection
import multiprocessing.resource_tracker
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from mereq.core.cores import keep_to_core, usable_cores
from mereq.core.errors import StudyStopped
from mereq.studies.driver import ONE_THREAD, Event, Job, RunFailed, RunFinished, WorkerDied, compute, one_thread

MOST_DEATHS = 3  # of workers, one after another without a run finished between them
_SPAWN = multiprocessing.get_context("spawn")


class LocalEngine:
    """Worker processes on this machine.

    workers: how many; as many as there are usable cores if None.
    """

    def __init__(self, workers: int | None = None):
        self._cores = usable_cores()
        self.workers = workers or len(self._cores)

    def events(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Compute the runs. Closing the generator stops the workers at once; nothing recorded is lost by that.

        Raises:
            StudyStopped: the workers die again and again.
        """
        waiting, deaths = deque(jobs), 0
        workers: list[_Worker] = []
        try:
            for number in range(min(self.workers, len(jobs))):
                workers.append(_Worker.start(self._core(number)))
                workers[-1].give(waiting)
            while working := [worker for worker in workers if worker.job]:
                ready = multiprocessing.connection.wait([worker.connection for worker in working])
                for worker in [worker for worker in working if worker.connection in ready]:
                    try:
                        event = worker.connection.recv()
                    except (EOFError, OSError):
                        job, how = worker.job, worker.reap()
                        assert job is not None
                        deaths += 1
                        waiting.append(job)
                        yield WorkerDied(job.name, how)
                        if deaths == MOST_DEATHS:
                            raise StudyStopped(
                                f"{deaths} workers died one after another without finishing a run; the last one was "
                                f"at {job.name} ({how}). Perhaps they need more memory than there is: start again "
                                "with fewer --workers. What was recorded is safe."
                            ) from None
                        workers[workers.index(worker)] = replacement = _Worker.start(worker.core)
                        replacement.give(waiting)
                        continue
                    if isinstance(event, RunFinished | RunFailed):
                        deaths = 0
                        worker.give(waiting)
                    yield event
        finally:
            for worker in workers:
                worker.stop()

    def _core(self, number: int) -> int | None:
        """Core that a worker keeps to; None unless there are as many workers as cores.

        With fewer workers the system chooses better; with more, as for paced runs, several share a core.
        """
        return self._cores[number] if self.workers == len(self._cores) else None


@dataclass
class _Worker:
    """A worker process, as its parent sees it."""

    process: SpawnProcess
    connection: Connection
    core: int | None
    job: Job | None = None  # that it computes now

    @classmethod
    def start(cls, core: int | None) -> "_Worker":
        here, there = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_work, args=(there, core), daemon=True)
        with _surroundings():
            process.start()
        there.close()  # so that the end of the process is the end of the connection
        return cls(process, here, core)

    def give(self, jobs: deque[Job]) -> None:
        """Send the next job, if there is one."""
        self.job = jobs.popleft() if jobs else None
        if self.job:
            with suppress(OSError):  # it has just died, which reading from it will tell
                self.connection.send(self.job)

    def reap(self) -> str:
        """Wait for the end of a process that died, and say how it died."""
        self.connection.close()
        self.process.join()
        code = self.process.exitcode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


@contextmanager
def _surroundings() -> Iterator[None]:
    """Environment that a worker inherits: variables for one thread, and Ctrl-C blocked, which the parent acts on."""
    multiprocessing.resource_tracker.ensure_running()  # it would inherit, and undo, the mask
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(one_thread())
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _work(connection: Connection, core: int | None) -> None:
    """Main loop of a worker process: job after job."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if core is not None:
        keep_to_core(core)
    try:
        while True:
            job: Job = connection.recv()
            compute(job, job.directory, connection.send)
    except (EOFError, OSError):
        pass  # the parent has ended


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
