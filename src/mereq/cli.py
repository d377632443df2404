"""The command line: `mereq init | check | align | supervise | trial | show | export | study | report | ...`."""

import errno
import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import tyro
from tyro.conf import Positional, arg

from mereq import __version__
from mereq.commands.output import PlainConsole, accept_any_text, words
from mereq.core.errors import MereqError
from mereq.supervision.interruption import STATUS, interruption

PLATFORM_GIVEN = "JAX_PLATFORMS" in os.environ
app = tyro.extras.SubcommandApp()
console = PlainConsole(stderr=True, soft_wrap=True)  # progress and words; results that a program may read go to stdout

# Options of several commands. None is what was not said: the command then takes the default that is shown.
TaskName = Annotated[str | None, Positional, arg(metavar="TASK", help_behavior_hint="(default: highway)")]
MethodName = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: mereq)")]
PresetName = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: fast)")]
Seed = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 0)")]
Rounds = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 10)")]
PriorKind = Annotated[str | None, arg(metavar="KIND", help_behavior_hint="(default: recognised)")]
PolicyName = Annotated[str | None, arg(metavar="FILE", help_behavior_hint="(default: the task's own)")]
FamilyName = Annotated[str | None, arg(metavar="FILE", help_behavior_hint="(default: the task's own)")]
LearningName = Annotated[
    Literal["sequential", "concurrent", "handback"] | None,
    arg(metavar="WHEN", help_behavior_hint="(default: sequential; mereq-bayes: handback)"),
]
Track = Annotated[
    Literal["tensorboard", "wandb", "trackio"] | None, arg(metavar="WHERE", help_behavior_hint="(default: nowhere)")
]
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
    accept_loss: bool = False,
    method: MethodName = None,
    preset: PresetName = None,
    seed: Seed = None,
    rounds: Rounds = None,
    rate_threshold: Annotated[float | None, arg(metavar="DELTA", help_behavior_hint="(default: 0)")] = None,
    prior: PolicyName = None,
    prior_kind: PriorKind = None,
    expert: PolicyName = None,
    family: FamilyName = None,
    learning: LearningName = None,
    pace: Annotated[float | None, arg(metavar="HZ", help_behavior_hint="(default: as fast as possible)")] = None,
    robot: RobotName = None,
    track: Track = None,
) -> None:
    """Align a prior policy with a synthesized expert, from interventions (Algorithm 1).

    In each round, the policy acts under the expert's supervision. The expert takes over when it dislikes what the
    policy does; then the policy is improved from all interventions so far. Every step is on disk before the next one
    happens: stop with Ctrl-C whenever you like, and continue with `--resume`.

    For instance:
      mereq align highway --seed 1 --rounds 6 --out runs/first
      mereq align --resume --out runs/first --rounds 10
      mereq align highway --method mereq-bayes --rounds 1 --out runs/instant
      mereq align highway --method mereq-np --preset paper --out runs/np
      mereq align highway --learning concurrent --pace 5 --out runs/concurrent
      mereq align my_task.py:LANDER --prior ppo_lander.zip --out runs/lander
      mereq align highway --track tensorboard --out runs/curves      (then: tensorboard --logdir runs)
      mereq align my_task.py:LANDER --prior policy.onnx --prior-kind logits --out runs/lander

    Args:
        task: a task's name (`mereq tasks` lists ours), or your own: file.py:NAME or package.module:NAME, a
            TaskDefinition. Naming it runs that code.
        out: directory of the run.
        resume: continue the run in --out, exactly. Other options need not be repeated, except code of your own (task,
            prior, expert, robot); --rounds may be raised.
        overwrite: delete the run in --out first.
        accept_loss: continue although recorded steps are lost (docs/storage.md).
        method: `mereq`, `mereq-np`, `maxent`, `maxent-ft`, `hg-dagger-ft` or `iwr-ft`: the rows of the paper's Table
            1; or `mereq-bayes`, which learns from each intervention at once (docs/instant.md).
        preset: `fast`, or `paper` (the paper's Tables 7 and 9).
        seed: everything random follows from it.
        rounds: most rounds.
        rate_threshold: stop after the first round with an intervention rate below it; 0 does all rounds.
        prior: policy to start from: a checkpoint, a zip of Stable-Baselines3, an ONNX or TorchScript file, or code of
            yours: file.py:NAME or package.module:NAME (docs/policies.md).
        prior_kind: what your function, ONNX or TorchScript file returns: `logits`, `q`, `gaussian` (before a tanh),
            `clipped-gaussian`, `action` or `samples`, the last three in the environment's units.
        expert: policy of the expert, in the same forms.
        family: policy family for `mereq-bayes`, as `mereq prepare` writes it. Our four tasks have one.
        learning: `sequential`: between rounds, while the expert waits; `concurrent`: a second thread learns during
            supervision, and a new policy acts from the next episode on (that needs a --pace, or rounds end too soon);
            or `handback`: at each handback, and the new policy acts from the next step on.
        pace: supervised steps per second, to simulate a person's time.
        robot: for supervised rollouts: `perturbed` (another simulation, which represents a real robot),
            `fanuc:FILE.toml` (a FANUC arm and a camera, docs/fanuc.md), or a driver of yours:
            package.module:NAME or file.py:NAME (docs/robots.md). The simulation still serves the learner.
        track: curves of rates, weights and losses for `tensorboard` (in DIR/tracking), `wandb` (there, too,
            offline unless WANDB_MODE=online), or `trackio` (its local database). Each is an extra, as mereq[wandb].
    """
    with interruption.deferred():
        from mereq.commands.align import align as run

        run(
            out,
            resume=resume,
            overwrite=overwrite,
            accept_loss=accept_loss,
            track=track,
            given={
                "task": task,
                "method": method,
                "preset": preset,
                "seed": seed,
                "n_rounds": rounds,
                "rate_threshold": rate_threshold,
                "prior": prior,
                "prior_kind": prior_kind,
                "expert": expert,
                "family": family,
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
    accept_loss: bool = False,
    method: MethodName = None,
    preset: PresetName = None,
    seed: Seed = None,
    rounds: Rounds = None,
    steps: Steps = None,
    rate_threshold: Annotated[float | None, arg(metavar="DELTA", help_behavior_hint="(default: 0.05)")] = None,
    prior: PolicyName = None,
    prior_kind: PriorKind = None,
    family: FamilyName = None,
    learning: LearningName = None,
    robot: RobotName = None,
    hz: Hz = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    no_browser: bool = False,
    device: Literal["page", "spacemouse"] = "page",
) -> None:
    """Align a prior policy with you: watch it on a page in the browser, and take over when you dislike what it does.

    The page shows in real time what the policy does. Press Enter to take over, act with the keys that the page names,
    press Esc to hand back; or hold: press H, and you are in control while an action key is down. P pauses, M takes your
    last intervention back as a mistake, - and + change the pace. After a round, the policy learns from what you did,
    and the next round starts, until you take fewer than DELTA of the steps.

    Every step is on disk before you see it: stop with Ctrl-C whenever you like, and continue with `--resume`. When you
    leave or hide the page, the run pauses. `mereq show DIR` shows the run, as any other.

    For instance:
      mereq supervise highway-human --out runs/mine
      mereq supervise highway --steps 200 --hz 4 --out runs/short
      mereq supervise highway --learning concurrent --out runs/no-waiting
      mereq supervise my_task.py:LANDER --prior my_prior.safetensors --out runs/lander
      mereq supervise --resume --out runs/mine

    Args:
        task: a task's name (`mereq tasks` lists ours), or your own: file.py:NAME or package.module:NAME, a
            TaskDefinition whose environment renders "rgb_array" pictures. Naming it runs that code.
        out: directory of the run.
        resume: continue the run in --out. Other options need not be repeated, except code of your own (task, prior,
            robot); --rounds may be raised.
        overwrite: delete the run in --out first.
        accept_loss: continue although recorded steps are lost (docs/storage.md).
        method: `mereq`, `mereq-np`, `maxent`, `maxent-ft`, `hg-dagger-ft`, `iwr-ft`, or `mereq-bayes`, which learns
            from each intervention at once (docs/instant.md). The page does not show it.
        preset: `fast`, or `paper`.
        seed: everything random follows from it, except for you.
        rounds: most rounds.
        steps: supervised steps per round.
        rate_threshold: the run ends after the first round in which you took fewer than this share of the steps.
        prior: policy to start from: a checkpoint, a zip of Stable-Baselines3, an ONNX or TorchScript file, or code of
            yours: file.py:NAME or package.module:NAME (docs/policies.md).
        prior_kind: what your function, ONNX or TorchScript file returns: `logits`, `q`, `gaussian` (before a tanh),
            `clipped-gaussian`, `action` or `samples`, the last three in the environment's units.
        family: policy family for `mereq-bayes`, as `mereq prepare` writes it. Our four tasks have one.
        learning: `sequential`: between rounds, while you wait; `concurrent`: during supervision, and a new policy acts
            from the next episode on; or `handback`: whenever you hand back, and the new policy acts from the next step
            on.
        robot: what you supervise: `perturbed` (another simulation, which represents a real robot), `fanuc:FILE.toml` (a
            FANUC arm and a camera, docs/fanuc.md), or a driver of yours: package.module:NAME or file.py:NAME
            (docs/robots.md). The simulation still serves the learner.
        hz: steps per second to begin with, 0.2 to 20. A step of the highway is a second of traffic.
        host: address to serve on. Any but 127.0.0.1 lets others on your network in, if they know the address with its
            token, and is not encrypted.
        port: port to serve on.
        no_browser: only print the address of the page.
        device: what you act with. `page`: the keyboard, a gamepad or a SpaceMouse at the page; its button *Try your
            devices* shows their input. `spacemouse`: one that is plugged into this machine, for browsers without
            WebHID (Linux); then the page only shows, pauses and hands back.
    """
    with interruption.deferred():
        from mereq.commands.supervise import supervise as run

        run(
            out,
            resume=resume,
            overwrite=overwrite,
            accept_loss=accept_loss,
            given={
                "task": task,
                "method": method,
                "preset": preset,
                "seed": seed,
                "n_rounds": rounds,
                "rate_threshold": rate_threshold,
                "prior": prior,
                "prior_kind": prior_kind,
                "family": family,
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
    accept_loss: bool = False,
) -> None:
    """Compare methods with a person who does not know which one they help: a blind trial, from a small TOML file.

    Does the next run of the trial, or resumes the one that was interrupted; the same command again does the next one.
    The order of methods is random, in blocks that have every method once. Neither the page nor the terminal nor the
    name of a directory shows which method it is. When all runs are finished, `mereq report DIR` does.

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
        file: the trial; docs/supervise.md has all its entries.
        out: directory of the trial.
        hz: steps per second to begin with, 0.2 to 20. A step of the highway is a second of traffic.
        host: address to serve on; see `mereq supervise --help`.
        port: port to serve on.
        no_browser: only print the address of the page.
        accept_loss: continue although recorded steps are lost (docs/storage.md).
    """
    with interruption.deferred():
        from mereq.commands.trial import trial as run

        run(file, out, accept_loss=accept_loss, hz=hz, host=host, port=port, browser=not no_browser, console=console)


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

    Writes the policy to OUT.safetensors and OUT.json at every checkpoint, evaluates it, and keeps what `--resume` needs
    after Ctrl-C.

    For instance:
      mereq train highway prior
      mereq train highway expert --out runs/expert --resume
      mereq train bottle-pushing prior
      mereq train bottle-pushing prior --start shipped --steps 60000 --out runs/longer

    Args:
        task: a task's name, or your own: file.py:NAME or package.module:NAME.
        which: `prior` learns the reward without the preference, `expert` the one with it.
        out: where to write, without a suffix.
        preset: `paper` has the numbers of Tables 6 and 8; the arm's shipped policies were trained with `fast`.
        start: checkpoint of a policy to continue from, or `shipped`.
        steps: environment steps.
        seed: everything random follows from it.
        resume: continue the training in --out.
    """
    from mereq.commands.train import TrainingRequest
    from mereq.commands.train import train as run

    run(
        TrainingRequest(
            task=task,
            which=which,
            out=out or Path("runs") / f"{task}-{which}",
            preset=preset,
            start=start,
            steps=steps,
            seed=seed,
            resume=resume,
        ),
        console,
    )


@app.command
def prepare(
    task: Annotated[str, Positional, arg(metavar="TASK")],
    *,
    out: Annotated[
        Path | None, arg(aliases=["-o"], metavar="FILE", help_behavior_hint="(default: runs/TASK-family)")
    ] = None,
    prior: PolicyName = None,
    prior_kind: PriorKind = None,
    limit: Annotated[tuple[float, ...], arg(metavar="WEIGHT", help_behavior_hint="(default: the task's)")] = (),
    steps: Steps = None,
    seed: int = 0,
    resume: bool = False,
) -> None:
    """Prepare a policy family: residual policies of a prior for every theta of a region, before supervision begins.

    The method mereq-bayes needs one. With it, nothing has to be learned by reinforcement during supervision: theta is
    inferred from each intervention in a fraction of a second, and the policy of that theta acts at once
    (docs/instant.md). Our four tasks have a family for their own prior.

    Writes OUT.safetensors and OUT.json after each phase, and keeps what `--resume` needs after Ctrl-C.

    For instance:
      mereq prepare highway --out runs/highway-family
      mereq prepare my_task.py:LANDER --prior ppo_lander.zip --limit 0.5 2 1 --out runs/lander-family
      mereq align my_task.py:LANDER --prior ppo_lander.zip --method mereq-bayes --family runs/lander-family

    Args:
        task: a task's name, or your own: file.py:NAME or package.module:NAME.
        out: where to write, without a suffix.
        prior: policy that the family belongs to: a checkpoint, a zip of Stable-Baselines3, an ONNX or TorchScript
            file, or code of yours: file.py:NAME or package.module:NAME (docs/policies.md).
        prior_kind: what your function, ONNX or TorchScript file returns, as for `mereq align`.
        limit: largest weight of each feature that a supervisor may want, or one number for all.
        steps: environment steps.
        seed: everything random follows from it.
        resume: continue the preparation in --out.
    """
    from mereq.commands.prepare import FamilyRequest
    from mereq.commands.prepare import prepare as run

    run(
        FamilyRequest(
            task=task,
            out=out or Path("runs") / f"{Path(task.partition(':')[0]).stem}-family",
            prior=prior,
            prior_kind=prior_kind,
            limit=limit,
            steps=steps,
            seed=seed,
            resume=resume,
        ),
        console,
    )


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
        one
            runs its code; without it, the report is made from what was recorded.
    """
    from mereq.commands.report import report as run
    from mereq.presets.registry import find_task

    for name in task:
        find_task(name)
    run(study, out, deltas=deltas, with_behaviour=behaviour, unblind=unblind, console=console)


@app.command
def init(
    file: Annotated[Path, Positional, arg(metavar="FILE")],
    environment: Annotated[str, Positional, arg(metavar="GYMNASIUM_ID")] = "CartPole-v1",
) -> None:
    """Write a file with a task of your own, of a Gymnasium environment. It runs as it is; comments say what to edit.

    For instance:
      mereq init my_task.py
      mereq init lander.py LunarLander-v3

    Args:
        file: file to write, such as my_task.py.
        environment: Gymnasium's id of the environment.
    """
    from mereq.commands.init import init as run

    run(file, environment, console)


@app.command
def check(
    task: Annotated[str, Positional, arg(metavar="TASK")],
    *,
    preset: PresetName = None,
    prior: PolicyName = None,
    expert: PolicyName = None,
) -> None:
    """Check a task, its prior and its supervisor: what a run relies on is tried, and told in one table.

    Every run begins with these checks; a run that cannot work is refused before its first step. Exits with 1 when a
    check fails.

    For instance:
      mereq check my_task.py:LANDER --prior my_prior.safetensors
      mereq check highway

    Args:
        task: a task's name, or your own: file.py:NAME or package.module:NAME. Naming it runs that code.
        preset: settings of the run.
        prior: policy to start from: a checkpoint, or code of yours: file.py:NAME or package.module:NAME.
        expert: policy of the expert, in the same forms.
    """
    from mereq.commands.check import check as run

    if not run(task, preset or "fast", prior, expert, PlainConsole(), console):
        sys.exit(1)


@app.command
def robot(
    what: Annotated[Literal["check", "tags", "calibrate"], Positional],
    file: Annotated[Path, Positional, arg(metavar="FILE")] = Path("fanuc.toml"),
    *,
    out: Annotated[Path | None, arg(aliases=["-o"], metavar="FILE", help_behavior_hint="(default: tags.pdf)")] = None,
) -> None:
    """Check a robot's cell, print its tags, or calibrate its camera (docs/fanuc.md). Nothing moves.

    `check` connects arm and camera and lists what is found; it exits with 1 when something is wrong. `tags` writes the
    sheets to print. `calibrate` asks you to touch corners of the table's tags, and writes the result into the file.

    For instance:
      mereq robot tags lab.toml
      mereq robot calibrate lab.toml
      mereq robot check lab.toml

    Args:
        what: check, tags or calibrate.
        file: the cell's file.
        out: of the sheets, for `tags`.
    """
    from mereq.commands.robot import robot as run

    if not run(what, file, out, PlainConsole(), console):
        sys.exit(1)


@app.command
def tasks() -> None:
    """List the tasks, their features and weights.

    Tasks for a person have no expert's weights: they are yours. `mereq align` takes these tasks, too; a synthesized
    expert with the simulated task's weights then replaces the person.
    """
    from mereq.commands.tasks import list_tasks

    list_tasks(PlainConsole())


@app.command
def doctor() -> None:
    """List what is installed, what is missing, and what needs it. Exits with 1 when something required is missing."""
    from mereq.commands.doctor import doctor as examine

    if not examine(PlainConsole()):
        sys.exit(1)


class _Warnings(logging.Handler):
    """Handler that prints warnings of a run, such as those of its first check; its log has them, too."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning; an error is printed where it ends the command."""
        if record.levelno == logging.WARNING:
            console.print(words((record.getMessage(), "yellow")), soft_wrap=True)


def main() -> None:
    """Run the command line. A user's mistake is a sentence and exit status 2; an end by a signal is 130."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")  # small networks: an accelerator's dispatch costs more than it saves
    if sys.argv[1:] == ["--version"]:
        print(f"mereq {__version__}")
        return
    accept_any_text()
    logger, warnings = logging.getLogger("mereq"), _Warnings(logging.WARNING)
    logger.addHandler(warnings)
    with interruption.caught():
        try:
            _run_command()
        except KeyboardInterrupt:
            sys.exit(STATUS)
        except OSError as error:
            if error.errno == errno.EIO and interruption.requested:  # the terminal was closed: nothing can be printed
                sys.exit(STATUS)
            raise
        finally:
            logger.removeHandler(warnings)


def _run_command() -> None:
    try:
        app.cli(prog="mereq", description=__doc__, config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff))
        sys.stdout.flush()
    except MereqError as mistake:
        _complain(str(mistake))
    except BrokenPipeError:  # the reader of our output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _complain(f"Cannot write the output: {error.strerror}.")


def _complain(sentence: str) -> NoReturn:
    """Print a sentence about what the user can correct, and exit with status 2."""
    console.print(words(("mereq:", "bold red"), f" {sentence}"), soft_wrap=True)
    sys.exit(2)
