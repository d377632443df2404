"""Ramps, of which the features of all three arm tasks are made. App. A.1.2-A.1.4."""

import numpy as np
from jaxtyping import Float

FULL_EFFORT = 5e-3  # second difference of the tool position at which control_effort is 1 [m per control step squared]


def ramp(x: Float[np.ndarray, " n"], zero: float, one: float) -> Float[np.ndarray, " n"]:
    """Linear ramp: 0 at `zero`, 1 at `one`, clipped outside; `one` may be less than `zero`."""
    return np.clip((x - zero) / (one - zero), 0.0, 1.0)


def control_effort(moved: Float[np.ndarray, "n 3"], moved_before: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
    """Ramp of the tool's acceleration, the second difference of its position.

    The paper's "decreases to 2" is read as a misprint for 0, and m/s^2 as m per control step squared
    (docs/deviations.md#control-effort).
    """
    return ramp(np.linalg.norm(moved - moved_before, axis=1), 0.0, FULL_EFFORT)
