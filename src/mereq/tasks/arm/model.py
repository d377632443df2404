"""MuJoCo models of the arm, its three tools and the table, made of primitives along the published chain.

The chain, the limits and the total mass (27 kg) are the LR Mate 200iD/7L's. How mass is spread over the links, rotor
inertias, torque limits and servo gains are not public: those here are plausible guesses. Gravity is compensated in the
arm (as robot controllers do), never in objects. Links and table edge are visual only; tools touch objects, objects
touch each other and the table's plane.
"""

from dataclasses import dataclass

import numpy as np

from mereq.tasks.arm.kinematics import AXES, JOINT_LIMITS, ORIGINS

TIMESTEP = 0.005  # of the physics [s]
SUBSTEPS = 20  # of the physics per control step: the control period is 0.1 s

YELLOW, DARK, STEEL, RUBBER = "0.95 0.76 0.12 1", "0.25 0.26 0.29 1", "0.72 0.74 0.78 1", "0.16 0.17 0.20 1"
BLUE = "0.2 0.45 0.85 1"  # parts that touch objects

# Links in the frame of their joints: geoms whose masses make up the link's inertia.
LINKS = (
    f"""<geom type="cylinder" fromto="0 0 -0.13 0 0 0.03" size="0.085" mass="3" rgba="{YELLOW}"/>
        <geom type="cylinder" fromto="0.05 -0.09 0 0.05 0.09 0" size="0.075" mass="2" rgba="{YELLOW}"/>""",
    f"""<geom type="capsule" fromto="0 0.055 0 0 0.055 0.44" size="0.05" mass="4.5" rgba="{YELLOW}"/>
        <geom type="cylinder" fromto="0 0.0 0.44 0 0.11 0.44" size="0.06" mass="2" rgba="{YELLOW}"/>""",
    f"""<geom type="cylinder" fromto="0 -0.07 0 0 0.05 0" size="0.065" mass="2" rgba="{YELLOW}"/>
        <geom type="box" pos="0.02 0 0.035" size="0.075 0.05 0.05" mass="2" rgba="{YELLOW}"/>""",
    f"""<geom type="capsule" fromto="0.08 0 0 0.36 0 0" size="0.042" mass="2.2" rgba="{YELLOW}"/>
        <geom type="box" pos="0.39 0.043 0" size="0.055 0.012 0.035" mass="0.4" rgba="{YELLOW}"/>
        <geom type="box" pos="0.39 -0.043 0" size="0.055 0.012 0.035" mass="0.4" rgba="{YELLOW}"/>""",
    f"""<geom type="cylinder" fromto="0 -0.03 0 0 0.03 0" size="0.036" mass="0.7" rgba="{DARK}"/>
        <geom type="cylinder" fromto="0 0 0 0.06 0 0" size="0.03" mass="0.5" rgba="{DARK}"/>""",
    f"""<geom type="cylinder" fromto="-0.02 0 0 0 0 0" size="0.0315" mass="0.3" rgba="{STEEL}"/>""",
)
BASE = f"""<geom type="cylinder" fromto="0 0 0.02 0 0 0.20" size="0.095" mass="6" rgba="{DARK}"/>
    <geom type="box" pos="0 0 0.011" size="0.11 0.11 0.011" mass="1" rgba="{DARK}"/>"""

ARMATURE = (0.8, 0.8, 0.5, 0.08, 0.08, 0.04)  # rotor inertia behind the gears [kg m^2]
STIFFNESS = (20000.0, 20000.0, 12000.0, 1500.0, 1500.0, 600.0)  # of the position servos [Nm/rad]
DAMPING = (600.0, 600.0, 300.0, 28.0, 28.0, 12.0)  # of the position servos [Nms/rad]
TORQUE = (100.0, 100.0, 60.0, 12.0, 12.0, 8.0)  # limit of the servos, against collisions [Nm]


@dataclass(frozen=True)
class Tool:
    """Tool of the arm: bodies in the flange's frame (x points out of the flange, to the table)."""

    length: float  # from the flange to the tool centre [m]
    xml: str
    actuators: str = ""


FINGER_PAIR = Tool(  # two 3D-printed fingers that hold a bottle between them; only their round tips touch. App. A.2.2
    length=0.32,
    xml=f"""<geom type="box" pos="0.05 0 0" size="0.05 0.038 0.03" mass="0.6" rgba="{STEEL}"/>
    <geom type="capsule" fromto="0.10 0.025 0 0.315 0.025 0" size="0.006" mass="0.05" rgba="{DARK}"/>
    <geom type="capsule" fromto="0.10 -0.025 0 0.315 -0.025 0" size="0.006" mass="0.05" rgba="{DARK}"/>
    <body name="tool" pos="0.32 0 0" gravcomp="1">
      <geom class="touching" type="sphere" pos="0 0.025 0" size="0.012" mass="0.02" friction="0.3 0.001 0.0001"
        rgba="{BLUE}"/>
      <geom class="touching" type="sphere" pos="0 -0.025 0" size="0.012" mass="0.02" friction="0.3 0.001 0.0001"
        rgba="{BLUE}"/>
    </body>""",
)


