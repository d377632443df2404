"""Execution of a run: from its specification to recorded events of Algorithm 1."""

from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from mereq.alignment.algorithm import Event, Round, events
from mereq.alignment.concurrent import Concurrent
from mereq.alignment.handback import AtHandback, WithinIntervention
from mereq.alignment.method import Improver
from mereq.alignment.schedule import LearningSchedule, PolicyVersion, Resume, Sequential
from mereq.alignment.while_preparing import WhilePreparing
from mereq.core.errors import IncompatibleRun
from mereq.core.simulator import Environment
from mereq.core.supervisor import Supervisor
from mereq.maxent_rl.family_preparation import Preparation
from mereq.presets.registry import definition_of
from mereq.runs.families import method_of
from mereq.runs.own_rates import measured
from mereq.runs.policies import checksum_of, policy_of, task_of
from mereq.runs.preparations import preparation_of
from mereq.runs.robots import robot_of
from mereq.runs.spec import RunSpec
from mereq.store.recording import record
from mereq.store.run_log import logged, logger
from mereq.store.run_writer import RunWriter, is_repeatable
from mereq.supervision.late import Late
from mereq.supervision.noise import Noisy, slips
from mereq.supervision.paced import Paced
from mereq.supervision.robot_environment import stop_robot_on_exit

SCHEDULES = {"sequential": Sequential, "concurrent": Concurrent, "handback": AtHandback, "within": WithinIntervention}


def run(
    spec: RunSpec,
    writer: RunWriter,
    supervisor: Supervisor | None = None,
    *,
    environment: Environment | None = None,
    preparation: Preparation | None = None,
) -> Generator[Event, None, None]:
    """Events of Algorithm 1, continued from what the writer has; each event is recorded before it is yielded.

    Args:
        spec: specification of the run.
        writer: writer of the new or resumed run.
        supervisor: replaces the task's synthesized expert.
        environment: environment of the supervised rollouts; by default `environment_of(spec)`.
        preparation: of the run's policy family; by default `preparation_of(spec, writer)`. It is closed at the end.
    """
    if supervisor is not None or environment is not None:
        writer.protect()
    prior = policy_of(spec, "prior")
    judge = supervisor_of(spec) if supervisor is None else supervisor
    if preparation is None:
        preparation = preparation_of(spec, writer)
    chosen = environment_of(spec) if environment is None else environment  # last: a driver may change the directory
    stream = events(
        task_of(spec),
        prior,
        judge,
        method_of(spec, None if preparation is None else preparation.first),
        spec.settings,
        seed=spec.seed,
        n_rounds=spec.n_rounds,
        rate_threshold=spec.rate_threshold,
        resume=writer.restart(prior),
        learning=_schedule(spec, preparation),
        environment=chosen,
    )
    recorded = measured(record(stream, writer), spec, writer)
    return _logged(stop_robot_on_exit(recorded, chosen), spec, writer, preparation)


def _schedule(spec: RunSpec, preparation: Preparation | None) -> Callable[[Improver, Resume], LearningSchedule]:
    """Maker of the run's learning schedule."""
    if preparation is None:
        return SCHEDULES[spec.learning]
    return partial(WhilePreparing, preparation=preparation)


def _logged(
    stream: Generator[Event, None, None], spec: RunSpec, writer: RunWriter, preparation: Preparation | None
) -> Generator[Event, None, None]:
    """The same events; the run's log says when it started, what each round and policy came to, and how it ended.

    At the end the preparation is closed.
    """
    with logged(writer.directory), closing(preparation) if preparation else nullcontext(), closing(stream):
        begun = f"{len(writer.start.log.rollouts)} rounds are recorded" if writer.start.log.rollouts else "a new run"
        logger.info("%s on %s, preset %s, seed %d: %s", spec.method, spec.task, spec.preset, spec.seed, begun)
        for event in stream:
            if isinstance(event, Round):
                rate, theta = event.intervention_rate, ", ".join(f"{weight:.4f}" for weight in event.theta)
                logger.info("round %d: intervention rate %.4f, theta (%s)", event.index, rate, theta)
            elif isinstance(event, PolicyVersion):
                logger.info("policy %d, learned from %d steps", event.version, event.learned_from)
            yield event
        logger.info("finished")


def create(spec: RunSpec, directory: Path, *, overwrite: bool = False) -> RunWriter:
    """The writer of a new run in a directory. Raises as `RunWriter.create`."""
    return RunWriter.create(directory, config_of(spec), overwrite=overwrite)


def resume(spec: RunSpec, directory: Path, *, accept_loss: bool = False) -> RunWriter:
    """The writer of an interrupted run in a directory. Raises as `RunWriter.resume`.

    accept_loss: continue although stored steps are lost; always if the run makes them again, the same.
    """
    config = config_of(spec)
    accept_loss = accept_loss or is_repeatable(config)
    return RunWriter.resume(directory, config, policy_of(spec, "prior"), accept_loss=accept_loss)


def config_of(spec: RunSpec) -> dict[str, Any]:
    """Recorded configuration of a run: specification, feature names, and checksums of its policies."""
    definition = definition_of(spec.task)
    sums = {f"{which}_sha256": checksum_of(policy_of(spec, which), definition.task) for which in policies_used(spec)}
    answer = {"prior_answer": n} if (n := task_of(spec).n_answer) else {}  # last numbers of the observations
    names = {"feature_names": list(definition.task.feature_names)}
    made_of = {"env_spec": found} if (found := definition.task.env_spec) else {}
    return spec.to_config() | names | made_of | answer | sums


def policies_used(spec: RunSpec) -> tuple[str, ...]:
    """Names of the policies that the run depends on: "prior", and "expert" where the supervisor uses one."""
    expert = spec.supervisor == "expert" and definition_of(spec.task).needs_expert
    return ("prior", "expert") if expert else ("prior",)


def supervisor_of(spec: RunSpec) -> Supervisor:
    """The run's synthesized expert, late, with noise and at a fixed pace where the specification says so.

    Raises:
        IncompatibleRun: a person supervises the run.
        IncompleteTask: the task has no supervisor.
    """
    if spec.supervisor == "person":
        raise IncompatibleRun(
            "A person supervises this run, so a program cannot continue it. Use `mereq supervise --resume`."
        )
    definition = definition_of(spec.task)
    expert = definition.make_supervisor(partial(policy_of, spec, "expert"), spec.supervision)
    late = Late(expert, spec.lateness) if spec.lateness else expert
    noisy = Noisy(late, slips(definition.task.actions), probability=spec.noise) if spec.noise else late
    return noisy if spec.pace is None else Paced(noisy, spec.pace)


def environment_of(spec: RunSpec) -> Environment:
    """Environment of the run's supervised rollouts: the task's own, or a robot.

    Raises:
        WrongRobot: the robot's driver cannot be found, or does not implement `Robot`.
    """
    return task_of(spec).make() if spec.robot is None else robot_of(spec.robot, definition_of(spec.task))
