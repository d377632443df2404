"""A session of FANUC's Remote Motion Interface: requests and their answers, instructions and their order."""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Protocol

from mereq.robots.arm import ArmFault
from mereq.robots.clock import Clock
from mereq.robots.fanuc.rmi_packets import Packet, check, command, communication, decoded, encoded

logger = logging.getLogger("mereq")
CONNECTING = 5.0  # s for a connection
ANSWER = 0.35  # s for the answer to a command that takes the controller no time
SLOW = 60.0  # s for the answer to a command that may take long, such as FRC_Abort
LONGEST_LINE = 65_536  # bytes
AT_THE_PENDANT = "Clear it at the pendant: release the stops, turn the pendant off, press RESET"


class Wire(Protocol):
    """A connection that carries lines."""

    def send(self, line: bytes) -> None:
        """Send a line. Raises OSError."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


Open = Callable[[str, int, Callable[[bytes | None], None]], Wire]  # host, port, what is told each line; None: the end


class SocketWire:
    """A TCP connection, with a thread that reads.

    Raises:
        OSError: there is no connection.
    """

    def __init__(self, host: str, port: int, tell: Callable[[bytes | None], None]):
        self._socket = socket.create_connection((host, port), timeout=CONNECTING)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tell = tell
        threading.Thread(target=self._read, name="rmi", daemon=True).start()

    def send(self, line: bytes) -> None:
        """Send a line."""
        self._socket.sendall(line)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self) -> None:
        kept = b""
        while True:
            try:
                received = self._socket.recv(65_536)
            except OSError:
                received = b""
            if not received or len(kept) > LONGEST_LINE:
                self._tell(None)
                return
            *lines, kept = (kept + received).split(b"\n")
            for line in lines:
                if line.strip():
                    self._tell(line.strip())


class RmiSession:
    """A session with a controller. Commands wait for their answers; instructions are answered when executed.

    A fault (an instruction's error, a pushed fault, a lost connection) is raised by the next call, and stays.

    Args:
        host: address of the controller.
        port: where a session is asked for.
        clock: time.
        open_wire: makes connections.
        connect: how a session is asked for: newer controllers know FRC_Connect_STMO, too.

    Raises:
        ArmFault: from any method.
    """

    def __init__(
        self, host: str, port: int, clock: Clock, open_wire: Open = SocketWire, *, connect: str = "FRC_Connect"
    ):
        self._host, self._clock, self._open = host, clock, open_wire
        self._changed = threading.Condition()
        self._commands = threading.RLock()  # held from a command to its answer
        self._order = threading.Lock()  # from an instruction's number to its being sent
        self._answers: list[Packet] = []
        self._waiting: dict[int, str] = {}  # instructions without an answer, by sequence number
        self._fault: ArmFault | None = None
        self._generation = 0  # of the connection that counts: the first one only names the port of the second
        self._wire = self._connected(port)
        hop = self.request(communication(connect), SLOW / 12)
        self.version = f"{hop.get('MajorVersion', '?')}.{hop.get('MinorVersion', '?')}"
        self._wire.close()
        onwards = hop.get("PortNumber")
        if not isinstance(onwards, int) or not 0 < onwards < 65_536:
            raise ArmFault(f"The controller named no port to continue on: {str(hop)[:200]}")
        with self._changed:
            self._generation, self._fault = 1, None  # the controller may have closed the first connection itself
        self._wire = self._connected(onwards)
        self._sequence = 1

    @property
    def unanswered(self) -> int:
        """Number of instructions that are not executed yet."""
        return len(self._waiting)

    @property
    def halted(self) -> bool:
        """Whether the controller has reported a fault, and stands by itself."""
        return isinstance(self._fault, _SystemFault)

    def request(self, packet: Packet, patience: float = ANSWER) -> Packet:
        """The answer to a command, which reports no error. patience: [s]."""
        name = packet.get("Command") or packet.get("Communication")
        if not self._commands.acquire(timeout=SLOW):
            raise ArmFault(f"The controller was not asked {name}: an earlier command has no answer")
        try:
            self._check()
            answer = self._answer_to(packet, patience, lambda: self._fault is not None)
            if answer is not None:
                return check(answer)
            self._check()
            raise ArmFault(
                f"The controller did not answer {name} within {patience:g} s: check the cable, and that it is on"
            )
        finally:
            self._commands.release()

    def _answer_to(self, packet: Packet, patience: float, given_up: Callable[[], bool]) -> Packet | None:
        """The answer to a command; None: there is none within a time [s]."""
        name = packet.get("Command") or packet.get("Communication")
        self._answers.clear()
        self._send(packet)
        self._clock.wait(self._changed, lambda: bool(self._answers) or given_up(), patience)
        while self._answers:
            answer = self._answers.pop(0)
            if name in (answer.get("Command"), answer.get("Communication")):
                return answer
            logger.warning("The controller answered %s to %s", str(answer)[:200], name)
        return None

    def instruct(self, packet: Packet) -> int:
        """Send an instruction, with the next sequence number, which is returned. Its answer is not waited for."""
        self._check()
        with self._order:
            with self._changed:
                number, self._sequence = self._sequence, self._sequence + 1
                self._waiting[number] = str(packet.get("Instruction"))
            self._send(packet | {"SequenceID": number})
        return number

    def await_at_most(self, unanswered: int, patience: float, given_up: Callable[[], bool] = lambda: False) -> bool:
        """Wait until at most so many instructions are not executed yet. Returns whether that came before a time [s]."""
        self._clock.wait(
            self._changed,
            lambda: len(self._waiting) <= unanswered or self._fault is not None or given_up(),
            patience,
        )
        self._check()
        return len(self._waiting) <= unanswered

    def start_sequence(self, number: int) -> None:
        """Number the next instruction. What waited is forgotten: the controller has dropped it."""
        with self._changed:
            self._sequence = number
            self._waiting.clear()

    def forget_fault(self) -> None:
        """Forget an instruction's fault, before the controller is reset. A lost connection is not forgotten."""
        if not isinstance(self._fault, _ConnectionLost):
            self._fault = None

    def wake(self) -> None:
        """Let `await_at_most` look again whether it is given up."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """End the session: the motion program must not be left behind. Errors are not raised: the end is the end."""
        try:
            self.forget_fault()
            self.request(command("FRC_Abort"), 2.0)
            self.request(communication("FRC_Disconnect"), 2.0)
        except ArmFault as fault:
            logger.warning("The session with the controller did not end in order. %s", fault)
        self._wire.close()

    def _connected(self, port: int) -> Wire:
        try:
            return self._open(self._host, port, partial(self._hear, self._generation))
        except OSError as error:
            raise ArmFault(
                f"No controller answers at {self._host}:{port} ({error}): check its power, the cable, `address`, and "
                "that it has Remote Motion (option R912)"
            ) from error

    def _send(self, packet: Packet) -> None:
        try:
            self._wire.send(encoded(packet))
        except OSError as error:
            raise self._lost(str(error)) from error

    def _check(self) -> None:
        if isinstance(self._fault, _SystemFault) and not self._fault.named:
            self._fault = self._named_fault()
        if self._fault is not None:
            raise self._fault

    def _named_fault(self) -> "_SystemFault":
        """The fault that the controller has reported, with the alarm that the pendant shows, if it tells."""
        with self._commands:
            answer = self._answer_to(command("FRC_ReadError", Count=1), ANSWER, lambda: False) or {}
        alarm = answer.get("ErrorData")
        what = f": {alarm[:200]}" if isinstance(alarm, str) and alarm else ""
        return _SystemFault(f"The controller reports a fault and has paused{what}. {AT_THE_PENDANT}", named=True)

    def _lost(self, why: str) -> ArmFault:
        return _ConnectionLost(f"The connection to the controller is lost ({why}): check the cable, and that it is on")

    def _hear(self, generation: int, line: bytes | None) -> None:
        """Sort what arrives, in the reading thread."""
        with self._changed:
            if generation != self._generation:
                return
            try:
                self._sort(None if line is None else decoded(line))
            except ArmFault as fault:
                self._fault = self._fault or fault
            self._changed.notify_all()

    def _sort(self, packet: Packet | None) -> None:
        if packet is None:
            raise self._lost("the controller closed it")
        if packet.get("Command") == "FRC_SystemFault" or packet.get("Communication") == "FRC_SystemFault":
            raise _SystemFault(f"The controller reports a fault and has paused. {AT_THE_PENDANT}")
        if packet.get("Communication") == "FRC_Terminate":
            raise self._lost("the controller ended the session, for instance after an hour without a command")
        if "Instruction" in packet:
            number = packet.get("SequenceID")
            if isinstance(number, int):
                self._waiting.pop(number, None)
            check(packet)
        else:
            self._answers.append(packet)


class _SystemFault(ArmFault):
    """A fault that the controller has reported, by itself. named: whether its alarm is told."""

    def __init__(self, message: str, named: bool = False):
        super().__init__(message)
        self.named = named


class _ConnectionLost(ArmFault):
    """A connection that no reset brings back."""
