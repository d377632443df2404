"""Observation of the ego (highway-env's Kinematics), and the task's features."""

import math

from mereq.tasks.highway.compiling import compiled
from mereq.tasks.highway.config import N_OBS, N_OBSERVED
from mereq.tasks.highway.driving import FASTEST_TARGET, SLOWEST_TARGET
from mereq.tasks.highway.motion import MAX_SPEED
from mereq.tasks.highway.road import CAR_LENGTH, LANE_WIDTH, on_lane

PERCEPTION = 5.0 * MAX_SPEED  # [m]
SEEN_BEHIND = 2.0 * CAR_LENGTH  # [m]


@compiled
def scaled(value, limit):
    """Value mapped from [-limit, limit] to [-1, 1] and clipped (utils.lmap)."""
    return min(max(-1.0 + (value + limit) * 2.0 / (limit + limit), -1.0), 1.0)


@compiled
def write_row(obs, row, x, y, vx, vy, n_lanes):
    """Write the row of one vehicle: presence, x, y, vx, vy."""
    obs[5 * row] = 1.0
    obs[5 * row + 1] = scaled(x, PERCEPTION)
    obs[5 * row + 2] = scaled(y, LANE_WIDTH * n_lanes)
    obs[5 * row + 3] = scaled(vx, 2.0 * MAX_SPEED)
    obs[5 * row + 4] = scaled(vy, 2.0 * MAX_SPEED)


@compiled
def sees(cars, other):
    """Whether the ego perceives `other`: within 200 m, and at most 10 m behind (Road.close_objects_to)."""
    away_x, away_y = cars.x[other] - cars.x[0], cars.y[other] - cars.y[0]
    return math.sqrt(away_x * away_x + away_y * away_y) < PERCEPTION and away_x > -SEEN_BEHIND


@compiled
def observe(cars, n_lanes, obs):
    """Write the flattened 5x5 observation: the ego, then the nearest others along the road, relative to it.

    Nearest is by |x - x of the ego|; of two at the same distance, the one that highway-env lists first.
    """
    x, order = cars.x, cars.order
    ego_x, ego_y = x[0], cars.y[0]
    ego_vx, ego_vy = cars.speed[0] * cars.cos[0], cars.speed[0] * cars.sin[0]
    write_row(obs, 0, ego_x, ego_y, ego_vx, ego_vy, n_lanes)
    row = 1
    above, below = cars.rank[0] + 1, cars.rank[0] - 1
    while row < N_OBSERVED and (above < cars.n or below >= 0):
        to_above = x[order[above]] - ego_x if above < cars.n else math.inf
        to_below = ego_x - x[order[below]] if below >= 0 else math.inf
        if min(to_above, to_below) >= PERCEPTION:
            break
        if to_above < to_below or (to_above == to_below and order[above] < order[below]):
            other = order[above]
            above += 1
        else:
            other = order[below]
            below -= 1
        if sees(cars, other):
            vx, vy = cars.speed[other] * cars.cos[other], cars.speed[other] * cars.sin[other]
            write_row(obs, row, x[other] - ego_x, cars.y[other] - ego_y, vx - ego_vx, vy - ego_vy, n_lanes)
            row += 1
    for entry in range(5 * row, N_OBS):
        obs[entry] = 0.0


@compiled
def measure(cars, n_lanes, features):
    """Write collision, high_speed and right_lane; return whether the ego is on its lane (RoadObject.on_road).

    Off the road all features are 0, and so is every reward theta . f (docs/deviations.md#off-road).
    """
    if not on_lane(cars.x[0], cars.y[0], cars.lane[0], 0.0):
        features[:] = 0.0
        return False
    features[0] = cars.crashed[0]
    forward = cars.speed[0] * cars.cos[0]
    features[1] = min(max((forward - SLOWEST_TARGET) / (FASTEST_TARGET - SLOWEST_TARGET), 0.0), 1.0)
    features[2] = cars.target_lane[0] / max(n_lanes - 1, 1)
    return True
