"""Python client of the service for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from vasari.api.client import requests as calls
from vasari.api.client.connection import DEFAULT_URL, headers_of, result_of, service_url, unreachable
from vasari.api.client.requests import AlbumFields, Call, ChangeFields, PictureLike, joined
from vasari.retrieval.catalog.records import Album, AlbumShare, Change, Changed, JobRecord, Judgment
from vasari.retrieval.domain import (
    Caption,
    Item,
    ItemId,
    Modality,
    Region,
    SearchRequest,
    SearchResponse,
    Understanding,
    UnitVectors,
)
from vasari.retrieval.library.duplicates import Duplicate
from vasari.retrieval.search.request import SearchOptions, search_request

T = TypeVar("T")


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
        self._http = http or httpx.AsyncClient(base_url=url, headers=headers_of(key), timeout=timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def search(
        self, request: SearchRequest | str | Path | bytes, **options: Unpack[SearchOptions]
    ) -> SearchResponse:
        """Search by a request, a query string or a picture; takes and raises what `Library.search` does.

        No word of a string is taken as a file.
        """
        return await self._send(calls.search(search_request(request, options)))

    async def understand(self, query: str, today: date | None = None) -> Understanding:
        """What a typed query would be understood as: terms, words that must occur, and filters."""
        return await self._send(calls.understand(query, today))

    async def search_batch(self, requests: Sequence[SearchRequest | str]) -> list[SearchResponse]:
        """Several searches in one request; their texts are embedded together."""
        return await self._send(calls.search_batch(requests))

    async def similar(self, item: ItemId, limit: int = 10) -> SearchResponse:
        """Items like an item, itself left out, the likest first; NotFoundError if there is none."""
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

    async def items(
        self,
        filter: str | None = None,  # noqa: A002
        modality: Modality = Modality.IMAGE,
    ) -> AsyncIterator[Item]:
        """Items that a filter accepts, the latest first, in pages of a thousand."""
        offset, total = 0, 1
        while offset < total:
            page, total = await self._send(calls.items(filter, modality, offset))
            for item in page:
                yield item
            offset += calls.PAGE

    async def thumbnail(self, item: ItemId, side: int = 320) -> bytes:
        """A small WebP picture that fits a square of `side` pixels (160, 320, 480, 640, 1280 or 2560)."""
        return await self._send(calls.thumbnail(item, side))

    async def original(self, item: ItemId) -> bytes:
        """The file itself, or a large WebP of a format that browsers do not show; ServiceError where it is gone."""
        return await self._send(calls.original(item))

    async def why(self, item: ItemId, words: str) -> bytes:
        """A heat map of where the words are found in the picture, laid over it, as PNG."""
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
        """Take an item out of the library; NotFoundError if there is none."""
        await self._send(calls.delete(item))

    async def remove(self, ids: Sequence[ItemId]) -> int:
        """Take items out of the library; says how many. Uploaded files are removed, indexed ones are never touched."""
        return await self._send(calls.remove(ids))

    async def annotate(self, ids: Sequence[ItemId], **said: Unpack[ChangeFields]) -> Changed:
        """Say something of many items in one transaction: tags, attributes (favourite, rating), albums, captions.

        await client.annotate([3, 5], add_tags=["sea"], attributes={"favourite": True, "rating": 5})
        """
        return await self._send(calls.annotate(ids, Change(**said)))

    async def undo(self, changed: Changed) -> None:
        """Take back what `annotate` and changes of albums came to."""
        for one in changed.undo:
            await self._send(calls.annotate(one.ids, one.change))

    async def albums(self, item: ItemId | None = None) -> list[Album]:
        """All albums and saved searches by name, or the albums by hand that an item is in."""
        return await self._send(calls.albums(item))

    async def album(self, album: int) -> Album:
        """One album, or NotFoundError; `items('album:"NAME"')` lists what is in it."""
        return await self._send(calls.album(album))

    async def create_album(
        self,
        name: str,
        *,
        query: str | None = None,
        filter: str | None = None,  # noqa: A002
        frozen: bool = False,
    ) -> Album:
        """Make an album by hand, or, with a query or a filter, a saved search.

        A `frozen` one is an album by hand of what the search finds now: good matches, a thousand at most.
        """
        return await self._send(calls.create_album(name, query, filter, frozen=frozen))

    async def change_album(self, album: int, **fields: Unpack[AlbumFields]) -> Album:
        """Change the name, or what a saved search looks for."""
        return await self._send(calls.change_album(album, fields))

    async def delete_album(self, album: int) -> None:
        """Forget an album; its pictures stay."""
        await self._send(calls.delete_album(album))

    async def album_shares(self, album: int) -> list[AlbumShare]:
        """The links to an album that are in use, without their keys."""
        return await self._send(calls.album_shares(album))

    async def share_album(self, album: int, expires_at: datetime) -> AlbumShare:
        """Make a key that sees an album as it is at any time, and nothing else; it is told this once.

        The link for others is the page's address and `#key=KEY`.
        """
        return await self._send(calls.share_album(album, expires_at))

    async def end_album_share(self, album: int, share: int) -> None:
        """End a link to an album."""
        await self._send(calls.end_album_share(album, share))

    async def add_to_album(self, album: int, ids: Sequence[ItemId]) -> Changed:
        """Put items into an album by hand."""
        return await self._send(calls.change_album_items(album, add=ids))

    async def remove_from_album(self, album: int, ids: Sequence[ItemId]) -> Changed:
        """Take items out of an album; they stay in the library."""
        return await self._send(calls.change_album_items(album, remove=ids))

    async def stack(self, ids: Sequence[ItemId]) -> list[ItemId]:
        """Make pictures one stack, which searches by group show as one; its members."""
        return await self._send(calls.stack(ids))

    async def unstack(self, ids: Sequence[ItemId]) -> list[ItemId]:
        """Take pictures out of their stacks; those that are in none from now on."""
        return await self._send(calls.unstack(ids))

    async def stack_of(self, item: ItemId) -> list[Item]:
        """The pictures that are one stack with this one, itself among them."""
        return await self._send(calls.stack_of(item))

    async def judge(
        self,
        query: str,
        items: Sequence[ItemId],
        grade: int = 1,
        *,
        filter: str | None = None,  # noqa: A002
    ) -> int:
        """Say how right items are for a query: 0 is wrong, 1 and more are right; says how many."""
        return await self._send(calls.judge(query, items, grade, filter))

    async def judgments(self, query: str | None = None, *, filter: str | None = None) -> list[Judgment]:  # noqa: A002
        """What was judged, by query, item and person: of one query under its filter, or the first thousand of all."""
        return await self._send(calls.judgments(query, filter))

    async def withdraw(self, query: str, item: ItemId | None = None, *, filter: str | None = None) -> int:  # noqa: A002
        """Take back what this key said of an item, or of all, for a query; says how many judgments that were."""
        return await self._send(calls.withdraw(query, item, filter))

    async def duplicates(self, picture: bytes | Path) -> list[Duplicate]:
        """The items that a picture is a copy of, the surest first."""
        return await self._send(calls.duplicates(picture))

    async def match(self, picture: PictureLike, text: str) -> float:
        """Probability in [0, 1] that the text describes the picture; ModelUnavailableError without a reranker."""
        return await self._send(calls.match(picture, text))

    async def classify(
        self, picture: PictureLike, labels: Sequence[str], templates: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """Labels with their probabilities in [0, 1], summing to 1, best first; a template is "a photo of a {}"."""
        return await self._send(calls.classify(picture, labels, templates))

    async def caption(self, picture: PictureLike, detail: str = "short") -> str:
        """A description: "short" is a sentence, "detailed" all there is to see, "more" a paragraph."""
        return await self._send(calls.caption(picture, detail))

    async def ask(self, picture: PictureLike, question: str) -> str:
        """A short answer to a question about the picture; UnsupportedError where the model answers none."""
        return await self._send(calls.ask(picture, question))

    async def locate(self, picture: PictureLike, phrase: str) -> list[Region]:
        """Where a phrase is to be seen, in pixels of the upright picture; empty if nowhere."""
        return await self._send(calls.locate(picture, phrase))

    async def detect(self, picture: PictureLike, *, describe: bool = False) -> list[Region]:
        """The things in a picture, alike: by name, or by what they look like."""
        return await self._send(calls.detect(picture, describe=describe))

    async def embed_texts(self, texts: Sequence[str], space: str = "default") -> UnitVectors:
        """Unit vectors (n, dim) of texts, float32, in a space by its name."""
        return await self._send(calls.embed(texts, Modality.TEXT, space))

    async def embed_pictures(self, pictures: Sequence[bytes | Path], space: str = "default") -> UnitVectors:
        """Unit vectors (n, dim) of encoded pictures or files, float32; ImageError for one that is none."""
        return joined([await self._send(call) for call in calls.embed_pictures(pictures, space)])

    async def rerank(
        self, query: str, documents: Sequence[str | PictureLike], top: int | None = None
    ) -> list[tuple[int, float]]:
        """Indices of documents (all texts, or all pictures) with their relevance in [0, 1], the best first."""
        return await self._send(calls.rerank(query, documents, top))

    async def start_job(self, kind: str, **options: Any) -> JobRecord:
        """Begin a job: index (with paths=[…]), caption, read, rerank, regions, rebuild or map (scope admin)."""
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
            raise unreachable(self._url, error) from error
        return result_of(call, answer)
