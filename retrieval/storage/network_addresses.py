"""SSRF guard: which network addresses may be read from, as a row of a table may name any.

Requests to private addresses made on behalf of somebody else (server-side request forgery, SSRF) reach routers, cloud
metadata and services that listen on this machine only. So web addresses that tables, imports and redirects name are
read on the public internet only. A host that a person named is read wherever it is, and all are if the settings say so.

What is checked is the address that a connection is made to, whatever name led to it: neither a redirect nor a name that
answers differently the second time (DNS rebinding) gets around it.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from vasari.retrieval.errors import UsageError

_WEB_PORTS = {"http": 80, "https": 443}
# File systems that are no machines of this network: buckets with the credentials of the process, and memory.
_ELSEWHERE = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "hf", "memory", "file", "local"}
)
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))  # NAT64
_HOW = "(`vasari index --allow-private-addresses`, or VASARI_PRIVATE_ADDRESSES=1)"


class PrivateAddressError(OSError):
    """A connection to an address of this network that was not allowed."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a process may read from; one for all of it, as fsspec's connections are."""

    private: bool = False  # all addresses, those of this network too
    named: frozenset[tuple[str, int]] = frozenset()  # hosts and ports that a person named


class _Process:
    reach = Reach()


def reach() -> Reach:
    """What this process may read from, to be told to those that work for it."""
    return _Process.reach


def allow(allowed: Reach) -> None:
    """Read from this, and nothing else."""
    _Process.reach = allowed


def allow_private(allowed: bool) -> None:
    """Whether all addresses are read from, those of this network too."""
    allow(replace(reach(), private=allowed))


def name_host(url: str) -> None:
    """A person named this URL: its host and port are read from, wherever they are."""
    host, port = _host_and_port(url)
    if host:
        allow(replace(reach(), named=reach().named | {(host, port)}))


def check_url(url: str) -> None:
    """Raise UsageError for a URL that plainly leads into this network, by its scheme or its host's address."""
    scheme = url.partition("://")[0].lower()
    if reach().private or scheme in _ELSEWHERE:
        return
    if scheme not in _WEB_PORTS and not _is_named(url):
        raise UsageError(f"{scheme}:// is read only where a person names the URL, not a table {_HOW}")
    host, port = _host_and_port(url)
    if (host, port) in reach().named:
        return
    address = _literal(host)
    if address is not None and not _may_connect(address, port):
        raise UsageError(_words(host))


def guarded_socket(found: tuple[Any, ...]) -> socket.socket:
    """The socket of a connection, by an entry of `getaddrinfo`; PrivateAddressError for one into this network."""
    family, kind, protocol, _, place = found
    if not _may_connect(str(place[0]), int(place[1])):
        raise PrivateAddressError(errno.EACCES, _words(str(place[0])))
    return socket.socket(family, kind, protocol)


def refusal_in(error: BaseException | None) -> PrivateAddressError | None:
    """The refused connection behind an error of an HTTP client or a file system."""
    for _ in range(10):
        if error is None or isinstance(error, PrivateAddressError):
            return error
        inner = getattr(error, "os_error", None)
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
    return None


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet, also when it is wrapped in another (IPv4 in IPv6, NAT64, …)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.sixtofour is not None or found.teredo is not None or found.is_site_local:
            return False
        if any(found in network for network in _TRANSLATED):
            return False
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
    return found.is_global and not found.is_multicast and not found.is_reserved


def _may_connect(address: str, port: int) -> bool:
    return (
        reach().private
        or is_public(address)
        or any(port == named and address in _addresses(host, named) for host, named in reach().named)
    )


@cache
def _addresses(host: str, port: int) -> frozenset[str]:
    try:
        return frozenset(
            str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
    except OSError:
        return frozenset()


def _is_named(url: str) -> bool:
    try:
        return _host_and_port(url) in reach().named
    except UsageError:  # several URLs in one, as fsspec chains them
        return False


def _host_and_port(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        return host, parts.port or _WEB_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise UsageError(f"{url} is no URL that can be read: {error}") from error


def _literal(host: str) -> str | None:
    """The address that a host is without asking anybody: 127.0.0.1, ::1, 2130706433, 0x7f.1, localhost."""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))  # as C libraries read decimal, octal and hexadecimal
    except (OSError, UnicodeError):
        return None


def _words(host: str) -> str:
    return f"{host} is an address of this network, which is read only where a person names it {_HOW}"
