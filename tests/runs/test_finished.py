"""When a run is finished."""

import pytest

from mereq.runs.finished import is_finished
from study_runs import run


@pytest.mark.parametrize(
    ("rates", "last_is_aligned", "n_rounds", "finished"),
    [
        ([], False, 2, False),
        ([0.3], False, 2, False),
        ([0.3, 0.2], False, 2, True),
        ([0.3, 0.01], True, 10, True),
        ([0.3, 0.2, 0.2], False, 2, True),  # more rounds than are asked for now
    ],
)
def test_a_run_ends_with_an_aligned_round_or_with_its_last(rates, last_is_aligned, n_rounds, finished):
    rounds = run("mereq", 0, rates).rounds
    rounds[-1:] = [r._replace(aligned=last_is_aligned) for r in rounds[-1:]]
    assert is_finished(rounds, n_rounds) == finished
