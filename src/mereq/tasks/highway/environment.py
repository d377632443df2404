"""The highway as Gymnasium environments: `HighwayEnv` (id `mereq/Highway-v0`) and `HighwayVectorEnv`."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from jaxtyping import Float, Float32, UInt8

from mereq.core.reward import LinearReward
from mereq.core.supervisor import Controller
from mereq.tasks.highway.config import N_ACTIONS, N_OBSERVED, HighwayConfig
from mereq.tasks.highway.drawing import draw
from mereq.tasks.highway.engine import HighwayEngine
from mereq.tasks.highway.scene import Scene
from mereq.tasks.highway.simulator import THETA_PRIOR
from mereq.tasks.vector import Seeds, check_render_mode, final_infos, seeds_and_mask, vector_infos

OBSERVATION_SPACE = spaces.Box(
    low=np.tile(np.array([0, -1, -1, -1, -1], dtype=np.float32), N_OBSERVED),
    high=np.ones(5 * N_OBSERVED, dtype=np.float32),
)  # presence, then x, y, vx, vy, clipped; the ego first, then others relative to it


class HighwayEnv(gymnasium.Env):
    """Environment of one highway with IDM/MOBIL traffic. App. A.1.1; the physics are highway-env's (see `engine`).

    The reward is `theta` . features, plus `alive_bonus` in every step; off the road all features are 0. A crash of the
    ego terminates, the config's duration truncates. `info` holds the features (collision, high_speed, right_lane, each
    in [0, 1]), on_road, crashed and the ego's speed [m/s].

    `controller` and `caption` are for rendering: they set the ego's colour and label the picture.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012

    def __init__(
        self,
        config: HighwayConfig = HighwayConfig.TASK,
        *,
        theta: Float[np.ndarray, "3"] = THETA_PRIOR,
        alive_bonus: float = 0.0,
        render_mode: str | None = None,
    ):
        check_render_mode(render_mode)
        self.observation_space = OBSERVATION_SPACE
        self.action_space = spaces.Discrete(N_ACTIONS)
        self.render_mode = render_mode
        self.reward = LinearReward(theta, alive_bonus)
        self.engine = HighwayEngine(config, film=True)
        self.controller = Controller.POLICY
        self.caption = ""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32[np.ndarray, "25"], dict[str, Any]]:
        """Start an episode, as highway-env does with this seed; without a seed the random stream continues."""
        super().reset(seed=seed, options=options)
        outputs = self.engine.reset(None if seed is None else [seed])
        return outputs.obs[0].copy(), self._info()

    def step(self, action: Any) -> tuple[Float32[np.ndarray, "25"], float, bool, bool, dict[str, Any]]:
        """Execute a meta-action: 0 lane left, 1 idle, 2 lane right, 3 faster, 4 slower."""
        outputs = self.engine.step(np.asarray(action)[np.newaxis])
        reward = float(self.reward(outputs.features)[0])
        return outputs.obs[0].copy(), reward, bool(outputs.terminated[0]), bool(outputs.truncated[0]), self._info()

    def render(self) -> UInt8[np.ndarray, "height width 3"] | None:
        """RGB picture of the road around the ego; None without a render mode."""
        if self.render_mode is None:
            return None
        return self.picture(self.engine.scene())

    def picture(self, scene: Scene) -> UInt8[np.ndarray, "height width 3"]:
        """RGB picture of a scene with the present controller and caption; see `HighwayEngine.film_scenes`."""
        return draw(scene, controller=self.controller, caption=self.caption)

    def _info(self) -> dict[str, Any]:
        outputs = self.engine.outputs
        return {
            "features": outputs.features[0].copy(),
            "on_road": bool(outputs.on_road[0]),
            "crashed": bool(outputs.terminated[0]),
            "speed": float(outputs.speed[0]),
        }


class HighwayVectorEnv(VectorEnv):
    """Vector environment of n highways, stepped in one compiled call, with the same results as n `HighwayEnv`.

    After an end, a new episode starts within the same step (Gymnasium's `AutoresetMode.SAME_STEP`); `final_obs` and
    `final_info` then describe the last step of the old one.
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": 5,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        config: HighwayConfig = HighwayConfig.TASK,
        *,
        theta: Float[np.ndarray, "3"] = THETA_PRIOR,
        alive_bonus: float = 0.0,
        render_mode: str | None = None,
    ):
        check_render_mode(render_mode)
        self.num_envs = num_envs
        self.single_observation_space = OBSERVATION_SPACE
        self.single_action_space = spaces.Discrete(N_ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = render_mode
        self.reward = LinearReward(theta, alive_bonus)
        self.engine = HighwayEngine(config, num_envs, autoreset=True)

    def reset(
        self, *, seed: Seeds = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32[np.ndarray, "envs 25"], dict[str, Any]]:
        """Start episodes in all environments, or in those of `options["reset_mask"]`.

        An integer seeds environment i with seed + i. A list has one seed per environment; None continues its stream.

        Raises:
            ValueError: there is not one seed, or one mask entry, per environment.
        """
        super().reset(seed=seed if isinstance(seed, int) else None, options=options)
        seeds, mask = seeds_and_mask(self.num_envs, seed, options)
        self.engine.reset(seeds, mask)
        return self.engine.outputs.obs.copy(), vector_infos(self._values(), mask)

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Execute one meta-action per environment."""
        outputs = self.engine.step(np.asarray(actions))
        over = outputs.terminated | outputs.truncated
        reward = self.reward(outputs.features)
        infos = vector_infos(self._values(), np.ones(self.num_envs, np.bool_))
        if over.any():
            infos |= final_infos(self._values(), outputs.next_obs, over)
            for name, values in self._first_measurements(over).items():
                infos[name][over] = values
        return outputs.obs.copy(), reward, outputs.terminated.copy(), outputs.truncated.copy(), infos

    def render(self) -> tuple[UInt8[np.ndarray, "height width 3"], ...] | None:
        """One picture per environment, or None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(draw(self.engine.scene(env)) for env in range(self.num_envs))

    def _values(self) -> dict[str, np.ndarray]:
        """Values of the infos, from the last step or reset."""
        outputs = self.engine.outputs
        return {
            "features": outputs.features,
            "on_road": outputs.on_road,
            "crashed": outputs.terminated,
            "speed": outputs.speed,
        }

    def _first_measurements(self, where: np.ndarray) -> dict[str, Any]:
        """Infos of episodes that have just started: the ego drives straight, on the road, at its initial speed."""
        state, lanes = self.engine.state, self.engine.config.lanes
        speed = state.speed[where, 0]
        high_speed = np.clip((speed - 20.0) / 10.0, 0.0, 1.0)
        right_lane = state.target_lane[where, 0] / max(lanes - 1, 1)
        features = np.stack([np.zeros_like(speed), high_speed, right_lane], axis=1)
        return {"features": features, "on_road": True, "crashed": False, "speed": speed}
