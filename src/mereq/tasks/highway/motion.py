"""Motion of vehicles: the bicycle model of highway-env's vehicle/kinematics.py, and one simulation frame."""

import math

from mereq.tasks.highway.collisions import collide
from mereq.tasks.highway.compiling import compiled
from mereq.tasks.highway.driving import drive, drive_ego, sine_of_slip
from mereq.tasks.highway.road import CAR_LENGTH, LANE_WIDTH, closest_lane, put_in_order

MAX_SPEED = 40.0  # above it the acceleration is limited [m/s]


@compiled
def move(cars, car, dt, n_lanes):
    """Advance one vehicle by `dt` [s] (Vehicle.step): slip and speed, then impact, heading, lane.

    A crashed vehicle drives straight and brakes by its own speed per second (Vehicle.clip_actions).
    """
    speed, heading = cars.speed[car], cars.heading[car]
    if cars.crashed[car]:
        slip, acceleration = 0.0, -speed
    else:
        slip = sine_of_slip(cars.y[car] - LANE_WIDTH * cars.target_lane[car], heading, speed)
        acceleration = cars.acceleration[car]
    if speed > MAX_SPEED:
        acceleration = min(acceleration, MAX_SPEED - speed)
    elif speed < -MAX_SPEED:
        acceleration = max(acceleration, -MAX_SPEED - speed)

    cars.speed[car] = speed + acceleration * dt
    if slip == 0.0 and heading == 0.0 and cars.struck[car] == 0:
        cars.x[car] += speed * dt  # straight along the road: nothing else changes
        return
    along = math.sqrt(1.0 - slip * slip)
    cars.x[car] += speed * (cars.cos[car] * along - cars.sin[car] * slip) * dt
    cars.y[car] += speed * (cars.sin[car] * along + cars.cos[car] * slip) * dt
    if cars.struck[car]:
        cars.x[car] += cars.impact_x[car]
        cars.y[car] += cars.impact_y[car]
        cars.crashed[car] = 1
        cars.struck[car] = 0
    if slip != 0.0:
        heading += speed * slip / (CAR_LENGTH / 2.0) * dt
        cars.heading[car], cars.cos[car], cars.sin[car] = heading, math.cos(heading), math.sin(heading)
    cars.lane[car] = closest_lane(cars.x[car], cars.y[car], heading, n_lanes)


@compiled
def run_frame(cars, dt, n_lanes, check_all):
    """Simulate a frame of `dt` [s] (Road.act, Road.step): all vehicles decide in turn, move, then collide."""
    n_cars = cars.n
    drive_ego(cars)
    for car in range(1, n_cars):
        drive(cars, car, n_lanes)
    for car in range(n_cars):
        cars.timer[car] += dt
        move(cars, car, dt, n_lanes)
    put_in_order(cars)
    collide(cars, dt, check_all)
