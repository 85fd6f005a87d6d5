"""Uvicorn server: sockets, worker processes, header timeouts (Slowloris), graceful stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from vasari.api.service.logs import configure_logs
from vasari.api.service.settings import ServiceSettings
from vasari.api.service.shutdown import (
    LAST_LOOK,
    STOPPING,
    Told,
    listen_for_stop,
    longest_stop,
    refuse_connections,
)
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.errors import UsageError

if TYPE_CHECKING:
    from fastapi import FastAPI

HEADERS_WITHIN = 10.0  # seconds from a connection's opening to the end of its first request's headers
Application = Callable[..., "FastAPI"]  # of settings, and perhaps of the sockets it is to listen at
LINGER = 1.0  # seconds that a peer has to close what was closed here
HANGS = 60.0  # seconds without an answer to a ping; a worker that loads a model on a busy machine is not dead
_LOG = logging.getLogger("vasari.service")
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class Lingering:
    """A transport whose close is a half-close (FIN) first: a socket closed over unread bytes is reset, answer and all.

    What still comes is thrown away until the peer closes too, or `LINGER` seconds are over.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._closing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether nothing is written or read any more."""
        return self._closing or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send, unless it is closed."""
        if not self._closing:
            self._transport.write(data)

    def close(self) -> None:
        """Send what is buffered, then FIN."""
        if self.is_closing():
            return
        self._closing = True
        try:
            self._transport.write_eof()
        except OSError:  # the peer is gone
            self._transport.close()
            return
        self._transport.resume_reading()
        self._loop.call_later(LINGER, self._transport.close)


class PunctualProtocol(H11Protocol):
    """Uvicorn's HTTP, but a connection that does not finish its headers in time is closed, and none is torn.

    Uvicorn itself waits for ever for a request line that drips in letter by letter (Slowloris). And when it is told
    to stop, it closes idle connections at once, and those whose answer has just ended: a request that was on its way is
    then lost (the peer is sent a reset). Here it is still read and answered; half a request is answered 503.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._late: asyncio.TimerHandle | None = None
        self._stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for headers; while the service stops, not for long."""
        super().connection_made(cast("asyncio.Transport", Lingering(transport, self.loop)))
        self._late = self.loop.call_later(HEADERS_WITHIN, self._close_late)
        stopping = self.app_state.get(STOPPING)
        if stopping is not None and stopping.is_set():
            self.shutdown()

    def data_received(self, data: bytes) -> None:
        """Take data; what follows an answered request are the headers of the next."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle
        if self._stopping and cycle is not None and not cycle.response_started:
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

    def on_response_complete(self) -> None:
        """Wait for the next request; an answer that began before the stop did not say that it is the last."""
        super().on_response_complete()
        if self._stopping:
            self.loop.call_later(LAST_LOOK, self._close_idle)

    def shutdown(self) -> None:
        """Answer what is on its way, then close."""
        self._stopping = True
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self.loop.call_later(LAST_LOOK, self._close_idle)
        elif not cycle.response_started:
            cycle.keep_alive = False

    def _close_idle(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if self.transport.is_closing() or (cycle is not None and not cycle.response_complete):
            return
        if self.conn.trailing_data[0]:
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
    """Uvicorn's worker processes over one listening socket; told again, they are killed."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], patience: float) -> None:
        super().__init__(config, sockets)
        self._told = Told()
        self._patience = patience
        self._pinged: dict[int, float] = {}  # process ids, and since when their answers are awaited
        listen_for_stop(self._hear)

    def keep_subprocess_alive(self) -> None:
        """Replace workers that ended, and those that hang.

        Uvicorn's own waits for each answer, a minute for that of a worker which hangs or is just ending; meanwhile the
        parent hears no signal.
        """
        for place, worker in enumerate(self.processes):
            if self._told or self.should_exit.is_set() or self._lives(worker):
                continue
            worker.kill()
            worker.join()
            if worker.exitcode == STARTUP_FAILURE:  # so would the next
                self.should_exit.set()
                return
            _LOG.warning("worker %s ended (%s): another takes its place", worker.pid, worker.exitcode)
            self.processes[place] = Process(self.config, self.sockets)
            self.processes[place].start()

    def _lives(self, worker: Process) -> bool:
        """Liveness of a worker: it runs, and has answered the last ping or still has time to."""
        now, pid = time.monotonic(), worker.process.pid or 0
        if not worker.process.is_alive():
            return False
        with contextlib.suppress(OSError, EOFError):  # no answer
            if worker.parent_conn.poll():
                worker.parent_conn.recv()
                del self._pinged[pid]
            if pid not in self._pinged:
                worker.parent_conn.send(b"ping")
                self._pinged[pid] = now
        return now - self._pinged.setdefault(pid, now) < HANGS

    def terminate_all(self) -> None:
        """Tell the workers to stop. Each takes what waits for it; nothing may wait for a parent that takes nothing."""
        for one in self.sockets:
            one.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for the workers; one that does not end (it was suspended, say) is killed."""
        deadline = time.monotonic() + self._patience
        for worker in self.processes:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
            worker.join()

    def handle_hup(self) -> None:
        """Stop, as one process does when its terminal is closed."""
        self.handle_term()

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self._told.again(number):
            for worker in self.processes:
                worker.process.kill()
            os._exit(128 + number)
        refuse_connections(self.sockets)
        self.signal_queue.append(number)
        for worker in self.processes:  # now: the parent may be waiting for a sign of life of one that hangs
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.process.pid or 0, signal.SIGTERM)


def refuse_without_keys(settings: ServiceSettings, catalog: Catalog) -> None:
    """Raise UsageError for an address that others can reach while the library has no keys."""
    if settings.loopback or any(key.revoked_at is None for key in catalog.keys.all()):
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


def application(settings: ServiceSettings, listening: Sequence[socket.socket] = ()) -> FastAPI:
    """The application of a process that serves. Not imported above: the parent of workers needs none of it."""
    from vasari.api.service.app import served_app

    return served_app(settings, listening)


def serve(settings: ServiceSettings, make: Application = application) -> None:
    """Serve until told to stop."""
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
        "timeout_graceful_shutdown": math.ceil(settings.stop_timeout),
        "h11_max_incomplete_event_size": 32 * 1024,
        "backlog": 1024,
        "factory": True,
    }
    if settings.workers > 1:
        configure_logs(json_lines=settings.json_logs, level=settings.log_level or "info")  # of the parent
        with tempfile.TemporaryDirectory(prefix="vasari-metrics-") as folder:
            # prometheus-client reads it when workers import it.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            config = uvicorn.Config(partial(make, settings), workers=settings.workers, **options)
            patience = longest_stop(settings.stop_timeout) + 5
            try:
                Workers(config, [config.bind_socket()], patience).run()
            finally:
                del os.environ["PROMETHEUS_MULTIPROC_DIR"]
    else:
        listening: list[socket.socket] = []
        config = uvicorn.Config(partial(make, settings, listening), **options)
        listening.append(config.bind_socket())
        server = uvicorn.Server(config)
        with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C, told again once all is answered
            server.run(listening)
        if not server.started:
            raise SystemExit(STARTUP_FAILURE)
