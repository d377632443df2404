"""Emulated MoveIt Servo behind an emulated rosbridge: velocities move the tool until 0.1 s after the last one.

What is emulated: `advertise`, `publish`, `subscribe`, `unsubscribe` and `call_service` of rosbridge's protocol, Servo's
service for the kind of command, the time-out of its commands, its acceleration, and its status when it has halted.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from mereq.robots.cell_file import RosEntry

TIMEOUT = 0.1  # s: `incoming_command_timeout` of Servo's default file
ACCELERATION = 1.0  # of the tool [m/s^2]
TWIST = 1
Message = dict[str, Any]


class EmulatedServo:
    """Servo and rosbridge, without sockets and without time of their own.

    Args:
        position: of the tool [m].
        measured: the tool's position by the encoders [m].
        names: of topics and services.
    """

    def __init__(
        self, position: Float[np.ndarray, "3"], measured: Callable[[], Float[np.ndarray, "3"]], names: RosEntry
    ):
        self._commanded, self._measured, self.names = np.array(position, float), measured, names
        self._velocity, self._asked = np.zeros(3), np.zeros(3)
        self._time, self._heard = 0.0, -np.inf
        self.takes_twists = False
        self.status = 0  # Servo's code: 0 is fine, 2, 4 and 6 have halted the arm

    @property
    def moves(self) -> bool:
        """Whether the tool is commanded to move."""
        return bool(np.abs(self._velocity).max() > 0.0)

    def tick(self, seconds: float) -> Float[np.ndarray, "3"]:
        """Let time pass; the commanded position of the tool [m]."""
        self._time += seconds
        heard = self._time - self._heard <= TIMEOUT and self.takes_twists and self.status == 0
        change = (self._asked if heard else np.zeros(3)) - self._velocity
        self._velocity = self._velocity + np.clip(change, -ACCELERATION * seconds, ACCELERATION * seconds)
        self._commanded = self._commanded + seconds * self._velocity
        return self._commanded

    def hear(self, message: Message) -> Message | None:
        """Take in a client's message; the answer, if it is a question."""
        op, topic = message.get("op"), message.get("topic")
        if op == "publish" and topic == self.names.twist:
            twist: Any = message.get("msg", {})
            if twist["header"]["frame_id"] == self.names.frame:
                self._asked = np.array([float(twist["twist"]["linear"][axis]) for axis in "xyz"])
                self._heard = self._time
            return None
        if op == "call_service":
            known = message.get("service") == self.names.command_type
            self.takes_twists = known and message.get("args", {}).get("command_type") == TWIST
            values = {"success": True} if known else "Service does not exist"
            answer = {"op": "service_response", "service": message.get("service"), "values": values, "result": known}
            return answer | ({"id": message["id"]} if "id" in message else {})
        return None

    def published(self, topic: str) -> Message | None:
        """The present message of a topic that the arm's side publishes."""
        stamp = {"sec": int(self._time), "nanosec": int(1e9 * (self._time % 1.0))}
        if topic == self.names.pose:
            place = {axis: round(float(part), 6) for axis, part in zip("xyz", self._measured(), strict=True)}
            down = {"x": 1.0, "y": 0.0, "z": 0.0, "w": 0.0}
            header = {"stamp": stamp, "frame_id": self.names.frame}
            return {"header": header, "pose": {"position": place, "orientation": down}}
        if topic == self.names.status:
            return {"code": self.status, "message": "" if self.status == 0 else "halted"}
        return None
