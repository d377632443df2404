"""RMI: packets, the emulated controller's rules, and the arm's refusals, without sockets and in driven time."""

import json
from contextlib import suppress
from io import StringIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mereq.commands.jog import jog_by, may_jog
from mereq.robots.arm import ArmFault
from mereq.robots.cell_file import ArmEntry
from mereq.robots.clock import DrivenClock
from mereq.robots.emulator.controller import SESSION_PORT, Controller, rmit
from mereq.robots.emulator.motion import ITP
from mereq.robots.fanuc.rmi_arm import RmiArm, joints_of, wire_joints_of
from mereq.robots.fanuc.rmi_packets import (
    FIRST_CODE,
    LAST_CODE,
    check,
    command,
    communication,
    decoded,
    encoded,
    linear_motion,
    sentence_of,
)

START = np.array([0.4, 0.0, 0.1])
TOOL = [0.0, 0.0, 320.0, 0.0, 0.0, 0.0]
AHEAD = np.array([0.01, 0.0, 0.0])


class Bench:
    """An arm and a controller whose tool is where it is commanded."""

    def __init__(self, termination="cnt", utool=TOOL):
        self.controller = Controller(START, lambda: (self.controller.motion.tool, np.zeros(6)))
        self.sent, self.cut = [], False
        self.clock = DrivenClock(self.advance)
        entry = ArmEntry("bench", [[0.28, -0.25, 0.015], [0.78, 0.25, 0.25]], override=100, termination=termination)
        self.arm = RmiArm(entry, utool, self.clock, self.wire)

    def advance(self, seconds):
        for _ in range(round(seconds / ITP)):
            self.controller.tick()

    def wire(self, host, port, tell):
        bench = self

        def answer(packet):
            if not bench.cut:
                tell(encoded(packet).strip())

        class Wire:
            def __init__(self):
                self.mine = port == SESSION_PORT and bench.controller.begin(answer)

            def send(self, line):
                packet = json.loads(line)
                bench.sent.append(packet)
                if bench.cut:
                    return
                if port != SESSION_PORT:
                    answer(bench.controller.connect(packet))
                elif self.mine:
                    bench.controller.hear(packet)

            def close(self):
                if self.mine:
                    bench.controller.drop()

        return Wire()


def test_packets_are_those_of_the_manual():
    assert encoded(communication("FRC_Connect")) == b'{"Communication":"FRC_Connect"}\r\n'
    assert encoded(command("FRC_SetOverRide", Value=30)) == b'{"Command":"FRC_SetOverRide","Value":30}\r\n'
    motion = linear_motion(
        3, {"UToolNumber": 1}, {"X": 1.5}, speed_type="mSec", speed=100, term_type="CNT", term_value=100
    )
    assert encoded(motion) == (
        b'{"Instruction":"FRC_LinearMotion","SequenceID":3,"Configuration":{"UToolNumber":1},"Position":{"X":1.5},'
        b'"SpeedType":"mSec","Speed":100,"TermType":"CNT","TermValue":100}\r\n'
    )


@pytest.mark.parametrize("error", [*range(FIRST_CODE, LAST_CODE + 1), 7004, 7015, 12345])
def test_every_error_has_advice(error):
    meaning, advice = sentence_of(error).split(": ", 1)
    assert len(meaning) > 20
    assert len(advice) > 8


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_whatever_arrives_is_a_packet_or_a_fault(line):
    with suppress(ArmFault):
        assert isinstance(decoded(line), dict)


@given(
    st.dictionaries(
        st.sampled_from(["Instruction", "Command", "SequenceID", "Position", "Speed"]), st.integers() | st.text()
    )
)
def test_the_controller_survives_any_packet(packet):
    bench, said = Bench(), []
    bench.controller.begin(said.append)
    bench.controller.hear(packet)
    assert all("ErrorID" in answer for answer in said)


def test_joints_round_trip():
    joints = np.linspace(-1.0, 1.0, 6)
    np.testing.assert_allclose(joints_of(wire_joints_of(joints)), joints)


@pytest.mark.parametrize(("termination", "after"), [("cnt", 0.0), ("noblend", 0.01), ("fine", 0.01)])
def test_a_single_step(termination, after):
    """CNT waits for its successor; the others are executed at once."""
    bench = Bench(termination)
    with bench.arm as arm:
        arm.send(START + AHEAD, 0.1)
        bench.clock.sleep(0.4)
        assert arm.tool()[0] - START[0] == pytest.approx(after, abs=1e-4)


def test_steps_follow_at_full_speed_and_stand_still():
    bench = Bench()
    with bench.arm as arm:
        for k in range(1, 11):
            arm.send(START + k * AHEAD, 0.1)
            bench.clock.sleep(0.1)
        assert arm.tool()[0] - START[0] > 0.075
        arm.stand()
        at = arm.tool()
        assert at[0] - START[0] == pytest.approx(0.1, abs=1e-4)
        bench.clock.sleep(1.0)
        np.testing.assert_array_equal(arm.tool(), at)


