"""`mereq show`: table and figures of a run, and a clip of the task before and after."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mereq.commands.fit import fit_lines, recorded_fit, unexplained_clips
from mereq.commands.output import PlainConsole, command, words
from mereq.commands.posterior import posterior_lines, recorded_posterior
from mereq.commands.terminal import prepare, round_columns, round_line
from mereq.commands.unused import refuse_other_names
from mereq.core.border import own_code
from mereq.core.errors import CannotLoad, MissingPackage
from mereq.core.extras import advice
from mereq.evaluation.rollouts import EPISODES, SEED, evaluate
from mereq.presets.registry import definition_of, find_task, is_known
from mereq.reports.statistics import THRESHOLDS, SamplesToThreshold, samples_to_stay_below, samples_to_threshold
from mereq.runs.inference import RecordedInference
from mereq.runs.policies import name_policy
from mereq.runs.recorded import load_method_policy
from mereq.store.atomic import writing
from mereq.store.links import inside
from mereq.store.run_store import RecordedRound, RunReader
from mereq.trials.trial_store import refuse_blind

FIELDS = ("task", "method", "preset", "seed")  # fields of a run's configuration in the title
FIGURES = "figures"


def run_report(directory: Path) -> dict[str, Any]:
    """A run as one object that JSON can represent. Recorded code is not imported.

    A run that was recorded from Python may have any configuration: missing fields are left out.
    """
    refuse_blind(directory)
    with RunReader.open(directory) as reader:
        start, rounds, own_rates = reader.starts()[-1], reader.rounds(), reader.own_rates()
        posterior, fit, unnamed_share = recorded_posterior(reader), recorded_fit(reader), reader.unnamed_share()
    return {
        **{name: start.config[name] for name in FIELDS if name in start.config},
        "feature_names": _feature_names(start.config, rounds),
        "rounds": [
            {
                "round": row.index,
                "intervention_rate": row.intervention_rate,
                "expert_samples": row.expert_steps,
                "theta": row.theta.tolist(),
                "seconds_waited": row.seconds_waited,
                "memory_bytes": row.memory,
            }
            for row in rounds
        ],
        "samples_to_threshold": _at_thresholds(
            samples_to_threshold, [row.intervention_rate for row in rounds], [row.expert_steps for row in rounds]
        ),
        "own_rates": [measured._asdict() for measured in own_rates],
        "stays_below": _at_thresholds(
            samples_to_stay_below, [each.own_rate for each in own_rates], [each.expert_samples for each in own_rates]
        ),
        "posterior": posterior,
        "fit": fit,
        "unnamed_share": unnamed_share,
        "config": start.config,
        "provenance": start.provenance,
    }


def show(directory: Path, *, task: str | None, prior: str | None, clip: bool, console: Console) -> None:
    """Print a run's table and draw its figures.

    Args:
        directory: directory of the run.
        task, prior: the user's code for the run's task and prior; it is imported, and the figures need it.
        clip: also write a clip of the task before and after.
        console: console for progress.

    Raises:
        WrongValue: the run has another task or prior than the named one.
        MissingPackage: `task` or `prior` is named, and a package that the figures need is not installed. Without these
            names the table is all that is shown.
    """
    report = run_report(directory)
    refuse_other_names(directory, report["config"], task=task, prior=prior)
    out = PlainConsole(soft_wrap=True)
    out.print(words((_title(report), "bold")))
    _print_rounds(report, out)
    for line in posterior_lines(report["posterior"]) if report["posterior"] else ():
        out.print(line)
    for line in fit_lines(report["fit"]) if report["fit"] else ():
        out.print(words(line))
    if (share := report["unnamed_share"]) is not None:
        out.print(f"an unnamed part, which no feature says, has {share:.0%} of the inferred reward's variance")
    if not report["rounds"]:
        out.print("No round is finished yet.")
        return
    if task is not None:
        find_task(task)
    name_policy(prior)
    if not is_known(report.get("task", "")):
        out.print(words(_no_figures(directory, report)))
        return
    if (sentence := _missing(report["task"])) is not None:
        if task is not None or prior is not None:  # named for the figures alone
            raise MissingPackage(sentence)
        out.print(words(f"No figures: {sentence}"))
        return
    prepare(definition_of(report["task"]), console)
    with console.status("evaluating and drawing, before and after"):
        _draw(directory, report, clip, out)


def _feature_names(config: dict[str, Any], rounds: list[RecordedRound]) -> list[str]:
    """The recorded feature names; numbers where the run was recorded without names."""
    n_features = len(rounds[-1].theta) if rounds else 0
    return list(config.get("feature_names", [f"feature {n}" for n in range(n_features)]))


def _at_thresholds(
    reached: Callable[..., SamplesToThreshold], rates: list[float], samples: list[int]
) -> dict[str, dict[str, Any]]:
    """Expert samples at which a run reached each threshold; empty without rates."""
    found = {delta: reached(rates, samples, delta=delta) for delta in THRESHOLDS if rates}
    return {f"{delta:.2f}": {"expert_samples": n.samples, "censored": n.censored} for delta, n in found.items()}


def _title(report: dict[str, Any]) -> str:
    known = {name: report.get(name) for name in FIELDS}
    if None in known.values():
        return "a run recorded from Python" + "".join(f", {name} {value}" for name, value in known.items() if value)
    return f"{known['method']} on {known['task']}, preset {known['preset']}, seed {known['seed']}"


def _print_rounds(report: dict[str, Any], out: Console) -> None:
    columns = round_columns(tuple(report["feature_names"]))
    out.print(words(("".join(f"{title:>{width}}" for title, width in columns), "bold")))
    for row in report["rounds"]:
        theta = np.array(row["theta"])
        numbers = row["round"], row["intervention_rate"], row["expert_samples"], theta, row["seconds_waited"]
        out.print(round_line(columns, *numbers))
    out.print("samples: expert samples so far; waited: time of the policy's update after the round", style="dim")
    for delta, reached in report["samples_to_threshold"].items():
        samples = reached["expert_samples"]
        text = f"not reached (more than {samples})" if reached["censored"] else f"{samples}"
        out.print(f"expert samples until the rate was below {delta}: {text}")
    for delta, reached in report["stays_below"].items():
        samples = reached["expert_samples"]
        text = f"not reached (more than {samples})" if reached["censored"] else f"{samples}"
        out.print(f"expert samples until the own rate stays below {delta}: {text}")


def _no_figures(directory: Path, report: dict[str, Any]) -> str:
    """Message that explains why there are no figures, and how to get them."""
    task = report.get("task")
    if task is None:
        return "No figures: the record does not name its task. Runs of a RunSpec (`mereq.run`) have figures."
    return (
        f"No figures: the task {task} is code that is imported only if you name it. With figures (a file with its "
        f"path):  {command('mereq', 'show', directory, '--task', task)}"
    )


def _missing(task: str) -> str | None:
    """Sentence on a package that is not installed, and that the task's code or the figures need."""
    try:
        definition_of(task)
        import_module("mereq.reports.figures")
    except (ModuleNotFoundError, CannotLoad) as error:
        found = advice(error) or advice(error.__cause__ or error)
        if found is None:
            raise
        return f"{found}."
    return None


