"""Addresses of the page: those that are printed work, and no other name is answered."""

import asyncio
import json
import socket

import pytest

from mereq.core.errors import CannotServe
from mereq.web.access_control import AccessControl
from mereq.web.addresses import listen, permitted_names, reachable_hosts
from mereq.web.json_text import to_json


def objection(host: str, arrived_at: str, names: frozenset[str]) -> str | None:
    scope = {
        "type": "http",
        "path": "/",
        "query_string": b"token=t",
        "headers": [(b"host", host.encode())],
        "server": (arrived_at, 80),
    }
    return AccessControl(lambda *_: asyncio.sleep(0), names=names, token="t")._objection(scope)


def test_everywhere_means_the_addresses_of_the_machine(monkeypatch):
    own = [(socket.AF_INET, None, 0, "", (address, 0)) for address in ("127.0.1.1", "10.1.2.3")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: own)
    with listen("0.0.0.0", 0) as listening:
        hosts, names = reachable_hosts(listening), permitted_names(listening)
    assert hosts[0] == "127.0.0.1"
    assert "10.1.2.3" in hosts
    assert "0.0.0.0" not in {*hosts, *names}
    assert "127.0.1.1" not in hosts
    for host in hosts:
        assert objection(f"{host}:8000", host, names) is None
    for name in ("evil.example", "10.1.2.4", "0.0.0.0"):
        assert "does not answer under that name" in str(objection(name, "10.1.2.3", names))


def test_one_address_is_itself():
    with listen("127.0.0.1", 0) as listening:
        assert reachable_hosts(listening) == ["127.0.0.1"]
        assert permitted_names(listening) == {"127.0.0.1", "localhost"}


@pytest.mark.parametrize("host", ["", "  ", "x" * 70, "no.such.host.invalid", "a..b"])
def test_hosts_that_are_refused(host):
    with pytest.raises(CannotServe, match="host"):
        listen(host, 0)


def test_numbers_that_json_lacks_become_null():
    view = {"speed": float("nan"), "poses": [(1.0, float("inf"))], "frame": 3}
    assert json.loads(to_json(view), parse_constant=pytest.fail) == {"speed": None, "poses": [[1.0, None]], "frame": 3}
    assert to_json({"frame": 3}) == '{"frame": 3}'
