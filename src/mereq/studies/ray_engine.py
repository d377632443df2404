"""Ray engine: runs on a Ray cluster, or on a Ray that is started for them on this machine.

A worker records into a temporary directory of its machine and sends it back whole. A run whose worker died is sent out
again. The only module that imports Ray.
"""

import logging
import os
import socket
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from mereq.core.cores import usable_cores
from mereq.core.errors import CannotWrite, StudyStopped
from mereq.store.atomic import replaced_folder
from mereq.studies.driver import Event, Job, RunFailed, RunFinished, WorkerDied, compute, one_thread

MOST_DEATHS = 3  # of workers at one run
Files = dict[str, bytes]  # a run's directory, by relative names


class RayEngine:
    """Engine that computes runs on Ray.

    Args:
        address: of a cluster, as `ray.init` takes it; RAY_ADDRESS if None; a local Ray if there is neither.
        workers: runs at once, on a local Ray; as many as there are usable cores if None. A cluster knows its own.

    Raises:
        StudyStopped: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str | None = None, workers: int | None = None):
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would report to its makers
        try:
            import ray
            import ray.exceptions
        except ImportError as error:
            raise StudyStopped(
                'Ray is not installed. Install it with  pip install "mereq[ray]"  or use --engine local.'
            ) from error
        self._ray = ray
        address = address or os.environ.get("RAY_ADDRESS")
        local: dict[str, Any] = {"address": "local", "num_cpus": workers or len(usable_cores())}
        where: dict[str, Any] = {"address": address} if address else local
        try:
            if address:
                _knock(address)
            ray.init(
                **where,
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": one_thread()},
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise StudyStopped(f"Cannot use Ray at {address or 'this machine'}: {error}") from error
        self.workers = max(int(ray.cluster_resources().get("CPU", 1)), 1)

    def events(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Compute the runs. Closing the generator stops them, and Ray too if it was started here.

        A run that was begun on this machine is resumed. What a worker recorded is lost when the run is stopped before
        its end, because the worker sends it back only then.
        """
        ray = self._ray
        try:
            news = ray.remote(num_cpus=0, max_restarts=-1)(_News).remote()
            task = ray.remote(num_cpus=1, max_retries=0)(_compute_away)
            waiting = {task.remote(job, packed(job.directory), news, sys.argv): job for job in jobs}
            deaths = dict.fromkeys((job.name for job in jobs), 0)
            while waiting:
                ready, _ = ray.wait(list(waiting), timeout=0.3)
                yield from self._told(news)
                for reference in ready:
                    job = waiting.pop(reference)
                    try:
                        last, files = ray.get(reference)
                    except ray.exceptions.RayError as error:
                        how = type(error).__name__
                        deaths[job.name] += 1
                        if deaths[job.name] < MOST_DEATHS:
                            yield WorkerDied(job.name, how)
                            waiting[task.remote(job, packed(job.directory), news, sys.argv)] = job
                        else:
                            sentence = f"{MOST_DEATHS} workers died at this run, the last one by {how}."
                            yield RunFailed(job.name, sentence, str(error))
                        continue
                    if isinstance(last, RunFinished):
                        unpack(files, job.directory)
                    yield last
        finally:
            ray.shutdown()

    def _told(self, news: Any) -> list[Event]:
        """Events of the workers since the last call. Progress only: they may be lost with a machine."""
        try:
            return self._ray.get(news.take.remote())
        except self._ray.exceptions.RayError:
            return []


def _knock(address: str) -> None:
    """Connect once to the address, because Ray itself would wait for a cluster that does not exist.

    Raises:
        OSError: nothing listens at the host and port.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


class _News:
    """Queue of events from the workers to the driver."""

    def __init__(self):
        self._events: list[Event] = []

    def add(self, event: Event) -> None:
        self._events.append(event)

    def take(self) -> list[Event]:
        events, self._events = self._events, []
        return events


def _compute_away(job: Job, begun: Files, news: Any, command: list[str]) -> tuple[Event, Files]:
    """Compute a run in a temporary directory; returns its last event, and its files if it finished."""
    sys.argv = command  # Ray's own names machines and folders
    events: list[Event] = []

    def tell(event: Event) -> None:
        events.append(event)
        if not isinstance(event, RunFinished | RunFailed):
            news.add.remote(event)

    with tempfile.TemporaryDirectory(prefix="mereq-") as folder:
        directory = Path(folder) / job.name
        if begun:
            unpack(begun, directory)
        compute(job, directory, tell)
        return events[-1], packed(directory) if isinstance(events[-1], RunFinished) else {}


def packed(directory: Path) -> Files:
    """Every file of a directory, by its relative name; none if there is no such directory."""
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def unpack(files: Files, directory: Path) -> None:
    """Make a directory of such files, in place of the one that is there: all or nothing.

    Raises:
        CannotWrite: no permission, the disk is full, or a name that leads out of the directory.
    """
    with replaced_folder(directory) as folder:
        for name, content in files.items():
            file = folder / name
            if not file.resolve().is_relative_to(folder):
                raise CannotWrite(f"A worker sent a file called {name!r}, which is outside of the run. It is refused.")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
