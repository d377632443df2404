"""Everything the engine remembers between two steps, as a few arrays with one leading row per environment."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

from mereq.tasks.highway.compiling import compiled
from mereq.tasks.highway.random_bits import N_WORDS

N_REALS = 11
X, Y, HEADING, COS, SIN, SPEED, TARGET_SPEED, DELTA, TIMER, IMPACT_X, IMPACT_Y = range(N_REALS)
N_WHOLES = 6
LANE, TARGET_LANE, CRASHED, STRUCK, ORDER, RANK = range(N_WHOLES)


class State(NamedTuple):
    """The vehicles, clocks and random streams of n environments. Vehicle 0 is the ego.

    Positions are in world coordinates [m]: x along the road, y across it, lane k's centre at y = 4 k (lane 0 is the
    left-most, and y points to the right). Headings [rad] turn from x towards y, speeds are in m/s.
    """

    reals: Float64[np.ndarray, "envs 11 vehicles"]
    wholes: Int64[np.ndarray, "envs 6 vehicles"]
    time: Float64[np.ndarray, " envs"]  # of the episode [s]
    random: UInt64[np.ndarray, "envs 6"]

    @property
    def x(self) -> Float64[np.ndarray, "envs vehicles"]:
        """Position along the road [m]."""
        return self.reals[:, X]

    @property
    def y(self) -> Float64[np.ndarray, "envs vehicles"]:
        """Position across the road, to the right [m]."""
        return self.reals[:, Y]

    @property
    def heading(self) -> Float64[np.ndarray, "envs vehicles"]:
        """Heading [rad]."""
        return self.reals[:, HEADING]

    @property
    def speed(self) -> Float64[np.ndarray, "envs vehicles"]:
        """Speed [m/s]."""
        return self.reals[:, SPEED]

    @property
    def target_speed(self) -> Float64[np.ndarray, "envs vehicles"]:
        """Speed the vehicle is after [m/s]."""
        return self.reals[:, TARGET_SPEED]

    @property
    def timer(self) -> Float64[np.ndarray, "envs vehicles"]:
        """Time since the vehicle last thought about changing lanes [s]; unused for the ego."""
        return self.reals[:, TIMER]

    @property
    def delta(self) -> Float64[np.ndarray, "envs vehicles"]:
        """Exponent of the vehicle's Intelligent Driver Model []; unused for the ego."""
        return self.reals[:, DELTA]

    @property
    def lane(self) -> Int64[np.ndarray, "envs vehicles"]:
        """Closest lane."""
        return self.wholes[:, LANE]

    @property
    def target_lane(self) -> Int64[np.ndarray, "envs vehicles"]:
        """Lane the vehicle is after."""
        return self.wholes[:, TARGET_LANE]

    @property
    def crashed(self) -> Bool[np.ndarray, "envs vehicles"]:
        """Whether the vehicle has collided."""
        return self.wholes[:, CRASHED] != 0

    def copy(self) -> "State":
        """A state that shares no memory with this one."""
        return State(*(part.copy() for part in self))


class Cars(NamedTuple):
    """One environment's vehicles inside compiled code: the rows of `State` and of the frame's scratch memory."""

    x: Float64[np.ndarray, " vehicles"]
    y: Float64[np.ndarray, " vehicles"]
    heading: Float64[np.ndarray, " vehicles"]
    cos: Float64[np.ndarray, " vehicles"]  # of the heading
    sin: Float64[np.ndarray, " vehicles"]
    speed: Float64[np.ndarray, " vehicles"]
    target_speed: Float64[np.ndarray, " vehicles"]
    delta: Float64[np.ndarray, " vehicles"]
    timer: Float64[np.ndarray, " vehicles"]
    impact_x: Float64[np.ndarray, " vehicles"]  # displacement a collision will cause [m], if `struck`
    impact_y: Float64[np.ndarray, " vehicles"]
    lane: Int64[np.ndarray, " vehicles"]
    target_lane: Int64[np.ndarray, " vehicles"]
    crashed: Int64[np.ndarray, " vehicles"]
    struck: Int64[np.ndarray, " vehicles"]  # 0, or 1 + the place of the colliding pair in highway-env's order
    order: Int64[np.ndarray, " vehicles"]  # vehicles from the rear-most to the foremost
    rank: Int64[np.ndarray, " vehicles"]  # each vehicle's place in `order`
    acceleration: Float64[np.ndarray, " vehicles"]  # commanded in this frame [m/s^2]


def empty_state(n_envs: int, n_vehicles: int) -> State:
    """Memory for the state of `n_envs` environments."""
    return State(
        reals=np.zeros((n_envs, N_REALS, n_vehicles)),
        wholes=np.zeros((n_envs, N_WHOLES, n_vehicles), dtype=np.int64),
        time=np.zeros(n_envs),
        random=np.zeros((n_envs, N_WORDS), dtype=np.uint64),
    )


@compiled
def cars_in(reals, wholes, acceleration, env):
    """The vehicles of environment `env`, as views."""
    return Cars(
        reals[env, X],
        reals[env, Y],
        reals[env, HEADING],
        reals[env, COS],
        reals[env, SIN],
        reals[env, SPEED],
        reals[env, TARGET_SPEED],
        reals[env, DELTA],
        reals[env, TIMER],
        reals[env, IMPACT_X],
        reals[env, IMPACT_Y],
        wholes[env, LANE],
        wholes[env, TARGET_LANE],
        wholes[env, CRASHED],
        wholes[env, STRUCK],
        wholes[env, ORDER],
        wholes[env, RANK],
        acceleration,
    )
