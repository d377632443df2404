"""The emulated controller's motion: a buffer of linear instructions, and the path that their terminations make of them;
and streamed joints, which reach the arm late.

The path of way-points is averaged over the time of acceleration, which gives trapezoids of speed. The end of an
instruction that is CNT 100 is the beginning of its successor; one that is FINE waits until the average has arrived.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

ITP = 0.008  # interpolation period of the controller [s]
MOST = 8  # instructions in the buffer
SHORTEST = 0.012  # duration of a motion [s]
ACCELERATION = 0.064  # time from standing to full speed, with ACC 100 [s]
LAG = 0.12  # from a streamed command to the arm [s]: airo-fanuc's authors measured 0.084 to 0.180 on a CRX


@dataclass
class Segment:
    """A linear instruction."""

    sequence: int
    name: str
    target: Float[np.ndarray, "3"]  # in the table's frame [m]; or the way, if it is relative
    relative: bool
    speed_type: str
    speed: float
    fine: bool
    blend: float  # 0 to 1: share of the deceleration that the successor may begin within
    waits: bool  # until its successor has arrived
    travelled: float = 0.0  # share
    duration: float = 0.0  # [s]
    begin: Float[np.ndarray, "3"] | None = None
    settling: float = 0.0  # s that are left until the average has arrived


class Motion:
    """Motion of the tool.

    Args:
        position: of the tool [m].
        start_delay: from an instruction's arrival at a standing arm to its motion [s].
    """

    def __init__(self, position: Float[np.ndarray, "3"], start_delay: float = 0.03):
        self.start_delay = start_delay
        self.override = 1.0
        self.paused = self.frozen = False
        self.queue: deque[Segment] = deque()
        self._delay = 0.0
        self._place(position)

    @property
    def tool(self) -> Float[np.ndarray, "3"]:
        """Commanded position of the tool [m]."""
        return np.mean(self._recent, axis=0)

    @property
    def moves(self) -> bool:
        """Whether the tool is commanded to move."""
        return bool(np.ptp(self._recent, axis=0).max() > 1e-9)

    def add(self, segment: Segment) -> None:
        """Append an instruction. The caller has checked that there is room."""
        if not self.queue and not self.moves:
            self._delay = self.start_delay
        self.queue.append(segment)

    def clear(self) -> None:
        """Drop all instructions. The tool comes to a stand on its way."""
        self.queue.clear()

    def tick(self) -> list[Segment]:
        """Let one interpolation period pass. Returns the instructions that were executed in it, in order."""
        done: list[Segment] = []
        left = 0.0 if self.paused or self.frozen else ITP
        while left > 1e-12 and self.queue:
            segment = self.queue[0]
            if segment.begin is None:
                if segment.waits and len(self.queue) < 2:
                    break
                if self._delay > 0.0:
                    spent = min(left, self._delay)
                    self._delay, left = self._delay - spent, left - spent
                    continue
                self._start(segment)
            left = self._travel(segment, left)
            if segment.travelled >= 1.0 and segment.settling <= 0.0:
                done.append(self.queue.popleft())
        self._recent.append(self._nominal.copy())
        return done

    def _place(self, position: Float[np.ndarray, "3"]) -> None:
        self._nominal = np.array(position, float)
        taps = max(1, round(ACCELERATION / ITP))
        self._recent: deque[np.ndarray] = deque([self._nominal] * taps, maxlen=taps)

    def _start(self, segment: Segment) -> None:
        segment.begin = self._nominal.copy()
        if segment.relative:
            segment.target = segment.begin + segment.target
        far = 1000.0 * float(np.linalg.norm(segment.target - segment.begin))
        duration = {
            "mmSec": lambda: far / segment.speed,
            "InchMin": lambda: far / (segment.speed * 25.4 / 60.0),
            "Time": lambda: segment.speed / 10.0,
            "mSec": lambda: segment.speed / 1000.0,
        }[segment.speed_type]()
        segment.duration = max(duration, SHORTEST)
        segment.settling = ACCELERATION * (1.0 - segment.blend)

    def _travel(self, segment: Segment, left: float) -> float:
        """Move along; returns the time that is left of the period."""
        assert segment.begin is not None
        if segment.travelled < 1.0:
            needed = (1.0 - segment.travelled) * segment.duration / self.override
            spent = min(left, needed)
            segment.travelled += spent * self.override / segment.duration
            if needed - spent < 1e-12:
                segment.travelled = 1.0
            self._nominal = segment.begin + segment.travelled * (segment.target - segment.begin)
            left -= spent
        if segment.travelled >= 1.0 and segment.settling > 0.0:
            spent = min(left, segment.settling)
            segment.settling -= spent
            left -= spent
            if segment.settling < 1e-12:
                segment.settling = 0.0
        return left


class Line:
    """Streamed joints on their way to the arm: each command arrives `LAG` later, and the last one stays."""

    def __init__(self, joints: Float[np.ndarray, "6"]):
        self.hold(joints)

    def hold(self, joints: Float[np.ndarray, "6"]) -> None:
        """Forget what is on its way, and stay."""
        n = round(LAG / ITP)
        self._commands: deque[np.ndarray] = deque([joints.copy()] * n, maxlen=n)

    def passes(self, joints: Float[np.ndarray, "6"] | None) -> Float[np.ndarray, "6"]:
        """Let an interpolation period pass, with a new command or without. Returns where the arm is to be."""
        self._commands.append(self._commands[-1] if joints is None else joints)
        return self._commands[0]
