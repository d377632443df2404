"""Straight road: lanes, and the vehicles on and next to them. highway-env's road/lane.py and road/road.py.

Lanes run exactly along world x, so a vehicle's longitudinal coordinate is x and its offset from lane k is y - 4 k.
"""

import math

from mereq.tasks.highway.compiling import compiled

LANE_WIDTH = 4.0  # [m]
ROAD_LENGTH = 10000.0  # [m]
SPEED_LIMIT = 30.0  # [m/s]
CAR_LENGTH = 5.0  # [m]
CAR_WIDTH = 2.0  # [m]
TWO_PI = 2.0 * math.pi


@compiled
def not_zero(value):
    """Value moved to at least 0.01 away from zero (utils.not_zero)."""
    if abs(value) > 0.01:
        return value
    return 0.01 if value >= 0.0 else -0.01


@compiled
def wrap_to_pi(angle):
    """Angle in [-pi, pi) [rad], with utils.wrap_to_pi's rounding."""
    turned = angle + math.pi
    if turned < 0.0 or turned >= TWO_PI:
        turned = turned % TWO_PI
    return turned - math.pi


@compiled
def on_lane(x, y, lane, margin):
    """Whether a position is on `lane` widened by `margin` [m] on both sides (AbstractLane.on_lane)."""
    return abs(y - LANE_WIDTH * lane) <= LANE_WIDTH / 2.0 + margin and -CAR_LENGTH <= x < ROAD_LENGTH + CAR_LENGTH


@compiled
def reachable(x, y, lane):
    """Whether `lane` is near enough for a lane change (AbstractLane.is_reachable_from)."""
    return abs(y - LANE_WIDTH * lane) <= 2.0 * LANE_WIDTH and 0.0 <= x < ROAD_LENGTH + CAR_LENGTH


@compiled
def closest_lane(x, y, heading, n_lanes):
    """Closest lane, of equally close ones the left (RoadNetwork.get_closest_lane_index).

    Only the two lanes around y can be closest; their distances are added up as AbstractLane.distance_with_heading does.
    """
    left = int(min(max(y / LANE_WIDTH, 0.0), n_lanes - 1.0))
    if left == n_lanes - 1:
        return left
    beyond = max(x - ROAD_LENGTH, 0.0)
    before = max(-x, 0.0)
    angle = abs(wrap_to_pi(heading))
    to_left = abs(y - LANE_WIDTH * left) + beyond + before + angle
    to_right = abs(y - LANE_WIDTH * (left + 1)) + beyond + before + angle
    return left + 1 if to_right < to_left else left


@compiled
def put_in_order(cars):
    """Sort `order` and `rank` by x, equal x by number. The order changes little in a frame: insertion sort."""
    x, order = cars.x, cars.order
    for place in range(1, cars.n):
        car = order[place]
        hole = place
        while hole > 0 and (x[order[hole - 1]] > x[car] or (x[order[hole - 1]] == x[car] and order[hole - 1] > car)):
            order[hole] = order[hole - 1]
            hole -= 1
        order[hole] = car
    for place in range(cars.n):
        cars.rank[order[place]] = place


@compiled
def car_ahead(cars, car, lane):
    """Nearest vehicle level with or ahead of `car` on `lane`, -1 if none (the front of Road.neighbour_vehicles).

    Of several at the same x, the last one in highway-env's list of vehicles.
    """
    x, y, order = cars.x, cars.y, cars.order
    place = cars.rank[car]
    while place > 0 and x[order[place - 1]] == x[car]:
        place -= 1
    found = -1
    while place < cars.n:
        other = order[place]
        if found >= 0 and x[other] > x[found]:
            break
        if other != car and on_lane(x[other], y[other], lane, 1.0):
            found = other
        place += 1
    return found


@compiled
def car_behind(cars, car, lane):
    """Nearest vehicle strictly behind `car` on `lane`, -1 if none (the rear of Road.neighbour_vehicles).

    Of several at the same x, the first one in highway-env's list of vehicles.
    """
    x, y, order = cars.x, cars.y, cars.order
    found = -1
    for place in range(cars.rank[car] - 1, -1, -1):
        other = order[place]
        if found >= 0 and x[other] < x[found]:
            break
        if x[other] < x[car] and on_lane(x[other], y[other], lane, 1.0):
            found = other
    return found
