"""Specification of a run: everything that the run depends on, besides the code."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin

import cattrs

from mereq.alignment.inverse_rl import weighed_features
from mereq.alignment.posterior_alignment import PosteriorAlignment
from mereq.alignment.robot_gated import without_gate
from mereq.alignment.settings import AlignSettings
from mereq.core.errors import IncompatibleRun, UnknownName, WrongValue
from mereq.core.toml_file import exactly
from mereq.presets.methods import LearningName, default_learning, find_method, method_named
from mereq.presets.named import is_named, recorded_name
from mereq.presets.registry import definition_of, find_task
from mereq.priors.outputs import KINDS
from mereq.runs.robots import check_robot, name_robot, recorded_robot
from mereq.store.compatibility import READ_BY
from mereq.store.families import is_unfinished

LARGEST_SEED = 2**63 - 1  # the largest number that the records can store
SLOWEST_PACE = 0.001  # steps per second
SupervisorName = Literal["expert", "person"]


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Specification of a run; `mereq.runs.run.run` executes it."""

    task: str  # a name that `find_task` knows
    method: str  # a name that `find_method` knows
    preset: str
    settings: AlignSettings
    seed: int
    n_rounds: int
    rate_threshold: float
    supervision: dict[str, float] = field(default_factory=dict[str, float])  # numbers of the intervention rule
    noise: float = 0.0  # probability that an expert step is disturbed
    lateness: int = 0  # steps between a synthesized expert's reason to take over and its takeover
    prior: str | None = None  # a file's path, file.py:NAME or package.module:NAME; None: the task's own
    prior_kind: str | None = None  # what the prior's function or graph returns: `mereq.priors.outputs.KINDS`
    expert: str | None = None  # as for `prior`
    family: str | None = None  # path of a policy family, for mereq-bayes; None: the task's own
    supervisor: SupervisorName = "expert"  # the task's synthesized expert, or a person
    learning: LearningName = "sequential"  # between rounds, concurrently, at handbacks, or these while preparing
    pace: float | None = None  # steps per second of a synthesized expert; None: as fast as the machine can
    robot: str | None = None  # for supervised rollouts, see `runs.robots`; None: the task's own simulation
    own_rate_steps: int = 0  # supervised steps, not counted, that a policy's own rate is measured in; 0: not measured

    def __post_init__(self):
        if self.robot is not None and self.settings.inference.starts == "segments":
            raise ValueError("starts must be 'episodes' with a robot, whose episodes the simulation cannot repeat")
        allowed = {
            "n_rounds": (self.n_rounds >= 1, "at least 1"),
            "rate_threshold": (0 <= self.rate_threshold <= 1, "between 0 and 1"),
            "noise": (0 <= self.noise <= 1, "between 0 and 1"),
            "lateness": (self.lateness >= 0, "at least 0"),
            "seed": (0 <= self.seed <= LARGEST_SEED, f"at least 0, and at most {LARGEST_SEED}"),
            "pace": (
                self.pace is None or SLOWEST_PACE <= self.pace < float("inf"),
                f"at least {SLOWEST_PACE:g}, and finite",
            ),
            "own_rate_steps": (self.own_rate_steps >= 0, "at least 0"),
            "supervision": (all(map(math.isfinite, self.supervision.values())), "finite numbers"),
        }
        for name, (valid, range_) in allowed.items():
            if not valid:
                raise WrongValue(f"A run's {name} must be {range_}; it is {getattr(self, name)}.")

    @classmethod
    def named(
        cls,
        *,
        task: str,
        method: str = "mereq",
        preset: str = "fast",
        seed: int = 0,
        n_rounds: int = 10,
        rate_threshold: float = 0.0,
        prior: str | None = None,
        prior_kind: str | None = None,
        expert: str | None = None,
        family: str | None = None,
        supervisor: SupervisorName = "expert",
        learning: LearningName | None = None,
        pace: float | None = None,
        robot: str | None = None,
        own_rate_steps: int | None = None,
    ) -> "RunSpec":
        """Specification from names, as a user gives them. A task of the user's own is imported.

        By default a method learns as `default_learning` says, and the own rate of policies that learn at handbacks from
        a synthesized expert is measured in as many steps as a round has.

        Raises:
            UnknownName: a name does not exist; the message lists the existing ones.
            CannotLoad: the task cannot be imported.
            WrongValue: a value is out of its range, or has no effect.
        """
        settings = find_task(task).settings_of(preset)
        find_method(method)
        prepared = definition_of(task).family is not None if family is None else not is_unfinished(Path(family))
        learning = learning or default_learning(method, prepared=prepared)
        if own_rate_steps is None:
            measured = learning in ("handback", "within", "preparing") and supervisor == "expert" and robot is None
            own_rate_steps = settings.rollout_steps if measured else 0
        spec = cls(
            task=task,
            method=method,
            preset=preset,
            settings=settings,
            seed=seed,
            n_rounds=n_rounds,
            rate_threshold=rate_threshold,
            supervision=dict(definition_of(task).supervision),
            prior=prior,
            prior_kind=prior_kind,
            expert=expert,
            family=family,
            supervisor=supervisor,
            learning=learning,
            pace=pace,
            own_rate_steps=own_rate_steps,
        ).on(robot)
        spec.check_names()
        spec.check_effects()
        return spec

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "RunSpec":
        """Specification of a recorded run. Nothing is imported.

        Settings that the method does not read, as another version recorded them, are replaced by the present ones.

        Raises:
            IncompatibleRun: a value is wrong, or another version recorded the configuration.
        """
        known = {field.name: config[field.name] for field in dataclasses.fields(cls) if field.name in config}
        try:
            return _structured(known)
        except WrongValue as error:
            with suppress(WrongValue):
                return _structured(_read_settings(known))
            raise IncompatibleRun(
                f"{error} A run that another version of mereq recorded needs that version."
            ) from error

    def to_config(self) -> dict[str, Any]:
        """The specification as JSON, without fields that have their default, so that older runs stay comparable."""
        config = dataclasses.asdict(self)
        for entry in dataclasses.fields(self):
            default = entry.default_factory() if callable(entry.default_factory) else entry.default
            if config[entry.name] == default:
                del config[entry.name]
        return (
            config
            | {
                name: recorded_name(config[name])
                for name in ("task", "method", "prior", "expert")
                if is_named(config.get(name) or "")
            }
            | ({} if self.robot is None else {"robot": recorded_robot(self.robot)})
        )

    def changed(self, changes: Mapping[str, Any]) -> "RunSpec":
        """The same run with other values, such as `{"settings": {"inference": {"kappa": 0.3}}, "noise": 0.1}`.

        Raises:
            UnknownName: there is no field, task, preset, method, learning schedule or feature of this name; the
                message lists the existing ones.
            WrongValue: a value has the wrong type, is out of its range, or has no effect.
        """
        before = self.on(str(changes["robot"])) if changes.get("robot") is not None else self
        spec = _structured(_merged(dataclasses.asdict(before), changes))
        spec.check_names()
        spec.check_effects()
        weighed_features(definition_of(spec.task).task.feature_names, spec.settings.inference.features)
        return spec

    def on(self, robot: str | None) -> "RunSpec":
        """The same run with its supervised rollouts on a robot. Naming a driver permits its import.

        The simulation cannot repeat a robot's episodes. Policy and expert are therefore compared in new episodes, as in
        the preset `paper`, instead of from the states in which the expert took over; kappa follows that preset.
        """
        name_robot(robot)
        inference = self.settings.inference
        if robot is not None and inference.starts == "segments":
            settings = definition_of(self.task).settings
            kappa = settings["paper"].inference.kappa if "paper" in settings else inference.kappa
            inference = replace(inference, starts="episodes", kappa=kappa)
        return replace(self, robot=robot, settings=replace(self.settings, inference=inference))

    def with_rounds(self, n_rounds: int) -> "RunSpec":
        """The same run with another number of rounds."""
        return replace(self, n_rounds=n_rounds)

    def check_names(self) -> None:
        """Refuse names that do not exist. The robot's driver is not imported.

        Raises:
            UnknownName: a name does not exist; the message lists the existing ones.
        """
        definition_of(self.task).settings_of(self.preset)
        method_named(self.method)
        if self.prior_kind is not None and self.prior_kind not in KINDS:
            raise UnknownName("kind of prior", self.prior_kind, KINDS)
        if self.learning not in get_args(LearningName):
            raise UnknownName("learning schedule", self.learning, get_args(LearningName))
        if self.robot is not None:
            check_robot(self.robot)

    def check_effects(self) -> None:
        """Refuse values that would have no effect beside the others.

        Raises:
            WrongValue: there is one; the message says what it would need.
        """
        if self.prior_kind is not None and self.prior is None:
            raise WrongValue(
                f"A prior's kind ({self.prior_kind}) says what the function or graph of --prior returns, and no prior "
                "is named: name one with --prior, or leave --prior-kind out."
            )
        if self.supervisor == "person":
            defaults = {entry.name: entry.default for entry in dataclasses.fields(self)}
            unheeded = [name for name in _OF_A_PROGRAM if getattr(self, name) != defaults[name]]
            if unheeded:
                raise WrongValue(f"A person supervises this run, so {', '.join(unheeded)} would have no effect.")
        if self.learning == "preparing" and not isinstance(without_gate(method_named(self.method)), PosteriorAlignment):
            raise WrongValue(
                f"The learning schedule preparing prepares a policy family, and the method {self.method} uses none. "
                "Choose --method mereq-bayes, or another schedule."
            )


