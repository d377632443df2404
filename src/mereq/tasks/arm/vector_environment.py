"""Arm tasks as Gymnasium vector environments."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from jaxtyping import Float, Float32, UInt8

from mereq.core.reward import LinearReward
from mereq.tasks.arm.definition import ArmTask, Ending, Measured, at_full_length
from mereq.tasks.arm.drawing import draw
from mereq.tasks.arm.environment import as_actions, spaces_of
from mereq.tasks.arm.scene import scene_of
from mereq.tasks.arm.simulator import ArmSimulator
from mereq.tasks.vector import Seeds, check_render_mode, final_infos, seeds_and_mask, vector_infos


class ArmVectorEnv(VectorEnv):
    """Vector environment of n arms, stepped in one call on all usable cores, with the same results as n `ArmEnv`.

    After an end, a new episode starts within the same step (Gymnasium's `AutoresetMode.SAME_STEP`); `final_obs` and
    `final_info` then describe the last step of the old one. `infos["measurements"]` are the fields of the task's
    `Measurements`, each an array with one row per environment.
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": 10,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        task: ArmTask,
        num_envs: int = 1,
        *,
        theta: Float[np.ndarray, " features"] | None = None,
        render_mode: str | None = None,
        ends: Ending = at_full_length,
    ):
        check_render_mode(render_mode)
        self.task, self.num_envs, self.render_mode = task, num_envs, render_mode
        self.single_observation_space, self.single_action_space = spaces_of(task)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.reward = LinearReward(task.theta_prior if theta is None else theta)
        self.simulator = ArmSimulator(task, num_envs, ends=ends)
        self.simulator.reset(
            int(self.np_random.integers(2**31))
        )  # so that a first reset with a mask finds episodes in the others

    def reset(
        self, *, seed: Seeds = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32[np.ndarray, "envs obs"], dict[str, Any]]:
        """Start episodes in all environments, or in those of `options["reset_mask"]`.

        An integer seeds environment i with seed + i. A list has one seed per environment; None continues its stream.

        Raises:
            ValueError: there is not one seed, or one mask entry, per environment.
        """
        super().reset(seed=seed if isinstance(seed, int) else None, options=options)
        seeds, mask = seeds_and_mask(self.num_envs, seed, options)
        envs = np.flatnonzero(mask).tolist()
        for env in envs:
            if seeds[env] is not None:
                self.simulator.rngs[env] = np.random.default_rng(seeds[env])
        return self.simulator.begin(envs), vector_infos(self._values(self.simulator.measured), mask)

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Move each tool by its action.

        Raises:
            WrongAction: there is not one action per environment, or one is not finite. Nothing has moved then.
        """
        step = self.simulator.step(as_actions(actions, self.num_envs))
        reward = self.reward(step.features[:, np.newaxis])[:, 0]  # one by one: BLAS rounds differently in batches
        infos = vector_infos(self._values(self.simulator.measured), np.ones(self.num_envs, np.bool_))
        if step.truncated.any():
            infos |= final_infos(self._values(step.measured), step.next_obs, step.truncated)
        return step.obs, reward, step.terminated, step.truncated, infos

    def render(self) -> tuple[UInt8[np.ndarray, "height width 3"], ...] | None:
        """One picture per environment, or None without a render mode."""
        if self.render_mode is None:
            return None
        world, measured = self.simulator.world, self.simulator.measured
        return tuple(
            draw(scene_of(world, env) + self.task.markings(measured.single(env))) for env in range(self.num_envs)
        )

    def _values(self, measured: Measured) -> dict[str, Any]:
        """Values of the infos."""
        return {"features": self.task.features(measured), "measurements": vars(measured)}
