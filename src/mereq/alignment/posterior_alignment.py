"""Alignment by a posterior of theta over a prepared policy family: MEReQ-Bayes. docs/instant.md.

No reinforcement learning happens during supervision. The family gives log pi_theta(a|s) of every recorded step for any
theta, so the posterior of theta is a matter of a fraction of a second, and the policy at its mean acts at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from mereq.alignment.method import Progress
from mereq.alignment.settings import AlignSettings, PosteriorSettings
from mereq.core.errors import IncompleteTask
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.task import Task
from mereq.interventions.log import InterventionLog
from mereq.irl.belief import Belief
from mereq.irl.decisions import DecisionModel, Decisions, decisions_of, log_likelihood
from mereq.irl.family_evidence import family_evidence, log_uniform
from mereq.irl.posterior import NormalPrior, Posterior, importance_sampling
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.family import PolicyFamily
from mereq.maxent_rl.sac import ActorPolicy


@dataclass(frozen=True)
class PosteriorAlignment:
    """Method that infers a posterior of theta, and acts with the member of a policy family at its mean."""

    name: str
    family: PolicyFamily | None = field(default=None, compare=False)

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> "PosteriorImprover":
        """The improver of a new run, whose first policy is the prior.

        Raises:
            IncompleteTask: there is no policy family.
        """
        if self.family is None:
            raise IncompleteTask(
                f"The method {self.name} needs a policy family of the task {task.name}, prepared for this prior: "
                "replace(MEREQ_BAYES, family=...) in Python, or `mereq prepare` and --family on the command line."
            )
        return PosteriorImprover(task, prior, self.family, settings.posterior, seed=seed)


MEREQ_BAYES = PosteriorAlignment("mereq-bayes")


class PosteriorImprover:
    """Improver by inference alone. The posterior is a function of the log and the seed, whatever came before."""

    def __init__(self, task: Task, prior: Policy, family: PolicyFamily, settings: PosteriorSettings, *, seed: int):
        self._task, self._prior, self._family, self._settings, self._seed = task, prior, family, settings, seed
        self.theta: Float[np.ndarray, " features"] = np.zeros(family.n_weights)
        self.posterior: Posterior | None = None  # of theta and the logarithm of the rationality

    @property
    def policy(self) -> QPolicy | ActorPolicy:
        """The family's member at theta."""
        return self._family.member(self.theta, self._prior)

    @property
    def belief(self) -> Belief | None:
        """Summary of the posterior; None before the first intervention."""
        if self.posterior is None:
            return None
        return Belief.of(self.posterior, self.before, self._family.region.limit, self._task.feature_names)

    @property
    def before(self) -> NormalPrior:
        """Distribution of theta and log beta before any evidence."""
        settings, n = self._settings, self._family.n_weights
        return NormalPrior(
            mean=np.append(np.zeros(n), settings.log_rationality),
            std=np.append(settings.width * self._family.region.limit, settings.log_rationality_width),
        )

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Infer the posterior from all decisions so far. Before the first intervention theta stays zero."""
        decisions = decisions_of(log)
        if not decisions.intervention.any():
            self.theta, self.posterior = np.zeros(self._family.n_weights), None
            return
        self.posterior = self._infer(log, decisions)
        theta = self._family.region.clip(self.posterior.mean[:-1])
        yield Progress(0, 1, theta, theta - self.theta, float("nan"))
        self.theta = theta

    def _infer(self, log: InterventionLog, decisions: Decisions) -> Posterior:
        settings, n = self._settings, self._family.n_weights
        obs = np.concatenate([rollout.obs for rollout in log.rollouts])[decisions.steps]
        executed = np.concatenate([rollout.executed for rollout in log.rollouts])[decisions.steps]
        evidence = family_evidence(self._family, self._prior, obs, executed)
        model = DecisionModel(slip=settings.slip, accepted=settings.accepted)
        uniform = log_uniform(self._task.actions)

        def likelihood(x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
            theta = self._family.region.clip(x[:, :n])
            return log_likelihood(evidence.log_probs(theta, np.exp(x[:, n])), decisions, model, uniform=uniform)

        rng = stream(self._seed, "posterior", log.steps)
        return importance_sampling(likelihood, self.before, rng, draws=settings.draws, iterations=settings.iterations)

    def state(self) -> dict[str, np.ndarray]:
        """Theta and the posterior's draws, as named arrays."""
        arrays = {"theta": self.theta}
        if self.posterior is not None:
            arrays |= {"draws": self.posterior.draws, "weights": self.posterior.weights}
        return arrays

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        self.theta = state["theta"]
        self.posterior = Posterior(state["draws"], state["weights"]) if "draws" in state else None
