"""What the policies of a study do when nobody watches, beside the expert and the prior. Tables 3 and 4.

The paper's protocol (arXiv v2, section V.A): of each run the checkpoint with an intervention rate of at most 0.1,
rolled out for 100 episodes, and the synthesized expert's policy for as many. All of them do the same episodes here.
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

from mereq.core.errors import CannotWrite, CorruptCheckpoint, IncompatibleRun
from mereq.core.policy import Policy
from mereq.core.simulator import Simulator
from mereq.evaluation.rollouts import EPISODES, SEED, evaluate
from mereq.presets.registry import TASKS
from mereq.reports.distributions import feature_counts, jensen_shannon_distance
from mereq.reports.summary import Condition, condition_labels, condition_of, conditions_of, runs_of, tasks_of
from mereq.runs.spec import RunSpec, load_supervised_policy, recorded_spec
from mereq.store.checkpoints import digest, load_arrays, save_arrays
from mereq.store.policies import fingerprint
from mereq.store.provenance import provenance
from mereq.store.run_store import RunStore
from mereq.studies.study_store import EVALUATIONS, RUNS, StudyRun

ALIGNED = 0.1  # an intervention rate of at most this: Table 3
EXPERT, EXPERT_AGAIN, PRIOR = "Expert", "Expert, other episodes", "Prior"


@dataclass(frozen=True)
class EvaluatedPolicy:
    """A policy whose behaviour is asked for."""

    task: str
    who: str  # EXPERT, EXPERT_AGAIN, PRIOR; of a run's, the name of its row
    load: Callable[[], Policy]
    seed: int = SEED  # of the episodes
    run: StudyRun | None = None
    round: int | None = None  # whose rollout this policy was supervised in
    reached: bool = True  # the rate was low enough then; else this is the last policy, whose rate nobody knows


@dataclass(frozen=True)
class Observed:
    """What a policy did in whole unsupervised episodes."""

    subject: EvaluatedPolicy
    features: Float[np.ndarray, "steps features"]
    returns: Float[np.ndarray, " episodes"]  # undiscounted, under the expert's reward
    measures: dict[str, float]  # the task's own, such as a success rate
    provenance: dict[str, Any]  # of the evaluation


@dataclass(frozen=True)
class Group:
    """Policies that are reported together: the aligned ones of a row, a member per seed; or one reference alone."""

    name: str
    row: Condition | None  # None for a reference: the expert or the prior
    members: list[Observed]
    distances: Float[np.ndarray, "members features"]  # Jensen-Shannon, from the expert

    @property
    def counts(self) -> Int[np.ndarray, "features bins"]:
        """Steps of all members in each bin."""
        return np.sum([feature_counts(member.features) for member in self.members], axis=0)

    @property
    def returns(self) -> Float[np.ndarray, " episodes"]:
        """Of the episodes of all members."""
        return np.concatenate([member.returns for member in self.members])

    @property
    def never_reached(self) -> int:
        """Members whose run never got to a rate that is low enough."""
        return sum(not member.subject.reached for member in self.members)


@dataclass(frozen=True)
class Behaviour:
    """How everybody behaves on one task."""

    task: str
    feature_names: tuple[str, ...]
    groups: list[Group]  # expert, expert again, prior, then the rows


def first_aligned(rates: Sequence[float]) -> int | None:
    """The first round with an intervention rate of at most `ALIGNED`; None when there is none."""
    return next((index for index, rate in enumerate(rates) if rate <= ALIGNED), None)


def subjects(study: Path, runs: Sequence[StudyRun]) -> list[EvaluatedPolicy]:
    """The policies to look at, task by task; of tasks that are not ours, none.

    The rate of a round was measured with the policy of the round before, so that is the one a rate speaks of.

    Raises:
        IncompatibleRun: the runs on a task have different experts or priors, or not those that are there now.
    """
    found = []
    labels = condition_labels(conditions_of(runs))
    for task in (task for task in tasks_of(runs) if task in TASKS):
        mine = [run for run in runs if run.task == task]
        spec = _shared_spec(mine)
        found += [
            EvaluatedPolicy(task, EXPERT, partial(spec.load, "expert")),
            EvaluatedPolicy(task, EXPERT_AGAIN, partial(spec.load, "expert"), seed=SEED + 1),
            EvaluatedPolicy(task, PRIOR, partial(spec.load, "prior")),
        ]
        for row in conditions_of(mine):
            for run in sorted(runs_of(mine, task, row), key=lambda run: run.seed):
                aligned = first_aligned([r.intervention_rate for r in run.rounds])
                index = len(run.rounds) if aligned is None else aligned
                load = partial(_stored_policy, study / RUNS / run.name, index)
                found.append(
                    EvaluatedPolicy(task, labels[row], load, run=run, round=index, reached=aligned is not None)
                )
    return found


def observe(study: Path, wanted: Sequence[EvaluatedPolicy]) -> Iterator[Observed]:
    """Let one after another do its episodes. What was observed before is read again from the study's directory.

    Raises:
        NoRun, CorruptCheckpoint: a run that is needed is not there, or damaged.
        IncompatibleRun: it was recorded by another version, or its prior is another one now.
    """
    origin = provenance()
    simulators: dict[str, Simulator] = {}
    for subject in wanted:
        policy, preset = subject.load(), TASKS[subject.task]
        file = study / EVALUATIONS / digest(_what_it_depends_on(subject, policy, origin))[:16]
        if (known := _remembered(file, subject, origin)) is not None:
            yield known
            continue
        if subject.task not in simulators:
            simulators[subject.task] = preset.task.simulate(EPISODES)
        evaluation = evaluate(policy, simulators[subject.task], seed=subject.seed)
        observed = Observed(
            subject,
            evaluation.features,
            evaluation.returns(preset.theta_expert),
            {name: float(value) for name, value in preset.describe(evaluation).items() if isinstance(value, Real)},
            origin,
        )
        with suppress(CannotWrite):  # then it is to be done again next time
            _remember(file, observed)
        yield observed


def compared(everybody: Sequence[Observed]) -> list[Behaviour]:
    """Everything observed, by task and by group, each member with its distances from the expert."""
    return [_on_task(task, [o for o in everybody if o.subject.task == task]) for task in _tasks(everybody)]


def _on_task(task: str, everybody: Sequence[Observed]) -> Behaviour:
    expert = feature_counts(everybody[0].features)
    groups = []
    for who in dict.fromkeys(o.subject.who for o in everybody):
        members = [o for o in everybody if o.subject.who == who]
        run = members[0].subject.run
        distances = [jensen_shannon_distance(feature_counts(member.features), expert) for member in members]
        groups.append(Group(who, run and condition_of(run), members, np.array(distances)))
    return Behaviour(task, TASKS[task].task.feature_names, groups)


def _tasks(everybody: Sequence[Observed]) -> list[str]:
    return list(dict.fromkeys(o.subject.task for o in everybody))


def _shared_spec(runs: Sequence[StudyRun]) -> RunSpec:
    """A run that has the prior and the expert of all."""
    for which in ("prior", "expert"):
        if len({run.config[f"{which}_sha256"] for run in runs}) > 1:
            raise IncompatibleRun(
                f"The study's runs on {runs[0].task} do not all have the same {which}, so there is no one to compare "
                "their behaviour with. Report them without --behaviour, or make a study for each."
            )
    return recorded_spec(runs[0].config, "prior", "expert", whose=f"The study's run {runs[0].name}")


def _stored_policy(directory: Path, index: int) -> Policy:
    with RunStore.open(directory) as store:
        return load_supervised_policy(store, index)


def _what_it_depends_on(subject: EvaluatedPolicy, policy: Policy, origin: dict[str, Any]) -> dict[str, Any]:
    return {
        "task": subject.task,
        "policy": fingerprint(policy),
        "theta": TASKS[subject.task].theta_expert.tolist(),
        "episodes": [EPISODES, subject.seed],
        "code": [origin["mereq"], origin["git"], origin["packages"]],
    }


def _remember(file: Path, observed: Observed) -> None:
    arrays = {"features": observed.features, "returns": observed.returns}
    about = {"measures": observed.measures, "provenance": observed.provenance}
    save_arrays(file, arrays, kind="evaluation", about=about)


def _remembered(file: Path, subject: EvaluatedPolicy, origin: dict[str, Any]) -> Observed | None:
    """What was observed before; None if nothing was, or if the code has uncommitted changes and so no name."""
    if (origin["git"] or {}).get("dirty"):
        return None
    try:
        found = load_arrays(file, kind="evaluation")
    except CorruptCheckpoint:
        return None
    return Observed(
        subject, found.arrays["features"], found.arrays["returns"], found.about["measures"], found.about["provenance"]
    )
