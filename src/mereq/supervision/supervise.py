"""Supervised rollout: a policy acts in a task while a supervisor may intervene. Alg. 1, l. 3."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from mereq.core.policy import Policy
from mereq.core.simulator import Environment
from mereq.core.supervisor import Decision, DecisionContext, Supervisor
from mereq.core.task import checked_features
from mereq.interventions.rollout import SupervisedStep
from mereq.supervision.interruption import interruption
from mereq.supervision.robot_environment import hold_if_robot


def supervise(
    environment: Environment,
    acting: Callable[[int | None], tuple[int, Policy]],
    supervisor: Supervisor,
    n_steps: int,
    *,
    episode_seed: Callable[[int], int],
    feature_names: tuple[str, ...],
    recorded: Sequence[SupervisedStep] = (),
) -> Iterator[SupervisedStep]:
    """Steps of a supervised rollout, each yielded as soon as it has been executed.

    The policy proposes its most probable action. The last episode is cut where the rollout ends.

    Args:
        environment: in which the episodes take place. A robot is told to stop when the rollout ends.
        acting: called at the start of each episode; returns the version and the policy that act in it. Its argument is
            None; or, for an unfinished episode that is resumed, the version that has acted in it.
        supervisor: decides each step.
        n_steps: length of the rollout, over all episodes.
        episode_seed: seed of the k-th episode.
        feature_names: of the task, for error messages.
        recorded: steps of this rollout from before an interruption. They are not yielded again. If the last recorded
            episode is unfinished, it is restored by executing its recorded actions from its seed, and then continues.
            The supervisor sees these steps again, together with the recorded decisions. An environment that is not
            `repeatable`, such as a robot, cannot be restored: the unfinished episode stays cut, and a new one starts.

    Raises:
        NonFiniteFeatures: the environment reports a feature that is not finite.
    """
    done = len(recorded)
    repeatable = getattr(environment, "repeatable", True)
    complete = done == 0 or recorded[-1].terminated or recorded[-1].truncated or not repeatable
    episode = 0 if done == 0 else recorded[-1].episode + complete
    replay = [] if complete else [step for step in recorded if step.episode == episode]

    while done < n_steps:
        version, policy = acting(replay[0].version if replay else None)
        seed = episode_seed(episode)
        supervisor.begin_episode(seed)
        interruption.check()
        obs, info = environment.reset(seed=seed)
        step_index, ended = 0, False
        while not ended and done < n_steps:
            interruption.check()
            obs = np.array(obs)  # the environment may overwrite its array
            proposed = policy.distribution(obs[None]).mode()[0]
            decided = _decision(replay[step_index]) if step_index < len(replay) else None
            answer = supervisor.decide(DecisionContext(step_index, obs, proposed, info, decided))
            decision = decided or answer
            next_obs, _, terminated, truncated, info = environment.step(decision.action)
            ended = bool(terminated or truncated)
            if decided is None:
                features = checked_features(np.array(info["features"], np.float64), feature_names)
                yield SupervisedStep(
                    episode=episode,
                    step=step_index,
                    obs=obs,
                    proposed=proposed,
                    executed=decision.action,
                    controller=decision.controller,
                    next_obs=np.array(next_obs),
                    features=features,
                    terminated=bool(terminated),
                    truncated=bool(truncated),
                    retracts=decision.retracts_last,
                    version=version,
                    seen=decision.seen,
                )
                done += 1
            obs = next_obs
            step_index += 1
        episode, replay = episode + 1, []
    hold_if_robot(environment, "the round is over")


def _decision(step: SupervisedStep) -> Decision:
    """Decision that a recorded step resulted from."""
    return Decision(step.controller, step.executed, step.retracts)
