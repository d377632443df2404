"""State of the engine between two steps: arrays with one leading row per environment."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mereq.tasks.highway.compiling import compiled
from mereq.tasks.highway.random_bits import N_WORDS

N_REALS = 12
X, Y, HEADING, COS, SIN, SPEED, TARGET_SPEED, DELTA, TIMER, IMPACT_X, IMPACT_Y, ACCELERATION = range(N_REALS)
N_WHOLES = 6
LANE, TARGET_LANE, CRASHED, STRUCK, ORDER, RANK = range(N_WHOLES)


class State(NamedTuple):
    """Vehicles, clocks and random streams of n environments. Vehicle 0 is the ego.

    Positions are in world coordinates [m]: x along the road, y across it, lane k's centre at y = 4 k (lane 0 is the
    left-most, and y points to the right). Headings [rad] turn from x towards y, speeds are in m/s.
    """

    reals: Float64[np.ndarray, "envs 12 vehicles"]
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
        """Target speed [m/s]."""
        return self.reals[:, TARGET_SPEED]

    @property
    def timer(self) -> Float64[np.ndarray, "envs vehicles"]:
        """Time since the vehicle last considered a lane change [s]; unused for the ego."""
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
        """Target lane."""
        return self.wholes[:, TARGET_LANE]

    @property
    def crashed(self) -> Bool[np.ndarray, "envs vehicles"]:
        """Whether the vehicle has collided."""
        return self.wholes[:, CRASHED] != 0

    def copy(self) -> "State":
        """Copy of the state that shares no memory with it."""
        return State(*(part.copy() for part in self))


class Cars(NamedTuple):
    """Vehicles of one environment in compiled code: pointers to rows of `State`.

    Pointers are used because Numba counts references to arrays: passing arrays between functions made a step ten times
    slower.
    """

    n: Any
    x: Any
    y: Any
    heading: Any
    cos: Any  # of the heading
    sin: Any
    speed: Any
    target_speed: Any
    delta: Any
    timer: Any
    impact_x: Any  # displacement that a collision will cause [m], if `struck`
    impact_y: Any
    lane: Any
    target_lane: Any
    crashed: Any
    struck: Any  # 0, or 1 + the place of the colliding pair in highway-env's order
    order: Any  # vehicles from the rear-most to the foremost
    rank: Any  # each vehicle's place in `order`
    acceleration: Any  # commanded in this frame [m/s^2]


def empty_state(n_envs: int, n_vehicles: int) -> State:
    """Zero-filled state of `n_envs` environments."""
    return State(
        reals=np.zeros((n_envs, N_REALS, n_vehicles)),
        wholes=np.zeros((n_envs, N_WHOLES, n_vehicles), dtype=np.int64),
        time=np.zeros(n_envs),
        random=np.zeros((n_envs, N_WORDS), dtype=np.uint64),
    )


def _pointer_to_row(typing_context: Any, array: Any, env: Any, row: Any) -> Any:
    """Address of `array[env, row, 0]`, for a C-contiguous three-dimensional array that outlives the pointer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        layout = context.make_array(signature.args[0])(context, builder, arguments[0])
        zero = context.get_constant(types.intp, 0)
        indices = [
            context.cast(builder, value, kind, types.intp)
            for value, kind in zip(arguments[1:], signature.args[1:], strict=True)
        ]
        return cgutils.get_item_pointer(context, builder, signature.args[0], layout, [*indices, zero])

    return types.CPointer(array.dtype)(array, env, row), generate


pointer_to_row: Any = intrinsic(_pointer_to_row)


@compiled
def cars_in(reals, wholes, env):
    """Vehicles of environment `env`, as pointers into the state."""
    return Cars(
        reals.shape[2],
        pointer_to_row(reals, env, X),
        pointer_to_row(reals, env, Y),
        pointer_to_row(reals, env, HEADING),
        pointer_to_row(reals, env, COS),
        pointer_to_row(reals, env, SIN),
        pointer_to_row(reals, env, SPEED),
        pointer_to_row(reals, env, TARGET_SPEED),
        pointer_to_row(reals, env, DELTA),
        pointer_to_row(reals, env, TIMER),
        pointer_to_row(reals, env, IMPACT_X),
        pointer_to_row(reals, env, IMPACT_Y),
        pointer_to_row(wholes, env, LANE),
        pointer_to_row(wholes, env, TARGET_LANE),
        pointer_to_row(wholes, env, CRASHED),
        pointer_to_row(wholes, env, STRUCK),
        pointer_to_row(wholes, env, ORDER),
        pointer_to_row(wholes, env, RANK),
        pointer_to_row(reals, env, ACCELERATION),
    )
