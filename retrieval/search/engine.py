"""One search, from request to response: embed → candidates → rerank → hydrate, each stage timed.

The engine owns no state: it asks a `Collection` (the library) for its parts, so that tests may hand it small ones.

The order of results is decided over a head of fixed depth (`HEAD`), whatever page is asked for: fusing, reranking and
diversifying see the same candidates for page 1 and page 7, so that no hit is lost or repeated between pages. What
lies deeper follows in the order of its vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval import cancellation
from retrieval.domain import (
    EmbeddingSpace,
    Explain,
    Hit,
    Item,
    ItemId,
    Modality,
    Rerank,
    SearchRequest,
    SearchResponse,
    TermKind,
    UnitVectors,
)
from retrieval.errors import DeadlineError, MissingExtraError, ModelUnavailableError, UsageError, VasariError
from retrieval.models.ports import Picture
from retrieval.search.embedding import QueryModels, embed_query
from retrieval.search.ranking import diversify, fuse, one_of_each_group
from retrieval.search.relevance import Calibration
from retrieval.search.reranking import Outcome, Second, query_words, rerank
from retrieval.search.stopwatch import Stopwatch
from retrieval.vectors.gallery import Gallery
from retrieval.vectors.index import is_among

MAX_WINDOW = 10_000  # offset + limit; deeper pages are an export, not a search
MAX_DEADLINE_MS = 86_400_000  # a day
HEAD = 256  # candidates that fusing, reranking and diversifying may reorder

Candidate = tuple[ItemId, float]


class Collection(QueryModels, Protocol):
    """What a search needs from a library."""

    def space(self, name: str | None = None) -> EmbeddingSpace:
        """The named space, or the default one."""
        ...

    def gallery(self, modality: Modality, space: EmbeddingSpace) -> Gallery:
        """All live vectors of a modality, as of now."""
        ...

    def absent(self, gallery: Gallery, modality: Modality, space: EmbeddingSpace) -> int:
        """How many items of the library have no vector in the gallery."""
        ...

    def items(self, ids: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        """The items that still exist among `ids`."""
        ...

    def matching(self, filter_text: str, modality: Modality) -> NDArray[np.int64]:
        """Sorted ids of the live items that a filter accepts; raises QueryError with the column of a mistake."""
        ...

    def full_text(
        self, words: str, modality: Modality, limit: int, allowed: NDArray[np.int64] | None
    ) -> list[ItemId]:
        """Items whose captions, tags, name or text hold the words, best first."""
        ...

    def duplicate_groups(self, ids: Sequence[ItemId]) -> Mapping[ItemId, int]:
        """The near-duplicate group of each item that is in one."""
        ...

    def calibration(self, modality: Modality, space: EmbeddingSpace) -> Calibration:
        """What unrelated queries score on this collection."""
        ...

    def second_stage(self, within_ms: float | None = None) -> Second:
        """The reranker with its cache; ModelUnavailableError, or DeadlineError where it is loaded later than that."""
        ...

    def picture_of(self, item: Item) -> Picture:
        """An item's picture; raises ImageError."""
        ...

    def open_picture(self, picture: bytes | Path) -> Picture:
        """Decode a query picture."""
        ...


