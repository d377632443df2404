"""Runs by name: from the words of a command line to Algorithm 1 and its store, and back again."""

import dataclasses
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

import cattrs

from mereq.alignment.algorithm import Event, events
from mereq.alignment.concurrent import Concurrent
from mereq.alignment.inverse_rl import weighed_features
from mereq.alignment.schedule import Sequential
from mereq.alignment.settings import AlignSettings
from mereq.core.errors import IncompatibleRun, UnknownName, WrongValue
from mereq.core.policy import Policy
from mereq.core.simulator import Environment
from mereq.core.supervisor import Supervisor
from mereq.core.task import Task
from mereq.presets.registry import METHODS, TaskDefinition, definition_of
from mereq.runs.robots import find_driver, robot_of
from mereq.runs.toml_file import exactly
from mereq.store.policies import describe, describe_shipped, load_policy, load_shipped
from mereq.store.recording import record
from mereq.store.run_store import RunStore, SeenFrame
from mereq.supervision.noise import Noisy, slips
from mereq.supervision.paced import Paced
from mereq.supervision.robot_environment import stop_robot_on_exit

PERSON = "person"
LEARNING = {"sequential": Sequential, "concurrent": Concurrent}


class HumanSupervision(NamedTuple):
    """A person at the wheel of a run."""

    supervisor: Supervisor
    environment: Environment  # the one they see
    sight: Callable[[], SeenFrame]  # what they saw when the last step was decided


