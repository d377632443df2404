"""Nonsense from the network while a run goes on: it is refused, the run is unharmed, and a tunnel is no nonsense."""

import json
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mereq.core.actions import Discrete
from mereq.store.run_store import RunReader
from mereq.web.controls import UNSEEN
from mereq.web.messages import FIELDS, Refused, parse
from mereq.web.server import MOST_BYTES
from sittings import latest, running, served, spec
from waiting import HANG, until

TOKEN = "a-token"
PACE = 20.0
GO = json.dumps({"kind": "command", "name": "go", "value": None})
FINE = (
    None,
    "not started yet",
    "ready when you are",
    "the page was left",
    "the page does not answer",
    UNSEEN,  # a page that has just taken over
)  # while we drive


def nothing_held(session) -> str:
    said = {"frame": latest(session).get("frame", 0), "sent": time.time()}
    said |= {"mode": "toggle", "engaged": False, "action": None}
    return json.dumps({"kind": "input"} | said)


class SupervisorSocket:
    """A running session, and its page's end of the WebSocket: a page that lets the policy drive."""

    def __init__(self, session, port: int):
        self.session, self.host = session, f"127.0.0.1:{port}"
        self.page = None

    @contextmanager
    def open(self, host: str = "", **how):
        host = host or self.host
        address = f"ws://{host}/wheel?token={TOKEN}&take=1"
        with connect(address, origin=f"http://{host}", proxy=None, max_size=None, **how) as self.page:
            threading.Thread(target=self._listen, args=(self.page,), daemon=True).start()
            yield self.page

    def _listen(self, page) -> None:
        with suppress(ConnectionClosed):
            while True:
                page.recv()

    def let_pass(self, steps: int = 1) -> None:
        """Drive on until so many more steps were taken. Only silence may have stopped the run, on a slow machine."""
        end, over = latest(self.session)["step"] + steps, time.monotonic() + HANG
        while latest(self.session)["step"] < end:
            assert time.monotonic() < over, latest(self.session)
            paused = latest(self.session)["paused"]
            assert paused in FINE
            self.hold()
            if paused:
                self.page.send(GO)
            time.sleep(0.03)

    def hold(self) -> None:
        self.page.send(nothing_held(self.session))

    def raw(self) -> socket.socket:
        """A WebSocket that was let in, without a client of the protocol behind it."""
        host, port = self.host.split(":")
        link = socket.create_connection((host, int(port)), timeout=HANG)
        link.sendall(
            f"GET /wheel?token={TOKEN}&take=1 HTTP/1.1\r\nHost: {self.host}\r\nOrigin: http://{self.host}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert link.recv(12) == b"HTTP/1.1 101"
        return link


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
RIGHT = {
    "frame": st.just(1), "sent": st.just(1.0), "mode": st.just("toggle"), "engaged": st.just(True),
    "action": st.just(3),
    "name": st.sampled_from(["go", "pause", "release", "retract", "pace"]), "value": st.none() | st.just(5.0),
}  # fmt: skip
NEARLY_RIGHT = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {"kind": st.just(kind)} | {name: RIGHT[name] | VALUES for name in FIELDS[kind]},
        optional={"more": VALUES},
    )
)


def is_refused(text: str) -> bool:
    try:
        parse(text, Discrete(5))
    except Refused:
        return True
    return False


NONSENSE = (
    st.binary(max_size=200)
    | st.text(max_size=200).filter(is_refused)
    | VALUES.map(json.dumps).filter(is_refused)
    | NEARLY_RIGHT.map(json.dumps).filter(is_refused)
)


@pytest.fixture(scope="module")
def nonsense():
    """Drawn before anything runs: Hypothesis wants to be the only one to draw random numbers meanwhile."""
    found: list[str | bytes] = []

    @settings(max_examples=200, deadline=None, database=None)
    @given(NONSENSE)
    def gather(words):
        found.append(words)

    gather()
    return found


@pytest.fixture(scope="module")
def wheel(nonsense, tmp_path_factory):
    directory = tmp_path_factory.mktemp("abused") / "run"
    with running(directory, spec(steps=100_000), pace=PACE) as session, served(session, TOKEN) as port:
        until(lambda: latest(session)["phase"] == "supervising")
        yield SupervisorSocket(session, port)
    with RunReader.open(directory) as store:
        steps, seen_frames = store.steps(0), store.seen_frames(0)
    assert len(steps) == len(seen_frames) > 10
    assert not any(step.controller or step.retracts for step in steps)  # no takeover in all that
    assert all(np.array_equal(step.executed, step.proposed) for step in steps)