def _draw(directory: Path, report: dict[str, Any], clip: bool, out: Console) -> None:
    """Draw the run's curves, and write the clip before and after."""
    from mereq.reports.figures import RunCurves, run_figure  # Matplotlib: half a second that --json need not wait

    figures = directory / FIGURES
    picture, film_file = (inside(directory, figures / name) for name in ("run.png", "before_after.gif"))
    with RunReader.open(directory) as reader:
        task, prior, policy = load_method_policy(reader, len(report["rounds"]) - 1)
    simulator = task.simulate(EPISODES)
    before, after = (evaluate(p, simulator, seed=SEED) for p in (prior, policy))
    with writing(figures):
        figures.mkdir(exist_ok=True)
    rounds = report["rounds"]
    curves = RunCurves(
        title=f"{report['method']} on {report['task']} (preset {report['preset']}, seed {report['seed']})",
        feature_names=task.feature_names,
        rates=[row["intervention_rate"] for row in rounds],
        expert_steps=[row["expert_samples"] for row in rounds],
        thetas=np.array([row["theta"] for row in rounds]),
        features_before=before.features.mean(axis=0),
        features_after=after.features.mean(axis=0),
    )
    with writing(figures):
        run_figure(curves, picture)
    out.print(words(str(picture)))
    film = definition_of(report["task"]).clip
    if clip and film is not None:
        with own_code(f"The clip of the task {report['task']} failed"), writing(figures):
            film(prior, policy, film_file)
        out.print(words(str(film_file)))
    if clip and report["fit"] and "worst" in report["fit"]:
        with RunReader.open(directory) as reader:
            run = RecordedInference.of(reader)
        with own_code(f"The clips of the task {report['task']} failed"), writing(figures):
            clips = unexplained_clips(run, report["fit"], policy, directory, FIGURES)
        for each in clips:
            out.print(words(f"{each}  (explained worst: as supervised, and the policy alone)"))
