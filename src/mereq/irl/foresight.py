"""Foreseen values of candidate features: what each action leads to, by rollouts from recorded steps.

    psi_h(s, a) = E[ sum_t gamma^t h(s_t, a_t) | s_0 = s, a_0 = a, then the policy ]

By the envelope identity (docs/derivations.md#identities) this is dQ_R/dtheta_h, the derivative of the residual
Q-function by the weight of a feature that is not weighed yet. No network sees the feature, and nothing is learned.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from mereq.core.errors import WrongTask
from mereq.core.policy import Policy
from mereq.core.seeding import episode_seed
from mereq.core.simulator import RewindableSimulator
from mereq.interventions.log import InterventionLog
from mereq.irl.candidates import Candidate, Moves, values


class Place(NamedTuple):
    """A recorded step, from which the simulator can go on."""

    state: Any
    obs: Float[np.ndarray, " obs"]
    action_before: np.ndarray | None  # executed in the step before; None in an episode's first step


def places(log: InterventionLog, steps: Sequence[int], simulator: RewindableSimulator, run_seed: int) -> list[Place]:
    """Places of the given steps of a log, after repeating their episodes in the simulator.

    Args:
        log: of a run.
        steps: numbers of the log's steps, ascending.
        simulator: of the task.
        run_seed: of the run: the episodes' seeds follow from it.

    Raises:
        WrongTask: the simulator does not reproduce the recorded observations.
    """
    found = list[Place]()
    before = 0
    for iteration, rollout in enumerate(log.rollouts):
        wanted = [step - before for step in steps if before <= step < before + len(rollout)]
        for episode in sorted({int(rollout.episode[step]) for step in wanted}):
            first = int(np.searchsorted(rollout.episode, episode))
            here = [step for step in wanted if rollout.episode[step] == episode]
            seed, actions = episode_seed(run_seed, iteration, episode), rollout.executed[first : here[-1]]
            visited = simulator.states_along(seed, actions, at=[step - first for step in here])
            for step, (state, obs) in zip(here, visited, strict=True):
                if not np.array_equal(obs, rollout.obs[step]):
                    raise WrongTask(
                        f"Round {iteration}, episode {episode}, step {step - first}: the simulator does not reproduce "
                        "the recorded observation, so what an action leads to cannot be foreseen from there."
                    )
                found.append(Place(state, rollout.obs[step], rollout.executed[step - 1] if step > first else None))
        before += len(rollout)
    return found


def foreseen(
    starts: Sequence[Place],
    firsts: np.ndarray,
    simulator: RewindableSimulator,
    policy: Policy,
    candidates: Sequence[Candidate],
    *,
    n_obs: int,
    gamma: float,
    horizon: int,
    rng: np.random.Generator | None = None,
) -> Float[np.ndarray, "places n candidates"]:
    """Discounted sums of candidate features over rollouts, one from each place with each of its first actions.

    Args:
        starts: places of the rollouts.
        firsts: (places, n) or (places, n, actions): first actions of the rollouts from each place.
        simulator: deterministic apart from the actions.
        policy: of all later actions.
        candidates: features to count.
        n_obs: numbers of an observation that candidates see.
        gamma: discount factor.
        horizon: steps of a rollout.
        rng: of the later actions; None takes the policy's most probable ones.
    """
    n = firsts.shape[1]
    pairs = [(place, i) for place in range(len(starts)) for i in range(n)]
    sums = np.zeros((len(starts), n, len(candidates)))
    for wave in _waves(pairs, simulator.n_envs):
        filled = [wave[env % len(wave)] for env in range(simulator.n_envs)]  # the last one has copies
        here = [starts[place] for place, _ in filled]
        for env, place in enumerate(here):
            simulator.put(env, place.state)
        rows, columns = np.array(filled).T
        obs, actions = np.stack([place.obs for place in here]), firsts[rows, columns]
        known = [place.action_before for place in here]
        before = np.stack([first if each is None else each for each, first in zip(known, actions, strict=True)])
        rows, columns = rows[: len(wave)], columns[: len(wave)]
        going, weight = np.ones(len(wave)), 1.0
        for _ in range(horizon):
            step = simulator.step(actions)
            moves = Moves(obs[:, :n_obs], actions, step.next_obs[:, :n_obs], before, step.features)
            counted = values(candidates, Moves(*(part[: len(wave)] for part in moves)))
            sums[rows, columns] += (weight * going)[:, None] * counted
            going = going * ~(step.terminated | step.truncated)[: len(wave)]
            weight *= gamma
            obs, before = step.obs.copy(), actions
            given = policy.distribution(obs)
            actions = given.mode() if rng is None else given.sample(rng)
    return sums


def _waves(pairs: list[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    for first in range(0, len(pairs), size):
        yield pairs[first : first + size]
