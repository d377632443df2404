"""AIM: a proxy value of when the supervisor would intervene decides when to ask. Cai, Peng and Zhou, ICML 2025.

Q(s, a) is high where an action departs from what the supervisor would do (docs/derivations.md#asking-for-help):

    J(Q) = E_shown [(Q(s, a_h) + 1)^2 + 1{a_n departs from a_h} (Q(s, a_n) - 1)^2]
         + E_all   [(Q(s, a) - gamma max_a' Q(s', a'))^2]

a_h is the action that was shown in s, a_n that of the present policy. The supervisor is asked where Q(s, a_n) exceeds
its (1 - delta)-quantile over the states that the policy was in on its own, until a shown action agrees with a_n
(docs/deviations.md#aim-assumed).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mereq.alignment.imitation_learning import HG_DAGGER_FT
from mereq.alignment.robot_gated import RobotGated, SeenSteps, discrepancy, learn_values, quantile_above
from mereq.alignment.settings import AlignSettings
from mereq.core.actions import Actions
from mereq.imitation.action_values import ValueSteps, pairs, vectors
from mereq.supervision.gate import SwitchingGate


@dataclass(frozen=True)
class ProxyValueGate:
    """Gate that asks where the proxy value of a proposal is high."""

    def learn(self, seen: SeenSteps, settings: AlignSettings, *, seed: int) -> SwitchingGate:
        """Gate of the next round."""
        numbers, actions = settings.gates, seen.actions
        groups = [group for group in proxy_values(seen, numbers.deviation) if len(group.label)]
        value = learn_values(groups, settings, seed=seed, purpose="proxy values")
        threshold = quantile_above(value(seen.pairs(seen.proposal)[seen.own]), numbers.rate)

        def needs(state: Float[np.ndarray, " states"], proposed: Any) -> bool:
            return bool(value(pairs(state[None], vectors(np.asarray(proposed)[None], actions)))[0] > threshold)

        def ends(state: Float[np.ndarray, " states"], proposed: Any, shown: Any) -> bool:
            return not departs(np.asarray(proposed)[None], np.asarray(shown)[None], actions, numbers.deviation)[0]

        return SwitchingGate(needs, ends)


AIM_GATE = ProxyValueGate()
AIM = RobotGated("aim", HG_DAGGER_FT, AIM_GATE)


def departs(proposed: np.ndarray, shown: np.ndarray, actions: Actions, deviation: float) -> np.ndarray:
    """Whether proposals depart from the actions shown: by more than a distance; of finitely many, by any other one."""
    return discrepancy(proposed, shown, actions) > deviation**2


def proxy_values(seen: SeenSteps, deviation: float) -> list[ValueSteps]:
    """Three groups: executed steps; shown actions, worth -1; the policy's actions that depart from them, worth 1."""
    shown = seen.shown
    wrong = shown & departs(seen.proposal, seen.executed, seen.actions, deviation)
    moved = seen.steps(np.zeros(len(shown)), any_action=True)
    good, bad = (seen.steps(np.full(len(shown), label), any_action=True) for label in (-1.0, 1.0))
    bad = bad._replace(pair=seen.pairs(seen.proposal))
    known = np.ones(len(shown), bool)
    return [
        moved,
        *(
            ValueSteps(*(column[which] for column in group._replace(terminated=known)))
            for group, which in ((good, shown), (bad, wrong))
        ),
    ]
