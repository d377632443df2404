"""Missing features of a run: what the supervisor's interventions ask for, and theta cannot say. docs/limits.md.

The score test (`mereq.irl.score_test`) of every candidate feature, under the likelihood of the actions that the
interventions show. Its theta, rationality and habits are inferred again from these steps alone, without slips: where a
feature is missing, the method's own posterior calls slips what the test is about.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from mereq.alignment.added_features import recorded_moves
from mereq.alignment.posterior_alignment import PosteriorImprover
from mereq.core.actions import Discrete
from mereq.core.errors import WrongTask
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.simulator import RewindableSimulator, close
from mereq.core.task import Task
from mereq.interventions.log import InterventionLog
from mereq.irl.added_feature import Shown, mode_slopes, scores_of_choices, scores_of_moves
from mereq.irl.candidates import Candidate, library
from mereq.irl.family_likelihood import FamilyLikelihood
from mereq.irl.foresight import foreseen, places
from mereq.irl.occasions import Occasion, occasions
from mereq.irl.posterior import importance_sampling
from mereq.irl.score_test import ScoreTest, score_test
from mereq.maxent_rl.family import PolicyFamily
from mereq.maxent_rl.learners import LearnerSettings

LEVEL = 0.05  # probability that anything is offered where nothing is missing
LEAST = 5  # interventions: of fewer, nothing is offered
HORIZON = 10  # steps that are foreseen
REPEATS = 4  # rollouts after each of finitely many actions
FIRSTS = 8  # first actions of rollouts, of continuous ones
ENVS = 64  # environments of the simulator


@dataclass(frozen=True)
class MissingFeatures:
    """Candidates that were tested, and what was found."""

    candidates: tuple[Candidate, ...]
    test: ScoreTest | None  # None: too few interventions
    offered: Int[np.ndarray, " offered"]  # numbers of the candidates to offer, best first
    where: tuple[Occasion, ...]  # of the interventions

    def asking(self, candidate: int, most: int = 3) -> list[int]:
        """Numbers of the interventions that ask most for a candidate."""
        assert self.test is not None
        pull = self.test.of_interventions[:, candidate] * np.sign(self.test.z[candidate])
        return [int(k) for k in np.argsort(-pull)[:most] if pull[k] > 0]


def missing_features(
    task: Task,
    prior: Policy,
    family: PolicyFamily,
    improver: PosteriorImprover,
    log: InterventionLog,
    *,
    run_seed: int,
    learner: LearnerSettings,
    names: tuple[str, ...] = (),
    own: Iterable[Candidate] = (),
) -> MissingFeatures:
    """Test of a library of candidates against a run's interventions.

    Args:
        task, prior, family: of the run.
        improver: of the run's method; it has the likelihood and what was known before any evidence.
        log: the run's.
        run_seed: the run's seed.
        learner: settings of the family's learner: its discount factor and temperature.
        names: of the observation's coordinates.
        own: candidates of the user's.

    Raises:
        WrongTask: the simulator cannot be rewound, or does not reproduce the recorded steps.
    """
    likelihood = improver.likelihood(log)
    where = tuple(occasions(log, likelihood.decisions))
    moves = recorded_moves(task, log)
    candidates = library(moves, task.actions, names=names, own=own)
    if len(where) < LEAST:
        return MissingFeatures(candidates, None, np.zeros(0, int), where)
    simulator = task.simulate(ENVS)
    try:
        if not isinstance(simulator, RewindableSimulator):
            raise WrongTask(
                f"The simulator of {task.name} cannot be rewound (it has no `put` and `states_along`), so what an "
                "action leads to cannot be foreseen, and missing features cannot be looked for."
            )
        simulator.reset(0)
        test = _test(task, prior, family, improver, likelihood, log, simulator, candidates, run_seed, learner)
    finally:
        close(simulator)
    return MissingFeatures(candidates, test, test.offered(LEVEL), where)


def _test(
    task: Task,
    prior: Policy,
    family: PolicyFamily,
    improver: PosteriorImprover,
    likelihood: FamilyLikelihood,
    log: InterventionLog,
    simulator: RewindableSimulator,
    candidates: tuple[Candidate, ...],
    run_seed: int,
    learner: LearnerSettings,
) -> ScoreTest:
    before, n = improver.before, family.n_weights
    posterior = importance_sampling(likelihood.of_shown_steps, before, stream(run_seed, "missing features"))
    inside = family.region.clip(posterior.draws[:, :n])
    x = posterior.weights @ np.concatenate([inside, posterior.draws[:, n:]], axis=1)
    at = Shown(likelihood, x, before.std)
    starts = places(log, likelihood.decisions.shown.steps.tolist(), simulator, run_seed)
    rng = stream(run_seed, "foresight")
    ahead = partial(
        foreseen,
        starts,
        simulator=simulator,
        candidates=candidates,
        n_obs=task.state_size,
        gamma=learner.gamma,
        horizon=HORIZON,
    )
    if isinstance(task.actions, Discrete):
        acting = family.member(x[:n], prior, habit=x[n + 2 :] if len(x) > n + 2 else 0.0)
        firsts = np.tile(np.arange(task.actions.n), (len(starts), 1))
        repeats = [ahead(firsts, policy=acting, rng=rng) for _ in range(REPEATS)]
        scores = scores_of_choices(at, np.mean(repeats, axis=0))
    else:
        acting = family.member(x[:n], prior)
        obs: Float[np.ndarray, "steps obs"] = np.stack([place.obs for place in starts])
        given = acting.distribution(obs)
        firsts = np.stack([given.sample(rng) for _ in range(FIRSTS)], axis=1)
        by_h = mode_slopes(firsts, ahead(firsts, policy=acting), learner.temperature)
        scores = scores_of_moves(at, family, prior, obs, by_h)
    return score_test(scores, before.std[at.free] ** -2.0, (x - before.mean)[at.free])
