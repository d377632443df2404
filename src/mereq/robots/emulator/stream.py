"""The emulated controller with Stream Motion: that of airo-fanuc, with our arm in place of its joints.

airo-fanuc's part speaks the protocols (UDP for the stream, TCP for RMI) and notes every packet that breaks their rules
(`violations`). Ours is the arm, what a person does at the controller, frames, override, outputs, and where the tool
is. A command reaches the arm late, as was measured on a real one, so that an arm whose program is gone goes on for that
time and then stands.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from airo_fanuc.testing import ControllerState, FakeCRXConfig, FakeRmiServer, FakeStreamMotionServer, ManualClock
from jaxtyping import Float

from mereq.robots.emulator.controller import Controller
from mereq.robots.emulator.motion import ITP, LAG, Line
from mereq.robots.emulator.plant import Plant
from mereq.robots.fanuc.rmi_arm import FLANGE_ABOVE_BASE
from mereq.robots.fanuc.rmi_packets import Packet, command
from mereq.tasks.arm import kinematics

AXES = 9  # of the protocol; the last three are not used
TOO_FAR = 5.0  # between two commands, after which the controller faults [deg]
OURS = (
    "FRC_SetUFrameUTool", "FRC_GetUFrameUTool", "FRC_ReadUToolData", "FRC_ReadUFrameData", "FRC_ReadCartesianPosition",
    "FRC_SetOverRide", "FRC_WriteDOUT", "FRC_ReadDIN",
)  # fmt: skip
LOOPBACK = "127.0.0.1"
Joints = Float[np.ndarray, "6"]


class EmulatedStream:
    """Stream Motion's controller, without time of its own.

    Args:
        plant: the arm.
        controller: what a person can do at it, and its frames.
        lock: held while either is used.
        rmi_port: of RMI; 0: any free one.
        stream_port: of Stream Motion; 0: any free one.
    """

    def __init__(self, plant: Plant, controller: Controller, lock: Any, *, rmi_port: int = 0, stream_port: int = 0):
        self._plant, self._controller = plant, controller
        self._line = Line(plant.joints)
        self._arm, clock, config = _Arm(self), ManualClock(), FakeCRXConfig()
        arm: Any = self._arm  # in place of a `JointPlant`
        self.state = ControllerState(arm)
        self._clock = clock
        self._stream = _Stream(self.state, arm, clock, config, host=LOOPBACK, port=stream_port)
        self._stream.hear = self._hear
        self._rmi = _Rmi(self.state, config, host=LOOPBACK, bootstrap_port=rmi_port)
        self._rmi.controller, self._rmi.held = controller, lock
        self.stream_port, self.rmi_port = self._stream.port, self._rmi.bootstrap_port
        self.command: Joints | None = None  # that arrived in this period
        self.note: Callable[[Joints], None] | None = None  # is told each command; a client sends one every period
        self._quiet, self._dropped = 0, False  # periods without a command; whether they have ended a program's motion
        self.forgives = LAG  # s without a command after which no motion is possible until the next start
        controller.answer(command("FRC_SetUFrameUTool", UFrameNumber=1, UToolNumber=1))
        self._look()

    def start(self) -> None:
        """Listen."""
        self._rmi.start()

    def close(self) -> None:
        """Stop listening, and disconnect all clients."""
        self._stream.close()
        self._rmi.close()

    @property
    def violations(self) -> list[str]:
        """Packets so far that broke a rule of the protocol."""
        return self._stream.violations

    @property
    def silent(self) -> bool:
        """Whether no command is on its way to the arm."""
        return self._quiet * ITP > LAG

    @property
    def measured(self) -> Joints:
        """Joint angles of the arm [rad]."""
        return self._plant.joints

    def cut(self, cut: bool) -> None:
        """Report nothing, as with a cable that is cut, or report again."""
        self._stream.cut = cut

    def tick(self) -> Joints:
        """Let one interpolation period pass. Returns where the arm is to be."""
        self._clock.advance(ITP)
        self._look()
        self.command = None
        self._stream.tick(ITP, raise_on_violation=False)
        self._quiet = self._quiet + 1 if self.command is None else 0
        self._dropped = self._dropped and self.command is None
        with self.state.lock:
            if self._stream.commanded and not self._dropped and self._quiet * ITP > self.forgives:
                self.state.motion_possible_forced_off = self._dropped = True  # once: the next program resets it
            moves = self.state.motion_possible() and not self.state.tp_enabled
        if not moves:
            self._line.hold(self._plant.reference)
        return self._line.passes(self.command if moves else None)

    def _hear(self, joints: Joints) -> None:
        if self.note is not None:
            self.note(joints)

    def _look(self) -> None:
        """Take over what a person does at the controller, and where the arm is."""
        switches, state = self._controller.switches, self.state
        flange = kinematics.forward(self._plant.joints, 0.0)[0] - np.array([0.0, 0.0, FLANGE_ABOVE_BASE])
        with state.lock:
            if switches.emergency_stop and not state.e_stopped:
                state.in_error = True
                state.raise_alarm("SRVO-002", "Teach pendant E-stop")
            if switches.pendant_on and not state.tp_enabled:
                state.raise_alarm("SYST-011", "Teach pendant is enabled")
            state.e_stopped, state.tp_enabled = switches.emergency_stop, switches.pendant_on
            state.gen_override_pct = round(100.0 * self._controller.motion.override)
            state.cartesian = (*(1000.0 * flange), 180.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class _Arm:
    """What airo-fanuc's emulated controller wants of an arm. Angles in degrees."""

    watchdog_tripped = False
    watchdog_joint: int | None = None
    watchdog_step_deg = 0.0

    def __init__(self, stream: EmulatedStream):
        self._stream, self._before = stream, np.degrees(stream.measured)

    def command_step(self, degrees: Float[np.ndarray, "9"], dt: float) -> None:
        """Take a command."""
        self._stream.command = np.radians(degrees[:6])

    def silence_step(self, dt: float, *, backstop_ok: bool) -> None:
        """Take no command: the last one stays."""

    def snapshot_deg(self) -> tuple[Float[np.ndarray, "9"], Float[np.ndarray, "9"]]:
        """Measured joints and speeds."""
        joints, speeds = np.zeros(AXES), np.zeros(AXES)
        joints[:6] = np.degrees(self._stream.measured)
        speeds[:6], self._before = (joints[:6] - self._before) / ITP, joints[:6].copy()
        return joints, speeds

    def trip(self, joint: int, degrees: float) -> None:
        """Fault, because a command is too far from the one before."""
        self.watchdog_tripped, self.watchdog_joint, self.watchdog_step_deg = True, joint, degrees

    def reset_watchdog(self) -> None:
        """Clear that fault."""
        self.watchdog_tripped = False


