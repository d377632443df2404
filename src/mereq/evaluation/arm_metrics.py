"""Model cards of the arm's tasks: height of pushes, force of wiping, place of grasps.

Each task has one quantity that distinguishes its expert from its prior; cards and the figure of the policies share it.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mereq.evaluation.rollouts import Evaluation
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def series(evaluation: Evaluation, name: str) -> np.ndarray:
    """Measurements of this name: (steps, episodes, ...). All episodes have 100 steps."""
    return np.stack([getattr(measured, name) for measured in evaluation.measured])


def push_heights(evaluation: Evaluation) -> Float[np.ndarray, " pushes"]:
    """Height of the fingertips above the table in the steps in which they move a standing bottle [cm].

    Fingers that rest on a bottle at the goal touch it, too, but push nothing. The force is exactly 0 without contact.
    """
    touches = np.linalg.norm(series(evaluation, "force"), axis=-1) > 0.0
    moves = series(evaluation, "bottle_travel") > bottle_pushing.TRAVELS
    return 100.0 * series(evaluation, "tip_height")[touches & moves & ~series(evaluation, "toppled")]


def normal_forces(evaluation: Evaluation) -> Float[np.ndarray, " steps"]:
    """Normal force of the felt on the board in every step [N]."""
    return series(evaluation, "force").ravel()


def grasps(evaluation: Evaluation) -> tuple[Float[np.ndarray, " grasps"], Bool[np.ndarray, " episodes"]]:
    """Horizontal distance from the pillow's centre when the gripper first closed [cm], and whether it closed."""
    closed = series(evaluation, "closed")
    episodes = np.asarray(closed.any(axis=0))
    first = closed.argmax(axis=0)[episodes]
    return 100.0 * series(evaluation, "to_center")[first, np.flatnonzero(episodes)], episodes


def bottle_card(evaluation: Evaluation) -> dict[str, Any]:
    """Model card: shares of bottles that arrive at the goal, end there and topple, and heights of pushes."""
    last = evaluation.measured[-1]
    longest = series(evaluation, "arrived").max(axis=0)
    return {
        "arrival_rate": _share(longest >= bottle_pushing.LONG_ENOUGH),
        "success_rate": _share(bottle_pushing.success(last)),
        "topple_rate": _share(last.toppled),
        "final_distance_cm": _quantiles(100.0 * last.bottle_to_goal),
        **_distribution("push_height_cm", push_heights(evaluation), bin_width=1.0),
    }


def erasing_card(evaluation: Evaluation) -> dict[str, Any]:
    """Model card: share of the marker that is erased, and normal forces."""
    erased, force = evaluation.measured[-1].erased_fraction, normal_forces(evaluation)
    return {
        "erased_fraction": _share(erased),
        "erased_quartiles": [round(float(q), 4) for q in np.quantile(erased, [0.25, 0.5, 0.75])],
        "enough_force_share": _share(force >= erasing.ENOUGH),
        **_distribution("normal_force_N", force, bin_width=0.5),
    }


def pillow_card(evaluation: Evaluation) -> dict[str, Any]:
    """Model card: shares of pillows that are lifted and gripped, and where they are grasped."""
    offsets, closed = grasps(evaluation)
    return {
        "lift_rate": _share(pillow_grasping.success(evaluation.measured[-1])),
        "closed_rate": _share(closed),
        **_distribution("grasp_offset_cm", offsets, bin_width=1.0),
    }


def _share(of: np.ndarray) -> float:
    return round(float(of.mean()), 4)


def _quantiles(values: Float[np.ndarray, " n"]) -> dict[str, float]:
    """Quantiles by their probability; none of no values."""
    if not len(values):
        return {}
    return {f"{p:g}": round(float(q), 3) for p, q in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)}


def _distribution(name: str, values: Float[np.ndarray, " n"], *, bin_width: float) -> dict[str, Any]:
    """Quantiles, and how many values each bin holds, by its lower edge; empty bins are left out."""
    bins, counts = np.unique(np.floor(values / bin_width), return_counts=True)
    return {
        name: _quantiles(values),
        f"{name}_histogram": {f"{b * bin_width:g}": int(n) for b, n in zip(bins, counts, strict=True)},
    }
