"""The emulated controller: answers RMI packets and moves the tool. It has no sockets and no time of its own.

What is emulated: the hop between ports, one session at a time, one command at a time (RMIT-027 while one runs), the
sequence check with HOLD (RMIT-029, RMIT-024), eight instructions at most (RMIT-028), CNT that waits for its successor,
answers when executed, frames, override, pendant, emergency stop, servos, limits with FRC_SystemFault, a program that a
dropped client left behind (MEMO-015), FRC_Terminate, and a controller that accepts everything and answers nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mereq.robots.emulator.motion import ITP, MOST, Motion, Segment
from mereq.robots.fanuc.rmi_arm import FLANGE_ABOVE_BASE, wire_joints_of
from mereq.robots.fanuc.rmi_packets import AXES, FIRST_CODE, Packet
from mereq.tasks.arm.model import FINGER_LENGTH

SESSION_PORT = 16002
DOWN = (180.0, 0.0, 0.0)  # W, P, R of a tool that points down [deg]
REACH = 0.93  # from the base's axis, with the tool down [m]
LOWEST = -0.02  # of the tool centre: the limit that a lab sets against the table [m]
SPEED_TYPES = ("mmSec", "InchMin", "Time", "mSec")
IDLE_END = 3600.0  # s without a packet after which the session is ended
TOOL_FRAMES, USER_FRAMES, PORTS = 10, 9, 512


def rmit(number: int) -> int:
    """ErrorID of an RMIT- code."""
    return FIRST_CODE + number - 1


LEFT_BEHIND = 7015


@dataclass
class Switches:
    """What a person can do at the controller, and what can be wrong with it."""

    pendant_on: bool = False
    emergency_stop: bool = False
    single_step: bool = False
    wedged: bool = False  # packets are read, and nothing is answered
    leaves_program: bool = False  # a dropped client leaves RMI_MOVE behind, until the pendant frees it
    program_left: bool = False
    abort_takes: float = 0.05  # [s]


class Controller:
    """The emulated controller.

    Args:
        position: of the tool, in the table's frame [m].
        measured: the tool's position by the encoders, and the joints of our chain [m, rad].
        tool_length: from the flange to the tool centre [m].
        inputs: state of a digital input, by its number.
    """

    def __init__(
        self,
        position: Float[np.ndarray, "3"],
        measured: Callable[[], tuple[Float[np.ndarray, "3"], Float[np.ndarray, "6"]]],
        tool_length: float = FINGER_LENGTH,
        inputs: Callable[[int], bool] = lambda number: False,
    ):
        self.motion, self.switches = Motion(position), Switches()
        self._measured = measured
        self._inputs = inputs
        self.outputs: dict[int, bool] = {}  # digital ones, by number; those that were never switched are off
        self.tool_frames = {1: [0.0, 0.0, 1000.0 * tool_length, 0.0, 0.0, 0.0]}
        self.user_frames = {1: [0.0, 0.0, -1000.0 * FLANGE_ABOVE_BASE, 0.0, 0.0, 0.0]}
        self._time = self._heard = 0.0
        self._tell: Callable[[Packet], None] | None = None  # the session's client
        self._later: list[tuple[float, Packet]] = []  # answers of commands that take time
        self._initialized = self._hold = False
        self._servo = True
        self._sequence = 1
        self._utool = self._uframe = 0
        self._errors: list[str] = []

    # Sessions

    @property
    def taken(self) -> bool:
        """Whether a client has the session."""
        return self._tell is not None

    @property
    def hears_next(self) -> int:
        """Number that the next instruction must have."""
        return self._sequence

    def connect(self, packet: Packet) -> Packet | None:
        """Answer at the port where sessions are asked for."""
        if self.switches.wedged:
            return None
        return {
            "Communication": packet.get("Communication"),
            "ErrorID": 0,
            "PortNumber": SESSION_PORT,
            "MajorVersion": 7,
            "MinorVersion": 1,
        }

    def begin(self, tell: Callable[[Packet], None]) -> bool:
        """Give a client the session. Returns False if another one has it: this one is never answered."""
        if self.taken:
            return False
        self._tell, self._heard = tell, self._time
        return True

    def drop(self) -> None:
        """The client's connection is gone. What is being executed is finished; a CNT that waits goes on waiting."""
        self._tell = None
        if self._initialized and self.switches.leaves_program:
            self.switches.program_left = True

    # Packets

    def hear(self, packet: Packet) -> None:
        """Answer a packet of the session's client."""
        self._heard = self._time
        if self.switches.wedged:
            return
        kind, name = next(iter(packet.items()), ("", ""))
        if kind == "Instruction":
            self._instruct(str(name), packet)
        elif kind == "Command":
            if self._later:
                self._say({"Command": name, "ErrorID": rmit(27)})
            else:
                self._command(str(name), packet)
        elif name == "FRC_Disconnect":
            self._say({"Communication": name, "ErrorID": 0})
            self._initialized = False
            self.motion.clear()
        else:
            self._say({kind: name, "ErrorID": rmit(13)})

    def answer(self, packet: Packet) -> Packet:
        """Answer to a command of a program without a session here, such as one of Stream Motion's own session."""
        answers: list[Packet] = []
        if self.begin(answers.append):
            self.hear(packet)
            self.drop()
        return answers[0] if answers else {"Command": packet.get("Command"), "ErrorID": rmit(26)}

    def tick(self) -> None:
        """Let one interpolation period pass."""
        self._time += ITP
        switches = self.switches
        if switches.emergency_stop and self._servo:
            self._fail("SRVO-002 Teach pendant E-stop", servo_off=True)
        if switches.pendant_on and self._initialized:
            self._fail("SYST-011 Teach pendant is enabled")
            self._initialized = False
        for segment in self.motion.tick():
            self._say({"Instruction": segment.name, "ErrorID": 0, "SequenceID": segment.sequence})
        while self._later and self._later[0][0] <= self._time:
            self._say(self._later.pop(0)[1])
        if self.taken and self._time - self._heard > IDLE_END:
            self._say({"Communication": "FRC_Terminate"})
            self._initialized = False
            self._tell = None

    def _say(self, packet: Packet) -> None:
        if self._tell is not None and not self.switches.wedged:
            self._tell(packet)

    def _fail(self, error: str, *, servo_off: bool = False) -> None:
        """Stop the tool, and tell the client of the fault if a motion was interrupted by it."""
        self._errors.insert(0, error)
        interrupted = self.motion.queue[0].sequence if self.motion.queue else None
        self.motion.paused = True
        self._servo = self._servo and not servo_off
        if interrupted is not None or self._initialized:
            self._say({"Communication": "FRC_SystemFault", "SequenceID": interrupted or 0})

    # Instructions

    def _instruct(self, name: str, packet: Packet) -> None:
        number = packet.get("SequenceID", packet.get("SID"))
        if error := self._refusal(number):
            self._say({"Instruction": name, "ErrorID": error, "SequenceID": number})
            return
        found = self._segment(name, packet)
        if isinstance(found, int):
            self._hold = True
            self._say({"Instruction": name, "ErrorID": found, "SequenceID": number})
            return
        self._sequence += 1
        target = found.target + (self.motion.tool if found.relative else 0.0)
        if np.linalg.norm(target[:2]) > REACH or target[2] < LOWEST:
            self._fail("MOTN-018 Position not reachable")
            self._say({"Instruction": name, "ErrorID": rmit(36), "SequenceID": number})
            return
        self.motion.add(found)

    def _refusal(self, number: Any) -> int:
        """Error for an instruction in the present state; 0: none."""
        if not self._initialized:
            return rmit(9)
        if self._hold:
            return rmit(24)
        if self.switches.single_step:
            return rmit(43)
        if not self._servo:
            return rmit(7)
        if number != self._sequence:
            self._hold = True
            return rmit(29)
        if len(self.motion.queue) >= MOST:
            return rmit(28)
        return 0

    def _segment(self, name: str, packet: Packet) -> Segment | int:
        """The instruction, or the error that it gets."""
        if name not in ("FRC_LinearMotion", "FRC_LinearRelative"):
            return rmit(20)
        relative = name == "FRC_LinearRelative"
        position = packet.get("Position")
        values = [position.get(axis, 0.0) if isinstance(position, dict) else None for axis in AXES]  # pyright: ignore
        if not all(isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e5 for v in values):  # pyright: ignore
            return rmit(23)
        speed, speed_type = packet.get("Speed"), packet.get("SpeedType")
        if speed_type not in SPEED_TYPES:
            return rmit(30)
        if not isinstance(speed, int | float) or isinstance(speed, bool) or not 0 < speed <= 1e5:
            return rmit(31)
        kind, value = packet.get("TermType"), packet.get("TermValue", 100)
        if kind not in ("FINE", "CNT"):
            return rmit(32)
        if not isinstance(value, int) or not 0 <= value <= 100:
            return rmit(33)
        turned = np.abs((np.array(values[3:]) - ((0.0, 0.0, 0.0) if relative else DOWN) + 180.0) % 360.0 - 180.0)
        if turned.max() > 1.0:
            return rmit(36)  # this emulator's tool points down, always
        fine = kind == "FINE"
        offset = 0.0 if relative else self._frame_offset()
        return Segment(
            sequence=self._sequence,
            name=name,
            target=np.array(values[:3]) / 1000.0 + offset,
            relative=relative,
            speed_type=speed_type,
            speed=float(speed),
            fine=fine,
            blend=0.0 if fine else value / 100.0,
            waits=not fine and packet.get("NoBlend") != "ON",
        )

    # Commands

    def _command(self, name: str, packet: Packet) -> None:
        act = getattr(self, f"_{name.removeprefix('FRC_').lower()}", None) if name.startswith("FRC_") else None
        if act is None or name not in COMMANDS:
            self._say({"Command": name, "ErrorID": rmit(13)})
            return
        found: Any = act(packet)
        answer = (
            {"Command": name, "ErrorID": found} if isinstance(found, int) else {"Command": name, "ErrorID": 0, **found}
        )
        if name == "FRC_Abort":
            self._later.append((self._time + self.switches.abort_takes, answer))
        else:
            self._say(answer)

    def _initialize(self, packet: Packet) -> Packet | int:
        if self.switches.program_left:
            return LEFT_BEHIND
        if self.switches.pendant_on:
            return rmit(8)
        if not self._servo:
            return rmit(7)
        self._initialized, self._hold, self._sequence = True, False, 1
        self.motion.clear()
        self.motion.paused = False
        return {"GroupMask": packet.get("GroupMask", 1)}

    def _abort(self, packet: Packet) -> Packet:
        self._initialized = False
        self.motion.clear()
        return {}

    def _reset(self, packet: Packet) -> Packet | int:
        if self.switches.emergency_stop:
            return rmit(12)
        self._hold, self._servo = False, True
        return {}

    def _pause(self, packet: Packet) -> Packet:
        self.motion.paused = True
        return {}

    def _continue(self, packet: Packet) -> Packet | int:
        if not self.motion.paused:
            return rmit(10)
        if not self._servo:
            return rmit(11)
        self.motion.paused = False
        return {}

    def _getstatus(self, packet: Packet) -> Packet:
        running = 1 if self.motion.paused else 0
        return {
            "ServoReady": int(self._servo),
            "TPMode": int(self.switches.pendant_on),
            "RMIMotionStatus": int(self._initialized),
            "ProgramStatus": running if self._initialized else 2,
            "SingleStepMode": int(self.switches.single_step),
            "NumberUTool": TOOL_FRAMES,
            "NextSequenceID": self._sequence,
            "NumberUFrame": USER_FRAMES,
            "Override": round(100.0 * self.motion.override),
        }

    def _readerror(self, packet: Packet) -> Packet:
        errors = self._errors[: max(1, min(5, packet.get("Count", 1)))] or ["No Error"]
        return {"Count": len(errors)} | {f"ErrorData{k or ''}": error for k, error in enumerate(errors)}

    def _setuframeutool(self, packet: Packet) -> Packet | int:
        utool, uframe = packet.get("UToolNumber"), packet.get("UFrameNumber")
        if not isinstance(utool, int) or not 0 <= utool <= TOOL_FRAMES:
            return rmit(2)
        if not isinstance(uframe, int) or not 0 <= uframe <= USER_FRAMES:
            return rmit(3)
        if self.motion.queue:
            return rmit(15)
        self._utool, self._uframe = utool, uframe
        return {"Group": 1}

    def _getuframeutool(self, packet: Packet) -> Packet:
        return {"UFrameNumber": self._uframe, "UToolNumber": self._utool, "Group": 1}

    def _readutooldata(self, packet: Packet) -> Packet | int:
        number = packet.get("ToolNumber", packet.get("UToolNumber"))
        if not isinstance(number, int) or not 0 <= number <= TOOL_FRAMES:
            return rmit(2)
        return {"UToolNumber": number, "Frame": _named(self.tool_frames.get(number, [0.0] * 6)), "Group": 1}

    def _readuframedata(self, packet: Packet) -> Packet | int:
        number = packet.get("FrameNumber", packet.get("UFrameNumber"))
        if not isinstance(number, int) or not 0 <= number <= USER_FRAMES:
            return rmit(3)
        return {"UFrameNumber": number, "Frame": _named(self.user_frames.get(number, [0.0] * 6)), "Group": 1}

    def _readcartesianposition(self, packet: Packet) -> Packet:
        tool, _ = self._measured()
        place = 1000.0 * (tool - self._frame_offset())
        values = [*(round(float(value), 3) for value in place), *DOWN]
        extra = dict.fromkeys(("Ext1", "Ext2", "Ext3"), 0.0)
        frames = {"UToolNumber": self._utool, "UFrameNumber": self._uframe}
        turns = {"Front": 1, "Up": 1, "Left": 0, "Flip": 0, "Turn4": 0, "Turn5": 0, "Turn6": 0}
        stamp = round(1000.0 * self._time)
        return {"TimeTag": stamp, "Configuration": frames | turns, "Position": _named(values) | extra, "Group": 1}

    def _readjointangles(self, packet: Packet) -> Packet:
        _, joints = self._measured()
        wire = [round(float(angle), 4) for angle in np.degrees(wire_joints_of(joints))]
        angles = {f"J{k + 1}": angle for k, angle in enumerate([*wire, 0.0, 0.0, 0.0])}
        return {"TimeTag": round(1000.0 * self._time), "JointAngle": angles, "Group": 1}

    def _writedout(self, packet: Packet) -> Packet | int:
        number, value = packet.get("PortNumber"), packet.get("PortValue")
        if not isinstance(number, int) or not 0 < number <= PORTS:
            return rmit(38)
        if value not in ("ON", "OFF"):
            return rmit(21)
        self.outputs[number] = value == "ON"
        return {}

    def _readdin(self, packet: Packet) -> Packet | int:
        number = packet.get("PortNumber")
        if not isinstance(number, int) or not 0 < number <= PORTS:
            return rmit(38)
        return {"PortNumber": number, "PortValue": "ON" if self._inputs(number) else "OFF"}

    def _setoverride(self, packet: Packet) -> Packet | int:
        value = packet.get("Value")
        if not isinstance(value, int) or not 1 <= value <= 100:
            return rmit(5)
        self.motion.override = value / 100.0
        return {}

    def _frame_offset(self) -> Float[np.ndarray, "3"]:
        """Origin of the active user frame, in the table's frame [m]. Frames are not turned, and UTOOL 1 is fitted."""
        frame = np.array(self.user_frames.get(self._uframe, [0.0] * 6)[:3]) / 1000.0
        return frame + np.array([0.0, 0.0, FLANGE_ABOVE_BASE])


COMMANDS = (
    "FRC_Initialize", "FRC_Abort", "FRC_Reset", "FRC_Pause", "FRC_Continue", "FRC_GetStatus", "FRC_ReadError",
    "FRC_SetUFrameUTool", "FRC_GetUFrameUTool", "FRC_ReadUToolData", "FRC_ReadUFrameData", "FRC_ReadCartesianPosition",
    "FRC_ReadJointAngles", "FRC_SetOverRide", "FRC_WriteDOUT", "FRC_ReadDIN",
)  # fmt: skip


def _named(values: list[float]) -> dict[str, float]:
    return dict(zip(AXES, values, strict=True))
