"""Table 2 and Figure 3: what a person's runs add up to, from runs with known counts."""

import csv

import numpy as np
import pytest
from scipy.stats import t

from mereq.reports import paper
from mereq.reports.results import StudyResults
from mereq.reports.study_report import write_report
from mereq.reports.summary import outcomes
from mereq.reports.tables import table_2
from mereq.runs.recorded import RecordedConfig
from study_runs import run

pytestmark = pytest.mark.paper("Table 2, beside the paper's", "Fig. 3 rates and samples of a person")

PERSON = {"supervisor": "person"}
RATES = {  # of 2000 steps each: ends below 0.05
    "mereq": ([0.2, 0.04], [0.25, 0.03], [0.3, 0.045]),
    "hg-dagger-ft": ([0.3, 0.1, 0.04], [0.3, 0.2, 0.01], [0.4, 0.1, 0.02]),
}


def human_runs(**more):
    return [
        run(method, seed, rates, task="highway-human", config=PERSON, theta=() if "dagger" in method else (0, 0, 0.1))
        for method, trials in (RATES | more).items()
        for seed, rates in enumerate(trials)
    ]


def test_counts_and_their_interval():
    """480, 560 and 690 samples: mean 577, and Student's t for the half width, as the paper prints it."""
    samples = np.array([480, 560, 690])
    half = t.ppf(0.975, 2) * samples.std(ddof=1) / 3**0.5
    lines = table_2(outcomes(human_runs(), (0.05,))).lines
    assert lines[0][:3] == ("Highway-Human", "here", f"**577 ({half:.0f})**")
    assert lines[0][3].startswith("980 (")
    assert lines[1] == ("", "paper", "654 (174)", "864 (194)")


def test_a_person_who_was_never_content():
    """Their run counts with its total, and what is said is a lower bound."""
    cells = table_2(outcomes(human_runs(maxent=([0.5, 0.5], [0.5, 0.04])), (0.05,))).lines[0]
    assert cells[3].startswith("≥ 1540 (")
    assert cells[3].endswith("(1/2 censored)")


def test_a_task_that_the_paper_has_not():
    runs = [run("mereq", 0, [0.2, 0.04], task="erasing-human", config=PERSON, theta=(0, 0, 0, 0), steps=1000)]
    assert table_2(outcomes(runs, (0.05,))).lines == [("Erasing-Human", "here", "240")]


def test_the_report_of_a_person(tmp_path):
    runs = human_runs()
    write_report(StudyResults("Mine", "", len(runs), runs), tmp_path, thresholds=(0.15, 0.1, 0.05))
    text = (tmp_path / "report.md").read_text()
    assert "(the paper's Figure 3)\n\n![" in text
    assert "(the paper's Table 2)\n\n| task " in text
    assert "Figure 2" not in text
    assert not (tmp_path / "figure2.png").exists()
    assert not (tmp_path / "table1.csv").exists()
    assert (tmp_path / "figure3.png").stat().st_size > 10_000
    assert text.count("<sub>") == 5  # under each table and picture
    assert "a program took" not in text
    with (tmp_path / "table2.csv").open() as file:
        ours = {line["method"]: line for line in csv.DictReader(file)}
    assert float(ours["mereq"]["mean"]) == pytest.approx(1730 / 3, abs=1e-3)
    assert (ours["mereq"]["paper_mean"], ours["mereq"]["paper_ci95"], ours["mereq"]["best"]) == ("654", "174", "1")
    assert ours["hg-dagger-ft"]["paper_mean"] == "864"


def test_a_stand_in_is_called_one(tmp_path):
    runs = human_runs()
    runs[0] = runs[0]._replace(config=RecordedConfig(runs[0].config.fields | {"supervisor": "expert"}))
    write_report(StudyResults("Mine", "", len(runs), runs), tmp_path, thresholds=(0.05,))
    assert "**In 1 of 6 runs a program took the person's place.**" in (tmp_path / "report.md").read_text()


def test_both_kinds_of_task_in_one_report(tmp_path):
    runs = [run("mereq", seed, [0.3, 0.1]) for seed in range(2)] + human_runs()
    write_report(StudyResults("Both", "", len(runs), runs), tmp_path, thresholds=(0.05,))
    text = (tmp_path / "report.md").read_text()
    for number in ("Figure 2", "Table 1", "Figure 3", "Table 2"):
        assert f"(the paper's {number})" in text


def test_the_papers_numbers():
    assert set(paper.TABLE_2) < set(paper.TASKS)
    assert all(list(line) == [m for m in paper.METHODS if m != "mereq-np"] for line in paper.TABLE_2.values())
    assert paper.TABLE_2["pillow-grasping-human"]["iwr-ft"] == (497, 301)
