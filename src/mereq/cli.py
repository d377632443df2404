"""The command line: `mereq train | align | supervise | trial | show | export | study | report | tasks | doctor`."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from tyro.conf import Positional, arg

from mereq import __version__
from mereq.core.errors import MereqError

PLATFORM_GIVEN = "JAX_PLATFORMS" in os.environ
app = tyro.extras.SubcommandApp()
console = Console(
    stderr=True, highlight=False, soft_wrap=True
)  # progress and words; results that a program may read go to stdout

# Options of several commands. None is what was not said: the command then takes the default that is shown.
TaskName = Annotated[str | None, Positional, arg(metavar="TASK", help_behavior_hint="(default: highway)")]
MethodName = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: mereq)")]
PresetName = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: fast)")]
Seed = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 0)")]
Rounds = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 10)")]
PolicyName = Annotated[str | None, arg(metavar="FILE", help_behavior_hint="(default: the task's own)")]
LearningSchedule = Annotated[str | None, arg(metavar="WHEN", help_behavior_hint="(default: between rounds)")]
RobotName = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: the simulation)")]
Steps = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: the preset's)")]
Hz = Annotated[float | None, arg(metavar="HZ", help_behavior_hint="(default: 2 on the highway, 10 for the arm)")]
Host = Annotated[str, arg(metavar="ADDRESS")]
Port = Annotated[int, arg(metavar="N", help_behavior_hint="(default: any free one)")]


@app.command
def align(
    task: TaskName = None,
    *,
    out: Annotated[Path, arg(aliases=["-o"], metavar="DIR")] = Path("runs/align"),
    resume: bool = False,
    overwrite: bool = False,
    method: MethodName = None,
    preset: PresetName = None,
    seed: Seed = None,
    rounds: Rounds = None,
    rate_threshold: Annotated[float | None, arg(metavar="DELTA", help_behavior_hint="(default: 0)")] = None,
    prior: PolicyName = None,
    expert: PolicyName = None,
    learning: LearningName = None,
    pace: Annotated[float | None, arg(metavar="HZ", help_behavior_hint="(default: as fast as it goes)")] = None,
    robot: RobotName = None,
) -> None:
    """Align a prior policy with a synthesized expert, from interventions (Algorithm 1).

    Each round, the policy drives under the expert's eyes; the expert takes over when it dislikes what it sees; then
    the policy is improved from all interventions so far. Every step is on disk before the next one is made: stop with
    Ctrl-C (or a power cut) whenever you like, and go on with `--resume`.

    For instance:
      mereq align highway --seed 1 --rounds 6 --out runs/first
      mereq align --resume --out runs/first --rounds 10
      mereq align highway --method mereq-np --preset paper --out runs/np
      mereq align highway --learning concurrent --pace 5 --out runs/behind

    Args:
        task: what the policy does; `mereq tasks` lists them.
        out: directory of the run.
        resume: go on with the run in --out, exactly. Other options need not be repeated; --rounds may be raised.
        overwrite: delete the run in --out first.
        method: `mereq`, `mereq-np`, `maxent`, `maxent-ft`, `hg-dagger-ft` or `iwr-ft`: the rows of the paper's Table 1.
        preset: `fast`, or `paper` (the paper's Tables 7 and 9).
        seed: everything random follows from it.
        rounds: most rounds.
        rate_threshold: stop once the intervention rate is below it; 0 goes on to the last round.
        prior: checkpoint to start from.
        expert: checkpoint of the expert.
        learning: `sequential`, while the expert waits; or `concurrent`: a second thread learns while supervision goes
            on, and a new policy acts from the next episode on. That needs a --pace, or rounds are over too soon.
        pace: supervised steps per second, to see what a person's time does; 0 is as fast as it goes.
        robot: what supervised rollouts run on: `perturbed` (another simulation that plays a real robot), or
            `package.module:callable`, a driver of yours (docs/robots.md). Learning goes on in the simulation.
    """
    from mereq.commands.align import align as run

    run(
        out,
        resume=resume,
        overwrite=overwrite,
        given={
            "task": task,
            "method": method,
            "preset": preset,
            "seed": seed,
            "n_rounds": rounds,
            "rate_threshold": rate_threshold,
            "prior": prior,
            "expert": expert,
            "learning": learning,
            "pace": pace,
            "robot": robot,
        },
        console=console,
    )


@app.command
def supervise(
    task: TaskName = None,
    *,
    out: Annotated[Path, arg(aliases=["-o"], metavar="DIR")] = Path("runs/supervise"),
    resume: bool = False,
    overwrite: bool = False,
    method: MethodName = None,
    preset: PresetName = None,
    seed: Seed = None,
    rounds: Rounds = None,
    steps: Steps = None,
    rate_threshold: Annotated[float | None, arg(metavar="DELTA", help_behavior_hint="(default: 0.05)")] = None,
    prior: PolicyName = None,
    learning: LearningName = None,
    robot: RobotName = None,
    hz: Hz = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    no_browser: bool = False,
    device: Literal["page", "spacemouse"] = "page",
) -> None:
    """Align a prior policy with you: watch it on a page in the browser, take over when you dislike what it does.

    The page shows what the policy does in real time. Press Enter to take over, act with the arrow keys, press Esc to
    hand back; or hold: press H, and you are in control for as long as an action key is down. P pauses, M says that
    your last intervention was a mistake, - and + change the pace. When a round is over, the policy learns from what
    you did, and the next round starts, until you intervene in fewer than DELTA of the steps.

    Every step is on disk before you see it: stop with Ctrl-C whenever you like, and go on with `--resume`. Leave the
    page, or hide it, and everything stands still. `mereq show DIR` shows the run, as any other.

    For instance:
      mereq supervise highway-human --out runs/mine
      mereq supervise highway --steps 200 --hz 4 --out runs/short
      mereq supervise highway --learning concurrent --out runs/no-waiting
      mereq supervise --resume --out runs/mine

    Args:
        task: what the policy does; `mereq tasks` lists them.
        out: directory of the run.
        resume: go on with the run in --out. Other options need not be repeated; --rounds may be raised.
        overwrite: delete the run in --out first.
        method: `mereq`, `mereq-np`, `maxent`, `maxent-ft`, `hg-dagger-ft` or `iwr-ft`. The page does not tell it.
        preset: `fast`, or `paper`.
        seed: everything random follows from it, except for you.
        rounds: most rounds.
        steps: supervised steps per round.
        rate_threshold: the run ends with the first round in which you took fewer than this share of the steps.
        prior: checkpoint to start from.
        learning: `sequential`, while you wait; or `concurrent`: the policy learns while you go on, and a new one drives
            from the next episode on.
        robot: what you supervise: `perturbed` (another simulation that plays a real robot), or
            `package.module:callable`, a driver of yours (docs/robots.md). Learning goes on in the simulation.
        hz: steps per second to begin with, 0.2 to 20. A step of the highway is a second of traffic.
        host: to serve on. Anything but 127.0.0.1 lets others on your network in, if they know the address with its
            token, and is not encrypted.
        port: to serve on.
        no_browser: only print the address of the page.
        device: what you act with. `page`: the keyboard, a gamepad or a SpaceMouse, at the page; its button *Try your
            devices* shows what arrives. `spacemouse`: one that is plugged into this machine, for browsers without
            WebHID (Linux); then the page only shows, pauses and hands back.
    """
    from mereq.commands.supervise import supervise as run

    run(
        out,
        resume=resume,
        overwrite=overwrite,
        given={
            "task": task,
            "method": method,
            "preset": preset,
            "seed": seed,
            "n_rounds": rounds,
            "rate_threshold": rate_threshold,
            "prior": prior,
            "learning": learning,
            "robot": robot,
            "changes": None if steps is None else {"settings": {"rollout_steps": steps}},
        },
        hz=hz,
        host=host,
        port=port,
        browser=not no_browser,
        device=device,
        console=console,
    )


@app.command
def trial(
    file: Annotated[Path, Positional, arg(metavar="FILE")],
    *,
    out: Annotated[
        Path | None, arg(aliases=["-o"], metavar="DIR", help_behavior_hint="(default: runs/trials/FILE)")
    ] = None,
    hz: Hz = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    no_browser: bool = False,
) -> None:
    """Compare methods with a person who is not told which one they help: a blind trial, from a small TOML file.

    Does the next run of the trial, or goes on with the one that was interrupted; the same command again does the next
    one. The order of methods is random, every method once in a row. Neither the page nor the terminal nor the name of a
    directory tells them apart. When all runs are finished, `mereq report DIR` tells.

    For instance:
      mereq trial p07.toml
      mereq report runs/trials/p07

    A trial file:
      title = "Highway-Human"
      participant = "p07"
      seed = 7
      tasks = ["highway-human"]
      methods = ["mereq", "maxent", "maxent-ft", "hg-dagger-ft", "iwr-ft"]
      trials = 3

    Args:
        file: what is compared; docs/supervise.md has all that it may say.
        out: directory of the trial.
        hz: steps per second to begin with, 0.2 to 20. A step of the highway is a second of traffic.
        host: to serve on; see `mereq supervise --help`.
        port: to serve on.
        no_browser: only print the address of the page.
    """
    from mereq.commands.trial import trial as run

    run(file, out, hz=hz, host=host, port=port, browser=not no_browser, console=console)


@app.command
def train(
    task: Annotated[str, Positional, arg(metavar="TASK")],
    which: Positional[Literal["prior", "expert"]],
    *,
    out: Annotated[
        Path | None, arg(aliases=["-o"], metavar="FILE", help_behavior_hint="(default: runs/TASK-WHICH)")
    ] = None,
    preset: Annotated[Literal["paper", "fast"] | None, arg(help_behavior_hint="(default: the task's first)")] = None,
    start: Annotated[str | None, arg(metavar="FILE", help_behavior_hint="(default: random networks)")] = None,
    steps: Steps = None,
    seed: int = 0,
    resume: bool = False,
) -> None:
    """Train a task's prior or expert policy on its own reward, as the shipped ones were.

    Writes the policy to OUT.safetensors and OUT.json after every leg of the training, evaluates it, and keeps what is
    needed to go on with `--resume` after Ctrl-C.

    For instance:
      mereq train highway prior
      mereq train highway expert --out runs/expert --resume
      mereq train bottle-pushing prior
      mereq train bottle-pushing prior --start shipped --steps 60000 --out runs/longer

    Args:
        task: what the policy does; `mereq tasks` lists them.
        which: `prior` learns the reward without the preference, `expert` the one with it.
        out: where to write, without a suffix.
        preset: `paper` has the numbers of Tables 6 and 8; the arm's shipped policies were trained with `fast`.
        start: checkpoint of a policy of ours to go on from, or `shipped`.
        steps: environment steps.
        seed: everything random follows from it.
        resume: go on with the training in --out.
    """
    from mereq.commands.train import train as run

    run(task, which, preset, start, out or Path("runs") / f"{task}-{which}", steps, seed, resume, console)


@app.command
def show(
    run: Annotated[Path, Positional, arg(metavar="DIR")],
    *,
    json_: Annotated[bool, arg(name="json")] = False,
    no_clip: bool = False,
) -> None:
    """Show a run: its table, its pictures, and the task before and after.

    Writes DIR/figures/run.png (intervention rate, weights, behaviour) and DIR/figures/before_after.gif (the same
    episode with the prior and with the aligned policy). Works while the run is going on.

    Args:
        run: directory of a run.
        json_: print one JSON object with every round's intervention rate, expert samples, theta and seconds waited,
            and write nothing.
        no_clip: do without the clip, which takes some seconds.
    """
    from mereq.commands import show as command

    if json_:
        print(json.dumps(command.run_report(run)))
    else:
        command.show(run, clip=not no_clip, console=console)


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
    from. A run that is still going on is exported as far as it has got.

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
def study(
    name: Annotated[str | None, Positional, arg(metavar="STUDY", help_behavior_hint="(default: list them)")] = None,
    *,
    out: Annotated[
        Path | None, arg(aliases=["-o"], metavar="DIR", help_behavior_hint="(default: runs/studies/STUDY)")
    ] = None,
    engine: Literal["local", "ray", "row"] = "local",
    workers: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: one per core)")] = None,
    address: Annotated[str | None, arg(metavar="HOST:PORT", help_behavior_hint="(default: RAY_ADDRESS)")] = None,
    list_: Annotated[bool, arg(name="list")] = False,
) -> None:
    """Do a study: a grid of runs over tasks, methods, presets, variants and seeds, from a small TOML file.

    The results of all runs are in OUT/study.sqlite, each run is in OUT/runs/. A study can be stopped at any moment,
    by Ctrl-C, kill -9 or a power cut: the same command goes on where it was, in the middle of a run if need be, and
    the numbers are those of a study that was never stopped. With more seeds, methods or variants in the file, it
    grows. A finished run is never made again.

    For instance:
      mereq study
      mereq study highway
      mereq study mine.toml --out runs/mine --workers 4
      mereq study highway --engine ray --address ray://head:10001
      mereq study highway --engine row        (with a GPU and the extra mereq[cuda])

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
            a Ray that it starts on this machine (needs the extra mereq[ray]); `row` runs all seeds of a row of the
            grid in lockstep in this process, their updates as one batch, on a GPU where JAX finds one.
        workers: runs at once, on this machine.
        address: of a Ray cluster.
        list_: list the shipped studies.
    """
    if engine == "row" and not PLATFORM_GIVEN:
        del os.environ["JAX_PLATFORMS"]  # let JAX find an accelerator
    from mereq.commands import study as command

    if list_ or name is None:
        command.list_studies(Console())
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
) -> None:
    """Report a study or a blind trial: tables and pictures, beside the paper's numbers.

    Writes report.md (Figure 2, Table 1, a side-by-side with the paper, an overview, the weights; under each where it
    comes from), figure2.png, thetas.png, table1.csv, rounds.csv, runs.csv, summary.csv and provenance.json. The same
    study gives the same files, byte for byte. Works while the study is going on.

    Of tasks for a person (such as highway-human) it writes Figure 3 and Table 2 in place of these: figure3.png and
    table2.csv. A blind trial is reported when all its runs are finished; --unblind does so early, and the report says
    so.

    With --behaviour, what the policies do when nobody watches is compared with what the expert does (Figures 11 and 12,
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
    """
    from mereq.commands.report import report as run

    run(study, out, deltas=deltas, with_behaviour=behaviour, unblind=unblind, console=console)


@app.command
def tasks() -> None:
    """List the tasks, their features and weights.

    Those for a person have no weights of an expert: nobody knows what you want. `mereq align` takes them as well; a
    synthesized expert with the simulated task's weights then stands in for the person.
    """
    from mereq.commands.tasks import list_tasks

    list_tasks(Console())


@app.command
def doctor() -> None:
    """Say what is installed, what is missing and what for. Exits with 1 when something needed is missing."""
    from mereq.commands.doctor import doctor as examine

    if not examine(Console()):
        sys.exit(1)


def main() -> None:
    """Run the command line. A mistake of the user's is a sentence and exit status 2; Ctrl-C and SIGTERM are 130."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # all is saved, and a robot told to stop, either way
    os.environ.setdefault("JAX_PLATFORMS", "cpu")  # small networks: an accelerator's dispatch costs more than it saves
    if sys.argv[1:] == ["--version"]:
        print(f"mereq {__version__}")
        return
    try:
        app.cli(prog="mereq", description=__doc__, config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff))
    except MereqError as mistake:
        console.print(f"[bold red]mereq:[/] {mistake}", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
