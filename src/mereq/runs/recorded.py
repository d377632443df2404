"""Policies of recorded runs."""

from typing import Any

from mereq.core.errors import IncompatibleRun
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.presets.methods import METHODS
from mereq.runs.policies import policy_of, task_of
from mereq.runs.run import config_of
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RunReader


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
    start = METHODS[spec.method].start(task_of(spec), policy_of(spec, "prior"), spec.settings, seed=spec.seed)
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


def recorded_spec(config: dict[str, Any], *needed: str, whose: str) -> RunSpec:
    """The run of a recorded configuration, after comparing the checksums of the policies that are needed.

    Args:
        config: the recorded configuration, with checksums.
        needed: policies that the caller uses: "prior", "expert".
        whose: subject of the error message, such as "The run in runs/mine".

    Raises:
        IncompatibleRun: one of these policies has changed since the run.
    """
    spec = RunSpec.from_config(config)
    now = config_of(spec)
    for which in needed:
        if now[f"{which}_sha256"] != config[f"{which}_sha256"]:
            name = getattr(spec, which) or "the task's own"
            raise IncompatibleRun(
                f"{whose} was made with another {which} than the present {name!r}. Its numbers can be shown; "
                f"its policies need that {which}."
            )
    return spec


def spec_of(reader: RunReader) -> RunSpec:
    """The recorded run of a reader, after comparing the checksum of its prior."""
    return recorded_spec(reader.starts()[-1].config, "prior", whose=f"The run in {reader.directory}")
