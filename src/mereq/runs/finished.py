"""Test whether a recorded run is finished, for studies, trials and commands."""

from collections.abc import Sequence

from mereq.store.run_store import RecordedRound


def is_finished(rounds: Sequence[RecordedRound], n_rounds: int) -> bool:
    """Whether a run is finished: the last round was aligned (rate below the threshold), or all rounds are done.

    Args:
        rounds: recorded rounds of the run, in order.
        n_rounds: largest number of rounds.
    """
    return bool(rounds) and (rounds[-1].aligned or len(rounds) >= n_rounds)
