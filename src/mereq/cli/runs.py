"""Commands that make a run: `mereq align | supervise | trial`."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from mereq.cli.options import (
    FamilyName,
    Host,
    Hz,
    LearningName,
    MethodName,
    PolicyName,
    Port,
    PresetName,
    PriorKind,
    RobotName,
    Rounds,
    Seed,
    Steps,
    TaskName,
    Track,
    app,
    console,
)
from mereq.supervision.interruption import interruption


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
    from_: Annotated[
        Path | None, arg(name="from", metavar="DATASET", help_behavior_hint="(default: supervise)")
    ] = None,
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
      mereq align highway --from datasets/mine --out runs/inferred

    Args:
        task: a task's name (`mereq tasks` lists ours), or your own: file.py:NAME or package.module:NAME, a
            TaskDefinition. Naming it runs that code. 'TASK + FEATURE' adds what `mereq features` offers.
        out: directory of the run.
        resume: continue the run in --out, exactly. Other options need not be repeated, except code of your own (task,
            method, prior, expert, robot); --rounds may be raised.
        overwrite: delete the run in --out first.
        accept_loss: continue although recorded steps are lost (docs/storage.md).
        method: `mereq`, `mereq-np`, `maxent`, `maxent-ft`, `hg-dagger-ft` or `iwr-ft`: the rows of the paper's Table
            1; `mereq-bayes`, which learns from each intervention at once (docs/instant.md); `mereq-bayes-fading` and
            `mereq-bayes-wishes`, for a supervisor who may change their mind or alternates; `mereq-deep`,
            `mereq-bayes-csil` and `mereq-bayes-iq`, for wishes that the features cannot say (docs/limits.md);
            `rlif`, `rift`, `pvp`, `mile`, `ppl` or `csil` of other authors, and `aim` or `thrifty-dagger`, where the
            robot asks (docs/benchmark.md); or your own: file.py:NAME.
        preset: `fast`, or `paper` (the paper's Tables 7 and 9).
        seed: everything random follows from it.
        rounds: most rounds.
        rate_threshold: stop after the first round with an intervention rate below it; 0 does all rounds.
        prior: policy to start from: a checkpoint, a zip of Stable-Baselines3, an ONNX or TorchScript file, or code of
            yours: file.py:NAME or package.module:NAME (docs/policies.md).
        prior_kind: what your function, ONNX or TorchScript file returns: `logits`, `q`, `gaussian` (before a tanh),
            `clipped-gaussian`, `action` or `samples`, the last three in the environment's units.
        expert: policy of the expert, in the same forms.
        family: policy family for `mereq-bayes`, as `mereq prepare` writes it; an unfinished one is prepared further
            during the run. Our four tasks have one.
        learning: `sequential`: between rounds, while the expert waits; `concurrent`: a second thread learns during
            supervision, and a new policy acts from the next episode on (that needs a --pace, or rounds end too soon);
            `handback`: at each handback, and the new policy acts from the next step on; `within`: also after every
            fourth step of an intervention; or `preparing`: at each handback, while the policy family is prepared, which
            is the default of `mereq-bayes` where no finished family is there (docs/instant.md).
        pace: supervised steps per second, to simulate a person's time.
        robot: for supervised rollouts: `perturbed` (another simulation, which represents a real robot),
            `fanuc:FILE.toml` or `ros:FILE.toml` (an arm and a camera, docs/fanuc.md), or a driver of yours:
            package.module:NAME or file.py:NAME (docs/robots.md). The simulation still serves the learner.
        track: curves of rates, weights and losses for `tensorboard` (in DIR/tracking), `wandb` (there, too,
            offline unless WANDB_MODE=online), or `trackio` (its local database). Each is an extra, as mereq[wandb].
        from_: infer theta from recorded interventions, without a supervisor (with `mereq-bayes`): a dataset of
            `mereq export`, a LeRobot or Minari dataset with a column `is_intervention` or `intervention`, or CSV
            (docs/export.md).
    """
    with interruption.deferred():
        with interruption.at_once():
            from mereq.commands.align import align as run
            from mereq.commands.align import align_from

        if from_ is not None:
            chosen = {"task": task, "method": method, "preset": preset, "seed": seed, "n_rounds": rounds}
            chosen |= {"rate_threshold": rate_threshold, "prior": prior, "prior_kind": prior_kind, "expert": expert}
            chosen |= {"family": family, "learning": learning, "pace": pace, "robot": robot, "track": track}
            chosen |= {"resume": resume, "accept_loss": accept_loss}
            align_from(from_, out, overwrite=overwrite, given=chosen, console=console)
            return
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
    track: Track = None,
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
        method: `mereq`, `mereq-np`, `maxent`, `maxent-ft`, `hg-dagger-ft`, `iwr-ft`; `mereq-bayes`, which learns from
            each intervention at once (docs/instant.md); `rlif`, `rift`, `pvp`, `mile`, `ppl` or `csil` of other
            authors, and `aim` or `thrifty-dagger`, where the robot asks (docs/benchmark.md). The page does not show it.
        preset: `fast`, or `paper`.
        seed: everything random follows from it, except for you.
        rounds: most rounds.
        steps: supervised steps per round.
        rate_threshold: the run ends after the first round in which you took fewer than this share of the steps.
        prior: policy to start from: a checkpoint, a zip of Stable-Baselines3, an ONNX or TorchScript file, or code of
            yours: file.py:NAME or package.module:NAME (docs/policies.md).
        prior_kind: what your function, ONNX or TorchScript file returns: `logits`, `q`, `gaussian` (before a tanh),
            `clipped-gaussian`, `action` or `samples`, the last three in the environment's units.
        family: policy family for `mereq-bayes`, as `mereq prepare` writes it; an unfinished one is prepared further
            during the run. Our four tasks have one.
        learning: `sequential`: between rounds, while you wait; `concurrent`: during supervision, and a new policy acts
            from the next episode on; `handback`: whenever you hand back, and the new policy acts from the next step on;
            `within`: also after every fourth step of an intervention; or `preparing`: whenever you hand back, while the
            policy family is prepared in the background, which is the default of `mereq-bayes` where no finished family
            is there. You begin at once.
        robot: what you supervise: `perturbed` (another simulation, which represents a real robot), `fanuc:FILE.toml` or
            `ros:FILE.toml` (an arm and a camera, docs/fanuc.md), or a driver of yours: package.module:NAME or
            file.py:NAME (docs/robots.md). The simulation still serves the learner.
        hz: steps per second to begin with, 0.2 to 20. A step of the highway is a second of traffic.
        host: address to serve on. Any but 127.0.0.1 lets others on your network in, if they know the address with its
            token, and is not encrypted.
        port: port to serve on.
        no_browser: only print the address of the page.
        track: curves of rates, weights and losses, as for `mereq align`.
        device: what you act with. `page`: the keyboard, a gamepad or a SpaceMouse at the page; its button *Try your
            devices* shows their input. `spacemouse`: one that is plugged into this machine, for browsers without
            WebHID (Linux); then the page only shows, pauses and hands back.
    """
    with interruption.deferred():
        with interruption.at_once():
            from mereq.commands.supervise import supervise as run

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
        with interruption.at_once():
            from mereq.commands.trial import trial as run

        run(file, out, accept_loss=accept_loss, hz=hz, host=host, port=port, browser=not no_browser, console=console)
