"""The policy family of a run, and the method that uses it."""

from dataclasses import replace
from pathlib import Path

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


def method_of(spec: RunSpec) -> Method:
    """The run's method, with its policy family if it needs one. Raises also as `family_of`.

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
        learner = replace(learner, family=family_of(spec))
    return replace(method, learner=learner) if isinstance(method, RobotGated) else learner


def family_of(spec: RunSpec) -> PolicyFamily:
    """The policy family of a run.

    Raises:
        IncompleteTask: the task has no family, and the run names none.
        IncompatibleRun: the family was prepared for another prior.
        CorruptCheckpoint: the family is a checkpoint that cannot be used.
    """
    definition, task = definition_of(spec.task), task_of(spec)
    if spec.family is not None:
        family, about = load_family(Path(spec.family), task)
    elif definition.family is not None:
        family, about = definition.family()
    else:
        raise IncompleteTask(
            f"The method {spec.method} needs a policy family, and the task {spec.task} has none. Prepare one with "
            f"`mereq prepare {spec.task}` (and the run's --prior), and name it with --family."
        )
    if about.get(PRIOR) != checksum_of(policy_of(spec, "prior"), task):
        raise IncompatibleRun(
            f"The policy family {spec.family or 'of the task'} was prepared for another prior than the run's: its "
            f"policies are residuals of that prior. Prepare one for this prior: `mereq prepare {spec.task}` with "
            "--prior, and name it with --family."
        )
    return family
