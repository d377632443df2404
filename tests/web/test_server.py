"""Access control and the supervisor's socket: who may talk to the server, and the answers to nonsense."""

import asyncio
import contextlib
import json
import logging
import socket
import threading
import time

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mereq.core.actions import Discrete
from mereq.core.errors import CannotServe
from mereq.web import server as server_module
from mereq.web.controls import Controls
from mereq.web.latest_view import LatestView
from mereq.web.replay import CannotReplay
from mereq.web.server import AHEAD, BURST, GOING_AWAY, MOST_BYTES, OCCUPIED, TAKEN, listen, make_server
from mereq.web.session import STOPPED, Session
from waiting import HANG

TOKEN = "a-token"
INPUT = json.dumps({"kind": "input", "frame": 1, "sent": 2.0, "mode": "toggle", "engaged": False, "action": None})
GO = json.dumps({"kind": "command", "name": "go", "value": None})


HANDSHAKE = (
    f"GET /wheel?token={TOKEN} HTTP/1.1\r\nHost: {{host}}\r\nOrigin: http://{{host}}\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Sitting(Session):
    """What the server needs of a session, and no run."""

    over = False

    def __init__(self):
        self.controls, self.latest_view, self.actions = Controls(pace=2.0), LatestView(), Discrete(5)
        self.latest_view.put({"kind": "view", "frame": 0})

    def hello(self) -> dict:
        return {"kind": "hello"}

    def replay(self, place: tuple[int, int, int]) -> dict:
        if place != (0, 3, 12):
            raise CannotReplay("No intervention begins there.")
        return {"kind": "replay", "pictures": [], "yours": [], "seconds": 0.1}


@pytest.fixture
def sitting():
    return Sitting()


class Place:
    """A server on this machine, and how to reach it."""

    def __init__(self, port: int):
        self.host = f"127.0.0.1:{port}"

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"http://{self.host}{path}", headers=headers, trust_env=False)

    def handshake(self, *, token: str = TOKEN, **headers: str) -> int:
        """The answer to a WebSocket's first request: 101 is a welcome."""
        needed = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
        key = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
        return self.get(f"/wheel?token={token}", **needed, **key, **headers).status_code

    @contextlib.contextmanager
    def wheel(self, more: str = "", *, greeted: bool = True):
        address = f"ws://{self.host}/wheel?token={TOKEN}{more}"
        with connect(address, origin=f"http://{self.host}", proxy=None, max_size=None) as page:
            if greeted:
                assert hear(page) == {"kind": "hello"}
                assert hear(page)["kind"] == "view"
            yield page


def hear(page) -> dict:
    return json.loads(page.recv(timeout=HANG))


def becomes(wanted, look, seconds: float = HANG) -> bool:
    """Whether look() gives what is wanted before long."""
    end = time.monotonic() + seconds
    while look() != wanted and time.monotonic() < end:
        time.sleep(0.01)
    return look() == wanted


@contextlib.contextmanager
def running_server(sitting):
    """A server in a thread of its own, and the place where it is; it has stopped at the end of the block."""
    with listen("127.0.0.1", 0) as listening:
        server = make_server(sitting, listening, token=TOKEN)
        server.config.timeout_graceful_shutdown = int(HANG)  # when uvicorn would log that something hangs
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        place = Place(listening.getsockname()[1])
        assert becomes(True, lambda: server.started)
        yield server, place
        server.should_exit = True
        thread.join(HANG)
        assert not thread.is_alive()


@pytest.fixture(autouse=True)
def no_repetition(monkeypatch):
    """The newest view is not sent again while a test counts messages."""
    monkeypatch.setattr(server_module, "KEEPALIVE", 10 * HANG)


@pytest.fixture
def client(sitting):
    with running_server(sitting) as (_, place):
        yield place


def test_the_page_comes_with_its_token_only(client):
    assert client.get(f"/?token={TOKEN}").status_code == 200
    for path in ("/", "/?token=", "/?token=other", f"/?token={TOKEN}&token=other", "/?token=%ff%00"):
        assert client.get(path).status_code == 403
        assert "token" in client.get(path).text
    assert client.get("/page.js").status_code == 200
    assert client.get(f"/../store.py?token={TOKEN}").status_code == 404


