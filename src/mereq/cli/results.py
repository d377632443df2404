"""Commands for recorded runs: `mereq show | features | export | export-policy | study | report`."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from mereq.cli.options import PLATFORM_GIVEN, app, console
from mereq.commands.output import PlainConsole, words


@app.command
def show(
    run: Annotated[Path, Positional, arg(metavar="DIR")],
    *,
    json_: Annotated[bool, arg(name="json")] = False,
    no_clip: bool = False,
    task: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: none of yours)")] = None,
    prior: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: none of yours)")] = None,
) -> None:
    """Show a run: its table, its pictures, and the task before and after.

    Writes DIR/figures/run.png (intervention rate, weights, behaviour) and DIR/figures/before_after.gif (the same
    episode with the prior and with the aligned policy). Works while the run is in progress.

    Code that a run was made with is imported only when you name it: without --task, a run of a task of your own is
    shown without pictures.

    Args:
        run: directory of a run.
        json_: print one JSON object with every round's intervention rate, expert samples, theta and seconds waited,
            and write nothing.
        no_clip: leave out the clip, which takes some seconds.
        task: the run's task, if it is your own: file.py:NAME or package.module:NAME.
        prior: the run's prior, if it is code of yours.
    """
    from mereq.commands import show as command

    if json_:
        print(json.dumps(command.run_report(run)))
    else:
        command.show(run, task=task, prior=prior, clip=not no_clip, console=console)


@app.command
def features(
    run: Annotated[Path, Positional, arg(metavar="DIR")],
    *,
    json_: Annotated[bool, arg(name="json")] = False,
    task: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: none of yours)")] = None,
    prior: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: none of yours)")] = None,
    candidates: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: none of yours)")] = None,
) -> None:
    """Look for missing features: what a run's interventions ask for, and the task's features cannot say.

    For runs of `mereq-bayes`, of tasks whose simulator can be rewound. Says how much of the interventions the features
    explain, and offers at most three features by name, with the interventions that ask for them (docs/limits.md).
    Nothing is learned again: an offered feature has to be added to the task, and a family prepared for it.

    For instance:
      mereq features runs/instant
      mereq features runs/mine --task my_task.py:LANDER --candidates my_task.py:CANDIDATES

    Args:
        run: directory of a run.
        json_: print one JSON object.
        task: the run's task, if it is your own: file.py:NAME or package.module:NAME.
        prior: the run's prior, if it is code of yours.
        candidates: features of your own to test, too: file.py:NAME or package.module:NAME of a list of
            `mereq.irl.candidates.Candidate`.
    """
    from mereq.commands.features import feature_lines, features_report

    report = features_report(run, task=task, prior=prior, candidates=candidates)
    if json_:
        print(json.dumps(report))
    else:
        out = PlainConsole(soft_wrap=True)
        for line in feature_lines(report):
            out.print(words(line))


@app.command
def export(
    runs: Annotated[tuple[Path, ...], Positional, arg(metavar="DIR...", help_behavior_hint="(at least one)")],
    *,
    format_: Annotated[Literal["csv", "minari", "lerobot"], arg(name="format")],
    out: Annotated[Path, arg(aliases=["-o"], metavar="DIR")],
    rounds: Annotated[tuple[int, ...], arg(metavar="N", help_behavior_hint="(default: all)")] = (),
    overwrite: bool = False,
) -> None:
    """Turn recorded runs into a dataset: every supervised step, who took it, and what the policy proposed.

    `csv` is one table, `minari` what Gymnasium's world reads (needs the extra mereq[minari]), `lerobot` the LeRobot
    dataset format v3.0 (needs mereq[lerobot]). Each says of every step whether the expert was in control, and whether
    they took it back later as a mistake. README.txt in the dataset says how to load it; provenance.json where it comes
    from. Of a run in progress, what is recorded so far is exported.

    For instance:
      mereq export runs/mine --format csv --out datasets/mine
      mereq export runs/mine --format lerobot --out datasets/mine-lerobot --rounds 0 1
      mereq export runs/studies/highway/runs/* --format minari --out datasets/highway-v0

    Args:
        runs: directories of runs of one task.
        format_: of the dataset.
        out: directory of the dataset. It is not there until the dataset is whole.
        rounds: of each run, from 0.
        overwrite: replace the dataset in --out.
    """
    from mereq.commands.export import export as run

    run(runs, format_, out, rounds=rounds, overwrite=overwrite, console=console)


@app.command
def export_policy(
    run: Annotated[Path, Positional, arg(metavar="RUN")],
    *,
    format_: Annotated[Literal["onnx", "safetensors"], arg(name="format")],
    out: Annotated[Path, arg(aliases=["-o"], metavar="DIR")],
    after_round: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: the last one)")] = None,
    task: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: none of yours)")] = None,
    prior: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: none of yours)")] = None,
    overwrite: bool = False,
) -> None:
    """Write a run's policy for use elsewhere: a folder in the layout of the Hugging Face Hub, with a card.

    `onnx` is one graph with prior and residual, for onnxruntime and other runtimes (needs the extra mereq[onnx]); a
    prior that is no network of ours is a second input. `safetensors` are the weights, for mereq itself: --prior takes
    such a folder. What was written is compared with the run's policy at 1000 recorded observations.

    For instance:
      mereq export-policy runs/mine --format onnx --out policies/mine
      mereq export-policy runs/mine --format safetensors --after-round 2 --out policies/mine-2

    Args:
        run: directory of a run.
        format_: of the policy.
        out: directory of the policy. It is not there until the policy is complete.
        after_round: the round after which the policy is taken, from 0.
        task: the run's task, if it is code of yours.
        prior: the run's prior, if it is code of yours.
        overwrite: replace the policy in --out.
    """
    from mereq.commands.export_policy import export

    export(
        run,
        format_,
        out,
        after_round=after_round,
        task=task,
        prior=prior,
        overwrite=overwrite,
        console=console,
    )


@app.command
def study(
    name: Annotated[str | None, Positional, arg(metavar="STUDY", help_behavior_hint="(default: list them)")] = None,
    *,
    out: Annotated[
        Path | None, arg(aliases=["-o"], metavar="DIR", help_behavior_hint="(default: runs/studies/STUDY)")
    ] = None,
    engine: Literal["local", "ray", "lockstep"] = "local",
    workers: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: one per core)")] = None,
    address: Annotated[str | None, arg(metavar="HOST:PORT", help_behavior_hint="(default: RAY_ADDRESS)")] = None,
    list_: Annotated[bool, arg(name="list")] = False,
) -> None:
    """Do a study: a grid of runs over tasks, methods, presets, variants and seeds, from a small TOML file.

    The results of all runs are in OUT/study.sqlite, each run is in OUT/runs/. A study can be stopped at any moment,
    by Ctrl-C or kill -9: the same command resumes it, in the middle of a run if need be, and the numbers are those of a
    study that was never stopped. With more seeds, methods or variants in the file, it grows. A finished run is never
    repeated.

    For instance:
      mereq study
      mereq study highway
      mereq study mine.toml --out runs/mine --workers 4
      mereq study highway --engine ray --address ray://head:10001
      mereq study highway --engine lockstep        (with a GPU and the extra mereq[cuda])

    A study file:
      title = "Two methods"
      tasks = ["highway"]
      methods = ["mereq", "mereq-np"]
      presets = ["fast"]
      seeds = { first = 8, count = 4 }
      rounds = 10
      [variants."kappa 0.3"]
      settings.inference.kappa = 0.3

    Args:
        name: a shipped study, or the path of a study file (.toml).
        out: directory of the study.
        engine: `local` runs worker processes on this machine, with one thread each; `ray` runs on a Ray cluster, or on
            a Ray that it starts on this machine (needs the extra mereq[ray]); `lockstep` runs all seeds of a
            condition in lockstep in this process, their updates as one batch, on a GPU where JAX finds one.
        workers: runs at once, on this machine.
        address: of a Ray cluster.
        list_: list the shipped studies.
    """
    if engine == "lockstep" and not PLATFORM_GIVEN:
        del os.environ["JAX_PLATFORMS"]  # let JAX find an accelerator
    from mereq.commands import study as command

    if list_ or name is None:
        command.list_studies(PlainConsole())
    elif command.study(name, out, engine, workers, address, console):
        sys.exit(1)


@app.command
def report(
    study: Annotated[Path, Positional, arg(metavar="DIR")],
    *,
    out: Annotated[
        Path | None, arg(aliases=["-o"], metavar="DIR", help_behavior_hint="(default: `report` in the study)")
    ] = None,
    deltas: Annotated[tuple[float, ...], arg(metavar="DELTA")] = (0.15, 0.10, 0.05),
    behaviour: bool = False,
    unblind: bool = False,
    task: Annotated[tuple[str, ...], arg(metavar="NAME", help_behavior_hint="(default: none of yours)")] = (),
    method: Annotated[tuple[str, ...], arg(metavar="NAME", help_behavior_hint="(default: none of yours)")] = (),
) -> None:
    """Report a study or a blind trial: tables and pictures, beside the paper's numbers.

    Writes report.md (Figure 2, Table 1, a side-by-side with the paper, an overview, the weights; under each where it
    comes from), figure2.png, thetas.png, table1.csv, rounds.csv, runs.csv, summary.csv and provenance.json. The same
    study gives the same files, byte for byte. Works while the study is in progress.

    Of runs that a person supervised, and of the tasks of the paper's Table 2, it writes Figure 3 and Table 2 in place
    of these: figure3.png and table2.csv. A blind trial is reported when all its runs are finished; --unblind does so
    early, and the report says so.

    With --behaviour, unsupervised episodes of the policies are compared with the expert's (Figures 11 and 12,
    Tables 3 and 4, and the task's own measures such as a success rate, before and after). Of each run that is the
    policy of the first round with an intervention rate of at most 0.1, or the last one, marked †. All of them do the
    same 100 episodes; that takes some seconds per run, and is kept in DIR/evaluations, so that Ctrl-C costs nothing
    and the next report is quick. Needs the study's runs, in DIR/runs. Adds figure11_TASK.png, figure12_TASK.png,
    behaviour.csv, behaviour_summary.csv, returns.csv and distributions.csv.

    For instance:
      mereq report runs/studies/highway
      mereq report runs/studies/highway --out results/highway --deltas 0.2 0.1
      mereq report runs/studies/highway --behaviour
      mereq report runs/trials/p07

    Args:
        study: directory of a study, or of a trial.
        out: where to write.
        deltas: intervention rates to get below; the paper has numbers for 0.15, 0.10 and 0.05.
        behaviour: also compare what the policies do with what the expert does.
        unblind: report a trial that is not finished.
        task: the study's tasks that are your own, file.py:NAME or package.module:NAME, for their --behaviour. Naming
            one runs its code; without it, the report is made from what was recorded.
        method: the study's methods that are your own, in the same way: for the policies that they start with.
    """
    from mereq.commands.report import report as run
    from mereq.presets.methods import find_method
    from mereq.presets.registry import find_task

    for name in task:
        find_task(name)
    for name in method:
        find_method(name)
    run(study, out, deltas=deltas, with_behaviour=behaviour, unblind=unblind, console=console)
