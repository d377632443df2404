"""Alignment with a reward of two parts: theta . f, as in MEReQ-Bayes, and an unnamed one for what theta cannot say.

Theta's posterior is that of `mereq.alignment.posterior_alignment`, unchanged. Then a small network changes the policy
at its mean (`mereq.irl.unnamed_reward`), if the interventions predict each other better with it than without. No
reinforcement learning happens. docs/limits.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from mereq.alignment.method import Progress
from mereq.alignment.posterior_alignment import PosteriorAlignment, PosteriorImprover
from mereq.alignment.settings import AlignSettings
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.task import Task
from mereq.interventions.log import InterventionLog
from mereq.irl.added_feature import Shown
from mereq.irl.belief import Belief
from mereq.irl.family_evidence import CategoricalEvidence
from mereq.irl.family_likelihood import FamilyLikelihood
from mereq.irl.unnamed_reward import (
    Changed,
    ChangedChoices,
    ChangedMoves,
    Divergence,
    Evidence,
    ImpliedReward,
    Penalty,
    UnnamedPart,
    basis_of,
    draw_units,
    unnamed_part,
)
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import Layer, beside
from mereq.maxent_rl.sac import ActorPolicy

MOST = 600  # supervised steps that the penalty is a mean over: evenly spaced ones represent a longer log


@dataclass(frozen=True)
class TwoPartAlignment(PosteriorAlignment):
    """Method that infers a posterior of theta, and an unnamed part of the reward beside it.

    implied: whether the unnamed reward is penalised itself, as in IQ-Learn, or the policy's divergence, as in CSIL.
    """

    implied: bool = False

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> "TwoPartImprover":
        """The improver of a new run, whose first policy is the prior. Raises as `PosteriorAlignment.start`."""
        super().start(task, prior, settings, seed=seed)
        assert self.family is not None
        improver = TwoPartImprover(task, prior, self.family, settings.posterior, seed=seed, fading=self.fading)
        improver.penalty = ImpliedReward(settings.learner.gamma) if self.implied else Divergence()
        return improver


MEREQ_BAYES_CSIL = TwoPartAlignment("mereq-bayes-csil")
MEREQ_BAYES_IQ = TwoPartAlignment("mereq-bayes-iq", implied=True)


class TwoPartImprover(PosteriorImprover):
    """Improver by inference of theta, and then of the unnamed part."""

    penalty: Penalty = Divergence()
    unnamed: UnnamedPart | None = None  # None: theta alone predicts the interventions as well

    @property
    def policy(self) -> QPolicy | ActorPolicy:
        """The family's member at theta, changed by the unnamed part."""
        return super().policy if self.unnamed is None else changed(super().policy, self.unnamed)

    @property
    def belief(self) -> Belief | None:
        """Summary of the posterior, with what the unnamed part is worth; None before the first intervention."""
        found = super().belief
        if found is None or self.unnamed is None:
            return found
        return replace(found, unnamed=tuple(round(float(nats), 3) for nats in self.unnamed.gain))

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Infer the posterior from all decisions so far, and learn the unnamed part from the interventions."""
        self.unnamed = None
        yield from super().improve(log, iteration)
        if self.posterior is not None:
            self.unnamed = self.learned(log)

    def learned(self, log: InterventionLog) -> UnnamedPart | None:
        """The unnamed part that a log shows beside the present posterior."""
        likelihood = self.likelihood(log)
        evidence, units = self.evidence(log, likelihood)
        n_coordinates = 1 if isinstance(likelihood.shown, CategoricalEvidence) else likelihood.shown.chosen.shape[1]
        return unnamed_part(
            evidence,
            units,
            self.penalty,
            slip=likelihood.model.slip,
            log_uniform=likelihood.uniform * n_coordinates,
        )

    @staticmethod
    def taken(log: InterventionLog) -> Int[np.ndarray, " taken"]:
        """Numbers of the supervised steps that the penalty is a mean over."""
        return np.unique(np.linspace(0, log.steps - 1, min(log.steps, MOST)).round().astype(int))

    def unnamed_reward(self, log: InterventionLog) -> Float[np.ndarray, " taken"]:
        """r_phi / alphahat in the steps `taken`; zero without an unnamed part."""
        if self.unnamed is None:
            return np.zeros(len(self.taken(log)))
        evidence, _ = self.evidence(log, self.likelihood(log))
        gamma = self.penalty.gamma if isinstance(self.penalty, ImpliedReward) else 0.0
        return self.unnamed.reward(evidence, gamma=gamma)

    def evidence(self, log: InterventionLog, likelihood: FamilyLikelihood) -> tuple[Evidence, Layer]:
        """Steps that the unnamed part is learned from, and the units behind their basis."""
        assert self.posterior is not None
        shown, rollouts = likelihood.decisions.shown, log.rollouts
        obs, executed, next_obs, terminated = (
            np.concatenate([getattr(rollout, name) for rollout in rollouts])
            for name in ("obs", "executed", "next_obs", "terminated")
        )
        taken = self.taken(log)
        state, state_of = self._task.state_of(obs[taken]), self._task.state_of
        units = draw_units(state, stream(self._seed, "units"))
        at = Shown(likelihood, self.posterior.mean, self.before.std)
        policy = super().policy

        def at_steps(where: np.ndarray, log_odds: np.ndarray | None, rationality: float) -> Changed:
            given, chosen = policy.distribution(obs[where]).parameters, executed[where]
            if isinstance(likelihood.shown, CategoricalEvidence):
                return ChangedChoices(given if log_odds is None else log_odds, given, chosen.astype(int), rationality)
            mean, log_std = np.split(given, 2, axis=1)
            return ChangedMoves(mean, np.exp(log_std), chosen, likelihood.shown.squashed, rationality)

        log_odds = at.log_odds() if isinstance(likelihood.shown, CategoricalEvidence) else None
        continues = ~terminated[taken][:, None]
        return Evidence(
            at_steps(shown.steps, log_odds, at.rationality),
            basis_of(units, state_of(obs[shown.steps])),
            shown.group[shown.window],
            at_steps(taken, None, 1.0),
            basis_of(units, state),
            continues * basis_of(units, state_of(next_obs[taken])),
        ), units

    def state(self) -> dict[str, np.ndarray]:
        """Theta, the posterior's draws and the unnamed part, as named arrays."""
        found, part = super().state(), self.unnamed
        if part is not None:
            found |= {
                "unnamed.units.weight": part.units.weight,
                "unnamed.units.bias": part.units.bias,
                "unnamed.weights": part.weights,
                "unnamed.potential": part.potential,
                "unnamed.strength": np.array(part.strength),
                "unnamed.gain": part.gain,
            }
        return found

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        super().restore(state)
        self.unnamed = None
        if "unnamed.weights" in state:
            units = Layer(state["unnamed.units.weight"], state["unnamed.units.bias"])
            weights, potential, gain = (state[f"unnamed.{name}"] for name in ("weights", "potential", "gain"))
            self.unnamed = UnnamedPart(units, weights, potential, float(state["unnamed.strength"]), gain)


def changed(policy: QPolicy | ActorPolicy, part: UnnamedPart) -> QPolicy | ActorPolicy:
    """The policy whose log-odds, or whose means, are changed by the unnamed part."""
    weight, bias = part.head
    if isinstance(policy, QPolicy):
        head = Layer(policy.temperature * weight, policy.temperature * bias)
        return replace(policy, q=beside(policy.q, part.units, head))
    spread = np.zeros_like(weight)
    head = Layer(np.concatenate([weight, spread], axis=1), np.concatenate([bias, np.zeros_like(bias)]))
    return replace(policy, actor=beside(policy.actor, part.units, head))
