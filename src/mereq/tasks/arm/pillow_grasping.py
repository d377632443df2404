"""Pillow-Grasping-Sim: grasp a soft pillow and lift it, preferably at its middle. App. A.1.4."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from mujoco import MjSpec, mjtObj  # pyright: ignore[reportAttributeAccessIssue]

from mereq.supervision.rules import Rule, Trigger
from mereq.tasks.arm.definition import ArmTask, Measured, motion, observation
from mereq.tasks.arm.features import control_effort, ramp
from mereq.tasks.arm.model import add_force_sensor, gripper, load, model_spec
from mereq.tasks.arm.scene import Scene, marking
from mereq.tasks.arm.world import Physics, Setup, Start

FEATURE_NAMES = ("tip2pillow", "pillow_height", "control_effort", "tip2center")
THETA_PRIOR = np.array([-0.5, 2.0, -0.2, 0.0])  # Eq. (A.8)
THETA_EXPERT = np.array([-0.5, 2.0, -0.2, -0.8])  # Eq. (A.9)
OBS_SIZE = 17

HALF = np.array([0.115, 0.067, 0.035])  # half the pillow's sides [m]
DEEP = 0.040  # the gripper closes when the fingertips are this far below the pillow's surface [m]
LOST = 0.02  # and opens again when they are this far above it [m]
CLOSED = 0.0425  # displacement of a closed finger inwards [m]
LIFTED = 0.05  # height of a pillow that counts as lifted [m]
LONG_ENOUGH = 20  # steps with the gripper closed after which a supervised episode ends
LEAST_WAY = 0.0015  # least displacement that the expert accepts in a step, down to the pillow or up with it [m]

GRIPPER = gripper(opening=0.075, force=24.0)


def task_spec() -> MjSpec:
    """MJCF of the task: the gripper, a pillow, and the force of the gripper on it."""
    spec = model_spec(GRIPPER, _pillow())
    add_force_sensor(spec, mjtObj.mjOBJ_XBODY, "tool_mount", "pillow")
    return spec


def _pillow() -> MjSpec:
    """MJCF of the pillow: a thin core with 3 x 4 cushions on springs, between which the fingers press."""
    spec = load("pillow.xml")
    shades = spec.find_default("light"), spec.find_default("dark")
    for i in (-1, 0, 1):
        for j in (-3, -1, 1, 3):
            cushion = spec.body("pillow").add_body(pos=(0.07 * i, 0.017 * j, 0.005))
            cushion.add_joint(shades[(i + j // 2) % 2])
            cushion.add_geom(shades[(i + j // 2) % 2])
    return spec


SETUP = Setup(
    tool=GRIPPER,
    spec=task_spec,
    workspace=np.array([[0.34, -0.22, 0.022], [0.70, 0.22, 0.30]]),
)


@dataclass(frozen=True, eq=False)
class Measurements(Measured):
    """Measurements after a step. Lengths in m, world frame; "moved" is the displacement in the last step."""

    pillow: Float[np.ndarray, "*n 3"]  # its middle
    axes: Float[np.ndarray, "*n 6"]  # unit vectors along its length and its thickness
    cushions: Float[np.ndarray, "*n"]  # how far they are pressed in, on average
    closed: Bool[np.ndarray, "*n"]  # the gripper's set-point
    held: Int[np.ndarray, "*n"]  # consecutive steps in which it has been closed
    fingers: Float[np.ndarray, "*n"]  # mean displacement of the fingers inwards
    force: Float[np.ndarray, "*n 3"]  # of the gripper on the pillow, mean over the step [N]
    above_surface: Float[np.ndarray, "*n"]  # of the tip; negative in the pillow
    to_center_height: Float[np.ndarray, "*n"]  # from the tip, vertically
    to_center: Float[np.ndarray, "*n"]  # from the tip, horizontally
    surface_approach: Float[np.ndarray, "*n"]  # how much above_surface has shrunk in the last step
    center_approach: Float[np.ndarray, "*n"]  # how much to_center has shrunk in the last step
    pillow_height: Float[np.ndarray, "*n"]  # of its middle, above that of a pillow on the table
    pillow_rise: Float[np.ndarray, "*n"]  # how much pillow_height has grown in the last step


def begin(rng: np.random.Generator) -> Start:
    """Random start: a pillow on the table, slightly turned; the open gripper above one of its ends, 9 to 12 cm off."""
    pillow, turn = rng.uniform([0.48, -0.06], [0.56, 0.06]), np.radians(rng.uniform(-15.0, 15.0))
    distance, bearing = rng.uniform(0.09, 0.12), turn + np.radians(rng.choice([0.0, 180.0]) + rng.uniform(-20.0, 20.0))
    tip = [*(pillow + distance * np.array([np.cos(bearing), np.sin(bearing)])), rng.uniform(0.12, 0.16)]
    joints = [0.0, 0.0, *pillow, HALF[2], np.cos(turn / 2.0), 0.0, 0.0, np.sin(turn / 2.0), *np.zeros(12)]
    return Start(np.array(tip), np.array(joints), np.zeros(0))


def measure(physics: Physics, before: Measurements | None) -> Measurements:
    """Measurements: positions, approaches since the step before, and whether the gripper closes."""
    tip, pillow = physics.tool, physics.joints[:, 2:5]
    w, x, y, z = physics.joints[:, 5:9].T
    length = np.stack([1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y)], axis=1)
    thickness = np.stack([2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)], axis=1)
    above_surface = tip[:, 2] - pillow[:, 2] - HALF[2]
    to_center = np.linalg.norm((tip - pillow)[:, :2], axis=1)
    along = np.abs(((tip - pillow) * length).sum(axis=1))
    across = np.abs(((tip - pillow) * np.cross(thickness, length)).sum(axis=1))
    reached = (above_surface < -DEEP) & (along < HALF[0]) & (across < HALF[1])
    height = np.maximum(pillow[:, 2] - HALF[2], 0.0)
    closed = reached if before is None else (reached | before.closed) & (above_surface < LOST)
    none = np.zeros(len(tip))
    return Measurements(
        **motion(tip, before),
        pillow=pillow,
        axes=np.concatenate([length, thickness], axis=1),
        cushions=-physics.joints[:, 9:].mean(axis=1),
        closed=closed,
        held=np.where(closed, 1 if before is None else before.held + 1, 0),
        fingers=physics.joints[:, :2].mean(axis=1),
        force=physics.force,
        above_surface=above_surface,
        to_center_height=np.abs(tip[:, 2] - pillow[:, 2]),
        to_center=to_center,
        surface_approach=none if before is None else before.above_surface - above_surface,
        center_approach=none if before is None else before.to_center - to_center,
        pillow_height=height,
        pillow_rise=none if before is None else height - before.pillow_height,
    )


def features(m: Measurements) -> Float[np.ndarray, "n 4"]:
    """Features of App. A.1.4.

    tip2pillow and tip2center fall with the approach. The paper states the opposite direction, which would make the
    prior avoid the pillow (docs/deviations.md#approach-direction).
    """
    return np.stack(
        [
            ramp(m.surface_approach, 0.005, -0.005),
            ramp(m.pillow_height, 0.0, 0.05),
            control_effort(m.tip_moved, m.tip_moved_before),
            ramp(m.center_approach, 0.005, -0.005),
        ],
        axis=1,
    )


def observe(m: Measurements) -> Float32[np.ndarray, "n 17"]:
    """Observation: tip, its displacement, pillow relative to the tip, its axes, gripper's set-point, pillow's height.

    All of it follows from joint encoders, a camera, and what the gripper was told
    (docs/deviations.md#observed-by-the-rig).
    """
    return observation(
        (m.tip - [0.52, 0.0, 0.1]) / 0.1,
        m.tip_moved / 0.01,
        (m.pillow - m.tip) / 0.05,
        m.axes,
        np.stack([m.closed, m.pillow_height / 0.05], axis=1),
    )


def grip(m: Measurements) -> Float[np.ndarray, "n 2"]:
    """Set-points of the fingers, which close when they have reached the pillow (docs/deviations.md#gripper-closes)."""
    return np.repeat(np.where(m.closed, CLOSED, 0.0)[:, None], 2, axis=1)


def settled(m: Measurements) -> Bool[np.ndarray, " n"]:
    """Mask of episodes in which the pillow is lifted, or has been held for long enough."""
    return (m.pillow_height >= LIFTED) | (m.held >= LONG_ENOUGH)


def success(m: Measurements) -> Float[np.ndarray, " n"]:
    """Success: the pillow is in the air at the end."""
    return (m.pillow_height >= LIFTED).astype(np.float64)


def markings(m: Measurements) -> Scene:
    """Markings on the table: none."""
    return marking("box", np.zeros(3), np.zeros((0, 3)), np.zeros((0, 4)))


def _least_approach(m: Measurements) -> float:
    """Least horizontal approach that the expert accepts in a step [m], less for a lower gripper."""
    if m.to_center_height > 0.05:
        return 0.004
    return 0.002 if m.to_center_height > 0.03 else -0.005


def _strays(m: Measurements) -> bool:
    """Whether the horizontal approach is too slow.

    Here and below, approaches are judged only while the gripper is open. A gripper that holds the pillow comes no
    nearer to it; from then on the rise of the pillow is judged (docs/deviations.md#gripper-open).
    """
    return bool(not m.closed and m.center_approach < _least_approach(m))


def _homes_in(m: Measurements) -> bool:
    return bool(not m.closed and m.center_approach > _least_approach(m))


def _hovers(m: Measurements) -> bool:
    return bool((m.pillow_rise if m.closed else m.surface_approach) < LEAST_WAY)


def _lifts(m: Measurements) -> bool:
    return bool(m.closed and m.pillow_rise > LEAST_WAY)


RULE = Rule(
    engage=(Trigger(_strays, consecutive=5), Trigger(_hovers, consecutive=10)),
    disengage=(Trigger(_homes_in, consecutive=3), Trigger(_lifts, consecutive=3)),
)

TASK = ArmTask(
    name="pillow-grasping",
    feature_names=FEATURE_NAMES,
    obs_size=OBS_SIZE,
    theta_prior=THETA_PRIOR,
    theta_expert=THETA_EXPERT,
    rule=RULE,
    setup=SETUP,
    begin=begin,
    measure=measure,
    features=features,
    observe=observe,
    grip=grip,
    settled=settled,
    success=success,
    markings=markings,
)
