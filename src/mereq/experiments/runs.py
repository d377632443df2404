"""Runs by name: from the words of a command line to Algorithm 1 and its store, and back again."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mereq.align.algorithm import Event, events
from mereq.align.settings import AlignSettings, Inference
from mereq.core.errors import IncompatibleRun, UnknownName
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.experiments.checkpoints import describe, describe_shipped, load_policy, load_shipped
from mereq.experiments.presets import METHODS, TaskPreset, task_preset
from mereq.experiments.recording import record
from mereq.experiments.store import RunStore
from mereq.maxent_rl.dqn import DQNSettings
from mereq.maxent_rl.practice import Schedule


@dataclass(frozen=True)
class RunSpec:
    """Everything a run on one of our tasks depends on, besides the code."""

    task: str
    method: str
    preset: str
    settings: AlignSettings
    seed: int
    n_iterations: int
    rate_threshold: float
    supervision: dict[str, float]  # numbers of the synthesized expert's rule
    prior: str  # "shipped", or a checkpoint's path
    expert: str

    @classmethod
    def named(
        cls,
        *,
        task: str,
        method: str,
        preset: str,
        seed: int,
        n_iterations: int,
        rate_threshold: float,
        prior: str = "shipped",
        expert: str = "shipped",
    ) -> "RunSpec":
        """A run by the names of its parts.

        Raises:
            UnknownName: with the names there are.
        """
        families = task_preset(task).align
        if preset not in families:
            raise UnknownName("preset", preset, list(families))
        if method not in METHODS:
            raise UnknownName("method", method, list(METHODS))
        settings, supervision = families[preset], task_preset(task).supervision
        return cls(task, method, preset, settings, seed, n_iterations, rate_threshold, supervision, prior, expert)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "RunSpec":
        """The run a store was made with."""
        fields = {field.name: config[field.name] for field in dataclasses.fields(cls)}
        settings = dict(fields["settings"])
        learner = dict(settings["learner"])
        settings["learner"] = DQNSettings(**{**learner, "hidden": tuple(learner["hidden"])})
        settings["inference"] = Inference(**settings["inference"])
        settings["practice"] = Schedule(**settings["practice"])
        return cls(**{**fields, "settings": AlignSettings(**settings)})

    def going_on(self, n_iterations: int) -> "RunSpec":
        """The same run with another number of rounds."""
        return dataclasses.replace(self, n_iterations=n_iterations)

    def config(self) -> dict[str, Any]:
        """The run as JSON, with the checksums of its policies."""
        sums = {f"{which}_sha256": self._about(which)["sha256"] for which in ("prior", "expert")}
        return dataclasses.asdict(self) | sums

    @property
    def task_preset(self) -> TaskPreset:
        """The task with its numbers."""
        return task_preset(self.task)

    def load(self, which: str) -> Policy:
        """The run's "prior" or "expert" policy."""
        source, task = getattr(self, which), self.task_preset.task
        return load_shipped(task, which) if source == "shipped" else load_policy(Path(source), task)

    def _about(self, which: str) -> dict[str, Any]:
        source = getattr(self, which)
        return describe_shipped(self.task, which) if source == "shipped" else describe(Path(source))

    def events(self, store: RunStore) -> Iterator[Event]:
        """Run Algorithm 1 from where the store stands, recording each event before it is yielded."""
        preset = self.task_preset
        stream = events(
            preset.task,
            self.load("prior"),
            preset.supervisor(self.load("expert"), **self.supervision),
            METHODS[self.method],
            self.settings,
            seed=self.seed,
            n_iterations=self.n_iterations,
            rate_threshold=self.rate_threshold,
            resume=store.resume_point(),
        )
        return record(stream, store)


def load_method_policy(store: RunStore, index: int) -> tuple[Task, Policy, Policy]:
    """Task, prior and the policy after a round of a stored run.

    Raises:
        IncompatibleRun: when the prior is not the one the run was made with.
    """
    config = store.starts()[-1].config
    spec = RunSpec.from_config(config)
    if spec.config()["prior_sha256"] != config["prior_sha256"]:
        raise IncompatibleRun(
            f"The run in {store.directory} was made with another prior than the one that is called {spec.prior!r} now. "
            "Its numbers can be shown, its policies cannot be used without that prior."
        )
    prior = spec.load("prior")
    return spec.task_preset.task, prior, store.policy(index, prior)
