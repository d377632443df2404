"""Collisions between rotated rectangles: RoadObject.handle_collisions and utils.are_polygons_intersecting.

highway-env checks every pair of vehicles in turn. Here the order along the road and a bound on the lateral and
longitudinal gaps leave few pairs. Of several impacts on one vehicle, the last one in highway-env's order counts.
"""

import math

import numpy as np

from mereq.tasks.highway.compiling import compiled
from mereq.tasks.highway.road import CAR_LENGTH, CAR_WIDTH

DIAGONAL = math.sqrt(CAR_LENGTH**2 + CAR_WIDTH**2)  # [m]
SLACK = 1e-6  # far above rounding errors [m]


@compiled
def corners(cars, car):
    """Coordinates x and y of the corners, in RoadObject.polygon's order."""
    x, y, cos, sin = cars.x[car], cars.y[car], cars.cos[car], cars.sin[car]
    half_length, half_width = CAR_LENGTH / 2.0, CAR_WIDTH / 2.0
    along = (-half_length, -half_length, half_length, half_length)
    aside = (-half_width, half_width, half_width, -half_width)
    xs = (
        cos * along[0] - sin * aside[0] + x,
        cos * along[1] - sin * aside[1] + x,
        cos * along[2] - sin * aside[2] + x,
        cos * along[3] - sin * aside[3] + x,
    )
    ys = (
        sin * along[0] + cos * aside[0] + y,
        sin * along[1] + cos * aside[1] + y,
        sin * along[2] + cos * aside[2] + y,
        sin * along[3] + cos * aside[3] + y,
    )
    return xs, ys


@compiled
def projections(xs, ys, normal_x, normal_y):
    """Minimum and maximum coordinate of four corners along a unit vector (utils.project_polygon)."""
    least = greatest = xs[0] * normal_x + ys[0] * normal_y
    for corner in range(1, 4):
        along = xs[corner] * normal_x + ys[corner] * normal_y
        least, greatest = min(least, along), max(greatest, along)
    return least, greatest


@compiled
def gap_between(least_a, greatest_a, least_b, greatest_b):
    """Distance between two intervals, negative for overlapping ones (utils.interval_distance)."""
    return least_b - greatest_a if least_a < least_b else least_a - greatest_b


@compiled
def touching(cars, a, b, dt):
    """Whether a and b overlap, whether they will within `dt`, and the translation that separates them [m].

    This is the separating-axis test of utils.are_polygons_intersecting, edge by edge in its order.
    """
    xs_a, ys_a = corners(cars, a)
    xs_b, ys_b = corners(cars, b)
    moved_x = cars.speed[a] * cars.cos[a] * dt - cars.speed[b] * cars.cos[b] * dt
    moved_y = cars.speed[a] * cars.sin[a] * dt - cars.speed[b] * cars.sin[b] * dt
    centre_x = (xs_a[0] + xs_a[1] + xs_a[2] + xs_a[3]) / 4.0 - (xs_b[0] + xs_b[1] + xs_b[2] + xs_b[3]) / 4.0
    centre_y = (ys_a[0] + ys_a[1] + ys_a[2] + ys_a[3]) / 4.0 - (ys_b[0] + ys_b[1] + ys_b[2] + ys_b[3]) / 4.0
    overlap = will_overlap = True
    shortest, push_x, push_y = np.inf, 0.0, 0.0
    for edge in range(8):
        xs, ys = (xs_a, ys_a) if edge < 4 else (xs_b, ys_b)
        first, second = edge % 4, (edge + 1) % 4
        normal_x, normal_y = ys[first] - ys[second], xs[second] - xs[first]
        norm = math.sqrt(normal_x * normal_x + normal_y * normal_y)
        normal_x, normal_y = normal_x / norm, normal_y / norm
        least_a, greatest_a = projections(xs_a, ys_a, normal_x, normal_y)
        least_b, greatest_b = projections(xs_b, ys_b, normal_x, normal_y)
        if gap_between(least_a, greatest_a, least_b, greatest_b) > 0.0:
            overlap = False
        moved = normal_x * moved_x + normal_y * moved_y
        if moved < 0.0:
            least_a += moved
        else:
            greatest_a += moved
        gap = gap_between(least_a, greatest_a, least_b, greatest_b)
        if gap > 0.0:
            will_overlap = False
        if not overlap and not will_overlap:
            break
        if abs(gap) < shortest:
            shortest = abs(gap)
            side = 1.0 if centre_x * normal_x + centre_y * normal_y > 0.0 else -1.0
            push_x, push_y = side * normal_x, side * normal_y
    return overlap, will_overlap, shortest * push_x, shortest * push_y


