"""Start of an episode: HighwayEnv._create_vehicles and Vehicle.create_random, draw for draw."""

import math

from mereq.tasks.highway.compiling import compiled
from mereq.tasks.highway.random_bits import choose, uniform
from mereq.tasks.highway.road import LANE_WIDTH, SPEED_LIMIT

EGO_SPEED = 25.0  # [m/s]
SLOWEST, FASTEST = 0.7 * SPEED_LIMIT, 0.8 * SPEED_LIMIT  # of the others at first [m/s]
LEAST_DELTA, GREATEST_DELTA = 3.5, 4.5


@compiled
def spawn(cars, words, n_lanes, ego_spacing, spacing, crowding):
    """Place the ego, then each other vehicle ahead of the last one, in random lanes.

    `spacing` is 1 / density, `crowding` = exp(-5/40 lanes) shortens gaps on wide roads.
    """
    foremost = 0.0
    for car in range(cars.n):
        lane = choose(words, n_lanes)
        if car == 0:
            speed = target_speed = EGO_SPEED
            gap = ego_spacing * (12.0 + 1.0 * speed) * crowding
            foremost = 3.0 * gap
        else:
            speed = target_speed = uniform(words, SLOWEST, FASTEST)
            gap = spacing * (12.0 + 1.0 * speed) * crowding
        foremost += gap * uniform(words, 0.9, 1.1)
        cars.x[car], cars.y[car] = foremost, LANE_WIDTH * lane
        cars.heading[car], cars.cos[car], cars.sin[car] = 0.0, 1.0, 0.0
        cars.speed[car], cars.target_speed[car] = speed, target_speed
        cars.timer[car] = ((foremost + LANE_WIDTH * lane) * math.pi) % 1.0
        cars.delta[car] = uniform(words, LEAST_DELTA, GREATEST_DELTA) if car > 0 else 0.0
        cars.lane[car] = cars.target_lane[car] = lane
        cars.crashed[car] = cars.struck[car] = 0
        cars.impact_x[car] = cars.impact_y[car] = 0.0
        cars.order[car] = cars.rank[car] = car
