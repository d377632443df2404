"""Tables 3 and 4 of behaviour by hand, and its pictures."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from behaviours import FEATURES, behaviour, evaluation, group
from mereq.reports import behaviour_report
from mereq.reports import behaviour_tables as tables
from mereq.reports.behaviour import Behaviour
from mereq.reports.behaviour_report import behaviour_sections, write_behaviour
from mereq.reports.figures import feature_figure, return_figure
from mereq.reports.paper import METHODS
from study_runs import run

pytestmark = pytest.mark.paper(
    "Table 3, beside the paper's",
    "Table 4, beside the paper's",
    "Fig. 11 distributions of features",
    "Fig. 12 distributions of the return",
)

FILES = ["behaviour.csv", "behaviour_summary.csv", "distributions.csv", "figure11_bottle-pushing.png"]
FILES += ["figure12_bottle-pushing.png", "returns.csv"]


@pytest.fixture(scope="module")
def everybody():
    return behaviour()


def cells(table, line):
    """A line of a table, found by its first cells, under the names of its columns."""
    (found,) = [cells for cells in table.lines if cells[: len(line)] == line]
    return dict(zip(table.header, found, strict=True))


# Table 3


def test_table_3_stands_beside_the_papers(everybody):
    table = tables.distance_table(everybody)
    assert [line[0] for line in table.lines[::2]] == list(FEATURES)
    paper = cells(table, ("", "paper", "–", "–", "0.460 (0.018)"))
    assert paper["IWR-FT"] == "0.654 (0.022)"
    assert (paper["Prior"], paper["Expert, other episodes"]) == ("–", "–")


def test_distances_are_means_over_seeds_with_their_interval(everybody):
    """Student's t of two seeds: half width 12.706 times half their difference."""
    of = {g.name: g.distances[:, 2] for g in everybody.groups}
    ours = cells(tables.distance_table(everybody), ("control_effort", "ours"))
    a, b = of["IWR-FT"]
    assert a != b
    assert ours["IWR-FT"] == f"{(a + b) / 2:.3f} ({12.7062047 * abs(a - b) / 2:.3f})"
    assert ours["Expert, other episodes"] == "0.000"
    assert ours["Prior"] == f"{of['Prior'][0]:.3f}"
    assert "Expert" not in ours


def test_the_nearest_method_is_bold(everybody):
    ours = cells(tables.distance_table(everybody), ("tip2bottle", "ours"))
    assert [name for name, cell in ours.items() if "**" in cell] == ["MEReQ"]
    alone = tables.distance_table(behaviour(("maxent-ft",)))
    assert "**" not in alone.markdown()


def test_who_never_got_there_has_a_dagger(everybody):
    for table in (tables.distance_table(everybody), tables.return_table(everybody), tables.measure_table(everybody)):
        assert table.markdown().count("†") == 1
        assert "MaxEnt †1/2" in table.markdown()


# Table 4


def test_table_4_has_mean_and_deviation_over_all_episodes_beside_the_papers(everybody):
    table = tables.return_table(everybody)
    returns = np.concatenate([-110 - np.arange(10.0), -115 - np.arange(10.0)])
    mereq = cells(table, ("MEReQ",))
    assert mereq["episodes"] == "20"
    deviation = np.sqrt(np.mean((returns - returns.mean()) ** 2))
    assert mereq["ours: mean (std)"] == f"{returns.mean():.1f} ({deviation:.1f})"
    assert mereq["paper: mean (std)"] == "-140.5 (30.8)"
    assert mereq["mean over seeds (CI)"] == f"-117.0 ({12.7062047 * 2.5:.1f})"
    assert cells(table, ("Expert",))["paper: mean (std)"] == "-115.9 (25.9)"
    assert cells(table, ("Prior",))["paper: mean (std)"] == "–"
    assert cells(table, ("Prior",))["mean over seeds (CI)"] == "–"


@pytest.mark.parametrize("other", [behaviour(task="erasing"), behaviour(("mereq",), config={"noise": 0.5})])
def test_the_paper_has_numbers_for_bottle_pushing_without_noise_only(other):
    noisy = other.task == "bottle-pushing"  # there the expert's number still stands
    assert ("-115.9 (25.9)" in tables.return_table(other).markdown()) == noisy
    for name in ("-140.5", "0.460"):
        assert name not in tables.return_table(other).markdown() + tables.distance_table(other).markdown()


def test_what_the_task_measures_is_before_and_after(everybody):
    table = tables.measure_table(everybody)
    assert table.header == ("policy", "success_rate", "toppled")
    assert cells(table, ("Prior",))["success_rate"] == "0.1"
    assert cells(table, ("Expert",))["success_rate"] == "1"
    assert cells(table, ("MEReQ",))["success_rate"] == f"0.875 ({12.7062047 * 0.025:.3g})"


