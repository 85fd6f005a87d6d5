"""One search, from request to response: embed → candidates → rerank → hydrate, each stage timed.

The engine owns no state: it asks a `Collection` (the library) for its parts, so that tests may hand it small ones.
Whoever has embedded the query already hands in its vector.

The order of results is decided over a head of fixed depth (`HEAD`), whatever page is asked for: fusing, reranking and
diversifying see the same candidates for page 1 and page 7, so that no hit is lost or repeated between pages. What
lies deeper follows in the order of its vectors.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval import cancellation
from vasari.retrieval.domain import (
    EmbeddingSpace,
    Explain,
    Hit,
    Item,
    ItemId,
    Modality,
    Picture,
    Rerank,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
    UnitVectors,
    unit_vectors,
)
from vasari.retrieval.errors import (
    DeadlineError,
    MissingExtraError,
    ModelUnavailableError,
    QueryError,
    UsageError,
    VasariError,
)
from vasari.retrieval.search.ranking import diversify, fuse, one_of_each_group
from vasari.retrieval.search.relevance import Calibration
from vasari.retrieval.search.reranking import RerankStage, query_words, rerank
from vasari.retrieval.vectors.gallery import Gallery
from vasari.retrieval.vectors.index import Ids, Scores, is_among

MAX_WINDOW = 10_000  # offset + limit; deeper pages are an export, not a search
MAX_DEADLINE_MS = 86_400_000  # a day
HEAD = 256  # candidates that fusing, reranking and diversifying may reorder
_LOG = logging.getLogger(__name__)

Candidate = tuple[ItemId, float]
Scan = Callable[[Gallery, UnitVectors, int, Ids | None], tuple[Ids, Scores, str]]  # as `Gallery.search`


class Filters(Protocol):
    """Finds the live items that a filter accepts."""

    def matching(self, text: str, modality: Modality) -> NDArray[np.int64]:
        """Their sorted ids; raises QueryError with the column of a mistake."""
        ...


class FullText(Protocol):
    """Finds live items by what is written of them."""

    def search(
        self, words: str, modality: Modality, limit: int, allowed: NDArray[np.int64] | None
    ) -> list[ItemId]:
        """Items whose captions, tags, name or text hold the words, best first."""
        ...


class Groups(Protocol):
    """Knows near-duplicates."""

    def groups_of(self, ids: Sequence[ItemId]) -> Mapping[ItemId, int]:
        """The near-duplicate group of each item that is in one."""
        ...


class Found(Protocol):
    """What is asked of a catalog."""

    @property
    def filters(self) -> Filters: ...  # noqa: D102
    @property
    def full_text(self) -> FullText: ...  # noqa: D102
    @property
    def perceptual_hashes(self) -> Groups: ...  # noqa: D102


class Collection(Protocol):
    """What a search needs from a library."""

    @property
    def catalog(self) -> Found:
        """What filters, words and groups are asked of; a plain search does without."""
        ...

    def space(self, name: str | None = None) -> EmbeddingSpace:
        """The named space, or the default one."""
        ...

    def embed_query(self, terms: Sequence[Term], space: EmbeddingSpace) -> UnitVectors:
        """The terms blended to one unit vector (1, dim)."""
        ...

    def gallery(self, modality: Modality, space: EmbeddingSpace) -> Gallery:
        """All live vectors of a modality, as of now."""
        ...

    def absent(self, gallery: Gallery, modality: Modality, space: EmbeddingSpace) -> int:
        """Number of items of the library that have no vector in the gallery."""
        ...

    def items(self, ids: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        """The items that still exist among `ids`."""
        ...

    def calibration(self, modality: Modality, space: EmbeddingSpace) -> Calibration:
        """The null distribution of relevance: what unrelated queries score on this collection."""
        ...

    def rerank_stage(self, within_ms: float | None = None) -> RerankStage:
        """The reranker with its cache; ModelUnavailableError, or DeadlineError where it is loaded later than that."""
        ...


def blend_terms(terms: Sequence[Term], vectors: Mapping[TermKind, UnitVectors]) -> UnitVectors:
    """Blend terms to one unit vector (1, dim): the sum of weight × unit vector, scaled to length 1.

    `vectors` are those (n, dim) of the terms of each kind, in their order. Raises QueryError when they cancel out.
    """
    blend = np.zeros(1, np.float32)
    for kind, of_kind in vectors.items():
        weights = np.array([term.weight for term in terms if term.kind is kind], np.float32)
        blend = blend + weights @ of_kind
    if np.linalg.norm(blend) < 1e-4:
        raise QueryError("the terms of this query cancel each other out")
    return unit_vectors(blend[None])


class StageTimer:
    """Milliseconds per named stage, in the order they ran, for `explain` and the service's metrics."""

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


