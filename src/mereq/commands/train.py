"""`mereq train`: training of a task's prior or expert with its own reward."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console

from mereq.commands.output import command, words
from mereq.commands.terminal import prepare, progress_bar
from mereq.core.errors import IncompatibleRun, IncompleteTask, RunExists, UnknownName, WrongValue
from mereq.core.reward import LinearReward
from mereq.evaluation.rollouts import EPISODES, SEED, evaluate, model_card
from mereq.maxent_rl.training import Training
from mereq.presets.registry import find_task
from mereq.store.atomic import writing
from mereq.store.checkpoints import load_arrays, save_arrays
from mereq.store.locks import WriterLock
from mereq.store.policies import describe, describe_shipped, load_policy, load_shipped, save_policy
from mereq.store.provenance import provenance


def train(
    task: str,
    which: str,
    preset: str | None,
    start: str | None,
    out: Path,
    steps: int | None,
    seed: int,
    resume: bool,
    console: Console,
) -> None:
    """Train a prior or an expert in phases, from random networks or from a trained policy."""
    if seed < 0:
        raise WrongValue(f"--seed is {seed}, and must be at least 0.")
    if not out.name:
        raise WrongValue(
            f"--out is {str(out)!r}, and must be the name of a file without its suffix, such as runs/mine."
        )
    out_as_given, out = out, out.absolute()
    with writing(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        lock = WriterLock.acquire(out.with_name(f"{out.name}.lock"), f"training into {out_as_given}")
    try:
        _train(task, which, preset, start, out, steps, seed, resume, out_as_given, console)
    finally:
        if not out.with_name(f"{out.name}.json").exists():
            lock.file.unlink(missing_ok=True)  # nothing was trained
        lock.release()


def _train(
    task: str,
    which: str,
    preset: str | None,
    start: str | None,
    out: Path,
    steps: int | None,
    seed: int,
    resume: bool,
    out_as_given: Path,
    console: Console,
) -> None:
    """See `train`; `out_as_given` is for messages."""
    definition = find_task(task)
    if preset is not None and preset not in definition.training:
        raise UnknownName("training preset", preset, list(definition.training))
    if not definition.training:
        raise IncompleteTask(
            f"The task {definition.name} has no training settings. Add them to its definition: "
            "TaskDefinition(..., training={'fast': TrainingSettings(...)})."
        )
    settings = next(iter(definition.training.values())) if preset is None else definition.training[preset]
    if steps is not None:
        settings = settings.lasting(steps)
    theta = definition.theta_prior if which == "prior" else definition.theta_expert
    if theta is None:
        raise IncompleteTask(
            f"The task {definition.name} has no reward weights for its {which}. Add them to its definition: "
            f"TaskDefinition(..., theta_{which}=...)."
        )
    setup = {"task": task, "which": which, "seed": seed, "theta": theta.tolist(), "settings": asdict(settings)}
    first = None
    if start is not None:
        shipped = start == "shipped"
        first = load_shipped(definition.task, which) if shipped else load_policy(Path(start), definition.task)
        card = describe_shipped(task, which) if shipped else describe(Path(start))
        setup["start"] = {name: card.get(name) for name in ("sha256", "which", "seed", "settings", "start")}
    about = json.loads(json.dumps(setup))
    training = Training(
        definition.trained_in or definition.task,
        LinearReward(theta, settings.alive_bonus),
        settings,
        seed=seed,
        start=first,
    )
    state_path = out.with_name(out.name + ".state")
    exists = out.with_name(f"{out.name}.json").exists()
    curve: list[dict[str, float]] = []  # one entry per phase
    if resume:
        saved = load_arrays(state_path, kind="state")
        if saved.about.get("training") != about:
            raise IncompatibleRun(
                f"The training in {out_as_given} was started with other settings. Repeat its options, or choose "
                "another --out."
            )
        training.restore(saved.arrays)
        curve = saved.about["curve"]
    elif exists:
        raise RunExists(f"{out_as_given}.json already exists. Continue with --resume, or choose another --out.")
    prepare(definition, console)
    simulator = definition.task.simulate(EPISODES)
    names = definition.task.feature_names
    try:
        with progress_bar(console) as progress:
            bar = progress.add_task(
                f"training the {task} {which}", total=settings.n_steps, completed=training.steps, note=""
            )
            for done in training.run_phases():
                result = evaluate(training.policy, simulator, seed=SEED)
                card = model_card(result, theta, names, definition.metrics(result))
                curve.append(
                    {"steps": done, "return": card["return_mean"], **_rounded(training.simulator_training.metrics)}
                )
                save_arrays(state_path, training.state(), kind="state", about={"training": about, "curve": curve})
                entries = {"steps": done, "evaluation": card, "curve": curve, "provenance": provenance()}
                save_policy(out, training.policy, about={**about, **entries})
                progress.update(bar, completed=done, note=f"return {card['return_mean']:.2f}")
                progress.console.print(
                    words(
                        f"{done:>9,} steps   return {card['return_mean']:6.2f}   "
                        + "   ".join(f"{name} {card['mean_features'][name]:.3f}" for name in names)
                        + f"   ended early {card['terminated']:.2f}"
                    )
                )
    except KeyboardInterrupt:
        given = {"preset": preset, "start": start, "steps": steps}
        asked = [word for name, value in given.items() if value for word in (f"--{name}", value)]
        again = command("mereq", "train", task, which, "--out", out_as_given, "--seed", seed, *asked, "--resume")
        console.print(words(f"\nStopped after {training.steps:,} steps. Continue with:  {again}"), soft_wrap=True)
        raise
    console.print(words(f"The policy is in {out_as_given}.safetensors and {out_as_given}.json."), soft_wrap=True)


def _rounded(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics with four significant digits, without values that are not finite (before the first update)."""
    return {name: float(f"{x:.4g}") for name, x in metrics.items() if np.isfinite(x)}
