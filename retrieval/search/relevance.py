"""Relevance: when is the best match no match at all?

Cosines cannot tell: their height depends on the model, the collection and even the query's length. What can tell is
what *unrelated* queries score on the same collection. A set of background queries, about things that few
collections show, is embedded once per space; their best cosines on this collection form the null distribution, and a
hit's relevance is the share of background queries whose best match is worse. `min_relevance=0.95` keeps hits that
beat the best match of 95 % of unrelated queries, so about one nonsense query in twenty still gets an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import UnitVectors

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
class Calibration:
    """Best cosines of the background queries on one collection, ascending (n,)."""

    best: NDArray[np.float32]

    @classmethod
    def of(cls, best: NDArray[np.float32]) -> Calibration:
        """From unordered best cosines (n,), n ≥ 1; -inf where nothing was found."""
        return cls(np.sort(best))

    def threshold(self, _query: UnitVectors, least: float) -> float:
        """The cosine from which a hit is at least `least` relevant; `least` in [0, 1]."""
        return float(np.quantile(self.best, least))

    def relevance(self, cosine: float) -> float:
        """The share of background queries in [0, 1] whose best match is worse than `cosine`."""
        return float(np.searchsorted(self.best, cosine) / len(self.best))
