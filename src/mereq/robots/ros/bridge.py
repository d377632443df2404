"""Client of rosbridge: ROS 2 topics and services as JSON over a WebSocket (rosbridge protocol 2.0)."""

import contextlib
import itertools
import json
import threading
from typing import Any

from mereq.core.errors import WrongRobot
from mereq.robots.arm import ArmFault

CONNECTING, ANSWER = 5.0, 5.0  # s
LARGEST = 1_000_000  # bytes of a message
Message = dict[str, Any]


class Bridge:
    """A connection to rosbridge, with a thread that reads. The newest message of each topic is kept.

    Raises:
        ArmFault: from any method.
        WrongRobot: the library is not installed.
    """

    def __init__(self, host: str, port: int):
        try:
            from websockets.exceptions import WebSocketException
            from websockets.sync.client import connect
        except ImportError as error:
            raise WrongRobot('rosbridge needs a library for WebSockets: pip install "mereq[web]"') from error
        self._failures = OSError, WebSocketException
        self._where, self._connection = f"ws://{host}:{port}", contextlib.ExitStack()
        try:
            connecting = connect(self._where, open_timeout=CONNECTING, close_timeout=1.0, max_size=LARGEST, proxy=None)
            self._socket = self._connection.enter_context(connecting)
        except self._failures as error:
            raise ArmFault(
                f"No rosbridge answers at {self._where} ({error}): ros2 launch rosbridge_server "
                "rosbridge_websocket_launch.xml"
            ) from error
        self._changed = threading.Condition()
        self._newest: dict[str, Message] = {}
        self._answers: dict[str, Message] = {}
        self._numbers = itertools.count(1)
        self._fault: str | None = None
        threading.Thread(target=self._read, name="rosbridge", daemon=True).start()

    def advertise(self, topic: str, kind: str) -> None:
        """Say that a topic will be published."""
        self._send({"op": "advertise", "topic": topic, "type": kind})

    def publish(self, topic: str, message: Message) -> None:
        """Publish on a topic."""
        self._send({"op": "publish", "topic": topic, "msg": message})

    def subscribe(self, topic: str, kind: str) -> None:
        """Receive a topic: its newest messages only."""
        self._send({"op": "subscribe", "topic": topic, "type": kind, "queue_length": 1})

    def newest(self, topic: str, patience: float, after: Message | None = None) -> Message:
        """The newest message of a topic, other than one that is known, within a time [s]."""
        with self._changed:
            self._changed.wait_for(lambda: self._fault or self._newest.get(topic, after) is not after, patience)
            self._check()
            found = self._newest.get(topic, after)
        if found is None or found is after:
            raise ArmFault(f"Nothing new was published on {topic} for {patience:g} s: look at the arm's driver")
        return found

    def last(self, topic: str) -> Message:
        """The newest message of a topic so far; an empty one, if there is none."""
        with self._changed:
            return self._newest.get(topic, {})

    def call(self, service: str, kind: str, arguments: Message) -> Message:
        """Values that a service answers."""
        number = f"mereq-{next(self._numbers)}"
        self._send({"op": "call_service", "service": service, "type": kind, "args": arguments, "id": number})
        with self._changed:
            self._changed.wait_for(lambda: self._fault or number in self._answers, ANSWER)
            self._check()
            answer = self._answers.pop(number, None)
        if answer is None or answer.get("result") is not True:
            why = "no answer" if answer is None else str(answer.get("values"))[:200]
            raise ArmFault(f"The service {service} failed ({why}): is MoveIt Servo running, under this name?")
        values = answer.get("values")
        return values if isinstance(values, dict) else {}  # pyright: ignore[reportUnknownVariableType]

    def close(self) -> None:
        """Disconnect."""
        with contextlib.suppress(*self._failures):
            self._connection.close()

    def _send(self, message: Message) -> None:
        self._check()
        try:
            self._socket.send(json.dumps(message, separators=(",", ":")))
        except self._failures as error:
            raise ArmFault(f"The connection to rosbridge is lost ({error})") from error

    def _check(self) -> None:
        if self._fault is not None:
            raise ArmFault(self._fault)

    def _read(self) -> None:
        try:
            for line in self._socket:
                self._sort(json.loads(line))
            self._fail("rosbridge closed it")
        except (*self._failures, ValueError) as error:
            self._fail(str(error))

    def _fail(self, why: str) -> None:
        with self._changed:
            self._fault = f"The connection to rosbridge is lost ({why})"
            self._changed.notify_all()

    def _sort(self, message: Any) -> None:
        if not isinstance(message, dict):
            return
        with self._changed:
            op, content = message.get("op"), message.get("msg")  # pyright: ignore[reportUnknownVariableType]
            if op == "publish" and isinstance(content, dict):
                self._newest[str(message.get("topic"))] = content  # pyright: ignore
            elif op == "service_response":
                self._answers[str(message.get("id"))] = message  # pyright: ignore
            self._changed.notify_all()
