"""A run as a value: everything that it depends on, besides the code."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args, get_origin

import cattrs

from mereq.alignment.inverse_rl import weighed_features
from mereq.alignment.settings import AlignSettings
from mereq.core.errors import IncompatibleRun, UnknownName, WrongValue
from mereq.presets.methods import METHODS
from mereq.presets.named import FORMS, is_named, recorded_name
from mereq.presets.registry import definition_of, find_task
from mereq.runs.robots import PERTURBED
from mereq.runs.toml_file import exactly

LearningName = Literal["sequential", "concurrent"]
SupervisorName = Literal["expert", "person"]


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that a run depends on, besides the code. `runs.run.run` executes it."""

    task: str  # a name that `find_task` knows
    method: str
    preset: str
    settings: AlignSettings
    seed: int
    n_rounds: int
    rate_threshold: float
    supervision: dict[str, float] = field(default_factory=dict)  # numbers of the intervention rule
    noise: float = 0.0  # probability that an expert step is disturbed
    prior: str | None = None  # a checkpoint's path, file.py:NAME or package.module:NAME; None: the task's own
    expert: str | None = None  # the same
    supervisor: SupervisorName = "expert"  # the task's synthesized expert, or a person
    learning: LearningName = "sequential"  # between rounds, while the supervisor waits; or concurrently
    pace: float | None = None  # steps per second of a synthesized expert; None: as fast as the machine can
    robot: str | None = None  # for supervised rollouts, see `runs.robots`; None: the task's own simulation

    def __post_init__(self):
        if self.robot is not None and self.settings.inference.starts == "segments":
            raise ValueError("the simulation cannot repeat a robot's episodes: starts must be 'episodes' with a robot")
        allowed = {
            "n_rounds": (self.n_rounds >= 1, "at least 1"),
            "rate_threshold": (0 <= self.rate_threshold <= 1, "between 0 and 1"),
            "noise": (0 <= self.noise <= 1, "between 0 and 1"),
            "seed": (self.seed >= 0, "at least 0"),
            "pace": (self.pace is None or 0 < self.pace < float("inf"), "above 0, and finite"),
        }
        for name, (fine, range_) in allowed.items():
            if not fine:
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
        expert: str | None = None,
        supervisor: SupervisorName = "expert",
        learning: LearningName = "sequential",
        pace: float | None = None,
        robot: str | None = None,
    ) -> "RunSpec":
        """The run with these parts, in a user's words. A task of the user's own is imported.

        Raises:
            UnknownName: with the names there are.
            CannotLoad: the task cannot be imported.
        """
        definition = find_task(task)
        spec = cls(
            task=task,
            method=method,
            preset=preset,
            settings=definition.settings_of(preset),
            seed=seed,
            n_rounds=n_rounds,
            rate_threshold=rate_threshold,
            supervision=dict(definition.supervision),
            prior=prior,
            expert=expert,
            supervisor=supervisor,
            learning=learning,
            pace=pace,
        ).on(robot)
        spec.check_names()
        return spec

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "RunSpec":
        """The run that was recorded with this configuration. Nothing is imported.

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

    def to_config(self) -> dict[str, Any]:
        """The run as JSON. Fields that have their default are left out, so that older runs stay what they were."""
        config = dataclasses.asdict(self)
        for entry in dataclasses.fields(self):
            default = entry.default_factory() if callable(entry.default_factory) else entry.default
            if config[entry.name] == default:
                del config[entry.name]
        return config | {
            name: recorded_name(config[name])
            for name in ("task", "prior", "expert")
            if is_named(config.get(name) or "")
        }

    def changed(self, changes: Mapping[str, Any]) -> "RunSpec":
        """The same run with other numbers: `{"settings": {"inference": {"kappa": 0.3}}, "noise": 0.1}`.

        Raises:
            UnknownName: there is no number, task, preset, method, learning schedule or feature of this name; the
                message lists those there are.
            IncompatibleRun: a value of the wrong type, or out of its range.
        """
        before = self.on(str(changes["robot"])) if changes.get("robot") is not None else self
        spec = self.from_config(_merged(dataclasses.asdict(before), changes))
        spec.check_names()
        weighed_features(definition_of(spec.task).task.feature_names, spec.settings.inference.features)
        return spec

    def on(self, robot: str | None) -> "RunSpec":
        """The same run with its supervised rollouts on a robot.

        The simulation cannot repeat a robot's episodes. Policy and expert are therefore compared in new episodes, as in
        the preset `paper`, instead of from the states in which the expert took over; kappa follows that preset.
        """
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
            UnknownName: with the names there are.
        """
        definition_of(self.task).settings_of(self.preset)
        if self.method not in METHODS:
            raise UnknownName("method", self.method, list(METHODS))
        if self.learning not in get_args(LearningName):
            raise UnknownName("learning schedule", self.learning, get_args(LearningName))
        if self.robot is not None and self.robot != PERTURBED and not is_named(self.robot):
            raise UnknownName("robot", self.robot, [PERTURBED], else_allowed=f"; or a driver of yours: {FORMS}")


def _exactly_several(values: Any, kind: Any) -> tuple[Any, ...]:
    if not isinstance(values, list | tuple):
        raise TypeError(f"{values!r} is not a list")
    return tuple(exactly(value, get_args(kind)[0]) for value in values)


def _one_of(value: Any, kind: Any) -> Any:
    if value not in get_args(kind):
        raise TypeError(f"{value!r} is none of {', '.join(map(repr, get_args(kind)))}")
    return value


_STRUCTURE = cattrs.Converter(forbid_extra_keys=True)
for _kind in (bool, int, float, str):
    _STRUCTURE.register_structure_hook(_kind, exactly)
_STRUCTURE.register_structure_hook_func(lambda kind: get_origin(kind) is tuple, _exactly_several)
_STRUCTURE.register_structure_hook_func(lambda kind: get_origin(kind) is Literal, _one_of)


def _what_is_wrong(error: BaseException, wanted: Any) -> str:
    if isinstance(error, AttributeError):
        return "it is not a table of named values"
    by_us = isinstance(error, TypeError) or (isinstance(error, ValueError) and wanted is None)
    return str(error) if by_us else cattrs.v.format_exception(error, wanted)


def _merged(config: Mapping[str, Any], changes: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    for key in changes:
        if key not in config:
            raise UnknownName(f"number of {path.removesuffix('.') or 'a run'}", key, list(config))
    return {
        key: _merged(value, changes[key], f"{path}{key}.")
        if isinstance(value, dict) and isinstance(changes.get(key), dict)
        else changes.get(key, value)
        for key, value in config.items()
    }
