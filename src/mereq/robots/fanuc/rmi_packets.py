"""Packets of FANUC's Remote Motion Interface (B-84184EN/03): JSON, one object a line, ASCII, ended by CR LF.

The first key of a packet says what it is: Communication, Command or Instruction. Lengths in mm, angles in degrees.
"""

import json
from typing import Any

from mereq.robots.arm import ArmFault

PORT = 16001  # where a session is asked for; it continues on another port
MOST_IN_FLIGHT = 8  # instructions that a controller takes before it has executed the first
AXES: tuple[str, ...] = ("X", "Y", "Z", "W", "P", "R")
Packet = dict[str, Any]

_CODES = {  # what the controller means, and what to do; the number is the one behind RMIT-
    1: ("internal system error", "restart the controller"),
    2: ("there is no such tool frame (UTOOL)", "set `utool` to a number that exists on the controller"),
    3: ("there is no such user frame (UFRAME)", "set `uframe` to a number that exists on the controller"),
    4: ("there is no such position register", "use a number that exists on the controller"),
    5: ("the speed override is out of range", "set `override` to a whole number from 1 to 100"),
    6: ("the program cannot be executed", "abort all programs at the pendant (FCTN, ABORT ALL), then connect again"),
    7: ("the servos are off", "release the emergency stops, close the fence, press RESET at the pendant"),
    8: ("the teach pendant is enabled", "turn the pendant's switch to OFF"),
    9: ("remote motion is not running", "connect again"),
    10: ("the program is not paused", "connect again"),
    11: ("the program cannot be resumed", "press RESET at the pendant, then connect again"),
    12: ("the controller cannot be reset", "remove the cause of the alarm that the pendant shows, then press RESET"),
    13: ("the command is unknown", "update the controller's software, or report this"),
    14: ("the command failed", "look at the alarm that the pendant shows"),
    15: ("the controller is in the wrong state", "abort all programs, press RESET, pendant off, connect again"),
    16: ("the controller must be restarted", "turn its power off and on"),
    17: ("there is no such payload schedule", "use a number that exists on the controller"),
    18: ("the motion option is invalid", "use another `termination`: this controller does not know the present one"),
    19: ("there is no such vision register", "use a number that exists on the controller"),
    20: ("the instruction is unknown", "update the controller's software, or report this"),
    21: ("a value is invalid", "report this with the log"),
    22: ("a text is invalid", "report this with the log"),
    23: ("position data are invalid", "teach the frames again, and calibrate"),
    24: ("remote motion is on hold after an earlier mistake", "connect again, which resets it"),
    25: ("the computer was disconnected", "check the network cable, and connect again"),
    26: ("another computer is connected", "end the other program, or wait until the controller forgets it"),
    27: ("an earlier command is not finished", "wait, then connect again"),
    28: ("too many instructions wait", "wait, then connect again"),
    29: ("instructions arrived out of order", "connect again"),
    30: ("the kind of speed is unknown", "update the controller's software, or report this"),
    31: ("the speed is out of range", "use a lower speed"),
    32: ("the kind of termination is unknown", "use another `termination`"),
    33: ("the value of the termination is out of range", "use another `termination`"),
    34: ("there is no such port for process signals", "use a number that exists on the controller"),
    35: ("the acceleration is out of range", "use 20 to 100"),
    36: ("the destination is invalid", "check `workspace`, and that the frames are those of the calibration"),
    37: ("the point in between is invalid", "check `workspace`"),
    38: ("there is no such port", "use a number that exists on the controller"),
    39: ("there is no such group of axes", "use group 1"),
    40: ("the mask of groups is invalid", "use group 1"),
    41: ("joint motion cannot be coordinated", "use linear motion"),
    42: ("incremental motion cannot be coordinated", "use absolute motion"),
    43: ("single-step mode is on", "turn STEP off at the pendant"),
    44: ("the kind of position data is invalid", "report this with the log"),
    45: ("text packets are not accepted now", "connect again"),
    46: ("a text packet cannot be converted", "report this with the log"),
    47: ("the text instruction is invalid", "report this with the log"),
    48: ("the number of groups is invalid", "use group 1"),
    49: ("the instruction is incomplete", "report this with the log"),
    50: ("the text packet is invalid", "report this with the log"),
    51: ("the text is too long", "report this with the log"),
    52: ("the application tool is not supported", "remote motion does not work with this application's software"),
    53: ("there is no such program to call", "check the program's name on the controller"),
    54: ("the limit on accelerations excludes joint motion", "use linear motion"),
    55: ("the option for limits on accelerations is not loaded", "leave such limits out"),
    56: ("a spline motion is not finished", "connect again"),
    57: ("the option for splines is not loaded", "use linear motion"),
}  # fmt: skip
_LEFT_BEHIND = (
    "select another program at the pendant (SELECT), or delete RMI_MOVE: a program that was killed left it behind"
)
_OTHERS = {
    7004: ("MEMO-004", "the program RMI_MOVE is in use", _LEFT_BEHIND),
    7015: ("MEMO-015", "the program RMI_MOVE exists already", _LEFT_BEHIND),
}
FIRST_CODE, LAST_CODE = 2556929, 2556985


