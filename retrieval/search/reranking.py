"""Rerank: score the best candidates again by cross-attention, within a deadline.

Between two batches the deadline and cancellation (`vasari.retrieval.cancellation`) are checked. Batches become small as
the deadline comes near (`pace`), and what is not known to end in time, reading and encoding a picture, is done by a
thread of its own (`encoding_ahead`), for which a question waits no longer than it may.

Text→image compares the query's words with each candidate's picture; image→text compares the query's picture with each
candidate's text. Picture features are the costly half, so they are kept by content hash in a cache of bounded size.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval import cancellation
from vasari.retrieval.domain import Item, ItemId, Modality, Picture, Rerank, Term, TermKind
from vasari.retrieval.errors import ImageError, Sentence, UsageError
from vasari.retrieval.models.ports import Reranker
from vasari.retrieval.search.encoding_ahead import EncodingAhead
from vasari.retrieval.search.feature_cache import FeatureCache, Features
from vasari.retrieval.search.pace import Batches, Pace
from vasari.retrieval.search.ranking import blend

BATCH = 8  # candidates between two looks at the clock, at most
_SENTENCE = "a dog on a beach beside two children with a red ball"  # about as long as what people ask for


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
    pace: Pace = field(default_factory=Pace)
    ahead: EncodingAhead = field(default_factory=EncodingAhead)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def measure(self, picture: Picture) -> None:
        """Find the pace on a picture, after a first round that warms up."""
        pixels = self.reranker.prepare(picture)
        for is_warm in (False, True):
            began = time.monotonic()
            features = self.reranker.encode_images([pixels])
            encoded = time.monotonic()
            self.reranker.score([_SENTENCE], features * BATCH)
            if is_warm:
                self.pace.encoded(1, encoded - began)
                self.pace.compared(BATCH, time.monotonic() - encoded)

    def keep(self, content_hash: str, pixels: Callable[[], NDArray[np.uint8]]) -> Features:
        """Encode a picture and keep its features; raises ImageError."""
        began = time.monotonic()
        features = self.reranker.encode_images([pixels()])[0]
        self.pace.encoded(1, time.monotonic() - began)
        self.cache.put(content_hash, features)
        return features

    def pixels(self, item: Item) -> NDArray[np.uint8]:
        """An item's picture as the reranker wants it; raises ImageError."""
        return self.reranker.prepare(self.look(item))

    @contextmanager
    def turn(self, seconds: float | None) -> Iterator[bool]:
        """Whether this thread may compare pairs, alone, after waiting up to so many seconds."""
        mine = self._turn.acquire(timeout=-1 if seconds is None else max(0.0, seconds))
        try:
            with self.ahead.resting():
                yield mine
        finally:
            if mine:
                self._turn.release()


def query_words(terms: Sequence[Term]) -> str:
    """The words that describe what is wanted: positive text terms, heaviest first."""
    return ", ".join(term.text or "" for term in _heaviest_first(terms))


def _heaviest_first(terms: Sequence[Term]) -> list[Term]:
    """Positive text terms."""
    texts = (term for term in terms if term.kind is TermKind.TEXT and term.weight > 0)
    return sorted(texts, key=lambda term: -term.weight)


