"""The server: hands out the page, and holds one WebSocket to it."""

import asyncio
import contextlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from mereq.core.errors import CannotWrite
from mereq.web.access_control import AccessControl
from mereq.web.messages import Input, Refused, parse
from mereq.web.session import Session
from mereq.web.token_bucket import TokenBucket

FILES = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
MOST_BYTES = 16_384  # of a message, before anything looks at it
RATE, BURST = 300.0, 600.0  # messages per second, and at once; a page sends one per picture and 20 besides
MOST_PORTS = 65_535
RELOAD = 3.0  # s that a page may take to come back
AHEAD = 8  # pictures that may be on their way to the page; more would show a slow one the past
OCCUPIED, TAKEN = 4409, 4410  # why a WebSocket was closed


class SupervisorSocket:
    """The one WebSocket that may drive."""

    def __init__(self, session: Session, ended: Callable[[], None]):
        self._session, self._ended = session, ended
        self._driver: WebSocket | None = None
        self._drawn = 0  # number of the last picture that the driver's page has drawn
        self._has_drawn = asyncio.Event()

    async def serve(self, ws: WebSocket) -> None:
        """Serve a page until it leaves. A second one is refused, unless it says that it takes over."""
        await ws.accept()
        if self._driver is not None:
            if ws.query_params.get("take") != "1":
                await ws.close(OCCUPIED, "Another page is at the wheel.")
                return
            before, self._driver = self._driver, None
            with contextlib.suppress(RuntimeError):
                await before.close(TAKEN, "Another page has taken the wheel.")
        self._driver = ws
        self._session.controls.release("ready when you are")
        showing = asyncio.create_task(self._show(ws))
        try:
            await self._listen(ws)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the page has gone, or another one has taken over
        finally:
            showing.cancel()
            if self._driver is ws:
                self._driver = None
                self._session.controls.release("the page was left")
                await self._end_if_over()

    async def _end_if_over(self) -> None:
        if self._session.over:
            await asyncio.sleep(RELOAD)
            if self._driver is None:
                self._ended()

    async def _show(self, ws: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await ws.send_text(json.dumps(self._session.hello()))
            number, view = await self._session.latest_view.after(0)
            self._drawn = view["frame"]
            while True:
                await ws.send_text(json.dumps(view))
                while view["frame"] - self._drawn > AHEAD:
                    self._has_drawn.clear()
                    await self._has_drawn.wait()
                number, view = await self._session.latest_view.after(number)

    async def _listen(self, ws: WebSocket) -> None:
        allowance, answers = TokenBucket(RATE, BURST), TokenBucket(5.0, 10.0)
        while self._driver is ws:
            received = await ws.receive()
            if received["type"] == "websocket.disconnect":
                return
            try:
                if not allowance.spend(time.monotonic()):
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
                if answers.spend(time.monotonic()):
                    await ws.send_text(json.dumps({"kind": "refused", "reason": str(refusal)}))


def application(session: Session, *, names: list[str], token: str, ended: Callable[[], None]) -> ASGIApp:
    """The web application. ended: called when the last page has left a run that is over."""
    routes = [Route(path, _file(*about)) for path, about in FILES.items()]
    return AccessControl(
        Starlette(routes=[*routes, WebSocketRoute("/wheel", SupervisorSocket(session, ended).serve)]),
        names=names,
        token=token,
    )


def _file(name: str, kind: str) -> Any:
    content = files("mereq.web").joinpath("page", name).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind)

    return answer


def listen(host: str, port: int) -> socket.socket:
    """A socket to serve on. port 0: any that is free.

    Raises:
        CannotWrite: somebody else has it, or this machine has no such address.
    """
    if not 0 <= port <= MOST_PORTS:
        raise CannotWrite(
            f"There is no port {port}. Choose a --port from 1 to {MOST_PORTS}, or 0 for any that is free."
        )
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise CannotWrite(f"Cannot serve on {host} port {port}: {error.strerror}. Choose another --port.") from error


def make_server(session: Session, listening: socket.socket, *, token: str) -> uvicorn.Server:
    """A server for the session, on a socket that listens already."""
    names = {_named(listening.getsockname()[0]), "127.0.0.1", "localhost"}
    server: uvicorn.Server
    server = uvicorn.Server(
        uvicorn.Config(
            application(session, names=sorted(names), token=token, ended=lambda: setattr(server, "should_exit", True)),
            log_level="error",
            access_log=False,
            ws="websockets-sansio",
            ws_max_size=MOST_BYTES,
            lifespan="off",
            timeout_graceful_shutdown=2,
            server_header=False,
        )
    )
    return server


def serve(session: Session, listening: socket.socket, *, started: Callable[[str], None]) -> None:
    """Run the session and its server, until the run is over and the page was closed, or Ctrl-C.

    started: told the address of the page, with its token.

    Raises:
        MereqError: what stopped the session.
        KeyboardInterrupt: Ctrl-C.
    """
    token = secrets.token_urlsafe(24)
    server = make_server(session, listening, token=token)
    failures: list[BaseException] = []

    def follow() -> None:
        try:
            session.run()
        except BaseException as failure:
            failures.append(failure)
            time.sleep(1.0)  # for the page to show what went wrong
            server.should_exit = True

    worker = threading.Thread(target=follow, name="session")
    host, port = listening.getsockname()[:2]
    started(f"http://{_named(host)}:{port}/?token={token}")
    worker.start()
    try:
        server.run(sockets=[listening])
    finally:
        session.stop()
        worker.join()
    if failures:
        raise failures[0]


def _named(host: str) -> str:
    """As it stands in an address."""
    return f"[{host}]" if ":" in host else host
