"""The stages of a search, each timed: candidates, fuse, relevance, rerank, collapse, diversify, hydrate.

Which of them a request takes, and how deep they look, is `engine`'s.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import (
    EmbeddingSpace,
    GroupScore,
    Hit,
    Item,
    ItemId,
    Modality,
    Picture,
    Rerank,
    SearchRequest,
    Share,
    TermKind,
    UnitVectors,
)
from vasari.retrieval.errors import (
    DeadlineError,
    MissingExtraError,
    ModelUnavailableError,
    Sentence,
    VasariError,
)
from vasari.retrieval.search.dated import MOST as MOST_DATED
from vasari.retrieval.search.dated import by_date
from vasari.retrieval.search.fairness import FairQuery, Scan
from vasari.retrieval.search.grouping import Grouping
from vasari.retrieval.search.hybrid import (
    MOST_BROUGHT,
    FullText,
    Fusion,
    WordQuery,
    found_by_words,
    vector_part,
)
from vasari.retrieval.search.ports import Collection
from vasari.retrieval.search.ranking import diversify, one_of_each_group
from vasari.retrieval.search.region_hits import better_of_regions, pixels_of
from vasari.retrieval.search.relevance import Calibration
from vasari.retrieval.search.reranking import rerank
from vasari.retrieval.search.stage_timer import StageTimer
from vasari.retrieval.vectors.gallery import Gallery
from vasari.retrieval.vectors.index import Ids, Scores

HEAD = 256  # candidates that fusing, reranking and diversifying may reorder

Candidate = tuple[ItemId, float]


@dataclass(slots=True)
class Search:
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
    lost: tuple[str, ...]  # why hubs are not taken down, though the space ranks fairly
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
        return self.asked.ranking is not None

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
