"""Comparison of the engine with highway-env itself, for tests and benchmarks. Requires highway-env."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from highway_env.envs.highway_env import HighwayEnv, HighwayEnvFast
from jaxtyping import Float

from mereq.tasks.highway.config import HighwayConfig
from mereq.tasks.highway.engine import HighwayEngine

Chooser = Callable[[Float[np.ndarray, " obs"]], int]  # from an observation to an action


def reference_env(config: HighwayConfig) -> HighwayEnv:
    """Environment of highway-env with the settings of `config`."""
    env_class = HighwayEnv if config.check_all_collisions else HighwayEnvFast
    return env_class(
        {
            "lanes_count": config.lanes,
            "vehicles_count": config.vehicles,
            "simulation_frequency": config.simulation_hz,
            "policy_frequency": config.policy_hz,
            "duration": config.duration,
            "ego_spacing": config.ego_spacing,
            "vehicles_density": config.density,
        }
    )


def reference_features(env: HighwayEnv) -> np.ndarray:
    """Features collision, high_speed and right_lane from highway-env's reward terms, times its on_road."""
    terms: dict[str, Any] = env._rewards(1)
    names = ("collision_reward", "high_speed_reward", "right_lane_reward")
    return terms["on_road_reward"] * np.array([terms[name] for name in names])


class Deviation(NamedTuple):
    """Largest deviation of the engine from highway-env, measured after each policy step."""

    steps: int  # compared
    crashes: int  # vehicles that had crashed at the end
    x: float  # [m]
    y: float  # [m]
    heading: float  # [rad]
    speed: float  # [m/s]
    timer: float  # [s]
    features: float
    obs: float  # of the float32 observations
    flags: int  # number of differences in crashed, lane, target lane, on_road, terminated, truncated

    @property
    def continuous(self) -> float:
        """Maximum over position, heading, speed and timer, in SI units."""
        return max(self.x, self.y, self.heading, self.speed, self.timer)

    def merged(self, other: "Deviation") -> "Deviation":
        """Maximum of both deviations, with the sums of their counts."""
        return Deviation(
            self.steps + other.steps,
            self.crashes + other.crashes,
            *(max(ours, theirs) for ours, theirs in zip(self[2:-1], other[2:-1], strict=True)),
            flags=self.flags + other.flags,
        )


def compare_state(engine: HighwayEngine, env: HighwayEnv) -> Deviation:
    """Present deviation of the engine's environment 0 from `env`, without observations."""
    state = engine.state
    cars: list[Any] = env.road.vehicles

    def worst(ours: np.ndarray, theirs: list[float]) -> float:
        return float(np.abs(ours - np.array(theirs)).max())

    flags = np.count_nonzero(state.crashed[0] != np.array([car.crashed for car in cars]))
    flags += np.count_nonzero(state.lane[0] != np.array([car.lane_index[2] for car in cars]))
    flags += np.count_nonzero(state.target_lane[0] != np.array([car.target_lane_index[2] for car in cars]))
    flags += bool(engine.outputs.on_road[0]) != bool(env.vehicle.on_road)
    return Deviation(
        steps=1,
        crashes=0,
        x=worst(state.x[0], [car.position[0] for car in cars]),
        y=worst(state.y[0], [car.position[1] for car in cars]),
        heading=worst(state.heading[0], [car.heading for car in cars]),
        speed=worst(state.speed[0], [car.speed for car in cars]),
        timer=worst(state.timer[0][1:], [car.timer for car in cars[1:]]) if len(cars) > 1 else 0.0,
        features=float(np.abs(engine.outputs.features[0] - reference_features(env)).max()),
        obs=0.0,
        flags=int(flags),
    )


def compare_episode(
    engine: HighwayEngine, env: HighwayEnv, seed: int, choose: Chooser, max_steps: int = 10**9, beyond_crash: int = 0
) -> Deviation:
    """Largest deviation over an episode with the same actions in both, and `beyond_crash` steps past a crash."""
    theirs, _ = env.reset(seed=seed)
    outputs = engine.reset(seeds=[seed])
    worst = compare_state(engine, env)._replace(obs=float(np.abs(outputs.obs[0] - theirs.ravel()).max()))
    left = beyond_crash
    while worst.steps <= max_steps:
        action = choose(outputs.obs[0])
        theirs, _, terminated, truncated, _ = env.step(action)
        outputs = engine.step(np.array([action]))
        ends = int(bool(terminated) != outputs.terminated[0]) + int(bool(truncated) != outputs.truncated[0])
        now = compare_state(engine, env)
        worst = worst.merged(
            now._replace(flags=now.flags + ends, obs=float(np.abs(outputs.next_obs[0] - theirs.ravel()).max()))
        )
        if truncated or (terminated and left <= 0):
            break
        left -= bool(terminated)
    return worst._replace(crashes=int(engine.state.crashed.sum()))
