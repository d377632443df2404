"""The policies of recorded runs."""

from typing import Any

from mereq.core.errors import IncompatibleRun
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.presets.methods import METHODS
from mereq.presets.registry import definition_of
from mereq.runs.policies import policy_of
from mereq.runs.run import config_of
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RunReader


def load_method_policy(reader: RunReader, index: int) -> tuple[Task, Policy, Policy]:
    """Task, prior, and the policy after a round of a recorded run.

    Raises:
        IncompatibleRun: when the prior is not the one that the run was made with.
    """
    spec = spec_of(reader)
    prior = policy_of(spec, "prior")
    return definition_of(spec.task).task, prior, reader.policy(index, prior)


def load_supervised_policy(reader: RunReader, index: int) -> Policy:
    """The policy that was supervised at the beginning of a round: the one after the round before, at first the method's
    start. One round beyond the last gives the last policy.

    Raises:
        IncompatibleRun: when the prior is not the one that the run was made with.
    """
    if index > 0:
        return load_method_policy(reader, index - 1)[2]
    spec = spec_of(reader)
    start = METHODS[spec.method].start(
        definition_of(spec.task).task, policy_of(spec, "prior"), spec.settings, seed=spec.seed
    )
    return start.policy


def load_version(reader: RunReader, version: int) -> Policy:
    """The policy that proposed the steps of this version of a recorded run.

    Raises:
        IncompatibleRun: when the prior is not the one that the run was made with.
        UnknownName: when the run has no such version.
    """
    spec = spec_of(reader)
    if version == 0 or spec.learning == "sequential":
        return load_supervised_policy(reader, version)
    return reader.version(version, policy_of(spec, "prior"))


def recorded_spec(config: dict[str, Any], *needed: str, whose: str) -> RunSpec:
    """The run of a recorded configuration, if the policies that are needed are still what they were.

    Args:
        config: as it was recorded, with checksums.
        needed: "prior", "expert".
        whose: begins the sentence of a refusal.

    Raises:
        IncompatibleRun: when one of them is another one now.
    """
    spec = RunSpec.from_config(config)
    now = config_of(spec)
    for which in needed:
        if now[f"{which}_sha256"] != config[f"{which}_sha256"]:
            name = getattr(spec, which) or "the task's own"
            raise IncompatibleRun(
                f"{whose} was made with another {which} than the one that is called {name!r} now. Its numbers can be "
                f"shown, its policies cannot be used without that {which}."
            )
    return spec


def spec_of(reader: RunReader) -> RunSpec:
    """The run of a reader, whose prior is going to be used."""
    return recorded_spec(reader.starts()[-1].config, "prior", whose=f"The run in {reader.directory}")
