"""Drivers' decisions: lane changes (MOBIL), speed (IDM), steering. highway-env's behavior.py and controller.py.

MOBIL's politeness is 0 there, so the terms of the followers vanish and are omitted; routes are not used either.
"""

import math

from mereq.tasks.highway.compiling import compiled
from mereq.tasks.highway.config import FASTER, LANE_LEFT, LANE_RIGHT, SLOWER
from mereq.tasks.highway.road import CAR_LENGTH, SPEED_LIMIT, car_ahead, car_behind, not_zero, reachable, wrap_to_pi

KP_SPEED = 1.0 / 0.6  # [1/s]
KP_HEADING = 1.0 / 0.2  # [1/s]
KP_LATERAL = 1.0 / 0.6  # [1/s]
MAX_HEADING_COMMAND = math.pi / 4.0  # [rad]
SINE_OF_MAX_HEADING_COMMAND = math.sin(MAX_HEADING_COMMAND)
MAX_STEERING = math.pi / 3.0  # [rad]
SINE_OF_MAX_SLIP = math.sin(math.atan(0.5 * math.tan(MAX_STEERING)))
SLOWEST_TARGET, FASTEST_TARGET = 20.0, 30.0  # of the ego [m/s]
TARGET_STEP = 5.0  # [m/s]

MAX_ACCELERATION = 6.0  # [m/s^2]
COMFORT_ACCELERATION = 3.0  # [m/s^2]
COMFORT_DECELERATION = -5.0  # [m/s^2]
GAP_AT_REST = 5.0 + CAR_LENGTH  # [m]
TIME_GAP = 1.5  # [s]
TWICE_ROOT_OF_COMFORT = 2.0 * math.sqrt(-COMFORT_ACCELERATION * COMFORT_DECELERATION)  # [m/s^2]
LANE_CHANGE_PERIOD = 1.0  # [s]
LANE_CHANGE_GAIN = 0.2  # acceleration that a lane change must gain [m/s^2]
MAX_BRAKING_IMPOSED = 2.0  # on the new follower [m/s^2]


@compiled
def command_ego(cars, action, n_lanes):
    """Set the ego's target lane or speed by a meta-action (MDPVehicle.act, DiscreteMetaAction)."""
    if action in (FASTER, SLOWER):
        # rounds halves to even, as NumPy does
        index = round((cars.speed[0] - SLOWEST_TARGET) / (FASTEST_TARGET - SLOWEST_TARGET) * 2.0)
        index = min(max(index, 0.0), 2.0) + (1.0 if action == FASTER else -1.0)
        cars.target_speed[0] = SLOWEST_TARGET + TARGET_STEP * min(max(index, 0.0), 2.0)
    elif action in (LANE_LEFT, LANE_RIGHT):
        lane = cars.target_lane[0] + (1 if action == LANE_RIGHT else -1)
        lane = min(max(lane, 0), n_lanes - 1)
        if reachable(cars.x[0], cars.y[0], lane):
            cars.target_lane[0] = lane


@compiled
def drive_ego(cars):
    """Set the ego's acceleration towards its target speed (ControlledVehicle.speed_control)."""
    cars.acceleration[0] = KP_SPEED * (cars.target_speed[0] - cars.speed[0])


@compiled
def free_acceleration(cars, car, delta):
    """IDM acceleration [m/s^2] on an empty road, with the exponent `delta` (IDMVehicle.acceleration)."""
    target = abs(not_zero(min(max(cars.target_speed[car], 0.0), SPEED_LIMIT)))
    return COMFORT_ACCELERATION * (1.0 - (max(cars.speed[car], 0.0) / target) ** delta)


@compiled
def desired_gap(cars, car, front):
    """Distance [m] to `front` that `car` aims at (IDMVehicle.desired_gap)."""
    cos, sin, speed = cars.cos[car], cars.sin[car], cars.speed[car]
    approach = (speed * cos - cars.speed[front] * cars.cos[front]) * cos + (
        speed * sin - cars.speed[front] * cars.sin[front]
    ) * sin
    return GAP_AT_REST + speed * TIME_GAP + speed * approach / TWICE_ROOT_OF_COMFORT


