"""Recording: an event stream of Algorithm 1 passes through, and each event is in the store before anyone sees it."""

from collections.abc import Callable, Generator
from contextlib import closing

from mereq.alignment.algorithm import Event, Round
from mereq.alignment.method import Progress
from mereq.alignment.schedule import PolicyVersion
from mereq.store.run_store import RunStore, SeenFrame


def record(
    events: Generator[Event, None, None], store: RunStore, *, sight: Callable[[], SeenFrame | None] | None = None
) -> Generator[Event, None, None]:
    """The same events, each stored before it is yielded.

    An event that came out of here survives the death of the process. When this stream is closed, so is the one that
    passes through. To go on with an interrupted run:

        with RunStore.resume(directory, config) as store:
            for event in record(events(..., resume=store.resume_point(prior)), store):
                ...

    sight: what the person saw when the last step was decided; stored together with the step.

    Raises:
        CannotWrite: the disk is full. The event was not yielded; all before it are safe, and the run can be resumed.
    """
    with closing(events):
        for event in events:
            if isinstance(event, Round):
                store.add_round(event)
            elif isinstance(event, Progress):
                store.add_progress(event)
            elif isinstance(event, PolicyVersion):
                store.add_version(event)
            else:
                store.add_step(event, sight() if sight else None)
            yield event
