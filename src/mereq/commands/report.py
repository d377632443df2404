"""`mereq report`: tables and pictures of a study or a trial, beside the paper's numbers, in one folder."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as TerminalTable

from mereq.commands import behaviour
from mereq.commands.results import StudyResults, trial_results
from mereq.core.errors import NoRun, WrongThreshold
from mereq.presets.registry import HUMAN_TASKS, TASKS
from mereq.reports import behaviour_tables, tables
from mereq.reports.behaviour import Behaviour
from mereq.reports.figures import study_figure, theta_figure
from mereq.reports.paper import TABLE_2_DELTA
from mereq.reports.sources import differing_settings, full_record, origin_line
from mereq.reports.statistics import RESAMPLES
from mereq.reports.summary import Outcome, across_tasks, condition_of, condition_summaries, outcomes
from mereq.reports.tables import Table
from mereq.runs.spec import PERSON
from mereq.store.checkpoints import writing
from mereq.store.provenance import without_folders
from mereq.studies.study_store import StudyRun, StudyStore
from mereq.trials.trial_store import TRIAL

HOW_TO_READ = f"""\
- *Samples to δ*: expert samples of all rounds up to and including the first whose intervention rate is below δ.
- *Censored* runs never got there; they count with their total, so `≥` marks a number that is at least this, `≤` at most
  this, and `≷` a ratio that is bounded on neither side.
