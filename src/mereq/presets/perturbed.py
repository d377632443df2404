"""Perturbed simulations, which represent real robots."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mereq.tasks.highway.config import IDLE, N_OBSERVED, HighwayConfig
from mereq.tasks.highway.environment import HighwayEnv
from mereq.tasks.perturbed import Disturbance, Perturbed

if TYPE_CHECKING:
    from mereq.tasks.arm.definition import ArmTask

ARM_DELAY = 1  # control steps, 0.1 s: the delay of camera, network and controller
ARM_NOISE = (
    0.02  # 2 mm in positions, 0.2 mm in displacements, 1 degree in axes: calibrated depth camera, joint encoders
)
ARM_FRICTION = 1.3  # factor for all contacts, as between tables: a bottle tips if pushed above 8 to 20 cm, not 10 to 26
ARM_MASS = 1.3  # factor: a full bottle instead of one that is two thirds full; a heavier pillow; a heavier pad

ROAD_DELAY = 0  # a step is a second of traffic, and cars react faster
ROAD_NOISE = (0.0, 1.0 / 200.0, 0.2 / 12.0, 0.5 / 80.0, 0.2 / 80.0)  # radar: presence, 1 m, 0.2 m, 0.5 m/s, 0.2 m/s
ROAD = HighwayConfig(vehicles=40, density=1.25)  # rush hour: gaps shorter by a fifth, on the same length of road


def perturbed_highway() -> Perturbed:
    """Highway with denser traffic and the noise of a radar."""
    return Perturbed(
        HighwayEnv(ROAD), Disturbance(ROAD_DELAY, np.int64(IDLE), np.tile(np.array(ROAD_NOISE), N_OBSERVED))
    )


def perturbed_arm(arm: "ArmTask") -> Perturbed:
    """Arm task with other friction and masses, delayed actions and noisy sensors."""
    from mereq.tasks.arm.definition import ACTION_SIZE  # MuJoCo, which the highway does not need
    from mereq.tasks.arm.environment import ArmEnv

    other = replace(arm, setup=replace(arm.setup, friction=ARM_FRICTION, mass=ARM_MASS))
    noise = np.full(arm.obs_size, ARM_NOISE)
    return Perturbed(ArmEnv(other, ends=other.over), Disturbance(ARM_DELAY, np.zeros(ACTION_SIZE), noise))
