"""`mereq train`: training of a task's prior or expert with its own reward."""

import json
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mereq.commands.output import command, words
from mereq.commands.phases import begin, locked_output, options, rounded, run_phases
from mereq.commands.terminal import prepare
from mereq.core.border import own_code
from mereq.core.errors import IncompleteTask, UnknownName, WrongValue
from mereq.core.reward import LinearReward
from mereq.evaluation.rollouts import EPISODES, SEED, evaluate, model_card
from mereq.maxent_rl.training import Training, TrainingSettings
from mereq.presets.definition import TaskDefinition
from mereq.presets.registry import find_task
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
        asked = options({"preset": self.preset, "start": self.start, "steps": self.steps})
        return command(
            "mereq", "train", self.task, self.which, "--out", self.out, "--seed", self.seed, *asked, "--resume"
        )


def train(asked: TrainingRequest, console: Console) -> None:
    """Train a prior or an expert in phases, from random networks or from a trained policy."""
    if asked.seed < 0:
        raise WrongValue(f"--seed is {asked.seed}, and must be at least 0.")
    definition = find_task(asked.task)  # before anything is written
    with locked_output(asked.out, "training into") as out:
        settings, theta = _settings_of(asked, definition), _theta_of(asked, definition)
        first, about = _start_of(asked, definition, settings, theta)
        reward = LinearReward(theta, settings.alive_bonus)
        trained_in = definition.trained_in or definition.task
        with closing(Training(trained_in, reward, settings, seed=asked.seed, start=first)) as training:
            curve = begin(training, out, about, resume=asked.resume)
            prepare(definition, console)
            simulator, names = definition.task.simulate(EPISODES), definition.task.feature_names
            card: dict[str, Any] = {}

            def evaluated(_: int) -> tuple[dict[str, float], str]:
                result = evaluate(training.policy, simulator, seed=SEED)
                with own_code(f"The metrics of the task {definition.name} failed"):
                    own = definition.metrics(result)
                card.update(model_card(result, theta, names, own))
                values = "   ".join(f"{name} {card['mean_features'][name]:.3f}" for name in names)
                line = f"return {card['return_mean']:6.2f}   {values}   ended early {card['terminated']:.2f}"
                return {"return": card["return_mean"], **rounded(training.simulator_training.metrics)}, line

            def save(done: int) -> None:
                entries = {"steps": done, "evaluation": card, "curve": curve, "provenance": provenance()}
                save_policy(out, training.policy, about={**about, **entries})

            run_phases(
                training,
                out,
                about,
                curve,
                title=f"training the {asked.task} {asked.which}",
                evaluate=evaluated,
                save=save,
                resume_with=asked.command_to_resume(),
                console=console,
            )
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
