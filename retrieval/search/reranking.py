"""Rerank: score the best candidates again by cross-attention, within a deadline.

Between two candidates the deadline and cancellation (`vasari.retrieval.cancellation`) are checked.

Text→image compares the query's words with each candidate's picture; image→text compares the query's picture with each
candidate's text. Picture features are the costly half, so they are kept by content hash in a cache of bounded size.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval import cancellation
from vasari.retrieval.domain import Item, ItemId, Modality, Picture, Rerank, Term, TermKind
from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.models.ports import Reranker
from vasari.retrieval.search.ranking import blend

Features = NDArray[np.float16]  # (patches + 1, width)
BATCH = 8  # candidates between two checks of the deadline


class FeatureCache:
    """LRU cache of picture features, up to `capacity` bytes. Safe for concurrent use."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self._kept: OrderedDict[str, Features] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, content_hash: str) -> Features | None:
        """Features of the picture with this content, if they are still here."""
        with self._lock:
            found = self._kept.get(content_hash)
            if found is not None:
                self._kept.move_to_end(content_hash)
            return found

    def put(self, content_hash: str, features: Features) -> None:
        """Keep features, and let the least recently used ones go."""
        with self._lock:
            if content_hash in self._kept:
                return
            self._kept[content_hash] = features
            self.size += features.nbytes
            while self.size > self.capacity and self._kept:
                _, dropped = self._kept.popitem(last=False)
                self.size -= dropped.nbytes


@dataclass(frozen=True, slots=True)
class Reranked:
    """Candidates in their final order. `scores` are blended for those in `scored`, cosines for the rest."""

    ranked: list[tuple[ItemId, float]]
    scored: frozenset[ItemId]
    notes: tuple[str, ...] = ()

    @property
    def reranked(self) -> bool:
        """Whether the second stage scored any candidate."""
        return bool(self.scored)


@dataclass(frozen=True, slots=True)
class RerankStage:
    """Dependencies of the second stage: the reranker, its feature cache, and how pictures are had."""

    reranker: Reranker
    cache: FeatureCache
    look: Callable[[Item | bytes | Path], Picture]
    """Decode an item's picture, or a query's; raises ImageError when its file is gone or broken."""


def query_words(terms: Sequence[Term]) -> str:
    """The words that describe what is wanted: positive text terms, heaviest first."""
    texts = sorted((t for t in terms if t.kind is TermKind.TEXT and t.weight > 0), key=lambda t: -t.weight)
    return ", ".join(term.text or "" for term in texts)


def rerank(
    terms: Sequence[Term],
    picture: Picture | None,
    candidates: Sequence[tuple[ItemId, float]],
    items: Mapping[ItemId, Item],
    options: Rerank,
    stage: RerankStage,
) -> Reranked:
    """Reorder the first `options.top` candidates.

    When the deadline passes, the first-stage order comes back and `reranked` is false. A candidate whose file cannot
    be read keeps its place behind the reranked ones, and a note says so.

    Args:
        terms: the query; its words are compared with pictures.
        picture: the query's picture, compared with texts.
        candidates: (item, cosine), best first.
        items: the candidates' items.
        options: how many, how long, how strongly.
        stage: the reranker with its cache.

    Raises:
        UsageError: the query has no words to compare pictures with, or no picture to compare texts with.
    """
    head = [(item, cosine) for item, cosine in candidates[: options.top] if item in items]
    if not head:
        return Reranked(list(candidates), frozenset())
    clock = _Clock(options.deadline_ms)
    if items[head[0][0]].modality is Modality.TEXT:
        probabilities, notes = _score_texts(picture, [items[item] for item, _ in head], stage, clock)
    else:
        probabilities, notes = _score_pictures(query_words(terms), [items[i] for i, _ in head], stage, clock)
    if probabilities is None:
        return Reranked(list(candidates), frozenset(), notes)
    seen = [place for place, item in enumerate(head) if item[0] in probabilities]
    cosines = np.array([head[place][1] for place in seen], np.float32)
    reranked = np.array([probabilities[head[place][0]] for place in seen], np.float32)
    scores = blend(cosines, reranked, options.weight)
    order = np.argsort(-scores, kind="stable")
    ranked = [(head[seen[place]][0], float(scores[place])) for place in order]
    ranked += [candidate for candidate in candidates if candidate[0] not in probabilities]
    return Reranked(ranked, frozenset(probabilities), notes)


class _Clock:
    def __init__(self, milliseconds: float | None) -> None:
        self.end = None if milliseconds is None else time.monotonic() + milliseconds / 1e3

    def over(self) -> bool:
        return self.end is not None and time.monotonic() > self.end


_TOO_LATE = ("the deadline passed before all candidates were compared: the order is that of the first stage",)


def _score_pictures(
    words: str, items: Sequence[Item], stage: RerankStage, clock: _Clock
) -> tuple[dict[ItemId, float] | None, tuple[str, ...]]:
    if not words:
        raise UsageError("reranking compares words with pictures: add some words to the query")
    found: dict[ItemId, float] = {}
    notes: list[str] = []
    for start in range(0, len(items), BATCH):
        if clock.over():
            return None, _TOO_LATE
        features = _features(items[start : start + BATCH], stage, notes, clock)
        if clock.over():
            return None, _TOO_LATE
        cancellation.check()
        if features:
            scores = stage.reranker.score([words], np.stack(list(features.values())))
            found |= dict(zip(features, scores.tolist(), strict=True))
    return (None, _TOO_LATE) if clock.over() else (found, tuple(notes))


def _score_texts(
    picture: Picture | None, items: Sequence[Item], stage: RerankStage, clock: _Clock
) -> tuple[dict[ItemId, float] | None, tuple[str, ...]]:
    if picture is None:
        raise UsageError("reranking texts compares them with a picture: search by one picture")
    features = stage.reranker.encode_images(stage.reranker.prepare(picture)[None])
    found: dict[ItemId, float] = {}
    for start in range(0, len(items), BATCH):
        cancellation.check()
        if clock.over():
            return None, _TOO_LATE
        part = items[start : start + BATCH]
        repeated = np.broadcast_to(features, (len(part), *features.shape[1:]))
        scores = stage.reranker.score([item.text or "" for item in part], np.ascontiguousarray(repeated))
        found |= {item.id: float(score) for item, score in zip(part, scores, strict=True)}
    return (None, _TOO_LATE) if clock.over() else (found, ())


def _features(
    items: Sequence[Item], stage: RerankStage, notes: list[str], clock: _Clock
) -> dict[ItemId, Features]:
    """Features of those items whose pictures can be had in time; those not in the cache are encoded in one batch."""
    found: dict[ItemId, Features] = {}
    fresh: list[tuple[Item, NDArray[np.uint8]]] = []
    for item in items:
        cancellation.check()
        if clock.over():
            return found
        kept = stage.cache.get(item.content_hash)
        if kept is not None:
            found[item.id] = kept
            continue
        try:
            fresh.append((item, stage.reranker.prepare(stage.look(item))))
        except ImageError as error:
            notes.append(f"not reranked: {item.uri}: {error}")
    if fresh:
        encoded = stage.reranker.encode_images(np.stack([pixels for _, pixels in fresh]))
        for (item, _), features in zip(fresh, encoded, strict=True):
            stage.cache.put(item.content_hash, features)
            found[item.id] = features
    return found