@dataclass(slots=True)
class _Search:
    """One search under way."""

    collection: Collection
    request: SearchRequest
    space: EmbeddingSpace
    gallery: Gallery
    query: UnitVectors
    allowed: NDArray[np.int64] | None
    watch: StageTimer
    scan: Scan
    strategy: str = ""
    scored: frozenset[ItemId] = frozenset()  # by the reranker
    notes: tuple[str, ...] = ()

    def candidates(self, depth: int) -> list[Candidate]:
        """The `depth` nearest items, best first."""
        left_out = self._query_items()
        with self.watch.stage("candidates"):
            ids, scores, self.strategy = self.scan(
                self.gallery, self.query, depth + len(left_out), self.allowed
            )
        ranked = zip(ids[0].tolist(), scores[0].tolist(), strict=True)
        return [(item, score) for item, score in ranked if item >= 0 and item not in left_out][:depth]

    def fused(self, candidates: list[Candidate]) -> list[Candidate]:
        """Candidates reordered by rank fusion with the full-text matches; both heads have the same depth."""
        words = query_words(self.request.terms)
        if not words:
            raise UsageError("hybrid search needs words in the query")
        with self.watch.stage("full text"):
            found = self.collection.catalog.full_text.search(words, self.request.modality, HEAD, self.allowed)
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

    def reranked(self, candidates: list[Candidate], options: Rerank) -> list[Candidate]:
        """The first candidates scored a second time, in the order of those scores."""
        with self.watch.stage("rerank"):
            items = self.collection.items([item for item, _ in candidates[: options.top]])
            began = time.perf_counter()
            try:
                stage = self.collection.rerank_stage(options.deadline_ms)
            except VasariError as error:  # absent, damaged, wrongly named: none takes the results away
                if options.required:
                    raise
                self.notes = (f"not reranked: {_words_of(error)}",)
                return candidates
            left = options.deadline_ms
            if left is not None:
                left = max(0.0, left - (time.perf_counter() - began) * 1000)
            options = replace(options, deadline_ms=left)
            picture = self._query_picture(stage.look) if self.request.modality is Modality.TEXT else None
            found = rerank(self.request.terms, picture, candidates, items, options, stage)
        self.scored, self.notes = found.scored, found.notes
        return found.ranked

    def distinct(self, candidates: list[Candidate]) -> list[Candidate]:
        """Collapsed near-duplicates: the best of each group."""
        with self.watch.stage("collapse"):
            groups = self.collection.catalog.perceptual_hashes.groups_of([item for item, _ in candidates])
            return one_of_each_group(candidates, groups)

    def varied(self, candidates: list[Candidate], trade: float) -> list[Candidate]:
        """Diversified (maximal marginal relevance): the head reordered so that each differs from those before it."""
        with self.watch.stage("diversify"):
            head = candidates[:HEAD]
            vectors = self.gallery.vectors_of([item for item, _ in head])
            return diversify(head, vectors, trade) + candidates[HEAD:]

    def _query_items(self) -> set[ItemId]:
        if not self.request.exclude_query_items:
            return set()
        return {term.item for term in self.request.terms if term.item is not None}

    def _query_picture(self, look: Callable[[Item | bytes | Path], Picture]) -> Picture | None:
        """The one picture of the query, given or an item's."""
        for term in self.request.terms:
            if term.kind is TermKind.IMAGE and term.image is not None:
                return look(term.image)
            if term.kind is TermKind.ITEM and term.item is not None:
                item = self.collection.items([term.item]).get(term.item)
                if item is not None and item.modality is Modality.IMAGE:
                    return look(item)
        return None


def _words_of(error: VasariError) -> str:
    """Why a model cannot be used, for whoever asked: files and settings of the machine are not theirs to know."""
    match error:
        case ModelUnavailableError():
            return error.brief
        case DeadlineError() | MissingExtraError():
            return str(error)
    return ModelUnavailableError("").brief