@compiled
def surely_apart(cars, a, b, dt):
    """Whether one of the two axes of a separates a and b now and within `dt`, as `touching` would find."""
    cos, sin = cars.cos[a], cars.sin[a]
    away_x, away_y = cars.x[b] - cars.x[a], cars.y[b] - cars.y[a]
    moved_x = (cars.speed[a] * cos - cars.speed[b] * cars.cos[b]) * dt
    moved_y = (cars.speed[a] * sin - cars.speed[b] * cars.sin[b]) * dt
    turn_cos = abs(cos * cars.cos[b] + sin * cars.sin[b])
    turn_sin = abs(cos * cars.sin[b] - sin * cars.cos[b])
    half_length, half_width = CAR_LENGTH / 2.0, CAR_WIDTH / 2.0
    aside = abs(cos * away_y - sin * away_x) - abs(cos * moved_y - sin * moved_x)
    along = abs(cos * away_x + sin * away_y) - abs(cos * moved_x + sin * moved_y)
    return (
        aside - half_width - half_length * turn_sin - half_width * turn_cos > SLACK
        or along - half_length - half_length * turn_cos - half_width * turn_sin > SLACK
    )


@compiled
def strike(cars, car, place, impact_x, impact_y):
    """Record an impact, unless one of a later pair is recorded."""
    if place >= cars.struck[car]:
        cars.struck[car] = place
        cars.impact_x[car], cars.impact_y[car] = impact_x, impact_y


@compiled
def collide_pair(cars, one, other, dt):
    """Check one pair, in highway-env's order for any order of the arguments (RoadObject.handle_collisions)."""
    a, b = min(one, other), max(one, other)
    away_x, away_y = cars.x[b] - cars.x[a], cars.y[b] - cars.y[a]
    if math.sqrt(away_x * away_x + away_y * away_y) > DIAGONAL + cars.speed[a] * dt or surely_apart(cars, a, b, dt):
        return
    overlap, will_overlap, push_x, push_y = touching(cars, a, b, dt)
    if will_overlap:
        place = 1 + a * cars.n + b
        strike(cars, a, place, push_x / 2.0, push_y / 2.0)
        strike(cars, b, place, -push_x / 2.0, -push_y / 2.0)
    if overlap:
        cars.crashed[a] = cars.crashed[b] = 1


@compiled
def collide(cars, dt, check_all):
    """Check all pairs that are near enough to collide, or only those with the ego (Road.step)."""
    reach = 0.0
    for car in range(cars.n):
        reach = max(reach, cars.speed[car])
    reach = DIAGONAL + reach * dt + SLACK
    if check_all:
        for place in range(cars.n):
            collide_upwards(cars, place, cars.n, reach, dt)
    else:
        first = cars.rank[0]
        collide_upwards(cars, first, cars.n, reach, dt)
        for place in range(first - 1, -1, -1):
            if cars.x[0] - cars.x[cars.order[place]] > reach:
                break
            collide_pair(cars, 0, cars.order[place], dt)


@compiled
def collide_upwards(cars, place, stop, reach, dt):
    """Check the vehicle at `place` of the order against those up to `reach` [m] ahead of it."""
    car = cars.order[place]
    for further in range(place + 1, stop):
        other = cars.order[further]
        if cars.x[other] - cars.x[car] > reach:
            break
        collide_pair(cars, car, other, dt)
