"""The benchmark's table: what counts of each run, what is said of the authors' claims, and its place in a report."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mereq.reports import benchmark, study_report
from mereq.reports.benchmark import (
    BenchmarkRun,
    benchmark_measures,
    benchmark_records,
    benchmark_runs,
    benchmark_table,
    seen,
)
from mereq.reports.results import StudyResults
from mereq.reports.statistics import Samples, SamplesToThreshold
from mereq.reports.study_report import write_report
from mereq.store.run_store import OwnRate
from study_runs import run

RATES = [OwnRate(10, 4, 0.3), OwnRate(20, 6, 0.04), OwnRate(30, 9, 0.06), OwnRate(50, 12, 0.02), OwnRate(60, 15, 0.01)]


def compared(method: str, seed: int, rates=RATES, value=None) -> BenchmarkRun:
    return BenchmarkRun.of(run(method, seed, [0.4, 0.1], steps=40), rates, 7.5, value)


def samples(*numbers, censored=False) -> Samples:
    return Samples.of([SamplesToThreshold(number, censored) for number in numbers])


def test_a_run_counts_from_the_last_own_rate_that_was_too_high():
    found = compared("rlif", 0)
    assert found.samples == SamplesToThreshold(12, censored=False)
    assert found.attention == SamplesToThreshold(50, censored=False)  # a step of the highway is a second
    assert (found.expert_samples, found.last_own_rate, found.computing) == (20, 0.01, 7.5)
    above = compared("rlif", 0, [*RATES, OwnRate(70, 21, 0.05)])
    assert above.samples == SamplesToThreshold(21, censored=True)
    assert above.attention == SamplesToThreshold(70, censored=True)


def test_a_robot_gated_method_needs_attention_only_where_it_asked():
    found = compared("aim", 0)
    assert found.attention == SamplesToThreshold(12, censored=False)  # its expert samples, a second each
    line = dict(zip(benchmark_table([found]).header, benchmark_table([found]).lines[0], strict=True))
    assert (line["method"], line["attention [s]"]) == ("AIM", "12")
    assert line["its authors claim"] == "40 % less takeover cost (ThriftyDAgger)"


def test_the_claim_of_thrifty_dagger_is_about_attention():
    slow = [OwnRate(500, 4, 0.3), OwnRate(900, 4, 0.01)]
    found = [compared("thrifty-dagger", seed) for seed in range(4)]
    found += [compared("hg-dagger-ft", seed, slow) for seed in range(4)]
    table = benchmark_table(found)
    seen_here = {line[1]: line[-1] for line in table.lines}
    assert seen_here["ThriftyDAgger"] == "yes"  # 12 s against 900 s, though 12 samples against 4
    assert [measure.title for measure in benchmark_measures(found)] == [
        "expert samples",
        "own rate at the end",
        "attention [s]",
    ]


def test_without_a_known_pace_there_is_no_attention():
    found = [replace(compared("pvp", 0), attention=SamplesToThreshold(float("nan"), censored=False))]
    (line,) = benchmark_table(found).lines
    assert dict(zip(benchmark_table(found).header, line, strict=True))["attention [s]"] == "–"
    assert benchmark_records(found)[0]["attention_s"] is None
    assert len(benchmark_measures(found)) == 2


def test_the_table_has_a_line_for_each_method_under_its_authors_name():
    found = [compared("csil", seed, value=3.0 + seed) for seed in range(2)] + [compared("hg-dagger-ft", 0)]
    table = benchmark_table(found)
    assert [line[:2] for line in table.lines] == [("Highway-Sim", "HG-DAgger-FT"), ("Highway-Sim", "residual CSIL")]
    line = dict(zip(table.header, table.lines[1], strict=True))
    assert line["expert samples"] == "12 (0)"
    assert line["censored"] == "0/2"
    assert line["return"] == "3.5 (6.4)"
    assert dict(zip(table.header, table.lines[0], strict=True))["return"] == "–"
    assert [record["seed"] for record in benchmark_records(found)] == [0, 1, 0]


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        (samples(1, 2, 3, 4), samples(9, 9, 8, 7), "yes"),
        (samples(9, 9, 8, 7), samples(1, 2, 3, 4), "no"),
        (samples(1, 9, 5, 5), samples(2, 8, 5, 5), "open"),
        (samples(1, 2, 3, 4, censored=True), samples(9, 9, 8, 7), "no"),
        (samples(1, 2), Samples(np.zeros(0), np.zeros(0)), "–"),
    ],
)
def test_a_claim_is_seen_if_the_interval_is_on_its_side_of_one_half(ours, theirs, verdict):
    assert seen(ours, theirs) == verdict


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Three finished runs: with own rates, without, and one whose record is on another machine."""
    runs = [run(method, 0, [0.4, 0.1]) for method in ("rlif", "mereq", "pvp")]
    for each in runs[:2]:
        (tmp_path / "runs" / each.name).mkdir(parents=True)
        (tmp_path / "runs" / each.name / "run.sqlite").touch()

    @contextmanager
    def opened(directory: Path):
        rates = RATES if "rlif" in directory.name else []
        yield SimpleNamespace(own_rates=lambda: rates, versions=lambda: [SimpleNamespace(seconds=2.0)])

    monkeypatch.setattr(benchmark, "RunReader", SimpleNamespace(open=opened))
    return runs


