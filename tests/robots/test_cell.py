"""The cell: an episode through RMI and rendered pictures, its file, and its name."""

from collections import deque
from contextlib import suppress
from io import StringIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from arm_scripts import push
from mereq.commands.jog import jog
from mereq.core.errors import NeedsPerson, NotNamed, RobotLost, UnknownName, WrongRobot
from mereq.core.robot import Robot
from mereq.presets.registry import definition_of
from mereq.robots import cell as cell_module
from mereq.robots.cell_file import CalibrationEntry, read_cell, write_calibration
from mereq.robots.emulator.cell import EmulatedCell, toml_of
from mereq.robots.emulator.in_process import InProcess
from mereq.robots.known import is_known, recorded
from mereq.robots.sight.detect import apriltag_detector
from mereq.robots.sight.sheets import DPI, FACES, sheets, write_sheets
from mereq.runs.robots import check_robot, find_driver, name_robot
from mereq.tasks.arm.bottle_pushing import CENTRE, RADIUS
from mereq.tasks.arm.tasks import ARM_TASKS


@pytest.fixture(scope="module")
def lab():
    lab = InProcess(ARM_TASKS["bottle-pushing"], size=(640, 480), rate=8.0)
    yield lab
    lab.close()


@pytest.fixture
def file(lab, tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text(toml_of(lab.emulated, port=1, camera_port=2))
    return path


def stay(robot, steps):
    for _ in range(steps):
        robot.step(np.zeros(3))


def test_an_episode(lab, monkeypatch):
    """Observations agree with the emulated truth; a hidden bottle is held, then ends it, and so does one that falls."""
    monkeypatch.setattr(cell_module, "RESET_SPEED", 0.4)
    robot, act = lab.robot, push(0.02)
    assert isinstance(robot, Robot)
    with robot:
        obs, _ = robot.reset(seed=0)
        assert obs.shape == (14,)
        for _ in range(12):
            _, _, _, _, info = robot.step(act(robot._measured)[0])
            plant = lab.emulated.plant
            np.testing.assert_allclose(info["measurements"].bottle, plant.objects[:3], atol=0.006)
            np.testing.assert_allclose(info["measurements"].tip, plant.tool, atol=1e-4)
            assert ((info["features"] >= 0.0) & (info["features"] <= 1.0)).all()
        assert robot.render().shape == (480, 640, 3)
        lab.emulated.stage.faults.hidden = {0, 1, 2, 3, 4}
        try:
            for _ in range(4):
                robot.step(np.zeros(3))
            held = robot.caption
            lab.clock.sleep(0.3)
            _, _, _, over, _ = robot.step(np.zeros(3))
            assert over
            assert lab.emulated.controller.motion.queue == deque()
            lab.emulated.stage.faults.hidden = set()
            lean, bottle = np.radians(22.0), lab.emulated.plant.data.qpos[6:13]
            bottle[2] = CENTRE * np.cos(lean) + RADIUS * np.sin(lean)
            bottle[3:] = [np.cos(lean / 2.0), np.sin(lean / 2.0), 0.0, 0.0]
            for _ in range(10):
                _, _, _, over, info = robot.step(np.zeros(3))
                if over:
                    break
                lab.emulated.stage.faults.hidden = {0, 1, 2, 3, 4}  # it was seen tipping, and is not seen lying
            assert info["measurements"].toppled
        finally:
            lab.emulated.stage.faults.hidden = set()
        assert held.startswith("bottle hidden")
        lab.emulated.happen("unplug")
        try:
            with pytest.raises(RobotLost, match=r"no new picture for 0\.[56] s"):
                stay(robot, 8)
        finally:
            lab.emulated.happen("plug")
        robot.stop()
        at = lab.emulated.plant.tool
        lab.emulated.advance(0.5)
        np.testing.assert_allclose(lab.emulated.plant.tool, at, atol=1e-3)


def test_the_file_and_its_calibration(file, tmp_path):
    cell = read_cell(file)
    entry = CalibrationEntry(
        camera=cell.calibrated.camera, table=cell.calibrated.table, utool=[0, 0, 321, 0, 0, 0], residual_mm=0.3
    )
    write_calibration(file, entry)
    assert read_cell(file).calibrated.utool[2] == 321
    assert read_cell(file).arm == cell.arm
    assert write_sheets(cell.tags, tmp_path / "tags.pdf") == len(sheets(cell.tags))
    assert (tmp_path / "tags.pdf").read_bytes().startswith(b"%PDF")


def test_every_tag_is_on_the_sheets_in_its_size(file):
    tags, found = read_cell(file).tags, {}
    for page in sheets(tags):
        found |= apriltag_detector()(np.asarray(page.reduce(4)))
    for face in (*tags.cubes["bottle"].faces, tags.goal_face):
        width = np.linalg.norm(found[face.tag][1] - found[face.tag][0])
        assert width * 4 / DPI * 0.0254 == pytest.approx(face.side, abs=2e-4)
    assert set(tags.table.ids) < set(found)


def test_faces_are_glued_as_the_sheets_say(file):
    """x is away from the robot, y to the left."""
    sides = {"away from the robot": (1, 0, 0), "left": (0, 1, 0), "towards the robot": (-1, 0, 0), "right": (0, -1, 0)}
    for face, words in zip(read_cell(file).tags.cubes["bottle"].faces, FACES, strict=True):
        _, where, how = words.split(", ")
        np.testing.assert_allclose(face.outwards, sides.get(where, (0, 0, 1)), atol=1e-12)
        np.testing.assert_allclose(face.up, (0, 0, 1) if how == "upright" else sides["left"], atol=1e-12)


def test_tags_may_be_on_a_bracket(file):
    tags = read_cell(file).tags
    assert np.mean([face.middle[0] for face in tags.bottle.faces[:4]]) == pytest.approx(tags.bottle.ahead)
    file.write_text(file.read_text().replace("ahead = 0.046", "ahead = -0.046"))
    with pytest.raises(WrongRobot, match="ahead"):
        read_cell(file)
    file.write_text(file.read_text().replace(", ahead = -0.046", ""))
    assert np.mean([face.middle[0] for face in read_cell(file).tags.bottle.faces[:4]]) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ('wire = "rmi"', 'wire = "telnet"', "speaks 'rmi', 'stream', 'rosbridge'"),
        ("override = 100", "override = 0", "1 to 100"),
        ("override = 100", "overide = 100", "unknown overide"),
        ('termination = "cnt"', 'termination = "x"', "termination"),
        ("id = 10", "id = 3", "named twice"),
        ("residual_mm = 0.0", "", "residual_mm is missing"),
        ("[arm]", "[arm", "not TOML"),
    ],
)
def test_wrong_files_are_refused(file, before, after, match):
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    with pytest.raises(WrongRobot, match=match):
        read_cell(file)


