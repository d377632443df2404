"""Check of a task, a prior and a supervisor before a run: what a run relies on is tried, not believed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from mereq.alignment.inverse_rl import MANY_STEPS
from mereq.alignment.settings import AlignSettings
from mereq.core.border import check_is_task, check_parts, checked_reset, checked_step, copied, existing_action, failed
from mereq.core.errors import MereqError, WrongTask
from mereq.core.function_policies import SampledPolicy, check_limits
from mereq.core.memory import free_memory
from mereq.core.own_policy import checked_distribution, protected
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.simulator import Environment, RewindableSimulator, Simulator, close
from mereq.core.supervisor import Controller, DecisionContext, Supervisor
from mereq.core.task import Task
from mereq.maxent_rl.replay import replay_bytes

N_STEPS = 20  # length of the compared episodes
SEED = 1
SANE = 10.0  # largest size of a feature that is not warned of
LARGE = 100.0  # largest size of an observation's coordinate that is not warned of
LONGEST = 1000  # steps of an episode whose end is not known
PATIENCE = 0.3  # seconds for finding out
USUAL_SEGMENT = 10  # steps of an intervention, for the estimate of the cost

Verdict = Literal["pass", "warn", "fail", "skip"]


class Tried(NamedTuple):
    """One thing that was tried, and what came of it."""

    what: str
    verdict: Verdict
    words: str = ""  # what is wrong, where, and what to do; or a measured number


class _Trace(NamedTuple):
    """Beginning of an episode."""

    obs: list[np.ndarray]
    features: list[np.ndarray]
    infos: list[dict[str, Any]]
    actions: list[Any]


class _Note(str):
    """Words of a check that has passed."""


def check_task(
    task: Task,
    prior: Policy | None = None,
    supervisor: Supervisor | None = None,
    settings: AlignSettings | None = None,
) -> tuple[Tried, ...]:
    """Refuse a task, a prior or a supervisor that cannot be aligned. Needs less than a second for a fast environment.

    Every run begins with this check (without the supervisor, who may be a person). `mereq check` prints its table.

    Tried are:

    - `make` returns a new environment at every call;
    - observations, features, ends and infos are what they must be, and finite;
    - the same seed and actions lead to the same observations, in two environments and twice in one;
    - the simulator reproduces them, and brings a state back;
    - features and observations have sane sizes;
    - the prior's distribution fits the task, is finite and reproducible, and leaves the observations unchanged;
    - the replay fits into the free memory;
    - the number of environments that a run makes, and that they can be closed;
    - the supervisor's decisions can be executed.

    Args:
        task: the task.
        prior: the policy to start from.
        supervisor: the supervisor; it is asked for decisions.
        settings: of the run; by default those in which rollouts start where the expert took over.

    Returns:
        What was tried. Of a verdict "warn" a run can start, and the words say what it will suffer from.

    Raises:
        WrongTask: a check fails; the message says what is wrong, where, and what to do.
        NonFiniteFeatures, WrongPolicyOutput, WrongAction, OwnCodeFailed: as `WrongTask`, for these parts.
    """
    return tuple(_of_checks(_Examination(task, prior, supervisor, settings), stop=True))


def examined(
    task: Task, prior: Policy | None, supervisor: Supervisor | None, settings: AlignSettings | None
) -> tuple[Tried, ...]:
    """What was tried, as `check_task`, with failures as rows; what depends on a failure is skipped."""
    return tuple(_of_checks(_Examination(task, prior, supervisor, settings), stop=False))


def _of_checks(examination: "_Examination", *, stop: bool) -> Iterator[Tried]:
    broken = False
    try:
        for what, check in examination.checks():
            if broken:
                yield Tried(what, "skip")
                continue
            try:
                words = check()
            except MereqError as error:
                if stop:
                    raise
                broken = check in examination.needed
                yield Tried(what, "fail", str(error))
            else:
                yield Tried(what, "warn" if words and not isinstance(words, _Note) else "pass", words or "")
    finally:
        close(*examination.made)


@dataclass
class _Examination:
    """The checks of one task, in order. Each returns None, a warning or a note, or raises."""

    task: Task
    prior: Policy | None
    supervisor: Supervisor | None
    settings: AlignSettings | None

    def __post_init__(self):
        check_is_task(self.task)
        if self.prior is not None:
            self.task, self.prior = self.task.seen_by(self.prior)
        self.made: list[Any] = []  # environments and simulators, to be closed

    @property
    def from_segments(self) -> bool:
        """Whether rollouts of the policy start where the expert took over."""
        return self.settings is None or self.settings.inference.starts == "segments"

    @property
    def needed(self) -> list[Callable[[], str | None]]:
        """The checks that later ones build on."""
        return [self._two_environments, self._first_trace, self._same_in_two]

    def checks(self) -> list[tuple[str, Callable[[], str | None]]]:
        """The checks in order."""
        always = [
            ("make returns a new environment at every call", self._two_environments),
            ("observations, features, ends and infos", self._first_trace),
            ("same seed and actions: two environments", self._same_in_two),
            ("same seed and actions: one environment, twice", self._same_twice),
            ("the simulator, and states brought back", self._brought_back),
            ("sizes of features and observations", self._sizes),
        ]
        prior = [("the prior's distribution", self._prior)] if self.prior is not None else []
        run = [("memory of the replay", self._memory)] if self.settings is not None else []
        supervisor = [("the supervisor's decisions", self._supervisor)] if self.supervisor is not None else []
        return [*always, *prior, *run, ("number of environments", self._count), *supervisor]

    def _two_environments(self) -> None:
        for which in ("its first environment", "a second environment beside the first"):
            self.made.append(self._made(self.task.make, which))
        first, second = self.made
        if first is second or _inside(first) is _inside(second):
            raise WrongTask(
                f"The task {self.task.name} returns the same environment twice. Simulators need many: let `make` "
                "create a new one at every call, such as lambda: gymnasium.make(...)."
            )

    def _made(self, make: Callable[[], Any], which: str) -> Any:
        try:
            return make()
        except MereqError:
            raise
        except Exception as error:
            needed = f"A run makes several environments ({self._counted()})."
            raise failed(f"The task {self.task.name} could not make {which}", error, needed) from error

    def _first_trace(self) -> _Note:
        rng = stream(SEED, "check")
        actions = [self.task.actions.uniform(rng, 1)[0] for _ in range(N_STEPS)]
        begun = time.perf_counter()
        self.trace = self._trace(self.made[0], actions)
        self.seconds = (time.perf_counter() - begun) / len(self.trace.actions)
        return _Note(f"{1 / self.seconds:,.0f} steps a second")

    def _trace(self, environment: Environment, actions: list[Any]) -> _Trace:
        obs, info = checked_reset(self._called("reset", environment.reset, seed=SEED), self.task)
        trace = _Trace([obs], [], [info], [])
        for action in actions:
            given = existing_action(action, self.task.actions, "The check")
            reached = checked_step(self._called("step", environment.step, copied(given)), self.task)
            trace.obs.append(reached.obs)
            trace.features.append(reached.features)
            trace.infos.append(reached.info)
            trace.actions.append(given)
            if reached.terminated or reached.truncated:
                break
        return trace

    def _called(self, name: str, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        try:
            return method(*given, **named)
        except MereqError:
            raise
        except Exception as error:
            raise failed(f"The environment of the task {self.task.name} failed in {name}()", error) from error

    def _same_in_two(self) -> str | None:
        other = self._trace(self.made[1], self.trace.actions)
        self.reproducible = self._same(other)
        if self.reproducible:
            return None
        where = self._difference(other)
        if self.from_segments:
            raise WrongTask(
                f"The same seed and actions, in two environments, led the task {self.task.name} to different {where}. "
                "Make everything random a function of reset(seed=...): in Gymnasium's super().reset(seed=seed) and "
                "self.np_random. If it cannot be repeated (hardware, a clock), use settings.inference.starts = "
                "'episodes', or supervise it as a robot (docs/robots.md)."
            )
        return (
            f"The same seed and actions, in two environments, led to different {where}. A run can start, but no "
            "rollout starts where the expert took over, and an unfinished episode is not continued after a stop."
        )

    def _same_twice(self) -> str | None:
        if not self.reproducible:
            return None
        again = self._trace(self.made[0], self.trace.actions)
        if self._same(again):
            return None
        wrapper = _running_wrapper(self.made[0])
        cause = (
            f"The cause is the wrapper {wrapper}, whose mean changes at every step and is another one in each "
            "environment: the prior, the record and the training would see different numbers for the same state. Fix "
            "its numbers: gymnasium.wrappers.TransformObservation, with the mean and std of the prior's training."
            if wrapper
            else "Some state is kept between episodes, such as a running normalisation or a curriculum. Remove it, or "
            "fix its numbers."
        )
        raise WrongTask(
            f"The same seed and actions, in one environment twice, led the task {self.task.name} to different "
            f"{self._difference(again)}. {cause}"
        )

    def _same(self, other: _Trace) -> bool:
        pairs = ((self.trace.obs, other.obs), (self.trace.features, other.features))
        return all(len(one) == len(two) and all(map(np.array_equal, one, two)) for one, two in pairs)

    def _difference(self, other: _Trace) -> str:
        for step, (one, two) in enumerate(zip(self.trace.obs, other.obs, strict=False)):
            if not np.array_equal(one, two):
                return f"observations (coordinate {int(np.flatnonzero(one != two)[0])}, after {step} steps)"
        for step, (one, two) in enumerate(zip(self.trace.features, other.features, strict=False), 1):
            if not np.array_equal(one, two):
                return f"features ({self.task.feature_names[int(np.flatnonzero(one != two)[0])]}, after {step} steps)"
        return f"ends of the episode (after {len(self.trace.actions)} and {len(other.actions)} steps)"

    def _brought_back(self) -> str | None:
        """Whether the simulator leads where the environment led, and continues from a state in the middle."""
        if not self.from_segments or not self.reproducible:
            return None
        simulator: Simulator = self._made(lambda: self.task.simulate(1), "its simulator")
        self.made.append(simulator)
        if not isinstance(simulator, RewindableSimulator):
            return (
                "The simulator lacks states_along and put, so rollouts cannot start where the expert took over; use "
                "settings.inference.starts = 'episodes'."
            )
        actions = np.stack(self.trace.actions)
        middle = (len(actions) - 1) // 2
        at = sorted({0, middle, len(actions) - 1})
        simulator.reset(SEED)
        found = simulator.states_along(SEED, actions, at=at)
        for step, (_, obs) in zip(at, found, strict=True):
            if not np.array_equal(obs, self.trace.obs[step]):
                raise WrongTask(
                    f"The simulator of the task {self.task.name} does not lead where its environment leads, with the "
                    f"same seed and actions (after {step} steps). Let both start from the seed alike, or use "
                    "settings.inference.starts = 'episodes'."
                )
        simulator.put(0, found[at.index(middle)][0])
        reached = simulator.step(actions[middle : middle + 1]).next_obs[0]
        if not np.array_equal(reached, self.trace.obs[middle + 1]):
            raise WrongTask(
                f"A state of the task {self.task.name} that was brought back does not continue as it did (after "
                f"{middle} steps): something is not saved. Save all of it, random numbers and counts included, or use "
                'saving="replay".'
            )
        return self._cost(simulator, found[-1][0])

    def _cost(self, simulator: Any, state: Any) -> str | None:
        """Words on the environment steps that bringing states back costs; None if states are saved."""
        cost_of = getattr(simulator, "cost_of", None)
        if cost_of is None or cost_of(state) == 0:
            return None
        horizon, source = self._horizon()
        length = 1000 if self.settings is None else self.settings.inference.sample_length
        steps = length // USUAL_SEGMENT * horizon // 2
        words = (
            f"States are brought back by repeating episodes from their start: about {steps:,} environment steps for "
            f"one update ({length // USUAL_SEGMENT} interventions of {USUAL_SEGMENT} steps, in the middle of episodes "
            f"of {horizon} steps, {source}), {steps * self.seconds:,.1f} s at this speed."
        )
        if steps < MANY_STEPS:
            return _Note(words)
        return (
            f'{words} Where the environment can be saved, task_from_gymnasium(..., saving="deepcopy" or "state") needs '
            "none of them; a smaller settings.inference.sample_length needs fewer."
        )

    def _horizon(self) -> tuple[int, str]:
        """Length of an episode, and where the number comes from: its limit, else an episode of random actions."""
        if limit := _step_limit(self.made[0]):
            return limit, "its limit"
        rng, end, step = stream(SEED, "horizon"), time.perf_counter() + PATIENCE, 0
        environment = self.made[0]
        checked_reset(self._called("reset", environment.reset, seed=SEED), self.task)
        for step in range(1, LONGEST + 1):
            action = existing_action(self.task.actions.uniform(rng, 1)[0], self.task.actions, "The check")
            reached = checked_step(self._called("step", environment.step, action), self.task)
            if reached.terminated or reached.truncated:
                return step, "as one of random actions"
            if time.perf_counter() > end:
                break
        return LONGEST, f"assumed, since one of random actions did not end within {step} steps"

    def _sizes(self) -> str | None:
        features, obs = np.abs(self.trace.features), np.abs(self.task.state_of(np.stack(self.trace.obs)))
        if features.max() > SANE:
            name = self.task.feature_names[int(features.max(axis=0).argmax())]
            return (
                f"Feature {name} reaches {features.max():g}. Its weight then moves the policy far at every step: "
                "features between 0 and 1 work best, such as np.clip(linear, 0, 1)."
            )
        if obs.max() > LARGE:
            return (
                f"Coordinate {int(obs.max(axis=0).argmax())} of the observations reaches {obs.max():g}. Networks learn "
                "best from numbers of about 1: gymnasium.wrappers.RescaleObservation, for the prior, too."
            )
        return None

    def _prior(self) -> str | None:
        assert self.prior is not None
        check_limits(getattr(self.prior, "raw", self.prior), self.task.actions)
        prior = protected(self.prior, self.task.actions)
        obs = np.stack(self.trace.obs).astype(np.float32)
        obs = obs[np.arange(max(len(obs), N_STEPS)) % len(obs)]  # enough rows to tell probabilities from logits
        given = obs.copy()
        inner: Policy = getattr(prior, "_policy", prior)
        answers: list[Any] = []
        for _ in range(2):
            try:
                answer = inner.distribution(given)
            except MereqError:
                raise
            except Exception as error:
                raise failed(f"The prior failed when called with {len(obs)} observations", error) from error
            if not np.array_equal(given, obs):
                raise WrongTask(
                    "The prior changed its observations in place. Let it change a copy, as in obs = (obs - mean) / std."
                )
            answers.append(checked_distribution(answer, self.task.actions, len(obs)))
        if not _same_distribution(*answers):
            raise WrongTask(
                "The prior gave two different distributions for the same observations. Switch off its random parts, "
                "such as dropout (PyTorch: model.eval()), and return the distribution instead of a sample."
            )
        return self._answers_alone(inner, obs, answers[0])

    def _answers_alone(self, inner: Policy, obs: np.ndarray, together: Any) -> str | None:
        """Whether the prior's answer to an observation is the same without the others of its batch."""
        if isinstance(inner, SampledPolicy) or not hasattr(together, "parameters"):
            return None  # whose draws depend on all observations of a call
        alone = checked_distribution(inner.distribution(obs[:1].copy()), self.task.actions, 1)
        if np.allclose(together.parameters[:1], alone.parameters, rtol=1e-3, atol=1e-3):
            return None
        return (
            "The prior's answer to an observation depends on the others that it is asked for at the same time: it acts "
            "otherwise in a run, where it is asked for one, than in the training. Fix its statistics (PyTorch: "
            "model.eval()), and normalise each row by itself."
        )

    def _memory(self) -> str | None:
        assert self.settings is not None
        task, capacity = self.task, self.settings.replay_capacity
        needed = replay_bytes(
            capacity, obs_size=task.state_size, actions=task.actions, n_features=len(task.feature_names)
        )
        free = free_memory()
        words = f"{needed / 1e9:.2g} GB for {capacity:,} transitions"
        if free is None or needed < free / 2:
            return _Note(words)
        what = (
            f"The replay needs {words} with observations of {task.state_size:,} numbers, and {free / 1e9:.2g} GB are "
            "free. Make the observation smaller, or settings.replay_capacity."
        )
        if needed < free:
            return what
        raise WrongTask(what)

    def _counted(self) -> str:
        if self.settings is None:
            return "1 for supervision, schedule.n_envs for training, inference.sample_envs for estimates"
        inference = self.settings.inference
        parts = [
            "1 for supervision",
            f"{self.settings.schedule.n_envs} for training",
            f"{inference.sample_envs} for estimates",
        ]
        return ", ".join([*parts, "1 to repeat episodes"] if self.from_segments else parts)

    def _count(self) -> _Note:
        first = _outer(self.made[0])
        closes = "closed at the end" if hasattr(first, "close") else "without a close() to call"
        return _Note(f"{self._counted()}; made when first needed, {closes}")

    def _supervisor(self) -> None:
        assert self.supervisor is not None
        check_parts(self.task, self.supervisor)
        try:
            self.supervisor.begin_episode(SEED)
            trace = zip(self.trace.obs, self.trace.infos, self.trace.actions, strict=False)
            for step, (obs, info, action) in enumerate(trace):
                given = DecisionContext(step, self.task.state_of(obs).copy(), copied(action), dict(info))
                decision: Any = self.supervisor.decide(given)
                controller = getattr(decision, "controller", None)
                if controller not in (Controller.POLICY, Controller.EXPERT):
                    raise WrongTask(
                        f"The supervisor answered {decision!r}. It must answer with Decision(controller, action), in "
                        "which the controller is Controller.POLICY or Controller.EXPERT."
                    )
                existing_action(decision.action, self.task.actions, "The supervisor")
        except MereqError:
            raise
        except Exception as error:
            raise failed("The supervisor failed", error) from error


def _same_distribution(one: Any, other: Any) -> bool:
    if hasattr(one, "parameters"):
        return np.array_equal(one.parameters, other.parameters)
    return np.array_equal(one.mode(), other.mode())


def _outer(environment: Any) -> Any:
    """What a user's `make` returned."""
    return getattr(environment, "env", environment)


def _inside(environment: Any) -> Any:
    """The innermost environment."""
    return getattr(environment, "unwrapped", environment)


def _step_limit(environment: Any) -> int | None:
    """Largest number of steps of an episode, where a wrapper or a registered name says it."""
    while environment is not None:
        for limit in (
            getattr(environment, "_max_episode_steps", None),
            getattr(getattr(environment, "spec", None), "max_episode_steps", None),
        ):
            if isinstance(limit, int) and limit > 0:
                return limit
        environment = getattr(environment, "env", None)
    return None


def _running_wrapper(environment: Any) -> str | None:
    """Name of a wrapper around the environment that keeps running statistics, or None."""
    while environment is not None:
        if hasattr(environment, "obs_rms") or type(environment).__name__.startswith("Normalize"):
            return type(environment).__name__
        environment = getattr(environment, "env", None)
    return None
