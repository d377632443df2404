"""Supervised rollout: a policy acts in a task while a supervisor may intervene. Alg. 1, l. 3."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mereq.core.actions import Actions
from mereq.core.border import checked_reset, checked_step, copied, existing_action, failed
from mereq.core.errors import MereqError, WrongTask
from mereq.core.policy import Policy
from mereq.core.simulator import Environment
from mereq.core.supervisor import Controller, Decision, DecisionContext, Supervisor
from mereq.core.task import Task
from mereq.interventions.rollout import SupervisedStep
from mereq.supervision.gate import Gate
from mereq.supervision.interruption import interruption
from mereq.supervision.robot_environment import hold_if_robot

logger = logging.getLogger("mereq")


def supervise(
    environment: Environment,
    acting: Callable[[int | None], tuple[int, Policy]],
    supervisor: Supervisor,
    n_steps: int,
    *,
    episode_seed: Callable[[int], int],
    task: Task,
    recorded: Sequence[SupervisedStep] = (),
    n_episodes: int | None = None,
    gate: Gate | None = None,
) -> Iterator[SupervisedStep]:
    """Steps of a supervised rollout, each yielded as soon as it has been executed.

    The policy proposes its most probable action. The last episode is cut where the rollout ends. What the environment,
    the policy and the supervisor hand over is copied and checked; what they are handed is a copy.

    Args:
        environment: in which the episodes take place. A robot is told to stop when the rollout ends.
        acting: called before each step; returns the version and the policy that propose its action. Its argument is the
            version that proposed the episode's last step, or None in the first step of an episode.
        supervisor: decides each step.
        n_steps: length of the rollout, over all episodes.
        episode_seed: seed of the k-th episode.
        task: the task, for the size of its observations, its features and its actions.
        recorded: steps of this rollout from before an interruption. They are not yielded again. If the last recorded
            episode is unfinished, it is restored by executing its recorded actions from its seed, and then continues.
            The supervisor sees these steps again, with the recorded proposals and decisions. An environment that is not
            `repeatable`, such as a robot, or does not repeat the recorded observations, cannot be restored: the
            unfinished episode stays cut, and a new one starts.
        n_episodes: the rollout also ends with its n-th episode.
        gate: decides when the supervisor is asked to act, of a robot-gated method; None: the supervisor watches, and
            decides when to take over.

    Raises:
        WrongTask: the environment or the supervisor returned something else than they must.
        NonFiniteFeatures: the environment reports a feature that is not finite.
        WrongAction: the supervisor answered with an action that does not exist. Nothing has been executed then.
        OwnCodeFailed: the environment or the supervisor raised an exception.
    """
    done = len(recorded)
    repeatable = getattr(environment, "repeatable", True)
    complete = done == 0 or recorded[-1].terminated or recorded[-1].truncated or not repeatable
    episode = 0 if done == 0 else recorded[-1].episode + complete
    replay = [] if complete else [step for step in recorded if step.episode == episode]

    while done < n_steps and (n_episodes is None or episode < n_episodes):
        version: int | None = None
        seed = episode_seed(episode)
        _supervisor_answer("begin_episode", supervisor.begin_episode, seed)
        if gate is not None:
            gate.begin_episode(episode)
        interruption.check()
        obs, info = checked_reset(_environment_answer("reset", environment.reset, task, seed=seed), task)
        step_index, ended = 0, False
        while not ended and done < n_steps:
            interruption.check()
            before = replay[step_index] if step_index < len(replay) else None
            if before is not None and not np.array_equal(obs, before.obs):
                logger.warning(
                    "The environment of the task %s did not repeat the unfinished episode (step %d differs from the "
                    "record). The episode stays cut, and a new one starts.",
                    *(task.name, step_index),
                )
                break
            if before is None:
                version, policy = acting(version)
                proposed = existing_action(policy.distribution(obs[None].copy()).mode()[0], task.actions, "The policy")
                decided = None
            else:
                version, policy, proposed, decided = before.version, None, before.proposed, _decision(before)
            context = DecisionContext(step_index, task.state_of(obs).copy(), copied(proposed), info, decided, policy)
            if gate is not None:
                context = context._replace(asked=gate.asks(context))
            answer = _answer(supervisor, context, task.actions)
            decision = decided or answer
            if gate is not None:
                gate.answered(context, decision)
            reached = checked_step(_environment_answer("step", environment.step, task, copied(decision.action)), task)
            ended = reached.terminated or reached.truncated
            if decided is None:
                yield SupervisedStep(
                    episode=episode,
                    step=step_index,
                    obs=obs,
                    proposed=proposed,
                    executed=decision.action,
                    controller=decision.controller,
                    next_obs=reached.obs,
                    features=reached.features,
                    terminated=reached.terminated,
                    truncated=reached.truncated,
                    retracts=decision.retracts,
                    version=version,
                    seen=decision.seen,
                )
                done += 1
            obs, info = reached.obs, reached.info
            step_index += 1
        episode, replay = episode + 1, []
    hold_if_robot(environment, "the round is over")


def _environment_answer(name: str, method: Callable[..., Any], task: Task, *given: Any, **named: Any) -> Any:
    """Answer of the environment's `reset` or `step`.

    Raises:
        OwnCodeFailed: the method raised an exception.
    """
    try:
        return method(*given, **named)
    except MereqError:
        raise
    except Exception as error:
        raise failed(f"The environment of the task {task.name} failed in {name}()", error) from error


def _supervisor_answer(name: str, method: Callable[[Any], Any], given: Any) -> Any:
    """Answer of the supervisor's `begin_episode` or `decide`. Mereq's own exceptions, such as a session's end, pass.

    Raises:
        OwnCodeFailed: the method raised an exception.
    """
    try:
        return method(given)
    except Exception as error:
        if type(error).__module__.partition(".")[0] == "mereq":
            raise
        raise failed(f"The supervisor failed in {name}()", error) from error


def _answer(supervisor: Supervisor, context: DecisionContext, actions: Actions) -> Decision:
    """Decision of the supervisor, with the action in the type in which it is executed and recorded.

    Raises:
        WrongTask: the supervisor did not answer with a decision.
        WrongAction: the action does not exist.
    """
    answer: Any = _supervisor_answer("decide", supervisor.decide, context)
    if not isinstance(answer, Decision) or answer.controller not in (Controller.POLICY, Controller.EXPERT):
        raise WrongTask(
            f"The supervisor answered {answer!r}. It must answer with Decision(controller, action), in which the "
            "controller is Controller.POLICY or Controller.EXPERT."
        )
    if not isinstance(answer.retracts, int | np.integer | np.bool_) or answer.retracts < 0:
        raise WrongTask(
            f"The supervisor answered with retracts={answer.retracts!r}. It must be 0, or k to take back the k-th last "
            "intervention of this round: 1 for the last one."
        )
    return answer._replace(
        controller=Controller(answer.controller),
        action=existing_action(answer.action, actions, "The supervisor"),
        retracts=int(answer.retracts),
    )


def _decision(step: SupervisedStep) -> Decision:
    """Decision that a recorded step resulted from."""
    return Decision(step.controller, step.executed, step.retracts)
