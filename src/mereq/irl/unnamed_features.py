"""Unnamed features: the hidden layer of a small network for what no named feature says about a step.

    r_R(s, a, s') = theta . f + w . g(f, s'),   g_j = (max(0, u_j . (f, s') + b_j) - mean_j) / (spread_j sqrt(units))

u and b are drawn once and stay as they are; w is inferred as theta is. So the network is linear in what is learned of
it, and the maximum-entropy gradient of Eq. (7) is that of more features. Mean and spread are those of the prior's
steps: a constant in a reward would be a bonus for staying alive.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mereq.irl.candidates import Moves
from mereq.irl.unnamed_reward import UNITS, draw_units
from mereq.maxent_rl.networks import Layer


@dataclass(frozen=True)
class UnnamedFeatures:
    """Rectified units of a step's features and the observation after it."""

    units: Layer
    mean: Float[np.ndarray, " units"]  # of each unit's output, which is subtracted

    @classmethod
    def drawn(cls, moves: Moves, rng: np.random.Generator, *, units: int = UNITS) -> "UnnamedFeatures":
        """Units for steps such as these. Half of what they see are features: most wishes are about them."""
        n_features, n_obs = moves.features.shape[1], moves.next_obs.shape[1]
        likely = np.repeat([0.5 / n_features, 0.5 / n_obs], [n_features, n_obs])
        seen = _seen(moves)
        layer = draw_units(seen, rng, units=units, likely=likely)
        found = _outputs(layer, seen)
        spread = found.std(axis=0)
        scale = 1.0 / (np.where(spread > 1e-6, spread, 1.0) * np.sqrt(units))
        return cls(Layer(layer.weight * scale, layer.bias * scale), found.mean(axis=0) * scale)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each unit."""
        return tuple(f"unit {number}" for number in range(len(self.mean)))

    def __call__(self, moves: Moves) -> Float[np.ndarray, "steps units"]:
        """g in some steps."""
        return _outputs(self.units, _seen(moves)) - self.mean


def _seen(moves: Moves) -> Float[np.ndarray, "steps inputs"]:
    return np.column_stack([moves.features, moves.next_obs]).astype(float)


def _outputs(layer: Layer, seen: Float[np.ndarray, "steps inputs"]) -> Float[np.ndarray, "steps units"]:
    return np.maximum(seen @ layer.weight + layer.bias, 0.0)