@compiled
def interaction(cars, car, front):
    """IDM deceleration [m/s^2] of `car` due to `front`; 0 if `front` is -1."""
    if front < 0:
        return 0.0
    ratio = desired_gap(cars, car, front) / not_zero(cars.x[front] - cars.x[car])
    return COMFORT_ACCELERATION * (ratio * ratio)


@compiled
def someone_is_merging(cars, car, lane):
    """Whether a vehicle to which `car` should yield is also moving into `lane` (IDMVehicle.change_lane_policy)."""
    for place in range(cars.rank[car] + 1, cars.n):
        other = cars.order[place]
        if cars.target_lane[other] == lane and cars.lane[other] != lane:
            distance = cars.x[other] - cars.x[car]
            if 0.0 < distance < desired_gap(cars, car, other):
                return True
    return False


@compiled
def lane_change_pays(cars, car, lane, free, own):
    """Whether `car` gains acceleration in `lane` without unsafe braking of its follower there (IDMVehicle.mobil).

    `free` and `own` are the car's accelerations on an empty road and in its present lane [m/s^2].
    """
    gained = free - interaction(cars, car, car_ahead(cars, car, lane)) - own
    if gained < LANE_CHANGE_GAIN:
        return False
    follower = car_behind(cars, car, lane)
    if follower < 0:
        return True
    imposed = free_acceleration(cars, follower, cars.delta[car]) - interaction(cars, follower, car)
    return imposed >= -MAX_BRAKING_IMPOSED


@compiled
def consider_lanes(cars, car, free, own, n_lanes):
    """Start, keep or abandon a lane change (IDMVehicle.change_lane_policy)."""
    lane = cars.lane[car]
    if lane != cars.target_lane[car]:
        if someone_is_merging(cars, car, cars.target_lane[car]):
            cars.target_lane[car] = lane
        return
    if cars.timer[car] <= LANE_CHANGE_PERIOD:
        return
    cars.timer[car] = 0.0
    if abs(cars.speed[car]) < 1.0:
        return
    for candidate in (lane - 1, lane + 1):
        if (
            0 <= candidate < n_lanes
            and reachable(cars.x[car], cars.y[car], candidate)
            and lane_change_pays(cars, car, candidate, free, own)
        ):
            cars.target_lane[car] = candidate


@compiled
def drive(cars, car, n_lanes):
    """Decide for a traffic vehicle: lane, then acceleration (IDMVehicle.act)."""
    if cars.crashed[car]:
        return
    free = free_acceleration(cars, car, cars.delta[car])
    wanted = free - interaction(cars, car, car_ahead(cars, car, cars.lane[car]))
    consider_lanes(cars, car, free, wanted, n_lanes)
    target = cars.target_lane[car]
    if cars.lane[car] != target:
        wanted = min(wanted, free - interaction(cars, car, car_ahead(cars, car, target)))
    cars.acceleration[car] = min(max(wanted, -MAX_ACCELERATION), MAX_ACCELERATION)


@compiled
def sine_of_slip(offset, heading, speed):
    """Sine of the slip angle that steers back to a lane `offset` [m] away (ControlledVehicle.steering_control).

    The steering angle is arctan(2 tan(slip)), which the vehicle converts back to the slip angle. Neither conversion is
    computed; the steering limit becomes a limit of the slip angle.
    """
    if offset == 0.0 and heading == 0.0:
        return 0.0
    pace = not_zero(speed)
    command = -KP_LATERAL * offset / pace
    if command >= SINE_OF_MAX_HEADING_COMMAND:
        aim = MAX_HEADING_COMMAND
    elif command <= -SINE_OF_MAX_HEADING_COMMAND:
        aim = -MAX_HEADING_COMMAND
    else:
        aim = math.asin(command)
    slip = CAR_LENGTH / 2.0 / pace * (KP_HEADING * wrap_to_pi(aim - heading))
    return min(max(slip, -SINE_OF_MAX_SLIP), SINE_OF_MAX_SLIP)