- *(CI)*: half width of the 95 % confidence interval of the mean over seeds (Student's t), as the paper prints it.
- *IQM [CI]*: interquartile mean, the mean of the middle half of the runs. Intervals in square brackets are percentiles
  of {RESAMPLES:,} bootstrap resamples of the seeds of each task, and hold whatever censored runs would have needed.
- *Ratio*: mean samples over MEReQ's (same variant and preset where there is one, else MEReQ without a variant).
  *No, but within*: below the paper's ratio, which is inside our interval all the same. *Open*: censored runs leave it
  undecided.
- *P(MEReQ needs fewer)*: probability that a run of MEReQ needs fewer samples than a run of this row, ties counting one
  half; a censored run is worse than any that got there, and two censored ones tie.
- One seed alone has no interval; bootstrap intervals of fewer than about five seeds are too narrow."""


def report(
    directory: Path,
    out: Path | None,
    *,
    deltas: Sequence[float],
    with_behaviour: bool = False,
    unblind: bool = False,
    console: Console,
) -> None:
    """Write the report of a study or of a trial, and print the table beside the paper's.

    with_behaviour: also what the policies do when nobody watches.
    unblind: report a trial before it is finished.

    Raises:
        NoRun: no run of the study is finished yet; or its policies are asked for, and it is not there.
        IncompatibleRun, CorruptCheckpoint: a policy that is asked for is not to be had.
        CannotWrite: no permission, or the disk is full.
        WrongThreshold: none, the same one twice, or one that is not between 0 and 1.
        StillBlind: a trial that is not finished, unless it is to be unblinded.
    """
    if not deltas or len(set(deltas)) < len(deltas) or not all(0 < delta <= 1 for delta in deltas):
        given = ", ".join(f"{delta:g}" for delta in deltas) or "none"
        raise WrongThreshold(
            f"Thresholds of the intervention rate were given as {given}; they are different numbers above 0 and up to "
            "1, such as 0.15 0.10 0.05."
        )
    if (directory / TRIAL.file).is_file():
        study = trial_results(directory, unblind=unblind, console=console)
    else:
        with StudyStore.open(directory) as store:
            runs = [run for run in store.runs() if run.rounds]
            study = StudyResults(store.title, store.description, store.planned, runs)
    if with_behaviour and any(run.config.get("expert") == PERSON for run in study.runs):
        raise NoRun(
            f"The runs in {directory} were supervised by a person, who is no policy that others could be compared "
            "with. Report them without --behaviour."
        )
    out = out or directory / "report"
    if not study.runs:
        raise NoRun(
            f"No run of the study in {directory} is finished yet (planned: {study.planned}). Wait for the first one, "
            "or start it with `mereq study` (a trial: `mereq trial`)."
        )
    behaviours = behaviour.watch(directory, study.runs, console) if with_behaviour else []
    with console.status("drawing"), writing(out):
        table = write_report(study, out, deltas=deltas, behaviours=behaviours)
    _show(_state(study), table)
    for title, compared in behaviour.tables_of(behaviours):
        _show(f"\n{title}", compared)
    console.print(f"{out / 'report.md'}")


def write_report(
    study: StudyResults, out: Path, *, deltas: Sequence[float], behaviours: Sequence[Behaviour] = ()
) -> Table:
    """All files of the report, in `out`; the same study gives the same bytes. Returns the table to print."""
    out.mkdir(parents=True, exist_ok=True)
    every, over, course = (
        outcomes(study.runs, deltas),
        across_tasks(study.runs, deltas),
        condition_summaries(study.runs),
    )
    simulated = [run for run in study.runs if run.task not in HUMAN_TASKS]
    human = [run for run in study.runs if run.task in HUMAN_TASKS]
    weighted = [run for run in study.runs if run.rounds[0].theta.size]
    if weighted:
        known = {run.task: TASKS[run.task] for run in weighted if run.task in TASKS}
        theta_figure(
            weighted,
            out / "thetas.png",
            feature_names={task: preset.task.feature_names for task, preset in known.items()},
            difference={
                task: preset.theta_expert - preset.theta_prior
                for task, preset in known.items()
                if task not in HUMAN_TASKS  # nobody knows what a person wants
            },
        )
    tables.write_csv(out / "rounds.csv", tables.round_records(study.runs))
    tables.write_csv(out / "runs.csv", tables.run_records(study.runs, deltas))
    tables.write_csv(out / "summary.csv", tables.summary_records(every, course, over))
    record = {"title": _words(study.title), "planned": study.planned, "runs": full_record(study.runs)}
    if behaviours:
        behaviour.write_files(behaviours, out)
        record["evaluations"] = behaviour_tables.evaluation_records(behaviours)
    (out / "provenance.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    overview, beside = tables.overview(course, every), tables.side_by_side(every)
    reported = {(o.task, o.row) for o in every if o.reported}
    compared = [run for run in study.runs if (run.task, condition_of(run)) in reported]
    whole = origin_line(study.runs, study.planned)
    text = [f"# {_words(study.title)}", _words(study.description), *map(_words, study.notes), _state(study)]
    planned = None if simulated and human else study.planned
    text += _simulated(simulated, [o for o in every if o.task not in HUMAN_TASKS], out, planned)
    text += _human(human, outcomes(human, (TABLE_2_DELTA,)), out, planned)
    text += ["## Beside the paper"]
    if beside.lines:
        text += [beside.markdown(), _small(f"`summary.csv`. {origin_line(compared)}")]
    else:
        text += ["The paper has no number for any task and method of this study."]
    if over:
        text += [
            "## Over all tasks",
            tables.across_tasks_table(over).markdown(),
            "Samples are divided by the mean of MEReQ's on the same task, which is taken as given.",
            _small(f"`summary.csv`. {whole}"),
        ]
    text += ["## Overview", overview.markdown(), _small(f"`runs.csv`, `rounds.csv`, `summary.csv`. {whole}")]
    if weighted:
        text += [
            "## Weights",
            "![weight of each feature after each round](thetas.png)",
            "Inferred weights after each round, mean and 95 % interval over seeds. Dashed: the expert's weights less "
            "the prior's, which a residual should approach; a method that learns the whole reward has another goal.",
            _small(f"`rounds.csv`. {origin_line(weighted)}"),
        ]
    text += behaviour.sections(behaviours)
    text += ["## How to read this", HOW_TO_READ, "## What the runs differ in", _differences(study.runs)]
    (out / "report.md").write_text("\n\n".join(part for part in text if part) + "\n", encoding="utf-8")
    return beside if beside.lines else overview


def _simulated(runs: Sequence[StudyRun], every: Sequence[Outcome], out: Path, planned: int | None) -> list[str]:
    """Figure 2 and Table 1, of synthesized experts."""
    if not runs:
        return []
    study_figure(runs, every, out / "figure2.png")
    tables.write_csv(out / "table1.csv", tables.table_1_records(every))
    whole = origin_line(runs, planned)
    return [
        "## Intervention rate and expert samples (the paper's Figure 2)",
        "![intervention rate of each round, and expert samples to each threshold](figure2.png)",
        "Above: mean intervention rate of each round with its 95 % interval over seeds. Below: mean expert samples "
        "until the rate was below each threshold, with their 95 % intervals; hollow: the paper's.",
        _small(whole),
        "## Expert samples (the paper's Table 1)",
        tables.table_1(every).markdown(),
        "Mean (half width of the 95 % interval). Bold: the smallest mean, unless censored runs leave open which it is.",
        _small(f"`table1.csv`. {whole}"),
    ]


def _human(runs: Sequence[StudyRun], every: Sequence[Outcome], out: Path, planned: int | None) -> list[str]:
    """Figure 3 and Table 2, of a person."""
    if not runs:
        return []
    study_figure(runs, every, out / "figure3.png")
    tables.write_csv(out / "table2.csv", tables.table_2_records(every))
    whole, standing_in = origin_line(runs, planned), sum(run.config.get("expert") != PERSON for run in runs)
    words = f" **In {standing_in} of {len(runs)} runs a program stood in for the person.**" if standing_in else ""
    return [
        "## A person's effort (the paper's Figure 3)",
        "![intervention rate of each round, and the person's samples until the end](figure3.png)",
        "Above: mean intervention rate of each round with its 95 % interval, over the runs that had this round: a run "
        f"ends when the person is content. Below: their samples until the rate was below {TABLE_2_DELTA:.2f}; hollow: "
        f"the paper's.{words}",
        _small(whole),
        "## A person's samples (the paper's Table 2)",
        tables.table_2(every).markdown(),
        f"Expert samples until the intervention rate was below {TABLE_2_DELTA:.2f}: mean (half width of the 95 % "
        f"interval), as in the paper. Bold: our smallest mean, unless censored runs leave open which it is.{words}",
        _small(f"`table2.csv`. {whole}"),
    ]


def _state(study: StudyResults) -> str:
    done = len(study.runs)
    if done < study.planned:
        return f"**Unfinished: {done} of {study.planned} runs.** The numbers below are of those {done}."
    return f"Finished: {done} of {study.planned} runs."


def _differences(runs: Sequence[StudyRun]) -> str:
    found = differing_settings(runs)
    listed = "\n".join(f"- `{name}`: {values}" for name, values in found) or "- Nothing but the seed."
    return f"{listed}\n\nEverything each run depends on is in `provenance.json`."


def _small(text: str) -> str:
    return f"<sub>{text}</sub>"


def _words(text: str) -> str:
    """The study's own words, of paths in them only the last part."""
    return "\n".join(without_folders(line) for line in text.splitlines())


def _show(title: str, table: Table) -> None:
    """On a terminal as a table, else in Markdown for whatever reads it."""
    out = Console(highlight=False, soft_wrap=True)
    if not out.is_terminal:
        print(f"{title}\n\n{table.markdown()}")
        return
    out.print(title.replace("**", ""))
    shown = TerminalTable(box=box.SIMPLE_HEAD, header_style="bold")
    for name in table.header:
        shown.add_column(name)
    for line in table.lines:
        shown.add_row(*(cell.replace("**", "").replace("[", r"\[") for cell in line))
    Console(highlight=False).print(shown)