def test_an_intervention_is_shown_again_to_its_page_only(client):
    assert client.get(f"/replay?token={TOKEN}&place=0,3,12").json()["kind"] == "replay"
    assert client.get("/replay?place=0,3,12").status_code == 403
    for place in ("", "0,3", "0,3,12,4", "0,3,-1", "0,3,x", "0,3,²", f"0,3,{'9' * 5000}", "0,3,1"):
        refused = client.get(f"/replay?token={TOKEN}&place={place}")
        assert refused.status_code == 404
        assert refused.text in (
            "No intervention begins there.",
            "an intervention is named by its round, its episode and its first step, each a whole number",
        )


def test_what_the_page_may_do_is_fenced_in(client):
    headers = client.get(f"/?token={TOKEN}").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8123", "127.0.0.1.evil.example:80", "127.0.0.1:80:80", "127.0.0.1:", "::1", ""],
)
def test_other_names_get_no_answer(client, host):
    """DNS rebinding: a page elsewhere whose name leads here."""
    assert client.get(f"/?token={TOKEN}", host=host).status_code in (400, 403)
    assert client.get("/page.js", host=host).status_code in (400, 403)
    assert client.handshake(host=host, origin=f"http://{host}") in (400, 403)


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "https://{}", "http://127.0.0.1:9", "http://{}.evil.example", "HTTP://{}"],
)
def test_a_websocket_from_another_page_is_refused(client, origin):
    assert client.handshake(**({} if origin is None else {"origin": origin.format(client.host)})) == 403


def test_a_websocket_from_the_own_page_is_welcome(client):
    assert client.handshake(origin=f"http://{client.host}") == 101


@pytest.mark.parametrize("token", ["", "other", "a-token2", "A-TOKEN"])
def test_a_websocket_without_the_token_is_refused(client, token):
    assert client.handshake(token=token, origin=f"http://{client.host}") == 403


def test_other_sites_cannot_read_the_page(client):
    assert client.get(f"/?token={TOKEN}", origin="http://evil.example").status_code == 403


def test_a_page_gets_everything_and_is_listened_to(client, sitting):
    with client.wheel() as page:
        assert sitting.controls.state(0.0).paused
        page.send(INPUT)
        page.send(GO)
        sitting.latest_view.put({"kind": "view", "frame": 1})
        assert hear(page)["frame"] == 1
        page.send("nonsense")  # its answer says that all before was taken in
        assert hear(page)["kind"] == "refused"
        assert sitting.controls.state(0.0).paused is None
    assert becomes("the page was left", lambda: sitting.controls.state(0.0).paused)


def test_a_second_page_is_told_why_it_is_refused(client, sitting):
    with client.wheel() as first:
        with client.wheel(greeted=False) as second, pytest.raises(ConnectionClosed) as refusal:
            hear(second)
        assert (refusal.value.rcvd.code, refusal.value.rcvd.reason) == (
            OCCUPIED,
            "Another page is in control of this run.",
        )
        first.send("nonsense")
        assert hear(first)["kind"] == "refused"  # the first one is still there


def test_a_second_page_takes_the_wheel_when_it_says_so(client, sitting):
    with client.wheel() as first:
        first.send(INPUT)
        first.send(GO)
        with client.wheel("&take=1") as second:
            with pytest.raises(ConnectionClosed) as end:
                hear(first)
            assert end.value.rcvd.code == TAKEN
            second.send("nonsense")
            assert hear(second)["kind"] == "refused"
            assert sitting.controls.state(0.0).paused == "ready when you are"
        assert becomes("the page was left", lambda: sitting.controls.state(0.0).paused)


def stays_open_until_answered(page: socket.socket, code: int, reason: str) -> None:
    """A page has been told a reason; what it sends before it answers is no fault, and then the connection ends.

    Cut at once, a browser would report a lost connection instead of the reason.
    """
    received = page.recv(12)
    while reason.encode() not in received:
        received += page.recv(4096)
    page.sendall(b"\x81\x82" + bytes(4) + b"{}")  # a masked message, sent before the close frame is read
    page.settimeout(0.2)
    with pytest.raises(TimeoutError):
        page.recv(1)
    page.settimeout(HANG)
    page.sendall(b"\x88\x82" + bytes(4) + code.to_bytes(2))  # the masked close frame of a page
    assert page.recv(1) == b""


