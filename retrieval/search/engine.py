"""One search, from request to response: embed → candidates → fuse → rerank → hydrate, each stage timed.

The engine owns no state: it asks a `Collection` (the library) for its parts, so that tests may hand it small ones.
Whoever has embedded the query already hands in its vector.

The order of results is decided over a head of fixed depth (`HEAD`), whatever page is asked for: fusing, reranking and
diversifying see the same candidates for page 1 and page 7, so that no hit is lost or repeated between pages. What
lies deeper follows in the order of its vectors, with what the words bring between.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from vasari.retrieval import cancellation
from vasari.retrieval.catalog.analyzer import Phrase, asked_in_a_row, asked_words, phrase_of
from vasari.retrieval.domain import (
    EmbeddingSpace,
    Explain,
    FairTrial,
    GroupScore,
    Hit,
    Modality,
    Order,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
    UnitVectors,
    unit_vectors,
)
from vasari.retrieval.errors import (
    QueryError,
    Sentence,
    UsageError,
)
from vasari.retrieval.search.dated import MOST as MOST_DATED
from vasari.retrieval.search.dated import with_good_ones
from vasari.retrieval.search.fairness import Scan, asked_fairly
from vasari.retrieval.search.grouping import grouping_of
from vasari.retrieval.search.hybrid import (
    FullText,
    SeenText,
    WordQuery,
    required,
)
from vasari.retrieval.search.ports import Collection
from vasari.retrieval.search.reranking import query_words
from vasari.retrieval.search.stage_timer import StageTimer
from vasari.retrieval.search.stages import HEAD, Candidate, Search
from vasari.retrieval.search.window import check_window
from vasari.retrieval.vectors.gallery import Gallery
from vasari.retrieval.vectors.index import is_among

_LOG = logging.getLogger(__name__)


def blend_terms(terms: Sequence[Term], vectors: Mapping[TermKind, UnitVectors]) -> UnitVectors:
    """Blend terms to one unit vector (1, dim): the sum of weight × unit vector, scaled to length 1.

    `vectors` are those (n, dim) of the terms of each kind, in their order. Raises QueryError when they cancel out.
    """
    blend = np.zeros(1, np.float32)
    for kind, of_kind in vectors.items():
        weights = np.array([term.weight for term in terms if term.kind is kind], np.float32)
        blend = blend + weights @ of_kind
    if np.linalg.norm(blend) < 1e-4:
        raise QueryError(Sentence("the terms of this query cancel each other out"))
    return unit_vectors(blend[None])


def search(
    collection: Collection,
    request: SearchRequest,
    query: UnitVectors | None = None,
    *,
    watch: StageTimer | None = None,
    scan: Scan = Gallery.search,
    within: str | None = None,
    fair: FairTrial | Literal[False] | None = None,
) -> SearchResponse:
    """Answer one request.

    Args:
        collection: the library.
        request: the question; its terms are not embedded where `query` is given.
        query: the query's unit vector (1, dim) in the request's space.
        watch: runs since before the query was embedded.
        scan: how the nearest vectors are found.
        within: a filter beside the request's; to whoever asks there is nothing but what it accepts.
        fair: how to rank in place of how the space does: as is tried, or (False) by cosine.

    Raises:
        QueryError: the request is wrong; UsageError, too.
        NotFoundError: there is no such space or item.
        ImageError: a query picture cannot be read.
        ModelUnavailableError: there is no model for the query, or none for reranking and that is required.
    """
    window = check_window(request)
    run = _begun(collection, with_good_ones(request), query, watch or StageTimer(), scan, within, fair)
    ranked = _ranked(run, window if request.order is Order.BEST else MOST_DATED)
    if request.order is Order.DATE:
        ranked = run.by_date(ranked)
    page = ranked[request.offset : window]
    cancellation.check()
    with run.watch.stage("hydrate"):
        hits = run.hits(page, collection.items([item for item, _ in page]))
    return _response(run, hits, len(ranked))


def _begun(
    collection: Collection,
    request: SearchRequest,
    query: UnitVectors | None,
    watch: StageTimer,
    scan: Scan,
    within: str | None,
    fair: FairTrial | Literal[False] | None,
) -> Search:
    """What candidates are found by: the items that may be, the query's vector and words, the gallery, its groups."""
    space = collection.space(request.space)
    seen = allowed = None
    if request.filter or within is not None:
        with watch.stage("filter"):
            matching = collection.catalog.filters.matching
            seen = None if within is None else matching(None, request.modality, within)
            allowed = matching(request.filter, request.modality, within) if request.filter else seen
    if query is None:
        with watch.stage("embed"):
            query = collection.embed_query(request.terms, space)
    cancellation.check()
    with watch.stage("open"):
        gallery = collection.gallery(request.modality, space)
    full_text = collection.full_text if seen is None else SeenText(collection.full_text, seen)
    if request.words:
        with watch.stage("full text"):
            allowed = required(_phrases(request.words), full_text, gallery.ids(), allowed)
    with watch.stage("open"):
        asked, lost = asked_fairly(request, gallery, query, fair)
    run = Search(
        collection=collection,
        request=request,
        space=space,
        gallery=gallery,
        query=query,
        seen=seen,
        allowed=allowed,
        watch=watch,
        scan=scan,
        full_text=full_text,
        asked=asked,
        lost=lost,
    )
    if request.group_by is not None:
        with watch.stage("group"):
            labels = collection.catalog.groupings.labels(request.group_by, request.modality, within)
            run.grouping = grouping_of(labels, allowed, gallery.ids())
    if request.hybrid is not False and request.group_score is GroupScore.BEST:
        with watch.stage("full text"):
            run.words = _word_query(request, full_text, len(gallery) if seen is None else len(seen))
    return run


