"""One search, from request to response: embed → candidates → hydrate, each stage timed.

The engine owns no state: it asks a `Collection` (the library) for its parts, so that tests may hand it small ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from retrieval.domain import (
    EmbeddingSpace,
    Explain,
    Hit,
    Item,
    ItemId,
    Modality,
    SearchRequest,
    SearchResponse,
)
from retrieval.errors import UsageError
from retrieval.search.embedding import QueryModels, embed_query
from retrieval.vectors.gallery import Gallery

MAX_WINDOW = 10_000  # offset + limit; deeper pages are an export, not a search


class Collection(QueryModels, Protocol):
    """What a search needs from a library."""

    def space(self, name: str | None = None) -> EmbeddingSpace:
        """The named space, or the default one."""
        ...

    def gallery(self, modality: Modality, space: EmbeddingSpace) -> Gallery:
        """All live vectors of a modality, as of now."""
        ...

    def items(self, ids: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        """The items that still exist among `ids`."""
        ...


class Stopwatch:
    """Milliseconds per named stage, in the order they ran."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.stages_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage; a name used twice adds up."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - begin) * 1e3
            self.stages_ms[name] = self.stages_ms.get(name, 0.0) + spent

    def total_ms(self) -> float:
        """Milliseconds since the stopwatch was made."""
        return (time.perf_counter() - self.started) * 1e3


def search(collection: Collection, request: SearchRequest) -> SearchResponse:
    """Answer one request.

    Raises QueryError or UsageError for a wrong request, NotFoundError for an unknown space or item, ImageError for
    a query picture that cannot be read.
    """
    window = check_window(request)
    left_out = {term.item for term in request.terms if request.exclude_query_items and term.item is not None}
    watch = Stopwatch()
    space = collection.space(request.space)
    with watch.stage("embed"):
        query = embed_query(request.terms, collection, space)
    with watch.stage("candidates"):
        gallery = collection.gallery(request.modality, space)
        ids, scores, strategy = gallery.search(query, window + len(left_out))
    ranked = zip(ids[0].tolist(), scores[0].tolist(), strict=True)
    found = [(item, score) for item, score in ranked if item >= 0 and item not in left_out][:window]
    with watch.stage("hydrate"):
        items = collection.items([i for i, _ in found])
    # An item deleted between the two stages is simply not there any more.
    hits = tuple(Hit(items[i], score) for i, score in found if i in items)[request.offset :]
    explain = Explain(strategy, len(found), watch.stages_ms) if request.explain else None
    return SearchResponse(hits, len(gallery), watch.total_ms(), space.name, explain=explain)


def check_window(request: SearchRequest) -> int:
    """How many ranks must be computed for this page; UsageError when it is no sensible number."""
    if request.limit < 1 or request.offset < 0:
        raise UsageError("limit is at least 1, offset at least 0")
    window = request.limit + request.offset
    if window > MAX_WINDOW:
        raise UsageError(f"limit + offset is at most {MAX_WINDOW}; use `vasari export` for everything")
    return window
