"""Scenes of the road: all data that a drawing needs."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64


class Scene(NamedTuple):
    """Vehicles of one environment, copied from the engine. Vehicle 0 is the ego.

    World coordinates: x along the road, y across it to the right, lane k's centre at y = 4 k. Vehicles measure 5 x 2 m.
    """

    n_lanes: int
    x: Float64[np.ndarray, " vehicles"]  # [m]
    y: Float64[np.ndarray, " vehicles"]  # [m]
    heading: Float64[np.ndarray, " vehicles"]  # from x towards y [rad]
    speed: Float64[np.ndarray, " vehicles"]  # [m/s]
    crashed: Bool[np.ndarray, " vehicles"]
    target_lane: Int64[np.ndarray, " vehicles"]
