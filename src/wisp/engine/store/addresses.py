"""Which addresses a model may come from, and the one place where wisp opens a connection to any.

A published file comes from the public internet by https, and so does whatever an answer redirects to: an
address of this machine or of a private network is refused, by name and by number, at the moment of connecting
to it. Only a mirror that the user names may lie in a private network, and may do without https, since the
file's hash decides in the end; where it redirects to is held to the rule.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from wisp.core.errors import InputError

TIMEOUT: Final = 60.0
"""Seconds without a byte after which a connection counts as broken."""
REDIRECTS: Final = 8

TEST_SERVERS: Final[set[str]] = set()
"""``host:port`` of servers that tests run on this machine: the only way past the rule."""

_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})
_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Answer:
    """An answer of a server, after its redirects. Close it.

    Attributes:
        url: where it came from in the end.
        status: of HTTP.
        reason: what the server calls that.
        body: to be read from; its headers tell of the contents.
    """

    url: str
    status: int
    reason: str
    body: HTTPResponse
    connection: HTTPConnection

    def header(self, name: str) -> str:
        """The value of a header, empty where there is none."""
        return self.body.getheader(name) or ""

    def close(self) -> None:
        """Hang up."""
        self.body.close()
        self.connection.close()


def request(url: str, *, start: int = 0, mirror: str = "") -> Answer:
    """Ask for a file, or for what is left of it.

    Args:
        url: where it is.
        start: the byte to begin with.
        mirror: the address of a mirror that the user named: its own host may be private.

    Raises:
        InputError: an address that is refused, here or in a redirect; or too many of these.
        OSError: no connection, or one that broke.
        HTTPException: an answer that is no HTTP.
    """
    headers = {"User-Agent": "wisp", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    origin = urlsplit(mirror).netloc if mirror else ""
    for _ in range(REDIRECTS + 1):
        parts = check_url(url, trusted=bool(origin) and urlsplit(url).netloc == origin)
        connection = _connection(parts, trusted=parts.netloc == origin)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", path, headers=headers)
            body = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        target = body.getheader("Location")
        answer = Answer(url, body.status, body.reason, body, connection)
        if body.status not in _REDIRECTING or not target:
            return answer
        answer.close()
        url = urljoin(url, target)
    raise InputError(url, f"is the end of more than {REDIRECTS} redirects", "a direct address is accepted")


def check_url(url: str, *, trusted: bool = False) -> SplitResult:
    """The parts of an address that may be asked, as far as its text tells.

    Args:
        url: the address.
        trusted: whether its host is a mirror that the user named.

    Raises:
        InputError: no https, no host, a user's name and password in it, or a port that is none.
    """
    accepted = "an address https://… is accepted"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(url, f"is no address ({error})", accepted) from error
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not (trusted or _tested(parts))):
        raise InputError(url, f"begins with {parts.scheme or 'no scheme'}:", accepted)
    if not parts.hostname or port == 0 or any(c.isspace() or ord(c) < 32 for c in url):
        raise InputError(url, "names no host", accepted)
    if parts.username is not None or parts.password is not None:
        raise InputError(_without_user(parts), "carries a user's name", accepted)
    return parts


def check_address(text: str, *, trusted: bool = False) -> None:
    """Raise `InputError` unless a numeric address is public; a trusted one may be private, not local."""
    if any(not _may_connect(address, trusted=trusted) for address in _meant(text)):
        raise InputError(
            text, "is an address of this machine or of a private network", "public ones are accepted"
        )


def _may_connect(address: Address, *, trusted: bool) -> bool:
    if address.is_multicast or address.is_unspecified or address.is_loopback or address.is_link_local:
        return False
    return address.is_global or (trusted and address.is_private and not address.is_reserved)


def _meant(text: str) -> list[Address]:
    """An address, and those of the older kind that it carries inside."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    inside = [address.sixtofour, *(address.teredo or ())]
    return [address, *(found for found in inside if found is not None)]


def _connection(parts: SplitResult, *, trusted: bool) -> HTTPConnection:
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if _tested(parts):
        trusted = True
    proxy = getproxies().get(parts.scheme)
    if proxy and not _tested(parts) and not proxy_bypass(host):
        return _through_proxy(proxy, parts.scheme, host, port)
    if parts.scheme == "https":
        return _DirectTls(host, port, trusted=trusted)
    return _Direct(host, port, trusted=trusted, tested=_tested(parts))


def _through_proxy(proxy: str, scheme: str, host: str, port: int) -> HTTPConnection:
    """A tunnel through the user's proxy, which looks names up itself; what can be known here is checked."""
    with suppress(socket.gaierror):  # names that only the proxy knows
        for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            check_address(str(found[4][0]))
    at = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    if not at.hostname:
        raise InputError(proxy, "is no address of a proxy", "http://HOST:PORT is accepted")
    kind = HTTPSConnection if scheme == "https" else HTTPConnection
    connection = kind(at.hostname, at.port or 8080, timeout=TIMEOUT)
    connection.set_tunnel(host, port)
    return connection


class _Direct(HTTPConnection):
    """A connection to an address that was looked at before."""

    def __init__(self, host: str, port: int, *, trusted: bool, tested: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT)
        self._trusted, self._tested = trusted, tested

    def connect(self) -> None:
        self.sock = _dial(self.host, self.port, trusted=self._trusted, tested=self._tested)


class _DirectTls(HTTPSConnection):
    """A connection over TLS that asks no name server and takes no proxy."""

    def __init__(self, host: str, port: int, *, trusted: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT)
        self._trusted = trusted

    def connect(self) -> None:
        plain = _dial(self.host, self.port, trusted=self._trusted, tested=False)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)


def _dial(host: str, port: int, *, trusted: bool, tested: bool) -> socket.socket:
    """Connect to the first address of a host that answers; all of them must be allowed.

    The name is looked up once, and the very addresses that were checked are connected to.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not tested:
        for _, _, _, _, place in found:
            try:
                check_address(str(place[0]), trusted=trusted)
            except InputError as error:
                raise InputError(
                    host, f"leads to {place[0]}, which {error.problem}", error.accepted
                ) from None
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, place in found:
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(TIMEOUT)
        try:
            connection.connect(place)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _tested(parts: SplitResult) -> bool:
    return parts.netloc in TEST_SERVERS


def _without_user(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
