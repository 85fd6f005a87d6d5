"""Hybrid search: what is said of items raises their cosines, by calibrated scores.

The score of an item is a sum of two numbers in the same unit, standard deviations of what unrelated queries reach
(`relevance`, the null distribution):

- *vector*: how far its cosine lies above the best that an unrelated query finds, `softplus(z)`. Far above, differences
  count in full; below, where cosines tell nothing (of a name, or a number), next to nothing.
- *words*: `coverage² + √coverage · rarity + numbers`. Coverage is the share of the query's words that the item holds,
  each by its idf (Robertson & Spärck Jones, 1976): one standard deviation at most, and little where the other words
  of the query are unknown here, as those of another language. Rarity is ln(p₀/p) of words that fewer than p₀ = 1 %
  of the items hold, numbers ln(1/p) of those with a digit, each over the root of the number of words.

Convex combinations of normalized scores beat reciprocal-rank fusion, which throws the scores away, and need next
to no tuning (Bruch, Gai & Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023). The weights were
chosen on drawn scenes with captions by a model and on 300 photos, with names and numbers mixed in: words at 0.7 of
them suit captions that are wrong of every sixth thing, and cost those that people wrote 3.5 points of R@1.

The fused score is given as the cosine that has it as *vector* part alone, so that whatever looks at
scores later (relevance, reranking, diversifying) takes it for one; without words it is the cosine itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.analyzer import AskedWord, Part, Sought, part_of
from vasari.retrieval.domain import ItemId, Share
from vasari.retrieval.search.relevance import Null
from vasari.retrieval.vectors.index import Ids, is_among

Values = NDArray[np.float64]

_COMMON = 0.05  # the share of items from which on some of the nearest vectors hold a word anyway
MOST_FOUND = 1024  # items that several words may bring together
# Of those that words alone bring, the nearest: a page of 24 is the same without the others.
MOST_BROUGHT = 512
_RARE = 0.01
_PART = 0.5  # brought by letters without digits that are part of a word in a picture, however rare they are
_SHORT_NUMBER = 2  # characters: 2 dogs, 10 people


class FullText(Protocol):
    """Knows what is said of items."""

    def counts(self, phrases: Sequence[Sought]) -> NDArray[np.int64]:
        """How many items hold each phrase, (phrases,)."""
        ...

    def postings(self, phrase: Sought) -> Ids:
        """The sorted ids of the items that hold the phrase."""
        ...

    def held(self, ids: Sequence[ItemId], phrases: Sequence[Sought]) -> NDArray[np.float32]:
        """What each phrase counts in each of these items, (ids, phrases), in [0, 1]."""
        ...


class SeenText:
    """What is said of the items that somebody sees (sorted ids): nothing tells that others are there."""

    def __init__(self, full_text: FullText, seen: Ids) -> None:
        self._full_text = full_text
        self._seen = seen

    def counts(self, phrases: Sequence[Sought]) -> NDArray[np.int64]:
        """How many of them hold each phrase, (phrases,)."""
        return np.array([len(self.postings(phrase)) for phrase in phrases], np.int64)

    def postings(self, phrase: Sought) -> Ids:
        """The sorted ids of those that hold the phrase."""
        holding = self._full_text.postings(phrase)
        return holding[is_among(holding, self._seen)]

    def held(self, ids: Sequence[ItemId], phrases: Sequence[Sought]) -> NDArray[np.float32]:
        """As of all; nobody asks but of what was found."""
        return self._full_text.held(ids, phrases)


@dataclass(frozen=True, slots=True, eq=False)
class WordQuery:
    """The words of a query, and how often items hold them."""

    asked: Sequence[AskedWord]
    counts: NDArray[np.int64]  # (words,)
    items: int  # of the collection

    @classmethod
    def of(cls, asked: Sequence[AskedWord], full_text: FullText, items: int) -> WordQuery:
        """Ask how often the words occur.

        One that nobody has said is looked for as a part of what was read in pictures, and so is one with digits.
        """
        counts = full_text.counts([word.phrase for word in asked])
        read = [
            part if (word.has_digits or not count) and (part := word.in_pictures) else None
            for word, count in zip(asked, counts, strict=True)
        ]
        sought = [part.phrase for part in read if part is not None]
        found = iter(full_text.counts(sought).tolist() if sought else ())
        told: list[tuple[AskedWord, int]] = []
        for word, count, part in zip(asked, counts.tolist(), read, strict=True):
            there = next(found) if part is not None else 0
            if count or not there:
                told.append((word, count))
            if part is not None and there:
                told.append((replace(part, run=bool(count)), there))
        return cls([word for word, _ in told], np.array([count for _, count in told], np.int64), items)

    @property
    def known(self) -> list[int]:
        """The places of those words that any item holds, rarest first."""
        return [int(place) for place in np.argsort(self.counts, kind="stable") if self.counts[place]]

    def evidence(self, held: NDArray[np.float32]) -> Values:
        """The *words* part (items,) of items by what they hold (items, words)."""
        coverage = held @ self._shares()
        alone = np.array([_tells_alone(word) for word in self.asked])
        rarity = self._rarity(alone)
        evidence: Values = coverage**2 + held @ np.where(alone, rarity, 0.0)
        return evidence + held @ np.where(alone, 0.0, rarity) * np.sqrt(coverage)

    def _shares(self) -> Values:
        """What each word is of the query: its idf, all adding up to 1."""
        counts = np.minimum(self.counts, self.items)
        idf = np.log1p((self.items - counts + 0.5) / (counts + 0.5))
        idf = np.where([word.run for word in self.asked], 0.0, idf)
        shares: Values = idf / max(float(idf.sum()), 1e-9)
        return shares

    def _rarity(self, alone: NDArray[np.bool_]) -> Values:
        """How much less than p₀ of the items (1 where it tells `alone`) hold each word, by the root of their number."""
        limits = np.where(alone, 1.0, [0.0 if word.fragment else _RARE for word in self.asked])
        share = np.maximum(self.counts, 0.5) / max(self.items, 1)
        rarity = np.maximum(np.log(np.maximum(limits, 1e-9) / share), 0.0)
        rarity = np.where([_is_part(word) for word in self.asked], _PART, rarity)
        words = sum(not word.run for word in self.asked)
        brought: Values = np.where(self.counts > 0, rarity, 0.0) / np.sqrt(max(words, 1))
        return brought


def _tells_alone(word: AskedWord) -> bool:
    """Whether it says more than any word the less items hold it, whatever else was asked: numbers, parts of a plate."""
    if isinstance(word.phrase, Part):
        return True
    [first, *more] = word.phrase.words
    return not more and len(first) > _SHORT_NUMBER and word.has_digits


def _is_part(word: AskedWord) -> bool:
    """Whether it is a part of words in pictures, and may be one by chance (tree in STREET)."""
    return isinstance(word.phrase, Part) and not word.run and not word.has_digits


def found_by_words(query: WordQuery, full_text: FullText, ids: Ids, allowed: Ids | None) -> Ids:
    """The sorted items, among the sorted `ids` and `allowed`, that hold the rarest words: as many words as stay few.

    Where already the rarest is held by many, all that hold it; nobody's where it is common.
    """
    found = np.empty(0, np.int64)
    for place in query.known:
        many = len(found) + query.counts[place] > MOST_FOUND
        if many and (len(found) or query.counts[place] > _COMMON * query.items):
            break
        found = np.union1d(found, full_text.postings(query.asked[place].phrase))
    return among(found, ids, allowed)


def required(phrases: Sequence[Sought], full_text: FullText, ids: Ids, allowed: Ids | None) -> Ids:
    """The sorted items, among the sorted `ids` and `allowed`, that hold every one of these phrases.

    In the text that was read in a picture, the letters in a row are enough, be they a part of a word.
    """
    found = ids if allowed is None else allowed
    for phrase in phrases:
        holding, part = full_text.postings(phrase), part_of(str(phrase))
        if part is not None:
            holding = np.union1d(holding, full_text.postings(part))
        found = found[is_among(found, holding)]
    return among(found, ids, allowed)


def among(found: Ids, ids: Ids, allowed: Ids | None) -> Ids:
    """Those of `found` that have a vector here and pass the filter; words are known of texts and other spaces, too."""
    kept = found[is_among(found, ids)]
    return kept if allowed is None else kept[is_among(kept, allowed)]


def vector_part(cosines: Values, null: Null) -> Values:
    """The *vector* part (n,) of cosines: softplus of their z-scores, above 0."""
    part: Values = np.logaddexp(0.0, (cosines - null.mean) / null.deviation)
    return part


def raised(cosines: Values, evidence: Values, null: Null) -> Values:
    """The cosines (n,) whose *vector* part alone is that of `cosines` and the *words* part together."""
    total = vector_part(cosines, null) + evidence
    z = total + np.log(-np.expm1(-np.maximum(total, 1e-12)))  # the inverse of softplus
    return np.where(evidence > 0, null.mean + null.deviation * z, cosines)


@dataclass(frozen=True)
class Fusion:
    """What cosines and words make of some items together.

    `cosines` (items,) and `held` (items, words) are those of `ids`, in their order.
    """

    query: WordQuery
    null: Null
    ids: Sequence[ItemId]
    cosines: Values
    held: NDArray[np.float32]

    @cached_property
    def scores(self) -> Mapping[ItemId, float]:
        """The cosines of the items, raised by what is said of them."""
        scores = raised(self.cosines, self._evidence, self.null)
        return dict(zip(self.ids, scores.tolist(), strict=True))

    def cosine(self, item: ItemId) -> float | None:
        """The cosine as it was, of an item that is among these."""
        place = self._places.get(item)
        return None if place is None else float(self.cosines[place])

    def share(self, item: ItemId) -> Share | None:
        """What vectors and words brought to the place of an item that is among these."""
        place = self._places.get(item)
        if place is None:
            return None
        vector = vector_part(self.cosines[place : place + 1], self.null)
        matched = tuple(
            str(self.query.asked[word].phrase) for word in np.flatnonzero(self.held[place]).tolist()
        )
        return Share(item, float(vector[0]), float(self._evidence[place]), matched)

    @cached_property
    def _evidence(self) -> Values:
        return self.query.evidence(self.held)

    @cached_property
    def _places(self) -> Mapping[ItemId, int]:
        return {item: place for place, item in enumerate(self.ids)}
