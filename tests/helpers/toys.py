"""Small things to run the package on: rollouts by hand, a tabular simulator, supervisors that do one thing."""

import numpy as np

from exact import MDP
from mereq.core.actions import Box
from mereq.core.policy import LogitsPolicy
from mereq.core.simulator import Step
from mereq.core.supervisor import Controller, Decision
from mereq.core.task import Task
from mereq.interventions.rollout import Rollout
from mereq.maxent_rl.replay import Batch

POLICY, EXPERT = Controller.POLICY, Controller.EXPERT


def one_hot(states, n: int) -> np.ndarray:
    return np.eye(n, dtype=np.float32)[states]


def table_policy(q: np.ndarray, temperature: float) -> LogitsPolicy:
    """The Boltzmann policy of a table of Q-values, for one-hot observations."""
    return LogitsPolicy(lambda obs: (obs @ q) / temperature, q.shape[1])


def rollout(controllers, *, episodes=None, features=None, retracts=()) -> Rollout:
    """A rollout with the given controller, episode and features at each step; the rest is of no interest.

    retracts: steps before which the last intervention was retracted, or a dictionary: which one, counted back.
    """
    retracts = retracts if isinstance(retracts, dict) else dict.fromkeys(retracts, 1)
    n = len(controllers)
    episodes = np.zeros(n, int) if episodes is None else np.asarray(episodes)
    firsts = np.searchsorted(episodes, episodes)
    return Rollout(
        episode=episodes,
        step=np.arange(n) - firsts,
        obs=np.zeros((n, 1)),
        proposed=np.zeros(n, int),
        executed=np.zeros(n, int),
        controller=np.asarray(controllers, int),
        next_obs=np.zeros((n, 1)),
        features=np.zeros((n, 2)) if features is None else np.asarray(features, float),
        terminated=np.zeros(n, bool),
        truncated=np.append(np.diff(episodes) != 0, False),
        retracts=np.array([retracts.get(k, 0) for k in range(n)]),
        version=np.zeros(n, int),
    )


class TabularSimulator:
    """n copies of an MDP with one-hot observations; episodes start in random non-terminal states.

    An episode is truncated after a number of steps drawn from `limits`, unless it terminates before.
    """

    def __init__(self, mdp: MDP, n_envs: int, *, limits, starts=None):
        self.mdp, self.n_envs, self._limits = mdp, n_envs, np.asarray(limits)
        self._starts = np.flatnonzero(~mdp.terminal) if starts is None else np.asarray(starts)

    def reset(self, seed: int) -> np.ndarray:
        self._rng = np.random.default_rng(seed)
        self._state = self._rng.choice(self._starts, self.n_envs)
        self._left = self._rng.choice(self._limits, self.n_envs)
        return one_hot(self._state, self.mdp.n_states)

    def step(self, actions: np.ndarray) -> Step:
        outcomes = self.mdp.successors[self._state, actions]
        features = self.mdp.features[self._state, actions]
        reached = outcomes[np.arange(self.n_envs), self._rng.integers(outcomes.shape[1], size=self.n_envs)]
        self._left = self._left - 1
        terminated, truncated = self.mdp.terminal[reached], self._left == 0
        ended = terminated | truncated
        self._state = np.where(ended, self._rng.choice(self._starts, self.n_envs), reached)
        self._left = np.where(ended, self._rng.choice(self._limits, self.n_envs), self._left)
        n = self.mdp.n_states
        return Step(one_hot(reached, n), one_hot(self._state, n), features, terminated, truncated)


class RewindableTable(TabularSimulator):
    """The same, and it can go on from where an episode of a deterministic MDP was."""

    def states_along(self, seed, actions, *, at):
        lone = TabularSimulator(self.mdp, 1, limits=self._limits, starts=self._starts)
        obs, done, found = lone.reset(seed), 0, []
        for wanted in at:
            for action in actions[done:wanted]:
                obs = lone.step(np.array([action])).obs
            found.append(((lone._state[0], lone._left[0]), obs[0]))
            done = wanted
        return found

    def put(self, env, state) -> None:
        self._state[env], self._left[env] = state


class LineSimulator:
    """n points on a line, pushed by one continuous action; beyond 1 it ends, and after 2 to 6 steps it is cut.

    Features: the position afterwards, and the action squared. No two episodes are alike.
    """

    def __init__(self, n_envs: int):
        self.n_envs = n_envs

    def reset(self, seed: int) -> np.ndarray:
        self._rng = np.random.default_rng(seed)
        self._x, self._left = self._start()
        return self._obs(self._x)

    def _start(self):
        return self._rng.uniform(-0.8, 0.8, self.n_envs), self._rng.integers(2, 7, self.n_envs)

    @staticmethod
    def _obs(x) -> np.ndarray:
        return np.stack([x, np.ones_like(x)], axis=1).astype(np.float32)

    def step(self, actions: np.ndarray) -> Step:
        reached, left = self._x + 0.3 * actions[:, 0], self._left - 1
        terminated, truncated = np.abs(reached) > 1, left == 0
        ended, (x, limits) = terminated | truncated, self._start()
        self._x, self._left = np.where(ended, x, reached), np.where(ended, limits, left)
        features = np.stack([reached, actions[:, 0] ** 2], axis=1)
        return Step(self._obs(reached), self._obs(self._x), features, terminated, truncated)


LINE = Task("line", ("position", "effort"), 2, Box(1), lambda: None, LineSimulator)


def always(policy):
    """One policy for all episodes, as `supervise` asks for it."""
    return lambda version: (0, policy)


class NeverTakesOver:
    """A supervisor who never intervenes."""

    def begin_episode(self, seed) -> None: ...

    def decide(self, context) -> Decision:
        return Decision(POLICY, context.proposed)


def every_outcome(mdp: MDP, reward: np.ndarray, log_prior: np.ndarray, n_updates: int) -> Batch:
    """Every state, action and outcome once, in each of n_updates batches: expectations become exact averages."""
    states = mdp.n_states
    state, action, _ = (index.ravel() for index in np.indices(mdp.successors.shape))
    reached = mdp.successors.ravel()
    batch = Batch(
        obs=np.eye(states)[state],
        action=action.astype(np.int32),
        reward=reward[state, action],
        next_obs=np.eye(states)[reached],
        terminated=mdp.terminal[reached].astype(float),
        prior=log_prior[state],
        next_prior=log_prior[reached],
    )
    return Batch(*(np.broadcast_to(column, (n_updates, *column.shape)) for column in batch))
