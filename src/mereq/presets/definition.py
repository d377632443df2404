"""A task's definition: the task, and everything that the commands and the page need to know of it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from mereq.alignment.settings import AlignSettings
from mereq.core.errors import IncompleteTask, UnknownName
from mereq.core.policy import Policy
from mereq.core.robot import Robot
from mereq.core.simulator import Environment
from mereq.core.supervisor import Supervisor
from mereq.core.task import Task
from mereq.core.view import ActionControls, TaskView, default_controls
from mereq.evaluation.rollouts import Evaluation
from mereq.maxent_rl.training import TrainingSettings
from mereq.presets.fast import fast

PolicySource = Policy | Callable[[], Policy]  # a policy, or a function that loads one
SupervisorSource = Supervisor | Callable[..., Supervisor]  # see `TaskDefinition.supervisor`


@dataclass(frozen=True)
class Preparation:
    """Work that is done once on a machine before a task can be used, such as compiling."""

    what: str  # for the user, who waits: "compiling the highway engine (once on this machine, about 15 s)"
    is_done: Callable[[], bool]
    do: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class TaskDefinition:
    """A task and its optional parts. `TaskDefinition(task=..., supervisor=...)` is enough.

    Commands find it by name: one of ours, `file.py:NAME`, `package.module:NAME`, or an entry point of the group
    `mereq.tasks`.
    """

    task: Task

    # who supervises, and what is aligned
    supervisor: SupervisorSource | None = None
    """A supervisor; or a function that makes one, of nothing or of the expert policy, with `supervision` as keywords.
    A supervisor that keeps counts serves one run at a time: give a function where several run in one process."""
    supervision: Mapping[str, float] = field(default_factory=dict)  # numbers of the intervention rule
    prior: PolicySource | None = None  # aligned where no --prior is given
    expert: PolicySource | None = None  # handed to `supervisor` where no --expert is given
    settings: Mapping[str, AlignSettings] = field(default_factory=dict)  # by preset; by default `fast(task)` alone
    rate_threshold: float = 0.05  # delta: a run that a person supervises ends below this intervention rate

    # how it is called and shown
    name: str = ""  # on the command line; by default the task's
    summary: str = ""  # one line: what is done, and what the supervisor wants
    for_a_person: bool = False  # the expert's weights are a person's, so unknown
    hz: float = 5.0  # steps per second of the task's own time
    controls: ActionControls | None = None  # keys of the page; by default number keys, or two keys an axis
    view: Callable[[Environment], TaskView | None] | None = None  # drawing of its own; by default `render()`'s pictures

    # reward weights, training, evaluation
    theta_prior: Float[np.ndarray, " features"] | None = None  # weights of the prior's reward, where they are known
    theta_expert: Float[np.ndarray, " features"] | None = None
    training: Mapping[str, TrainingSettings] = field(default_factory=dict)  # of prior and expert, by preset
    trained_in: Task | None = None  # where prior and expert are trained, if not in the task itself
    metrics: Callable[[Evaluation], dict[str, Any]] = lambda evaluation: {}  # the task's own, beside mean features
    clip: Callable[[Policy, Policy, Path], None] | None = None  # writes a GIF: the prior's episode and another policy's

    # other environments, preparation
    perturbed: Callable[[], Robot] | None = None  # another simulation, which represents a real robot
    preparation: Preparation | None = None

    def __post_init__(self):
        object.__setattr__(self, "name", self.name or self.task.name)
        object.__setattr__(self, "settings", self.settings or {"fast": fast(self.task)})
        object.__setattr__(self, "controls", self.controls or default_controls(self.task.actions))

    def settings_of(self, preset: str) -> AlignSettings:
        """The settings of a preset.

        Raises:
            UnknownName: with the presets there are.
        """
        if preset not in self.settings:
            raise UnknownName("preset", preset, list(self.settings))
        return self.settings[preset]

    def policy(self, which: str) -> Policy:
        """The definition's own "prior" or "expert" policy.

        Raises:
            IncompleteTask: it has none.
        """
        source: PolicySource | None = getattr(self, which)
        if source is None:
            raise IncompleteTask(
                f"The task {self.name} has no {which} of its own. Name one with --{which}, or give its definition one: "
                f"TaskDefinition(..., {which}=...)."
            )
        return cast(Policy, source) if hasattr(source, "distribution") else cast(Callable[[], Policy], source)()

    @property
    def needs_expert(self) -> bool:
        """Whether the supervisor is made of an expert policy."""
        return self.supervisor is not None and not _is_supervisor(self.supervisor) and _arity(self.supervisor) > 0

    def make_supervisor(self, expert: Callable[[], Policy], supervision: Mapping[str, float]) -> Supervisor:
        """The supervisor for a run.

        Args:
            expert: loads the expert policy; called only where the supervisor is made of one.
            supervision: numbers of the intervention rule, in place of the definition's own.

        Raises:
            IncompleteTask: the definition has none.
        """
        if self.supervisor is None:
            raise IncompleteTask(
                f"The task {self.name} has no supervisor, so only a person can supervise it (`mereq supervise`). Give "
                "its definition one: TaskDefinition(task=..., supervisor=...)."
            )
        if _is_supervisor(self.supervisor):
            return cast(Supervisor, self.supervisor)
        make = cast(Callable[..., Supervisor], self.supervisor)
        return make(expert(), **supervision) if self.needs_expert else make(**supervision)


def _is_supervisor(source: SupervisorSource) -> bool:
    """Whether it is a supervisor already, and not a class or function that makes one."""
    return hasattr(source, "decide") and not isinstance(source, type)


def _arity(make: Any) -> int:
    """Positional arguments that a function must be given."""
    parameters = inspect.signature(make).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is inspect.Parameter.empty for p in parameters)
