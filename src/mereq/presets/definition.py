"""A task with all its numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mereq.alignment.settings import AlignSettings
from mereq.core.policy import Policy
from mereq.core.supervisor import Supervisor
from mereq.core.task import Task
from mereq.evaluation.rollouts import Evaluation
from mereq.maxent_rl.training import TrainingSettings


@dataclass(frozen=True)
class TaskDefinition:
    """A task with its numbers."""

    name: str  # as on the command line; `task.name` is that of the shipped policies
    task: Task
    summary: str
    hz: float  # steps per second of its own time
    theta_prior: np.ndarray  # weights of the prior's reward
    theta_expert: np.ndarray  # weights of the expert's reward
    training: dict[str, TrainingSettings]  # of prior and expert, by family; the first is the shipped ones
    supervisor: Callable[..., Supervisor]  # makes a synthesized expert of an expert policy and the numbers below
    supervision: dict[str, float]  # numbers of its intervention rule
    align: dict[str, AlignSettings]  # by family: paper, fast
    describe: Callable[[Evaluation], dict[str, Any]]  # more lines for the model card
    film: Callable[[Policy, Policy, Path], None]  # the task before and after, as a GIF
    trained_in: Task | None = None  # where prior and expert are trained, if not in the task itself
    rate_threshold: float = 0.05  # delta: where a run ends that a person supervises

    def synthesized_expert(self, expert: Policy) -> Supervisor:
        """The expert policy as a supervisor that takes over by the task's rule. App. A.1."""
        return self.supervisor(expert, **self.supervision)