def test_runs_that_measured_no_own_rates_are_left_out(tmp_path, recorded):
    runs = recorded
    (found,) = benchmark_runs(tmp_path, runs, returns=False)
    assert found.run.method == "rlif"
    assert found.computing == pytest.approx(2.0 + 0.5 + 0.6)  # of policies within rounds, and between rounds
    assert found.mean_return is None


def test_returns_are_those_of_the_last_policies(tmp_path, recorded, monkeypatch):
    def evaluated(study, policies):
        for policy in policies:
            yield SimpleNamespace(policy=policy, returns=np.array([1.0, 3.0]))

    told = []
    monkeypatch.setattr(benchmark, "tasks_to_evaluate", lambda runs: {"highway": None})
    monkeypatch.setattr(benchmark, "evaluate_policies", evaluated)
    (found,) = benchmark_runs(tmp_path, recorded, returns=True, progress=lambda *what: told.append(what))
    assert found.mean_return == 2.0
    assert told == [("RLIF on Highway-Sim", 1, 1)]


def test_the_report_begins_with_it(tmp_path, monkeypatch):
    for name in ("study_figure", "theta_figure"):
        monkeypatch.setattr(study_report, name, lambda *args, **kwargs: None)
    found = [compared("rlif", seed) for seed in range(2)]
    made = write_report(StudyResults("Mine", "", 2, [each.run for each in found]), tmp_path, compared=found)
    assert next(iter(made.tables)) == "Benchmark"
    assert made.main_table is made.tables["Benchmark"]
    assert "benchmark.csv" in [file.name for file in made.files]
    assert "its authors claim" in made.files[0].read_text()
    assert "Figure 2" in made.files[0].read_text()


def test_rounds_of_one_episode_are_not_drawn_as_the_papers_figure(tmp_path, monkeypatch):
    """Their rates are zero by chance, and the paper's numbers are of another protocol."""
    monkeypatch.setattr(study_report, "theta_figure", lambda *args, **kwargs: None)
    one = run("rlif", 0, [0.4, 0.0], config={"settings": {"rollout_episodes": 1}})
    made = write_report(StudyResults("Mine", "", 1, [one]), tmp_path, compared=[BenchmarkRun.of(one, RATES, 7.5, None)])
    assert list(made.tables) == ["Benchmark", "Overview"]
    assert "a single episode, so its intervention rate is often zero by chance" in made.files[0].read_text()
    assert {file.name for file in made.files} >= {"benchmark.png"}
    assert not (tmp_path / "figure2.png").exists()
