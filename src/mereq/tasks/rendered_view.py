"""The view of any environment that renders pictures."""

from base64 import b64encode
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from mereq.core.border import failed
from mereq.core.errors import IncompleteTask, WrongTask
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
        """The environment's picture of its present state.

        Raises:
            OwnCodeFailed: `render()` failed.
            WrongTask: it returned no picture.
        """
        try:
            rendered = self._environment.render()
        except Exception as error:
            raise failed("The environment failed in render()", error) from error
        file = BytesIO()
        Image.fromarray(as_picture(rendered)).convert("RGB").save(file, "JPEG", quality=QUALITY)
        return {"draw": "image", "source": f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"}

    def film(self) -> list[Picture]:
        """The one picture of where the last step led."""
        return [self.still()]

    def readings(self) -> list[tuple[str, str]]:
        """None are known."""
        return []


def as_picture(rendered: object) -> np.ndarray:
    """What `render()` returned, as one picture; several cameras' pictures stand side by side.

    Raises:
        WrongTask: it is neither a picture nor a list of pictures of one height.
    """
    given: Any = rendered if isinstance(rendered, list | tuple) else [rendered]
    parts: list[np.ndarray] = [part for part in given if isinstance(part, np.ndarray) and _is_picture(part)]
    if len(parts) < len(given) or not parts:
        is_array = isinstance(rendered, np.ndarray)
        shown = f"an array of shape {rendered.shape} and type {rendered.dtype}" if is_array else repr(rendered)[:100]
        raise WrongTask(
            f"The environment's render() returned {shown}, which is no picture. It must be an array of uint8, of shape "
            "(height, width, 3), or a list of them with one height, from several cameras."
        )
    if len({part.shape[0] for part in parts}) > 1:
        sizes = ", ".join("x".join(map(str, part.shape)) for part in parts)
        raise WrongTask(f"The pictures of the environment's render() must have one height; their shapes are {sizes}.")
    return np.concatenate([part[..., :3] for part in parts], axis=1)


def _is_picture(part: np.ndarray) -> bool:
    return part.ndim == 3 and part.shape[2] in (3, 4) and min(part.shape) > 0 and part.dtype == np.uint8
