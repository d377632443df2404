"""The emulated rosbridge on this machine's loopback, for one emulated Servo."""

import contextlib
import json
import socket
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from mereq.robots.emulator.servo import EmulatedServo

PUBLISHED = 0.02  # s between two messages of a topic


class RosbridgeServer:
    """WebSocket server that answers as rosbridge does.

    Args:
        listening: socket of the server.
        servo: what is behind it.
        lock: held while the servo is used.
    """

    def __init__(self, listening: socket.socket, servo: EmulatedServo, lock: threading.RLock):
        self._servo, self._lock = servo, lock
        self._closed = threading.Event()
        self._server = serve(self._converse, sock=listening, close_timeout=1.0)

    def __enter__(self) -> "RosbridgeServer":
        """Start."""
        threading.Thread(target=self._server.serve_forever, name="emulator", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop."""
        self._closed.set()
        self._server.shutdown()

    def _converse(self, client: ServerConnection) -> None:
        topics: set[str] = set()
        threading.Thread(target=self._publish, args=(client, topics), name="emulator", daemon=True).start()
        with contextlib.suppress(ConnectionClosed):
            for line in client:
                message = json.loads(line)
                if message.get("op") == "subscribe":
                    topics.add(str(message.get("topic")))
                elif message.get("op") == "unsubscribe":
                    topics.discard(str(message.get("topic")))
                with self._lock:
                    answer = self._servo.hear(message)
                if answer is not None:
                    client.send(json.dumps(answer))

    def _publish(self, client: ServerConnection, topics: set[str]) -> None:
        with contextlib.suppress(ConnectionClosed):
            while not self._closed.wait(PUBLISHED):
                for topic in sorted(topics):
                    with self._lock:
                        message = self._servo.published(topic)
                    if message is not None:
                        client.send(json.dumps({"op": "publish", "topic": topic, "msg": message}))
