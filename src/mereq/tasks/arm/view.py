"""An arm task as a person sees it: shapes and poses, the tool, and keys along the axes of the world."""

from typing import Any, NamedTuple

import numpy as np

from mereq.core.simulator import Environment
from mereq.core.view import ActionControls, Key, Picture, Place
from mereq.tasks.arm.definition import Measured
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.world import ArmState


def _name_of(action: Any) -> str:
    """Displacement of the tool [cm]."""
    x, y, z = (float(part) for part in action)
    return f"{x:+.2f}, {y:+.2f}, {z:+.2f} cm"


KEYS = (
    Key(("ArrowRight", "KeyD"), "right (+y)", "→ or D", [0, 1, 0]),
    Key(("ArrowLeft", "KeyA"), "left (-y)", "← or A", [0, -1, 0]),
    Key(("ArrowUp", "KeyW"), "away (-x)", "↑ or W", [-1, 0, 0]),
    Key(("ArrowDown", "KeyS"), "towards you (+x)", "↓ or S", [1, 0, 0]),
    Key(("PageUp", "KeyE"), "up (+z)", "Page Up or E", [0, 0, 1]),
    Key(("PageDown", "KeyQ"), "down (-z)", "Page Down or Q", [0, 0, -1]),
)


class Saved(NamedTuple):
    """State of an episode, without the random stream that draws the next start."""

    world: ArmState
    measured: Measured


class ArmView:
    """One picture a step. The page looks at the robot from the front: right is +y, away is -x, up is +z."""

    controls = ActionControls(KEYS, np.zeros(3, np.float32), _name_of)
    pace = 10.0
    ahead = 15  # steps

    def __init__(self, environment: ArmEnv):
        self._environment = environment

    def still(self) -> Picture:
        """All shapes, those of lower layers first."""
        scene = self._environment.scene()
        order = np.argsort(scene.layers, kind="stable")
        return {
            "draw": "shapes",
            "shapes": [scene.shapes[i] for i in order],
            "sizes": np.round(scene.sizes[order], 4).tolist(),
            "colours": np.round(scene.colours[order], 3).tolist(),
            "positions": np.round(scene.positions[order], 4).tolist(),
            "orientations": np.round(scene.orientations[order].reshape(-1, 9), 4).tolist(),
            "layers": scene.layers[order].tolist(),
            "tip": np.round(self._environment.measured.tip[0], 4).tolist(),
        }

    def film(self) -> list[Picture]:
        """Only where the step led."""
        return [self.still()]

    def readings(self) -> list[tuple[str, str]]:
        """Position of the tool [cm, world frame], and length of its last displacement [cm]."""
        measured = self._environment.measured
        x, y, z = 100.0 * measured.tip[0]
        moved = 100.0 * float(np.linalg.norm(measured.tip_moved[0]))
        return [("tool x, y, z", f"{x:.1f}, {y:.1f}, {z:.1f} cm"), ("moved", f"{moved:.2f} cm")]

    def save(self) -> Saved:
        """The physics, and the measurements of the last step."""
        return Saved(self._environment.world.save(0), self._environment.measured)

    def restore(self, state: Saved) -> None:
        """Continue from a saved state."""
        self._environment.world.put([0], state.world)
        self._environment.measured = state.measured

    def places(self) -> list[Place]:
        """The tool after the last step."""
        x, y, z = np.round(self._environment.measured.tip[0], 4).tolist()
        return [(x, y, z)]


def view_of_arm(environment: Environment) -> ArmView | None:
    """The view of an arm's simulation; None for any other environment, such as a real robot's driver."""
    inside = getattr(environment, "unwrapped", environment)
    return ArmView(inside) if isinstance(inside, ArmEnv) else None
