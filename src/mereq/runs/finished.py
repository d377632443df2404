"""When a run is finished: the one test that studies, trials and commands share."""

from collections.abc import Sequence

from mereq.store.run_store import RecordedRound


def is_finished(rounds: Sequence[RecordedRound], n_rounds: int) -> bool:
    """Whether a run has ended: its last round was aligned (the rate fell below the threshold), or was its last one.

    Args:
        rounds: the recorded rounds of the run, in order.
        n_rounds: how many rounds the run may have at most.
    """
    return bool(rounds) and (rounds[-1].aligned or len(rounds) >= n_rounds)
