"""Sight: tags, poses, the filter, the calibration; rendered pictures with noise."""

import mujoco
import numpy as np
import pytest

from mereq.commands.robot import DIM
from mereq.core.errors import RobotLost, WrongRobot
from mereq.robots.calibration import calibrated
from mereq.robots.cell import refuse_moved
from mereq.robots.emulator.cell import EmulatedCell, table_corners
from mereq.robots.emulator.in_process import emulated_tracker
from mereq.robots.emulator.stage import CUBE, CUBE_AHEAD, CUBE_HEIGHT, CUBE_TAGS, EXPOSURE, FLAT_SIDE
from mereq.robots.sight import pose as pose_module
from mereq.robots.sight.detect import apriltag_detector, contrast, grey_of
from mereq.robots.sight.pose import (
    Intrinsics,
    Pose,
    free_pose,
    leaning_pose,
    quaternion_of,
    rotation_of,
    starts_of_square,
    turn_about_z,
)
from mereq.robots.sight.tags import CODES, cube_of_tags, tag_picture
from mereq.robots.sight.tracker import PositionFilter, Sighting
from mereq.robots.workpieces import StartRegion
from mereq.tasks.arm import bottle_pushing, kinematics
from mereq.tasks.arm.tasks import ARM_TASKS

DETECT = apriltag_detector()
INTRINSICS = Intrinsics((600.0, 600.0), (320.0, 240.0), (640, 480))


@pytest.fixture(scope="module")
def cell():
    cell = EmulatedCell(ARM_TASKS["bottle-pushing"])
    yield cell
    cell.close()


@pytest.fixture
def tracker(cell):
    return emulated_tracker(cell, DETECT)


def test_pictures_of_tags_are_the_family():
    """The detector knows each tag, and its corners are ours."""
    for tag in range(len(CODES)):
        seen = DETECT(np.pad(tag_picture(tag, 16), 20, constant_values=255))
        assert list(seen) == [tag]
        np.testing.assert_allclose(seen[tag], [[36, 36], [164, 36], [164, 164], [36, 164]], atol=0.6)


def test_a_second_bottle_with_the_same_tags_names_nothing():
    one, other = (np.pad(tag_picture(tag, 16), 20, constant_values=255) for tag in (3, 4))
    assert set(DETECT(np.hstack([one, other]))) == {3, 4}
    assert set(DETECT(np.hstack([one, other, one]))) == {4}


def test_dim_light_is_told_before_tags_are_lost(cell):
    """`mereq robot check` measures black against white."""
    try:
        cell.stage.faults.exposure = (0.3, 0.3)
        grey = grey_of(cell.picture())
    finally:
        cell.stage.faults.exposure = EXPOSURE
    seen, usual = DETECT(grey), grey_of(cell.picture())
    assert len(seen) >= 5
    assert all(contrast(grey, corners) < 0.5 * contrast(usual, corners) for corners in seen.values())
    assert min(contrast(grey, corners) for corners in seen.values()) < DIM


def test_free_pose_is_exact_without_noise():
    """Also for a single square, of which two poses are almost equal."""
    rng = np.random.default_rng(0)
    faces = cube_of_tags(CUBE_TAGS, CUBE, CUBE_HEIGHT)
    for face in faces:
        pose = Pose(rotation_of(rng.normal(size=3)), np.array([0.05, -0.1, 0.8]))
        pixels = INTRINSICS.project(pose.of(face.corners))
        found = free_pose(face.corners, pixels, INTRINSICS, starts_of_square(face.corners, pixels, INTRINSICS))
        np.testing.assert_allclose(found.pose.position, pose.position, atol=1e-6)


@pytest.mark.parametrize("lean", [0.02, 0.15, 0.6, 1.3])
def test_leaning_pose_is_exact_without_noise(lean, monkeypatch):
    """The lowest point of the foot's edge is on the table. Four iterations do, with the right derivative."""
    monkeypatch.setattr(pose_module, "ITERATIONS", 4)
    camera = Pose(rotation_of(np.array([2.2, 0.0, 0.0])), np.array([0.05, 0.85, 0.75]))
    height, radius, rng = 0.1, 0.03, np.random.default_rng(4)
    points = np.concatenate([face.corners for face in cube_of_tags(CUBE_TAGS, CUBE, CUBE_HEIGHT, CUBE_AHEAD)])
    for _ in range(3):
        around, yaw = rng.uniform(-np.pi, np.pi, 2)
        rotation = rotation_of(lean * np.array([np.cos(around), np.sin(around), 0.0])) @ turn_about_z(yaw)
        lowest = -height * rotation[2, 2] - radius * np.hypot(*rotation[2, :2])
        pose = Pose(rotation, np.array([0.05, -0.02, -lowest]))
        pixels = INTRINSICS.project(camera.inverse().of(pose.of(points)))
        start = Pose(rotation_of(rng.normal(0.0, 0.15, 3)) @ rotation, pose.position + np.array([0.03, -0.02, 0.0]))
        found = leaning_pose(points, pixels, INTRINSICS, camera, height, radius, [start])
        np.testing.assert_allclose(found.pose.position, pose.position, atol=1e-10)
        np.testing.assert_allclose(found.pose.rotation, rotation, atol=1e-9)


