"""Algorithm 1 as a function, with default settings."""

from collections.abc import Callable, Iterator

from mereq.alignment.algorithm import Round, events
from mereq.alignment.inverse_rl import MEREQ
from mereq.alignment.method import Improver, Method
from mereq.alignment.schedule import LearningSchedule, Resume, Sequential
from mereq.alignment.settings import AlignSettings
from mereq.core.policy import Policy
from mereq.core.simulator import Environment
from mereq.core.supervisor import Supervisor
from mereq.core.task import Task
from mereq.presets.fast import fast


def align(
    task: Task,
    prior: Policy,
    supervisor: Supervisor,
    method: Method = MEREQ,
    settings: AlignSettings | None = None,
    *,
    seed: int = 0,
    n_rounds: int = 10,
    rate_threshold: float = 0.0,
    resume: Resume | None = None,
    learning: Callable[[Improver, Resume], LearningSchedule] = Sequential,
    environment: Environment | None = None,
) -> Iterator[Round]:
    """Rounds of Algorithm 1, which aligns a prior policy with a supervisor's preference.

    The arguments are those of `mereq.alignment.algorithm.events`, which also yields each supervised step and each step
    of the inner loop. The default of `settings` is `fast(task)`.
    """
    stream = events(
        task,
        prior,
        supervisor,
        method,
        settings or fast(task),
        seed=seed,
        n_rounds=n_rounds,
        rate_threshold=rate_threshold,
        resume=resume,
        learning=learning,
        environment=environment,
    )
    return (event for event in stream if isinstance(event, Round))
