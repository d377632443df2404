"""Recording of Algorithm 1's events: each event is stored before the consumer receives it."""

from collections.abc import Generator
from contextlib import closing

from mereq.alignment.algorithm import Event, Round
from mereq.alignment.method import Progress
from mereq.alignment.schedule import PolicyVersion
from mereq.store.run_writer import RunWriter


def record(events: Generator[Event, None, None], writer: RunWriter) -> Generator[Event, None, None]:
    """The same events, each stored before it is yielded.

    A yielded event survives the death of the process. Closing this stream closes the one that it reads. To resume an
    interrupted run:

        with RunWriter.resume(directory, config, prior) as writer:
            for event in record(events(..., resume=writer.start), writer):
                ...

    Raises:
        CannotWrite: the disk is full. All earlier events are stored, and the run can be resumed.
    """
    with closing(events):
        for event in events:
            if isinstance(event, Round):
                writer.add_round(event)
            elif isinstance(event, Progress):
                writer.add_progress(event)
            elif isinstance(event, PolicyVersion):
                writer.add_version(event)
            else:
                writer.add_step(event)
            yield event
