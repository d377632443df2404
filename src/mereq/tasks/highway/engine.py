"""Engine of n straight highways, stepped in one compiled call, equal to highway-env 1.12's highway-v0 family.

Equal means: the same random draws at reset; per simulation frame the same sequence of decisions, motions and pairwise
collisions; float64 throughout; every discrete decision the same, positions and speeds to within rounding (1e-9).

Decisions that depend on rounding may differ: when a collision has pushed two exactly parallel wrecks apart until they
just touch, whether they still collide depends on the last bit of a sine, and in highway-env on the CPU.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from numpy.typing import ArrayLike

from mereq.tasks.highway.compiling import is_ready
from mereq.tasks.highway.config import N_ACTIONS, HighwayConfig
from mereq.tasks.highway.kernels import FILM_ROWS, Outputs, empty_outputs, reset_envs, settings_array, step_envs
from mereq.tasks.highway.random_bits import words_from_seed
from mereq.tasks.highway.scene import Scene
from mereq.tasks.highway.state import State, empty_state

COMPILE_SECONDS = 15  # roughly, on one core of 2.5 GHz; once per machine and version


class HighwayEngine:
    """Engine of `n_envs` highways. `step` allocates no arrays: its outputs are overwritten by the next call.

    Args:
        config: of every highway.
        n_envs: number of highways.
        autoreset: starts a new episode, from the same random stream, within the step in which one ends. Then `obs` is
            the first observation of the new episode; all other outputs belong to the last step of the old one.
        film: keeps the simulation frames within a step (`film_scenes`), for smooth video.

    Raises:
        ValueError: `n_envs` is not a whole number of at least 1.
    """

    def __init__(
        self,
        config: HighwayConfig = HighwayConfig.TASK,
        n_envs: int = 1,
        *,
        autoreset: bool = False,
        film: bool = False,
    ):
        if not isinstance(n_envs, int | np.integer) or n_envs < 1:
            raise ValueError(f"n_envs is {n_envs!r}; allowed is a whole number of at least 1.")
        self.config = config
        self.n_envs = int(n_envs)
        self.n_vehicles = config.vehicles + 1
        self.autoreset = autoreset
        self.state = empty_state(self.n_envs, self.n_vehicles)
        self.outputs = empty_outputs(self.n_envs)
        self._settings = settings_array(config)
        self._film = np.zeros((config.frames_per_step if film else 0, self.n_envs, FILM_ROWS, self.n_vehicles))
        self._everywhere = np.ones(self.n_envs, dtype=np.bool_)
        for env in range(self.n_envs):
            self.state.random[env] = words_from_seed(None)
        self.reset()

    def reset(
        self, seeds: Sequence[int | None] | None = None, mask: Bool[np.ndarray, " envs"] | None = None
    ) -> Outputs:
        """Start new episodes in all environments, or in those of `mask`.

        `seeds`, one per environment, restart the random streams as `gymnasium.Env.reset(seed=...)` does. Without
        them, or where a seed is None, the streams continue; their first seeds are random.

        Raises:
            ValueError: `seeds` or `mask` do not have one entry per environment, or `mask` is not boolean.
        """
        mask = self._everywhere if mask is None else np.ascontiguousarray(mask)
        if mask.shape != (self.n_envs,) or mask.dtype != np.bool_:
            raise ValueError(
                f"mask has shape {mask.shape} and type {mask.dtype}; allowed is shape ({self.n_envs},) and type bool."
            )
        if seeds is not None:
            if len(seeds) != self.n_envs:
                raise ValueError(
                    f"{len(seeds)} seeds were given; allowed is one for each of {self.n_envs} environments."
                )
            for env, seed in enumerate(seeds):
                if seed is not None and mask[env]:
                    self.state.random[env] = words_from_seed(int(seed))
        reset_envs(*self.state, mask, self._settings, self.outputs)
        return self.outputs

    def step(self, actions: ArrayLike) -> Outputs:
        """Execute one policy step: per environment 0 lane left, 1 idle, 2 lane right, 3 faster, or 4 slower.

        Raises:
            ValueError: `actions` are not one integer from 0 to 4 per environment. Nothing has moved then.
        """
        actions = np.asarray(actions)
        if actions.shape != (self.n_envs,) or actions.dtype.kind not in "iu":
            raise ValueError(
                f"actions have shape {actions.shape} and type {actions.dtype}; "
                f"allowed is shape ({self.n_envs},) and an integer type."
            )
        actions = np.ascontiguousarray(actions, dtype=np.int64)
        bad = step_envs(*self.state, actions, self._settings, self.autoreset, self._film, self.outputs)
        if bad >= 0:
            raise ValueError(f"The action of environment {bad} is {actions[bad]}; allowed is 0 to {N_ACTIONS - 1}.")
        return self.outputs

    def save(self) -> State:
        """Copy of the state, including the random streams, from which `restore` continues exactly."""
        return self.state.copy()

    def restore(self, state: State) -> None:
        """Continue from a saved state. `outputs` are those of the last call until the next `step` or `reset`.

        Raises:
            ValueError: the state was saved by an engine of another size.
        """
        for ours, theirs in zip(self.state, state, strict=True):
            if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
                raise ValueError(
                    f"The state has an array of shape {theirs.shape} and type {theirs.dtype}; allowed is "
                    f"{ours.shape} and {ours.dtype}: a state saved with the same config and n_envs."
                )
        for ours, theirs in zip(self.state, state, strict=True):
            ours[...] = theirs

    def scene(self, env: int = 0) -> Scene:
        """Present scene of one environment."""
        state = self.state
        return Scene(
            n_lanes=self.config.lanes,
            x=state.x[env].copy(),
            y=state.y[env].copy(),
            heading=state.heading[env].copy(),
            speed=state.speed[env].copy(),
            crashed=state.crashed[env],
            target_lane=state.target_lane[env].copy(),
        )

    def film_scenes(self, env: int = 0) -> list[Scene]:
        """Scenes of one environment after each simulation frame of the last step.

        Raises:
            ValueError: the engine was made without `film`.
        """
        if len(self._film) == 0:
            raise ValueError("This engine keeps no frames; make it with HighwayEngine(..., film=True).")
        return [
            Scene(
                n_lanes=self.config.lanes,
                x=frame[env, 0].copy(),
                y=frame[env, 1].copy(),
                heading=frame[env, 2].copy(),
                speed=frame[env, 3].copy(),
                crashed=frame[env, 4] != 0.0,
                target_lane=frame[env, 5].astype(np.int64),
            )
            for frame in self._film
        ]


def is_compiled() -> bool:
    """Whether the engine is compiled already, in this process or in Numba's disk cache.

    If not, the first engine that is created compiles it, which takes about `COMPILE_SECONDS`.
    """
    state, outputs, settings = empty_state(1, 1), empty_outputs(1), settings_array(HighwayConfig.TASK)
    everywhere, film = np.ones(1, dtype=np.bool_), np.zeros((0, 1, FILM_ROWS, 1))
    return is_ready(reset_envs, (*state, everywhere, settings, outputs)) and is_ready(
        step_envs, (*state, np.zeros(1, dtype=np.int64), settings, False, film, outputs)
    )


def warm_up() -> None:
    """Compile the engine, or load it from the disk cache."""
    HighwayEngine(HighwayConfig.TASK, 1).step(np.zeros(1, dtype=np.int64))
