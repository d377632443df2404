"""Report of a study or a blind trial: tables and figures beside the paper's numbers, in one folder.

`report` reads a directory and writes the folder; `write_report` does the second half for results that are at hand.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mereq.core.errors import WrongThreshold
from mereq.presets.known_tasks import known_task
from mereq.reports import behaviour_tables, benchmark, paper, tables
from mereq.reports.behaviour import Behaviour
from mereq.reports.behaviour_report import (
    Progress,
    behaviour_sections,
    evaluate_behaviour,
    left_out,
    write_behaviour,
)
from mereq.reports.behaviour_report import behaviour_tables as tables_of_behaviour
from mereq.reports.benchmark import BenchmarkRun, benchmark_records, benchmark_runs, benchmark_table
from mereq.reports.figures import benchmark_figure, study_figure, theta_figure
from mereq.reports.results import StudyResults, read_results
from mereq.reports.sources import differing_settings, full_record, source_line
from mereq.reports.statistics import RESAMPLES, THRESHOLDS
from mereq.reports.summary import (
    across_tasks,
    condition_of,
    condition_summaries,
    of_single_episodes,
    outcomes,
    tasks_of,
)
from mereq.reports.tables import Table, small
from mereq.store.atomic import writing
from mereq.store.links import inside
from mereq.store.provenance import without_folders
from mereq.studies.study_store import StudyRun

BENCHMARK, OVERVIEW, BESIDE_THE_PAPER = "Benchmark", "Overview", "Beside the paper"
HOW_TO_READ = f"""\
- *Samples to δ*: expert samples of all rounds up to and including the first whose intervention rate is below δ.
- *Censored* runs never had a rate below δ. They count with all their samples, so `≥` marks a number that is at least
  this, `≤` at most this, and `≷` a ratio that is bounded on neither side.
