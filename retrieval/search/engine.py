"""One search, from request to response: embed → candidates → fuse → rerank → hydrate, each stage timed.

The engine owns no state: it asks a `Collection` (the library) for its parts, so that tests may hand it small ones.
Whoever has embedded the query already hands in its vector.

The order of results is decided over a head of fixed depth (`HEAD`), whatever page is asked for: fusing, reranking and
diversifying see the same candidates for page 1 and page 7, so that no hit is lost or repeated between pages. What
lies deeper follows in the order of its vectors, with what the words bring between.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval import cancellation
from vasari.retrieval.catalog.analyzer import Phrase, asked_in_a_row, asked_words, phrase_of
from vasari.retrieval.domain import (
    EmbeddingSpace,
    Explain,
    FairRanking,
    FairTrial,
    GroupScore,
    Hit,
    Item,
    ItemId,
    Modality,
    Order,
    Picture,
    Rerank,
    SearchRequest,
    SearchResponse,
    Share,
    Term,
    TermKind,
    UnitVectors,
    unit_vectors,
)
from vasari.retrieval.errors import (
    DeadlineError,
    LibraryCorruptError,
    MissingExtraError,
    ModelUnavailableError,
    QueryError,
    Sentence,
    UsageError,
    VasariError,
)
from vasari.retrieval.search.dated import MOST as MOST_DATED
from vasari.retrieval.search.dated import by_date, with_good_ones
from vasari.retrieval.search.fairness import FairQuery, Scan, asks_fairly
from vasari.retrieval.search.grouping import Grouping, grouping_of
from vasari.retrieval.search.hybrid import (
    MOST_BROUGHT,
    FullText,
    Fusion,
    SeenText,
    WordQuery,
    found_by_words,
    required,
    vector_part,
)
from vasari.retrieval.search.ports import Collection
from vasari.retrieval.search.ranking import diversify, one_of_each_group
from vasari.retrieval.search.region_hits import better_of_regions, pixels_of
from vasari.retrieval.search.relevance import Calibration
from vasari.retrieval.search.reranking import query_words, rerank
from vasari.retrieval.search.stage_timer import StageTimer
from vasari.retrieval.search.window import check_window
from vasari.retrieval.vectors.gallery import Gallery
from vasari.retrieval.vectors.index import Ids, Scores, is_among

HEAD = 256  # candidates that fusing, reranking and diversifying may reorder
_LOG = logging.getLogger(__name__)

Candidate = tuple[ItemId, float]


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


@dataclass(slots=True)
class _Search:
    """One search under way."""

    collection: Collection
    request: SearchRequest
    space: EmbeddingSpace
    gallery: Gallery
    query: UnitVectors
    seen: NDArray[np.int64] | None  # all that there is to whoever asks; None: everything
    allowed: NDArray[np.int64] | None
    watch: StageTimer
    scan: Scan
    full_text: FullText
    asked: FairQuery
    fair: FairRanking | None  # by which hubs are taken down
    lost: tuple[str, ...]  # why they are not, though the space ranks fairly
    grouping: Grouping | None = None  # where one of each group is asked for
    strategy: str = ""
    words: WordQuery | None = None  # where items are searched by words, too
    fusion: Fusion | None = None
    scored: frozenset[ItemId] = frozenset()  # by the reranker
    notes: tuple[str, ...] = ()
    regions: dict[ItemId, int] = field(default_factory=dict)  # where, of items found by a region
    # The cosines of the hits, by fair ranking.
    taken_off: Mapping[ItemId, float] = field(default_factory=dict)

    def candidates(self, depth: int, groups: int) -> tuple[list[Candidate], bool]:
        """The `depth` nearest items, best first, and whether these are all.

        Where one of each group is asked for, also the best of as many `groups`.
        """
        if self.grouping is not None and self.request.group_score is GroupScore.MEAN:
            with self.watch.stage("candidates"):
                query = self.query[0]
                everything = self.grouping.fused(
                    lambda ids: self.gallery.products(ids, query),
                    self.gallery.vectors_of,
                    self._query_items(),
                )
            self.strategy = "exact, by the mean of each group"
            return everything, True
        if self.grouping is not None:
            scans = self.gallery.generation is None
            return self.grouping.nearest(self._nearest, depth, groups, scans=scans)
        ids, scores = self._nearest(depth)
        return list(zip(ids.tolist(), scores.tolist(), strict=True)), len(ids) < depth

    def _nearest(self, depth: int, allowed: Ids | None = None) -> tuple[Ids, Scores]:
        """The `depth` nearest items that are allowed by the search, or by `allowed`: ids (n,) and cosines (n,)."""
        left_out = self._query_items()
        allowed = self.allowed if allowed is None else allowed
        with self.watch.stage("candidates"):
            found, scores, strategy = self.asked.search(depth + len(left_out), allowed, self.scan)
        self.strategy = self.strategy or strategy + (" and regions" if self.request.regions else "")
        ids, cosines = found[0], scores[0]
        if self.request.regions:
            with self.watch.stage("regions"):
                ids, cosines, parts = better_of_regions(
                    self.gallery, self.query, (ids, cosines), depth + len(left_out), allowed
                )
                self.regions |= parts
        kept = (ids >= 0) & ~np.isin(ids, list(left_out))
        return ids[kept][:depth], cosines[kept][:depth]

    def fused(self, candidates: list[Candidate], *, exhausted: bool) -> list[Candidate]:
        """Candidates with those that the words find, their cosines raised by what is said of them.

        What comes after the last candidate is left to a deeper look, unless there is none.
        """
        if self.words is None:
            return candidates
        if self.fusion is None:  # the same whatever the depth: it sees the head alone
            self.fusion = self._fusion(self.words, candidates[:HEAD])
        scores = {**dict(candidates), **self.fusion.scores}
        least = -np.inf if exhausted else candidates[-1][1]
        ranked = sorted(scores.items(), key=lambda candidate: (-candidate[1], candidate[0]))
        return [candidate for candidate in ranked if candidate[1] >= least]

    def _fusion(self, words: WordQuery, head: list[Candidate]) -> Fusion:
        cosines, full_text = dict(head), self.full_text
        with self.watch.stage("full text"):
            found = found_by_words(words, full_text, self.gallery.ids(), self.allowed)
            found = np.setdiff1d(found, np.array([*self._query_items(), *cosines], np.int64))
        if len(found):
            with self.watch.stage("candidates"):
                ids, scores, _ = self.asked.search(min(len(found), MOST_BROUGHT), found)
            cosines |= dict(zip(ids[0].tolist(), scores[0].tolist(), strict=True))
        with self.watch.stage("full text"):
            held = full_text.held(list(cosines), [word.phrase for word in words.asked])
        with self.watch.stage("fuse"):
            null = self._calibration().null(self.query)
            return Fusion(words, null, list(cosines), np.array(list(cosines.values())), held)

    def relevant(self, candidates: list[Candidate]) -> list[Candidate]:
        """Candidates at least as relevant as asked for."""
        least = self.request.min_relevance
        if least is None:
            return candidates
        if least > 0 and self.is_unknown:
            return []
        with self.watch.stage("relevance"):
            threshold = self._calibration().threshold(self.query, least)
            return [(item, score) for item, score in candidates if score >= threshold]

    def reranked(self, candidates: list[Candidate], options: Rerank) -> list[Candidate]:
        """The first candidates scored a second time, in the order of those scores."""
        with self.watch.stage("rerank"):
            items = self.collection.items([item for item, _ in candidates[: options.depth]])
            began = time.perf_counter()
            try:
                stage = self.collection.rerank_stage(options.deadline_ms)
            except VasariError as error:  # absent, damaged, wrongly named: none takes the results away
                if options.required:
                    raise
                self.notes = (Sentence("not reranked: {reason}", reason=_words_of(error)),)
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

    def one_a_group(self, candidates: list[Candidate], grouping: Grouping) -> list[Candidate]:
        """The best of each group."""
        with self.watch.stage("group"):
            ids = [item for item, _ in candidates]
            labels = grouping.labels(np.array(ids, np.int64)).tolist()
            return one_of_each_group(candidates, dict(zip(ids, labels, strict=True)))

    def varied(self, candidates: list[Candidate], trade: float) -> list[Candidate]:
        """Diversified (maximal marginal relevance): the head reordered so that each differs from those before it."""
        with self.watch.stage("diversify"):
            head = candidates[:HEAD]
            vectors = self.gallery.vectors_of([item for item, _ in head])
            return diversify(head, vectors, trade) + candidates[HEAD:]

    def by_date(self, candidates: list[Candidate]) -> list[Candidate]:
        """The best candidates by their date."""
        with self.watch.stage("date"):
            best = candidates[:MOST_DATED]
            return by_date(best, self.collection.items([item for item, _ in best]))

    def hits(self, page: Sequence[Candidate], items: Mapping[ItemId, Item]) -> tuple[Hit, ...]:
        """The answer, with cosines as they were before anything was added or taken off, unless the reranker scored.

        An item deleted since the candidates were found is simply not there any more.
        """
        there = [(items[item], score) for item, score in page if item in items]
        off = self.asked.taken_off([item.id for item, _ in there]).tolist()
        self.taken_off = {item.id: less for (item, _), less in zip(there, off, strict=True)}
        return tuple(self._hit(item, score) for item, score in there)

    def _hit(self, item: Item, score: float) -> Hit:
        group, members, region = None, None, pixels_of(self.regions.get(item.id), item)
        if self.grouping is not None:
            group = self.grouping.value(item.id)
            members = self.grouping.members(item.id, self._query_items())
        if item.id in self.scored:
            return Hit(item, score, reranked=True, group=group, members=members, region=region)
        cosine = None if self.fusion is None else self.fusion.cosine(item.id)
        whole = (score if cosine is None else cosine) + self.taken_off[item.id]
        relevance = self._relevance(score)
        return Hit(item, whole, relevance=relevance, group=group, members=members, region=region)

    def _relevance(self, score: float) -> float | None:
        """How much better than chance a cosine, raised by words, is; None where no text can be embedded to compare."""
        if not self.request.relevance:
            return None
        if self.is_unknown:
            return 0.0
        with contextlib.suppress(ModelUnavailableError):
            return self._calibration().relevance(self.query, score)
        return None

    def shares(self, hits: Sequence[Hit]) -> tuple[Share, ...]:
        """What vectors, words and fair ranking brought to the place of each hit; nothing where vectors were alone."""
        if self.fusion is None and not self.is_fair:
            return ()
        found = (self._share(hit) for hit in hits)
        return tuple(share for share in found if share is not None)

    def _share(self, hit: Hit) -> Share | None:
        item, off = hit.item.id, self.taken_off[hit.item.id]
        told = None if self.fusion is None else self.fusion.share(item)
        if told is not None or not self.is_fair or hit.reranked:
            return None if told is None else replace(told, hub=off)
        vector = vector_part(np.array([hit.score - off]), self._calibration().null(self.query))
        return Share(item, float(vector[0]), 0.0, hub=off)

    @property
    def is_fair(self) -> bool:
        """Whether hubs were taken down."""
        return self.fair is not None

    @property
    def is_unknown(self) -> bool:
        """Whether neither the model nor the library knows a word of the query: what it finds is no match."""
        return self.words is None and all(term.given == "" for term in self.request.terms)

    def _calibration(self) -> Calibration:
        fair = (self.asked.gallery.trial or True) if self.is_fair else False
        return self.collection.calibration(self.request.modality, self.space, self.seen, fair=fair)

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
            words: str = error.args[0]  # a Sentence, where it is one
            return words
    return ModelUnavailableError("").brief


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
) -> _Search:
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
        asked, ranking, lost = _asked(request, gallery, query, fair)
    run = _Search(
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
        fair=ranking,
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


def _response(run: _Search, hits: tuple[Hit, ...], candidates: int) -> SearchResponse:
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
        fairly = "" if run.fair is None else f", ranked fairly by {run.fair.method}"
        explain = Explain(run.strategy + fairly, candidates, stages, run.notes, shares)
    notes = _notes(*_passed_over(run), request.modality, space)
    if request.words and not total:
        notes += (_unsaid(request.words),)
    notes += run.lost + run.notes
    return SearchResponse(hits, total, run.watch.total_ms(), space.name, bool(run.scored), explain, notes)


def _asked(
    request: SearchRequest,
    gallery: Gallery,
    query: UnitVectors,
    fair: FairTrial | Literal[False] | None,
) -> tuple[FairQuery, FairRanking | None, tuple[str, ...]]:
    """What the gallery is asked, how hubs are taken down, and what to tell where they cannot be."""
    by_mean = request.group_score is GroupScore.MEAN  # of vectors as they are
    by_cosine = fair is False or by_mean or request.regions or not asks_fairly(request)
    if isinstance(fair, FairTrial):
        gallery = gallery.tried(fair)
    if gallery.fair is None or by_cosine:
        return FairQuery.plain(gallery, query), None, ()
    try:
        return FairQuery.of(gallery, query), gallery.fair, ()
    except LibraryCorruptError as error:  # no reason to find nothing
        _LOG.warning("not ranked fairly: %s", error)
        note = Sentence("not ranked fairly: its bank of texts is lost, `vasari tune ranking` makes another")
        return FairQuery.plain(gallery, query), None, (note,)


def _passed_over(run: _Search) -> tuple[int, int]:
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


def _ranked(run: _Search, window: int) -> list[Candidate]:
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
