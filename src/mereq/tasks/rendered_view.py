"""The view of any environment that renders pictures."""

from base64 import b64encode
from io import BytesIO
from typing import Any

from PIL import Image

from mereq.core.errors import IncompleteTask
from mereq.core.view import ActionControls, Picture

QUALITY = 80  # of JPEG pictures


class RenderedView:
    """JPEG pictures from an environment's `render()`, or a robot's camera.

    Raises:
        IncompleteTask: the environment's `render_mode` is not "rgb_array".
    """

    def __init__(self, environment: Any, controls: ActionControls, pace: float):
        mode = getattr(environment, "render_mode", None)
        if mode != "rgb_array":
            raise IncompleteTask(
                f"The page shows pictures from an environment's render(), and this one's render_mode is {mode!r}. Make "
                "it with render_mode='rgb_array', or give the task's definition a view of its own: "
                "TaskDefinition(..., view=...)."
            )
        self._environment, self.controls, self.pace = environment, controls, pace

    def still(self) -> Picture:
        """The environment's picture of its present state."""
        file = BytesIO()
        Image.fromarray(self._environment.render()).convert("RGB").save(file, "JPEG", quality=QUALITY)
        return {"draw": "image", "source": f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"}

    def film(self) -> list[Picture]:
        """The one picture of where the last step led."""
        return [self.still()]

    def readings(self) -> list[tuple[str, str]]:
        """None are known."""
        return []
