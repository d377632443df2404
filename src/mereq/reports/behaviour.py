"""Behaviour of a study's policies in unsupervised episodes, compared with the expert's and the prior's. Tables 3 and 4.

The paper's protocol (arXiv v2, section V.A): of each run the checkpoint with an intervention rate of at most 0.1,
rolled out for 100 episodes, and the synthesized expert's policy for as many. Here all of them do the same episodes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mereq.core.border import own_code
from mereq.core.errors import CannotWrite, CorruptCheckpoint, IncompatibleRun
from mereq.core.policy import Policy
from mereq.core.seen_prior import seen_in
from mereq.core.simulator import Simulator
from mereq.core.task import Task
from mereq.evaluation.rollouts import EPISODES, SEED, evaluate
from mereq.presets.definition import TaskDefinition
from mereq.presets.known_tasks import known_task
from mereq.reports.distributions import feature_counts, jensen_shannon_distance
from mereq.reports.summary import (
    Condition,
    condition_labels,
    condition_of,
    conditions_of,
    is_robot_gated,
    of_single_episodes,
    runs_of,
    tasks_of,
)
from mereq.runs.policies import checksum_of, policy_of
from mereq.runs.recorded import load_supervised_policy
from mereq.runs.spec import RunSpec
from mereq.store.checkpoints import digest, load_arrays, save_arrays
from mereq.store.links import inside
from mereq.store.provenance import provenance
from mereq.store.run_store import RunReader
from mereq.studies.study_store import EVALUATIONS, RUNS, StudyRun

ALIGNED = 0.1  # an intervention rate of at most this: Table 3
EXPERT, EXPERT_AGAIN, PRIOR = "Expert", "Expert, other episodes", "Prior"


@dataclass(frozen=True)
class EvaluatedPolicy:
    """A policy that is evaluated in unsupervised episodes."""

    task: str
    name: str  # EXPERT, EXPERT_AGAIN or PRIOR; of a run's policy, the label of the run's condition
    load: Callable[[], Policy]
    seed: int = SEED  # of the episodes
    run: StudyRun | None = None
    round: int | None = None  # the round in which this policy was supervised
    reached: bool = True  # whether the rate of that round was low enough; else this is the last policy, of unknown rate


@dataclass(frozen=True)
class PolicyEvaluation:
    """Features and returns of a policy in whole unsupervised episodes."""

    policy: EvaluatedPolicy
    feature_names: tuple[str, ...]
    features: Float[np.ndarray, "steps features"]
    returns: Float[np.ndarray, " episodes"]  # undiscounted, under the expert's reward
    measures: dict[str, float]  # the task's own, such as a success rate
    provenance: dict[str, Any]  # of the evaluation


@dataclass(frozen=True)
class PolicyGroup:
    """Policies that are reported together: those of a condition, one per seed; or one reference alone."""

    name: str
    condition: Condition | None  # None for a reference: the expert or the prior
    members: list[PolicyEvaluation]
    distances: Float[np.ndarray, "members features"]  # Jensen-Shannon, from the expert

    @property
    def counts(self) -> Int[np.ndarray, "features bins"]:
        """Number of steps of all members in each bin."""
        return np.sum([feature_counts(member.features) for member in self.members], axis=0)

    @property
    def returns(self) -> Float[np.ndarray, " episodes"]:
        """Returns of the episodes of all members."""
        return np.concatenate([member.returns for member in self.members])

    @property
    def never_reached(self) -> int:
        """Number of members whose run never had a rate that is low enough."""
        return sum(not member.policy.reached for member in self.members)


@dataclass(frozen=True)
class Behaviour:
    """Evaluated policies of one task, compared with its expert."""

    task: str
    feature_names: tuple[str, ...]
    groups: list[PolicyGroup]  # expert, expert again, prior, then the conditions


def first_aligned(rates: Sequence[float]) -> int | None:
    """Index of the first round with an intervention rate of at most `ALIGNED`; None when there is none."""
    return next((index for index, rate in enumerate(rates) if rate <= ALIGNED), None)


@dataclass(frozen=True)
class EvaluationTask:
    """A task whose policies can be evaluated: its code, and its expert's reward."""

    definition: TaskDefinition
    theta_expert: Float[np.ndarray, " features"]


