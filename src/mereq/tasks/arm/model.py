"""MuJoCo models of the arm, its three tools and the table, joined from the MJCF files in assets/.

The chain, the limits and the total mass (27 kg) are the LR Mate 200iD/7L's. How mass is spread over the links, rotor
inertias, torque limits and servo gains are not public: those here are plausible guesses. Gravity is compensated in the
arm (as robot controllers do), never in objects. Links and table edge are visual only; tools touch objects, objects
touch each other and the table's plane.
"""

# MuJoCo's classes are compiled, and pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files

from mujoco import MjSpec, mjtConDataField, mjtObj, mjtSensor

TIMESTEP = 0.005  # of the physics [s]
SUBSTEPS = 20  # of the physics per control step: the control period is 0.1 s

ARMATURE = (0.8, 0.8, 0.5, 0.08, 0.08, 0.04)  # rotor inertia behind the gears [kg m^2]
STIFFNESS = (20000.0, 20000.0, 12000.0, 1500.0, 1500.0, 600.0)  # of the position servos [Nm/rad]
DAMPING = (600.0, 600.0, 300.0, 28.0, 28.0, 12.0)  # of the position servos [Nms/rad]
TORQUE = (100.0, 100.0, 60.0, 12.0, 12.0, 8.0)  # limit of the servos, against collisions [Nm]

FINGER_LENGTH, ERASER_LENGTH, GRIPPER_LENGTH = 0.32, 0.16, 0.17  # from the flange to the tool centre [m]

PREFIX = "part/"  # of the names of a joined part, until `_drop_prefixes`
NET_FORCE = 3  # reduction of a contact sensor to the net force of all its contacts


@dataclass(frozen=True)
class Tool:
    """Tool of the arm, in the flange's frame (x points out of the flange, to the table)."""

    length: float  # from the flange to the tool centre [m]
    spec: Callable[[], MjSpec]  # new MJCF of the tool: one body "tool_mount", and actuators


def load(asset: str) -> MjSpec:
    """MJCF of one file in assets/, as a copy of its own."""
    return _parsed(asset).copy()


@cache
def _parsed(asset: str) -> MjSpec:
    return MjSpec.from_string(files("mereq.tasks.arm").joinpath("assets", asset).read_text(encoding="utf-8"))


def _finger_pair(length: float) -> MjSpec:
    spec = load("finger_pair.xml")
    spec.body("tool").pos = (length, 0.0, 0.0)
    return spec


def _eraser(length: float, travel: float, stiffness: float, damping: float, friction: float) -> MjSpec:
    spec = load("eraser.xml")
    spec.body("tool").pos = (length, 0.0, 0.0)
    spring = spec.joint("spring")
    spring.range, spring.stiffness[0], spring.damping[0] = (0.0, travel), stiffness, damping
    spec.geom("felt").friction[0] = friction
    return spec


def _gripper(opening: float, force: float) -> MjSpec:
    spec = load("gripper.xml")
    half = opening / 2.0 + 0.005
    _, rail = spec.body("tool_mount").geoms
    rail.size[1] = half + 0.01
    for name, sign in (("left", 1.0), ("right", -1.0)):
        spec.body(name).pos[1] = sign * half
        spec.joint(name).range = (0.0, half)
        spec.actuator(name).forcerange = (-force, force)
    return spec


FINGER_PAIR = Tool(FINGER_LENGTH, partial(_finger_pair, FINGER_LENGTH))  # holds a bottle between them. App. A.2.2


def eraser(travel: float, stiffness: float, damping: float, friction: float) -> Tool:
    """Felt eraser that slides in its holder by up to `travel` [m] against a spring [N/m] and a damper [Ns/m].

    The tool centre is the felt's face with the spring at rest. The spring also carries the pad's own weight.
    """
    return Tool(ERASER_LENGTH, partial(_eraser, ERASER_LENGTH, travel, stiffness, damping, friction))


def gripper(opening: float, force: float) -> Tool:
    """Gripper of two parallel fingers, `opening` [m] apart when open, that close with `force` [N] each.

    Control: displacement of each finger inwards [m], the same for both.
    """
    return Tool(GRIPPER_LENGTH, partial(_gripper, opening, force))


def model_spec(tool: Tool, objects: MjSpec) -> MjSpec:
    """MJCF of the arm with `tool`, and of a table whose top is z = 0 with `objects`."""
    spec, arm = load("world.xml"), _arm()
    spec.option.timestep = TIMESTEP
    arm.frame("flange").attach_body(tool.spec().body("tool_mount"), prefix=PREFIX)
    for part in (arm, objects):
        spec.attach(part, prefix=PREFIX, frame=spec.worldbody.add_frame())
    _drop_prefixes(spec)
    return spec


def add_force_sensor(spec: MjSpec, kind: mjtObj, first: str, second: str) -> None:
    """Add a sensor of the contact force between two bodies, two subtrees of bodies (XBODY) or two geoms [N]."""
    spec.add_sensor(
        name="force",
        type=mjtSensor.mjSENS_CONTACT,
        objtype=kind,
        objname=first,
        reftype=kind,
        refname=second,
        intprm=[1 << mjtConDataField.mjCONDATA_FORCE.value, NET_FORCE, 1],
    )


def _arm() -> MjSpec:
    spec = load("arm.xml")
    for joint, servo, *gains in zip(spec.joints, spec.actuators, ARMATURE, STIFFNESS, DAMPING, TORQUE, strict=True):
        joint.armature, stiffness, damping, torque = gains
        servo.gainprm[0], servo.biasprm[1:3] = stiffness, (-stiffness, -damping)
        servo.forcerange = (-torque, torque)
    return spec


def _drop_prefixes(spec: MjSpec) -> None:
    """Remove prefixes from all names and references, because MuJoCo warns when it joins parts without a prefix."""
    for element in (*spec.bodies, *spec.joints, *spec.geoms, *spec.actuators):
        element.name = element.name.rpartition("/")[2]
    for actuator in spec.actuators:
        actuator.target = actuator.target.rpartition("/")[2]
