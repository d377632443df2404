"""ThriftyDAgger: novelty and risk decide when to ask. Hoque et al., CoRL 2021.

    Novelty(s) = variance of the actions of an ensemble of clones, mean over an action's coordinates
    Risk(s, a) = 1 - E[discounted success after a in s]; where an episode's end is a failure, E[discounted failure]

The supervisor is asked where Novelty(s) > delta_h or Risk(s, a_n) > beta_h, the quantiles of both over the states that
the policy was in on its own. The request ends where |a_n - a_h|^2 <= delta_r, its mean over what was shown, and
Risk(s, a_n) <= beta_r, the median. docs/derivations.md#asking-for-help, docs/deviations.md#thrifty-ensemble
"""

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from jaxtyping import Float

from mereq.alignment.imitation_learning import HG_DAGGER_FT
from mereq.alignment.robot_gated import (
    RobotGated,
    SeenSteps,
    batches_of,
    discrepancy,
    learn_values,
    quantile_above,
)
from mereq.alignment.settings import AlignSettings
from mereq.core.actions import Actions, Discrete
from mereq.core.distribution import Categorical
from mereq.core.policy import Policy
from mereq.core.seeding import seed_for, stream
from mereq.imitation.action_values import ActionValue, pairs, vectors
from mereq.imitation.cloning import Cloning, likelihood_of
from mereq.imitation.demonstrations import Demonstrations
from mereq.maxent_rl.updating import update
from mereq.supervision.gate import SwitchingGate


@dataclass(frozen=True)
class NoveltyAndRiskGate:
    """Gate that asks where the state is novel to an ensemble of clones, or the proposal risky."""

    def learn(self, seen: SeenSteps, settings: AlignSettings, *, seed: int) -> SwitchingGate:
        """Gate of the next round."""
        numbers, actions = settings.gates, seen.actions
        clones, success = ensemble(seen, settings, seed=seed), success_values(seen, settings, seed=seed)
        novel = quantile_above(novelty(actions_of(clones, seen.state[seen.own], actions)), numbers.rate)
        risks = risk(success(seen.pairs(seen.proposal)[seen.own]), numbers.end)
        risky, calm = quantile_above(risks, numbers.rate), float(np.median(risks))
        near = float(discrepancy(seen.proposal, seen.executed, actions)[seen.shown].mean())

        def risk_of(state: Float[np.ndarray, " states"], proposed: Any) -> float:
            pair = pairs(state[None], vectors(np.asarray(proposed)[None], actions))
            return float(risk(success(pair), numbers.end)[0])

        def needs(state: Float[np.ndarray, " states"], proposed: Any) -> bool:
            return (
                bool(novelty(actions_of(clones, state[None], actions))[0] > novel) or risk_of(state, proposed) > risky
            )

        def ends(state: Float[np.ndarray, " states"], proposed: Any, shown: Any) -> bool:
            missed = discrepancy(np.asarray(proposed)[None], np.asarray(shown)[None], actions)[0]
            return bool(missed <= near) and risk_of(state, proposed) <= calm

        return SwitchingGate(needs, ends)


THRIFTY_GATE = NoveltyAndRiskGate()
THRIFTY_DAGGER = RobotGated("thrifty-dagger", HG_DAGGER_FT, THRIFTY_GATE)


def novelty(action: Float[np.ndarray, "members n size"]) -> Float[np.ndarray, " n"]:
    """Variance over the members of an ensemble, mean over the coordinates of their actions."""
    return action.var(axis=0).mean(axis=-1)


def risk(value: Float[np.ndarray, " n"], end: Literal["failure", "success"]) -> Float[np.ndarray, " n"]:
    """Risk, from the discounted probability that an episode terminates: in failure, or in success."""
    return value if end == "failure" else 1.0 - value


def success_values(seen: SeenSteps, settings: AlignSettings, *, seed: int) -> ActionValue:
    """Discounted probability that the episode terminates after an action, if the policy acts from then on."""
    steps = seen.steps(seen.terminated.astype(np.float32), any_action=False)
    return learn_values([steps], settings, seed=seed, purpose="risk")


def actions_of(
    clones: list[Policy], state: Float[np.ndarray, "n states"], actions: Actions
) -> Float[np.ndarray, "members n size"]:
    """Each clone's action as a vector; of finitely many, their probabilities."""
    given = [clone.distribution(state) for clone in clones]
    if isinstance(actions, Discrete):
        return np.stack([np.exp(cast(Categorical, each).log_probs) for each in given])
    return np.stack([each.mode() for each in given])


def ensemble(seen: SeenSteps, settings: AlignSettings, *, seed: int) -> list[Policy]:
    """Clones of what the supervisor showed, each of a bootstrap sample of these steps."""
    learner = Cloning(seen.state.shape[1], likelihood_of(seen.actions), settings.cloning)
    clones, shown = list[Policy](), np.flatnonzero(seen.shown)
    for member in range(settings.gates.members):
        rng = stream(seed, "ensemble", member)
        state = learner.init(seed_for(seed, "ensemble", member))
        drawn = rng.choice(shown, size=len(shown))
        steps = Demonstrations(seen.state[drawn], seen.executed[drawn])
        for batches in batches_of([steps], settings, rng):
            state, _ = update(learner, state, batches)
        clones.append(learner.policy(state))
    return clones