def tasks_to_evaluate(runs: Sequence[StudyRun]) -> dict[str, EvaluationTask]:
    """Tasks whose policies can be evaluated, by name: their code is known, and so are their expert's reward and policy.

    See `known_task` for the code that may be used.
    """
    found = {}
    for name in tasks_of(runs):
        task = _evaluation_task(name)
        if task is not None and all(run.config.checksum("expert") for run in runs if run.task == name):
            found[name] = task
    return found


def policies_to_evaluate(study: Path, runs: Sequence[StudyRun]) -> list[EvaluatedPolicy]:
    """The policies to evaluate, task by task; none of tasks that are not in `tasks_to_evaluate`.

    The rate of a round was measured with the policy of the round before, so that is the policy a rate is about.

    Raises:
        IncompatibleRun: the runs on a task have different experts or priors, or others than those that exist now.
    """
    found = []
    labels = condition_labels(conditions_of(runs))
    for task in tasks_to_evaluate(runs):
        mine = [run for run in runs if run.task == task]
        spec = _shared_spec(mine)
        found += [
            EvaluatedPolicy(task, EXPERT, partial(policy_of, spec, "expert")),
            EvaluatedPolicy(task, EXPERT_AGAIN, partial(policy_of, spec, "expert"), seed=SEED + 1),
            EvaluatedPolicy(task, PRIOR, partial(policy_of, spec, "prior")),
        ]
        for condition in conditions_of(mine):
            for run in sorted(runs_of(mine, task, condition), key=lambda run: run.seed):
                found.append(_policy_of_run(study, run, labels[condition]))
    return found


def evaluate_policies(study: Path, policies: Sequence[EvaluatedPolicy]) -> Iterator[PolicyEvaluation]:
    """Evaluate one policy after another. Evaluations that were made before are read from the study's directory.

    Raises:
        NoRun, CorruptCheckpoint: a run that is needed does not exist, or is damaged.
        IncompatibleRun: a run was recorded by another version, or its prior is another one now.
    """
    code = provenance()
    simulators: dict[str, Simulator] = {}
    for policy in policies:
        loaded, task = policy.load(), _evaluation_task(policy.task)
        if task is None:
            raise ValueError(f"{policy.task} is not a task that can be evaluated; see `tasks_to_evaluate`")
        file = inside(study, study / EVALUATIONS / digest(_dependencies(policy, loaded, task, code))[:16])
        if (stored := _read_stored(file, policy, task, code)) is not None:
            yield stored
            continue
        result = evaluate(loaded, _simulator(simulators, policy.task, task.definition.task, loaded), seed=policy.seed)
        with own_code(f"The metrics of the task {policy.task} failed"):
            measures = {
                k: float(value) for k, value in task.definition.metrics(result).items() if isinstance(value, Real)
            }
        returns = result.returns(task.theta_expert)
        names = task.definition.task.feature_names
        evaluation = PolicyEvaluation(policy, names, result.features, returns, measures, code)
        with suppress(CannotWrite):  # then it is evaluated again next time
            _store(file, evaluation)
        yield evaluation


def compare_with_expert(evaluations: Sequence[PolicyEvaluation]) -> list[Behaviour]:
    """Evaluations by task and group, each with its distances from the expert, which comes first in each task."""
    tasks = dict.fromkeys(e.policy.task for e in evaluations)
    return [_compare_on(task, [e for e in evaluations if e.policy.task == task]) for task in tasks]


