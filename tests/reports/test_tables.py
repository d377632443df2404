"""Conditions, outcomes and tables of studies made by hand."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest

from mereq.reports import paper, tables
from mereq.reports.sources import differing_settings, full_record, source_line
from mereq.reports.statistics import Estimate
from mereq.reports.summary import (
    Condition,
    across_tasks,
    condition_labels,
    condition_summaries,
    conditions_of,
    outcomes,
    per_round,
)
from mereq.reports.tables import Table
from study_runs import PROVENANCE, kappa_study, methods_study, run

pytestmark = pytest.mark.paper("Table 1, and the paper's numbers beside ours", "Tables 1 to 5, the paper's numbers")

FAST, STEADY, NEVER = [0.30, 0.12, 0.04], [0.30, 0.14, 0.09], [0.30, 0.20, 0.16]


def outcomes_at(runs, delta=0.15):
    return {o.condition: o for o in outcomes(runs, (delta,))}


# The paper's numbers


SIMULATED = [task for task in paper.TASKS if not task.endswith("-human")]


def test_table_1_is_complete_and_spot_checked():
    assert set(paper.TABLE_1) == {(task, delta) for task in SIMULATED for delta in (0.05, 0.10, 0.15)}
    assert all(list(line) == list(paper.METHODS) for line in paper.TABLE_1.values())
    assert paper.TABLE_1["highway", 0.05]["mereq"] == (1819, 456)
    assert paper.TABLE_1["pillow-grasping", 0.15]["iwr-ft"] == (8879, 1960)
    assert sum(cell.mean for line in paper.TABLE_1.values() for cell in line.values()) == 220_041


def test_tables_2_to_5_spot_checked():
    assert paper.TABLE_2["bottle-pushing-human"]["hg-dagger-ft"] == (450, 105)
    assert paper.TABLE_3["bottle-pushing", "control_effort"]["maxent-ft"] == (0.505, 0.016)
    assert paper.TABLE_4["bottle-pushing", "mereq"] == (-140.5, 30.8)
    assert paper.TABLE_5["bottle-pushing", 0.10, 0.5]["iwr-ft"] == (11487, 3966)
    without_noise = paper.TABLE_5["bottle-pushing", 0.10, 0.0]
    assert without_noise == {m: paper.TABLE_1["bottle-pushing", 0.10][m] for m in without_noise}


# Conditions


def test_conditions_follow_the_papers_order_and_methods_of_ones_own_come_last():
    runs = [run(method, 0, FAST) for method in ("mine", "iwr-ft", "maxent", "mereq")]
    assert [condition.method for condition in conditions_of(runs)] == ["mereq", "maxent", "iwr-ft", "mine"]


def test_labels_say_what_varies():
    conditions = [Condition("mereq", "", "fast"), Condition("mereq", "kappa 0.3", "fast")]
    assert list(condition_labels(conditions).values()) == ["MEReQ", "MEReQ, kappa 0.3"]
    conditions = [Condition("mereq", "", "fast"), Condition("maxent-ft", "", "paper")]
    assert list(condition_labels(conditions).values()) == ["MEReQ, fast", "MaxEnt-FT, paper"]


# Outcomes


def test_an_outcome_by_hand():
    runs = [run("mereq", seed, FAST, steps=1000) for seed in range(2)]  # 300, 420, 460 samples
    runs += [run("maxent", 0, [0.5, 0.14], steps=1000), run("maxent", 1, [0.5, 0.2, 0.1], steps=1000)]  # 640 and 800
    mereq, maxent = outcomes_at(runs).values()
    assert (mereq.mean.value, maxent.mean.value) == (420, 720)
    assert (mereq.ratio, mereq.mereq_fewer) == (None, None)
    assert maxent.ratio.value == pytest.approx(720 / 420)
    assert maxent.mereq_fewer.value == 1.0
    assert maxent.reported == paper.TABLE_1["highway", 0.15]["maxent"]
    assert maxent.reported_ratio == pytest.approx(2005 / 965)
    assert maxent.at_least_as_good == "no"
    assert mereq.at_least_as_good == ""


@pytest.mark.parametrize(
    ("estimate", "answer"),
    [
        (Estimate(2.1, 1.9, 2.3), "yes"),
        (Estimate(1.9, 1.5, 2.3), "within"),
        (Estimate(1.5, 1.2, 1.8), "no"),
        (Estimate(2.1, 1.9, np.inf, "≥"), "yes"),
        (Estimate(1.9, 1.5, np.inf, "≥"), "open"),
        (Estimate(2.1, 0.0, 2.3, "≤"), "open"),
        (Estimate(1.5, 0.0, 1.8, "≤"), "no"),
        (Estimate(9.0, 0.0, np.inf, "≷"), "open"),
        (Estimate(1.9, np.nan, np.nan), "no"),
    ],
)
def test_as_good_as_the_paper_knows_what_is_open(estimate, answer):
    (_, outcome) = outcomes_at([run(m, s, FAST) for m in ("mereq", "maxent") for s in range(2)]).values()
    assert replace(outcome, ratio=estimate, reported_ratio=2.0).at_least_as_good == answer


def test_censoring_reaches_the_ratio():
    runs = [run("mereq", seed, FAST) for seed in range(3)]
    runs += [run("maxent", 0, NEVER), run("maxent", 1, FAST)]
    _, maxent = outcomes_at(runs).values()
    assert (maxent.mean.sign, maxent.ratio.sign, maxent.ratio.high) == ("≥", "≥", np.inf)
    assert maxent.samples.censored.tolist() == [True, False]


def test_conditions_are_compared_with_the_mereq_of_their_variant_and_preset():
    runs = [
        *(run("mereq", s, FAST) for s in range(2)),
        *(run("mereq", s, STEADY, variant="noise 0.5") for s in range(2)),
        *(run("maxent", s, STEADY, variant="noise 0.5") for s in range(2)),
        *(run("maxent", s, STEADY, preset="paper") for s in range(2)),
    ]
    found = {(o.condition.method, o.condition.variant, o.condition.preset): o for o in outcomes(runs, (0.15,))}
    steady, fast = 880 / 880, 880 / 840
    assert found["maxent", "noise 0.5", "fast"].ratio.value == steady
    assert found["mereq", "noise 0.5", "fast"].ratio.value == pytest.approx(fast)
    assert found["maxent", "", "paper"].ratio is None  # MEReQ was not run with this preset


def test_noisy_runs_are_beside_table_5():
    def noisy(method, noise):
        config = {"noise": noise}
        return [
            run(method, s, [0.2, 0.05], task="bottle-pushing", variant=f"noise {noise}", config=config)
            for s in range(2)
        ]

    runs = noisy("mereq", 0.1) + noisy("iwr-ft", 0.1) + noisy("mereq", 0.3)
    reported = {(o.condition.method, o.condition.variant): o.reported for o in outcomes(runs, (0.10,))}
    assert reported["iwr-ft", "noise 0.1"] == (11921, 1749)
    assert reported["mereq", "noise 0.3"] is None
    assert all(o.reported is None for o in outcomes(runs, (0.15,)))


def test_numbers_do_not_depend_on_which_others_there_are():
    runs = methods_study(methods=("mereq", "maxent"))
    alone = outcomes([r for r in runs if r.method == "mereq"], (0.10,))[0]
    together = outcomes(runs, (0.10,))[0]
    assert together.interquartile_mean == alone.interquartile_mean


def test_across_tasks_in_units_of_mereq():
    runs = [run("mereq", s, [0.2, 0.1], steps=1000) for s in range(3)]  # 300 samples
    runs += [run("mereq", s, [0.4, 0.1], steps=1000, task="erasing") for s in range(3)]  # 500
    runs += [run("maxent", s, [0.5, 0.1], steps=1000) for s in range(3)]  # 600: twice
    runs += [run("maxent", s, [0.9, 0.1], steps=1000, task="erasing") for s in range(3)]  # 1000: twice
    mereq, maxent = across_tasks(runs, (0.15,))
    assert (maxent.interquartile_mean.value, maxent.mereq_fewer.value, maxent.runs) == (2.0, 1.0, 6)
    assert (mereq.interquartile_mean.value, mereq.mereq_fewer) == (1.0, None)
    assert across_tasks([r for r in runs if r.task == "erasing"], (0.15,)) == []


def test_a_unit_that_is_a_lower_bound_leaves_an_upper_bound():
    runs = [run("mereq", s, NEVER if s == 0 else FAST, task=task) for s in range(3) for task in ("highway", "erasing")]
    runs += [run("maxent", s, FAST, task=task) for s in range(3) for task in ("highway", "erasing")]
    mereq, maxent = across_tasks(runs, (0.15,))
    assert (mereq.interquartile_mean.sign, maxent.interquartile_mean.sign) == ("≷", "≤")
    assert maxent.interquartile_mean.low == 0.0


def test_a_condition_summary_by_hand():
    (summary,) = condition_summaries([run("mereq", seed, [0.5, 0.3, 0.2, 0.1]) for seed in range(2)])
    assert summary.first_rate.value == 0.5
    assert summary.last_rate.value == pytest.approx(0.2)
    assert summary.wait_median == pytest.approx(0.655)
    assert summary.seconds == 12.5
    assert (summary.first_samples.value, summary.later_samples.value) == (1000, 1200)


def test_a_rounds_mean_is_over_the_runs_that_had_it():
    mean, half = per_round([run("mereq", 0, [0.4, 0.2]), run("mereq", 1, [0.2])], "intervention_rate")
    assert mean.tolist() == pytest.approx([0.3, 0.2])
    assert np.isnan(half[1])


# Tables


def test_markdown_by_hand():
    table = Table(("a", "b|c"), [("1", "x")])
    assert table.markdown() == "| a   | b\\|c |\n| --- | ---- |\n| 1   | x    |"


@pytest.mark.parametrize(
    ("estimate", "half_width", "interval"),
    [
        (Estimate(1819.2, 1363, 2275.4), "1819 (456)", "1819.20 [1363.00, 2275.40]"),
        (Estimate(2.0, np.nan, np.nan), "2", "2.00"),
        (Estimate(2.0, 1.0, np.inf, "≥"), "≥ 2 (1)", "≥ 2.00 [1.00, ∞]"),
        (Estimate(2.0, 1.0, np.inf, "≷"), "≷ 2 (1)", "≷"),
        (Estimate(np.nan, 0.0, np.inf), "nan", "–"),
        (Estimate(np.inf, 1.0, np.inf), "∞", "∞ [1.00, ∞]"),
    ],
)
def test_estimates_in_words(estimate, half_width, interval):
    assert tables.estimate_with_interval(estimate, 2) == interval
    if math.isfinite(estimate.value):
        assert tables.estimate_with_half_width(estimate) == half_width


def test_table_1_has_the_best_in_bold_and_counts_the_censored():
    runs = [run("mereq", s, FAST) for s in range(2)] + [run("maxent", s, [0.5, 0.2, 0.16 - s / 50]) for s in range(2)]
    table = tables.table_1(outcomes(runs, (0.15,)))
    assert table.header == ("δ", "MEReQ", "MaxEnt")
    assert table.lines == [("0.15", "**840 (0)**", "≥ 1700 (254) (1/2 censored)")]


def test_nothing_is_bold_when_a_lower_bound_is_below_all():
    runs = [run("mereq", s, NEVER) for s in range(2)] + [run("maxent", s, [0.8, 0.1]) for s in range(2)]
    assert "**" not in tables.table_1(outcomes(runs, (0.15,))).markdown()


def test_side_by_side_only_where_the_paper_has_a_number():
    runs = [run(method, s, FAST) for method in ("mereq", "mine") for s in range(2)]
    lines = tables.side_by_side(outcomes(runs)).lines
    assert [line[:5] for line in lines] == [
        ("0.15", "MEReQ", "840 (0)", "965 (100)", "840 [840, 840]"),
        ("0.10", "MEReQ", "920 (0)", "1208 (254)", "920 [920, 920]"),
        ("0.05", "MEReQ", "920 (0)", "1819 (456)", "920 [920, 920]"),
    ]
    assert lines[0][5:] == ("1", "1", "–", "–", "0/2")
    assert tables.side_by_side(outcomes(runs, (0.2,))).lines == []


def test_one_seed_has_no_interval_anywhere():
    every = outcomes(methods_study(seeds=1))
    assert "[" not in "".join(cell for line in tables.side_by_side(every).lines for cell in line)
    assert "(" not in tables.table_1([o for o in every if not o.mean.sign]).markdown()


def test_overview_of_an_ablation():
    runs = kappa_study()
    table = tables.overview(runs)
    assert [line[0] for line in table.lines] == [f"MEReQ, kappa {kappa}" for kappa in (0.0, 0.1, 0.3, 1.0)]
    assert all(len(line) == len(table.header) for line in table.lines)


def test_overview_of_what_is_planned():
    """A condition without a finished run has a line, too."""
    mereq, maxent = (Condition(method, "", "fast") for method in ("mereq", "maxent"))
    table = tables.overview([run("mereq", 0, FAST)], planned={("highway", mereq): 2, ("highway", maxent): 2})
    assert [line[:4] for line in table.lines] == [("MEReQ", "1/2", "0.300", "0.153"), ("MaxEnt", "0/2", "–", "–")]
    assert all(len(line) == len(table.header) for line in table.lines)
    assert len(tables.overview([], planned={("highway", mereq): 2}).lines) == 1


def test_csv_files_read_back(tmp_path):
    runs = methods_study(("highway", "erasing"), seeds=2, rounds=4)
    every = outcomes(runs)
    for name, records in {
        "table1": tables.table_1_records(every),
        "rounds": tables.round_records(runs),
        "runs": tables.run_records(runs, (0.15, 0.10, 0.05)),
        "summary": tables.summary_records(every, condition_summaries(runs), across_tasks(runs)),
    }.items():
        tables.write_csv(tmp_path / f"{name}.csv", records)
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            assert len(list(csv.DictReader(file))) == len(records)
    with (tmp_path / "rounds.csv").open(newline="") as file:
        rounds = list(csv.DictReader(file))
    assert len(rounds) == len(runs) * 4
    assert rounds[0]["theta_3"] == ""  # the highway has three features
    assert {line["theta_0"] for line in rounds if line["method"] == "iwr-ft"} == {""}
    by_hand = runs[0].rounds[1]
    second = next(line for line in rounds if (line["seed"], line["round"]) == ("0", "1"))
    assert float(second["intervention_rate"]) == by_hand.intervention_rate
    assert int(second["expert_samples"]) == by_hand.expert_steps


def test_runs_know_their_own_samples_whatever_the_order():
    records = tables.run_records([run("maxent", 0, NEVER), run("mereq", 1, STEADY), run("mereq", 0, FAST)], (0.15,))
    assert [(r["method"], r["seed"], r["samples_to_0.15"], r["censored_0.15"]) for r in records] == [
        ("mereq", 0, 840, 0),
        ("mereq", 1, 880, 0),
        ("maxent", 0, 1320, 1),
    ]


# Where numbers come from


def test_source_in_one_line():
    runs = [run("mereq", seed, FAST) for seed in (0, 1, 2)]
    assert source_line(runs, planned=8) == (
        "From 3 of 8 planned runs, seeds 0 to 2; mereq 0.1.0 at commit 0123456789; Python 3.11.2; numpy 2.0.0; "
        "2 cores of A Processor, Linux x86_64; 2026-11-21; made with `mereq study highway`."
    )
    assert "seeds 0, 2;" in source_line(runs[::2])
    assert "seed 1;" in source_line(runs[1:2])


def test_source_names_every_version_and_what_is_unknown():
    other = PROVENANCE | {"git": {"commit": "fedcba98765", "dirty": True}, "time": "2026-11-23T00:00:00+00:00"}
    runs = [run("mereq", 0, FAST), run("mereq", 1, FAST)._replace(provenance=other)]
    line = source_line(runs)
    assert "mereq 0.1.0 at commit 0123456789 / 0.1.0 at commit fedcba9876 with uncommitted changes;" in line
    assert "2026-11-21 to 2026-11-23" in line
    assert "mereq unknown" in source_line([runs[0]._replace(provenance={})])


def test_settings_that_differ_are_listed_with_their_conditions():
    assert differing_settings(kappa_study((0.1, 1.0))) == [
        ("settings.inference.kappa", "0.1 (MEReQ, kappa 0.1); 1.0 (MEReQ, kappa 1.0)")
    ]
    assert differing_settings([run("mereq", seed, FAST) for seed in range(3)]) == []


def test_a_command_keeps_no_host():
    command = PROVENANCE | {"command": "mereq study highway --engine ray --address=ray://head.example.org:10001"}
    made = run("mereq", 0, FAST)._replace(provenance=command)
    assert "made with `mereq study highway --engine ray --address=HOST:PORT`" in source_line([made])
    assert "example" not in str(full_record([made]))


def test_records_keep_no_folders():
    made = run("mereq", 0, FAST, config={"prior": "/home/somebody/prior.safetensors", "list": ["~/x/expert"]})
    (record,) = full_record([made])
    assert record["config"]["prior"] == "prior.safetensors"
    assert record["config"]["list"] == ["expert"]