# Files


def read(file):
    return list(csv.DictReader(file.read_text().splitlines()))


def test_every_number_is_in_a_file(everybody, tmp_path, monkeypatch):
    monkeypatch.setattr(behaviour_report, "feature_figure", lambda behaviour, path: path.touch())  # drawn below
    write_behaviour([everybody], tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == FILES
    policies = read(tmp_path / "behaviour.csv")
    (mine,) = [
        float(p["value"])
        for p in policies
        if (p["policy"], p["seed"], p["quantity"]) == ("IWR-FT", "1", "js_distance bottle2goal")
    ]
    assert mine == pytest.approx(everybody.groups[-1].distances[1, 1], abs=1e-6)
    assert {(p["policy"], p["seed"], p["round"]) for p in policies if p["reached"] == "0"} == {("MaxEnt", "1", "2")}
    assert {p["quantity"] for p in policies} == {
        *(f"{what} {name}" for what in ("js_distance", "mean") for name in FEATURES),
        *("return_mean", "return_std", "success_rate", "toppled"),
    }
    summary = {(s["policy"], s["quantity"]): s for s in read(tmp_path / "behaviour_summary.csv")}
    assert (summary["MaxEnt", "return"]["paper_mean"], summary["MaxEnt", "return"]["paper_spread"]) == (
        "-231.1",
        "52.9",
    )
    assert summary["MaxEnt", "toppled"]["never_reached"] == "1"
    assert len(read(tmp_path / "returns.csv")) == 10 * (3 + 2 * len(METHODS))
    shares = read(tmp_path / "distributions.csv")
    of_prior = [float(s["share"]) for s in shares if (s["policy"], s["feature"]) == ("Prior", "tip2bottle")]
    assert sum(of_prior) == pytest.approx(1, abs=1e-4)
    assert of_prior[-1] == pytest.approx(0.9)


def test_the_report_tells_where_it_comes_from_under_everything(everybody):
    text = "\n\n".join(behaviour_sections([everybody]))
    assert "(the paper's Figure 11 and Table 3)" in text
    assert text.count("<sub>") == text.count("Their policies were evaluated with mereq 0.1.0 at commit 0123456789") == 5
    assert text.count("12 runs, seeds 0 to 1") == 5
    assert "(as the paper's Figure 11 and Table 3)" in "\n\n".join(behaviour_sections([behaviour(task="erasing")]))


def test_a_task_that_measures_nothing_has_no_table_of_it(everybody):
    silent = [group([evaluation(g.name, 0.1 * i, of=g.members[0].policy.run)]) for i, g in enumerate(everybody.groups)]
    for member in (member for g in silent for member in g.members):
        member.measures.clear()
    text = "\n\n".join(behaviour_sections([Behaviour("bottle-pushing", FEATURES, silent)]))
    assert "Before and after" not in text


# Pictures


def constant() -> Behaviour:
    """Policies that do always the same."""
    found = behaviour(("mereq",), seeds=1)
    for g in found.groups:
        g.members[0].features[:] = 0.0
        g.members[0].returns[:] = -1.0
    return found


def many() -> Behaviour:
    """More rows than colours, with long names; of one feature, since panels take long to draw."""
    found = replace(behaviour(()), feature_names=FEATURES[:1])
    for kappa in range(9):
        runs = [run("mereq", seed, [0.1], task="bottle-pushing", variant=f"kappa {kappa}") for seed in range(2)]
        found.groups.append(group([evaluation(f"MEReQ, kappa {kappa}", 0.1 * kappa, of=r) for r in runs]))
    return found


def check(file):
    with Image.open(file) as picture:
        assert picture.width >= 900
        assert len(picture.convert("RGB").getcolors(2**20)) > 20


@pytest.mark.parametrize("made", [lambda: behaviour(("mereq", "maxent")), constant, many])
def test_figure_11_is_drawn(tmp_path, made):
    feature_figure(made(), tmp_path / "figure11.png")
    check(tmp_path / "figure11.png")


@pytest.mark.parametrize("made", [behaviour, constant, many])
def test_figure_12_is_drawn_the_same_each_time(tmp_path, made):
    for name in ("one.png", "two.png"):
        return_figure(made(), tmp_path / name)
        check(tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_one_seed_alone_has_no_interval():
    table = tables.distance_table(behaviour(("mereq",), seeds=1))
    assert "(" not in cells(table, ("tip2bottle", "ours"))["MEReQ"]
    (mereq,) = [r for r in tables.summary_records([behaviour(("mereq",), seeds=1)]) if r["quantity"] == "toppled"][-1:]
    assert math.isnan(mereq["spread"])
