"""URL fetching guarded against SSRF: off by default, from named hosts only, and never from this network.

The name is resolved here, every address it has must be a public one, and the connection goes to the very address
that was checked: a name that answers differently the second time (DNS rebinding) gains nothing. Each redirect passes
the same checks. Proxies named in the environment are not used, for they would connect wherever the URL says.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urljoin

import anyio
import httpcore

from vasari.api.service.problems import ProblemError
from vasari.api.service.settings import ServiceSettings
from vasari.retrieval.errors import Sentence
from vasari.retrieval.storage.network_addresses import is_public

_REDIRECTS = 3
# httpcore adds Host.
_HEADERS = [("Accept", "image/*"), ("User-Agent", "vasari"), ("Accept-Encoding", "identity")]
_MOVED = frozenset({301, 302, 303, 307, 308})
_PORTS = {b"http": 80, b"https": 443}
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to public addresses only."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend, resolve: Resolve) -> None:
        self._inner = inner
        self._resolve = resolve

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of `host`, if all of them are public."""
        try:
            addresses = await self._resolve(host, port)
        except OSError:
            raise refused(Sentence("the host {host!r} has no address", host=host)) from None
        if not addresses or not all(map(is_public, addresses)):
            raise refused(Sentence("the host {host!r} is not on the public internet", host=host))
        return await self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *_arguments: Any, **_options: Any) -> httpcore.AsyncNetworkStream:
        """Refuse."""
        raise refused("sockets of this machine are not fetched from")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)


class Fetcher:
    """Fetches a picture's bytes, if the settings allow it.

    What clients name comes from the hosts of `settings.fetch_hosts`; what whoever filled the library named
    (`any_host`), from anywhere on the public internet.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        max_bytes: int,
        any_host: bool = False,
        resolve: Resolve = resolve,
        backend: httpcore.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._enabled = settings.fetch_urls or any_host
        self._any_host = any_host
        self._hosts = [host.lower() for host in settings.fetch_hosts]
        self._seconds = settings.fetch_timeout
        self._max_bytes = max_bytes
        self._backend = GuardedBackend(backend or httpcore.AnyIOBackend(), resolve)
        self._tls = tls

    async def fetch(self, url: str) -> bytes:
        """The bytes behind `url`; ProblemError 403 for what may not be fetched, 422 for what cannot be."""
        if not self._enabled:
            raise refused(
                Sentence("pictures by URL are not allowed here (VASARI_FETCH_URLS, VASARI_FETCH_HOSTS)")
            )
        try:
            with anyio.fail_after(self._seconds):
                async with httpcore.AsyncConnectionPool(
                    ssl_context=self._tls, network_backend=self._backend
                ) as pool:
                    return await self._follow(pool, url)
        except TimeoutError:
            raise failed(Sentence("nothing complete came within {n:g} s", n=self._seconds)) from None
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.TimeoutException,
            ssl.SSLError,
        ) as error:
            raise failed(Sentence("the connection failed ({kind})", kind=type(error).__name__)) from None

    async def _follow(self, pool: httpcore.AsyncConnectionPool, url: str) -> bytes:
        for _ in range(_REDIRECTS + 1):
            target = self._permitted(url)
            async with pool.stream("GET", target, headers=_HEADERS) as response:
                if response.status in _MOVED:
                    url = _redirect(target, response.headers)
                    continue
                if response.status != 200:
                    raise failed(Sentence("the server answered {status}", status=str(response.status)))
                return await self._read(response)
        raise failed(Sentence("more than {n} redirects", n=_REDIRECTS))

    def _permitted(self, url: str) -> httpcore.URL:
        try:
            target = httpcore.URL(url)
            host = target.host.decode("ascii").lower().rstrip(".")
        except (ValueError, TypeError, UnicodeError):
            raise refused(Sentence("this is no URL")) from None
        if target.scheme not in _PORTS or b"@" in target.host or not host:
            raise refused(Sentence("only http and https URLs are fetched"))
        if target.port not in (None, _PORTS[target.scheme]):
            raise refused(Sentence("only the usual ports are fetched from"))
        if not self._any_host and not any(_matches(host, pattern) for pattern in self._hosts):
            raise refused(
                Sentence("pictures are not fetched from the host {host!r} (VASARI_FETCH_HOSTS)", host=host)
            )
        return target

    async def _read(self, response: httpcore.Response) -> bytes:
        data = bytearray()
        async for part in response.aiter_stream():
            data += part
            if len(data) > self._max_bytes:
                raise failed(Sentence("it has more than {most:g} MiB", most=self._max_bytes / 2**20))
        return bytes(data)


def refused(reason: str) -> ProblemError:
    """The refusal of a URL."""
    return ProblemError(403, "url-refused", reason)


def failed(reason: str) -> ProblemError:
    """A URL that may be fetched, and cannot be."""
    return ProblemError(
        422, "url-failed", Sentence("the picture could not be fetched: {reason}", reason=reason)
    )


def _matches(host: str, pattern: str) -> bool:
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _redirect(origin: httpcore.URL, headers: Iterable[tuple[bytes, bytes]]) -> str:
    location = next((value for name, value in headers if name.lower() == b"location"), b"")
    base = f"{origin.scheme.decode()}://{origin.host.decode()}{origin.target.decode()}"
    try:
        return urljoin(base, location.decode("ascii"))
    except ValueError:
        raise failed(Sentence("it redirects to no URL")) from None
