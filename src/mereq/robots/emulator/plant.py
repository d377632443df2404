"""The emulated arm and table: MuJoCo, moved by joint references of the controller's interpolation period."""

# MuJoCo's classes are compiled, and pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

import mujoco
import numpy as np
from jaxtyping import Float

from mereq.robots.emulator.motion import ITP
from mereq.tasks.arm import kinematics
from mereq.tasks.arm.model import TIMESTEP
from mereq.tasks.arm.world import LEAD, Setup, Start


class Plant:
    """Arm, tool and objects of a task.

    Args:
        setup: physics of the task.
        model: the compiled model, possibly with more to see.
        position: of the tool [m].
    """

    def __init__(self, setup: Setup, model: mujoco.MjModel, position: Float[np.ndarray, "3"]):
        self.model, self.data, self._setup = model, mujoco.MjData(model), setup
        self._step_limit = kinematics.JOINT_SPEEDS * ITP
        self._reference = kinematics.pose(position, setup.tool.length)
        self.data.qpos[:6] = self._reference
        self._time = 0.0
        self.grip = 0.0  # set-point of the tool's own actuators
        body = model.body(setup.slider).id if setup.slider else -1
        self._sliding = np.flatnonzero(model.geom_bodyid == body)
        self._friction = model.geom_friction[self._sliding, 0].copy()
        mujoco.mj_forward(model, self.data)

    @property
    def tool(self) -> Float[np.ndarray, "3"]:
        """Measured position of the tool centre [m]."""
        return kinematics.forward(self.joints, self._setup.tool.length)[0]

    @property
    def joints(self) -> Float[np.ndarray, "6"]:
        """Measured joint angles of our chain [rad]."""
        return self.data.qpos[:6].copy()

    @property
    def reference(self) -> Float[np.ndarray, "6"]:
        """Commanded joint angles of our chain [rad]."""
        return self._reference

    @property
    def objects(self) -> Float[np.ndarray, " joints"]:
        """Positions of all joints after the arm's six."""
        return self.data.qpos[6:].copy()

    def place(self, start: Start) -> None:
        """Put objects and goal where an episode starts. The arm stays where it is."""
        self.data.qpos[6:] = start.joints
        self.data.qvel[6:] = 0.0
        if start.goal.size:
            self.data.mocap_pos[0, :2] = start.goal
        friction = start.friction * self._setup.friction
        self.model.geom_friction[self._sliding, 0] = self._friction if np.isnan(friction) else friction
        mujoco.mj_forward(self.model, self.data)

    def follow(self, target: Float[np.ndarray, "3"]) -> None:
        """Move for one interpolation period towards a commanded position of the tool [m]."""
        self.track(kinematics.towards(self._reference, target, self._setup.tool.length, self._step_limit))

    def track(self, joints: Float[np.ndarray, "6"]) -> None:
        """Move for one interpolation period to commanded joint angles of our chain [rad], no faster than joints can."""
        before = self._reference
        self._reference = before + np.clip(joints - before, -self._step_limit, self._step_limit)
        way, began = self._reference - before, self._time
        self._time += ITP
        while self.data.time + TIMESTEP <= self._time + 1e-9:
            passed = (self.data.time - began) / ITP
            self.data.ctrl[:6] = before + passed * way + LEAD * way / ITP
            self.data.ctrl[6:] = self.grip
            mujoco.mj_step(self.model, self.data)