def test_distortion_is_undone():
    bent = Intrinsics((600.0, 600.0), (320.0, 240.0), (640, 480), (0.08, -0.1, 0.001, -0.002, 0.0))
    x, y = 0.3, -0.2
    r2 = x * x + y * y
    radial = 1.0 + 0.08 * r2 - 0.1 * r2**2
    u = x * radial + 2 * 0.001 * x * y - 0.002 * (r2 + 2 * x * x)
    v = y * radial + 0.001 * (r2 + 2 * y * y) - 2 * 0.002 * x * y
    found = bent.undistorted(np.array([[600 * u + 320, 600 * v + 240]]))
    np.testing.assert_allclose(found, [[600 * x + 320, 600 * y + 240]], atol=1e-3)


def test_quaternions():
    for vector in np.random.default_rng(0).normal(size=(20, 3)) * 2.0:
        rotation = rotation_of(vector)
        matrix = np.empty(9)
        mujoco.mju_quat2Mat(matrix, quaternion_of(rotation))
        np.testing.assert_allclose(matrix.reshape(3, 3), rotation, atol=1e-9)


def test_accuracy_on_rendered_pictures(cell, tracker):
    """Standing bottle: median below 0.5 mm, the worst below 2 mm."""
    errors, rng = [], np.random.default_rng(1)
    for k in range(12):
        start = bottle_pushing.explore(rng)
        yaw = rng.uniform(-0.7, 0.7)  # the tags are on the side away from the robot
        start.joints[3:7] = [np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
        cell.plant.place(start)
        fresh = emulated_tracker(cell, DETECT)
        fresh.see(cell.picture(), float(k))
        found = fresh.sighting(float(k))
        assert found is not None
        assert found.stands
        errors.append(1000.0 * np.linalg.norm(found.position - start.joints[:3]))
    assert np.median(errors) < 0.5
    assert max(errors) < 2.0


@pytest.mark.parametrize("lean", [2.0, 8.0, 25.0])
def test_a_leaning_bottle_is_where_it_is(cell, lean):
    """A pushed bottle rocks. Taken for standing, it would seem to be 3 mm off for each degree."""
    rng = np.random.default_rng(3)
    for _ in range(2):
        start, around = bottle_pushing.explore(rng), rng.uniform(-np.pi, np.pi)
        rotation = rotation_of(np.radians(lean) * np.array([np.cos(around), np.sin(around), 0.0]))
        up, aside = rotation[2, 2], np.hypot(*rotation[:2, 2])
        start.joints[2] = bottle_pushing.CENTRE * up + bottle_pushing.RADIUS * aside
        start.joints[3:7] = quaternion_of(rotation)
        cell.plant.place(start)
        fresh = emulated_tracker(cell, DETECT)
        fresh.see(cell.picture(), 0.0)
        found = fresh.sighting(0.0)
        assert np.linalg.norm(found.position - start.joints[:3]) < 0.003
        assert found.rotation[2, 2] == pytest.approx(up, abs=0.015)


def test_the_tool_is_clear_of_the_tags(cell):
    """On the neck they would be inside the tool's holder, which no contact of the model shows."""
    start = bottle_pushing.begin(np.random.default_rng(0))
    touching = np.array([start.joints[0] - 0.0427, start.joints[1], bottle_pushing.SETUP.workspace[0, 2]])
    cell.plant.place(start)
    model, data = cell.plant.model, cell.snapshot()
    data.qpos[:6] = kinematics.pose(touching, bottle_pushing.SETUP.tool.length)
    mujoco.mj_kinematics(model, data)
    tags = [k for k in range(model.ngeom) if model.geom(k).name in {f"tag{tag}" for tag in CUBE_TAGS}]
    arm = [k for k in range(model.ngeom) if 0 < model.geom_bodyid[k] < model.body("bottle").id]
    assert min(mujoco.mj_geomDistance(model, data, a, b, 0.1, None) for a in arm for b in tags) > 0.005


def test_a_lying_bottle_is_seen_as_lying(cell, tracker):
    start = bottle_pushing.begin(np.random.default_rng(0))
    start.joints[2:7] = [bottle_pushing.RADIUS, np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0]
    cell.plant.place(start)
    tracker.see(cell.picture(), 0.0)
    found = tracker.sighting(0.0)
    assert not found.stands
    assert found.rotation[2, 2] < bottle_pushing.UPRIGHT


def test_calibration_recovers_the_camera(cell, tracker):
    """Corners touched within 0.3 mm: the camera within 3 mm. Mistakes are refused."""
    rng = np.random.default_rng(0)
    touched = {tag: corners + rng.normal(0.0, 3e-4, (4, 3)) for tag, corners in table_corners().items()}
    cell.put_bottle()
    tracker.see(cell.picture(), 0.0)
    _, seen = tracker.seen()
    found = calibrated(touched, FLAT_SIDE, [seen] * 3, cell.stage.intrinsics)
    assert np.linalg.norm(found.camera.position - cell.stage.camera.position) < 0.003
    with pytest.raises(WrongRobot, match="no square"):
        calibrated(touched | {20: touched[20][[1, 0, 2, 3]]}, FLAT_SIDE, [seen], cell.stage.intrinsics)
    swapped = touched | {20: touched[21], 21: touched[20]}
    with pytest.raises(WrongRobot, match="exchanged"):
        calibrated(swapped, FLAT_SIDE, [seen], cell.stage.intrinsics)
    with pytest.raises(WrongRobot, match="2 tags were touched"):
        calibrated({tag: touched[tag] for tag in (20, 21)}, FLAT_SIDE, [seen], cell.stage.intrinsics)


def test_a_moved_camera_is_refused(cell, tracker):
    tracker.see(cell.picture(), 0.0)
    refuse_moved(tracker.table_shift())
    cell.stage.faults.moved = np.array([0.0, 0.02, 0.0])
    try:
        tracker.see(cell.picture(), 0.1)
    finally:
        cell.stage.faults.moved = np.zeros(3)
    with pytest.raises(RobotLost, match="camera was moved"):
        refuse_moved(tracker.table_shift())
    with pytest.raises(RobotLost, match="21"):
        refuse_moved({20: 0.0, 21: 0.01})
    with pytest.raises(RobotLost, match="no tag"):
        refuse_moved({})


def test_the_filter_predicts_and_leaves_out_an_outlier():
    position = PositionFilter()
    for k in range(30):
        position.update(k / 30.0, np.array([0.1 * k / 30.0, 0.0, 0.0]))
    before = position.at(1.0)
    position.update(1.0, np.array([0.5, 0.0, 0.0]))
    np.testing.assert_array_equal(position.at(1.0), before)
    assert position.at(1.0)[0] == pytest.approx(0.1, abs=0.002)
    for k in range(3):
        position.update(1.1 + k / 30.0, np.array([0.5, 0.0, 0.0]))
    assert position.at(1.2)[0] == pytest.approx(0.5, abs=0.001)
    fast = PositionFilter()
    for k in range(30):
        fast.update(k / 30.0, np.array([0.3 * k / 30.0, 0.0, 0.0]))
    assert fast.at(29 / 30 + 0.1)[0] - 0.29 == pytest.approx(0.012, abs=0.003)  # no faster than the tool pushes


def test_what_a_person_must_do():
    region = StartRegion()

    def bottle(x, y, lean=0.0, age=0.0, yaw=0.0):
        return Sighting(np.array([x, y, 0.15]), rotation_of(np.array([lean, 0.0, 0.0])) @ turn_about_z(yaw), age)

    goal = np.array([0.70, 0.0])
    assert region.lacks(bottle(0.44, 0.0), goal) is None
    assert "does not see the bottle" in region.lacks(bottle(0.44, 0.0, age=1.0), goal)
    assert "upright" in region.lacks(bottle(0.44, 0.0, lean=0.5), goal)
    assert "-10 cm along x" in region.lacks(bottle(0.58, 0.0), goal)
    assert "goal's tag" in region.lacks(bottle(0.44, 0.0), None)
    assert "Turn the bottle" in StartRegion(turned=45.0).lacks(bottle(0.44, 0.0, yaw=1.0), goal)
    assert "20 to 34 cm" in region.lacks(bottle(0.44, 0.0), np.array([0.5, 0.0]))
