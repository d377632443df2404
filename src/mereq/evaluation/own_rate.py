"""The own rate of a policy: its intervention rate in supervised steps that are neither counted nor learned from."""

from functools import partial

from mereq.core.policy import Policy
from mereq.core.seeding import episode_seed, seed_for
from mereq.core.simulator import Environment
from mereq.core.supervisor import Supervisor
from mereq.core.task import Task
from mereq.interventions.rollout import Rollout
from mereq.supervision.supervise import supervise


def own_rate(
    task: Task, policy: Policy, supervisor: Supervisor, environment: Environment, *, n_steps: int, seed: int
) -> float:
    """Share of n supervised steps in which the supervisor controls.

    The episodes depend on the seed alone, and are none of a run's: policies are compared in the same ones.
    """
    steps = supervise(
        environment,
        lambda version: (0, policy),
        supervisor,
        n_steps,
        episode_seed=partial(episode_seed, seed_for(seed, "own rate"), 0),
        task=task,
    )
    return Rollout.of(steps).intervention_rate