@dataclass(slots=True)
class _Search:
    """One search under way."""

    collection: Collection
    request: SearchRequest
    space: EmbeddingSpace
    gallery: Gallery
    query: UnitVectors
    allowed: NDArray[np.int64] | None
    watch: Stopwatch
    strategy: str = ""

    def candidates(self, depth: int) -> list[Candidate]:
        """The `depth` nearest items, best first."""
        left_out = self._query_items()
        with self.watch.stage("candidates"):
            ids, scores, self.strategy = self.gallery.search(self.query, depth + len(left_out), self.allowed)
        ranked = zip(ids[0].tolist(), scores[0].tolist(), strict=True)
        return [(item, score) for item, score in ranked if item >= 0 and item not in left_out][:depth]

    def fused(self, candidates: list[Candidate]) -> list[Candidate]:
        """Candidates reordered by rank fusion with the full-text matches; both heads have the same depth."""
        words = query_words(self.request.terms)
        if not words:
            raise UsageError("hybrid search needs words in the query")
        with self.watch.stage("full text"):
            found = self.collection.full_text(words, self.request.modality, HEAD, self.allowed)
            # An item may have words and no vector here: it was embedded by another model only.
            known = is_among(np.array(found, np.int64), self.gallery.ids()).tolist()
            found = [
                i for i, there in zip(found, known, strict=True) if there and i not in self._query_items()
            ]
        with self.watch.stage("fuse"):
            cosines = dict(candidates)
            unknown = [item for item in found if item not in cosines]
            if unknown:
                vectors = self.gallery.vectors_of(unknown)
                cosines |= dict(zip(unknown, (vectors @ self.query[0]).tolist(), strict=True))
            head = fuse([item for item, _ in candidates[:HEAD]], found)
            chosen = set(head)
            tail = [item for item, _ in candidates[HEAD:] if item not in chosen]
            return [(item, cosines[item]) for item in [*head, *tail]]

    def relevant(self, candidates: list[Candidate]) -> list[Candidate]:
        """Candidates at least as relevant as asked for."""
        least = self.request.min_relevance
        if least is None:
            return candidates
        with self.watch.stage("relevance"):
            calibration = self.collection.calibration(self.request.modality, self.space)
            threshold = calibration.threshold(self.query, least)
            return [(item, score) for item, score in candidates if score >= threshold]

    def reranked(self, candidates: list[Candidate]) -> Outcome:
        """The first candidates scored a second time."""
        options = self.request.rerank
        if options is None:
            return Outcome(candidates, frozenset())
        with self.watch.stage("rerank"):
            items = self.collection.items([item for item, _ in candidates[: options.top]])
            picture = self._query_picture() if self.request.modality is Modality.TEXT else None
            began = perf_counter()
            try:
                second = self.collection.second_stage(options.deadline_ms)
            except VasariError as error:  # absent, damaged, wrongly named: none takes the results away
                if options.required:
                    raise
                return Outcome(candidates, frozenset(), (f"not reranked: {_words_of(error)}",))
            left = options.deadline_ms
            if left is not None:
                left = max(0.0, left - (perf_counter() - began) * 1000)
            options = replace(options, deadline_ms=left)
            return rerank(self.request.terms, picture, candidates, items, options, second)

    def distinct(self, candidates: list[Candidate]) -> list[Candidate]:
        """The best of each group of near-duplicates."""
        with self.watch.stage("collapse"):
            groups = self.collection.duplicate_groups([item for item, _ in candidates])
            return one_of_each_group(candidates, groups)

    def varied(self, candidates: list[Candidate], trade: float) -> list[Candidate]:
        """The head reordered so that each result differs from those before it."""
        with self.watch.stage("diversify"):
            head = candidates[:HEAD]
            vectors = self.gallery.vectors_of([item for item, _ in head])
            return diversify(head, vectors, trade) + candidates[HEAD:]

    def _query_items(self) -> set[ItemId]:
        if not self.request.exclude_query_items:
            return set()
        return {term.item for term in self.request.terms if term.item is not None}

    def _query_picture(self) -> Picture | None:
        """The one picture of the query, given or an item's."""
        for term in self.request.terms:
            if term.kind is TermKind.IMAGE and term.image is not None:
                return self.collection.open_picture(term.image)
            if term.kind is TermKind.ITEM and term.item is not None:
                item = self.collection.items([term.item]).get(term.item)
                if item is not None and item.modality is Modality.IMAGE:
                    return self.collection.picture_of(item)
        return None


def _words_of(error: VasariError) -> str:
    """Why a model cannot be used, for whoever asked: files and settings of the machine are not theirs to know."""
    match error:
        case ModelUnavailableError():
            return error.brief
        case DeadlineError() | MissingExtraError():
            return str(error)
    return ModelUnavailableError("").brief


