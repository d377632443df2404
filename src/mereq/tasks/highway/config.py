"""Configuration of a straight highway: the settings of highway-env's highway-v0 family that the engine supports."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

N_OBSERVED = 5  # rows of the observation: the ego and the 4 nearest others [vehicles]
N_OBS = 5 * N_OBSERVED  # presence, x, y, vx, vy of each
N_ACTIONS = 5
LANE_LEFT, IDLE, LANE_RIGHT, FASTER, SLOWER = range(N_ACTIONS)
FEATURE_NAMES = ("collision", "high_speed", "right_lane")


@dataclass(frozen=True)
class HighwayConfig:
    """Configuration of a straight highway with IDM/MOBIL traffic (highway-env's `HighwayEnv.default_config`).

    The defaults are the task's (docs/deviations.md#highway-env-version). `TASK`, `HIGHWAY_V0` and `HIGHWAY_FAST_V0` are
    common configurations.

    Raises:
        ValueError: a field is out of range. The message names it, its value and what is allowed.
    """

    lanes: int = 3
    vehicles: int = 30  # besides the ego
    simulation_hz: int = 5
    policy_hz: int = 1
    duration: float = 40.0  # episodes are truncated at this time [s]
    ego_spacing: float = 1.5  # gap behind the first vehicle, relative to the usual gap []
    density: float = 1.0  # of the traffic, relative to the usual one []
    check_all_collisions: bool = True  # False: only pairs with the ego can collide (highway-fast-v0)

    TASK: ClassVar["HighwayConfig"]
    HIGHWAY_V0: ClassVar["HighwayConfig"]
    HIGHWAY_FAST_V0: ClassVar["HighwayConfig"]

    def __post_init__(self):
        whole_numbers = {"lanes": (1, 100), "vehicles": (0, 1000), "simulation_hz": (1, 1000), "policy_hz": (1, 1000)}
        for name, (least, most) in whole_numbers.items():
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or not least <= value <= most:
                raise ValueError(
                    f"HighwayConfig.{name} is {value!r}; allowed is a whole number from {least} to {most}."
                )
        for name in ("duration", "ego_spacing", "density"):
            value = getattr(self, name)
            if not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
                raise ValueError(f"HighwayConfig.{name} is {value!r}; allowed is a finite number above 0.")
        if self.policy_hz > self.simulation_hz:
            raise ValueError(
                f"HighwayConfig.policy_hz is {self.policy_hz}; allowed is at most simulation_hz ({self.simulation_hz})."
            )

    @property
    def frames_per_step(self) -> int:
        """Simulation frames in one policy step."""
        return self.simulation_hz // self.policy_hz


HighwayConfig.TASK = HighwayConfig()
HighwayConfig.HIGHWAY_V0 = HighwayConfig(lanes=4, vehicles=50, simulation_hz=15, duration=40.0, ego_spacing=2.0)
HighwayConfig.HIGHWAY_FAST_V0 = HighwayConfig(
    lanes=3, vehicles=20, simulation_hz=5, duration=30.0, ego_spacing=1.5, check_all_collisions=False
)