def test_a_page_that_was_taken_over_can_answer_the_close_frame(client, monkeypatch):
    monkeypatch.setattr(server_module, "ABORT_AFTER", HANG)
    with socket.create_connection(client.host.split(":"), timeout=HANG) as first:
        first.sendall(HANDSHAKE.format(host=client.host).encode())
        assert first.recv(12) == b"HTTP/1.1 101"
        with client.wheel("&take=1"):
            stays_open_until_answered(first, TAKEN, "Another page has taken control.")


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "{",
        "[]",
        "x" * 10_000,
        '{"kind": "input", "action": 99}',
        "\x00",
        '{"kind":"command","name":"pace","value":1e999}',
    ],
)
def test_nonsense_is_refused_with_a_reason_and_harms_nothing(client, sitting, nonsense):
    with client.wheel() as page:
        page.send(INPUT)
        page.send(GO)
        page.send(nonsense)
        answer = hear(page)
        assert answer["kind"] == "refused"
        assert len(answer["reason"]) > 10
        assert sitting.controls.state(0.0).paused is None
        page.send(b"\xff")
        assert "text" in hear(page)["reason"]


def test_a_message_beyond_all_measure_ends_the_connection_and_pauses(client, sitting):
    with client.wheel() as page:
        page.send(INPUT)
        page.send(GO)
        page.send("x" * (MOST_BYTES + 1))
        with pytest.raises(ConnectionClosed) as end:
            hear(page)
        assert end.value.rcvd.code == 1009
    assert becomes("the page was left", lambda: sitting.controls.state(0.0).paused)
    with client.wheel():
        pass  # the server is there all the same


def test_a_flood_is_not_listened_to(client, sitting):
    """Beyond the allowance nothing gets through, and the answers are few."""
    with client.wheel() as page:
        for _ in range(3 * int(BURST)):
            page.send(INPUT)
        page.send(GO)
        assert "messages per second" in hear(page)["reason"]
        assert sitting.controls.state(0.0).paused


def test_a_slow_page_gets_the_latest_view_only(client, sitting):
    """What was put while it had too many pictures to draw is gone, but the last; and nothing queues on the way."""
    with client.wheel() as page:
        for frame in range(1, AHEAD + 2):
            sitting.latest_view.put({"kind": "view", "frame": frame})
            assert hear(page)["frame"] == frame
        for frame in range(AHEAD + 2, 1000):
            sitting.latest_view.put({"kind": "view", "frame": frame})
        page.send("nonsense")  # its answer is all that comes
        assert hear(page)["kind"] == "refused"
        page.send(INPUT)  # it has drawn the first one
        assert hear(page)["frame"] == 999
        sitting.latest_view.put({"kind": "view", "frame": 1000})
        page.send("nonsense")  # again
        assert hear(page)["kind"] == "refused"
        page.send(INPUT.replace('"frame": 1,', '"frame": 999,'))
        assert hear(page)["frame"] == 1000


def test_a_page_that_comes_back_starts_with_what_is_there_now(client, sitting):
    """However many pictures were shown before it."""
    sitting.latest_view.put({"kind": "view", "frame": 5000})
    with client.wheel(greeted=False) as page:
        assert hear(page) == {"kind": "hello"}
        assert hear(page)["frame"] == 5000
        for frame in range(5001, 5003):
            sitting.latest_view.put({"kind": "view", "frame": frame})
            assert hear(page)["frame"] == frame


@pytest.mark.parametrize("drawn", [True, False])
def test_the_newest_view_is_sent_again(client, sitting, monkeypatch, drawn):
    """So the page knows that something arrives, even if it draws too slowly to be sent more pictures."""
    monkeypatch.setattr(server_module, "KEEPALIVE", 0.01)
    sitting.latest_view.put({"kind": "view", "frame": 1})
    with client.wheel() as page:
        assert [hear(page)["frame"] for _ in range(3)] == [1, 1, 1]
        newest = 2 if drawn else 2 + AHEAD
        sitting.latest_view.put({"kind": "view", "frame": newest})
        while hear(page)["frame"] != newest:
            pass
        assert hear(page)["frame"] == newest


