"""Arm tasks as Gymnasium environments."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from jaxtyping import Float, Float32, UInt8

from mereq.core.errors import WrongAction
from mereq.core.reward import LinearReward
from mereq.tasks.arm.definition import ACTION_SIZE, OBS_LIMIT, ArmTask, Ending, at_full_length
from mereq.tasks.arm.drawing import draw
from mereq.tasks.arm.scene import Scene, scene_of
from mereq.tasks.arm.world import ArmWorld
from mereq.tasks.vector import check_render_mode


def spaces_of(task: ArmTask) -> tuple[spaces.Box, spaces.Box]:
    """Observation space and action space of one environment."""
    return (
        spaces.Box(-OBS_LIMIT, OBS_LIMIT, (task.obs_size,), np.float32),
        spaces.Box(-1.0, 1.0, (ACTION_SIZE,), np.float32),
    )


def as_actions(actions: Any, n_envs: int) -> Float[np.ndarray, "n 3"]:
    """Actions as an array with one row per environment.

    Raises:
        WrongAction: the number of actions, or of their coordinates, is wrong.
    """
    actions = np.asarray(actions, np.float64)
    if actions.shape != (n_envs, ACTION_SIZE):
        raise WrongAction(
            f"The actions have shape {actions.shape}; allowed is ({n_envs}, {ACTION_SIZE}): "
            "give x, y and z [cm] to each environment."
        )
    return actions


class ArmEnv(gymnasium.Env):
    """Environment of one arm. Action: displacement of the tool centre along world x, y, z in a step [cm], in [-1, 1].

    The reward is `theta` . features (default: the task's prior). Nothing terminates; an episode is truncated where it
    `ends`: by default at the 100th step, and with `task.over`, for supervision, also when it is settled.
    `info` holds `features` (float64) and `measurements` (the task's `Measurements`, SI units). `caption` labels the
    picture.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self,
        task: ArmTask,
        *,
        theta: Float[np.ndarray, " features"] | None = None,
        render_mode: str | None = None,
        ends: Ending = at_full_length,
    ):
        check_render_mode(render_mode)
        self.task, self.render_mode, self._ends = task, render_mode, ends
        self.observation_space, self.action_space = spaces_of(task)
        self.reward = LinearReward(task.theta_prior if theta is None else theta)
        self.world = ArmWorld(task.setup)
        self.caption = ""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32[np.ndarray, " obs"], dict[str, Any]]:
        """Start an episode; without a seed the random stream continues."""
        super().reset(seed=seed, options=options)
        self.measured = self.task.measure(self.world.reset([self.task.begin(self.np_random)]), None)
        return self.task.observe(self.measured)[0], self._info()

    def step(self, action: Any) -> tuple[Float32[np.ndarray, " obs"], float, bool, bool, dict[str, Any]]:
        """Move the tool by an action.

        Raises:
            WrongAction: the action is not three finite numbers. Nothing has moved then.
        """
        actions = as_actions(np.asarray(action)[np.newaxis], 1)
        self.measured = self.task.measure(self.world.step(actions, self.task.grip(self.measured)), self.measured)
        info = self._info()
        reward = float(self.reward(info["features"][np.newaxis])[0])
        return self.task.observe(self.measured)[0], reward, False, bool(self._ends(self.measured)[0]), info

    def scene(self) -> Scene:
        """Scene for drawing: shapes, colours and poses as plain data."""
        return scene_of(self.world) + self.task.markings(self.measured.single(0))

    def render(self) -> UInt8[np.ndarray, "height width 3"] | None:
        """RGB picture of the scene, drawn without GL; None without a render mode."""
        return None if self.render_mode is None else draw(self.scene(), caption=self.caption)

    def _info(self) -> dict[str, Any]:
        return {"features": self.task.features(self.measured)[0], "measurements": self.measured.single(0)}
