"""Stream Motion: the arm's law, refusals and losses in driven time; and airo-fanuc's driver and emulated controller.

The latter need real time. What is asserted there is what was commanded, and never when.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import moving_arm
from mereq.core.errors import RobotLost, WrongRobot
from mereq.presets.registry import definition_of
from mereq.robots.arm import ArmFault
from mereq.robots.cell_file import ArmEntry, read_cell
from mereq.robots.emulator.cell import VALVE, EmulatedCell
from mereq.robots.emulator.in_process import InProcess, TrueSight
from mereq.robots.emulator.motion import ITP, LAG
from mereq.robots.emulator.server import EmulatorServer
from mereq.robots.fanuc import stream_arm
from mereq.robots.fanuc.rmi_arm import wire_joints_of
from mereq.robots.fanuc.stream_arm import StreamArm, Targets
from mereq.runs.robots import find_driver, name_robot
from mereq.tasks.arm import kinematics
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.tasks import ARM_TASKS
from mereq.tasks.arm.world import PERIOD
from patient_stream import be_patient
from robots.episodes import outcomes
from waiting import HANG, until

TASK = ARM_TASKS["bottle-pushing"]
AHEAD = np.array([0.01, 0.0, 0.0])
LENGTH = TASK.setup.tool.length


@pytest.fixture
def lab():
    return InProcess(TASK, wire="stream", sight=TrueSight)


def steps(lab, n, way=AHEAD):
    """n steps; the target of the last one."""
    target = lab.arm.tool()
    for _ in range(n):
        target = target + way
        lab.arm.send(target, PERIOD)
        lab.clock.sleep(PERIOD)
    return target


def test_steps_are_the_simulators_law_in_five_targets(lab):
    with lab.arm as arm:
        joints, target = arm._fine().commanded, arm.tool()
        n = 8
        steps(lab, n)
        sent = np.array(lab.streams[0].targets)
        assert len(sent) == 5 * n
        for k in range(n):
            before, target = joints, target + AHEAD
            limit = kinematics.JOINT_SPEEDS * PERIOD
            joints = kinematics.follow(before[None], target[None], LENGTH, limit)[0]
            np.testing.assert_allclose(sent[5 * k + 4], joints, atol=1e-12)
            np.testing.assert_allclose(np.diff([before, *sent[5 * k : 5 * k + 5]], axis=0), [(joints - before) / 5] * 5)


def test_it_holds_after_the_fifth_and_brakes_when_told(lab):
    with lab.arm as arm:
        target = steps(lab, 4)
        lab.clock.sleep(1.0)
        at = arm.tool()
        np.testing.assert_allclose(at, target, atol=1e-3)
        lab.clock.sleep(1.0)
        np.testing.assert_allclose(arm.tool(), at, atol=1e-6)
        assert len(lab.streams[0].targets) == 20
        arm.send(target + AHEAD, PERIOD)
        lab.clock.sleep(0.04)
        arm.stand()
        n = len(lab.streams[0].targets)
        lab.clock.sleep(1.0)
        assert len(lab.streams[0].targets) == n < 25
        assert target[0] + 0.004 < arm.tool()[0] < target[0] + 0.013
        steps(lab, 1)
        arm.go([np.array([0.4, 0.05, 0.1])], 0.1)
        np.testing.assert_allclose(arm.tool(), [0.4, 0.05, 0.1], atol=stream_arm.NEAR)
        arm.go([np.array([0.401, 0.05, 0.1])], 0.02)
        np.testing.assert_allclose(arm._tool_of(arm._reference), [0.401, 0.05, 0.1], atol=stream_arm.COMMANDED)


def test_a_late_thread_makes_a_step_slower():
    targets = Targets(np.zeros(6))
    targets.lead_to(np.ones(6), 0.1, 0.0)
    given = [targets.next(now) for now in (0.0, 0.01, 0.05, 0.055, 0.07)]
    assert [None if each is None else round(each[0], 9) for each in given] == [0.2, None, 0.4, None, 0.6]
    targets.lead_to(np.full(6, 2.0), 0.1, 0.1)
    assert targets.next(0.1)[0] == pytest.approx(0.6 + 1.4 / 5)


def test_a_cut_cable_is_noticed_in_half_a_second(lab):
    with lab.arm as arm:
        steps(lab, 3)
        at, now = arm.tool(), lab.clock.now()
        lab.streams[0].cut = True
        with pytest.raises(RobotLost, match=r"reported nothing for 0\.3 s"):
            steps(lab, 5)
        assert lab.clock.now() - now <= 0.5
        lab.clock.sleep(1.0)
        assert lab.emulated.plant.tool[0] - at[0] <= 0.02


@pytest.mark.parametrize(("what", "alarm"), [("stop", "SRVO-002 Teach pendant E-stop"), ("pendant", "pendant is enab")])
def test_a_stop_at_the_controller_is_named(lab, what, alarm):
    with lab.arm:
        steps(lab, 3)
        lab.emulated.happen(what)
        at = lab.emulated.plant.tool
        with pytest.raises(ArmFault, match=alarm):
            steps(lab, 2)
        lab.clock.sleep(1.0)
        assert np.abs(lab.emulated.plant.tool - at).max() < 0.003
    lab.emulated.happen({"stop": "release", "pendant": "remote"}[what])
    with lab.arm as arm:
        arm.go([at], 0.1)


def counted_from_the_horizontal(lab, stream):
    state = stream.state
    stream.state = lambda: state()._replace(measured=wire_joints_of(state().measured))


def near_zero(lab, stream):
    joints = lab.emulated.plant.data.qpos[:6]
    joints[:] = kinematics.pose(np.array([0.4, 0.0, 0.1]), LENGTH)
    joints[1] = 0.0
    stream._report = joints.copy()


def turned(lab, stream):
    lab.emulated.plant.data.qpos[5] = stream._report[5] = 0.3


def other_tool(lab, stream):
    lab.emulated.controller.tool_frames[1][2] -= 20.0


def longer_tool(lab, stream):
    """Which was calibrated, but is not the one that the controller works with."""
    lab.emulated.controller.tool_frames[1][2] = lab.arm._utool[2] = 300.0


def other_frames(lab, stream):
    stream.ask({"Command": "FRC_SetUFrameUTool", "UFrameNumber": 2, "UToolNumber": 1}, 1.0)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (counted_from_the_horizontal, "counts the third joint from the horizontal"),
        (near_zero, "second joint is so near 0"),
        (turned, "turned by 17 degrees"),
        (other_tool, "differs by 20.0 from that of the calibration"),
        (longer_tool, "kinematics of the joints differ by 20.0 mm"),
        (other_frames, "UTOOL 1 and UFRAME 2, and must be 1 and 1"),
        (lambda lab, stream: stream.ask({"Command": "FRC_SetOverRide", "Value": 30}, 1.0), "override is 30 %"),
        (lambda lab, stream: lab.emulated.happen("pendant") or stream.tick(), "pendant is enabled"),
    ],
)
def test_what_is_refused_before_anything_moves(lab, wrong, match):
    lab.arm._utool = list(lab.arm._utool)
    connect = lab.arm._connect

    def connected(entry):
        made = connect(entry)
        wrong(lab, made)
        return made

    lab.arm._connect = connected
    with pytest.raises(ArmFault, match=match):
        lab.arm.__enter__()
    assert lab.streams[0].targets == []


def test_the_table_may_be_elsewhere(lab):
    """Positions are those of UFRAME, as over RMI."""
    lab.emulated.controller.user_frames[1] = [100.0, -50.0, -300.0, 0.0, 0.0, 0.0]
    with lab.arm as arm:
        np.testing.assert_allclose(arm.tool(), lab.emulated.plant.tool - [0.1, -0.05, 0.03], atol=1e-6)
        arm.go([arm.tool() + AHEAD], 0.1)
    turned = stream_arm.pose_of([0.0, 0.0, 0.0, 0.0, 0.0, 90.0])
    np.testing.assert_allclose(turned.rotation @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-12)


def test_a_supervised_episode_beside_the_simulators(lab):
    with lab.robot:
        (streamed,) = outcomes(TASK.name, lab.robot, 1, lab.emulated.expect)
    (simulated,) = outcomes(TASK.name, ArmEnv(TASK, ends=TASK.over), 1)
    assert streamed["success"] == simulated["success"] == 1.0
    np.testing.assert_allclose(streamed["features"], simulated["features"], atol=0.1)


# airo-fanuc's driver and emulated controller, in real time


@pytest.fixture
def server(monkeypatch):
    if sys.platform != "linux":
        pytest.skip("airo-fanuc is for Linux")
    cell = EmulatedCell(TASK, rate=0.1)
    cell.happen("unplug")  # no picture is rendered
    be_patient(monkeypatch.setattr)
    with EmulatorServer(cell, port=0, session_port=0, stream=True) as server:
        server.stream.forgives = HANG
        server.commands = []
        server.stream.note = server.commands.append
        yield server


def arm_at(server):
    ports = {"port": server.stream.rmi_port, "stream_port": server.stream.stream_port}
    entry = ArmEntry("127.0.0.1", TASK.setup.workspace.tolist(), wire="stream", override=100, **ports)
    return StreamArm(entry, server.cell.controller.tool_frames[1])


def broken(server):
    """Rules of the protocol that were broken, but for two commands at once: they are told from one that a busy machine
    has sent late by their arrival only."""
    return [violation for violation in server.stream.violations if "double-send" not in violation]


def tools(commands):
    return np.array([kinematics.forward(joints, LENGTH)[0] for joints in commands])


def test_our_wire_and_airo_fanucs_controller(server, monkeypatch):
    """The arm goes where it is told, keeps the protocol's rules, names a stop, and is lost when nothing is reported."""
    with arm_at(server) as arm:
        target = arm.tool() + np.array([0.03, 0.02, -0.02])
        arm.go([target], 0.1)
        np.testing.assert_allclose(server.cell.plant.tool, target, atol=2e-3)
        n = len(server.commands)
        arm.send(target + AHEAD, PERIOD)
        until(lambda: server.cell.plant.tool[0] > target[0] + 0.009)
        way = tools(server.commands[n:])
        np.testing.assert_allclose(way[:, 1:], np.broadcast_to(target[1:], way[:, 1:].shape), atol=1e-3)
        assert (np.diff(way[:, 0]) > -1e-4).all()
        arm.write_output(VALVE, True)
        assert server.cell.controller.outputs == {VALVE: True}
        assert arm.read_input(VALVE) is False
        with pytest.raises(ArmFault, match="RMIT-002"):
            arm._ask("FRC_ReadUToolData", ToolNumber=99)
        with server._lock, pytest.raises(ArmFault, match="did not answer FRC_ReadDIN within 0 s"):
            arm._connected.ask({"Command": "FRC_ReadDIN", "PortNumber": 1}, 0.0)
    for what, undone, match in (("stop", "release", "SRVO-002"), ("pendant", "remote", "pendant is enabled")):
        with arm_at(server) as arm:
            server.cell.happen(what)
            with pytest.raises(ArmFault, match=match):
                until(lambda arm=arm: arm.tool() is None)
        server.cell.happen(undone)
    with arm_at(server) as arm:
        arm.send(target, PERIOD)
        server.stream.cut(True)
        monkeypatch.setattr(stream_arm, "SILENT", 0.3)
        with pytest.raises(ArmFault, match="reported nothing"):
            until(lambda: arm.tool() is None)
    assert broken(server) == []


