"""Queries of a library with known answers, to measure rankings with: its captions, their words, and judged queries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.analyzer import asked_words
from vasari.retrieval.domain import Caption, CaptionSource, EmbeddingSpace, ItemId, Modality, UnitVectors
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.embeddings import BATCH, Report
from vasari.retrieval.evaluation.fair_ranking import FOLDS, Asked
from vasari.retrieval.evaluation.judgments import judged_searches
from vasari.retrieval.library.ports import Contents
from vasari.retrieval.search.fairness import asks_fairly
from vasari.retrieval.search.reranking import query_words

MOST_PICTURES = 5000  # that are ranked
LEAST_CAPTIONED = 100  # pictures; of fewer an interval tells nothing
LEAST_JUDGED = 20  # queries
_MOST_CAPTIONS = 2000  # that are asked
_MOST_WORDS = 300
_LEAST_WORDS = 20
_LEAST_SHOWN = 5  # pictures that a word is said of
_MOST_SHOWN = 0.25  # share of all pictures that it is said of
_PEOPLES = (CaptionSource.USER, CaptionSource.FILE)


@dataclass(frozen=True, slots=True, eq=False)
class KnownAnswers:
    """The pictures that are ranked (sorted ids), and queries by kind, whose answers are places among these.

    `texts` are the queries in words.
    """

    pictures: NDArray[np.int64]
    asked: Mapping[str, Asked]
    texts: Mapping[str, Sequence[str]]
    by_model: bool  # whether a model wrote the captions, for want of others


def fold_of(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The fold (n,) of the queries about each item, by its id."""
    return np.asarray((ids * 2654435761 >> 16) % FOLDS, np.int64)


def known_answers(library: Contents, space: EmbeddingSpace) -> KnownAnswers:
    """All that is known of the pictures in a space.

    UsageError where that is too little to measure anything.
    """
    there = library.gallery(Modality.IMAGE, space).ids()
    judged = _judged(library)
    captioned, by_model = _captioned(library, there)
    if len(captioned) < LEAST_CAPTIONED and len(judged) < LEAST_JUDGED:
        raise UsageError(
            f"there is too little to measure with: {len(captioned):,} pictures have a caption ({LEAST_CAPTIONED} are"
            f" needed), {len(judged):,} judged queries a right picture ({LEAST_JUDGED}); --use nnn sets it unmeasured"
        )
    told = captioned if len(captioned) >= LEAST_CAPTIONED else captioned[:0]
    in_judged = np.array(sorted({item for _, right in judged for item in right}), np.int64)
    pictures = np.union1d(some(told, MOST_PICTURES), np.intersect1d(in_judged, there))
    if not len(told):  # the crowd among which the judged ones have to be found
        pictures = np.union1d(pictures, some(there, MOST_PICTURES))
    captions = _captions(library, np.intersect1d(pictures, told), by_model)
    asked = _of_captions(captions, pictures) | _of_words(captions, pictures)
    if len(judged) >= LEAST_JUDGED:
        asked["judged queries"] = _places(judged, pictures)
    queries = {
        kind: Asked(embedded(library, space, texts), answers, fold_of(groups), groups)
        for kind, (texts, answers, groups) in asked.items()
        if answers
    }
    texts = {kind: asked[kind][0] for kind in queries}
    return KnownAnswers(pictures, queries, texts, by_model)


_Queries = tuple[list[str], list[list[int]], NDArray[np.int64]]  # texts, right places, groups


def _captioned(library: Contents, there: NDArray[np.int64]) -> tuple[NDArray[np.int64], bool]:
    """The pictures with captions by people and sources, or for want of such with any."""
    of = library.catalog.annotations.captioned
    peoples = np.intersect1d(np.array(of(Modality.IMAGE, _PEOPLES), np.int64), there)
    if len(peoples) >= LEAST_CAPTIONED:
        return peoples, False
    everybodys = np.intersect1d(np.array(of(Modality.IMAGE, tuple(CaptionSource)), np.int64), there)
    return everybodys, len(everybodys) > len(peoples)


def _captions(library: Contents, pictures: NDArray[np.int64], by_model: bool) -> dict[ItemId, list[str]]:
    def counts(caption: Caption) -> bool:
        return by_model or caption.source in _PEOPLES

    found = library.items(pictures.tolist())
    return {
        item: [caption.text for caption in found[item].captions if counts(caption)]
        for item in pictures.tolist()
        if item in found
    }


def _of_captions(
    captions: Mapping[ItemId, Sequence[str]], pictures: NDArray[np.int64]
) -> dict[str, _Queries]:
    pairs = [(text, item) for item, texts in captions.items() for text in texts]
    chosen = [pairs[place] for place in some(np.arange(len(pairs)), _MOST_CAPTIONS).tolist()]
    if not chosen:
        return {}
    items = np.array([item for _, item in chosen], np.int64)
    places = np.searchsorted(pictures, items)
    return {"captions": ([text for text, _ in chosen], [[place] for place in places.tolist()], items)}


def _of_words(captions: Mapping[ItemId, Sequence[str]], pictures: NDArray[np.int64]) -> dict[str, _Queries]:
    """Single words; right are the pictures that they are said of, by two captions at least where there are three."""
    said: dict[str, list[ItemId]] = defaultdict(list)
    for item, texts in captions.items():
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update({str(asked.phrase) for asked in asked_words(text) if not asked.fragment})
        for word, count in counts.items():
            if count >= (2 if len(texts) >= 3 else 1):
                said[word].append(item)
    telling = sorted(
        word for word, items in said.items() if _LEAST_SHOWN <= len(items) <= _MOST_SHOWN * len(captions)
    )
    words = [telling[place] for place in some(np.arange(len(telling)), _MOST_WORDS).tolist()]
    if len(words) < _LEAST_WORDS:
        return {}
    queries = [(word, said[word]) for word in words]
    return {"words": _places(queries, pictures)}


def _judged(library: Contents) -> list[tuple[str, Sequence[ItemId]]]:
    """Judged queries for pictures in words alone, without a filter, that have a right picture."""
    return [
        (query_words(search.request.terms), search.right)
        for search in judged_searches(library.catalog)
        if search.right and search.request.filter is None and asks_fairly(search.request)
        if query_words(search.request.terms)
    ]


def _places(queries: Sequence[tuple[str, Sequence[ItemId]]], pictures: NDArray[np.int64]) -> _Queries:
    """The queries of which some right picture is there; each is a group of its own."""
    found = [
        (text, np.flatnonzero(np.isin(pictures, np.array(right, np.int64))).tolist())
        for text, right in queries
    ]
    kept = [(text, places) for text, places in found if places]
    return [text for text, _ in kept], [places for _, places in kept], np.arange(len(kept))


def some(values: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of the values (n,), evenly from all of them."""
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).astype(np.int64)]


def embedded(
    library: Contents, space: EmbeddingSpace, texts: Sequence[str], report: Report = lambda _done: None
) -> UnitVectors:
    """The vectors (n, dim) of texts, a batch at a time."""
    found = []
    for start in range(0, len(texts), BATCH):
        found.append(library.embed_texts(texts[start : start + BATCH], space))
        report(len(found[-1]))
    return UnitVectors(np.concatenate(found))
