"""What a person sees and can do in a task: its pictures as data, its readings, its keys."""

from base64 import b64encode
from io import BytesIO
from typing import Any, Protocol

import numpy as np
from PIL import Image

from mereq.core.actions import Actions, Box, Discrete
from mereq.core.errors import IncompatibleRun
from mereq.core.simulator import Environment
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.highway.environment import HighwayEnv
from mereq.web.arm_view import ArmView
from mereq.web.highway_view import HighwayView
from mereq.web.key import Key

Picture = dict[str, Any]  # as JSON; `draw` says which of the page's painters it is for


class TaskView(Protocol):
    """An environment as a person sees it."""

    keys: tuple[Key, ...]
    neutral: Any  # what is executed for a person who is in control and presses nothing
    pace: float  # steps per second to begin with

    def still(self) -> Picture:
        """The present state."""
        ...

    def film(self) -> list[Picture]:
        """The last step, evenly spaced in time; the last picture is where it led."""
        ...

    def readings(self) -> list[tuple[str, str]]:
        """What instruments show now: names, and values with their units."""
        ...

    def name_of(self, action: Any) -> str:
        """An action in words."""
        ...


def task_view_of(environment: Environment, actions: Actions) -> TaskView:
    """The stage for an environment: our tasks' own, else pictures of its `render()` with number keys or the arm's.

    Raises:
        IncompatibleRun: when the environment has neither.
    """
    inside = getattr(environment, "unwrapped", environment)
    if isinstance(inside, HighwayEnv):
        return HighwayView(inside)
    if isinstance(inside, ArmEnv):
        return ArmView(inside)
    if getattr(environment, "render_mode", None) == "rgb_array":
        if isinstance(actions, Discrete) and actions.n <= 9:
            return RenderedView(environment, actions.n)
        if isinstance(actions, Box) and actions.size == len(ArmView.neutral):
            return RenderedArmView(environment)
    raise IncompatibleRun(
        "The page can show any environment or robot whose render_mode is 'rgb_array', with a `render()` that gives "
        "pictures, and that has at most 9 actions or those of an arm. For another one, add a stage to mereq/web."
    )


def _rendered(environment: Any) -> Picture:
    file = BytesIO()
    Image.fromarray(environment.render()).convert("RGB").save(file, "JPEG", quality=80)
    return {"draw": "image", "source": f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"}


class RenderedArmView(ArmView):
    """Any arm: JPEG pictures, as of a camera, and keys along the axes of the world."""

    def __init__(self, environment: Any):
        self._environment = environment

    def still(self) -> Picture:
        """The arm's own picture."""
        return _rendered(self._environment)

    def readings(self) -> list[tuple[str, str]]:
        """None are known."""
        return []


class RenderedView:
    """Any environment with `render()`: JPEG pictures, and the number keys 1 to 9 for actions 0 to 8."""

    neutral, pace = np.int64(0), 5.0

    def __init__(self, environment: Any, n_actions: int):
        self._environment = environment
        self.keys = tuple(
            Key((f"Digit{number + 1}", f"Numpad{number + 1}"), f"action {number}", str(number + 1), number)
            for number in range(n_actions)
        )

    def still(self) -> Picture:
        """The environment's own picture."""
        return _rendered(self._environment)

    def film(self) -> list[Picture]:
        """Only where the step led."""
        return [self.still()]

    def readings(self) -> list[tuple[str, str]]:
        """None are known."""
        return []

    def name_of(self, action: Any) -> str:
        """Its number."""
        return f"action {int(action)}"