def rerank(
    terms: Sequence[Term],
    picture: Picture | None,
    candidates: Sequence[tuple[ItemId, float]],
    items: Mapping[ItemId, Item],
    options: Rerank,
    stage: RerankStage,
) -> Reranked:
    """Reorder the first `options.depth` candidates.

    They are compared in order, as many as the deadline leaves time for at the pace of this machine; those stand first,
    and a note says how many they were. What is left is encoded in the background, so that the same question comes
    further when it is asked again. A candidate whose file cannot be read stands behind the compared ones, and a note
    says so.

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
    head = [(item, cosine) for item, cosine in candidates[: options.depth] if item in items]
    if not head:
        return Reranked(list(candidates), frozenset())
    clock = _Clock(options.deadline_ms)
    if items[head[0][0]].modality is Modality.TEXT:
        probabilities, notes = _score_texts(picture, [items[item] for item, _ in head], stage, clock)
    else:
        words = ", ".join(term.heard for term in _heaviest_first(terms))
        probabilities, notes = _score_pictures(words, [items[i] for i, _ in head], stage, clock)
    seen = [place for place, item in enumerate(head) if item[0] in probabilities]
    cosines = np.array([head[place][1] for place in seen], np.float32)
    reranked = np.array([probabilities[head[place][0]] for place in seen], np.float32)
    scores = blend(cosines, reranked, options.share)
    order = np.argsort(-scores, kind="stable")
    ranked = [(head[seen[place]][0], float(scores[place])) for place in order]
    ranked += [candidate for candidate in candidates if candidate[0] not in probabilities]
    return Reranked(ranked, frozenset(probabilities), notes)


class _Clock:
    def __init__(self, milliseconds: float | None) -> None:
        self._end = None if milliseconds is None else time.monotonic() + milliseconds / 1e3

    def left(self) -> float | None:
        """Seconds until the deadline; None without one."""
        return None if self._end is None else self._end - time.monotonic()


def _score_pictures(
    words: str, items: Sequence[Item], stage: RerankStage, clock: _Clock
) -> tuple[dict[ItemId, float], tuple[str, ...]]:
    if not words:
        raise UsageError(Sentence("reranking compares words with pictures: add some words to the query"))
    found: dict[ItemId, float] = {}
    unread: dict[ItemId, str] = {}
    batches = Batches(stage.pace, BATCH)
    while left := [item for item in items if item.id not in found and item.id not in unread]:
        cancellation.check()
        part = left[:BATCH]
        ready = (
            _at_once(part, stage, unread) if clock.left() is None else _in_time(part, stage, unread, clock)
        )
        if not ready and part[0].id in unread:
            continue
        with stage.turn(clock.left()) as mine:
            count = batches.next(len(ready), clock.left()) if mine else 0
            if not count:
                break
            compared = list(ready)[:count]
            began = time.monotonic()
            scores = stage.reranker.score([words], [ready[item] for item in compared])
            batches.took(count, time.monotonic() - began)
        found |= dict(zip(compared, scores.tolist(), strict=True))
    notes = [
        Sentence("not reranked: {uri}: {reason}", uri=item.uri, reason=unread[item.id])
        for item in items
        if item.id in unread
    ]
    return found, (*_depth(len(found) + len(unread), len(items)), *notes)


def _at_once(items: Sequence[Item], stage: RerankStage, unread: dict[ItemId, str]) -> dict[ItemId, Features]:
    """Features of those items whose pictures can be had; those not in the cache are encoded in one batch."""
    found: dict[ItemId, Features | None] = {}
    fresh: list[tuple[Item, NDArray[np.uint8]]] = []
    began = time.monotonic()
    for item in items:
        cancellation.check()
        found[item.id] = stage.cache.get(item.content_hash)
        if found[item.id] is None:
            try:
                fresh.append((item, stage.pixels(item)))
            except ImageError as error:
                unread[item.id] = str(error)
    if fresh:
        encoded = stage.reranker.encode_images([pixels for _, pixels in fresh])
        stage.pace.encoded(len(fresh), time.monotonic() - began)
        for (item, _), features in zip(fresh, encoded, strict=True):
            stage.cache.put(item.content_hash, features)
            found[item.id] = features
    return {item: features for item, features in found.items() if features is not None}


def _in_time(
    items: Sequence[Item], stage: RerankStage, unread: dict[ItemId, str], clock: _Clock
) -> dict[ItemId, Features]:
    """Features of the first of these items, as many as are there; where there are none, the first is waited for."""
    held = {item.id: stage.cache.get(item.content_hash) for item in items}
    missing = {
        item.content_hash: partial(stage.keep, item.content_hash, partial(stage.pixels, item))
        for item in items
        if held[item.id] is None
    }
    if missing:
        stage.ahead.want(missing)
    first = items[0]
    if held[first.id] is None and _fits(stage, clock):
        outcome = stage.ahead.wait_for(first.content_hash, partial(_left, clock))
        if isinstance(outcome, str):
            unread[first.id] = outcome
        else:
            held[first.id] = outcome
    found: dict[ItemId, Features] = {}
    for item in items:
        if (features := held[item.id]) is None:
            break
        found[item.id] = features
    return found


def _fits(stage: RerankStage, clock: _Clock) -> bool:
    """Whether an image can be encoded and compared before the deadline, as far as that is known."""
    return (stage.pace.image or 0.0) + (stage.pace.pair or 0.0) <= _left(clock)


def _left(clock: _Clock) -> float:
    return clock.left() or 0.0


def _score_texts(
    picture: Picture | None, items: Sequence[Item], stage: RerankStage, clock: _Clock
) -> tuple[dict[ItemId, float], tuple[str, ...]]:
    if picture is None:
        raise UsageError("reranking texts compares them with a picture: search by one picture")
    features = _of_query(picture, stage, clock)
    found: dict[ItemId, float] = {}
    batches = Batches(stage.pace, BATCH)
    while features is not None and len(found) < len(items):
        cancellation.check()
        with stage.turn(clock.left()) as mine:
            count = batches.next(len(items) - len(found), clock.left()) if mine else 0
            if not count:
                break
            part = items[len(found) : len(found) + count]
            began = time.monotonic()
            scores = stage.reranker.score([item.text or "" for item in part], [features] * len(part))
            batches.took(len(part), time.monotonic() - began)
        found |= {item.id: float(score) for item, score in zip(part, scores, strict=True)}
    return found, _depth(len(found), len(items))


def _of_query(picture: Picture, stage: RerankStage, clock: _Clock) -> Features | None:
    """Features of the query's picture, kept for the next time it is asked with; None where they come too late."""
    pixels = stage.reranker.prepare(picture)
    key = hashlib.blake2b(pixels.tobytes(), digest_size=16).hexdigest() + " as prepared"
    kept = stage.cache.get(key)
    if kept is not None:
        return kept
    if clock.left() is None:
        return stage.reranker.encode_images([pixels])[0]
    stage.ahead.want({key: partial(stage.keep, key, lambda: pixels)})
    outcome = stage.ahead.wait_for(key, partial(_left, clock)) if _fits(stage, clock) else None
    return None if isinstance(outcome, str) else outcome


def _depth(done: int, wanted: int) -> tuple[str, ...]:
    """How far it came, where that is not all the way."""
    if done == wanted:
        return ()
    if not done:
        return (Sentence("not reranked: the deadline leaves no time to compare a candidate"),)
    return (
        Sentence(
            "reranked: the first {n} of {all}, as many as the deadline leaves time for", n=done, all=wanted
        ),
    )