@dataclass(frozen=True)
class RunSpec:
    """Everything a run on one of our tasks depends on, besides the code."""

    task: str
    method: str
    preset: str
    settings: AlignSettings
    seed: int
    n_rounds: int
    rate_threshold: float
    supervision: dict[str, float]  # numbers of the synthesized expert's rule
    noise: float  # probability that an expert step is disturbed
    prior: str  # "shipped", or a checkpoint's path
    expert: str  # the same, or "person": nobody knows what they want, and the rule's numbers are not used
    learning: str = "sequential"  # while the supervisor waits; or "concurrent": while they go on
    pace: float = 0.0  # steps per second that the synthesized expert watches; 0 is as fast as the machine can
    robot: str = ""  # what supervised rollouts run on, see `robots`; "" is the task's own simulation

    def __post_init__(self):
        if self.robot and self.settings.inference.starts == "segments":
            raise ValueError("the simulation cannot repeat a robot's episodes: starts must be 'episodes' with a robot")
        allowed = {
            "n_rounds": (self.n_rounds >= 1, "at least 1"),
            "rate_threshold": (0 <= self.rate_threshold <= 1, "between 0 and 1"),
            "noise": (0 <= self.noise <= 1, "between 0 and 1"),
            "seed": (self.seed >= 0, "at least 0"),
            "pace": (0 <= self.pace < float("inf"), "at least 0, and finite"),
        }
        for name, (fine, range_) in allowed.items():
            if not fine:
                raise WrongValue(f"A run's {name} must be {range_}; it is {getattr(self, name)}.")

    @classmethod
    def named(
        cls,
        *,
        task: str,
        method: str,
        preset: str,
        seed: int,
        n_rounds: int,
        rate_threshold: float,
        prior: str = "shipped",
        expert: str = "shipped",
        learning: str = "sequential",
        pace: float = 0.0,
        robot: str = "",
    ) -> "RunSpec":
        """A run by the names of its parts.

        Raises:
            UnknownName: with the names there are.
            WrongRobot: the robot's driver cannot be found.
        """
        _known(task, preset, method, learning, robot)
        return cls(
            task=task,
            method=method,
            preset=preset,
            settings=definition_of(task).align[preset],
            seed=seed,
            n_rounds=n_rounds,
            rate_threshold=rate_threshold,
            supervision=definition_of(task).supervision,
            noise=0.0,
            prior=prior,
            expert=expert,
            learning=learning,
            pace=pace,
        ).on(robot)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "RunSpec":
        """The run a store was made with.

        Raises:
            IncompatibleRun: when the configuration is another version's.
        """
        known = {field.name: config[field.name] for field in dataclasses.fields(cls) if field.name in config}
        try:
            return _STRUCTURE.structure(known, cls)
        except cattrs.BaseValidationError as error:
            wrong = "; ".join(cattrs.transform_error(error, path="run", format_exception=_what_is_wrong))
            raise IncompatibleRun(
                f"No run can have this configuration: {wrong}. Mend the value; a run that was made by another version "
                "of mereq needs that version."
            ) from error

    def changed(self, changes: dict[str, Any]) -> "RunSpec":
        """The same run with other numbers: `{"settings": {"inference": {"kappa": 0.3}}, "noise": 0.1}`.

        Raises:
            UnknownName: there is no number, task, preset, method, way of learning or feature of this name; the message
                lists those there are.
            IncompatibleRun: a value of the wrong type, or out of its range.
            WrongRobot: the robot's driver cannot be found.
        """
        before = self.on(str(changes.get("robot", self.robot)))
        spec = self.from_config(_merged(dataclasses.asdict(before), changes))
        _known(spec.task, spec.preset, spec.method, spec.learning, spec.robot)
        weighed_features(spec.definition.task.feature_names, spec.settings.inference.features)
        return spec

    def on(self, robot: str) -> "RunSpec":
        """The same run with its supervised rollouts on a robot.

        The simulation cannot repeat a robot's episodes, so the policy is not compared with the expert from where the
        expert took over, but in new episodes, as the preset `paper` does; the share of pseudo-expert steps follows.
        """
        inference = self.settings.inference
        if robot and inference.starts == "segments":
            kappa = self.definition.align["paper"].inference.kappa
            inference = replace(inference, starts="episodes", kappa=kappa)
        return replace(self, robot=robot, settings=replace(self.settings, inference=inference))

    def with_rounds(self, n_rounds: int) -> "RunSpec":
        """The same run with another number of rounds."""
        return replace(self, n_rounds=n_rounds)

    def config(self) -> dict[str, Any]:
        """The run as JSON, with the checksums of its policies.

        What has a default is left out while it has that: so the runs of older versions stay what they were.
        """
        policies = ("prior",) if self.expert == PERSON else ("prior", "expert")
        sums = {f"{which}_sha256": self._about(which)["sha256"] for which in policies}
        usual = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: value for name, value in dataclasses.asdict(self).items() if value != usual[name]} | sums

    @property
    def definition(self) -> TaskDefinition:
        """The task with its numbers."""
        return definition_of(self.task)

    def load(self, which: str) -> Policy:
        """The run's "prior" or "expert" policy."""
        source, task = getattr(self, which), self.definition.task
        return load_shipped(task, which) if source == "shipped" else load_policy(Path(source), task)

    def supervisor(self) -> Supervisor:
        """The synthesized expert, who may be noisy.

        Raises:
            IncompatibleRun: when a person supervises the run.
        """
        if self.expert == PERSON:
            raise IncompatibleRun(
                "A person supervises this run, so no program can go on with it. Use `mereq supervise --resume`."
            )
        preset = self.definition
        expert = preset.supervisor(self.load("expert"), **self.supervision)
        noisy = Noisy(expert, slips(preset.task.actions), probability=self.noise)
        return Paced(noisy, self.pace) if self.pace else noisy

    def environment(self) -> Environment:
        """What supervised rollouts run in.

        Raises:
            WrongRobot: the robot's driver cannot be found, or is not what it must be.
        """
        task = self.definition.task
        return robot_of(self.robot, task) if self.robot else task.make()

    def _about(self, which: str) -> dict[str, Any]:
        source, task = getattr(self, which), self.definition.task
        return describe_shipped(task.name, which) if source == "shipped" else describe(Path(source))

    def events(self, store: RunStore, watch: HumanSupervision | None = None) -> Generator[Event, None, None]:
        """Run Algorithm 1 from where the store stands, recording each event before it is yielded.

        watch: who supervises in place of the synthesized expert, and in which environment.
        """
        prior, environment = self.load("prior"), watch.environment if watch else self.environment()
        stream = events(
            replace(self.definition.task, make=lambda: environment),
            prior,
            watch.supervisor if watch else self.supervisor(),
            METHODS[self.method],
            self.settings,
            seed=self.seed,
            n_rounds=self.n_rounds,
            rate_threshold=self.rate_threshold,
            resume=store.resume_point(prior),
            learning=LEARNING[self.learning],
        )
        return stop_robot_on_exit(record(stream, store, sight=watch.sight if watch else None), environment)