def test_whatever_the_page_says_the_run_goes_on(wheel, nonsense):
    with wheel.open():
        for number, words in enumerate(nonsense):
            wheel.page.send(words)
            if number % 10 == 0:
                wheel.let_pass()


@pytest.mark.parametrize(
    "frames",
    [
        b"\x00" * 40,  # no mask, a continuation of nothing
        b"\x83\x80abcd",  # an opcode that does not exist
        b"\xf1\x81abcd\x00",  # reserved bits
        b"\x81\xff" + struct.pack(">Q", 2**62) + b"abcd",  # four billion gigabytes announced
        b"\x81\x82abcd" + bytes(a ^ b for a, b in zip(b"\xff\xfe", b"ab", strict=True)),  # text that is not UTF-8
        b"\x89\xfe\x00\xff" + b"abcd" + b"x" * 255,  # a ping that is too long
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_broken_frames_end_their_connection_only(wheel, frames):
    with wheel.raw() as link:
        link.sendall(frames)
        with suppress(ConnectionError):
            while link.recv(65536):
                pass  # views, and the end
    with wheel.open():
        wheel.let_pass(2)


def test_a_message_that_grows_by_pieces_or_by_unpacking_is_cut(wheel):
    """What counts is its whole length, and that after decompression."""
    for message in ("x" * (4 * MOST_BYTES), iter(["x" * 1000] * (2 + MOST_BYTES // 1000))):
        with wheel.open() as page:
            with suppress(ConnectionClosed):
                page.send(message)
            until(lambda page=page: page.protocol.state.name == "CLOSED")
            assert page.protocol.close_rcvd.code == 1009
    with wheel.open():
        wheel.let_pass(2)


def test_a_connection_that_is_cut_pauses_the_run(wheel):
    """Without a goodbye, as when a machine dies; and it goes on from there."""
    begin = latest(wheel.session)["step"]
    with wheel.raw() as link:
        while latest(wheel.session)["step"] < begin + 2:
            link.sendall(masked(nothing_held(wheel.session)) + masked(GO))
            time.sleep(0.03)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # so that closing resets
    until(lambda: latest(wheel.session)["paused"])
    assert latest(wheel.session)["paused"] in ("the page was left", "the page does not answer")
    at = latest(wheel.session)["step"]
    with wheel.open():
        assert latest(wheel.session)["step"] == at
        wheel.let_pass(2)


def masked(text: str) -> bytes:
    """A frame with a short text, and a mask that changes nothing."""
    data = text.encode()
    return b"\x81" + bytes([0x80 | 126]) + struct.pack(">H", len(data)) + b"\0\0\0\0" + data


@pytest.mark.parametrize("name", ["Host: evil.example", "Origin: http://evil.example"])
def test_a_header_that_comes_twice_is_refused(wheel, name):
    host, port = wheel.host.split(":")
    with socket.create_connection((host, int(port)), timeout=HANG) as link:
        request = f"GET /?token={TOKEN} HTTP/1.1\r\nHost: {wheel.host}\r\nOrigin: http://{wheel.host}\r\n{name}\r\n\r\n"
        link.sendall(request.encode())
        assert link.recv(65536).split(b" ")[1] in (b"400", b"403")


@contextmanager
def tunnel(port: int):
    """What `ssh -L` does: another port of this machine that leads to that one. Gives it."""
    links: list[socket.socket] = []

    def carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, far = listening.accept()[0], socket.create_connection(("127.0.0.1", port))
                links.extend((near, far))
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=carry, args=ends, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
    for link in links:
        link.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_tunnel_whose_near_end_has_another_port(wheel, name):
    """`ssh -L 9000:127.0.0.1:8000`: the browser says 127.0.0.1:9000, and the page's WebSocket too."""
    with tunnel(int(wheel.host.split(":")[1])) as port:
        answer = httpx.get(f"http://{name}:{port}/?token={TOKEN}", trust_env=False)
        assert answer.status_code == 200
        assert f"ws://{name}:{port};" in answer.headers["content-security-policy"]
        with wheel.open(f"{name}:{port}"):
            wheel.let_pass(2)
