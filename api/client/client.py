"""Python client of the service: `Client` for ordinary programs; `AsyncClient`, for asyncio, has the same methods.

    with Client("http://127.0.0.1:7600", key="vasari_…") as client:
        for hit in client.search("a red boat - people").hits:
            print(hit.score, hit.item.uri)

Errors are those of `vasari.retrieval.errors`, as the library itself would raise them, and `ServiceError` for what only
a service can refuse. `search` takes what `Library.search` takes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from vasari.api.client import requests as calls
from vasari.api.client.connection import DEFAULT_URL, headers_of, result_of, service_url, unreachable
from vasari.api.client.requests import AlbumFields, Call, ChangeFields, PictureLike, joined
from vasari.api.python.answers import Answer
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
        self._http = http or httpx.Client(base_url=url, headers=headers_of(key), timeout=timeout)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def search(self, request: SearchRequest | str | Path | bytes, **options: Unpack[SearchOptions]) -> Answer:
        """Search by a request, a query string or a picture; takes and raises what `Library.search` does.

        No word of a string is taken as a file.
        """
        return self._shown(self._send(calls.search(search_request(request, options))))

    def understand(self, query: str, today: date | None = None) -> Understanding:
        """What a typed query would be understood as: terms, words that must occur, and filters."""
        return self._send(calls.understand(query, today))

    def search_batch(self, requests: Sequence[SearchRequest | str]) -> list[SearchResponse]:
        """Several searches in one request; their texts are embedded together."""
        return self._send(calls.search_batch(requests))

    def similar(self, item: ItemId, limit: int = 10) -> Answer:
        """Items like an item, itself left out, the likest first; NotFoundError if there is none."""
        return self._shown(self._send(calls.similar(item, limit)))

    def status(self) -> dict[str, Any]:
        """What the library holds, by which models, and who writes it: the fields of `vasari status --json`."""
        return self._send(calls.status())

    def abilities(self) -> dict[str, Any]:
        """Which models are on the service's machine, what fetches the others, and whether they know drawings only."""
        return self._send(calls.abilities())

    def item(self, item: ItemId) -> Item:
        """All that is known of an item; NotFoundError if there is none."""
        return self._send(calls.get_item(item))

    def items(self, filter: str | None = None, modality: Modality = Modality.IMAGE) -> Iterator[Item]:  # noqa: A002
        """Items that a filter accepts, the latest first, in pages of a thousand."""
        offset, total = 0, 1
        while offset < total:
            page, total = self._send(calls.items(filter, modality, offset))
            yield from page
            offset += calls.PAGE

    def thumbnail(self, item: ItemId, side: int = 320) -> bytes:
        """A small WebP picture that fits a square of `side` pixels (160, 320, 480, 640, 1280 or 2560)."""
        return self._send(calls.thumbnail(item, side))

    def original(self, item: ItemId) -> bytes:
        """The file itself, or a large WebP of a format that browsers do not show; ServiceError where it is gone."""
        return self._send(calls.original(item))

    def why(self, item: ItemId, words: str) -> bytes:
        """A heat map of where the words are found in the picture, laid over it, as PNG."""
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
        """Take an item out of the library; NotFoundError if there is none."""
        self._send(calls.delete(item))

    def remove(self, ids: Sequence[ItemId]) -> int:
        """Take items out of the library; says how many. Uploaded files are removed, indexed ones are never touched."""
        return self._send(calls.remove(ids))

    def annotate(self, ids: Sequence[ItemId], **said: Unpack[ChangeFields]) -> Changed:
        """Say something of many items in one transaction: tags, attributes (favourite, rating), albums, captions.

        client.annotate([3, 5], add_tags=["sea"], attributes={"favourite": True, "rating": 5})
        """
        return self._send(calls.annotate(ids, Change(**said)))

    def undo(self, changed: Changed) -> None:
        """Take back what `annotate` and changes of albums came to."""
        for one in changed.undo:
            self._send(calls.annotate(one.ids, one.change))

    def albums(self, item: ItemId | None = None) -> list[Album]:
        """All albums and saved searches by name, or the albums by hand that an item is in."""
        return self._send(calls.albums(item))

    def album(self, album: int) -> Album:
        """One album, or NotFoundError; `items('album:"NAME"')` lists what is in it."""
        return self._send(calls.album(album))

    def create_album(
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
        return self._send(calls.create_album(name, query, filter, frozen=frozen))

    def change_album(self, album: int, **fields: Unpack[AlbumFields]) -> Album:
        """Change the name, or what a saved search looks for."""
        return self._send(calls.change_album(album, fields))

    def delete_album(self, album: int) -> None:
        """Forget an album; its pictures stay."""
        self._send(calls.delete_album(album))

    def album_shares(self, album: int) -> list[AlbumShare]:
        """The links to an album that are in use, without their keys."""
        return self._send(calls.album_shares(album))

    def share_album(self, album: int, expires_at: datetime) -> AlbumShare:
        """Make a key that sees an album as it is at any time, and nothing else; it is told this once.

        The link for others is the page's address and `#key=KEY`.
        """
        return self._send(calls.share_album(album, expires_at))

    def end_album_share(self, album: int, share: int) -> None:
        """End a link to an album."""
        self._send(calls.end_album_share(album, share))

    def add_to_album(self, album: int, ids: Sequence[ItemId]) -> Changed:
        """Put items into an album by hand."""
        return self._send(calls.change_album_items(album, add=ids))

    def remove_from_album(self, album: int, ids: Sequence[ItemId]) -> Changed:
        """Take items out of an album; they stay in the library."""
        return self._send(calls.change_album_items(album, remove=ids))

    def stack(self, ids: Sequence[ItemId]) -> list[ItemId]:
        """Make pictures one stack, which searches by group show as one; its members."""
        return self._send(calls.stack(ids))

    def unstack(self, ids: Sequence[ItemId]) -> list[ItemId]:
        """Take pictures out of their stacks; those that are in none from now on."""
        return self._send(calls.unstack(ids))

    def stack_of(self, item: ItemId) -> list[Item]:
        """The pictures that are one stack with this one, itself among them."""
        return self._send(calls.stack_of(item))

    def judge(
        self,
        query: str,
        items: Sequence[ItemId],
        grade: int = 1,
        *,
        filter: str | None = None,  # noqa: A002
    ) -> int:
        """Say how right items are for a query: 0 is wrong, 1 and more are right; says how many."""
        return self._send(calls.judge(query, items, grade, filter))

    def judgments(self, query: str | None = None, *, filter: str | None = None) -> list[Judgment]:  # noqa: A002
        """What was judged, by query, item and person: of one query under its filter, or the first thousand of all."""
        return self._send(calls.judgments(query, filter))

    def withdraw(self, query: str, item: ItemId | None = None, *, filter: str | None = None) -> int:  # noqa: A002
        """Take back what this key said of an item, or of all, for a query; says how many judgments that were."""
        return self._send(calls.withdraw(query, item, filter))

    def duplicates(self, picture: bytes | Path) -> list[Duplicate]:
        """The items that a picture is a copy of, the surest first."""
        return self._send(calls.duplicates(picture))

    def match(self, picture: PictureLike, text: str) -> float:
        """Probability in [0, 1] that the text describes the picture; ModelUnavailableError without a reranker."""
        return self._send(calls.match(picture, text))

    def classify(
        self, picture: PictureLike, labels: Sequence[str], templates: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """Labels with their probabilities in [0, 1], summing to 1, best first; a template is "a photo of a {}"."""
        return self._send(calls.classify(picture, labels, templates))

    def caption(self, picture: PictureLike, detail: str = "short") -> str:
        """A description: "short" is a sentence, "detailed" all there is to see, "more" a paragraph."""
        return self._send(calls.caption(picture, detail))

    def ask(self, picture: PictureLike, question: str) -> str:
        """A short answer to a question about the picture; UnsupportedError where the model answers none."""
        return self._send(calls.ask(picture, question))

    def locate(self, picture: PictureLike, phrase: str) -> list[Region]:
        """Where a phrase is to be seen, in pixels of the upright picture; empty if nowhere."""
        return self._send(calls.locate(picture, phrase))

    def detect(self, picture: PictureLike, *, describe: bool = False) -> list[Region]:
        """The things in a picture, alike: by name, or by what they look like."""
        return self._send(calls.detect(picture, describe=describe))

    def embed_texts(self, texts: Sequence[str], space: str = "default") -> UnitVectors:
        """Unit vectors (n, dim) of texts, float32, in a space by its name."""
        return self._send(calls.embed(texts, Modality.TEXT, space))

    def embed_pictures(self, pictures: Sequence[bytes | Path], space: str = "default") -> UnitVectors:
        """Unit vectors (n, dim) of encoded pictures or files, float32; ImageError for one that is none."""
        return joined([self._send(call) for call in calls.embed_pictures(pictures, space)])

    def rerank(
        self, query: str, documents: Sequence[str | PictureLike], top: int | None = None
    ) -> list[tuple[int, float]]:
        """Indices of documents (all texts, or all pictures) with their relevance in [0, 1], the best first."""
        return self._send(calls.rerank(query, documents, top))

    def start_job(self, kind: str, **options: Any) -> JobRecord:
        """Begin a job: index (with paths=[…]), caption, read, rerank, regions, rebuild or map (scope admin)."""
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

    def _shown(self, response: SearchResponse) -> Answer:
        """An answer whose thumbnails are the service's."""
        return Answer.of(response, lambda item: self.thumbnail(item.id))

    def _send(self, call: Call[T]) -> T:
        try:
            answer = self._http.request(call.method, call.path, json=call.body, params=dict(call.params))
        except httpx.TransportError as error:
            raise unreachable(self._url, error) from error
        return result_of(call, answer)