def _response(run: Search, hits: tuple[Hit, ...], candidates: int) -> SearchResponse:
    """The hits with what is to be told of the search: its strategy and times, and what it passed over."""
    request, space, stages = run.request, run.space, run.watch.stages_ms
    total = len(run.gallery) if run.allowed is None else len(run.allowed)
    if run.allowed is not None:
        _LOG.debug("the filter accepts %d of %d", len(run.allowed), len(run.gallery))
    times = ", ".join(f"{name} {spent:.1f} ms" for name, spent in stages.items())
    _LOG.debug("searched %s: %s; %s", space.name, run.strategy, times)
    explain = None
    if request.explain:
        shares = run.shares(hits)
        fairly = "" if run.asked.ranking is None else f", ranked fairly by {run.asked.ranking.method}"
        explain = Explain(run.strategy + fairly, candidates, stages, run.notes, shares)
    notes = _notes(*_passed_over(run), request.modality, space)
    if request.words and not total:
        notes += (_unsaid(request.words),)
    notes += run.lost + run.notes
    return SearchResponse(hits, total, run.watch.total_ms(), space.name, bool(run.scored), explain, notes)


def _passed_over(run: Search) -> tuple[int, int]:
    """How many items that the caller may see have no vector, and how many have one."""
    if run.seen is None:
        return run.collection.absent(run.gallery, run.request.modality, run.space), len(run.gallery)
    there = int(is_among(run.seen, run.gallery.ids()).sum())
    return len(run.seen) - there, there


def _notes(absent: int, there: int, modality: Modality, space: EmbeddingSpace) -> tuple[str, ...]:
    """What a search in this space passes over."""
    if not absent:
        return ()
    known: dict[str, int | str] = {"n": absent, "all": absent + there, "space": space.name}
    if modality is Modality.IMAGE:
        return (
            Sentence("{n:,} of {all:,} pictures have no vector in {space} and are not found by it", **known),
        )
    return (Sentence("{n:,} of {all:,} texts have no vector in {space} and are not found by it", **known),)


def _unsaid(quoted: Sequence[str]) -> Sentence:
    """That nothing has the words that have to occur."""
    words = ", ".join(f"“{text}”" for text in quoted)
    return Sentence(
        "nothing that was searched has {words} in its captions, tags and names, or in its picture",
        words=words,
    )


def _word_query(request: SearchRequest, full_text: FullText, items: int) -> WordQuery | None:
    """The words to look for beside vectors; None where there are none, or no item holds any."""
    words = query_words(request.terms)
    if request.hybrid and not words:
        raise UsageError("hybrid search needs words in the query")
    if not words:
        return None
    row = asked_in_a_row(words)
    asked = asked_words(words) if row is None else [*asked_words(words), row]
    query = WordQuery.of(asked, full_text, items)
    return query if query.known else None


def _phrases(quoted: Sequence[str]) -> list[Phrase]:
    """What has to be said of every hit; UsageError for one in which nothing is a word."""
    phrases = [(text, phrase_of(text)) for text in quoted]
    for text, phrase in phrases:
        if phrase is None:
            raise UsageError(
                Sentence(
                    "there is no word in {text!r} that could be looked for: leave its quotes out", text=text
                )
            )
    return [phrase for _, phrase in phrases if phrase is not None]


def _ranked(run: Search, window: int) -> list[Candidate]:
    """Candidates in their final order, at least `window` of them if so many match.

    Collapsing may swallow any number of candidates, so it looks deeper until the page is full; and until the head is,
    where that is still to be reordered. Groups are as many as are asked for at once.
    """
    request = run.request
    wanted = window if request.diversify is None else max(window, HEAD)
    depth = max(wanted, HEAD) if run.words or request.rerank else wanted
    if request.rerank:
        depth = max(depth, request.rerank.depth)
    groups = max(wanted, request.rerank.depth) if request.rerank else wanted
    head: list[Candidate] | None = None
    while True:
        cancellation.check()
        candidates, exhausted = run.candidates(depth, groups)
        fused = run.fused(candidates, exhausted=exhausted)
        candidates = run.relevant(fused)
        ended = exhausted or len(candidates) < len(fused)
        if run.grouping is not None:
            candidates = run.one_a_group(candidates, run.grouping)
        if head is None:  # it does not depend on the depth
            head = candidates if request.rerank is None else run.reranked(candidates, request.rerank)
        ranked = head + candidates[len(head) :]
        if request.collapse:
            ranked = run.distinct(ranked)
        if len(ranked) >= wanted or ended:
            break
        if run.grouping is None:
            depth *= 4
        else:  # what is fused stays the same, and so does the order
            groups *= 4
    if request.diversify is not None:
        ranked = run.varied(ranked, request.diversify)
    return ranked
