"""Retrieval figures from ranked relevance, with bootstrap intervals.

Every query has one or more right answers. `relevance` holds, for each query, which of its ranked candidates are
right; all figures come from it. Definitions as in the COCO and Flickr30k retrieval literature (Karpathy & Fei-Fei,
2015): R@k is the share of queries with a right answer among the first k; with several right captions per picture, one
is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RECALL_AT = (1, 5, 10)
MAP_AT = 10
_RESAMPLES = 1000  # of an interval
_TAILS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The outcome for a set of queries.

    `ranks` (n,) int64: 1-based rank of the first right answer. `hits` (n, MAP_AT) bool: which of the first ten
    candidates are right. `positives` (n,) int64: how many right answers there are.
    """

    ranks: NDArray[np.int64]
    hits: NDArray[np.bool_]
    positives: NDArray[np.int64]


def rank_queries(
    scores: NDArray[np.float32], answers: Sequence[Sequence[int]], order: NDArray[np.int64] | None = None
) -> Ranking:
    """Rank candidates for each query.

    Args:
        scores: (queries, candidates), higher is better. A tie counts against the right answer, so that a model
            which scores everything alike gets no recall for it.
        answers: the right candidates of each query, at least one.
        order: (queries, top) candidate indices that replace the first ranks (a reranker's result); the rest follows
            by score.
    """
    ranks = np.empty(len(scores), np.int64)
    hits = np.zeros((len(scores), MAP_AT), np.bool_)
    for query, (row, right) in enumerate(zip(scores, answers, strict=True)):
        found = np.isin(ranked(row, right, None if order is None else order[query]), right)
        ranks[query] = int(np.argmax(found)) + 1
        head = found[:MAP_AT]
        hits[query, : len(head)] = head
    positives = np.array([len(right) for right in answers], np.int64)
    return Ranking(ranks, hits, positives)


def ranked(
    row: NDArray[np.float32], right: Sequence[int], first: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """The candidates (n,) of one query, best first; of equal ones those that are not `right` come first.

    `first` are candidates that replace the first ranks.
    """
    wrong_first = row.astype(np.float64, copy=True)
    wrong_first[list(right)] = np.nextafter(wrong_first[list(right)], -np.inf)
    order = np.argsort(-wrong_first, kind="stable")
    return order if first is None else np.concatenate([first, order[~np.isin(order, first)]])


def average_precision(ranking: Ranking) -> NDArray[np.float64]:
    """Average precision at 10 of each query (n,): mean precision at each right answer, over min(10, positives)."""
    hits = ranking.hits.astype(np.float64)
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return (precision * hits).sum(axis=1) / np.minimum(ranking.positives, MAP_AT)  # type: ignore[no-any-return]


def precision(ranking: Ranking) -> NDArray[np.float64]:
    """P@10 of each query (n,): the share of right answers among the first ten, or among as many as there are."""
    shares: NDArray[np.float64] = ranking.hits.sum(axis=1) / np.minimum(ranking.positives, MAP_AT)
    return shares


def ndcg(ranking: Ranking) -> NDArray[np.float64]:
    """nDCG@10 of each query (n,), right answers counting 1 (Järvelin & Kekäläinen, TOIS 2002)."""
    discounts = 1 / np.log2(np.arange(2, MAP_AT + 2))
    ideal = np.cumsum(discounts)[np.minimum(ranking.positives, MAP_AT) - 1]
    gains: NDArray[np.float64] = (ranking.hits * discounts).sum(axis=1) / ideal
    return gains


def summary(ranking: Ranking) -> dict[str, float]:
    """R@1, R@5, R@10, median_rank, mAP@10, precision@1, precision@5, precision@10."""
    figures = {f"R@{k}": float((ranking.ranks <= k).mean()) for k in RECALL_AT}
    figures["median_rank"] = float(np.median(ranking.ranks))
    figures[f"mAP@{MAP_AT}"] = float(average_precision(ranking).mean())
    figures |= {f"precision@{k}": float(ranking.hits[:, :k].mean()) for k in RECALL_AT}
    return figures


def interval(values: NDArray[np.float64], *, groups: Sequence[int] | None = None) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean over queries (Efron & Tibshirani, 1993, chapter 13).

    Queries of one group (the captions of one picture) are drawn together: they succeed and fail alike, and drawn one by
    one they promise more than there is (cluster bootstrap; Davison & Hinkley, 1997, section 3.8).
    """
    _, group = np.unique(np.arange(len(values)) if groups is None else groups, return_inverse=True)
    sums, counts = np.bincount(group, weights=values), np.bincount(group)
    return _percentiles(sums[drawn].sum() / counts[drawn].sum() for drawn in _resamples(len(sums)))


def _resamples(count: int) -> Iterator[NDArray[np.int64]]:
    """So many of 0 … count - 1, drawn with replacement; the same at every call."""
    generator = np.random.default_rng(0)
    for _ in range(_RESAMPLES):
        yield generator.integers(0, count, count)


def _percentiles(means: Iterable[float]) -> tuple[float, float]:
    low, high = np.quantile(list(means), _TAILS)
    return float(low), float(high)


def intervals(ranking: Ranking, groups: Sequence[int] | None = None) -> dict[str, tuple[float, float]]:
    """95 % intervals of R@k and mAP@10."""
    found = {f"R@{k}": interval((ranking.ranks <= k).astype(np.float64), groups=groups) for k in RECALL_AT}
    found[f"mAP@{MAP_AT}"] = interval(average_precision(ranking), groups=groups)
    return found


def macro_interval(
    values: NDArray[np.float64], kinds: Sequence[str], groups: Sequence[str]
) -> tuple[float, float, float]:
    """The mean over kinds of the mean of `values` (n,) of each kind, and its interval.

    Values of one group are drawn together, as in `interval`; a kind of which a resample has none is left out of it.
    """
    _, kind = np.unique(np.asarray(kinds), return_inverse=True)
    names, group = np.unique(np.asarray(groups), return_inverse=True)

    def macro(weights: NDArray[np.float64]) -> float:
        counts = np.bincount(kind, weights=weights)
        return float((np.bincount(kind, weights=weights * values)[counts > 0] / counts[counts > 0]).mean())

    weights = (np.bincount(drawn, minlength=len(names))[group] for drawn in _resamples(len(names)))
    low, high = _percentiles(macro(each.astype(np.float64)) for each in weights)
    return macro(np.ones(len(values))), low, high