def sentence_of(error: int) -> str:
    """What an ErrorID means and what to do, in one sentence without its full stop."""
    if FIRST_CODE <= error <= LAST_CODE:
        number = error - FIRST_CODE + 1
        meaning, advice = _CODES[number]
        name = f"RMIT-{number:03d}"
    else:
        name, meaning, advice = _OTHERS.get(
            error,
            (f"ErrorID {error}", "an error that is not in RMI's table", "look at the alarm that the pendant shows"),
        )
    return f"The controller says {name}, {meaning}: {advice}"


def check(answer: Packet) -> Packet:
    """The answer, if the controller reports no error.

    Raises:
        ArmFault: it reports one, or the answer has no number of an error.
    """
    error = answer.get("ErrorID")
    if not isinstance(error, int) or isinstance(error, bool):
        raise ArmFault(f"The controller's answer has no ErrorID: {str(answer)[:200]}")
    if error:
        raise ArmFault(sentence_of(error))
    return answer


def encoded(packet: Packet) -> bytes:
    """The packet as it is sent."""
    return json.dumps(packet, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\r\n"


def decoded(line: bytes) -> Packet:
    """Packet of one line.

    Raises:
        ArmFault: the line is no JSON object.
    """
    try:
        packet = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ArmFault(f"The controller sent what is no JSON ({line[:80]!r}): restart it, and connect again") from error
    if not isinstance(packet, dict):
        raise ArmFault(f"The controller sent {line[:80]!r}, which is no packet: restart it, and connect again")
    return packet  # pyright: ignore[reportUnknownVariableType]


def communication(name: str) -> Packet:
    """Packet about the session: FRC_Connect or FRC_Disconnect."""
    return {"Communication": name}


def command(name: str, **values: Any) -> Packet:
    """Command, which is answered at once."""
    return {"Command": name, **values}


def linear_motion(
    sequence: int,
    configuration: dict[str, int],
    position: dict[str, float],
    *,
    speed_type: str,
    speed: int,
    term_type: str,
    term_value: int,
    no_blend: bool = False,
) -> Packet:
    """Instruction to move along a straight line, which is answered when it has been executed."""
    blend = {"NoBlend": "ON"} if no_blend else {}
    return {
        "Instruction": "FRC_LinearMotion",
        "SequenceID": sequence,
        "Configuration": configuration,
        "Position": position,
        "SpeedType": speed_type,
        "Speed": speed,
        "TermType": term_type,
        "TermValue": term_value,
        **blend,
    }


def numbers(found: Any, names: tuple[str, ...], what: str) -> list[float]:
    """Numbers of a part of an answer, by name.

    Raises:
        ArmFault: one is missing or is no finite number.
    """
    values = [found.get(name) if isinstance(found, dict) else None for name in names]  # pyright: ignore
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e9 for v in values):  # pyright: ignore
        raise ArmFault(f"The controller's {what} is {str(found)[:200]}, and must have numbers for {', '.join(names)}")
    return [float(value) for value in values]  # pyright: ignore
