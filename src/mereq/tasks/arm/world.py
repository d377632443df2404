"""n arms moved in lockstep by MuJoCo, outside the GIL: from actions in centimetres to physics. Spec 5.2."""

# MuJoCo's classes are compiled, and pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

import os
from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float
from mujoco.rollout import Rollout

from mereq.tasks.arm import kinematics
from mereq.tasks.arm.model import DAMPING, STIFFNESS, SUBSTEPS, TIMESTEP, Tool

CENTIMETRE = 0.01  # [m]
LEASH = 0.012  # the tool is never sent further than this from where it is: a blocked arm does not wind up [m]
PERIOD = SUBSTEPS * TIMESTEP  # of the control [s]
LEAD = np.array(DAMPING) / np.array(STIFFNESS)  # cancels the servos' lag behind a moving reference [s]


@dataclass(frozen=True)
class Setup:
    """What stands on the table, which tool the arm carries, and where the tool may go."""

    tool: Tool
    xml: str  # the whole model; its first 6 joints are the arm's
    workspace: Float[np.ndarray, "2 3"]  # lowest and highest tool position [m]


@dataclass(frozen=True)
class Start:
    """How an episode begins."""

    tool: Float[np.ndarray, "3"]  # [m]
    joints: Float[np.ndarray, " joints"]  # positions (qpos) of all joints after the arm's six
    goal: Float[np.ndarray, " goal"]  # whatever else is drawn anew in each episode


@dataclass(frozen=True)
class Physics:
    """What the physics say at the end of a control step of n arms. World frame."""

    tool: Float[np.ndarray, "n 3"]  # tool centre [m]
    joints: Float[np.ndarray, "n joints"]  # positions (qpos) of all joints after the arm's six
    force: Float[np.ndarray, "n 3"]  # contact force of the tool on the object, mean over the control step [N]
    goal: Float[np.ndarray, "n goal"]


class ArmWorld:
    """n copies of a model. What happens is a function of the starts and the actions, whatever the number of threads."""

    def __init__(self, setup: Setup, n_envs: int = 1, threads: int | None = None):
        threads = min(n_envs, len(os.sched_getaffinity(0)) if threads is None else threads)
        if n_envs < 1 or threads < 1:
            raise ValueError(f"need at least 1 environment and 1 thread, got {n_envs} and {threads}")
        self.setup, self.n_envs = setup, n_envs
        self.model = mujoco.MjModel.from_xml_string(setup.xml)
        self._models = [self.model] * n_envs
        self._data = [mujoco.MjData(self.model) for _ in range(threads)]
        self._rollout = Rollout(nthread=threads if threads > 1 else 0)
        self._step_limit = kinematics.JOINT_SPEEDS * PERIOD
        size = mujoco.mj_stateSize(self.model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        self._states = np.zeros((n_envs, SUBSTEPS, size))  # after each substep
        self._sensors = np.zeros((n_envs, SUBSTEPS, self.model.nsensordata))
        self._control = np.zeros((n_envs, SUBSTEPS, self.model.nu))
        self._passed = (np.arange(SUBSTEPS) / SUBSTEPS)[None, :, None]  # of the control step, before each substep

    def reset(self, starts: list[Start]) -> Physics:
        """Begin new episodes everywhere, with everything at rest."""
        tool = self.setup.tool.length
        self._target = np.stack([start.tool for start in starts])
        self._reference = np.stack([kinematics.pose(target, tool) for target in self._target])
        self._goal = np.stack([start.goal for start in starts])
        self._states[:] = 0.0
        self._states[:, -1, 1 : 1 + self.model.nq] = np.hstack(
            [self._reference, np.stack([start.joints for start in starts])]
        )
        self._sensors[:] = 0.0
        return self._physics()

    def step(self, actions: Float[np.ndarray, "n 3"], grip: Float[np.ndarray, "n grip"]) -> Physics:
        """Move each tool by its action [cm] along world x, y, z, as far as workspace, joints and their speeds allow.

        `grip` are the set-points of the tool's own actuators.
        """
        low, high = self.setup.workspace
        way_to_go = CENTIMETRE * np.clip(np.asarray(actions, np.float64), -1.0, 1.0)
        ahead = np.clip(self._target + way_to_go - self._tool, -LEASH, LEASH)
        self._target = np.clip(self._tool + ahead, low, high)
        before = self._reference
        self._reference = kinematics.follow(before, self._target, self.setup.tool.length, self._step_limit)
        way = (self._reference - before)[:, None, :]
        self._control[:, :, :6] = before[:, None, :] + self._passed * way + LEAD * way / PERIOD
        self._control[:, :, 6:] = grip[:, None, :]
        self._rollout.rollout(
            self._models,
            self._data,
            self._states[:, -1].copy(),
            self._control,
            skip_checks=True,
            nstep=SUBSTEPS,
            state=self._states,
            sensordata=self._sensors,
        )
        return self._physics()

    def positions(self, env: int) -> Float[np.ndarray, " nq"]:
        """All joint positions of one environment."""
        return self._states[env, -1, 1 : 1 + self.model.nq].copy()

    def _physics(self) -> Physics:
        positions = self._states[:, -1, 1 : 1 + self.model.nq]
        self._tool = kinematics.tool_positions(positions[:, :6].copy(), self.setup.tool.length)
        return Physics(self._tool, positions[:, 6:].copy(), self._sensors.mean(axis=1), self._goal)