def _known(task: str, preset: str, method: str, learning: str, robot: str) -> None:
    families = definition_of(task).align
    if preset not in families:
        raise UnknownName("preset", preset, list(families))
    if method not in METHODS:
        raise UnknownName("method", method, list(METHODS))
    if learning not in LEARNING:
        raise UnknownName("way of learning", learning, list(LEARNING))
    if robot:
        find_driver(robot)


def _exactly_several(values: Any, kind: Any) -> tuple[Any, ...]:
    if not isinstance(values, list | tuple):
        raise TypeError(f"{values!r} is not a list")
    return tuple(exactly(value, get_args(kind)[0]) for value in values)


_STRUCTURE = cattrs.Converter(forbid_extra_keys=True)
for _kind in (bool, int, float, str):
    _STRUCTURE.register_structure_hook(_kind, exactly)
_STRUCTURE.register_structure_hook_func(lambda kind: get_origin(kind) is tuple, _exactly_several)


def _what_is_wrong(error: BaseException, wanted: Any) -> str:
    if isinstance(error, AttributeError):
        return "it is not a table of named values"
    by_us = isinstance(error, TypeError) or (isinstance(error, ValueError) and wanted is None)
    return str(error) if by_us else cattrs.v.format_exception(error, wanted)


def _merged(config: dict[str, Any], changes: dict[str, Any], path: str = "") -> dict[str, Any]:
    for key in changes:
        if key not in config:
            raise UnknownName(f"number of {path.removesuffix('.') or 'a run'}", key, list(config))
    return {
        key: _merged(value, changes[key], f"{path}{key}.")
        if isinstance(value, dict) and isinstance(changes.get(key), dict)
        else changes.get(key, value)
        for key, value in config.items()
    }


def load_method_policy(store: RunStore, index: int) -> tuple[Task, Policy, Policy]:
    """Task, prior and the policy after a round of a stored run.

    Raises:
        IncompatibleRun: when the prior is not the one the run was made with.
    """
    spec = _spec_of(store)
    prior = spec.load("prior")
    return spec.definition.task, prior, store.policy(index, prior)


def load_supervised_policy(store: RunStore, index: int) -> Policy:
    """The policy that was supervised in a round of a stored run, at its beginning: that after the round before, and in
    the first round the method's start. One round beyond the last gives the last policy.

    Raises:
        IncompatibleRun: when the prior is not the one the run was made with.
    """
    if index > 0:
        return load_method_policy(store, index - 1)[2]
    spec = _spec_of(store)
    return METHODS[spec.method].start(spec.definition.task, spec.load("prior"), spec.settings, seed=spec.seed).policy


def load_version(store: RunStore, version: int) -> Policy:
    """The policy that proposed the steps of this version of a stored run.

    Raises:
        IncompatibleRun: when the prior is not the one the run was made with.
        UnknownName: when the run has no such version.
    """
    spec = _spec_of(store)
    if version == 0 or spec.learning == "sequential":
        return load_supervised_policy(store, version)
    return store.version(version, spec.load("prior"))


def recorded_spec(config: dict[str, Any], *needed: str, whose: str) -> RunSpec:
    """The run that a configuration was recorded of, if its policies that are needed are still what they were.

    Args:
        config: as it was recorded, with checksums.
        needed: "prior", "expert".
        whose: begins the sentence of a refusal.

    Raises:
        IncompatibleRun: when one of them is another one now.
    """
    spec = RunSpec.from_config(config)
    now = spec.config()
    for which in needed:
        if now[f"{which}_sha256"] != config[f"{which}_sha256"]:
            raise IncompatibleRun(
                f"{whose} was made with another {which} than the one that is called {getattr(spec, which)!r} now. "
                f"Its numbers can be shown, its policies cannot be used without that {which}."
            )
    return spec


def _spec_of(store: RunStore) -> RunSpec:
    """The run of a store, whose prior is to be used."""
    return recorded_spec(store.starts()[-1].config, "prior", whose=f"The run in {store.directory}")
