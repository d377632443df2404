"""The arm's models: checksums of the compiled models, and agreement of assets and constants."""

import hashlib
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from mereq.presets.perturbed import ARM_FRICTION, ARM_MASS
from mereq.tasks.arm import bottle_pushing, erasing, kinematics, pillow_grasping
from mereq.tasks.arm.model import ARMATURE, DAMPING, STIFFNESS, TORQUE, load
from mereq.tasks.arm.world import ArmWorld

MODULES = (bottle_pushing, erasing, pillow_grasping)

CHECKSUMS = {
    "bottle-pushing": "f3933800c2ce63a921a8a6c92284921f578da16ebd31ba4f41bf5ebcfb145f51",
    "bottle-pushing, perturbed": "47c9de430847addb4cf7a7d7e8fb670f263937fd257f472c43fe74bb1d99a243",
    "erasing": "1b55833e923921cff7ac37c3786f8143663f3e4059d16efa6dd971936a2be351",
    "erasing, perturbed": "c1f33845991f228b29c7b703abce728218bda4156edef58342a7d9fa6cd526a9",
    "pillow-grasping": "df4e072ed51ba763ef44eb12e6270acb06712f129a344e1f572f76108c979b73",
    "pillow-grasping, perturbed": "dee3fb59bd2a48aec95f28b23037372bd53726a0ccae1f06b0619f974eec0db3",
}


def numbers(struct):
    """Names and values of all numeric fields. `signature` is no property of the physics."""
    for name in sorted(set(dir(struct)) - {"signature"}):
        value = getattr(struct, name)
        if not name.startswith("_") and isinstance(value, int | float | np.number | np.ndarray):
            yield name, np.asarray(value)


def text(values):
    """Ten digits of each number: the last bits of quaternions and inertias depend on the machine's libm."""
    if values.dtype.kind == "f":
        values = np.where(np.abs(values) < 1e-12, 0.0, values)
    return " ".join(f"{x:.10g}" for x in values.ravel().tolist())


def checksum(model):
    """SHA-256 of the names and of the numeric fields of a compiled model and of its options and statistics."""
    fields = [
        f"{name} {value.shape} {text(value)}" for s in (model, model.opt, model.stat) for name, value in numbers(s)
    ]
    return hashlib.sha256("\n".join([repr(model.names), *fields]).encode()).hexdigest()


def perturbed(setup):
    return replace(setup, friction=ARM_FRICTION, mass=ARM_MASS)


@pytest.mark.parametrize("module", MODULES)
def test_compiled_models_are_the_recorded_ones(module):
    """The shipped policies were trained in these models; another checksum means other physics."""
    assert checksum(ArmWorld(module.SETUP).model) == CHECKSUMS[module.TASK.name]
    assert checksum(ArmWorld(perturbed(module.SETUP)).model) == CHECKSUMS[f"{module.TASK.name}, perturbed"]


@pytest.mark.parametrize("change", [("geom_friction", 1e-6), ("body_mass", 1e-6), ("geom_rgba", 1e-3)])
def test_a_checksum_notices_a_small_change(change):
    field, amount = change
    model = ArmWorld(erasing.SETUP).model
    before = checksum(model)
    getattr(model, field)[-1] += amount
    assert checksum(model) != before


@pytest.mark.parametrize("module", MODULES)
def test_arm_has_the_chain_and_the_servos_of_the_constants(module):
    model = ArmWorld(module.SETUP).model
    links = [model.body(f"link{j}").id for j in range(1, 7)]
    np.testing.assert_array_equal(model.body_pos[links], kinematics.ORIGINS)
    np.testing.assert_array_equal(model.jnt_axis[:6], kinematics.AXES)
    np.testing.assert_array_equal(model.jnt_range[:6], kinematics.JOINT_LIMITS)
    np.testing.assert_array_equal(model.dof_armature[:6], ARMATURE)
    np.testing.assert_array_equal(model.actuator_gainprm[:6, 0], STIFFNESS)
    np.testing.assert_array_equal(
        model.actuator_biasprm[:6, :3].T, [np.zeros(6), -np.array(STIFFNESS), -np.array(DAMPING)]
    )
    np.testing.assert_array_equal(model.actuator_forcerange[:6].T, [-np.array(TORQUE), TORQUE])


def test_objects_have_the_sizes_of_the_constants():
    bottle, board, pillow = (ArmWorld(module.SETUP).model for module in MODULES)
    glass = bottle.body("bottle").geomadr[0]
    assert bottle.body("bottle").pos[2] == bottle_pushing.CENTRE
    assert bottle.geom_size[glass, 0] == bottle_pushing.RADIUS
    np.testing.assert_allclose(
        bottle.geom_pos[glass, 2] - bottle.geom_size[glass, 1], -bottle_pushing.CENTRE, atol=1e-12
    )
    plate = board.geom("board")
    np.testing.assert_array_equal([*plate.pos[:2], plate.pos[2] + plate.size[2]], [*erasing.CENTRE, erasing.SURFACE])
    np.testing.assert_array_equal(board.geom("felt").size[[2, 1]], erasing.PAD)
    assert pillow.body("pillow").pos[2] == pillow_grasping.HALF[2]


def test_parts_are_joined_without_prefixes_and_leave_the_assets_as_they_are():
    for module in MODULES:
        assert b"/" not in ArmWorld(module.SETUP).model.names
    first = load("arm.xml")
    first.body("link1").pos = (1.0, 2.0, 3.0)
    np.testing.assert_array_equal(load("arm.xml").body("link1").pos, kinematics.ORIGINS[0])


@pytest.mark.parametrize("module", MODULES)
def test_force_sensor_reads_the_net_force_of_tool_and_object(module):
    sensor = ArmWorld(module.SETUP).model.sensor("force")
    assert (sensor.type[0], sensor.dim[0]) == (mujoco.mjtSensor.mjSENS_CONTACT, 3)