def test_jog():
    """A millimetre for each key, within the workspace; from outside only towards it; not if a check fails."""
    bench, said = Bench(), Console(file=StringIO())
    up, down, left = "\x1b[A", "\x1b[B", "\x1b[D"
    with bench.arm as arm:
        workspace = np.array([[0.28, -0.25, 0.015], [0.4015, 0.25, 0.0995]])
        jog_by([up, up, up, left, "x", "u", "d", "q", up], arm, workspace, said)
        np.testing.assert_allclose(arm.tool(), START + np.array([0.0015, 0.001, -0.001]), atol=2e-4)
        assert "ends here" in said.file.getvalue()
        jog_by([down, down], arm, workspace, said)
        findings = arm.findings()
        assert may_jog([f._replace(fine=f.what != "tool") for f in findings], said)
        assert not may_jog([f._replace(fine=f.what != "servos") for f in findings], said)
        assert "servos is on" in said.file.getvalue()


def test_a_killed_client_leaves_the_arm_standing():
    """Nothing more is sent, and the connection is gone: at most 2 cm more, then it stands."""
    bench = Bench()
    bench.arm.__enter__()
    for k in range(1, 6):
        bench.arm.send(START + k * AHEAD, 0.1)
        bench.clock.sleep(0.1)
    before = bench.controller.motion.tool
    bench.controller.drop()
    bench.advance(1.0)
    stood = bench.controller.motion.tool
    bench.advance(2.0)
    assert np.linalg.norm(stood - before) <= 0.02
    np.testing.assert_array_equal(bench.controller.motion.tool, stood)


def test_a_cut_cable_is_noticed_in_half_a_second():
    bench = Bench()
    bench.arm.__enter__()
    bench.cut, before = True, bench.clock.now()
    with pytest.raises(ArmFault, match="did not answer"):
        bench.arm.tool()
    assert bench.clock.now() - before <= 0.5


@pytest.mark.parametrize(
    ("switch", "alarm"),
    [("emergency_stop", "SRVO-002 Teach pendant E-stop"), ("pendant_on", "SYST-011 Teach pendant is enabled")],
)
def test_a_stop_at_the_controller_halts_at_once(switch, alarm):
    """And is named: the emergency stop, or the pendant that is switched on in motion. It must not be told to stop."""
    bench = Bench()
    with bench.arm as arm:
        for k in range(1, 5):
            arm.send(START + k * AHEAD, 0.1)
            bench.clock.sleep(0.1)
        setattr(bench.controller.switches, switch, True)
        bench.clock.sleep(0.1)
        with pytest.raises(ArmFault, match=f"has paused: {alarm}. Clear it"):
            arm.send(START + 5 * AHEAD, 0.1)
        arm.stand()
        at = bench.controller.motion.tool
        bench.clock.sleep(1.0)
        np.testing.assert_array_equal(bench.controller.motion.tool, at)
        assert at[0] - START[0] < 0.05
    setattr(bench.controller.switches, switch, False)
    with bench.arm as arm:
        arm.go([START], 0.1)
        np.testing.assert_allclose(arm.tool(), START, atol=1e-4)


def test_refusals_before_anything_moves():
    for prepare, match in (
        (lambda c: setattr(c.switches, "pendant_on", True), "pendant"),
        (lambda c: setattr(c.switches, "program_left", True), "MEMO-015"),
        (lambda c: setattr(c.switches, "emergency_stop", True), "RMIT-012"),
        (lambda c: c.tool_frames[1].__setitem__(2, 300.0), "differs by 20.0"),
    ):
        bench = Bench()
        prepare(bench.controller)
        with pytest.raises(ArmFault, match=match):
            bench.arm.__enter__()
        assert not any("Instruction" in packet for packet in bench.sent)


def test_rules_of_the_buffer():
    """Wrong numbers hold; nine instructions are too many; a command during an abort must wait."""
    said = []
    controller = Controller(START, lambda: (START, np.zeros(6)))
    assert controller.begin(said.append)
    assert not controller.begin(said.append)
    controller.hear(command("FRC_Initialize"))
    place = {"X": 410.0, "Z": -230.0 + 0.0, "W": 180.0}
    motion = linear_motion(2, {}, place, speed_type="mSec", speed=100, term_type="FINE", term_value=0)
    controller.hear(motion)
    assert said[-1]["ErrorID"] == rmit(29)
    controller.hear(motion | {"SequenceID": 1})
    assert said[-1]["ErrorID"] == rmit(24)
    controller.hear(command("FRC_Reset"))
    for number in range(1, 10):
        controller.hear(motion | {"SequenceID": number})
    assert said[-1]["ErrorID"] == rmit(28)
    controller.hear(command("FRC_Abort"))
    controller.hear(command("FRC_GetStatus"))
    assert said[-1]["ErrorID"] == rmit(27)
    with pytest.raises(ArmFault, match="RMIT-027"):
        check(said[-1])
