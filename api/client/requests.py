"""Requests of the client: each call as a value, with how its reply is read. Nothing here does I/O."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Generic, TypedDict, TypeVar

import httpx
import numpy as np

from vasari.api.contract.albums import read_album, read_share
from vasari.api.contract.answers import read_answer, read_description, read_labels, read_match, read_regions
from vasari.api.contract.changes import change_fields, read_changed
from vasari.api.contract.duplicates import read_duplicates
from vasari.api.contract.items import read_item
from vasari.api.contract.jobs import read_job
from vasari.api.contract.judgments import read_judgment
from vasari.api.contract.search import read_response, read_understanding
from vasari.retrieval.catalog.records import Album, AlbumShare, Change, Changed, JobRecord, Judgment
from vasari.retrieval.domain import (
    Caption,
    GroupScore,
    Item,
    ItemId,
    Modality,
    Order,
    Region,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
    Understanding,
    UnitVectors,
)
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.duplicates import Duplicate
from vasari.retrieval.search.query import parse_query
from vasari.retrieval.storage.local_files import read_file

T = TypeVar("T")
PAGE = 1000  # items that a list has at most
_PICTURES = 16  # of one request; the service takes 32, and 64 MiB
PictureLike = bytes | Path | ItemId  # a file's bytes, a local file, or an item of the service's library


class ChangeFields(TypedDict, total=False):
    """What is said of items from now on; what is not named stays."""

    add_tags: Sequence[str]
    remove_tags: Sequence[str]
    attributes: Mapping[str, Any]  # favourite and rating among them; None takes one away
    restore_attributes: Sequence[str]  # what the file says shows again
    add_to_albums: Sequence[int]
    remove_from_albums: Sequence[int]
    add_captions: Sequence[Caption]  # beside what is said already
    remove_captions: Sequence[str]  # of people, word for word


class AlbumFields(TypedDict, total=False):
    """What can be changed of an album; None takes a query or a filter away."""

    name: str
    query: str | None
    filter: str | None


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and what its answer means."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    body: Mapping[str, Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    # The only picture that it sends: what is wrong with a picture is wrong with this file.
    file: Path | None = None


def search(request: SearchRequest) -> Call[SearchResponse]:
    """Search by a request."""
    file = _file(*(term.image for term in request.terms if term.kind is TermKind.IMAGE))
    return Call(
        "POST", "/v1/search", lambda answer: read_response(answer.json()), search_body(request), file=file
    )


def understand(query: str, today: date | None) -> Call[Understanding]:
    """What a typed query would be understood as."""
    body = {"query": query} | ({"today": today.isoformat()} if today else {})
    return Call("POST", "/v1/understand", lambda answer: read_understanding(answer.json()), body)


def search_batch(requests: Sequence[SearchRequest | str]) -> Call[list[SearchResponse]]:
    """Several searches in one request."""
    body = {"requests": [search_body(request) for request in requests]}
    return Call(
        "POST",
        "/v1/search/batch",
        lambda answer: [read_response(one) for one in answer.json()["answers"]],
        body,
    )


def similar(item: ItemId, limit: int) -> Call[SearchResponse]:
    """Items like an item."""
    path = f"/v1/items/{item}/similar"
    return Call("GET", path, lambda answer: read_response(answer.json()), params={"limit": limit})


def status() -> Call[dict[str, Any]]:
    """What the library holds."""
    return Call("GET", "/v1/status", lambda answer: dict(answer.json()))


def abilities() -> Call[dict[str, Any]]:
    """What can be asked of the models there."""
    return Call("GET", "/v1/abilities", lambda answer: dict(answer.json()))


def get_item(item: ItemId) -> Call[Item]:
    """One item."""
    return Call("GET", f"/v1/items/{item}", lambda answer: read_item(answer.json()))


def items(filter: str | None, modality: Modality, offset: int) -> Call[tuple[list[Item], int]]:  # noqa: A002
    """A page of a list, and how long the list is."""
    params = _given(filter=filter, modality=modality.value, limit=PAGE, offset=offset)
    return Call(
        "GET", "/v1/items", lambda answer: (_items(answer), int(answer.json()["total"])), params=params
    )


def _items(answer: httpx.Response) -> list[Item]:
    return [read_item(one) for one in answer.json()["items"]]


def thumbnail(item: ItemId, side: int) -> Call[bytes]:
    """A small WebP picture."""
    return Call("GET", f"/v1/items/{item}/thumbnail", lambda answer: answer.content, params={"side": side})


def original(item: ItemId) -> Call[bytes]:
    """The file itself."""
    return Call("GET", f"/v1/items/{item}/original", lambda answer: answer.content)


def why(item: ItemId, words: str) -> Call[bytes]:
    """A heat map as PNG."""
    return Call("GET", f"/v1/items/{item}/why", lambda answer: answer.content, params={"q": words})


def add(
    picture: bytes | Path,
    captions: Sequence[Caption | str],
    tags: Sequence[str],
    attributes: Mapping[str, Any],
) -> Call[Item]:
    """Add a picture to the library."""
    body = {
        **picture_body(picture),
        "captions": [_caption_body(caption) for caption in captions],
        "tags": list(tags),
        "attributes": dict(attributes),
    }
    return Call("POST", "/v1/items", lambda answer: read_item(answer.json()), body, file=_file(picture))


def patch(
    item: ItemId,
    captions: Sequence[Caption | str] | None,
    tags: Sequence[str] | None,
    attributes: Mapping[str, Any] | None,
) -> Call[Item | None]:
    """Replace what people say about an item; None comes back for a key that may not read items."""
    body: dict[str, Any] = {}
    if captions is not None:
        body["captions"] = [_caption_body(caption) for caption in captions]
    if tags is not None:
        body["tags"] = list(tags)
    if attributes is not None:
        body["attributes"] = dict(attributes)
    path = f"/v1/items/{item}"
    return Call("PATCH", path, lambda answer: read_item(answer.json()) if answer.content else None, body)


def delete(item: ItemId) -> Call[None]:
    """Take an item out of the library."""
    return Call("DELETE", f"/v1/items/{item}", lambda _answer: None)


def remove(ids: Sequence[ItemId]) -> Call[int]:
    """Take items out of the library."""
    return Call("POST", "/v1/remove", lambda answer: int(answer.json()["removed"]), {"ids": list(ids)})


def annotate(ids: Sequence[ItemId], change: Change) -> Call[Changed]:
    """Change what people say about many items."""
    return Call("POST", "/v1/annotate", _changed, {"ids": list(ids)} | change_fields(change))


def albums(item: ItemId | None) -> Call[list[Album]]:
    """All albums, or those that an item is in."""
    return Call(
        "GET",
        "/v1/albums",
        lambda answer: [read_album(one) for one in answer.json()["albums"]],
        params=_given(item=item),
    )


def album(album: int) -> Call[Album]:
    """One album."""
    return Call("GET", f"/v1/albums/{album}", _album)


def create_album(name: str, query: str | None, filter: str | None, *, frozen: bool) -> Call[Album]:  # noqa: A002
    """Make an album, or save a search."""
    body = {"name": name} | _given(query=query, filter=filter) | ({"frozen": True} if frozen else {})
    return Call("POST", "/v1/albums", _album, body)


def change_album(album: int, fields: AlbumFields) -> Call[Album]:
    """Change what an album is called, or looks for."""
    return Call("PATCH", f"/v1/albums/{album}", _album, dict(fields))


def delete_album(album: int) -> Call[None]:
    """Forget an album."""
    return Call("DELETE", f"/v1/albums/{album}", lambda _answer: None)


def change_album_items(album: int, **ids: Sequence[ItemId]) -> Call[Changed]:
    """Put items into an album (`add`), and take others out (`remove`)."""
    body = {verb: list(some) for verb, some in ids.items()}
    return Call("POST", f"/v1/albums/{album}/items", _changed, body)


def album_shares(album: int) -> Call[list[AlbumShare]]:
    """The links to an album."""
    address = f"/v1/albums/{album}/shares"
    return Call("GET", address, lambda answer: list(map(read_share, answer.json()["shares"])))


def share_album(album: int, expires_at: datetime) -> Call[AlbumShare]:
    """Make a link to an album."""
    body = {"expires_at": expires_at.astimezone(UTC).isoformat()}
    return Call("POST", f"/v1/albums/{album}/shares", lambda answer: read_share(answer.json()), body)


def end_album_share(album: int, share: int) -> Call[None]:
    """End a link."""
    return Call("DELETE", f"/v1/albums/{album}/shares/{share}", lambda _answer: None)


def _album(answer: httpx.Response) -> Album:
    return read_album(answer.json())


def _changed(answer: httpx.Response) -> Changed:
    return read_changed(answer.json())


def stack(ids: Sequence[ItemId]) -> Call[list[ItemId]]:
    """Make pictures one stack."""
    return Call("POST", "/v1/stack", lambda answer: list(answer.json()["members"]), {"ids": list(ids)})


def unstack(ids: Sequence[ItemId]) -> Call[list[ItemId]]:
    """Take pictures out of their stacks."""
    return Call("POST", "/v1/unstack", lambda answer: list(answer.json()["unstacked"]), {"ids": list(ids)})


def stack_of(item: ItemId) -> Call[list[Item]]:
    """The pictures of a stack."""
    return Call("GET", f"/v1/items/{item}/stack", _items)


def judge(query: str, items: Sequence[ItemId], grade: int, filter: str | None) -> Call[int]:  # noqa: A002
    """Say how right items are for a query."""
    body = {"query": query, "items": list(items), "grade": grade, "filter": filter}
    return Call("POST", "/v1/judgments", lambda answer: int(answer.json()["judged"]), body)


def judgments(query: str | None, filter: str | None) -> Call[list[Judgment]]:  # noqa: A002
    """What was judged."""
    return Call(
        "GET",
        "/v1/judgments",
        lambda answer: [read_judgment(one) for one in answer.json()["judgments"]],
        params=_given(query=query, filter=filter, limit=1000),
    )


def withdraw(query: str, item: ItemId | None, filter: str | None) -> Call[int]:  # noqa: A002
    """Take back what was judged."""
    params = _given(query=query, item=item, filter=filter)
    return Call("DELETE", "/v1/judgments", lambda answer: int(answer.json()["withdrawn"]), params=params)


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def duplicates(picture: bytes | Path) -> Call[list[Duplicate]]:
    """The items that a picture is a copy of."""
    return Call(
        "POST",
        "/v1/duplicates",
        lambda answer: read_duplicates(answer.json()),
        picture_body(picture),
        file=_file(picture),
    )


def match(picture: PictureLike, text: str) -> Call[float]:
    """How well a sentence describes a picture."""
    body = {**picture_body(picture), "text": text}
    return Call("POST", "/v1/match", lambda answer: read_match(answer.json()), body, file=_file(picture))


def classify(
    picture: PictureLike, labels: Sequence[str], templates: Sequence[str] | None
) -> Call[list[tuple[str, float]]]:
    """Labels with their probabilities, the best first."""
    body = {**picture_body(picture), "labels": list(labels)}
    if templates is not None:
        body["templates"] = list(templates)
    return Call("POST", "/v1/classify", lambda answer: read_labels(answer.json()), body, file=_file(picture))


def caption(picture: PictureLike, detail: str) -> Call[str]:
    """A description."""
    body = {**picture_body(picture), "detail": detail}
    return Call(
        "POST",
        "/v1/caption",
        lambda answer: read_description(answer.json()),
        body,
        file=_file(picture),
    )


def ask(picture: PictureLike, question: str) -> Call[str]:
    """An answer to a question."""
    body = {**picture_body(picture), "question": question}
    return Call("POST", "/v1/ask", lambda answer: read_answer(answer.json()), body, file=_file(picture))


def locate(picture: PictureLike, phrase: str) -> Call[list[Region]]:
    """Where a phrase is to be seen."""
    return _regions("/v1/locate", picture, {"phrase": phrase})


def detect(picture: PictureLike, *, describe: bool) -> Call[list[Region]]:
    """The things in a picture."""
    return _regions("/v1/detect", picture, {"describe": describe})


def _regions(path: str, picture: PictureLike, asked: Mapping[str, Any]) -> Call[list[Region]]:
    body = {**picture_body(picture), **asked}
    return Call("POST", path, lambda answer: read_regions(answer.json()), body, file=_file(picture))


def embed(inputs: Sequence[str], modality: Modality, space: str) -> Call[UnitVectors]:
    """Unit vectors (n, dim) of texts, or of pictures in base64."""
    body = {"model": space, "input": list(inputs), "modality": modality.value, "encoding_format": "base64"}
    return Call("POST", "/v1/embeddings", read_vectors, body)


def embed_pictures(pictures: Sequence[bytes | Path], space: str) -> Iterator[Call[UnitVectors]]:
    """Calls for all pictures, as many at once as a request may have."""
    for start in range(0, max(1, len(pictures)), _PICTURES):
        part = [picture_body(picture)["image"] for picture in pictures[start : start + _PICTURES]]
        yield embed(part, Modality.IMAGE, space)


def rerank(
    query: str, documents: Sequence[str | PictureLike], top: int | None
) -> Call[list[tuple[int, float]]]:
    """Indices of documents (all texts, or all pictures) with their relevance, the best first."""
    given = [
        {"text": document} if isinstance(document, str) else picture_body(document) for document in documents
    ]
    body: dict[str, Any] = {"query": query, "documents": given}
    if top is not None:
        body["top_n"] = top
    return Call(
        "POST",
        "/v1/rerank",
        lambda answer: [(entry["index"], entry["relevance_score"]) for entry in answer.json()["results"]],
        body,
    )


def start_job(kind: str, options: Mapping[str, Any]) -> Call[JobRecord]:
    """Begin a job."""
    return Call("POST", "/v1/jobs", lambda answer: read_job(answer.json()), {"kind": kind, **options})


def get_job(job: int) -> Call[JobRecord]:
    """A job's state."""
    return Call("GET", f"/v1/jobs/{job}", lambda answer: read_job(answer.json()))


