"""`mereq prepare`: preparation of a policy family, for the method mereq-bayes."""

import json
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console

from mereq.commands.output import command, words
from mereq.commands.phases import begin, locked_output, options, rounded, run_phases
from mereq.commands.terminal import prepare as prepare_machine
from mereq.core.errors import WrongValue
from mereq.maxent_rl.family_training import FamilySettings, FamilyTraining
from mereq.presets.registry import find_task
from mereq.runs.families import PRIOR
from mereq.runs.policies import checksum_of, name_policy, policy_of, task_of
from mereq.runs.spec import RunSpec
from mereq.store.families import save_family
from mereq.store.provenance import provenance


@dataclass(frozen=True, kw_only=True)
class FamilyRequest:
    """What a user asks of `mereq prepare`."""

    task: str  # a name that `find_task` knows
    out: Path  # where to write, without a suffix
    prior: str | None = None  # as for `RunSpec`
    prior_kind: str | None = None
    limit: tuple[float, ...] = ()  # largest weight of each feature, or one number for all; (): the task's
    steps: int | None = None  # None: the task's
    seed: int = 0
    resume: bool = False

    def settings(self, settings: FamilySettings) -> FamilySettings:
        """The task's settings, with what the user wants."""
        if self.steps is not None:
            settings = replace(settings, training=settings.training.lasting(self.steps))
        return replace(settings, limit=self.limit) if self.limit else settings

    def command_to_resume(self) -> str:
        """The command that continues the preparation."""
        asked = options({"prior": self.prior, "prior-kind": self.prior_kind, "steps": self.steps})
        limit = ["--limit", *self.limit] if self.limit else []
        return command(
            "mereq", "prepare", self.task, "--out", self.out, "--seed", self.seed, *asked, *limit, "--resume"
        )

    def command_to_use(self) -> str:
        """The command that aligns with the family."""
        asked = options({"prior": self.prior, "prior-kind": self.prior_kind})
        return command("mereq", "align", self.task, *asked, "--method", "mereq-bayes", "--family", self.out)


def prepare(asked: FamilyRequest, console: Console) -> None:
    """Prepare the policy family of a task's prior in phases."""
    if asked.seed < 0:
        raise WrongValue(f"--seed is {asked.seed}, and must be at least 0.")
    definition = find_task(asked.task)
    name_policy(asked.prior)
    spec = RunSpec.named(task=asked.task, prior=asked.prior, prior_kind=asked.prior_kind)
    assert definition.family_settings is not None
    settings, task, prior = asked.settings(definition.family_settings), task_of(spec), policy_of(spec, "prior")
    depends_on = {"task": asked.task, "seed": asked.seed, PRIOR: checksum_of(prior, task), "settings": asdict(settings)}
    about = json.loads(json.dumps(depends_on))
    with (
        locked_output(asked.out, "preparing") as out,
        closing(FamilyTraining(task, prior, settings, seed=asked.seed)) as training,
    ):
        curve = begin(training, out, about, resume=asked.resume)
        prepare_machine(definition, console)

        def evaluated(_: int) -> tuple[dict[str, float], str]:
            metrics = rounded(training.simulator_training.metrics)
            return metrics, f"loss {metrics['loss']:.4f}" if "loss" in metrics else ""

        def save(done: int) -> None:
            entries = {"steps": done, "curve": curve, "provenance": provenance()}
            save_family(out, training.family, about={**about, **entries})

        run_phases(
            training,
            out,
            about,
            curve,
            title=f"preparing a family for {asked.task}",
            evaluate=evaluated,
            save=save,
            resume_with=asked.command_to_resume(),
            console=console,
        )
    where = f"{asked.out}.safetensors and {asked.out}.json"
    console.print(words(f"The policy family is in {where}. Use it with:  {asked.command_to_use()}"), soft_wrap=True)
