"""Relevance calibration against a null distribution: when is the best match no match at all?

Cosines cannot tell: their height depends on the model, the collection and the query. What can tell is how *unrelated*
queries fare on the same collection. A set of background queries, about things that few collections show, is embedded
once per space, and each query, background or real, is judged by its excess: the best cosine on the collection, less
half the mean cosine with the background queries nearest to it. (Texts without meaning for the model crowd in one corner
of the space, near some of the pictures; this takes that nearness off. It is the query's half of the cross-domain
similarity local scaling of Conneau et al., "Word Translation Without Parallel Data", ICLR 2018, section 2.3.)

The background's excesses form the null distribution, and a hit's relevance is the share of background queries that do
worse. `min_relevance=0.95` keeps hits that beat 95 % of unrelated queries. On the drawn
collection that refuses 97 % of 70 foreign queries and none of 300 true captions (`benchmarks/relevance.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors

_NEAREST = slice(1, 6)
"""Ranks of the background queries that count. The very nearest does not: it may be the query's own twin, and a grand
piano be just what this collection shows."""

BACKGROUND = (
    "a tax return form", "quarterly revenue by region", "the periodic table of elements", "a sorting algorithm",
    "an x-ray of a broken wrist", "the rules of cricket", "a subpoena", "interest rate derivatives",
    "a kidney under a microscope", "the chorus of an opera", "a screwdriver set", "electron spin resonance",
    "a crossword puzzle", "dental floss", "the supreme court in session", "a keyboard shortcut list",
    "monthly rent invoice", "a spreadsheet of salaries", "the anatomy of the inner ear", "a parliament debate",
    "laboratory pipettes", "a chessboard endgame", "the stock exchange floor", "a welding robot",
    "a plate of spaghetti carbonara", "a wedding ring", "an astronaut on the moon", "a grand piano",
    "a boxing match", "a bowl of ramen", "a violin concerto", "a newborn baby in a hospital",
    "a rusty padlock", "a stack of old books", "a computer motherboard", "a bathroom sink",
    "people dancing at a nightclub", "a surgeon at work", "a coral reef with fish", "a subway map",
    "asdf qwer zxcv", "lorem ipsum dolor sit amet", "0 1 1 2 3 5 8 13", "xkcd plugh foobar",
    "the meaning of life", "freedom of speech", "quantum chromodynamics", "a feeling of nostalgia",
    "error 404 not found", "terms and conditions apply", "insert coin to continue", "buy one get one free",
)  # fmt: skip
"""Things that a photo collection, a catalogue of goods and the drawn postcards rarely show, and plain nonsense."""


@dataclass(frozen=True, slots=True)
class Null:
    """The null distribution for one query: mean and deviation of the best cosine, were it about nothing shown here."""

    mean: float
    deviation: float


_LEAST_DEVIATION = 1e-3  # of cosines; a collection of one item has none


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """How background queries fare on one collection: their vectors (n, dim), and their excesses (n,), ascending."""

    background: UnitVectors
    excesses: NDArray[np.float32]

    @classmethod
    def of(cls, background: UnitVectors, best: NDArray[np.float32]) -> Calibration:
        """From the vectors and best cosines (n,) of n > 1 background queries; -inf where nothing was found."""
        cosines = background @ background.T
        np.fill_diagonal(cosines, -np.inf)
        found = np.maximum(best, -1)  # the least a cosine can be
        return cls(background, np.sort(found - _crowding(cosines, len(best) - 1)))

    def null(self, query: UnitVectors) -> Null:
        """What `query` (1, dim) would reach if it were one of the background queries."""
        crowding = _crowding(query @ self.background.T, len(self.background))[0]
        deviation = max(float(self.excesses.std()), _LEAST_DEVIATION)
        return Null(float(self.excesses.mean() + crowding), deviation)

    def threshold(self, query: UnitVectors, least: float) -> float:
        """The cosine from which a hit of `query` (1, dim) is at least `least` relevant; `least` in [0, 1]."""
        crowding = _crowding(query @ self.background.T, len(self.background))[0]
        return float(np.quantile(self.excesses, least) + crowding)

    def relevance(self, query: UnitVectors, cosine: float) -> float:
        """The share of background queries in [0, 1] that do worse than a hit of `query` (1, dim) with this cosine."""
        crowding = _crowding(query @ self.background.T, len(self.background))[0]
        return float(np.searchsorted(self.excesses, np.float32(cosine - crowding)) / len(self.excesses))


def _crowding(cosines: NDArray[np.float32], known: int) -> NDArray[np.float32]:
    """Local scaling term (CSLS): half the mean cosine (n,) with the nearest of `known` background queries."""
    ranked = -np.sort(-cosines, axis=1)[:, :known]
    nearest = ranked[:, _NEAREST] if known > 1 else ranked
    half: NDArray[np.float32] = (nearest.mean(axis=1) / 2).astype(np.float32)
    return half