def search(
    collection: Collection,
    request: SearchRequest,
    query: UnitVectors | None = None,
    *,
    watch: StageTimer | None = None,
    scan: Scan = Gallery.search,
) -> SearchResponse:
    """Answer one request.

    Args:
        collection: the library.
        request: the question; its terms are not embedded where `query` is given.
        query: the query's unit vector (1, dim) in the request's space.
        watch: runs since before the query was embedded.
        scan: how the nearest vectors are found.

    Raises:
        QueryError: the request is wrong; UsageError, too.
        NotFoundError: there is no such space or item.
        ImageError: a query picture cannot be read.
        ModelUnavailableError: there is no model for the query, or none for reranking and that is required.
    """
    window = check_window(request)
    watch = watch or StageTimer()
    space = collection.space(request.space)
    allowed = None
    if request.filter:
        with watch.stage("filter"):
            allowed = collection.catalog.filters.matching(request.filter, request.modality)
    if query is None:
        with watch.stage("embed"):
            query = collection.embed_query(request.terms, space)
    cancellation.check()
    with watch.stage("open"):
        gallery = collection.gallery(request.modality, space)
    run = _Search(collection, request, space, gallery, query, allowed, watch, scan)
    ranked = _ranked(run, window)
    page = ranked[request.offset : window]
    cancellation.check()
    with watch.stage("hydrate"):
        items = collection.items([item for item, _ in page])
    # An item deleted since the candidates were found is simply not there any more.
    hits = tuple(Hit(items[i], score, i in run.scored) for i, score in page if i in items)
    total = len(gallery) if allowed is None else len(allowed)
    if allowed is not None:
        _LOG.debug("the filter accepts %d of %d", len(allowed), len(gallery))
    stages = ", ".join(f"{name} {spent:.1f} ms" for name, spent in watch.stages_ms.items())
    _LOG.debug("searched %s: %s; %s", space.name, run.strategy, stages)
    explain = Explain(run.strategy, len(ranked), watch.stages_ms, run.notes) if request.explain else None
    notes = _notes(collection.absent(gallery, request.modality, space), len(gallery), request.modality, space)
    return SearchResponse(
        hits, total, watch.total_ms(), space.name, bool(run.scored), explain, notes + run.notes
    )


def _notes(absent: int, there: int, modality: Modality, space: EmbeddingSpace) -> tuple[str, ...]:
    """What a search in this space passes over."""
    if not absent:
        return ()
    things = "pictures" if modality is Modality.IMAGE else "texts"
    return (
        f"{absent:,} of {absent + there:,} {things} have no vector in {space.name} and are not found by it",
    )


def _ranked(run: _Search, window: int) -> list[Candidate]:
    """Candidates in their final order, at least `window` of them if so many match.

    Collapsing may swallow any number of candidates, so it looks deeper until the page is full; and until the head is,
    where that is still to be reordered.
    """
    request = run.request
    wanted = window if request.diversify is None else max(window, HEAD)
    depth = max(wanted, HEAD) if request.hybrid or request.rerank else wanted
    if request.rerank:
        depth = max(depth, request.rerank.top)
    head: list[Candidate] | None = None
    while True:
        cancellation.check()
        candidates = run.candidates(depth)
        exhausted = len(candidates) < depth
        cosines = candidates
        if request.hybrid:
            candidates = run.fused(candidates)
        candidates = run.relevant(candidates)
        if head is None:  # it does not depend on the depth
            head = candidates if request.rerank is None else run.reranked(candidates, request.rerank)
        ranked = head + candidates[len(head) :]
        if request.collapse:
            ranked = run.distinct(ranked)
        if len(ranked) >= wanted or exhausted or len(candidates) < len(cosines):
            break
        depth *= 4
    if request.diversify is not None:
        ranked = run.varied(ranked, request.diversify)
    return ranked


def _check_rerank(options: Rerank) -> None:
    """Raise UsageError for numbers that are none of their kind: a negative time, NaN."""
    if options.deadline_ms is not None and not 0 <= options.deadline_ms <= MAX_DEADLINE_MS:
        raise UsageError(f"a deadline is a number of milliseconds, at most {MAX_DEADLINE_MS:,}")
    if options.top < 1 or not 0 <= options.weight <= 1:
        raise UsageError("reranking takes at least 1 candidate, and a weight between 0 and 1")


def check_window(request: SearchRequest) -> int:
    """Offset + limit of this page, checked; UsageError when it is no sensible number."""
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