VALUES = st.integers() | st.floats() | st.text(max_size=4) | st.booleans() | st.lists(st.floats(), max_size=4)


@given(line=st.integers(0, 40), value=VALUES)
def test_a_changed_file_is_read_or_refused(lab, tmp_path_factory, line, value):
    lines = toml_of(lab.emulated, port=1, camera_port=2).splitlines()
    changed = lines[line % len(lines)]
    written = repr(value).replace("True", "true").replace("False", "false")
    lines[line % len(lines)] = f"{changed.partition('=')[0]}= {written}"
    path = tmp_path_factory.mktemp("fuzz") / "lab.toml"
    path.write_text("\n".join(lines), "utf-8")
    with suppress(WrongRobot):
        read_cell(path)


def test_jog_needs_a_terminal(file, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO())
    with pytest.raises(NeedsPerson):
        jog(read_cell(file), Console(file=StringIO()))


def test_names(file):
    assert is_known("fanuc")
    assert is_known(f"fanuc:{file}")
    assert not is_known("fanuc:Driver")
    assert recorded(f"fanuc:{file}") == "fanuc:lab.toml"
    with pytest.raises(UnknownName):
        check_robot("fanuk:lab.toml")
    with pytest.raises(NotNamed):
        find_driver("fanuc:other.toml", definition_of("bottle-pushing"))
    name_robot(f"fanuc:{file}")
    assert callable(find_driver(f"fanuc:{file}", definition_of("bottle-pushing-human")))
    with pytest.raises(WrongRobot, match="lacks spring, which erasing needs"):
        find_driver(f"fanuc:{file}", definition_of("erasing"))
    with pytest.raises(WrongRobot, match="not highway"):
        find_driver(f"fanuc:{file}", definition_of("highway"))


@pytest.mark.parametrize("task", ["pillow-grasping", "erasing"])
def test_files_of_the_other_tools(task, tmp_path):
    """Gripper and spring are in it, and mistakes in them are refused."""
    path, cell = tmp_path / "lab.toml", EmulatedCell(ARM_TASKS[task])
    path.write_text(toml_of(cell, port=1, camera_port=2))
    name_robot(f"fanuc:{path}")
    find_driver(f"fanuc:{path}", definition_of(f"{task}-human"))()
    assert write_sheets(read_cell(path).tags, tmp_path / "tags.pdf") >= 1
    before, after, match = {
        "pillow-grasping": ("close = 101", "close = 0", "numbers of DO"),
        "erasing": ("travel = 0.03", "travel = 3.0", "travel"),
    }[task]
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(WrongRobot, match=match):
        read_cell(path)
