"""Commands that train policies: `mereq train | prepare`."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from mereq.cli.options import PolicyName, PriorKind, Steps, app, console


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

    Writes OUT.safetensors and OUT.json after each phase, and keeps what `--resume` needs after Ctrl-C. Supervision need
    not wait: `mereq supervise TASK --method mereq-bayes` prepares in the background, and `--family OUT` continues this.

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