_OF_A_PROGRAM = ("expert", "noise", "lateness", "pace")  # fields that only a synthesized expert heeds


def _read_settings(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration without settings that its method does not read, which another version may have recorded."""
    if not isinstance(config.get("settings"), dict):
        return config
    settings: dict[str, Any] = config["settings"]
    method = str(config.get("method"))
    read = {name: value for name, value in settings.items() if name not in READ_BY or method in READ_BY[name]}
    return config | {"settings": read}


def _structured_tuple(values: Any, kind: Any) -> tuple[Any, ...]:
    if not isinstance(values, list | tuple):
        raise TypeError(f"{values!r} is not a list")
    return tuple(exactly(value, get_args(kind)[0]) for value in cast(Iterable[Any], values))


def _structured_literal(value: Any, kind: Any) -> Any:
    if value not in get_args(kind):
        raise TypeError(f"{value!r} is not one of {', '.join(map(repr, get_args(kind)))}")
    return value


STRUCTURE = cattrs.Converter(forbid_extra_keys=True)
for _kind in (bool, int, float, str):
    STRUCTURE.register_structure_hook(_kind, exactly)
STRUCTURE.register_structure_hook_func(lambda kind: get_origin(kind) is tuple, _structured_tuple)
STRUCTURE.register_structure_hook_func(lambda kind: get_origin(kind) is Literal, _structured_literal)


def _structured(config: Mapping[str, Any]) -> RunSpec:
    """The specification with these fields.

    Raises:
        WrongValue: a value has the wrong type, or is out of its range.
    """
    try:
        return STRUCTURE.structure(config, RunSpec)
    except cattrs.BaseValidationError as error:
        wrong = "; ".join(cattrs.transform_error(error, path="run", format_exception=_message_of))
        raise WrongValue(f"No run can have this configuration: {wrong}. Correct the value.") from error


def _message_of(error: BaseException, wanted: Any) -> str:
    if isinstance(error, AttributeError) or str(error).endswith("is not iterable"):
        return "not a table of named values"
    own_message = isinstance(error, TypeError) or (isinstance(error, ValueError) and wanted is None)
    return str(error).rstrip(".") if own_message else cattrs.v.format_exception(error, wanted)


def _merged(config: Mapping[str, Any], changes: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    for key in changes:
        if key not in config:
            raise UnknownName(f"number of {path.removesuffix('.') or 'a run'}", key, list(config))
    return {
        key: _merged(cast(dict[str, Any], value), changes[key], f"{path}{key}.")
        if isinstance(value, dict) and isinstance(changes.get(key), dict)
        else changes.get(key, value)
        for key, value in config.items()
    }
