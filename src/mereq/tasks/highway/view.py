"""The highway as a person sees it: the road from above, speeds, and the keys of the authors' interface."""

import math

import numpy as np

from mereq.core.simulator import Environment
from mereq.core.view import ActionControls, Key, Picture, Place
from mereq.tasks.highway.config import FASTER, IDLE, LANE_LEFT, LANE_RIGHT, SLOWER
from mereq.tasks.highway.environment import HighwayEnv
from mereq.tasks.highway.scene import Scene
from mereq.tasks.highway.state import State

BEHIND, AHEAD = 60.0, 140.0  # m of road around the ego that the page may want
NAMES = {LANE_LEFT: "LANE LEFT", IDLE: "IDLE", LANE_RIGHT: "LANE RIGHT", FASTER: "FASTER", SLOWER: "SLOWER"}
LANES = ("left", "middle", "right")


KEYS = (
    Key(("ArrowUp", "KeyW"), NAMES[FASTER], "↑ or W", FASTER),
    Key(("ArrowDown", "KeyS"), NAMES[SLOWER], "↓ or S", SLOWER),
    Key(("ArrowLeft", "KeyA"), NAMES[LANE_LEFT], "← or A", LANE_LEFT),
    Key(("ArrowRight", "KeyD"), NAMES[LANE_RIGHT], "→ or D", LANE_RIGHT),
    Key(("Space",), NAMES[IDLE], "Space", IDLE),
)


class HighwayView:
    """Five pictures a step. The page draws the ego yellow while the person drives it."""

    controls = ActionControls(KEYS, np.int64(IDLE), lambda action: NAMES[int(action)])
    pace = 2.0  # a step is a second of traffic: twice as fast as life
    ahead = 3  # steps: as far as the page shows the road

    def __init__(self, environment: HighwayEnv):
        self._engine = environment.engine

    def still(self) -> Picture:
        """The road now."""
        return _picture(self._engine.scene())

    def film(self) -> list[Picture]:
        """The simulation frames of the last step."""
        return [_picture(scene) for scene in self._engine.film_scenes()]

    def readings(self) -> list[tuple[str, str]]:
        """Speeds [m/s] along and across the road, and the lane."""
        scene = self._engine.scene()
        speed, heading = float(scene.speed[0]), float(scene.heading[0])
        lane = int(self._engine.state.lane[0, 0])
        name = LANES[lane] if scene.n_lanes == len(LANES) else f"{lane + 1} of {scene.n_lanes}"
        return [
            ("forward speed", f"{speed * math.cos(heading):.1f} m/s"),
            ("lateral speed", f"{speed * math.sin(heading):+.1f} m/s"),
            ("lane", name),
        ]

    def save(self) -> State:
        """The state of all vehicles and of the random stream."""
        return self._engine.save()

    def restore(self, state: State) -> None:
        """Continue from a saved state."""
        self._engine.restore(state)

    def places(self) -> list[Place]:
        """The ego in the simulation frames of the last step."""
        return [_car(scene, 0) for scene in self._engine.film_scenes()]


def view_of_highway(environment: Environment) -> HighwayView | None:
    """The view of the highway's simulation; None for any other environment, such as a real robot's driver."""
    inside = getattr(environment, "unwrapped", environment)
    return HighwayView(inside) if isinstance(inside, HighwayEnv) else None


def _picture(scene: Scene) -> Picture:
    """Vehicles near the ego, which comes first: x, y [m], heading [rad], whether crashed, and which ones they are."""
    near = np.flatnonzero((scene.x > scene.x[0] - BEHIND) & (scene.x < scene.x[0] + AHEAD)).tolist()
    cars = [_car(scene, i) for i in near]
    crashed = [bool(scene.crashed[i]) for i in near]
    return {"draw": "highway", "lanes": scene.n_lanes, "cars": cars, "crashed": crashed, "ids": near}


def _car(scene: Scene, i: int) -> Place:
    return round(float(scene.x[i]), 2), round(float(scene.y[i]), 2), round(float(scene.heading[i]), 3)