def test_kill_9_in_motion(server):
    """The arm executes what was on its way to it, 2 cm at most, and stands."""
    stream, plant = server.stream, server.cell.plant
    with arm_at(server) as arm:
        arm.go([np.array([0.32, 0.0, 0.1])], 0.1)
    ports = [str(stream.rmi_port), "cnt", str(stream.stream_port)]
    program = subprocess.Popen([sys.executable, str(Path(moving_arm.__file__)), *ports])
    try:
        until(lambda: plant.tool[0] > 0.38)
    finally:
        program.kill()
    program.wait()
    ended = server.cell.time
    until(lambda: stream.silent and server.cell.time > ended + 2.0 * LAG)
    way = tools(server.commands[-round(LAG / ITP) - 1 :])
    assert np.linalg.norm(way[-1] - way[0]) <= 0.02
    until(lambda: np.abs(plant.tool - way[-1]).max() < 1e-3)
    assert broken(server) == []


def test_its_file(server, tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text(server.toml)
    assert read_cell(path).arm.wire == "stream"
    name_robot(f"fanuc:{path}")
    assert isinstance(find_driver(f"fanuc:{path}", definition_of("bottle-pushing-human"))()._arm, StreamArm)


def test_without_airo_fanuc(monkeypatch):
    monkeypatch.setitem(sys.modules, "airo_fanuc", None)
    arm = StreamArm(ArmEntry("127.0.0.1", TASK.setup.workspace.tolist(), wire="stream"), None)
    with pytest.raises(WrongRobot, match=r"mereq\[fanuc\]"):
        arm.__enter__()
