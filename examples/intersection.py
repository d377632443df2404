"""highway-env's own intersection, as any other environment. The supervisor slows down when another car is near.

    mereq align examples/intersection.py:INTERSECTION --rounds 4 --out runs/intersection

Needs highway-env.
"""

from dataclasses import replace

import gymnasium as gym
import highway_env
import numpy as np

from mereq import (
    DeterministicPolicy,
    LogitsPolicy,
    MeasurementExpert,
    Rule,
    TaskDefinition,
    Trigger,
    discrete_controls,
    fast,
    task_from_gymnasium,
)

gym.register_envs(highway_env)
SLOWER, IDLE, FASTER = range(3)
N_CARS = 5
NEAR = 25.0  # m
FEATURES = ("speed", "fast_and_near", "crashed")
CONFIG = {
    "observation": {
        "type": "Kinematics",
        "vehicles_count": N_CARS,
        "features": ["presence", "x", "y", "vx", "vy"],
        "absolute": False,
        "normalize": True,  # by 100 m and 20 m/s
        "features_range": {"x": [-100, 100], "y": [-100, 100], "vx": [-20, 20], "vy": [-20, 20]},
    },
    "initial_vehicle_count": 6,
    "duration": 13,
    "simulation_frequency": 5,  # instead of 15: the environment is slow
}


def make():
    return gym.make("intersection-v2", config=CONFIG, render_mode="rgb_array")


def speed_and_distance(obs):
    """Features of the ego, the first row, and of the nearest other car: shares of 10 m/s, and metres."""
    cars = obs.reshape(N_CARS, 5)
    there = cars[1:, 0] > 0
    distances = 100 * np.hypot(cars[1:, 1], cars[1:, 2])
    return np.hypot(*cars[0, 3:]) * 2, distances[there].min(initial=100.0)


def features(obs, action, next_obs, info):
    speed, distance = speed_and_distance(next_obs)
    near = np.clip(1 - distance / (2 * NEAR), 0, 1)
    return np.array([np.clip(speed, 0, 1), np.clip(speed, 0, 1) * near, info["crashed"]], float)


def hurry(obs):
    """Logits of the prior, which drives as fast as it may."""
    return np.tile([0.0, 0.5, 1.5], (len(obs), 1))


def careful(obs):
    """Slow while another car is near."""
    return np.array([SLOWER if speed_and_distance(one)[1] < NEAR else FASTER for one in obs])


def hurries(obs):
    speed, distance = speed_and_distance(obs)
    return distance < NEAR and speed > 0.6


RULE = Rule(
    engage=(Trigger(hurries, 2),),
    disengage=(Trigger(lambda obs: not hurries(obs), 2),),
)
TASK = task_from_gymnasium("intersection", make, features, FEATURES)
FAST = fast(TASK, gamma=0.8, rollout_steps=150)
FEW_STEPS = replace(
    FAST, training_steps=100, inference=replace(FAST.inference, sample_length=100, max_updates=5, step_size=1.0)
)  # of the simulator
INTERSECTION = TaskDefinition(
    task=TASK,
    prior=LogitsPolicy(hurry, n_actions=3),
    supervisor=lambda: MeasurementExpert(DeterministicPolicy(careful, TASK.actions), RULE),
    settings={"fast": FEW_STEPS},
    controls=discrete_controls(["slower", "idle", "faster"], keys=["ArrowDown", "", "ArrowUp"], nothing=IDLE),
    summary="cross the intersection; the supervisor slows down when another car is near",
)