def eraser(travel: float, stiffness: float, damping: float, friction: float) -> Tool:
    """Felt eraser that slides in its holder by up to `travel` [m] against a spring [N/m] and a damper [Ns/m].

    The tool centre is the felt's face with the spring at rest. The spring also carries the pad's own weight.
    """
    return Tool(
        length=0.16,
        xml=f"""<geom type="cylinder" fromto="0 0 0 0.09 0 0" size="0.022" mass="0.4" rgba="{STEEL}"/>
    <geom type="box" pos="0.095 0 0" size="0.006 0.05 0.022" mass="0.2" rgba="{DARK}"/>
    <body name="tool" pos="0.16 0 0" gravcomp="1">
      <joint name="spring" type="slide" axis="-1 0 0" range="0 {travel}"
        stiffness="{stiffness}" damping="{damping}"/>
      <geom type="capsule" fromto="-0.055 0.03 0 -0.025 0.03 0" size="0.005" mass="0.005" rgba="{STEEL}"/>
      <geom type="capsule" fromto="-0.055 -0.03 0 -0.025 -0.03 0" size="0.005" mass="0.005" rgba="{STEEL}"/>
      <geom type="box" pos="-0.02 0 0" size="0.01 0.05 0.025" mass="0.03" rgba="{BLUE}"/>
      <geom name="felt" class="touching" type="box" pos="-0.005 0 0" size="0.005 0.05 0.025" mass="0.02"
        solref="-300 -60" solimp="0.5 0.5 0.01" friction="{friction} 0.001 0.0001" rgba="{RUBBER}"/>
    </body>""",
    )


def gripper(opening: float, force: float) -> Tool:
    """Gripper of two parallel fingers, `opening` [m] apart when open, that close with `force` [N] each.

    Control: displacement of each finger inwards [m], the same for both.
    """
    half = opening / 2.0 + 0.005
    finger = """<body name="{name}" pos="0.09 {y} 0" gravcomp="1">
        <joint name="{name}" type="slide" axis="0 {inwards} 0" range="0 {half}" damping="5"/>
        <geom type="box" pos="0.02 0 0" size="0.03 0.006 0.012" mass="0.06" rgba="{steel}"/>
        <geom class="touching" type="box" pos="0.06 0 0" size="0.015 0.005 0.014" mass="0.03" condim="4" priority="1"
          solref="0.012 1" solimp="0.97 0.99 0.002" friction="1.2 0.01 0.0001" rgba="{blue}"/>
        <geom class="touching" type="capsule" fromto="0.075 0 -0.01 0.075 0 0.01" size="0.005" mass="0.005" priority="1"
          friction="0.1 0.001 0.0001" rgba="{blue}"/>
      </body>"""
    fingers = [
        finger.format(name=name, y=sign * half, inwards=-sign, half=half, steel=STEEL, blue=BLUE)
        for name, sign in (("left", 1.0), ("right", -1.0))
    ]
    actuator = '<position name="{}" joint="{}" kp="1500" kv="40" forcerange="-{} {}"/>'
    return Tool(
        length=0.17,
        xml=f"""<geom type="box" pos="0.04 0 0" size="0.04 0.055 0.03" mass="0.7" rgba="{STEEL}"/>
    <geom type="box" pos="0.085 0 0" size="0.006 {half + 0.01} 0.014" mass="0.1" rgba="{DARK}"/>
    {fingers[0]}{fingers[1]}""",
        actuators="\n".join(actuator.format(name, name, force, force) for name in ("left", "right")),
    )


def model_xml(tool: Tool, objects: str = "", sensors: str = "") -> str:
    """MJCF of the arm with `tool`, a table whose top is z = 0, `objects` in the world and `sensors`."""
    arm = f'<body name="tool_mount" gravcomp="1">{tool.xml}</body>'
    for j in reversed(range(6)):
        low, high = JOINT_LIMITS[j].tolist()
        arm = f"""<body name="link{j + 1}" pos="{_text(ORIGINS[j])}" gravcomp="1">
          <joint name="J{j + 1}" axis="{_text(AXES[j])}" range="{low!r} {high!r}"
            armature="{ARMATURE[j]}"/>
          {LINKS[j]}
          {arm}
        </body>"""
    servos = "\n".join(
        f'<position joint="J{j + 1}" kp="{STIFFNESS[j]}" kv="{DAMPING[j]}" forcerange="-{TORQUE[j]} {TORQUE[j]}"/>'
        for j in range(6)
    )
    return f"""<mujoco model="mereq arm">
  <compiler angle="radian"/>
  <option timestep="{TIMESTEP}" integrator="implicitfast" cone="elliptic" impratio="10"/>
  <size memory="2M"/>
  <default>
    <geom contype="0" conaffinity="0"/>
    <default class="touching"><geom contype="1" conaffinity="1"/></default>
    <default class="object"><geom contype="1" conaffinity="3"/></default>
    <default class="ground"><geom contype="2" conaffinity="0"/></default>
  </default>
  <worldbody>
    <light pos="0.4 -0.6 1.8" dir="0 0.3 -1" diffuse="0.8 0.8 0.8"/>
    <geom name="table" class="ground" type="plane" size="0.9 0.7 0.05" friction="0.1 0.001 0.0001"
      rgba="0.80 0.71 0.58 0"/>
    <geom name="table_top" type="box" pos="0.35 0 -0.02" size="0.60 0.50 0.02" rgba="0.80 0.71 0.58 1"/>
    <body name="base">{BASE}{arm}</body>
    {objects}
  </worldbody>
  <actuator>{servos}{tool.actuators}</actuator>
  <sensor>{sensors}</sensor>
</mujoco>"""


def _text(vector: np.ndarray) -> str:
    return " ".join(repr(float(x)) for x in vector)