def stop_reading(page: socket.socket, client: Place, sitting: Sitting) -> None:
    """A page that is let in, and reads nothing of a view that is larger than all buffers on the way."""
    page.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, port = client.host.split(":")
    page.connect((host, int(port)))
    page.sendall(HANDSHAKE.format(host=client.host).encode())
    assert b" 101 " in page.recv(64)
    sitting.latest_view.put({"kind": "view", "frame": 1, "ballast": "0" * 16_000_000})
    assert becomes(2000, lambda: len(page.recv(2000, socket.MSG_PEEK)))  # more than all before that view


def test_a_page_that_reads_nothing_is_relieved_at_once(sitting):
    """Its connection is cut, and what it still says counts no more."""
    with socket.socket() as stuck, running_server(sitting) as (_, client):
        stop_reading(stuck, client, sitting)
        with client.wheel("&take=1"):
            stuck.settimeout(HANG)
            with contextlib.suppress(ConnectionError):
                while stuck.recv(1_000_000):
                    pass  # what was sent before; then the end, or a reset


@pytest.mark.parametrize("over", [False, True])
def test_a_server_that_stops_tells_the_page_and_logs_nothing(sitting, over, caplog):
    """Also when the run is over, and the server would wait for the page to come back."""
    sitting.over = over
    with running_server(sitting) as (server, client), client.wheel() as page:
        logging.getLogger("uvicorn.error").addHandler(caplog.handler)
        server.should_exit = True
        with pytest.raises(ConnectionClosed) as closed:
            page.recv(timeout=HANG)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (GOING_AWAY, STOPPED)
    assert caplog.messages == []


def test_a_page_that_talks_while_it_is_taken_over_is_told_why(client, monkeypatch):
    """What it says before the close frame is sent does not end its connection."""
    close, may_close = server_module._close, threading.Event()

    async def late(*told) -> None:
        await asyncio.to_thread(may_close.wait, HANG)
        await close(*told)

    monkeypatch.setattr(server_module, "_close", late)
    with client.wheel() as first, client.wheel("&take=1") as second:
        first.send(INPUT)
        for _ in range(3):
            second.send("nonsense")
            assert hear(second)["kind"] == "refused"  # so that the server has read what the first one said
        may_close.set()
        with pytest.raises(ConnectionClosed) as end:
            hear(first)
    assert end.value.rcvd.code == TAKEN


def test_a_page_can_answer_the_close_frame_of_a_server_that_stops(sitting, monkeypatch):
    monkeypatch.setattr(server_module, "ABORT_AFTER", HANG)
    with running_server(sitting) as (server, client), socket.create_connection(client.host.split(":")) as page:
        page.settimeout(HANG)
        page.sendall(HANDSHAKE.format(host=client.host).encode())
        assert page.recv(12) == b"HTTP/1.1 101"
        server.should_exit = True
        stays_open_until_answered(page, GOING_AWAY, STOPPED)


@pytest.mark.parametrize("force_exit", [False, True])
def test_a_server_that_stops_does_not_wait_for_a_page_that_reads_nothing(sitting, force_exit, caplog, monkeypatch):
    """Also after a second signal, when uvicorn does not wait for tasks and the event loop would cancel them."""
    monkeypatch.setattr(server_module, "ABORT_AFTER", 0.3)
    with socket.socket() as page, running_server(sitting) as (server, client):
        stop_reading(page, client, sitting)
        logging.getLogger("uvicorn.error").addHandler(caplog.handler)
        server.force_exit = force_exit
        server.should_exit = True
    assert caplog.messages == []


@pytest.mark.parametrize("port", [99999, -1])
def test_a_port_that_no_machine_has(port):
    with pytest.raises(CannotServe, match="--port from 1 to 65535"):
        listen("127.0.0.1", port)


def test_a_port_that_another_program_has():
    with listen("127.0.0.1", 0) as taken, pytest.raises(CannotServe, match=r"in use.*Choose another .*--port"):
        listen("127.0.0.1", taken.getsockname()[1])