class _Stream(FakeStreamMotionServer):
    """The server of the stream. It tells every command, and compares each with the one before, however late it is."""

    hear: Callable[[Joints], None]
    cut = False
    _last: Joints | None = None

    def _send_status(self, dt: float) -> None:
        if not self.cut:
            super()._send_status(dt)

    @property
    def commanded(self) -> bool:
        """Whether the present client has begun to command."""
        return self.streaming and self._commands_seen > 0

    def _on_command(self, buf: bytes, kernel_ns: int | None = None) -> None:
        first = self._commands_seen == 0
        super()._on_command(buf, kernel_ns)
        if self._pending_cmd is None:
            return
        joints = np.radians(self._pending_cmd[:6])
        if not first and self._last is not None:
            way = np.degrees(np.abs(joints - self._last))
            if way.max() > TOO_FAR:
                plant: Any = self._plant
                plant.trip(int(way.argmax()), float(way.max()))
        self._last = joints
        self.hear(joints)


class _Rmi(FakeRmiServer):
    """The server of RMI. Frames, positions, override and outputs are our controller's."""

    controller: Controller
    held: threading.RLock

    def _dispatch(self, req: Packet) -> Packet | None:
        if req.get("Command") in OURS:
            with self.held:
                return self.controller.answer(req)
        return super()._dispatch(req)
