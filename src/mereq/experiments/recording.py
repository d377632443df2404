"""Recording: an event stream of Algorithm 1 passes through, and each event is in the store before anyone sees it."""

from collections.abc import Callable, Generator, Iterable

from mereq.align.algorithm import Event, Iteration
from mereq.align.method import Progress
from mereq.experiments.store import RunStore, Sight


def record(
    events: Iterable[Event], store: RunStore, *, sight: Callable[[], Sight | None] | None = None
) -> Generator[Event, None, None]:
    """The same events, each stored before it is yielded.

    An event that came out of here survives the death of the process. To go on with an interrupted run:

        with RunStore.resume(directory, config) as store:
            for event in record(events(..., resume=store.resume_point()), store):
                ...

    sight: what the person saw when the last step was decided; stored together with the step.

    Raises:
        CannotWrite: the disk is full. The event was not yielded; all before it are safe, and the run can be resumed.
    """
    for event in events:
        if isinstance(event, Iteration):
            store.add_iteration(event)
        elif isinstance(event, Progress):
            store.add_progress(event)
        else:
            store.add_step(event, sight() if sight else None)
        yield event
