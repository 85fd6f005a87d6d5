"""How many candidates to rerank, and how much the reranker weighs: chosen on queries with known answers.

The depth comes from the first stage alone: beyond where its recall has flattened, a second look finds nothing more. The
weight is that with the greatest nDCG@10 over the candidates, and is taken only where it is measurably better than the
usual one: for each of five folds it is chosen on the others, and the differences have a paired bootstrap interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.evaluation.metrics import MAP_AT, interval
from vasari.retrieval.search.ranking import blend

WEIGHTS = tuple(step / 10 for step in range(11))
FOLDS = 5
MOST = 256  # candidates that a search may rerank
_ENOUGH = 0.95  # of what the first stage finds among the first MOST


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A query's candidates in the first stage's order: cosines, the reranker's probabilities, and which are right (k,).

    `positives` is how many right answers there are, found or not.
    """

    cosines: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    right: NDArray[np.bool_]
    positives: int


@dataclass(frozen=True, slots=True)
class WeightChoice:
    """The weight to rerank by, and what it brings: nDCG@10 by the usual weight and by `best`.

    `weight` is `best` where the held-out difference (95 % interval `low` … `high`) is above 0, else the usual one.
    """

    weight: float
    best: float
    before: float
    after: float
    difference: float
    low: float
    high: float


def choose_depth(ranks: NDArray[np.int64], enough: float = _ENOUGH) -> int:
    """How many candidates to rerank: the fewest whose recall is `enough` of that among the first `MOST`.

    Args:
        ranks: (n,) 1-based rank of the first right answer of each query, by the first stage.
        enough: share of the recall at `MOST` that has to be reached.

    Returns 1 where the first stage finds nothing among the first `MOST`.
    """
    found = np.sort(ranks[ranks <= MOST])
    if not len(found):
        return 1
    return int(found[int(np.ceil(enough * len(found))) - 1])


def choose_weight(
    queries: Sequence[Compared], usual: float, groups: Sequence[int] | None = None
) -> WeightChoice:
    """The weight for these queries, at least two; `groups` (n,) are drawn together, as captions of one picture are.

    A fold holds whole groups. Ties go to the weight nearest to the usual one.
    """
    candidates = sorted({*WEIGHTS, usual}, key=lambda weight: abs(weight - usual))
    table = np.array([[ndcg(query, weight) for query in queries] for weight in candidates])
    kinds = list(range(len(queries))) if groups is None else list(groups)
    folds = np.unique(np.array(kinds), return_inverse=True)[1] % FOLDS
    held_out = np.zeros(len(queries))
    for fold in range(FOLDS):
        others, own = folds != fold, folds == fold
        if others.any():
            held_out[own] = table[int(table[:, others].mean(axis=1).argmax()), own] - table[0, own]
    low, high = interval(held_out, groups=kinds)
    best = int(table.mean(axis=1).argmax())
    return WeightChoice(
        weight=candidates[best] if low > 0 else usual,
        best=candidates[best],
        before=float(table[0].mean()),
        after=float(table[best].mean()),
        difference=float(held_out.mean()),
        low=low,
        high=high,
    )


def ndcg(query: Compared, weight: float, depth: int = MOST) -> float:
    """nDCG@10 where the first `depth` candidates stand in the order of their blended scores, before the others."""
    first = blend(query.cosines[:depth], query.probabilities[:depth], weight)
    order = np.concatenate([np.argsort(-first, kind="stable"), np.arange(len(first), len(query.cosines))])[
        :MAP_AT
    ].astype(np.int64)
    discounts = 1 / np.log2(np.arange(2, MAP_AT + 2))
    ideal = discounts[: min(query.positives, MAP_AT)].sum()
    return float((query.right[order] * discounts[: len(order)]).sum() / ideal)
