"""`mereq train`: training of a task's prior or expert with its own reward."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mereq.commands.output import command, words
from mereq.commands.terminal import prepare, progress_bar
from mereq.core.errors import IncompatibleRun, IncompleteTask, RunExists, UnknownName, WrongValue
from mereq.core.reward import LinearReward
from mereq.evaluation.rollouts import EPISODES, SEED, evaluate, model_card
from mereq.maxent_rl.training import Training, TrainingSettings
from mereq.presets.definition import TaskDefinition
from mereq.presets.registry import find_task
from mereq.store.atomic import writing
from mereq.store.checkpoints import load_arrays, save_arrays
from mereq.store.locks import WriterLock
from mereq.store.policies import StoredPolicy, describe, describe_shipped, load_policy, load_shipped, save_policy
from mereq.store.provenance import provenance


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """What a user asks of `mereq train`."""

    task: str  # a name that `find_task` knows
    which: str  # "prior" or "expert"
    out: Path  # where to write, without a suffix
    preset: str | None = None  # None: the task's first one
    start: str | None = None  # a policy's checkpoint, or "shipped"; None: random networks
    steps: int | None = None  # None: the preset's
    seed: int = 0
    resume: bool = False

    def command_to_resume(self) -> str:
        """The command that continues the training."""
        given = {"preset": self.preset, "start": self.start, "steps": self.steps}
        asked = [word for name, value in given.items() if value for word in (f"--{name}", value)]
        return command(
            "mereq", "train", self.task, self.which, "--out", self.out, "--seed", self.seed, *asked, "--resume"
        )


def train(asked: TrainingRequest, console: Console) -> None:
    """Train a prior or an expert in phases, from random networks or from a trained policy."""
    if asked.seed < 0:
        raise WrongValue(f"--seed is {asked.seed}, and must be at least 0.")
    find_task(asked.task)  # before anything is written
    if not asked.out.name:
        raise WrongValue(
            f"--out is {str(asked.out)!r}, and must be the name of a file without its suffix, such as runs/mine."
        )
    out = asked.out.absolute()  # a task's code may change the working directory
    with writing(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        lock = WriterLock.acquire(out.with_name(f"{out.name}.lock"), f"training into {asked.out}")
    try:
        _train(asked, out, console)
    finally:
        if not out.with_name(f"{out.name}.json").exists():
            lock.file.unlink(missing_ok=True)  # nothing was trained
        lock.release()


def _train(asked: TrainingRequest, out: Path, console: Console) -> None:
    definition = find_task(asked.task)
    settings, theta = _settings_of(asked, definition), _theta_of(asked, definition)
    first, about = _start_of(asked, definition, settings, theta)
    training = Training(
        definition.trained_in or definition.task,
        LinearReward(theta, settings.alive_bonus),
        settings,
        seed=asked.seed,
        start=first,
    )
    state_path = out.with_name(out.name + ".state")
    curve: list[dict[str, float]] = []  # one entry per phase
    if asked.resume:
        saved = load_arrays(state_path, kind="state")
        if saved.about.get("training") != about:
            raise IncompatibleRun(
                f"The training in {asked.out} was started with other settings. Repeat its options, or choose "
                "another --out."
            )
        training.restore(saved.arrays)
        curve = saved.about["curve"]
    elif out.with_name(f"{out.name}.json").exists():
        raise RunExists(f"{asked.out}.json already exists. Continue with --resume, or choose another --out.")
    prepare(definition, console)
    simulator = definition.task.simulate(EPISODES)
    names = definition.task.feature_names
    try:
        with progress_bar(console) as progress:
            bar = progress.add_task(
                f"training the {asked.task} {asked.which}", total=settings.n_steps, completed=training.steps, note=""
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
        again = asked.command_to_resume()
        console.print(words(f"\nStopped after {training.steps:,} steps. Continue with:  {again}"), soft_wrap=True)
        raise
    console.print(words(f"The policy is in {asked.out}.safetensors and {asked.out}.json."), soft_wrap=True)


def _settings_of(asked: TrainingRequest, definition: TaskDefinition) -> TrainingSettings:
    """The preset's settings, with the number of steps that the user wants."""
    if asked.preset is not None and asked.preset not in definition.training:
        raise UnknownName("training preset", asked.preset, list(definition.training))
    if not definition.training:
        raise IncompleteTask(
            f"The task {definition.name} has no training settings. Add them to its definition: "
            "TaskDefinition(..., training={'fast': TrainingSettings(...)})."
        )
    settings = definition.training[asked.preset or next(iter(definition.training))]
    return settings if asked.steps is None else settings.lasting(asked.steps)


def _theta_of(asked: TrainingRequest, definition: TaskDefinition) -> np.ndarray:
    """Weights of the policy's own reward."""
    theta = definition.theta_prior if asked.which == "prior" else definition.theta_expert
    if theta is None:
        raise IncompleteTask(
            f"The task {definition.name} has no reward weights for its {asked.which}. Add them to its definition: "
            f"TaskDefinition(..., theta_{asked.which}=...)."
        )
    return theta


def _start_of(
    asked: TrainingRequest, definition: TaskDefinition, settings: TrainingSettings, theta: np.ndarray
) -> tuple[StoredPolicy | None, dict[str, Any]]:
    """The policy to continue from, and what the training depends on, as JSON."""
    about = {
        "task": asked.task,
        "which": asked.which,
        "seed": asked.seed,
        "theta": theta.tolist(),
        "settings": asdict(settings),
    }
    first = None
    if asked.start is not None:
        shipped, file = asked.start == "shipped", Path(asked.start)
        first = load_shipped(definition.task, asked.which) if shipped else load_policy(file, definition.task)
        card = describe_shipped(asked.task, asked.which) if shipped else describe(file)
        about["start"] = {name: card.get(name) for name in ("sha256", "which", "seed", "settings", "start")}
    return first, json.loads(json.dumps(about))


def _rounded(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics with four significant digits, without values that are not finite (before the first update)."""
    return {name: float(f"{x:.4g}") for name, x in metrics.items() if np.isfinite(x)}
