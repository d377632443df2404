"""Alignment with a supervisor whose wish changes or alternates, or with several supervisors who are not told apart.

The posterior over which interventions show the same wish is that of `mereq.irl.switching`; the policy acts for the
present wish: that of the last intervention. docs/limits.md.
"""

from dataclasses import dataclass, replace

import numpy as np

from mereq.alignment.posterior_alignment import PosteriorAlignment, PosteriorImprover
from mereq.alignment.settings import AlignSettings
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.task import Task
from mereq.interventions.log import InterventionLog
from mereq.irl.belief import Belief, OtherWish
from mereq.irl.posterior import Posterior
from mereq.irl.switching import Wishes, wishes


@dataclass(frozen=True)
class WishesAlignment(PosteriorAlignment):
    """Method that infers which interventions show the same wish, and acts for the present one."""

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> "WishesImprover":
        """The improver of a new run, whose first policy is the prior. Raises as `PosteriorAlignment.start`."""
        super().start(task, prior, settings, seed=seed)
        assert self.family is not None
        return WishesImprover(task, prior, self.family, settings.posterior, seed=seed)


MEREQ_BAYES_WISHES = WishesAlignment("mereq-bayes-wishes")


class WishesImprover(PosteriorImprover):
    """Improver whose posterior is that of the present wish."""

    other: OtherWish | None = None  # None: one wish is more probable than two

    @property
    def belief(self) -> Belief | None:
        """Summary of the present wish's posterior, with the other wish; None before the first intervention."""
        found = super().belief
        return found if found is None else replace(found, other=self.other)

    def infer(self, log: InterventionLog) -> Posterior:
        """Posterior of the present wish's parameters, given the decisions of a log."""
        settings, rng = self._settings, stream(self._seed, "posterior", log.steps)
        found = wishes(self.likelihood(log), self.before, rng, draws=settings.draws, iterations=settings.iterations)
        self.other = self._summary(found)
        return self._within(found.present)

    def _within(self, found: Posterior) -> Posterior:
        n = self._family.n_weights
        theta = self._family.region.clip(found.draws[:, :n])
        return Posterior(np.concatenate([theta, found.draws[:, n:]], axis=1), found.weights)

    def _summary(self, found: Wishes) -> OtherWish | None:
        if found.two <= 0.5 or not (labels := found.most_probable).any():
            return None
        posterior = self._within(found.of(labels == 1))
        limit, names = self._family.region.limit, self._task.feature_names
        weights = Belief.of(posterior, self.before, limit, names).weights
        return OtherWish(found.two, weights, tuple(np.flatnonzero(labels == 1).tolist()))
