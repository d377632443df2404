"""The emulated cell on this machine's loopback: the arm by two ports, the camera's pictures by one, in real time."""

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator

from mereq.robots.arm import ArmFault
from mereq.robots.cell_file import RosEntry
from mereq.robots.emulator.cell import EmulatedCell, Picture, toml_of
from mereq.robots.emulator.controller import SESSION_PORT
from mereq.robots.emulator.motion import ITP
from mereq.robots.fanuc.rmi_packets import PORT, Packet, decoded, encoded
from mereq.robots.sight.cameras import HEADER

LOOPBACK = "127.0.0.1"
SLOW_BY = 0.2  # s that the emulator may be behind; more is forgotten, so that it never hurries
ENDING = 10.0  # s for a thread to end
logger = logging.getLogger("mereq")


class EmulatorServer:
    """The emulated cell on loopback. Ports of 0 are any free ones; real clients expect the session at 16002.

    Args:
        cell: the cell.
        port: where an RMI session is asked for.
        session_port: where it continues.
        camera_port: where pictures are sent.
        delay: of each answer [s].
        ros: names of an emulated MoveIt Servo behind a rosbridge at `port`, in the controller's place; None: none.
        stream: whether Stream Motion moves the arm, with what it needs of RMI at `port`.
        stream_port: of Stream Motion; 0: any free one.
    """

    def __init__(
        self,
        cell: EmulatedCell,
        *,
        port: int = PORT,
        session_port: int = SESSION_PORT,
        camera_port: int = 0,
        delay: float = 0.0,
        ros: RosEntry | None = None,
        stream: bool = False,
        stream_port: int = 0,
    ):
        self.cell, self._delay = cell, delay
        self._lock = threading.RLock()  # of the cell, but not of its pictures
        self._closed = threading.Event()
        self._new_picture = threading.Condition()
        self._picture: tuple[Picture, float] | None = None
        self.stream = None
        if stream:
            from mereq.robots.emulator.stream import EmulatedStream  # airo-fanuc: not needed for the other wires

            self.stream = EmulatedStream(
                cell.plant, cell.controller, self._lock, rmi_port=port, stream_port=stream_port
            )
            cell.stream, port, session_port = self.stream, 0, 0
        self._listening = [_listen(port), _listen(session_port), _listen(camera_port)]
        self.port, self.session_port, self.camera_port = (each.getsockname()[1] for each in self._listening)
        self._clients: list[socket.socket] = []
        self._rosbridge = None
        if ros is not None:
            from mereq.robots.emulator.rosbridge import RosbridgeServer  # websockets: not needed for RMI

            self._rosbridge = RosbridgeServer(self._listening[0], cell.serve_ros(ros), self._lock)

    @property
    def toml(self) -> str:
        """The file that `--robot fanuc:FILE` reads."""
        if self.stream is None:
            return toml_of(self.cell, port=self.port, camera_port=self.camera_port)
        ports = {"port": self.stream.rmi_port, "stream_port": self.stream.stream_port}
        return toml_of(self.cell, camera_port=self.camera_port, **ports)

    def __enter__(self) -> "EmulatorServer":
        """Start."""
        if self.stream is not None:
            self.stream.start()
            acts = (self._film, self._tick, self._look)
        elif self._rosbridge is not None:
            self._rosbridge.__enter__()
            acts = (self._film, self._run, self._look)
        else:
            acts = (self._boot, self._serve, self._film, self._run, self._look)
        self._threads = [threading.Thread(target=act, name="emulator", daemon=True) for act in acts]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop, and disconnect all clients."""
        self._closed.set()
        if self._rosbridge is not None:
            self._rosbridge.__exit__()
        if self.stream is not None:
            self.stream.close()
        for each in (*self._listening, *self._clients):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(ENDING)  # a picture that is being taken needs the graphics
        with self._lock:
            self.cell.close()

    def _run(self) -> None:
        """Let the cell's time pass with the machine's."""
        before = time.monotonic()
        while not self._closed.wait(ITP / 2.0):
            now = time.monotonic()
            passed, before = min(now - before, SLOW_BY), now
            with self._lock:
                self.cell.advance(passed)

    def _tick(self) -> None:
        """Let the cell's time pass period by period, as a stream needs it. A late emulator does not hurry."""
        due = time.monotonic()
        while not self._closed.wait(max(0.0, due - time.monotonic())):
            due = max(due + ITP, time.monotonic() - ITP)
            with self._lock:
                self.cell.advance(ITP)

    def _look(self) -> None:
        """Take pictures. Rendering works on a copy of the state, so that motion does not wait for it."""
        period = self.cell.frame_period
        due = time.monotonic()
        while not self._closed.wait(max(0.0, due - time.monotonic())):
            due = max(due + period, time.monotonic())
            with self._lock:
                taken, snapshot = time.monotonic(), self.cell.snapshot()
            picture = self.cell.stage.picture(snapshot)
            if picture is not None:
                with self._new_picture:
                    self._picture = picture, taken
                    self._new_picture.notify_all()

    def _boot(self) -> None:
        for client in self._accepted(self._listening[0]):
            for packet in _packets(client):
                answer = self.cell.controller.connect(packet)
                if answer is not None:
                    with contextlib.suppress(OSError):
                        client.sendall(encoded(answer | {"PortNumber": self.session_port}))
                    client.close()
                    break

    def _serve(self) -> None:
        for client in self._accepted(self._listening[1]):
            threading.Thread(target=self._converse, args=(client,), name="emulator", daemon=True).start()

    def _converse(self, client: socket.socket) -> None:
        def tell(packet: Packet) -> None:
            with contextlib.suppress(OSError):
                client.sendall(encoded(packet))

        with self._lock:
            mine = self.cell.controller.begin(tell)
        for packet in _packets(client):
            if self._delay:
                time.sleep(self._delay)
            with self._lock:
                if mine:
                    self.cell.controller.hear(packet)
        with self._lock:
            if mine:
                self.cell.controller.drop()

    def _film(self) -> None:
        for client in self._accepted(self._listening[2]):
            threading.Thread(target=self._show, args=(client,), name="emulator", daemon=True).start()

    def _show(self, client: socket.socket) -> None:
        """Send the newest picture whenever the client asks for a new one."""
        found = self.cell.stage.intrinsics
        about = {"size": list(found.size), "focal": list(found.focal), "centre": list(found.centre)}
        shown: tuple[Picture, float] | None = None
        with contextlib.suppress(OSError):
            client.sendall(json.dumps(about).encode() + b"\n")
            while not self._closed.is_set() and client.recv(1):
                with self._new_picture:
                    while (shown is self._picture or self._picture is None) and not self._closed.is_set():
                        self._new_picture.wait(0.5)
                    shown = self._picture
                if shown is None:
                    return
                picture, taken = shown
                client.sendall(HEADER.pack(taken) + picture.tobytes())

    def _accepted(self, listening: socket.socket) -> Iterator[socket.socket]:
        while not self._closed.is_set():
            try:
                client, _ = listening.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients = [each for each in self._clients if each.fileno() >= 0] + [client]
            yield client


def _packets(client: socket.socket) -> Iterator[Packet]:
    """Packets of a client, until it leaves or sends what is no packet."""
    kept = b""
    while True:
        try:
            received = client.recv(65_536)
        except OSError:
            return
        if not received:
            return
        *lines, kept = (kept + received).split(b"\n")
        for line in lines:
            if line.strip():
                try:
                    yield decoded(line.strip())
                except ArmFault:
                    logger.warning("The emulator was sent what is no packet: %r", line[:80])
                    return


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((LOOPBACK, port))
    listening.listen(4)
    return listening
