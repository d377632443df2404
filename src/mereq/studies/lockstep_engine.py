"""Lockstep engine: all seeds of a condition in lockstep, in this process, their updates as one batch.

For an accelerator, which computes the updates of many small networks in the time of one. On a CPU the local engine is
faster.
"""

import queue
import threading
from collections.abc import Generator, Sequence
from dataclasses import replace

from mereq.maxent_rl.updating import LockstepBatch, Stopped
from mereq.studies.driver import Event, Job, RunFailed, RunFinished, compute


class LockstepEngine:
    """Runs in lockstep, one thread per seed; see `LockstepBatch`.

    workers: most seeds at once; 64 if None.
    """

    def __init__(self, workers: int | None = None):
        self.workers = workers or 64

    def events(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Compute the runs, condition by condition. Closing the generator stops the threads at their next update."""
        conditions: dict[str, list[Job]] = {}
        for job in jobs:
            conditions.setdefault(repr(replace(job.spec, seed=0)), []).append(job)
        for seeds in conditions.values():
            for first in range(0, len(seeds), self.workers):
                yield from _in_lockstep(seeds[first : first + self.workers])


def _in_lockstep(jobs: Sequence[Job]) -> Generator[Event, None, None]:
    batch, events = LockstepBatch(len(jobs)), queue.SimpleQueue[Event]()
    stopping = threading.Event()

    def tell(event: Event) -> None:
        if stopping.is_set():
            raise Stopped
        events.put(event)

    def work(number: int, job: Job) -> None:
        try:
            with batch.member(number):
                compute(job, job.directory, tell)
        except Stopped:
            pass

    threads = [threading.Thread(target=work, args=(n, job), daemon=True) for n, job in enumerate(jobs)]
    for thread in threads:
        thread.start()
    try:
        going = len(jobs)
        while going:
            event = events.get()
            going -= isinstance(event, RunFinished | RunFailed)
            yield event
    finally:
        stopping.set()
        batch.stop()
        for thread in threads:
            thread.join()