- *(CI)*: half width of the 95 % confidence interval of the mean over seeds (Student's t), as the paper prints it.
- *IQM [CI]*: interquartile mean, the mean of the middle half of the runs. Intervals in square brackets are percentiles
  of {RESAMPLES:,} bootstrap resamples of the seeds of each task. They hold whatever number of samples censored runs
  would have needed.
- *Ratio*: mean samples over MEReQ's (same variant and preset where MEReQ has them, else MEReQ without a variant).
  *No, but within*: the ratio is below the paper's, which lies inside our interval. *Open*: censored runs leave it
  undecided.
- *P(MEReQ needs fewer)*: probability that a run of MEReQ needs fewer samples than a run of this condition; ties count
  one half. A censored run is worse than any that is not, and two censored runs tie.
- The rate of a robot-gated method (AIM, ThriftyDAgger) is the share of steps in which it asked, and says nothing about
  how content the supervisor is.
- A single seed has no interval. Bootstrap intervals of fewer than about five seeds are too narrow."""


@dataclass(frozen=True)
class Report:
    """A report that was written."""

    folder: Path
    files: tuple[Path, ...]  # every file of the report; the first is `report.md`
    state: str  # sentence: how many of the planned runs are finished
    tables: dict[str, Table]  # by title, in the order of the report; `OVERVIEW` is always among them
    behaviour_tables: dict[str, Table]  # the same, of the policies without supervision; empty unless asked for
    notes: tuple[str, ...] = ()  # sentences: what is left out, and what the reader must know

    @property
    def main_table(self) -> Table:
        """The benchmark's; else the table beside the paper's, or the overview where the paper has no number."""
        return self.tables.get(BENCHMARK) or self.tables.get(BESIDE_THE_PAPER) or self.tables[OVERVIEW]


def report(
    directory: Path | str,
    out: Path | str | None = None,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    behaviour: bool = False,
    unblind: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Write the report of a study or of a blind trial. The same study gives the same files, byte for byte.

    Args:
        directory: of the study or trial, also while it is running.
        out: folder to write into; `report` in the directory if None.
        thresholds: intervention rates to get below; the paper has numbers for 0.15, 0.10 and 0.05.
        behaviour: also evaluate the policies without supervision, and compare them with the expert's.
        unblind: report a trial before it is finished.
        progress: called as policies are evaluated: what was done last, how much is done, of how much.

    Raises:
        NoRun: no run of the study is finished yet; or a policy is needed and its run does not exist.
        IncompatibleRun, CorruptCheckpoint: a run or policy cannot be loaded.
        CannotWrite: no permission, or the disk is full.
        WrongThreshold: none, the same one twice, or one that is not between 0 and 1.
        StillBlind: a trial that is not finished, unless it is to be unblinded.
    """
    directory = Path(directory)
    _check(thresholds)
    results = read_results(directory, unblind=unblind)
    behaviours = evaluate_behaviour(directory, results.runs, progress) if behaviour else []
    compared = benchmark_runs(directory, results.runs, returns=behaviour, progress=progress)
    notes = (left_out(results.runs),) if behaviour and left_out(results.runs) else ()
    out = Path(out) if out is not None else inside(directory, directory / "report")
    return write_report(results, out, thresholds=thresholds, behaviours=behaviours, compared=compared, notes=notes)


def write_report(
    results: StudyResults,
    out: Path,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    behaviours: Sequence[Behaviour] = (),
    compared: Sequence[BenchmarkRun] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Write all files of the report into the folder `out`.

    compared: runs of the benchmark.
    notes: sentences about what is left out of it.

    Raises:
        CannotWrite: no permission, or the disk is full.
    """
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        return _Writer(results, out, thresholds).write(behaviours, compared, notes)


class _Writer:
    """Writes the parts of one report into its folder, and collects their text, files and tables."""

    def __init__(self, results: StudyResults, out: Path, thresholds: Sequence[float]):
        self.results, self.runs, self.out, self.thresholds = results, results.runs, out, thresholds
        self.outcomes = outcomes(self.runs, thresholds)
        self.files: list[Path] = []
        self.tables: dict[str, Table] = {}
        self.text: list[str] = []

    def write(self, behaviours: Sequence[Behaviour], compared: Sequence[BenchmarkRun], notes: Sequence[str]) -> Report:
        results = self.results
        simulated = [run for run in self.runs if not _is_persons(run)]
        persons = [run for run in self.runs if _is_persons(run)]
        planned = None if simulated and persons else results.planned
        self.text += [
            f"# {_without_folders(results.title)}",
            *map(_without_folders, (results.description, *results.notes)),
            results.state,
            *notes,
        ]
        self._benchmark(compared)
        if compared and all(map(of_single_episodes, self.runs)):
            self.text.append(benchmark.SINGLE_EPISODES)
        else:
            self._simulated(simulated, planned)
            self._persons(persons, planned)
            self._beside_the_paper()
            self._over_all_tasks()
        self._overview()
        self._weights([run for run in self.runs if run.rounds[0].theta.size])
        self.text += behaviour_sections(behaviours)
        if behaviours:
            self.files += write_behaviour(behaviours, self.out)
        self._provenance(behaviours)
        self.text += ["## How to read this", HOW_TO_READ, "## What the runs differ in", _differences(self.runs)]
        page = self._file("report.md")
        page.write_text("\n\n".join(part for part in self.text if part) + "\n", encoding="utf-8")
        files = (page, *(file for file in self.files if file != page))
        return Report(
            folder=self.out,
            files=files,
            state=results.state,
            tables=self.tables,
            behaviour_tables=tables_of_behaviour(behaviours),
            notes=(*results.warnings, *notes),
        )

    def _benchmark(self, compared: Sequence[BenchmarkRun]) -> None:
        """Methods beside each other, where own rates were measured."""
        if not compared:
            return
        tables.write_csv(self._file("benchmark.csv"), benchmark_records(compared))
        benchmark_figure(benchmark.benchmark_measures(compared), self._file("benchmark.png"))
        self.text += [
            f"## {BENCHMARK}",
            self._table(BENCHMARK, benchmark_table(compared)),
            "![each run's expert samples, last own rate and attention, by method](benchmark.png)",
            benchmark.HOW_TO_READ,
            small(f"`benchmark.csv`. {source_line([each.run for each in compared], self.results.planned)}"),
        ]

    def _simulated(self, runs: Sequence[StudyRun], planned: int | None) -> None:
        """Figure 2 and Table 1, of synthesized experts."""
        if not runs:
            return
        found = self.outcomes if len(runs) == len(self.runs) else outcomes(runs, self.thresholds)
        study_figure(runs, found, self._file("figure2.png"))
        tables.write_csv(self._file("table1.csv"), tables.table_1_records(found))
        whole = source_line(runs, planned)
        self.text += [
            "## Intervention rate and expert samples (the paper's Figure 2)",
            "![intervention rate of each round, and expert samples to each threshold](figure2.png)",
            "Above: mean intervention rate of each round with its 95 % interval over seeds. Below: mean expert samples "
            "until the rate was below each threshold, with their 95 % intervals; hollow: the paper's.",
            small(whole),
            "## Expert samples (the paper's Table 1)",
            self._table("Expert samples", tables.table_1(found)),
            "Mean (half width of the 95 % interval). Bold: the smallest mean, unless censored runs leave open which it "
            "is.",
            small(f"`table1.csv`. {whole}"),
        ]

    def _persons(self, runs: Sequence[StudyRun], planned: int | None) -> None:
        """Figure 3 and Table 2, of a person."""
        if not runs:
            return
        delta = paper.TABLE_2_DELTA
        found = outcomes(runs, (delta,))
        study_figure(runs, found, self._file("figure3.png"))
        tables.write_csv(self._file("table2.csv"), tables.table_2_records(found))
        whole, programs = source_line(runs, planned), sum(not run.supervised_by_person for run in runs)
        words = f" **In {programs} of {len(runs)} runs a program took the person's place.**" if programs else ""
        self.text += [
            "## A person's effort (the paper's Figure 3)",
            "![intervention rate of each round, and the person's samples until the end](figure3.png)",
            "Above: mean intervention rate of each round with its 95 % interval, over the runs that had this round: a "
            f"run ends when the person is content. Below: their samples until the rate was below {delta:.2f}; hollow: "
            f"the paper's.{words}",
            small(whole),
            "## A person's samples (the paper's Table 2)",
            self._table("A person's samples", tables.table_2(found)),
            f"Expert samples until the intervention rate was below {delta:.2f}: mean (half width of the 95 % "
            f"interval), as in the paper. Bold: our smallest mean, unless censored runs leave open which it is.{words}",
            small(f"`table2.csv`. {whole}"),
        ]

    def _beside_the_paper(self) -> None:
        beside = tables.side_by_side(self.outcomes)
        self.text += [f"## {BESIDE_THE_PAPER}"]
        if not beside.lines:
            self.text += ["The paper has no number for any task and method of this study."]
            return
        reported = {(o.task, o.condition) for o in self.outcomes if o.reported}
        compared = [run for run in self.runs if (run.task, condition_of(run)) in reported]
        self.text += [self._table(BESIDE_THE_PAPER, beside), small(f"`summary.csv`. {source_line(compared)}")]

    def _over_all_tasks(self) -> None:
        over = across_tasks(self.runs, self.thresholds)
        summaries = condition_summaries(self.runs)
        tables.write_csv(self._file("summary.csv"), tables.summary_records(self.outcomes, summaries, over))
        if over:
            self.text += [
                "## Over all tasks",
                self._table("Over all tasks", tables.across_tasks_table(over)),
                "Samples are divided by the mean of MEReQ's on the same task, which is taken as given.",
                small(f"`summary.csv`. {self._whole}"),
            ]

    def _overview(self) -> None:
        tables.write_csv(self._file("rounds.csv"), tables.round_records(self.runs))
        tables.write_csv(self._file("runs.csv"), tables.run_records(self.runs, self.thresholds))
        self.text += [
            f"## {OVERVIEW}",
            self._table(OVERVIEW, tables.overview(self.runs, self.thresholds)),
            small(f"`runs.csv`, `rounds.csv`, `summary.csv`. {self._whole}"),
        ]

    def _weights(self, runs: Sequence[StudyRun]) -> None:
        """The inferred weights, of methods that infer some."""
        if not runs:
            return
        definitions = {task: known_task(task) for task in tasks_of(runs)}
        supervised_by_person = {run.task for run in runs if _is_persons(run)}  # what a person wants is not known
        theta_figure(
            runs,
            self._file("thetas.png"),
            feature_names={task: names for task in tasks_of(runs) if (names := _feature_names(runs, task))},
            difference={
                task: known.theta_expert - known.theta_prior
                for task, known in definitions.items()
                if known is not None
                and known.theta_expert is not None
                and known.theta_prior is not None
                and task not in supervised_by_person
            },
        )
        self.text += [
            "## Weights",
            "![weight of each feature after each round](thetas.png)",
            "Inferred weights after each round, mean and 95 % interval over seeds. Dashed: the expert's weights less "
            "the prior's, which a residual should approach; a method that learns the whole reward has another goal.",
            small(f"`rounds.csv`. {source_line(runs)}"),
        ]

    def _provenance(self, behaviours: Sequence[Behaviour]) -> None:
        record = {
            "title": _without_folders(self.results.title),
            "planned": self.results.planned,
            "runs": full_record(self.runs),
        }
        if behaviours:
            record["evaluations"] = behaviour_tables.evaluation_records(behaviours)
        self._file("provenance.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    @property
    def _whole(self) -> str:
        return source_line(self.runs, self.results.planned)

    def _file(self, name: str) -> Path:
        self.files.append(inside(self.out, self.out / name))
        return self.files[-1]

    def _table(self, title: str, table: Table) -> str:
        self.tables[title] = table
        return table.markdown()


def _check(thresholds: Sequence[float]) -> None:
    if thresholds and len(set(thresholds)) == len(thresholds) and all(0 < delta <= 1 for delta in thresholds):
        return
    given = ", ".join(f"{delta:g}" for delta in thresholds) or "none"
    raise WrongThreshold(
        f"Thresholds of the intervention rate were given as {given}; they are different numbers above 0 and up to "
        "1, such as 0.15 0.10 0.05."
    )


def _is_persons(run: StudyRun) -> bool:
    """Whether a run counts for Table 2: a person supervised it, or a program did on a task of that table."""
    return run.supervised_by_person or run.task in paper.TABLE_2


def _feature_names(runs: Iterable[StudyRun], task: str) -> tuple[str, ...] | None:
    """Names of a task's features: as a run recorded them, else of a task that mereq comes with; None if unknown."""
    known = known_task(task)
    recorded = (run.feature_names for run in runs if run.task == task)
    return next((names for names in recorded if names), known.task.feature_names if known else None)


def _differences(runs: Sequence[StudyRun]) -> str:
    found = differing_settings(runs)
    listed = "\n".join(f"- `{name}`: {values}" for name, values in found) or "- Nothing but the seed."
    return f"{listed}\n\nEverything each run depends on is in `provenance.json`."


def _without_folders(text: str) -> str:
    """The study's own words; of paths in them only the last part."""
    return "\n".join(without_folders(line) for line in text.splitlines())
