"""Task definitions: a task, with everything that the commands and the page need."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from mereq.alignment.settings import AlignSettings
from mereq.core.border import check_is_task, own_code
from mereq.core.errors import IncompleteTask, UnknownName, WrongTask
from mereq.core.policy import Policy
from mereq.core.ranges import POSITIVE, SHARE
from mereq.core.robot import Robot
from mereq.core.simulator import Environment
from mereq.core.supervisor import Supervisor
from mereq.core.task import Task
from mereq.core.view import ActionControls, TaskView, check_controls, default_controls
from mereq.evaluation.rollouts import Evaluation
from mereq.irl.candidates import Candidate
from mereq.maxent_rl.family import PolicyFamily
from mereq.maxent_rl.family_training import FamilySettings
from mereq.maxent_rl.training import TrainingSettings
from mereq.presets.family_settings import family_settings
from mereq.presets.fast import fast

FamilySource = Callable[[], tuple[PolicyFamily, Mapping[str, Any]]]  # as `load_shipped_family`
PolicySource = Policy | Callable[[], Policy]  # a policy, or a function that loads one
SupervisorSource = Supervisor | Callable[..., Supervisor]  # see `TaskDefinition.supervisor`


@dataclass(frozen=True)
class Preparation:
    """Preparation of a machine before a task can be used, such as compiling; done once."""

    what: str  # description for the waiting user: "compiling the highway engine (once on this machine, ...)"
    is_done: Callable[[], bool]
    do: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class TaskDefinition:
    """Definition of a task, with optional parts. `TaskDefinition(task=..., supervisor=...)` is enough.

    Commands find a definition by name: that of a shipped task, `file.py:NAME`, `package.module:NAME`, or an entry point
    of the group `mereq.tasks`.
    """

    task: Task

    # supervision and alignment
    supervisor: SupervisorSource | None = None
    """A supervisor, or a function that makes one. The function may take the expert policy, and takes `supervision` as
    keywords. A supervisor with state serves one run at a time: give a function if several runs share a process."""
    supervision: Mapping[str, float] = field(default_factory=dict)  # numbers of the intervention rule
    prior: PolicySource | None = None  # default of --prior
    expert: PolicySource | None = None  # default of --expert, the argument of `supervisor`
    family: FamilySource | None = None  # default of --family, for `mereq-bayes`
    family_settings: FamilySettings | None = None  # of `mereq prepare`; by default `family_settings(fast)`
    settings: Mapping[str, AlignSettings] = field(default_factory=dict)  # by preset; by default `fast(task)` alone
    rate_threshold: float = 0.05  # delta: a person's run ends below this intervention rate

    # name and display
    name: str = ""  # on the command line; by default the task's
    summary: str = ""  # one line: the task, and the supervisor's preference
    for_a_person: bool = False  # a person is the expert, so the expert's weights are unknown
    hz: float = 5.0  # steps per second on the page
    controls: ActionControls | None = None  # keys of the page; by default number keys, or two keys an axis
    view: Callable[[Environment], TaskView | None] | None = None  # own drawing; by default pictures of `render()`

    # reward weights, training, evaluation
    theta_prior: Float[np.ndarray, " features"] | None = None  # weights of the prior's reward, if known
    theta_expert: Float[np.ndarray, " features"] | None = None
    training: Mapping[str, TrainingSettings] = field(default_factory=dict)  # of prior and expert, by preset
    trained_in: Task | None = None  # task in which prior and expert are trained; by default the task itself
    metrics: Callable[[Evaluation], dict[str, Any]] = lambda evaluation: {}  # the task's own, beside mean features
    clip: Callable[..., None] | None = None
    """Function of two policies and a path that writes a GIF of the same episode of both. One that takes the keywords
    `seed`, `first`, `n_steps` and `names`, as ours do, also serves for clips of single interventions."""

    # missing features
    observation_names: tuple[str, ...] = ()  # of an observation's numbers, for `mereq features`
    candidates: tuple[Candidate, ...] = ()  # own candidates of `mereq features`, beside the library

    # other environments, preparation
    perturbed: Callable[[], Robot] | None = None  # perturbed simulation, which represents a real robot
    preparation: Preparation | None = None

    def __post_init__(self):
        check_is_task(self.task)
        object.__setattr__(self, "name", self.name or self.task.name)
        self._check_parts()
        object.__setattr__(self, "settings", self.settings or {"fast": fast(self.task)})
        if self.family_settings is None:
            object.__setattr__(self, "family_settings", family_settings(list(self.settings.values())[-1]))
        object.__setattr__(self, "controls", self.controls or default_controls(self.task.actions))
        check_controls(self.controls, self.task.actions, self.name)

    def _check_parts(self) -> None:
        """Refuse parts of another kind than they must be.

        Raises:
            WrongTask: a part is something else; the message names it.
        """
        n_features = len(self.task.feature_names)
        for part, right, what in (
            ("name", isinstance(self.name, str), "a text"),
            ("supervisor", _may_supervise(self.supervisor), "a supervisor, or a function that makes one"),
            ("prior", _may_load(self.prior), "a policy, or a function that loads one"),
            ("expert", _may_load(self.expert), "a policy, or a function that loads one"),
            ("settings", _are_settings(self.settings), "a dictionary of AlignSettings, such as {'fast': fast(task)}"),
            ("rate_threshold", SHARE.holds(self.rate_threshold), SHARE.words),
            ("hz", POSITIVE.holds(self.hz), f"{POSITIVE.words}: steps per second on the page"),
            ("theta_prior", _is_theta(self.theta_prior, n_features), f"{n_features} finite numbers, one per feature"),
            ("theta_expert", _is_theta(self.theta_expert, n_features), f"{n_features} finite numbers, one per feature"),
        ):
            if not right:
                raise WrongTask(
                    f"The definition of the task {self.name!r} has {part} = {getattr(self, part)!r}. It must be {what}."
                )

    def settings_of(self, preset: str) -> AlignSettings:
        """The settings of a preset.

        Raises:
            UnknownName: the task has no such preset; the message lists the existing ones.
        """
        if preset not in self.settings:
            raise UnknownName("preset", preset, list(self.settings))
        return self.settings[preset]

    def policy(self, which: str) -> Policy:
        """The definition's own "prior" or "expert" policy.

        Raises:
            IncompleteTask: the definition has no such policy.
            OwnCodeFailed: the function that loads it raised an exception.
        """
        source: PolicySource | None = getattr(self, which)
        if source is None:
            raise IncompleteTask(
                f"The task {self.name} has no {which} of its own. Name one with --{which}, or add it to the "
                f"definition: TaskDefinition(..., {which}=...)."
            )
        if hasattr(source, "distribution") and not isinstance(source, type):
            return cast(Policy, source)
        with own_code(f"The {which} of the task {self.name} could not be loaded"):
            return cast(Callable[[], Policy], source)()

    @property
    def needs_expert(self) -> bool:
        """Whether the supervisor is made from an expert policy."""
        return self.supervisor is not None and not _is_supervisor(self.supervisor) and _arity(self.supervisor) > 0

    def make_supervisor(
        self, expert: Callable[[], Policy] | None = None, supervision: Mapping[str, float] | None = None
    ) -> Supervisor:
        """The supervisor for a run.

        Args:
            expert: function that loads the expert policy; called only if the supervisor needs one. By default the
                definition's own.
            supervision: numbers of the intervention rule; by default the definition's own.

        Raises:
            IncompleteTask: the definition has no supervisor.
            OwnCodeFailed: the function that makes it raised an exception.
        """
        if self.supervisor is None:
            raise IncompleteTask(
                f"The task {self.name} has no supervisor, so only a person can supervise it (`mereq supervise`). Add "
                "one to its definition: TaskDefinition(task=..., supervisor=...)."
            )
        if _is_supervisor(self.supervisor):
            return cast(Supervisor, self.supervisor)
        make = cast(Callable[..., Supervisor], self.supervisor)
        numbers = self.supervision if supervision is None else supervision
        experts = [self.policy("expert") if expert is None else expert()] if self.needs_expert else []
        with own_code(f"The supervisor of the task {self.name} could not be made"):
            return make(*experts, **numbers)


def _may_load(source: Any) -> bool:
    return source is None or callable(source) or hasattr(source, "distribution")


def _may_supervise(source: Any) -> bool:
    return source is None or callable(source) or hasattr(source, "decide")


def _are_settings(settings: Any) -> bool:
    return isinstance(settings, Mapping) and all(
        isinstance(each, AlignSettings) for each in cast(Mapping[Any, Any], settings).values()
    )


def _is_theta(theta: Any, n: int) -> bool:
    return theta is None or (np.shape(theta) == (n,) and bool(np.isfinite(theta).all()))


def _is_supervisor(source: SupervisorSource) -> bool:
    """Whether the object is a supervisor, and not a class or function that makes one."""
    return hasattr(source, "decide") and not isinstance(source, type)


def _arity(make: Any) -> int:
    """Number of required positional arguments of a function."""
    parameters = inspect.signature(make).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is inspect.Parameter.empty for p in parameters)
