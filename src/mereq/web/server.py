"""Server of the page and of its WebSocket."""

import asyncio
import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from importlib.resources import files
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from mereq.supervision.interruption import interruption
from mereq.web.access_control import AccessControl
from mereq.web.addresses import listen as listen
from mereq.web.addresses import permitted_names, reachable_hosts
from mereq.web.json_text import to_json
from mereq.web.messages import Input, Refused, parse, place_of
from mereq.web.replay import CannotReplay
from mereq.web.session import STOPPED, Session
from mereq.web.token_bucket import TokenBucket
from mereq.web.views import Refusal

FILES = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
MOST_BYTES = 16_384  # size of a message, checked first
RATE, BURST = 300.0, 600.0  # messages per second, and at once; a page sends one per picture and 20 more
RELOAD = 3.0  # s within which a page may return
AHEAD = 8  # pictures that may be sent and not yet drawn; with more, a slow page would show old ones
KEEPALIVE = 0.5  # s after which the newest view is sent again: its absence tells the page that nothing arrives
ABORT_AFTER = 3.0  # s after which the connection of a page that is told a reason is cut, if it has not answered
GOING_AWAY, OCCUPIED, TAKEN = 1001, 4409, 4410  # codes for closing a WebSocket


class SupervisorSocket:
    """WebSocket of the page in control.

    Args:
        session: the run.
        ended: called when the last page has left a finished run.
        drop: cuts the connection of a WebSocket.
    """

    def __init__(self, session: Session, ended: Callable[[], None], drop: Callable[[WebSocket], None]):
        self._session, self._ended, self._drop = session, ended, drop
        self._driver: WebSocket | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._drawn = 0  # number of the last picture that the page in control has drawn
        self._has_drawn = asyncio.Event()

    async def serve(self, ws: WebSocket) -> None:
        """Serve a page until it leaves. A second page is refused, unless it asks to take control."""
        await ws.accept()
        before = self._driver
        if before is not None and ws.query_params.get("take") != "1":
            await ws.close(OCCUPIED, "Another page is in control of this run.")
            return
        self._driver = ws
        self._session.controls.admit("ready when you are")
        if before is not None:
            self._relieve(before)
        showing = asyncio.create_task(self._show(ws))
        try:
            await self._listen(ws)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the page was closed, or another one has taken control
        finally:
            showing.cancel()
            if self._driver is ws:
                self._driver = None
                self._session.controls.release("the page was left")
                self._end_if_over()

    async def close(self) -> None:
        """Close the WebSocket, with the reason that the program stops."""
        if self._driver is not None:
            await _close(self._driver, GOING_AWAY, STOPPED)

    def _relieve(self, ws: WebSocket) -> None:
        """Tell a page that another one is in control, and cut its connection only if it does not answer."""
        task = asyncio.create_task(_close(ws, TAKEN, "Another page has taken control."))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        asyncio.get_running_loop().call_later(ABORT_AFTER, self._drop, ws)

    def _end_if_over(self) -> None:
        """End the program unless the page returns soon. A task that sleeps would be cancelled by a shutdown."""
        if self._session.over:
            asyncio.get_running_loop().call_later(RELOAD, lambda: None if self._driver else self._ended())

    async def _show(self, ws: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await ws.send_text(to_json(self._session.hello()))
            number, view = await self._session.latest_view.after(0)
            self._drawn = view["frame"]
            while True:
                await ws.send_text(to_json(view))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(KEEPALIVE):
                        while view["frame"] - self._drawn > AHEAD:
                            self._has_drawn.clear()
                            await self._has_drawn.wait()
                        number, view = await self._session.latest_view.after(number)

    async def _listen(self, ws: WebSocket) -> None:
        messages, refusals = TokenBucket(RATE, BURST), TokenBucket(5.0, 10.0)
        while (received := await ws.receive())["type"] != "websocket.disconnect":
            if self._driver is not ws:
                continue  # its connection stays until it has been told why: returning would close it
            try:
                if not messages.spend(time.monotonic()):
                    raise Refused(f"more than {RATE:g} messages per second")
                text = received.get("text")
                if text is None:
                    raise Refused("a message is text")
                message = parse(text, self._session.actions)
                self._session.controls.receive(message, time.monotonic())
                if isinstance(message, Input):
                    self._drawn = max(self._drawn, message.frame)
                    self._has_drawn.set()
            except Refused as refusal:
                if refusals.spend(time.monotonic()):
                    answer: Refusal = {"kind": "refused", "reason": str(refusal)}
                    await ws.send_text(to_json(answer))


async def _close(ws: WebSocket, code: int, reason: str) -> None:
    """Send the close frame of a WebSocket, without waiting for a page that does not read."""
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        await asyncio.wait_for(ws.close(code, reason), ABORT_AFTER)


class Server(uvicorn.Server):
    """Server that closes its page with a reason, and does not wait for connections that stay open.

    Left alone, uvicorn waits for the tasks of open WebSockets, cancels them, and prints a traceback for each.

    close_page: function that closes the WebSocket of the page.
    """

    def __init__(self, config: uvicorn.Config, close_page: Callable[[], Awaitable[None]]):
        super().__init__(config)
        self._close_page = close_page

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `interruption`."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Whether to end: also when a signal was received."""
        return await super().on_tick(counter) or interruption.requested

    def drop(self, ws: WebSocket) -> None:
        """Cut the connection of a WebSocket, whose page may have stopped reading."""
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if transport is not None and tuple(transport.get_extra_info("peername")[:2]) == ws.scope["client"]:
                transport.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections; those that the page does not close itself within `ABORT_AFTER` are cut.

        uvicorn closes a socket together with its close frame. A page that sends something then is answered by a reset
        of the connection, and may report that instead of the reason that it was about to read.
        """
        asyncio.get_running_loop().call_later(ABORT_AFTER, self._abort_connections)
        await self._close_page()
        while any(map(_awaits_close_frame, self.server_state.connections)) and not self.force_exit:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)
        self._abort_connections()  # after a second signal, uvicorn has not waited
        if tasks := list(self.server_state.tasks):
            await asyncio.wait(tasks, timeout=1.0)

    def _abort_connections(self) -> None:
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


def _awaits_close_frame(connection: Any) -> bool:
    """Whether the close frame of a WebSocket was sent and its page has not answered it."""
    return getattr(connection, "close_timer", None) is not None


def _replays(session: Session) -> Any:
    """Answer to requests of replays: `?place=round,episode,step`."""

    async def answer(request: Request) -> Response:
        given = request.query_params.get("place", "")
        try:
            numbers = [int(part) if part.isdecimal() and len(part) < 16 else None for part in given.split(",")[:4]]
            place = place_of(numbers)
            shown = await asyncio.to_thread(session.replay, place)
        except (Refused, CannotReplay) as reason:
            return PlainTextResponse(str(reason), 404)
        return Response(to_json(shown), media_type="application/json")

    return answer


def application(page: SupervisorSocket, session: Session, *, names: Iterable[str], token: str) -> ASGIApp:
    """Web application with the files of the page, its WebSocket, and replays."""
    routes = [Route(path, _file(*about)) for path, about in FILES.items()]
    routes.append(Route("/replay", _replays(session)))
    return AccessControl(Starlette(routes=[*routes, WebSocketRoute("/wheel", page.serve)]), names=names, token=token)


def _file(name: str, kind: str) -> Any:
    content = files("mereq.web").joinpath("page", name).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind)

    return answer


def make_server(session: Session, listening: socket.socket, *, token: str) -> uvicorn.Server:
    """Server of the session, on a listening socket."""
    page = SupervisorSocket(session, lambda: setattr(server, "should_exit", True), lambda ws: server.drop(ws))
    config = uvicorn.Config(
        application(page, session, names=permitted_names(listening), token=token),
        log_level="error",
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        lifespan="off",
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    server = Server(config, page.close)
    return server


def serve(session: Session, listening: socket.socket, *, started: Callable[[Sequence[str]], None]) -> None:
    """Run the session and its server until the run is over and the page is closed, or until Ctrl-C.

    started: function that is called with the addresses of the page, which include the token; the first one is for this
        machine.

    Raises:
        MereqError: the session failed.
        KeyboardInterrupt: Ctrl-C.
    """
    token = secrets.token_urlsafe(24)
    server = make_server(session, listening, token=token)
    failures: list[BaseException] = []

    def run_session() -> None:
        try:
            session.run()
        except BaseException as failure:
            failures.append(failure)
            time.sleep(1.0)  # so that the page can show the error
            server.should_exit = True

    worker = threading.Thread(target=run_session, name="session")
    port = listening.getsockname()[1]
    started([f"http://{host}:{port}/?token={token}" for host in reachable_hosts(listening)])
    worker.start()
    try:
        server.run(sockets=[listening])
    finally:
        session.stop()
        worker.join()
    interruption.check()
    if failures:
        raise failures[0]
