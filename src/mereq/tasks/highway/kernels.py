"""The two compiled loops over environments, `reset_envs` and `step_envs`, with their settings and outputs."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

from mereq.tasks.highway.compiling import compiled, fingerprint_of_sources
from mereq.tasks.highway.config import N_ACTIONS, N_OBS, HighwayConfig
from mereq.tasks.highway.driving import command_ego
from mereq.tasks.highway.motion import run_frame
from mereq.tasks.highway.sensing import measure, observe
from mereq.tasks.highway.spawning import spawn
from mereq.tasks.highway.state import cars_in

FILM_ROWS = 6  # x, y, heading, speed, crashed, target lane: what each film frame keeps of each vehicle


class Settings(NamedTuple):
    """Settings of a `HighwayConfig` for compiled code, passed as one float array instead of nine arguments."""

    lanes: Any
    frames: Any
    frame_time: Any  # [s]
    step_time: Any  # [s]
    duration: Any  # [s]
    ego_spacing: Any
    spacing: Any  # 1 / density
    crowding: Any  # exp(-5/40 lanes)
    check_all: Any


class Outputs(NamedTuple):
    """Outputs of a step. The arrays belong to the engine and are overwritten by its next call."""

    obs: Float32[np.ndarray, "envs 25"]  # to act on next; the first of a new episode if one ended and autoreset is on
    next_obs: Float32[np.ndarray, "envs 25"]  # after the action, also where the episode ended
    features: Float64[np.ndarray, "envs 3"]  # after the action: collision, high_speed, right_lane
    speed: Float64[np.ndarray, " envs"]  # of the ego, after the action [m/s]
    on_road: Bool[np.ndarray, " envs"]
    terminated: Bool[np.ndarray, " envs"]  # the ego has crashed
    truncated: Bool[np.ndarray, " envs"]  # the time is up


def settings_array(config: HighwayConfig) -> Float64[np.ndarray, " settings"]:
    """Array of the settings of `config`, in the order of `Settings`."""
    return np.array(
        Settings(
            lanes=config.lanes,
            frames=config.frames_per_step,
            frame_time=1 / config.simulation_hz,
            step_time=1 / config.policy_hz,
            duration=config.duration,
            ego_spacing=config.ego_spacing,
            spacing=1 / config.density,
            crowding=np.exp(-5 / 40 * config.lanes),
            check_all=config.check_all_collisions,
        ),
        dtype=np.float64,
    )


def empty_outputs(n_envs: int) -> Outputs:
    """Zero-filled outputs of `n_envs` environments."""
    return Outputs(
        obs=np.zeros((n_envs, N_OBS), dtype=np.float32),
        next_obs=np.zeros((n_envs, N_OBS), dtype=np.float32),
        features=np.zeros((n_envs, 3)),
        speed=np.zeros(n_envs),
        on_road=np.zeros(n_envs, dtype=np.bool_),
        terminated=np.zeros(n_envs, dtype=np.bool_),
        truncated=np.zeros(n_envs, dtype=np.bool_),
    )


@compiled
def settings_from(values):
    """Settings from their array, with integers where they are meant."""
    return Settings(
        int(values[0]),
        int(values[1]),
        values[2],
        values[3],
        values[4],
        values[5],
        values[6],
        values[7],
        values[8] != 0.0,
    )


@compiled
def start_episode(cars, words, time, env, settings):
    """Start an episode: new vehicles, and a clock at zero."""
    spawn(cars, words, settings.lanes, settings.ego_spacing, settings.spacing, settings.crowding)
    time[env] = 0.0


@compiled
def record(cars, frame):
    """Write one film frame."""
    for car in range(cars.n):
        frame[0, car], frame[1, car] = cars.x[car], cars.y[car]
        frame[2, car], frame[3, car] = cars.heading[car], cars.speed[car]
        frame[4, car], frame[5, car] = cars.crashed[car], cars.target_lane[car]


@compiled
def copy_row(source, target, env):
    """Assign `target[env] = source[env]`; Numba would take seconds to compile that expression."""
    for column in range(source.shape[1]):
        target[env, column] = source[env, column]


def _cached_loops(fingerprint: int) -> tuple[Any, Any]:
    """Compiled loops, which close over `fingerprint` to make it part of the key of Numba's disk cache."""

    def reset_envs(reals, wholes, time, random, mask, settings, outputs):
        _ = fingerprint
        settings = settings_from(settings)
        for env in range(len(time)):
            if mask[env]:
                cars = cars_in(reals, wholes, env)
                start_episode(cars, random[env], time, env, settings)
                observe(cars, settings.lanes, outputs.obs[env])
                copy_row(outputs.obs, outputs.next_obs, env)
                outputs.on_road[env] = measure(cars, settings.lanes, outputs.features[env])
                outputs.speed[env] = cars.speed[0]
                outputs.terminated[env] = outputs.truncated[env] = False

    def step_envs(reals, wholes, time, random, actions, settings, autoreset, film, outputs):
        _ = fingerprint
        for env in range(len(time)):
            if not 0 <= actions[env] < N_ACTIONS:
                return env
        settings = settings_from(settings)
        for env in range(len(time)):
            cars = cars_in(reals, wholes, env)
            command_ego(cars, actions[env], settings.lanes)
            time[env] += settings.step_time
            for frame in range(settings.frames):
                run_frame(cars, settings.frame_time, settings.lanes, settings.check_all)
                if frame < len(film):
                    record(cars, film[frame, env])
            observe(cars, settings.lanes, outputs.next_obs[env])
            outputs.on_road[env] = measure(cars, settings.lanes, outputs.features[env])
            outputs.speed[env] = cars.speed[0]
            outputs.terminated[env] = cars.crashed[0] != 0
            outputs.truncated[env] = time[env] >= settings.duration
            if autoreset and (outputs.terminated[env] or outputs.truncated[env]):
                start_episode(cars, random[env], time, env, settings)
                observe(cars, settings.lanes, outputs.obs[env])
            else:
                copy_row(outputs.next_obs, outputs.obs, env)
        return -1

    return compiled(reset_envs, called_from_python=True), compiled(step_envs, called_from_python=True)


reset_envs, step_envs = _cached_loops(fingerprint_of_sources())
