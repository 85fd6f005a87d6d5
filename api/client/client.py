"""Python client of the service: `Client` for ordinary programs, `AsyncClient` for asyncio.

    with Client("http://127.0.0.1:7600", key="vasari_…") as client:
        for hit in client.search("a red boat - people").hits:
            print(hit.score, hit.item.uri)

Errors are those of `vasari.retrieval.errors`, as the library itself would raise them, and `ServiceError` for what only
a service can refuse. `search` takes the same requests as `Library.search`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from vasari.api import contract
from vasari.api.client import requests as calls
from vasari.api.client.requests import Call, PictureLike, joined
from vasari.retrieval.catalog.records import JobRecord
from vasari.retrieval.domain import (
    Caption,
    Item,
    ItemId,
    Modality,
    SearchRequest,
    SearchResponse,
    UnitVectors,
)
from vasari.retrieval.errors import ImageError, UsageError, VasariError

T = TypeVar("T")
DEFAULT_URL = "http://127.0.0.1:7600"


class ServiceError(VasariError):
    """The service refused or failed in a way that no error of the library stands for."""

    def __init__(self, message: str, status: int, kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind  # the last part of the problem's type, e.g. "scope"


def error_of(answer: httpx.Response) -> VasariError:
    """The error that a problem document tells, as the library itself would raise it where it has one."""
    status = answer.status_code
    try:
        body = answer.json()
        known = contract.read_problem(body, float(answer.headers.get("retry-after", 1)))
        return known or ServiceError(str(body["detail"]), status, str(body["type"]).rpartition(":")[2])
    except (ValueError, KeyError, TypeError):
        return ServiceError(f"the server answered {status}: is this Vasari?", status)


def service_url(given: str) -> str:
    """The address of a service; http:// where no scheme is said. UsageError for what is none."""
    url = given.strip()
    url = url if "://" in url else f"http://{url}"
    try:
        parsed = httpx.URL(url)
        usable = parsed.scheme in ("http", "https") and not parsed.query
        usable = usable and re.fullmatch(r"[\w.:-]+", parsed.host) is not None
    except httpx.InvalidURL:
        usable = False
    if not usable:
        raise UsageError(f"{given[:200]!r} is no address of a service: give one such as {DEFAULT_URL}")
    return url


def _headers(key: str | None) -> dict[str, str]:
    if key is not None and not (key.isascii() and key.isprintable()):
        raise UsageError("this is no key of a service: it has other signs than keys have")
    return {"User-Agent": "vasari-client"} | ({"Authorization": f"Bearer {key}"} if key else {})


def _result(call: Call[T], answer: httpx.Response) -> T:
    if answer.is_success:
        try:
            return call.read(answer)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ServiceError(
                f"what answers at {answer.request.url.copy_with(path='/', query=None)} is no Vasari, or another version"
                " of it: is this the right address?",
                answer.status_code,
            ) from error
    problem = error_of(answer)
    if isinstance(problem, ImageError) and call.file is not None:
        raise ImageError(f"{call.file}: {problem}", problem.stage)
    raise problem


def _unreachable(url: str, error: httpx.TransportError) -> ServiceError:
    return ServiceError(
        f"no service answers at {url} ({type(error).__name__}): is `vasari serve` running?", 0
    )


