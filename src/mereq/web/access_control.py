"""Access control of the server: every request is checked here first.

The server controls the user's robot and learner. A request must name one of the hosts under which the server was
started, or the very address at which it arrived, which prevents DNS rebinding, and have the session's token. A
WebSocket must come from the server's own page.
The port is not checked, since the near end of a tunnel often has another one.
"""

import re
import secrets
from collections.abc import Iterable
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mereq.web.addresses import as_host, is_address_of_machine

OPEN_TO_ALL = frozenset({"/page.js", "/page.css", "/icon.svg"})  # the page's own files, which contain no secrets
PORT = re.compile(r":[0-9]{1,5}\Z")  # at the end of a `Host`


class AccessControl:
    """ASGI application that passes permitted requests to another one.

    names: permitted hosts in the `Host` header, without the port, such as 127.0.0.1.
    token: required value of `?token=`.
    """

    def __init__(self, app: ASGIApp, *, names: Iterable[str], token: str):
        self._app, self._names, self._token = app, frozenset(names), token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with a reason."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        objection = self._objection(scope)
        if objection is None:
            await self._app(scope, receive, _with_headers(send, scope))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4403, "reason": objection})
        else:
            await PlainTextResponse(f"{objection}\n", 403)(scope, receive, _with_headers(send, scope))

    def _is_own(self, name: str, scope: Scope) -> bool:
        """Whether a host is a name of this server: a permitted one, or the address at which the request arrived."""
        address = (scope.get("server") or ("",))[0]
        return name.lower() in self._names or (is_address_of_machine(address) and name == as_host(address))

    def _objection(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._is_own(PORT.sub("", hosts[0]), scope):
            return "This server does not answer under that name. Use the address that `mereq supervise` printed."
        needed = scope["type"] == "websocket"
        if (needed or origins) and origins != [f"http://{hosts[0]}"]:
            return "Only the server's own page may connect to it."
        if scope["path"] in OPEN_TO_ALL and not needed:
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.get("token", [""])
        if len(given) != 1 or not secrets.compare_digest(given[0].encode(), self._token.encode()):
            return "The address lacks this session's token. Use the whole address that `mereq supervise` printed."
        return None


def _with_headers(send: Send, scope: Scope) -> Send:
    """Sender that adds security headers: no other site can frame or read the answer, and only the page's code runs."""
    host = Headers(scope=scope).get("host", "")
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://{host};"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    added = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-store",
    }

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message.get("headers", []),
                *((name.encode(), value.encode("latin-1", "ignore")) for name, value in added.items()),
            ]
        await send(message)

    return sending
