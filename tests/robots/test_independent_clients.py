"""RMI between implementations: three clients that are not ours use our emulated controller, and our client theirs.

They are in the extra `fanuc-clients`, which `test` includes. Two of them are built for Linux on x86-64 only: elsewhere
their tests are skipped. One knows the standard port only, and is skipped where another program has that port.
"""

import numpy as np
import pytest

from mereq.robots.arm import ArmFault
from mereq.robots.clock import RealClock
from mereq.robots.emulator.cell import EmulatedCell
from mereq.robots.emulator.server import EmulatorServer
from mereq.robots.fanuc.rmi import RmiSession
from mereq.robots.fanuc.rmi_packets import PORT, command
from mereq.tasks.arm.tasks import ARM_TASKS


@pytest.fixture
def served():
    def serve(port=0):
        cell = EmulatedCell(ARM_TASKS["bottle-pushing"], rate=0.1)
        cell.happen("unplug")  # no picture is rendered
        return EmulatorServer(cell, port=port, session_port=0)

    return serve


def test_fanuc_rmi_moves_our_arm(served, tmp_path, monkeypatch):
    client = pytest.importorskip("fanuc_rmi.client")
    monkeypatch.chdir(tmp_path)  # it writes what it reads into files
    with served() as server:
        motion = server.cell.controller.motion
        before = motion.tool
        theirs = client.RobotClient("127.0.0.1", server.port, server.session_port, startup_pause=0.0)
        theirs.connect()
        theirs.initialize(uframe=1, utool=1)
        way = dict.fromkeys("YWPR", 0.0) | {"X": 20.0, "Z": -10.0}
        theirs.linear_relative(way, 100, 1, uframe=1, utool=1)
        read = theirs.read_cartesian_coordinates(str(tmp_path / "read.jsonl"))
        theirs.close()
        np.testing.assert_allclose(motion.tool - before, [0.02, 0.0, -0.01], atol=1e-6)
        assert read["Position"]["X"] == pytest.approx(1000.0 * motion.tool[0], abs=1.0)


def test_fanuc_ucl_instructs_our_arm(served):
    """It knows the standard port only, and its positions cannot be changed: it is told to go where it is."""
    rmi = pytest.importorskip("fanuc_ucl.rmi")
    try:
        server = served(PORT)
    except OSError:
        pytest.skip(f"port {PORT} is in use")
    with server:
        driver = rmi.RmiDriver(rmi.RmiDriverConfig("127.0.0.1"))
        driver.connect()
        for packet in (rmi.FrcReset(), rmi.FrcInitialize(), rmi.FrcSetUFrameUTool(1, 1)):
            assert driver.send(packet).wait_timeout(3.0).error_id == 0
        at = driver.send(rmi.FrcReadCartesianPosition()).wait_timeout(3.0)
        stay = rmi.FrcLinearMotion(at.config, at.pos, rmi.SpeedType.MMSec, 100, rmi.TermType.FINE, 0)
        done = driver.send(stay).wait_timeout(3.0)
        assert done.error_id == 0
        assert server.cell.controller.hears_next == 2
        driver.disconnect().wait_timeout(3.0)


def test_airo_fanuc_reads_our_arm(served):
    client = pytest.importorskip("airo_fanuc.rmi_client")
    with served() as server:
        with client.RmiClient("127.0.0.1", server.port) as theirs:
            theirs.initialize()
            status, found = theirs.get_status(), theirs.read_cartesian_position()
        tool = server.cell.controller.motion.tool
        assert (status.servo_ready, status.tp_mode, status.override_pct) == (True, 0, 100)
        assert found.xyzwpr[:2] == pytest.approx(1000.0 * tool[:2], abs=0.1)


def test_our_client_uses_airo_fanucs_controller():
    """Its controller answers FRC_Connect_STMO only, which FANUC's newer controllers know; it moves nothing over RMI."""
    testing = pytest.importorskip("airo_fanuc.testing")
    with testing.FakeCRXController(initial_q_deg=[10, 20, 30, 0, 0, 0]) as theirs:
        session = RmiSession("127.0.0.1", theirs.rmi_port, RealClock(), connect="FRC_Connect_STMO")
        for name in ("FRC_Reset", "FRC_Abort", "FRC_Initialize", "FRC_ReadCartesianPosition"):
            session.request(command(name), 2.0)
        joints = session.request(command("FRC_ReadJointAngles"), 2.0)["JointAngle"]
        assert (joints["J2"], joints["J3"]) == pytest.approx((20.0, 10.0))  # J3 from the horizontal
        theirs.arm_rmi_error("FRC_Initialize", 2556937)
        with pytest.raises(ArmFault, match="RMIT-009"):
            session.request(command("FRC_Initialize"), 2.0)
        theirs.push_system_fault()
        with pytest.raises(ArmFault, match="reports a fault"):
            session.await_at_most(-1, 2.0)
        session.close()
        assert theirs.violations == []
