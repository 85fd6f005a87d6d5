"""Figures of graded judgments, one query at a time, as trec_eval computes them.

A query has judged items, each with a grade: 0 is wrong, 1 and more are right, the more the better. What was not judged
counts as wrong. Every figure lies in [0, 1] and is 0 where nothing is right or nothing was found.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key", bound=Hashable)

MEASURES = (
    "nDCG@10",
    "nDCG",
    "mAP",
    "mAP@R",
    "R-precision",
    "recall@10",
    "precision@10",
    "success@1",
    "judged@10",
)
"""The names of `figures`, in the order they are shown."""


@dataclass(frozen=True, slots=True)
class GradedRanking:
    """What one query found: `gains` (n,) are the grades by rank, 0 for unjudged; `known` (n,) says which were judged.

    `ideal` (right,) holds the grades of all right items, found or not, best first.
    """

    gains: NDArray[np.float64]
    known: NDArray[np.bool_]
    ideal: NDArray[np.float64]

    @classmethod
    def of(cls, found: Sequence[Key], grades: Mapping[Key, int]) -> GradedRanking:
        """The ranking of what was found, best first, by its grades; a grade below 0 counts as 0."""
        gains = np.array([max(0, grades.get(item, 0)) for item in found], np.float64)
        known = np.array([item in grades for item in found], np.bool_)
        ideal = np.array(sorted((grade for grade in grades.values() if grade > 0), reverse=True), np.float64)
        return cls(gains, known, ideal)

    @property
    def right(self) -> int:
        """How many items are right, found or not."""
        return len(self.ideal)


def ndcg(ranking: GradedRanking, cutoff: int | None = None) -> float:
    """nDCG of the first `cutoff`, or of all: gain = grade, discount log2(rank + 1).

    Järvelin & Kekäläinen, TOIS 2002, with the discount of trec_eval's `ndcg` and `ndcg_cut`.
    """
    best = _discounted(ranking.ideal[:cutoff])
    return _discounted(ranking.gains[:cutoff]) / best if best else 0.0


def average_precision(ranking: GradedRanking, cutoff: int | None = None) -> float:
    """AP: the precision at each right item found among the first `cutoff`, over the number of right items.

    trec_eval's `map` and `map_cut`; Buckley & Voorhees, SIGIR 2000.
    """
    hits = ranking.gains[:cutoff] > 0
    if not ranking.right or not hits.any():
        return 0.0
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].sum() / ranking.right)


def map_at_r(ranking: GradedRanking) -> float:
    """AP of the first R, where R is the number of right items (Musgrave et al., ECCV 2020)."""
    return average_precision(ranking, ranking.right)


def precision(ranking: GradedRanking, cutoff: int) -> float:
    """The share of the first `cutoff` that is right; places that nothing was found for count as wrong."""
    return int((ranking.gains[:cutoff] > 0).sum()) / cutoff


def r_precision(ranking: GradedRanking) -> float:
    """Precision of the first R, where R is the number of right items (trec_eval's `Rprec`)."""
    return precision(ranking, ranking.right) if ranking.right else 0.0


def recall(ranking: GradedRanking, cutoff: int) -> float:
    """The share of the right items that is among the first `cutoff`."""
    return int((ranking.gains[:cutoff] > 0).sum()) / ranking.right if ranking.right else 0.0


def success(ranking: GradedRanking, cutoff: int) -> float:
    """1 if a right item is among the first `cutoff`, else 0."""
    return float((ranking.gains[:cutoff] > 0).any())


def judged(ranking: GradedRanking, cutoff: int) -> float:
    """The share of the first `cutoff` that anybody judged: where it is low, the figures are a lower bound."""
    head = ranking.known[:cutoff]
    return float(head.mean()) if len(head) else 0.0


def figures(ranking: GradedRanking) -> dict[str, float]:
    """All figures of one query by their names, those of `MEASURES`."""
    values = (
        ndcg(ranking, 10),
        ndcg(ranking),
        average_precision(ranking),
        map_at_r(ranking),
        r_precision(ranking),
        recall(ranking, 10),
        precision(ranking, 10),
        success(ranking, 1),
        judged(ranking, 10),
    )
    return dict(zip(MEASURES, values, strict=True))


def _discounted(gains: NDArray[np.float64]) -> float:
    return float((gains / np.log2(np.arange(2, len(gains) + 2))).sum())
