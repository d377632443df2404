"""Addresses of the page: where the server listens, under which names it answers, and which ones are printed."""

import ipaddress
import socket
from contextlib import suppress

from mereq.core.errors import CannotServe

MOST_PORTS = 65_535
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # for documentation: nothing is sent there


def listen(host: str, port: int) -> socket.socket:
    """Listening socket. port: 0 chooses any free one.

    Raises:
        CannotServe: the port is in use or does not exist, or this machine has no such address.
    """
    if not 0 <= port <= MOST_PORTS:
        raise CannotServe(
            f"There is no port {port}. Choose a --port from 1 to {MOST_PORTS}, or 0 for any that is free."
        )
    if not host.strip():
        raise CannotServe(
            "--host is empty. Name an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of its addresses."
        )
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "this is no name of a host"
        raise CannotServe(f"Cannot serve on {host} port {port}: {reason}. Choose another --port or --host.") from error


def reachable_hosts(listening: socket.socket) -> list[str]:
    """Hosts in the form of a URL under which the page is reached: this machine's first, then those of the network."""
    host = listening.getsockname()[0]
    if not _is_wildcard(host):
        return [as_host(host)]
    own = "127.0.0.1" if listening.family == socket.AF_INET else "::1"
    return [as_host(address) for address in dict.fromkeys([own, *_own_addresses(listening.family)])]


def permitted_names(listening: socket.socket) -> frozenset[str]:
    """Hosts that a request may name, besides the address at which it arrived (see `AccessControl`)."""
    host = listening.getsockname()[0]
    own = {socket.gethostname().lower()} if _is_wildcard(host) else {as_host(host)}
    return frozenset({"127.0.0.1", "localhost", *own})


def as_host(address: str) -> str:
    """The address in the form of a URL: IPv6 addresses have brackets."""
    return f"[{address}]" if ":" in address else address


def is_address_of_machine(address: str) -> bool:
    """Whether the text is an address, and not the wildcard that stands for all of them."""
    try:
        return not ipaddress.ip_address(address.partition("%")[0]).is_unspecified
    except ValueError:
        return False


def _is_wildcard(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_unspecified


def _own_addresses(family: socket.AddressFamily) -> list[str]:
    """Addresses of this machine on its networks; none without a network."""
    found = []
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect((_ELSEWHERE[family], 9))  # chooses a route, and sends nothing
        found.append(asking.getsockname()[0])
    with suppress(OSError):
        found += [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None, family)]
    return [address for address in found if not ipaddress.ip_address(address.partition("%")[0]).is_loopback]