def search(collection: Collection, request: SearchRequest) -> SearchResponse:
    """Answer one request.

    Raises QueryError or UsageError for a wrong request, NotFoundError for an unknown space or item, ImageError for a
    query picture that cannot be read, ModelUnavailableError when there is no model for the query, or none for reranking
    and that is required.
    """
    window = check_window(request)
    watch = Stopwatch()
    space = collection.space(request.space)
    allowed = None
    if request.filter:
        with watch.stage("filter"):
            allowed = collection.matching(request.filter, request.modality)
    with watch.stage("embed"):
        query = embed_query(request.terms, collection, space)
    cancellation.check()
    with watch.stage("open"):
        gallery = collection.gallery(request.modality, space)
    run = _Search(collection, request, space, gallery, query, allowed, watch)
    outcome, ranked = _ranked(run, window)
    page = ranked[request.offset : window]
    cancellation.check()
    with watch.stage("hydrate"):
        items = collection.items([item for item, _ in page])
    # An item deleted since the candidates were found is simply not there any more.
    hits = tuple(Hit(items[i], score, i in outcome.matched) for i, score in page if i in items)
    total = len(gallery) if allowed is None else len(allowed)
    explain = Explain(run.strategy, len(ranked), watch.stages_ms, outcome.notes) if request.explain else None
    notes = _notes(collection.absent(gallery, request.modality, space), len(gallery), request.modality, space)
    return SearchResponse(
        hits, total, watch.total_ms(), space.name, outcome.reranked, explain, notes + outcome.notes
    )


def _notes(absent: int, there: int, modality: Modality, space: EmbeddingSpace) -> tuple[str, ...]:
    """What a search in this space passes over."""
    if not absent:
        return ()
    things = "pictures" if modality is Modality.IMAGE else "texts"
    return (
        f"{absent:,} of {absent + there:,} {things} have no vector in {space.name} and are not found by it",
    )


def _ranked(run: _Search, window: int) -> tuple[Outcome, list[Candidate]]:
    """Candidates in their final order, at least `window` of them if so many match.

    Collapsing may swallow any number of candidates, so it looks deeper until the page is full; and until the head is,
    where that is still to be reordered.
    """
    request = run.request
    wanted = window if request.diversify is None else max(window, HEAD)
    depth = max(wanted, HEAD) if request.hybrid or request.rerank else wanted
    if request.rerank:
        depth = max(depth, request.rerank.top)
    outcome: Outcome | None = None
    while True:
        cancellation.check()
        candidates = run.candidates(depth)
        exhausted = len(candidates) < depth
        cosines = candidates
        if request.hybrid:
            candidates = run.fused(candidates)
        candidates = run.relevant(candidates)
        if outcome is None:
            outcome = run.reranked(candidates)  # the head does not depend on the depth
        ranked = outcome.ranked + candidates[len(outcome.ranked) :]
        if request.collapse:
            ranked = run.distinct(ranked)
        if len(ranked) >= wanted or exhausted or len(candidates) < len(cosines):
            break
        depth *= 4
    if request.diversify is not None:
        ranked = run.varied(ranked, request.diversify)
    return outcome, ranked


def _check_rerank(options: Rerank) -> None:
    """Raise UsageError for numbers that are none of their kind: a negative time, NaN."""
    if options.deadline_ms is not None and not 0 <= options.deadline_ms <= MAX_DEADLINE_MS:
        raise UsageError(f"a deadline is a number of milliseconds, at most {MAX_DEADLINE_MS:,}")
    if options.top < 1 or not 0 <= options.weight <= 1:
        raise UsageError("reranking takes at least 1 candidate, and a weight between 0 and 1")


def check_window(request: SearchRequest) -> int:
    """How many ranks must be computed for this page; UsageError when it is no sensible number."""
    if request.limit < 1 or request.offset < 0:
        raise UsageError("limit is at least 1, offset at least 0")
    window = request.limit + request.offset
    if window > MAX_WINDOW:
        raise UsageError(f"limit + offset is at most {MAX_WINDOW}; use `vasari export` for everything")
    if request.rerank is not None:
        _check_rerank(request.rerank)
    for name, value in (("diversify", request.diversify), ("min_relevance", request.min_relevance)):
        if value is not None and not 0 <= value <= 1:
            raise UsageError(f"{name} is between 0 and 1")
    return window
