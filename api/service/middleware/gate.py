"""The outermost middleware: what is decided about a request before and after any route sees it.

In: the request's id, the host it names, the page it comes from, the size and pace of its body. While it is answered:
its deadline, and whether the caller is still there. Out: security headers, a problem document for whatever nobody
foresaw, one line in the log, and the metrics.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vasari.api.service.middleware.body_memory import HeldBodies
from vasari.api.service.middleware.methods import as_get
from vasari.api.service.middleware.security_headers import security_headers
from vasari.api.service.problems import ProblemError, answer_to
from vasari.api.service.request_id import begin_request
from vasari.api.service.runtime.deadlines import begin_deadline
from vasari.api.service.runtime.metrics import Metrics
from vasari.api.service.runtime.tracing import RequestSpan, Tracing
from vasari.api.service.service import Service
from vasari.api.service.settings import ServiceSettings
from vasari.api.service.shutdown import STOPPING
from vasari.retrieval.errors import DeadlineError, Sentence, VasariError
from vasari.retrieval.library.loading import STILL_LOADING

_ACCESS = logging.getLogger("vasari.access")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_DIGITS = re.compile(r"[0-9]{1,18}")
_MILLISECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_SLOWEST = 16 * 1024  # bytes a second that a body comes with on average, after a start
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, settings: ServiceSettings, metrics: Metrics, tracing: Tracing | None = None
    ) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._tracing = tracing
        self._hosts = _allowed_hosts(settings)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.cors_origins)
        self._bodies = HeldBodies(max(settings.bodies_bytes, settings.max_body_bytes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        visit = _Visit(scope, receive, send, self._settings, self._bodies, cross_origin=bool(self._origins))
        if self._tracing is None:
            await self._answer(visit)
            return
        with self._tracing.request(scope, visit.request_id) as span:
            await self._answer(visit, span)

    async def _answer(self, visit: _Visit, span: RequestSpan | None = None) -> None:
        try:
            self._check(visit)
            visit.take_deadline()
            await visit.run(self._app)
        except ClientDisconnect:  # the caller left in the middle of its body: nobody is there to be answered
            pass
        except asyncio.CancelledError:  # the service ends, and this has had its time
            await visit.refuse(ProblemError(503, "stopping", "this service stops: ask it again later"))
        except Exception as error:  # what is unforeseen is logged there, and never shown
            await visit.refuse(error)
        finally:
            visit.forget_body()
            self._note(visit, span)

    def _check(self, visit: _Visit) -> None:
        host = _host_name(visit.headers.get("host", ""))
        if self._hosts is not None and host not in self._hosts:
            # A page whose name was pointed at this machine (DNS rebinding) still sends its own name.
            raise ProblemError(421, "wrong-host", "this service does not answer to that name (VASARI_HOSTS)")
        origin = visit.headers.get("origin")
        if origin is not None and visit.method not in _SAFE and not self._trusted(origin, visit):
            raise ProblemError(
                403, "foreign-page", "pages of other origins may not do this (VASARI_CORS_ORIGINS)"
            )
        length = visit.headers.get("content-length", "0")
        if not _DIGITS.fullmatch(length):
            raise ProblemError(400, "usage", "the header Content-Length is a number of at most 18 digits")
        if int(length) > self._settings.max_body_bytes:
            raise too_large(self._settings.max_body_bytes)

    def _trusted(self, origin: str, visit: _Visit) -> bool:
        try:
            own = urlsplit(origin).netloc.lower() == visit.headers.get("host", "").lower()
        except ValueError:  # "http://[": what is no origin is nobody's own
            return False
        return own or origin.rstrip("/").lower() in self._origins

    def _note(self, visit: _Visit, span: RequestSpan | None) -> None:
        route = getattr(visit.scope.get("route"), "path", "other")
        seconds = time.perf_counter() - visit.began
        method = visit.method if visit.method in _METHODS else "other"
        self._metrics.request(method, route, visit.status, seconds)
        facts = {
            "method": visit.method,
            "path": visit.scope["path"],
            "status": visit.status,
            "ms": round(seconds * 1000, 2),
            "client": (visit.scope.get("client") or ("", 0))[0],
            "caller": visit.scope.get("state", {}).get("caller"),
        }
        if span is not None:
            span.answered(method, route, visit.status)
            facts["trace"] = span.trace_id
        _ACCESS.info("%(method)s %(path)r %(status)s %(ms)s ms", facts, extra={"facts": facts})


_METHODS = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}


class _Visit:
    """One request while it is answered."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        settings: ServiceSettings,
        bodies: HeldBodies,
        *,
        cross_origin: bool,
    ) -> None:
        self.scope = as_get(scope)
        self.headers = Headers(scope=scope)
        self.method: str = scope["method"]
        self.began = time.perf_counter()
        self.status = 499  # until something is sent: the caller went away
        self.request_id = begin_request(self.headers.get("x-request-id"))
        self._allowed = settings.deadline_ms / 1000  # seconds for the answer
        self._receive = receive
        self._send = send
        self._settings = settings
        self._cross_origin = cross_origin
        self._cancel = anyio.CancelScope()
        self._watcher: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._bodies = bodies
        self._bytes = self._held = 0
        self._first: Message | None = None
        self._started = False
        self._ended = False  # all that is wanted was sent

    def take_deadline(self) -> None:
        """Read the caller's deadline, which holds if it is shorter than the service's; ProblemError 400."""
        asked = self.headers.get("x-deadline-ms")
        if asked is None:
            return
        if not _MILLISECONDS.fullmatch(asked):
            raise ProblemError(
                400, "usage", "the header X-Deadline-Ms is a number of milliseconds, such as 500"
            )
        self._allowed = min(self._allowed, float(asked) / 1000)

    async def run(self, app: ASGIApp) -> None:
        """Let `app` answer; stop it when time is up or nobody listens any more."""
        try:
            with self._cancel:
                if not self._has_body():
                    self._first = await self._receive()
                    self._body_complete()
                await app(self.scope, self.receive, self.send)
        finally:
            if self._watcher is not None:
                self._watcher.cancel()
        if self._cancel.cancelled_caught and not self._gone.is_set() and not self._ended:
            raise DeadlineError(self._late())

    def _late(self) -> str:
        service: Service | None = (
            getattr(self.scope["app"].state, "service", None) if "app" in self.scope else None
        )
        if service is not None and service.library.models.loading:
            return STILL_LOADING
        return "not finished in the time allowed; ask for less, or allow more (X-Deadline-Ms)"

    async def receive(self) -> Message:
        """The body's next part, counted and timed; once it is complete, news of the caller's leaving."""
        if self._first is not None:
            message, self._first = self._first, None
            return message
        if self._watcher is not None:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        try:
            with anyio.fail_after(self._patience()):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "the request came too slowly") from None
        if message["type"] == "http.disconnect":
            self._leave()
            return message
        came = len(message.get("body", b""))
        self._held += self._bodies.take(came, self._bytes)
        self._bytes += came
        if self._bytes > self._settings.max_body_bytes:
            limit = too_large(self._settings.max_body_bytes)
            raise HTTPException(limit.status, str(limit))
        if not message.get("more_body", False):
            self._body_complete()
        return message

    async def send(self, message: Message) -> None:
        """Pass an answer on, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self._started = True
            self.status = message["status"]
            headers = Headers(raw=message["headers"])
            content_type = headers.get("content-type", "")
            if content_type.startswith("text/event-stream"):
                self._cancel.deadline = float("inf")
            own = {name for name, _ in message["headers"]}
            more = [*security_headers(content_type, self.status, cross_origin=self._cross_origin)]
            more.append((b"x-request-id", self.request_id.encode()))
            if "cache-control" not in headers:
                more.append((b"cache-control", b"no-store"))
            stopping = self.scope.get("state", {}).get(STOPPING)
            if stopping is not None and stopping.is_set():
                more.append((b"connection", b"close"))
            extra = [header for header in more if header[0] not in own]
            message = {**message, "headers": [*message["headers"], *extra]}
            await self._send(message)
            if self.method == "HEAD":
                await self._end_of_head(endless=content_type.startswith("text/event-stream"))
        elif self.method != "HEAD":
            await self._send(message)

    async def _end_of_head(self, *, endless: bool) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        if endless:
            self._ended = True
            self._cancel.cancel()

    async def refuse(self, error: Exception) -> None:
        """Answer with a problem document, unless an answer has begun: then the connection is cut."""
        response = answer_to(error)
        if self._started:
            if isinstance(error, VasariError):
                return
            raise error
        await response(self.scope, self.receive, self.send)

    def _has_body(self) -> bool:
        return self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers

    def _patience(self) -> float:
        """Read timeout in seconds for the body's next part: since the last one, and by the average rate of all."""
        longest = self._settings.body_timeout
        spent = time.perf_counter() - self.began
        return max(0.0, min(longest, longest + self._bytes / _SLOWEST - spent))

    def forget_body(self) -> None:
        """The request is answered, and its body gone."""
        self._bodies.give_back(self._held)
        self._held = 0

    def _body_complete(self) -> None:
        self._cancel.deadline = anyio.current_time() + self._allowed
        begin_deadline(self._allowed)
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        self._gone.set()
        self._cancel.cancel()


def too_large(limit: int) -> ProblemError:
    """The refusal of a body beyond `limit` bytes."""
    return ProblemError(
        413,
        "too-large",
        Sentence("a request has at most {most:g} MiB (VASARI_MAX_BODY_BYTES)", most=limit / 2**20),
    )


def _allowed_hosts(settings: ServiceSettings) -> frozenset[str] | None:
    """Names the service answers to, without port; None: any (bound to more than this machine, and keys needed)."""
    if settings.hosts:
        names: Iterable[str] = (*settings.hosts, *_LOOPBACK_NAMES)
    elif settings.loopback:
        names = (*_LOOPBACK_NAMES, settings.host)
    else:
        return None
    return frozenset(name.lower() for name in names)


def _host_name(host: str) -> str:
    """`host` without its port, in small letters."""
    name, colon, port = host.rpartition(":")
    return (name if colon and _DIGITS.fullmatch(port) else host).lower()
