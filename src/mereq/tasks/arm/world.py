"""Physics of n arms in lockstep, computed by MuJoCo outside the GIL, from actions in centimetres."""

# MuJoCo's classes are compiled, and pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float
from mujoco.rollout import Rollout

from mereq.core.cores import usable_cores
from mereq.core.errors import WrongAction
from mereq.tasks.arm import kinematics
from mereq.tasks.arm.model import DAMPING, STIFFNESS, SUBSTEPS, TIMESTEP, Tool

logger = logging.getLogger("mereq")
MUJOCO = "3.17.0"  # the version of the shipped policies and of all published numbers of the arm
CENTIMETRE = 0.01  # [m]
LEASH = 0.012  # largest distance from tool to target along x, y and z, which prevents wind-up when blocked [m]
PERIOD = SUBSTEPS * TIMESTEP  # of the control [s]
LEAD = np.array(DAMPING) / np.array(STIFFNESS)  # cancels the servos' lag behind a moving reference [s]


@dataclass(frozen=True)
class Setup:
    """Setup of the physics: the tool, the objects on the table, and the workspace of the tool."""

    tool: Tool
    spec: Callable[[], mujoco.MjSpec]  # new MJCF of the whole model; its first 6 joints are the arm's
    workspace: Float[np.ndarray, "2 3"]  # lowest and highest tool position [m]
    slider: str | None = None  # name of the body whose friction is random in each episode
    friction: float = 1.0  # sliding friction of every contact, relative to the model's and the random one []
    mass: float = 1.0  # of all bodies with contacts, relative to the model's []; the arm's links are not changed


@dataclass(frozen=True)
class Start:
    """Start of an episode."""

    tool: Float[np.ndarray, "3"]  # [m]
    joints: Float[np.ndarray, " joints"]  # positions (qpos) of all joints after the arm's six
    goal: Float[np.ndarray, " goal"]  # other random quantities of the episode, which are observed
    friction: float = np.nan  # sliding friction of the slider, which is not observed; NaN keeps the model's []


@dataclass(frozen=True)
class Physics:
    """Physical quantities of n arms at the end of a control step. World frame."""

    tool: Float[np.ndarray, "n 3"]  # tool centre [m]
    joints: Float[np.ndarray, "n joints"]  # positions (qpos) of all joints after the arm's six
    force: Float[np.ndarray, "n 3"]  # contact force of the tool on the object, mean over the control step [N]
    goal: Float[np.ndarray, "n goal"]


class ArmState(NamedTuple):
    """State of n arms between two control steps, which together with the actions determines all later steps."""

    physics: Float[np.ndarray, "n physics"]  # MuJoCo's: time, positions, velocities
    tool: Float[np.ndarray, "n 3"]  # tool centre, which follows from the positions [m]
    target: Float[np.ndarray, "n 3"]  # commanded tool position [m]
    reference: Float[np.ndarray, "n 6"]  # commanded joint positions [rad]
    goal: Float[np.ndarray, "n goal"]
    friction: Float[np.ndarray, " n"]  # of the slider


def with_rows(array: np.ndarray, rows: list[int], values: np.ndarray) -> np.ndarray:
    """Copy of an array with some of its rows replaced."""
    array = array.copy()
    array[rows] = values
    return array


@cache
def warn_of_version(installed: str) -> None:
    """Log a warning, once, if another version of MuJoCo is installed than that of the arm's numbers."""
    if installed != MUJOCO:
        logger.warning(
            "MuJoCo %s is installed. The arm's shipped policies and published numbers are those of MuJoCo %s, and "
            'MuJoCo promises no equal numbers across versions: results may differ. For these: pip install "mereq[arm]"',
            *(installed, MUJOCO),
        )


