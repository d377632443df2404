"""An arm of ROS 2 over a WebSocket, against emulated rosbridge and MoveIt Servo; and a client that is not ours."""

import socket
from importlib import import_module

import numpy as np
import pytest

from mereq.core.errors import WrongRobot
from mereq.presets.registry import definition_of
from mereq.robots.arm import ArmFault
from mereq.robots.cell_file import ArmEntry, RosEntry, read_cell
from mereq.robots.emulator.cell import EmulatedCell
from mereq.robots.emulator.motion import ITP
from mereq.robots.emulator.server import EmulatorServer
from mereq.robots.emulator.servo import TIMEOUT, EmulatedServo
from mereq.robots.ros import arm as ros_arm
from mereq.robots.ros.arm import RosArm
from mereq.runs.robots import find_driver, name_robot
from mereq.tasks.arm.tasks import ARM_TASKS
from waiting import HANG, until

WORKSPACE = [[0.28, -0.25, 0.015], [0.78, 0.25, 0.25]]
NAMES = RosEntry()


@pytest.fixture(scope="module")
def server():
    cell = EmulatedCell(ARM_TASKS["bottle-pushing"], rate=0.1)
    cell.happen("unplug")  # no picture is rendered
    with (
        pytest.MonkeyPatch.context() as patched,
        EmulatorServer(cell, port=0, session_port=0, ros=NAMES) as server,
    ):
        patched.setattr(ros_arm, "SILENT", HANG)  # the machine may be busy
        patched.setattr(ros_arm, "ARRIVING", HANG)
        yield server


def arm_at(server, **names):
    return RosArm(ArmEntry("127.0.0.1", WORKSPACE, wire="rosbridge", port=server.port), RosEntry(**names))


def test_the_arm_moves_and_stands(server):
    """Velocities are repeated until a step is over; a stop, and a program that is gone, leave the arm standing."""
    servo = server.cell.servo
    with arm_at(server) as arm:
        began = arm.tool()
        target = began + np.array([0.01, 0.005, -0.01])
        arm.go([target], 0.1)
        np.testing.assert_allclose(arm.tool(), target, atol=0.002)
        until(lambda: arm.send(target + np.array([0.03, 0.0, 0.0]), 0.1) or arm.tool()[0] > target[0] + 0.02)
        arm.stand()
        until(lambda: not servo.moves)
        servo.status = 4
        until(lambda: arm._bridge.last(NAMES.status)["code"] == 4)
        with pytest.raises(ArmFault, match="halted the arm"):
            arm.tool()
        servo.status = 0
        until(lambda: arm._bridge.last(NAMES.status)["code"] == 0)
        arm.send(target + np.array([0.05, 0.0, 0.0]), HANG)
        until(lambda: servo.moves)
        arm._bridge._socket.socket.close()  # as when the program is killed
        until(lambda: not servo.moves)
        with pytest.raises(ArmFault, match="is lost"):
            arm.tool()


def test_servo_stops_by_itself():
    """After 0.1 s without a velocity, and not before it takes twists; other frames are not listened to."""
    servo = EmulatedServo(np.zeros(3), lambda: np.zeros(3), NAMES)

    def twist(frame):
        linear = {"x": 0.1, "y": 0.0, "z": 0.0}
        content = {"header": {"frame_id": frame}, "twist": {"linear": linear, "angular": {}}}
        return {"op": "publish", "topic": NAMES.twist, "msg": content}

    def passes(seconds):
        for _ in range(round(seconds / ITP)):
            at = servo.tick(ITP)
        return float(at[0])

    servo.hear(twist(NAMES.frame))
    assert passes(TIMEOUT) == 0.0
    asked = {"op": "call_service", "service": NAMES.command_type, "args": {"command_type": 1}, "id": "7"}
    assert servo.hear(asked) == {
        "op": "service_response", "service": NAMES.command_type, "values": {"success": True}, "result": True, "id": "7",
    }  # fmt: skip
    servo.hear(twist("base_link"))
    assert passes(TIMEOUT) == 0.0
    servo.hear(twist(NAMES.frame))
    moved = passes(1.0)
    assert 0.0 < moved < 0.02
    assert passes(1.0) == moved


def test_what_is_refused(server):
    with pytest.raises(ArmFault, match="must be in 'floor'"):
        arm_at(server, frame="floor").__enter__()
    with pytest.raises(ArmFault, match="/other failed"):
        arm_at(server, command_type="/other").__enter__()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        entry = ArmEntry("127.0.0.1", WORKSPACE, wire="rosbridge", port=closed.getsockname()[1])
    with pytest.raises(ArmFault, match="No rosbridge answers"):
        RosArm(entry, NAMES).__enter__()


def test_its_file(server, tmp_path):
    """The same as a FANUC cell's, with another wire; a gripper is at a FANUC's outputs only."""
    path = tmp_path / "lab.toml"
    path.write_text(server.toml)
    assert read_cell(path).arm.wire == "rosbridge"
    name_robot(f"ros:{path}")
    assert find_driver(f"ros:{path}", definition_of("bottle-pushing-human"))().hz == 10.0
    text = path.read_text().replace("bottle = {", "pillow = {")
    path.write_text(text.replace("[calibration]", "[gripper]\nclose = 1\n\n[calibration]", 1))
    with pytest.raises(WrongRobot, match="outputs of a controller with RMI"):
        find_driver(f"ros:{path}", definition_of("pillow-grasping"))


def test_roslibpy_moves_our_arm(server):
    """It subscribes, calls the service, and publishes as ROS programs in Python do."""
    theirs = import_module("roslibpy")  # which has no types
    client = theirs.Ros("127.0.0.1", server.port)
    client.run(HANG)
    try:
        poses = []
        theirs.Topic(client, NAMES.pose, "geometry_msgs/PoseStamped").subscribe(poses.append)
        until(lambda: poses)
        began = poses[-1]["pose"]["position"]["x"]
        service = theirs.Service(client, NAMES.command_type, "moveit_msgs/srv/ServoCommandType")
        assert service.call(theirs.ServiceRequest({"command_type": 1}), timeout=HANG)["success"] is True
        twists = theirs.Topic(client, NAMES.twist, "geometry_msgs/TwistStamped")
        linear = {"x": 0.1, "y": 0.0, "z": 0.0}
        header = {"stamp": {"sec": 0, "nanosec": 0}, "frame_id": NAMES.frame}
        twist = {"header": header, "twist": {"linear": linear, "angular": dict.fromkeys("xyz", 0.0)}}
        until(lambda: twists.publish(theirs.Message(twist)) or poses[-1]["pose"]["position"]["x"] > began + 0.02)
        until(lambda: not server.cell.servo.moves)
    finally:
        client.close()
        client.terminate()
