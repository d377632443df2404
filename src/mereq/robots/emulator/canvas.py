"""Pictures of a MuJoCo model without a display, by EGL or else by OSMesa."""

# MuJoCo's classes are compiled, and pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import mujoco
import numpy as np
from jaxtyping import UInt8

from mereq.core.errors import WrongRobot

T = TypeVar("T")
LIBRARIES = ("egl", "osmesa")


class Canvas:
    """Renderer of one model. A thread of its own owns the GL context, so any thread may ask for pictures."""

    def __init__(self, model: mujoco.MjModel, size: tuple[int, int]):
        self._model, self.size = model, size
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="canvas")
        self._do(self._begin)

    def picture(self, data: mujoco.MjData, camera: str) -> UInt8[np.ndarray, "height width 3"]:
        """RGB picture of the present state by a camera of the model. Kinematics and lights of `data` are updated."""
        return self._do(lambda: self._draw(data, camera))

    def close(self) -> None:
        """Free the GL context."""
        self._do(self._end)
        self._thread.shutdown()

    def _do(self, act: Callable[[], T]) -> T:
        return self._thread.submit(act).result()

    def _begin(self) -> None:
        self._context = _gl_context(*self.size)
        self._context.make_current()
        self._render = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._render)
        self._scene = mujoco.MjvScene(self._model, maxgeom=1000)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = False
        self._option, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED

    def _end(self) -> None:
        self._render.free()
        self._context.free()

    def _draw(self, data: mujoco.MjData, camera: str) -> UInt8[np.ndarray, "height width 3"]:
        mujoco.mj_kinematics(self._model, data)
        mujoco.mj_camlight(self._model, data)
        self._camera.fixedcamid = self._model.camera(camera).id
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self._model, data, self._option, None, self._camera, everything, self._scene)
        width, height = self.size
        pixels = np.empty((height, width, 3), np.uint8)
        viewport = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(viewport, self._scene, self._render)
        mujoco.mjr_readPixels(pixels, None, viewport, self._render)
        return pixels[::-1]


def _gl_context(width: int, height: int) -> Any:
    """An off-screen GL context.

    Raises:
        WrongRobot: neither library works here.
    """
    failures: list[str] = []
    for library in LIBRARIES:
        try:
            return importlib.import_module(f"mujoco.{library}").GLContext(width, height)
        except (ImportError, AttributeError, RuntimeError) as error:
            failures.append(f"{library}: {error}")
    raise WrongRobot(
        "The emulator renders its camera's pictures with OpenGL, and neither EGL nor OSMesa works here "
        f"({'; '.join(failures)}). On Debian: apt-get install libegl1 libegl-mesa0, or libosmesa6."
    )