def _compare_on(task: str, evaluations: Sequence[PolicyEvaluation]) -> Behaviour:
    expert = feature_counts(evaluations[0].features)
    groups = []
    for name in dict.fromkeys(e.policy.name for e in evaluations):
        members = [e for e in evaluations if e.policy.name == name]
        run = members[0].policy.run
        distances = [jensen_shannon_distance(feature_counts(member.features), expert) for member in members]
        groups.append(PolicyGroup(name, run and condition_of(run), members, np.array(distances)))
    return Behaviour(task, evaluations[0].feature_names, groups)


def _evaluation_task(name: str) -> EvaluationTask | None:
    definition = known_task(name)
    if definition is None or definition.theta_expert is None:
        return None
    return EvaluationTask(definition, definition.theta_expert)


def _policy_of_run(study: Path, run: StudyRun, name: str) -> EvaluatedPolicy:
    if of_single_episodes(run) or is_robot_gated(run.method):
        load = partial(_supervised_policy, study / RUNS / run.name, len(run.rounds))
        return EvaluatedPolicy(run.task, name, load, run=run, round=len(run.rounds))
    aligned = first_aligned([r.intervention_rate for r in run.rounds])
    index = len(run.rounds) if aligned is None else aligned
    load = partial(_supervised_policy, study / RUNS / run.name, index)
    return EvaluatedPolicy(run.task, name, load, run=run, round=index, reached=aligned is not None)


def _shared_spec(runs: Sequence[StudyRun]) -> RunSpec:
    """Specification of a run that has the prior and the expert of all runs."""
    for which in ("prior", "expert"):
        if len({run.config.checksum(which) for run in runs}) > 1:
            raise IncompatibleRun(
                f"The study's runs on {runs[0].task} do not all have the same {which}, so there is no one {which} to "
                "compare their behaviour with. Report them without --behaviour, or make a study for each."
            )
    return runs[0].config.spec_with("prior", "expert", whose=f"The study's run {runs[0].name}")


def _supervised_policy(directory: Path, index: int) -> Policy:
    with RunReader.open(directory) as store:
        return load_supervised_policy(store, index)


def load_last_policy(directory: Path) -> Policy:
    """The policy after the last round of a run."""
    with RunReader.open(directory) as store:
        return load_supervised_policy(store, len(store.rounds()))


def _simulator(known: dict[str, Simulator], name: str, task: Task, policy: Policy) -> Simulator:
    """Simulator of a task, a known one if possible; of a prior that sees raw observations, one with its answers."""
    if (seen := seen_in(policy)) is not None:
        return task.seen_by(seen)[0].simulate(EPISODES)
    if name not in known:
        known[name] = task.simulate(EPISODES)
    return known[name]


def _dependencies(
    policy: EvaluatedPolicy, loaded: Policy, task: EvaluationTask, code: dict[str, Any]
) -> dict[str, Any]:
    """Everything that an evaluation depends on."""
    return {
        "task": policy.task,
        "policy": checksum_of(loaded, task.definition.task),
        "theta": task.theta_expert.tolist(),
        "episodes": [EPISODES, policy.seed],
        "code": [code["mereq"], code["git"], code["packages"]],
    }


def _store(file: Path, evaluation: PolicyEvaluation) -> None:
    arrays = {"features": evaluation.features, "returns": evaluation.returns}
    about = {"measures": evaluation.measures, "provenance": evaluation.provenance}
    save_arrays(file, arrays, kind="evaluation", about=about)


def _read_stored(
    file: Path, policy: EvaluatedPolicy, task: EvaluationTask, code: dict[str, Any]
) -> PolicyEvaluation | None:
    """Evaluation that was made before; None if there is none, or if the code has uncommitted changes and so no name."""
    if (code["git"] or {}).get("dirty"):
        return None
    try:
        found = load_arrays(file, kind="evaluation")
    except CorruptCheckpoint:
        return None
    names = task.definition.task.feature_names
    features, returns = found.arrays["features"], found.arrays["returns"]
    return PolicyEvaluation(policy, names, features, returns, found.about["measures"], found.about["provenance"])
