"""The policy family of a run, and the method that uses it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mereq.alignment.method import Method
from mereq.alignment.posterior_alignment import PosteriorAlignment
from mereq.alignment.preference_learning import PreferenceLearning
from mereq.alignment.robot_gated import RobotGated, without_gate
from mereq.core.errors import IncompatibleRun, IncompleteTask
from mereq.maxent_rl.family import PolicyFamily
from mereq.presets.methods import method_named
from mereq.presets.registry import definition_of
from mereq.runs.policies import checksum_of, policy_of, task_of
from mereq.runs.spec import RunSpec
from mereq.store.families import load_family

PRIOR = "prior_sha256"  # entry of a family's JSON file: checksum of the prior that it was prepared for


def method_of(spec: RunSpec, family: PolicyFamily | None = None) -> Method:
    """The run's method, with its policy family if it needs one. Raises also as `family_of`.

    Args:
        spec: specification of the run.
        family: that the run begins with; by default `family_of(spec)`.

    Raises:
        IncompatibleRun: the method predicts in the simulator what a robot would have done.
    """
    method = method_named(spec.method)
    learner = without_gate(method)
    if isinstance(learner, PreferenceLearning) and spec.robot is not None:
        raise IncompatibleRun(
            f"The method {spec.method} repeats supervised episodes in the simulator, which cannot repeat those of the "
            f"robot {spec.robot}. Use a method that needs no prediction, such as mile."
        )
    if isinstance(learner, PosteriorAlignment):
        learner = replace(learner, family=family_of(spec) if family is None else family)
    return replace(method, learner=learner) if isinstance(method, RobotGated) else learner


def family_of(spec: RunSpec) -> PolicyFamily:
    """The policy family of a run, prepared before it.

    Raises:
        IncompleteTask: the task has no family, and the run names none.
        IncompatibleRun: the family was prepared for another prior.
        CorruptCheckpoint: the family is a checkpoint that cannot be used.
    """
    found = _named(spec)
    if found is None:
        raise IncompleteTask(
            f"The method {spec.method} needs a policy family, and the task {spec.task} has none. Prepare one with "
            f"`mereq prepare {spec.task}` (and the run's --prior), and name it with --family; or begin at once, with "
            "--learning preparing."
        )
    family, about = found
    if not _fits(spec, about):
        raise IncompatibleRun(
            f"The policy family {spec.family or 'of the task'} was prepared for another prior than the run's: its "
            f"policies are residuals of that prior. Prepare one for this prior: `mereq prepare {spec.task}` with "
            "--prior, and name it with --family; or leave --family out, and begin at once with --learning preparing."
        )
    return family


def given_family(spec: RunSpec) -> tuple[PolicyFamily, Mapping[str, Any]] | None:
    """The family that a run's preparation continues, and its JSON file: the named one, or the task's if it fits.

    Raises:
        IncompatibleRun: the named family was prepared for another prior.
        CorruptCheckpoint: the family is a checkpoint that cannot be used.
    """
    found = _named(spec)
    if spec.family is not None:
        family_of(spec)
    return found if found is not None and _fits(spec, found[1]) else None


def _named(spec: RunSpec) -> tuple[PolicyFamily, Mapping[str, Any]] | None:
    """The family that the run names, or else the task's own, for whichever prior."""
    definition = definition_of(spec.task)
    if spec.family is not None:
        return load_family(Path(spec.family), task_of(spec))
    return None if definition.family is None else definition.family()


def _fits(spec: RunSpec, about: Mapping[str, Any]) -> bool:
    return about.get(PRIOR) == checksum_of(policy_of(spec, "prior"), task_of(spec))
