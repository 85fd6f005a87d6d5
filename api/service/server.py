"""Uvicorn around the application: who may be served, how many processes, slow senders of headers."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import signal
import socket
import tempfile
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.supervisors import Multiprocess

from api.service.settings import ServiceSettings
from retrieval.catalog.catalog import Catalog
from retrieval.errors import UsageError

HEADERS_WITHIN = 10.0  # seconds from a connection's opening to the end of its first request's headers
LAST_LOOK = 0.5  # seconds that idle connections stay open when the service is told to stop
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class PunctualProtocol(H11Protocol):
    """Uvicorn's HTTP, but a connection that does not finish its headers in time is closed, and none is torn.

    Uvicorn itself waits for ever for a request line that drips in letter by letter (Slowloris). And when it is told
    to stop, it closes idle connections at once: a request that was on its way is then lost (the peer is sent a
    reset). Here it is still read and answered; half a request is answered 503.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._late: asyncio.TimerHandle | None = None
        self._stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for headers."""
        super().connection_made(transport)
        self._late = self.loop.call_later(HEADERS_WITHIN, self._close_late)

    def data_received(self, data: bytes) -> None:
        """Take data; what follows an answered request are the headers of the next."""
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle
        if self._stopping and cycle is not None:
            cycle.keep_alive = False
        if self._reading_headers():
            if self._late is None:
                self._late = self.loop.call_later(HEADERS_WITHIN, self._close_late)
        elif self._late is not None:
            self._late.cancel()
            self._late = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._late is not None:
            self._late.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Answer what is on its way, then close."""
        self._stopping = True
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self.loop.call_later(LAST_LOOK, self._close_idle)
        else:
            super().shutdown()

    def _close_idle(self) -> None:
        if self.transport.is_closing():
            return
        if self._reading_headers() and self.conn.trailing_data[0]:
            self.transport.write(_BUSY)
            self.transport.close()
        else:
            super().shutdown()

    def _reading_headers(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or (cycle.response_complete and bool(self.conn.trailing_data[0]))

    def _close_late(self) -> None:
        self._late = None
        if self._reading_headers() and not self.transport.is_closing():
            self.transport.close()


class Workers(Multiprocess):
    """Uvicorn's worker processes, ended at once by a second signal."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self._told = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self._told:
            for worker in self.processes:
                worker.process.kill()
            os._exit(128 + number)
        self._told = True
        self.signal_queue.append(number)


def refuse_without_keys(settings: ServiceSettings, catalog: Catalog) -> None:
    """Raise UsageError for an address that others can reach while the library has no keys."""
    if settings.loopback or any(key.revoked_at is None for key in catalog.api_keys()):
        return
    raise UsageError(
        f"{settings.host} can be reached from other machines, and this library has no keys: anybody could read and"
        " delete its pictures. Make a key with `vasari keys create NAME --scope search`, or serve 127.0.0.1"
    )


def free_port(host: str, port: int) -> int:
    """The port, or one that is free for 0; UsageError, with the way out, for one that cannot be listened at."""
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
            return int(tried.getsockname()[1])
    except (socket.gaierror, UnicodeError):
        raise UsageError(f"there is no host {host!r}: --host takes an address of this machine") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"port {port} of {host} is taken, perhaps by another `vasari serve`: choose another by --port, or"
                " `--port 0` for any that is free"
            ) from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(f"{host} is no address of this machine: --host takes one that is") from None
        raise UsageError(
            f"nothing can listen at port {port} of {host} ({error.strerror}): choose another by --port"
        ) from None


def serve(settings: ServiceSettings, factory: str = "api.service.app:from_environment") -> None:
    """Serve until told to stop. Worker processes read their settings from the environment."""
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "http": PunctualProtocol,
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,  # nobody may claim another address
        "log_config": None,
        "timeout_keep_alive": 30,
        "timeout_worker_healthcheck": 60,  # seconds; a worker that loads a model on a busy machine is not dead
        "timeout_graceful_shutdown": math.ceil(settings.stop_timeout),
        "h11_max_incomplete_event_size": 32 * 1024,
        "backlog": 1024,
        "factory": True,
    }
    if settings.workers > 1:
        with tempfile.TemporaryDirectory(prefix="vasari-metrics-") as folder:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            config = uvicorn.Config(factory, workers=settings.workers, **options)
            Workers(config, sockets=[config.bind_socket()]).run()
    else:
        uvicorn.run(factory, **options)
