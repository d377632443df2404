"""Scenes as plain data: shapes, colours and poses, to be drawn by a browser or by `drawing`."""

# MuJoCo's classes are compiled, and pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float, Int

from mereq.tasks.arm.world import ArmWorld

SHAPES = {
    int(mujoco.mjtGeom.mjGEOM_SPHERE): "sphere",
    int(mujoco.mjtGeom.mjGEOM_CAPSULE): "capsule",
    int(mujoco.mjtGeom.mjGEOM_ELLIPSOID): "ellipsoid",
    int(mujoco.mjtGeom.mjGEOM_CYLINDER): "cylinder",
    int(mujoco.mjtGeom.mjGEOM_BOX): "box",
}


@dataclass(frozen=True)
class Scene:
    """Scene of g shapes. Sizes as in MuJoCo: radii or half sides; radius and half length (along z) of cylinders."""

    shapes: tuple[str, ...]  # sphere, capsule, ellipsoid, cylinder or box
    sizes: Float[np.ndarray, "g 3"]  # [m]
    colours: Float[np.ndarray, "g 4"]  # red, green, blue, opacity, in [0, 1]
    positions: Float[np.ndarray, "g 3"]  # of the middles, world frame [m]
    orientations: Float[np.ndarray, "g 3 3"]  # world from shape
    layers: Int[np.ndarray, " g"]  # lowest first: the table and what lies flat on it; all else shares the top layer

    def __add__(self, other: "Scene") -> "Scene":
        """Scene with the shapes of both."""
        joined = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("sizes", "colours", "positions", "orientations", "layers")
        }
        return Scene(shapes=self.shapes + other.shapes, **joined)


TOP_LAYER = 1000
MARKING_LAYER = 100  # of markings on the table or on flat objects


def marking(
    shape: str, size: Float[np.ndarray, "3"], places: Float[np.ndarray, "g 3"], colours: Float[np.ndarray, "g 4"]
) -> Scene:
    """Scene of g equal flat shapes on the table or on flat objects."""
    g = len(places)
    return Scene(
        (shape,) * g,
        np.tile(size, (g, 1)),
        colours,
        places,
        np.tile(np.eye(3), (g, 1, 1)),
        np.full(g, MARKING_LAYER),
    )


def scene_of(world: ArmWorld, env: int = 0) -> Scene:
    """Scene of one environment in its present state: arm, tool and objects."""
    model, data = world.model, mujoco.MjData(world.model)
    data.qpos[:] = world.positions(env)
    mujoco.mj_kinematics(model, data)
    seen = np.flatnonzero(model.geom_rgba[:, 3] > 0.0)
    fixed = model.geom_bodyid[seen] == 0
    return Scene(
        tuple(SHAPES[int(model.geom_type[geom])] for geom in seen),
        model.geom_size[seen].copy(),
        model.geom_rgba[seen].astype(np.float64),
        data.geom_xpos[seen].copy(),
        data.geom_xmat[seen].reshape(-1, 3, 3).copy(),
        np.where(fixed, np.arange(len(seen)), TOP_LAYER),
    )
