"""Checks of a user's task, prior and supervisor before a run."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mereq.core.actions import Discrete
from mereq.core.distribution import Categorical, ClippedGaussian, Distribution, SquashedGaussian, WeightedSamples
from mereq.core.errors import WrongTask
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.simulator import Environment
from mereq.core.supervisor import Controller, DecisionContext, Supervisor
from mereq.core.task import Task, checked_features

N_STEPS = 20  # length of the compared episodes
SEED = 1


class _Trace(NamedTuple):
    """Observations, features, infos and actions of the beginning of an episode."""

    obs: list[np.ndarray]
    features: list[np.ndarray]
    infos: list[dict[str, Any]]
    actions: list[Any]


def check_task(task: Task, prior: Policy | None = None, supervisor: Supervisor | None = None) -> None:
    """Refuse a task, a prior or a supervisor that cannot be aligned. Needs less than a second for a fast environment.

    Checked are:

    - `make` returns a new environment at every call;
    - observations and features have the declared sizes and are finite;
    - the same seed and actions give the same observations, in two environments and twice in one;
    - the prior's distribution fits the task, is finite and reproducible, and leaves the observations unchanged;
    - the supervisor's decisions can be executed.

    Raises:
        WrongTask: a check fails; the message says what is wrong, where, and what to do.
        NonFiniteFeatures: a feature is NaN or infinite.
    """
    first, second = task.make(), task.make()
    if first is second:
        raise WrongTask(
            f"The task {task.name} returns the same environment twice. Simulators need many: let `make` create a new "
            "one at every call, such as lambda: gymnasium.make(...)."
        )
    try:
        actions = list(_random_actions(task))
        traces = [_trace(environment, task, actions) for environment in (first, second, first)]
        _compare(
            task, traces[0], traces[1], "in two environments", "Make everything random a function of reset(seed=...)."
        )
        _compare(
            task, traces[0], traces[2], "in one environment twice",
            "Some state is kept between episodes, such as a running normalisation. Remove it, or fix its numbers.",
        )  # fmt: skip
        if prior is not None:
            _check_prior(prior, task, np.stack(traces[0].obs).astype(np.float32))
        if supervisor is not None:
            _check_supervisor(supervisor, task, traces[0])
    finally:
        for environment in (first, second):
            getattr(environment, "close", lambda: None)()


def _random_actions(task: Task) -> Iterator[Any]:
    rng = stream(SEED, "check")
    for _ in range(N_STEPS):
        yield task.actions.uniform(rng, 1)[0]


def _trace(environment: Environment, task: Task, actions: list[Any]) -> _Trace:
    obs, info = environment.reset(seed=SEED)
    trace = _Trace([_checked_obs(obs, task)], [], [info], [])
    for action in actions:
        answer: Any = environment.step(action)
        if len(answer) != 5:
            raise WrongTask(
                f"The environment of the task {task.name} returned {len(answer)} values from step(). Gymnasium's "
                "has 5: observation, reward, terminated, truncated, info."
            )
        obs, _, terminated, truncated, info = answer
        if "features" not in info:
            raise WrongTask(f"The environment of the task {task.name} reports no info['features'] after a step.")
        features = np.array(info["features"], np.float64)
        if features.shape != (len(task.feature_names),):
            raise WrongTask(
                f"The features of the task {task.name} have shape {features.shape}; with the names "
                f"{', '.join(task.feature_names)} it must be ({len(task.feature_names)},)."
            )
        trace.obs.append(_checked_obs(obs, task))
        trace.features.append(checked_features(features, task.feature_names))
        trace.infos.append(info)
        trace.actions.append(action)
        if terminated or truncated:
            break
    return trace


def _checked_obs(obs: Any, task: Task) -> np.ndarray:
    found = np.array(obs)
    if found.shape != (task.obs_size,) or found.dtype.kind not in "fiub":
        raise WrongTask(
            f"An observation of the task {task.name} has shape {found.shape} and type {found.dtype}; it must be a "
            f"vector of {task.obs_size} numbers. Flatten it, or declare its size."
        )
    if not np.isfinite(found).all():
        where = int(np.flatnonzero(~np.isfinite(found))[0])
        raise WrongTask(
            f"Coordinate {where} of an observation of the task {task.name} is {found[where]}. Every coordinate must "
            "be a finite number. Clip it, or replace missing measurements."
        )
    return found


def _compare(task: Task, one: _Trace, other: _Trace, where: str, advice: str) -> None:
    same = len(one.obs) == len(other.obs) and all(map(np.array_equal, one.obs, other.obs))
    if not same:
        at = next((n for n, pair in enumerate(zip(one.obs, other.obs, strict=False)) if not np.array_equal(*pair)), 0)
        raise WrongTask(
            f"The same seed and actions, {where}, led the task {task.name} to different observations (after {at} "
            f"steps). {advice} An environment that is not reproducible can be supervised as a robot (docs/robots.md)."
        )
    if not all(map(np.array_equal, one.features, other.features)):
        raise WrongTask(f"The same seed and actions, {where}, gave the task {task.name} different features. {advice}")


def _check_prior(prior: Policy, task: Task, obs: np.ndarray) -> None:
    given = obs.copy()
    answers = [prior.distribution(given) for _ in range(2)]
    if not np.array_equal(given, obs):
        raise WrongTask(
            "The prior changed its observations in place. Let it change a copy, as in obs = (obs - mean) / std."
        )
    for answer in answers:
        _check_distribution(answer, task, len(obs))
    if not np.array_equal(answers[0].parameters, answers[1].parameters):
        raise WrongTask(
            "The prior gave two different distributions for the same observations. Switch off its random parts, such "
            "as dropout, and return the distribution instead of a sample."
        )


def _check_distribution(answer: Distribution, task: Task, n: int) -> None:
    of_boxes = (SquashedGaussian, ClippedGaussian, WeightedSamples)
    wanted = (Categorical,) if isinstance(task.actions, Discrete) else of_boxes
    if not isinstance(answer, wanted):
        raise WrongTask(
            f"The prior gives a {type(answer).__name__}; for {task.actions} it must be a "
            f"{' or '.join(kind.__name__ for kind in wanted)} (docs/policies.md: policies made of functions)."
        )
    n_parameters = task.actions.n_parameters
    if isinstance(answer, WeightedSamples):
        n_parameters = answer.actions.shape[1] * getattr(task.actions, "size", 0)
    if answer.parameters.shape != (n, n_parameters):
        raise WrongTask(
            f"The prior's distribution for {n} observations has parameters of shape {answer.parameters.shape}; for "
            f"{task.actions} it must be {(n, n_parameters)}."
        )
    if not np.isfinite(answer.parameters).all():
        raise WrongTask("The prior's distribution has parameters that are NaN or infinite.")


def _check_supervisor(supervisor: Supervisor, task: Task, trace: _Trace) -> None:
    supervisor.begin_episode(SEED)
    pairs = zip(trace.obs, trace.infos, trace.actions, strict=False)
    for step, (obs, info, action) in enumerate(pairs):
        decision = supervisor.decide(DecisionContext(step, obs, action, info))
        if decision.controller is Controller.EXPERT and np.shape(decision.action) != task.actions.shape:
            raise WrongTask(
                f"The supervisor answered with the action {decision.action!r}; an action of this task has shape "
                f"{task.actions.shape} ({task.actions})."
            )
