"""Score blending, rank fusion, collapsing of duplicates, diversification. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import ItemId, UnitVectors

CONTRASTIVE_SCALE = 100.0
"""What CLIP multiplies cosines with before its softmax (Radford et al., 2021, section 2.5: the learned temperature is
clipped there); it puts differences of cosines on the scale of log-odds."""


def blend(
    cosines: NDArray[np.float32], probabilities: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """Blend both stages to scores in [0, 1]: (n,) each.

    Log-odds are added, as if both models were independent witnesses: `weight` × the reranker's log-odds and
    (1 - weight) × the dual encoder's log-odds against its own best candidate. Weight 1 is the reranker alone, and
    then the score is its probability. ALBEF and BLIP likewise add the matching score to the contrastive one.
    """
    sure = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    second = np.log(sure / (1 - sure))
    first = CONTRASTIVE_SCALE * (cosines.astype(np.float64) - cosines.max(initial=-1.0))
    odds = weight * second + (1 - weight) * first
    scores: NDArray[np.float64] = 1 / (1 + np.exp(-odds))
    return scores.astype(np.float32)


def reciprocal_rank_fusion(rankings: Sequence[Sequence[ItemId]], k: int = 60) -> list[ItemId]:
    """Merge rankings without comparing their scores (Cormack et al., SIGIR 2009; k = 60 as there).

    Ties keep the order of first appearance.
    """
    votes: defaultdict[ItemId, float] = defaultdict(float)
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            votes[item] += 1 / (k + rank)
    return sorted(votes, key=lambda item: -votes[item])


def fuse(by_vector: Sequence[ItemId], by_words: Sequence[ItemId]) -> list[ItemId]:
    """Hybrid search: rank fusion of vector and full-text results."""
    return reciprocal_rank_fusion([by_vector, by_words])


def one_of_each_group(
    candidates: Sequence[tuple[ItemId, float]], groups: Mapping[ItemId, int]
) -> list[tuple[ItemId, float]]:
    """Collapse duplicates: the first candidate of each group, and all that are in none."""
    seen: set[int] = set()
    kept = []
    for item, score in candidates:
        group = groups.get(item)
        if group is not None:
            if group in seen:
                continue
            seen.add(group)
        kept.append((item, score))
    return kept


def diversify(
    candidates: Sequence[tuple[ItemId, float]], vectors: UnitVectors, trade: float
) -> list[tuple[ItemId, float]]:
    """Maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998): relevant, yet unlike what comes before.

    Args:
        candidates: (item, score), best first.
        vectors: their unit vectors (n, dim).
        trade: 1 keeps the order by score, 0 looks at differences only. Scores and similarities are first brought to the
            same range, since cosines between pictures are far larger than those between words and pictures.
    """
    if not candidates:
        return []
    scores = np.array([score for _, score in candidates], np.float32)
    relevance = _to_unit_range(scores)
    likeness = _to_unit_range(vectors @ vectors.T)
    nearest = np.zeros(len(candidates), np.float32)  # to any chosen one
    left = np.ones(len(candidates), np.bool_)
    order: list[int] = []
    for _ in candidates:
        gain = np.where(left, trade * relevance - (1 - trade) * nearest, -np.inf)
        chosen = int(np.argmax(gain))
        order.append(chosen)
        left[chosen] = False
        nearest = np.maximum(nearest, likeness[chosen])
    return [candidates[place] for place in order]


def _to_unit_range(values: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = float(values.min()), float(values.max())
    if high == low:
        return np.ones_like(values)
    scaled: NDArray[np.float32] = (values - low) / (high - low)
    return scaled