def cancel_job(job: int) -> Call[JobRecord]:
    """Stop a job."""
    return Call("DELETE", f"/v1/jobs/{job}", lambda answer: read_job(answer.json()))


def read_vectors(answer: httpx.Response) -> UnitVectors:
    """Vectors (n, dim) of an embeddings answer in base64."""
    rows = [
        np.frombuffer(base64.b64decode(entry["embedding"]), dtype="<f4") for entry in answer.json()["data"]
    ]
    return UnitVectors(np.stack(rows).astype(np.float32))


def joined(parts: Sequence[UnitVectors]) -> UnitVectors:
    """The vectors (n, dim) of several answers, one after the other."""
    return UnitVectors(np.concatenate(parts))


def search_body(request: SearchRequest | str) -> dict[str, Any]:
    """A search as JSON; local files are read and sent."""
    if isinstance(request, str):
        request = SearchRequest(parse_query(request, files=False))
    body: dict[str, Any] = {
        "terms": [_term_body(term) for term in request.terms],
        "modality": request.modality.value,
        "limit": request.limit,
        "offset": request.offset,
    }
    for name in ("filter", "space", "hybrid", "group_by", "diversify", "min_relevance"):
        if (value := getattr(request, name)) is not None:
            body[name] = value
    for name in ("words", "as_words"):
        if value := getattr(request, name):
            body[name] = list(value)
    for name in ("collapse", "exclude_query_items", "explain", "relevance", "literally", "regions"):
        if getattr(request, name):
            body[name] = True
    if request.order is not Order.BEST:
        body["order"] = request.order.value
    if request.group_score is not GroupScore.BEST:
        body["group_score"] = request.group_score.value
    if request.rerank is not None:
        rerank = request.rerank
        body["rerank"] = {"deadline_ms": rerank.deadline_ms}
        chosen = {"top": rerank.top, "weight": rerank.weight}
        body["rerank"] |= {name: value for name, value in chosen.items() if value is not None}
        if rerank.required:
            body["rerank"]["required"] = True
    return body


def picture_body(picture: PictureLike) -> dict[str, Any]:
    """A picture as the service takes it; ImageError for a file that cannot be read."""
    if isinstance(picture, int):
        return {"item": picture}
    data = read_file(picture, ImageLimits()) if isinstance(picture, Path) else picture
    return {"image": base64.b64encode(data).decode()}


def _file(*pictures: object) -> Path | None:
    """The one picture that is sent, if it is a file."""
    return pictures[0] if len(pictures) == 1 and isinstance(pictures[0], Path) else None


def _term_body(term: Term) -> dict[str, Any]:
    if term.kind is TermKind.TEXT:
        return {"text": term.text, "weight": term.weight} | ({"quoted": True} if term.quoted else {})
    if term.kind is TermKind.ITEM:
        return {"item": term.item, "weight": term.weight}
    return {**picture_body(term.image or b""), "weight": term.weight}


def _caption_body(caption: Caption | str) -> str | dict[str, Any]:
    if isinstance(caption, str):
        return caption
    return {"text": caption.text, "language": caption.language}
