"""Recorded runs: their configurations, and their policies."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from mereq.core.errors import IncompatibleRun
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.presets.methods import method_named
from mereq.runs.policies import policy_of, task_of
from mereq.runs.run import config_of
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RunReader


@dataclass(frozen=True)
class RecordedConfig:
    """Configuration of a recorded run, with checksums of its policies: as it was written, by whichever version."""

    fields: Mapping[str, Any]  # as in JSON

    @cached_property
    def spec(self) -> RunSpec:
        """The run.

        Raises:
            IncompatibleRun: another version recorded the configuration.
        """
        return RunSpec.from_config(self.fields)

    @property
    def supervised_by_person(self) -> bool:
        """Whether a person supervised the run."""
        return self.fields.get("supervisor") == "person"

    @property
    def noise(self) -> float:
        """Probability that an expert step was disturbed."""
        return self.fields.get("noise", 0.0)

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the features; None where the run did not record them."""
        names = self.fields.get("feature_names")
        return None if names is None else tuple(names)

    def checksum(self, which: Literal["prior", "expert"]) -> str | None:
        """Checksum of a policy; None where the run did not use it."""
        return self.fields.get(f"{which}_sha256")

    def spec_with(self, *needed: Literal["prior", "expert"], whose: str) -> RunSpec:
        """The run, after comparing the checksums of the policies that are needed.

        Args:
            needed: policies that the caller uses.
            whose: subject of the error message, such as "The run in runs/mine".

        Raises:
            IncompatibleRun: one of these policies has changed since the run.
        """
        now = RecordedConfig(config_of(self.spec))
        for which in needed:
            if now.checksum(which) != self.checksum(which):
                name = getattr(self.spec, which) or "the task's own"
                raise IncompatibleRun(
                    f"{whose} was made with another {which} than the present {name!r}. Its numbers can be shown; "
                    f"its policies need that {which}."
                )
        return self.spec


def load_method_policy(reader: RunReader, index: int) -> tuple[Task, Policy, Policy]:
    """Task, prior, and the policy after a round of a recorded run.

    Raises:
        IncompatibleRun: the prior has changed since the run.
    """
    spec = spec_of(reader)
    prior = policy_of(spec, "prior")
    return task_of(spec), prior, reader.policy(index, prior)


def load_supervised_policy(reader: RunReader, index: int) -> Policy:
    """The policy at the beginning of a round: the policy after the previous round, or the method's first one.

    The index after the last round gives the last policy.

    Raises:
        IncompatibleRun: the prior has changed since the run.
    """
    if index > 0:
        return load_method_policy(reader, index - 1)[2]
    spec = spec_of(reader)
    start = method_named(spec.method).start(task_of(spec), policy_of(spec, "prior"), spec.settings, seed=spec.seed)
    return start.policy


def load_version(reader: RunReader, version: int) -> Policy:
    """The policy of a version: the one that proposed the steps with this number.

    Raises:
        IncompatibleRun: the prior has changed since the run.
        UnknownName: the run has no such version.
    """
    spec = spec_of(reader)
    if version == 0 or spec.learning == "sequential":
        return load_supervised_policy(reader, version)
    return reader.version(version, policy_of(spec, "prior"))


def spec_of(reader: RunReader) -> RunSpec:
    """The recorded run of a reader, after comparing the checksum of its prior."""
    config = RecordedConfig(reader.starts()[-1].config)
    return config.spec_with("prior", whose=f"The run in {reader.directory}")