class Client:
    """A connection to one service; safe to share between threads."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str | None = None,
        *,
        timeout: float = 60.0,
        http: httpx.Client | None = None,
    ) -> None:
        """`timeout` in seconds; `http` instead of an own connection, e.g. one with other certificates."""
        self._url = url = service_url(url)
        self._http = http or httpx.Client(base_url=url, headers=_headers(key), timeout=timeout)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def search(self, request: SearchRequest | str) -> SearchResponse:
        """Search by a request or a query string; raises what `Library.search` raises."""
        return self._send(calls.search(request))

    def search_batch(self, requests: Sequence[SearchRequest | str]) -> list[SearchResponse]:
        """Several searches in one request; their texts are embedded together."""
        return self._send(calls.search_batch(requests))

    def similar(self, item: ItemId, limit: int = 10) -> SearchResponse:
        """Items like an item, itself left out."""
        return self._send(calls.similar(item, limit))

    def status(self) -> dict[str, Any]:
        """What the library holds, by which models, and who writes it: the fields of `vasari status --json`."""
        return self._send(calls.status())

    def abilities(self) -> dict[str, Any]:
        """Which models are on the service's machine, what fetches the others, and whether they know drawings only."""
        return self._send(calls.abilities())

    def item(self, item: ItemId) -> Item:
        """All that is known of an item; NotFoundError if there is none."""
        return self._send(calls.get_item(item))

    def thumbnail(self, item: ItemId, side: int = 320) -> bytes:
        """A small WebP picture that fits a square of `side` pixels (160, 320, 640 or 1280)."""
        return self._send(calls.thumbnail(item, side))

    def why(self, item: ItemId, words: str) -> bytes:
        """Where the words are found in the picture, as PNG."""
        return self._send(calls.why(item, words))

    def add(
        self,
        picture: bytes | Path,
        *,
        captions: Sequence[Caption | str] = (),
        tags: Sequence[str] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> Item:
        """Add a picture to the library; the same picture twice is one item. ImageError for what is none."""
        return self._send(calls.add(picture, captions, tags, attributes or {}))

    def patch(
        self,
        item: ItemId,
        *,
        captions: Sequence[Caption | str] | None = None,
        tags: Sequence[str] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Item | None:
        """Replace captions and tags, merge attributes (None removes one); None for a key that may not read."""
        return self._send(calls.patch(item, captions, tags, attributes))

    def delete(self, item: ItemId) -> None:
        """Take an item out of the library."""
        self._send(calls.delete(item))

    def match(self, picture: PictureLike, text: str) -> float:
        """Probability that the text describes the picture."""
        return self._send(calls.match(picture, text))

    def classify(
        self, picture: PictureLike, labels: Sequence[str], templates: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """Labels with their probabilities, the best first."""
        return self._send(calls.classify(picture, labels, templates))

    def caption(self, picture: PictureLike, detail: str = "short") -> str:
        """A description, "short" or "detailed"."""
        return self._send(calls.caption(picture, detail))

    def ask(self, picture: PictureLike, question: str) -> str:
        """A short answer to a question about the picture."""
        return self._send(calls.ask(picture, question))

    def embed_texts(self, texts: Sequence[str], space: str = "default") -> UnitVectors:
        """Unit vectors (n, dim)."""
        return self._send(calls.embed(texts, Modality.TEXT, space))

    def embed_pictures(self, pictures: Sequence[bytes | Path], space: str = "default") -> UnitVectors:
        """Unit vectors (n, dim)."""
        return joined([self._send(call) for call in calls.embed_pictures(pictures, space)])

    def rerank(
        self, query: str, documents: Sequence[str | PictureLike], top: int | None = None
    ) -> list[tuple[int, float]]:
        """Indices of documents (all texts, or all pictures) with their relevance, the best first."""
        return self._send(calls.rerank(query, documents, top))

    def start_job(self, kind: str, **options: Any) -> JobRecord:
        """Begin a job: index (with paths=[…]), caption, rebuild or map."""
        return self._send(calls.start_job(kind, options))

    def job(self, job: int) -> JobRecord:
        """A job and how far it is."""
        return self._send(calls.get_job(job))

    def cancel_job(self, job: int) -> JobRecord:
        """Stop a job after the batch at work."""
        return self._send(calls.cancel_job(job))

    def wait_for(self, job: int, *, every: float = 0.5, seconds: float = float("inf")) -> JobRecord:
        """The job once it has ended; TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not (found := self.job(job)).ended:
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {job} still runs after {seconds:g} s")
            time.sleep(every)
        return found

    def _send(self, call: Call[T]) -> T:
        try:
            answer = self._http.request(call.method, call.path, json=call.body, params=dict(call.params))
        except httpx.TransportError as error:
            raise _unreachable(self._url, error) from error
        return _result(call, answer)


class AsyncClient:
    """A connection to one service for asyncio."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str | None = None,
        *,
        timeout: float = 60.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """`timeout` in seconds; `http` instead of an own connection, e.g. one with other certificates."""
        self._url = url = service_url(url)
        self._http = http or httpx.AsyncClient(base_url=url, headers=_headers(key), timeout=timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def search(self, request: SearchRequest | str) -> SearchResponse:
        """Search by a request or a query string; raises what `Library.search` raises."""
        return await self._send(calls.search(request))

    async def search_batch(self, requests: Sequence[SearchRequest | str]) -> list[SearchResponse]:
        """Several searches in one request; their texts are embedded together."""
        return await self._send(calls.search_batch(requests))

    async def similar(self, item: ItemId, limit: int = 10) -> SearchResponse:
        """Items like an item, itself left out."""
        return await self._send(calls.similar(item, limit))

    async def status(self) -> dict[str, Any]:
        """What the library holds, by which models, and who writes it: the fields of `vasari status --json`."""
        return await self._send(calls.status())

    async def abilities(self) -> dict[str, Any]:
        """Which models are on the service's machine, what fetches the others, and whether they know drawings only."""
        return await self._send(calls.abilities())

    async def item(self, item: ItemId) -> Item:
        """All that is known of an item; NotFoundError if there is none."""
        return await self._send(calls.get_item(item))

    async def thumbnail(self, item: ItemId, side: int = 320) -> bytes:
        """A small WebP picture that fits a square of `side` pixels (160, 320, 640 or 1280)."""
        return await self._send(calls.thumbnail(item, side))

    async def why(self, item: ItemId, words: str) -> bytes:
        """Where the words are found in the picture, as PNG."""
        return await self._send(calls.why(item, words))

    async def add(
        self,
        picture: bytes | Path,
        *,
        captions: Sequence[Caption | str] = (),
        tags: Sequence[str] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> Item:
        """Add a picture to the library; the same picture twice is one item. ImageError for what is none."""
        return await self._send(calls.add(picture, captions, tags, attributes or {}))

    async def patch(
        self,
        item: ItemId,
        *,
        captions: Sequence[Caption | str] | None = None,
        tags: Sequence[str] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Item | None:
        """Replace captions and tags, merge attributes (None removes one); None for a key that may not read."""
        return await self._send(calls.patch(item, captions, tags, attributes))

    async def delete(self, item: ItemId) -> None:
        """Take an item out of the library."""
        await self._send(calls.delete(item))

    async def match(self, picture: PictureLike, text: str) -> float:
        """Probability that the text describes the picture."""
        return await self._send(calls.match(picture, text))

    async def classify(
        self, picture: PictureLike, labels: Sequence[str], templates: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """Labels with their probabilities, the best first."""
        return await self._send(calls.classify(picture, labels, templates))

    async def caption(self, picture: PictureLike, detail: str = "short") -> str:
        """A description, "short" or "detailed"."""
        return await self._send(calls.caption(picture, detail))

    async def ask(self, picture: PictureLike, question: str) -> str:
        """A short answer to a question about the picture."""
        return await self._send(calls.ask(picture, question))

    async def embed_texts(self, texts: Sequence[str], space: str = "default") -> UnitVectors:
        """Unit vectors (n, dim)."""
        return await self._send(calls.embed(texts, Modality.TEXT, space))

    async def embed_pictures(self, pictures: Sequence[bytes | Path], space: str = "default") -> UnitVectors:
        """Unit vectors (n, dim)."""
        return joined([await self._send(call) for call in calls.embed_pictures(pictures, space)])

    async def rerank(
        self, query: str, documents: Sequence[str | PictureLike], top: int | None = None
    ) -> list[tuple[int, float]]:
        """Indices of documents (all texts, or all pictures) with their relevance, the best first."""
        return await self._send(calls.rerank(query, documents, top))

    async def start_job(self, kind: str, **options: Any) -> JobRecord:
        """Begin a job: index (with paths=[…]), caption, rebuild or map."""
        return await self._send(calls.start_job(kind, options))

    async def job(self, job: int) -> JobRecord:
        """A job and how far it is."""
        return await self._send(calls.get_job(job))

    async def cancel_job(self, job: int) -> JobRecord:
        """Stop a job after the batch at work."""
        return await self._send(calls.cancel_job(job))

    async def wait_for(self, job: int, *, every: float = 0.5, seconds: float = float("inf")) -> JobRecord:
        """The job once it has ended; TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not (found := await self.job(job)).ended:
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {job} still runs after {seconds:g} s")
            await asyncio.sleep(every)
        return found

    async def _send(self, call: Call[T]) -> T:
        try:
            answer = await self._http.request(
                call.method, call.path, json=call.body, params=dict(call.params)
            )
        except httpx.TransportError as error:
            raise _unreachable(self._url, error) from error
        return _result(call, answer)
