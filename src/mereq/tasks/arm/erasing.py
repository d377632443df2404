"""Erasing-Sim: wipe marker off a whiteboard on the table, with enough force. App. A.1.3."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32
from mujoco import MjSpec, mjtObj  # pyright: ignore[reportAttributeAccessIssue]

from mereq.supervision.rules import Rule, Trigger
from mereq.tasks.arm.definition import ArmTask, Measured, motion, never, no_grip, observation
from mereq.tasks.arm.features import control_effort, ramp
from mereq.tasks.arm.model import add_force_sensor, eraser, load, model_spec
from mereq.tasks.arm.scene import Scene, marking
from mereq.tasks.arm.world import Physics, Setup, Start

FEATURE_NAMES = ("tip_hor_move", "tip_ver_dist", "control_effort", "tip_force")
THETA_PRIOR = np.array([1.0, -1.0, -0.2, 0.0])  # Eq. (A.6)
THETA_EXPERT = np.array([1.0, -1.0, -0.2, 2.0])  # Eq. (A.7)
OBS_SIZE = 10

SURFACE = 0.012  # height of the board's surface above the table [m]
CENTRE = np.array([0.52, 0.0])  # of the board [m]
ENOUGH = 2.0  # normal force that erases; with less the expert takes over [N]
PAD = np.array([0.025, 0.050])  # half the felt's sides [m]
COLUMNS, ROWS, CELL = 12, 10, 0.02  # marker cells along x and y, and their side [m]
CELLS = CENTRE + CELL * np.stack(
    np.meshgrid(np.arange(COLUMNS) - (COLUMNS - 1) / 2.0, np.arange(ROWS) - (ROWS - 1) / 2.0, indexing="ij"), axis=-1
).reshape(-1, 2)  # middles of the marker cells [m]

STIFFNESS = 180.0  # of the eraser's spring [N/m]

# Two centimetres of pressing are worth about 3.2 N. The felt is squeezed, too, by about half a millimetre per
# newton. That is all that pressing costs under the prior's theta
ERASER = eraser(travel=0.03, stiffness=STIFFNESS, damping=6.0, friction=0.2)


def task_spec() -> MjSpec:
    """MJCF of the task: the eraser, a whiteboard on the table, and the force of the felt on it."""
    spec = model_spec(ERASER, load("board.xml"))
    add_force_sensor(spec, mjtObj.mjOBJ_GEOM, "felt", "board")
    return spec


SETUP = Setup(
    tool=ERASER,
    spec=task_spec,
    workspace=np.array([[CENTRE[0] - 0.12, -0.11, SURFACE - 0.025], [CENTRE[0] + 0.12, 0.11, SURFACE + 0.10]]),
)


@dataclass(frozen=True, eq=False)
class Measurements(Measured):
    """Measurements after a step. Lengths in m, world frame; "moved" is the displacement in the last step."""

    spring: Float[np.ndarray, "*n"]  # how far it is compressed
    distance: Float[np.ndarray, "*n"]  # of the undeformed felt's face from the board, on either side of it
    force: Float[np.ndarray, "*n"]  # normal force of the felt on the board, mean over the step [N]
    erased: Bool[np.ndarray, "*n cells"]  # mask of erased marker cells
    erased_fraction: Float[np.ndarray, "*n"]


def begin(rng: np.random.Generator) -> Start:
    """Random start: the eraser 0.5 to 1.5 cm above a random place of the fixed board."""
    tip = rng.uniform([CENTRE[0] - 0.08, -0.08, SURFACE + 0.005], [CENTRE[0] + 0.08, 0.08, SURFACE + 0.015])
    return Start(tip, np.zeros(1), np.zeros(0))


def measure(physics: Physics, before: Measurements | None) -> Measurements:
    """Measurements: positions, force, and erased cells.

    A cell is erased when the felt covers its middle with enough force (docs/deviations.md#erased-cells).
    """
    tip, spring, force = physics.tool, physics.joints[:, 0], np.abs(physics.force[:, 2])
    under = (np.abs(CELLS - tip[:, None, :2]) < PAD).all(axis=2)
    erased = under & (force > ENOUGH)[:, None]
    if before is not None:
        erased |= before.erased
    return Measurements(
        **motion(tip, before),
        spring=spring,
        distance=np.abs(tip[:, 2] + spring - SURFACE),
        force=force,
        erased=erased,
        erased_fraction=erased.mean(axis=1),
    )


def features(m: Measurements) -> Float[np.ndarray, "n 4"]:
    """Features of App. A.1.3."""
    return np.stack(
        [
            ramp(np.linalg.norm(m.tip_moved[:, :2], axis=1), 0.0, 0.006),
            ramp(m.distance, 0.0, 0.04),
            control_effort(m.tip_moved, m.tip_moved_before),
            ramp(m.force, 0.0, 4.0),
        ],
        axis=1,
    )


def observe(m: Measurements) -> Float32[np.ndarray, "n 10"]:
    """Observation: tip relative to the middle of the board, its last two displacements, and the force of the spring.

    All of it follows from joint encoders, the spring's force from how far it is compressed
    (docs/deviations.md#observed-by-the-rig). Feature, rule and marker take the contact force, which the spring's equals
    at rest.
    """
    return observation(
        (m.tip - [*CENTRE, SURFACE]) / [0.1, 0.1, 0.02],
        m.tip_moved / 0.01,
        m.tip_moved_before / 0.01,
        STIFFNESS * m.spring[:, None] / 2.0,
    )


def success(m: Measurements) -> Float[np.ndarray, " n"]:
    """Success: the erased fraction of the marker."""
    return m.erased_fraction


def markings(m: Measurements) -> Scene:
    """Markings of the marker that is left."""
    places = np.column_stack([CELLS, np.full(len(CELLS), SURFACE)])
    colours = np.where(m.erased[:, None], [0.2, 0.3, 0.8, 0.0], [0.2, 0.3, 0.8, 1.0])
    return marking("box", np.array([0.4 * CELL, 0.4 * CELL, 0.0005]), places, colours)


def _presses_lightly(m: Measurements) -> bool:
    return bool(m.force < ENOUGH)


RULE = Rule(engage=(Trigger(_presses_lightly, consecutive=5),), disengage=(), min_hold=5, max_hold=5)

TASK = ArmTask(
    name="erasing",
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
    grip=no_grip,
    settled=never,
    success=success,
    markings=markings,
)
