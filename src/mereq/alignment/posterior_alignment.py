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
from mereq.irl.belief import Belief, InterventionEffect
from mereq.irl.decisions import DecisionModel
from mereq.irl.fading import fading_posterior
from mereq.irl.family_evidence import StepFeatures, n_habits
from mereq.irl.family_likelihood import FamilyLikelihood
from mereq.irl.influence import intervention_effects
from mereq.irl.posterior import NormalPrior, Posterior, importance_sampling
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.family import PolicyFamily
from mereq.maxent_rl.sac import ActorPolicy


@dataclass(frozen=True)
class PosteriorAlignment:
    """Method that infers a posterior of theta, and acts with the member of a policy family at its mean."""

    name: str
    family: PolicyFamily | None = field(default=None, compare=False)
    fading: bool = False  # whether evidence fades, with an inferred span, for a supervisor who may change their mind

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
        return PosteriorImprover(task, prior, self.family, settings.posterior, seed=seed, fading=self.fading)


MEREQ_BAYES = PosteriorAlignment("mereq-bayes")
MEREQ_BAYES_FADING = PosteriorAlignment("mereq-bayes-fading", fading=True)


class PosteriorImprover:
    """Improver by inference alone. The posterior is a function of the log and the seed, whatever came before."""

    def __init__(
        self,
        task: Task,
        prior: Policy,
        family: PolicyFamily,
        settings: PosteriorSettings,
        *,
        seed: int,
        fading: bool = False,
    ):
        self._fading = fading
        self._task, self._prior, self._settings, self._seed = task, prior, settings, seed
        self.use(family)
        self._n_habits = n_habits(task.actions) if settings.habit else 0
        self.theta: Float[np.ndarray, " features"] = np.zeros(family.n_weights)
        self.posterior: Posterior | None = None  # of the parameters of a `FamilyLikelihood`
        self._effects: tuple[InterventionEffect, ...] = ()  # of the interventions, in the last improvement

    def use(self, family: PolicyFamily) -> None:
        """Act and infer with this family from now on."""
        self._family, self._features = family, StepFeatures(family, self._prior)

    @property
    def policy(self) -> QPolicy | ActorPolicy:
        """The family's member at theta."""
        if self.posterior is None or not self._n_habits:
            return self._family.member(self.theta, self._prior)
        return self._family.member(self.theta, self._prior, habit=self.posterior.mean[-self._n_habits :])

    @property
    def belief(self) -> Belief | None:
        """Summary of the posterior; None before the first intervention."""
        if self.posterior is None:
            return None
        found = Belief.of(self.posterior, self.before, self._family.region.limit, self._task.feature_names)
        return found.with_interventions(self._effects)

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Infer the posterior from all decisions so far. Before the first intervention theta stays zero."""
        likelihood = self.likelihood(log)
        if not likelihood.decisions.n_interventions:
            self.theta, self.posterior, self._effects = np.zeros(self._family.n_weights), None, ()
            return
        self.posterior = self.infer(log)
        judged = likelihood.without_passed()
        self._effects = intervention_effects(log, judged, self.posterior, self._family.region.limit)
        theta = self.posterior.mean[: self._family.n_weights]
        yield Progress(0, 1, theta, theta - self.theta, float("nan"))
        self.theta = theta

    def likelihood(self, log: InterventionLog) -> FamilyLikelihood:
        """Likelihood of the decisions of a log."""
        settings = self._settings
        return FamilyLikelihood.of(
            log,
            self._features,
            self._task.actions,
            model=DecisionModel(slip=settings.slip, spread=settings.spread),
            tolerance=settings.tolerance,
            most_rational=float(np.exp(settings.log_rationality + 2.0 * settings.log_rationality_width)),
        )

    @property
    def before(self) -> NormalPrior:
        """Distribution of the parameters before any evidence."""
        settings, limit = self._settings, self._family.region.limit
        nuisances = [(settings.log_rationality, settings.log_rationality_width), (0.0, settings.logit_attention_width)]
        habits = [(0.0, settings.habit)] * self._n_habits
        mean, std = np.array([*((0.0, settings.width * each) for each in limit), *nuisances, *habits]).T
        return NormalPrior(mean, std)

    def infer(self, log: InterventionLog) -> Posterior:
        """Posterior of the parameters, given the decisions of a log. Each theta is within the family's region."""
        likelihood, settings, n = self.likelihood(log), self._settings, self._family.n_weights
        rng = stream(self._seed, "posterior", log.steps)
        before, draws, iterations = self.before, settings.draws, settings.iterations
        if self._fading:
            found = fading_posterior(likelihood, before, rng, draws=draws, iterations=iterations).posterior
        else:
            found = importance_sampling(likelihood, before, rng, draws=draws, iterations=iterations)
        theta = self._family.region.clip(found.draws[:, :n])
        return Posterior(np.concatenate([theta, found.draws[:, n:]], axis=1), found.weights)

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