class ArmWorld:
    """World of n copies of a model. Results depend on the starts and the actions, not on the number of threads."""

    def __init__(self, setup: Setup, n_envs: int = 1, threads: int | None = None):
        threads = min(n_envs, len(usable_cores()) if threads is None else threads)
        if n_envs < 1 or threads < 1:
            raise ValueError(f"need at least 1 environment and 1 thread, got {n_envs} and {threads}")
        warn_of_version(mujoco.__version__)
        self.setup, self.n_envs = setup, n_envs
        self.model = _model(setup)
        self._models = [copy.copy(self.model) for _ in range(n_envs)] if setup.slider else [self.model] * n_envs
        self._sliding = [] if setup.slider is None else self._geoms(setup.slider)
        self._data = [mujoco.MjData(self.model) for _ in range(threads)]
        self._rollout = Rollout(nthread=threads if threads > 1 else 0)
        self._step_limit = kinematics.JOINT_SPEEDS * PERIOD
        size = mujoco.mj_stateSize(self.model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        self._states = np.zeros((n_envs, SUBSTEPS, size))  # after each substep
        self._sensors = np.zeros((n_envs, SUBSTEPS, self.model.nsensordata))
        self._control = np.zeros((n_envs, SUBSTEPS, self.model.nu))
        self._passed = (np.arange(SUBSTEPS) / SUBSTEPS)[None, :, None]  # of the control step, before each substep

    def reset(self, starts: list[Start], envs: list[int] | None = None) -> Physics:
        """Start new episodes with everything at rest, in the given environments, or in all (None)."""
        state = self._at_rest(starts)
        if envs is None:
            self._enter(state)
        else:
            self.put(envs, state)
        return self._physics(state, np.zeros((len(starts), 3)))

    def step(self, actions: Float[np.ndarray, "n 3"], grip: Float[np.ndarray, "n grip"]) -> Physics:
        """Move each tool by its action [cm] along world x, y, z, within the limits of workspace, joints and speeds.

        Args:
            actions: one row per environment.
            grip: set-points of the tool's own actuators.

        Raises:
            WrongAction: an action is not finite. Nothing has moved then.
        """
        if not np.isfinite(actions).all():
            env = int(np.flatnonzero(~np.isfinite(actions).all(axis=1))[0])
            raise WrongAction(
                f"The action of environment {env} is {actions[env].tolist()}; allowed are finite numbers, "
                "from -1 to 1 [cm]. Check the policy that chose it, and its observation."
            )
        physics, tool, target, before, goal, friction = self._state
        low, high = self.setup.workspace
        way_to_go = CENTIMETRE * np.clip(np.asarray(actions, np.float64), -1.0, 1.0)
        ahead = np.clip(target + way_to_go - tool, -LEASH, LEASH)
        target = np.clip(tool + ahead, low, high)
        reference = kinematics.follow(before, target, self.setup.tool.length, self._step_limit)
        way = (reference - before)[:, None, :]
        self._control[:, :, :6] = before[:, None, :] + self._passed * way + LEAD * way / PERIOD
        self._control[:, :, 6:] = grip[:, None, :]
        self._rollout.rollout(
            self._models,
            self._data,
            physics,
            self._control,
            skip_checks=True,
            nstep=SUBSTEPS,
            state=self._states,
            sensordata=self._sensors,
        )
        physics = self._states[:, -1].copy()
        self._state = ArmState(physics, self._tool(physics), target, reference, goal, friction)
        return self._physics(self._state, self._sensors.mean(axis=1))

    def save(self, env: int) -> ArmState:
        """State of one environment."""
        return ArmState(*(array[[env]] for array in self._state))

    def put(self, envs: list[int], state: ArmState) -> None:
        """Continue the given environments from the given states. Arrays returned earlier are not changed."""
        self._enter(ArmState(*(with_rows(ours, envs, theirs) for ours, theirs in zip(self._state, state, strict=True))))

    def positions(self, env: int) -> Float[np.ndarray, " nq"]:
        """Positions of all joints of one environment."""
        return self._state.physics[env, 1 : 1 + self.model.nq].copy()

    def _at_rest(self, starts: list[Start]) -> ArmState:
        target = np.stack([start.tool for start in starts])
        reference = np.stack([kinematics.pose(tool, self.setup.tool.length) for tool in target])
        physics = np.zeros((len(starts), self._states.shape[2]))
        physics[:, 1:7], physics[:, 7 : 1 + self.model.nq] = reference, np.stack([start.joints for start in starts])
        goal, friction = np.stack([start.goal for start in starts]), np.array([start.friction for start in starts])
        return ArmState(physics, self._tool(physics), target, reference, goal, friction)

    def _enter(self, state: ArmState) -> None:
        """Continue all environments from the given states, with the friction of their sliders."""
        self._state = state
        if self._sliding:
            usual = self.model.geom_friction[self._sliding, 0]
            for model, friction in zip(self._models, state.friction, strict=True):
                model.geom_friction[self._sliding, 0] = usual if np.isnan(friction) else friction * self.setup.friction

    def _geoms(self, body: str) -> list[int]:
        return np.flatnonzero(self.model.geom_bodyid == self.model.body(body).id).tolist()

    def _tool(self, physics: Float[np.ndarray, "n physics"]) -> Float[np.ndarray, "n 3"]:
        return kinematics.tool_positions(physics[:, 1:7].copy(), self.setup.tool.length)

    def _physics(self, state: ArmState, force: Float[np.ndarray, "n 3"]) -> Physics:
        return Physics(state.tool, state.physics[:, 7 : 1 + self.model.nq].copy(), force, state.goal)


def _model(setup: Setup) -> mujoco.MjModel:
    """Model with the setup's friction and mass.

    MuJoCo takes the larger friction of two touching geoms, so scaling all of them scales the friction of every contact.
    """
    model = setup.spec().compile()
    touching = (model.geom_contype | model.geom_conaffinity) != 0
    model.geom_friction[touching, 0] *= setup.friction
    if setup.mass != 1.0:
        bodies = np.setdiff1d(model.geom_bodyid[touching], 0)
        model.body_mass[bodies] *= setup.mass
        model.body_inertia[bodies] *= setup.mass
        model.body_gravcomp[bodies] /= setup.mass  # the controller compensates for the nominal mass
        mujoco.mj_setConst(model, mujoco.MjData(model))
    return model
