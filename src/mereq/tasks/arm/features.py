"""What the features of all three tasks are made of: ramps. Spec 5 and 5.2."""

import numpy as np
from jaxtyping import Float

FULL_EFFORT = 5e-3  # second difference of the tool position at which control_effort is 1 [m per control step squared]


def ramp(x: Float[np.ndarray, " n"], zero: float, one: float) -> Float[np.ndarray, " n"]:
    """0 up to `zero`, 1 from `one` on, linear between; `one` may be the smaller of the two."""
    return np.clip((x - zero) / (one - zero), 0.0, 1.0)


def control_effort(moved: Float[np.ndarray, "n 3"], moved_before: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
    """Ramp of the tool's acceleration: the second difference of its position. Spec 5.2.

    Deviation: the paper's "decreases to 2" is read as a misprint for 0, and m/s^2 as m per control step squared.
    """
    return ramp(np.linalg.norm(moved - moved_before, axis=1), 0.0, FULL_EFFORT)
