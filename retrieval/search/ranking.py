"""Score blending, collapsing of duplicates, diversification. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import ItemId, UnitVectors

CONTRASTIVE_SCALE = 100.0
"""What CLIP multiplies cosines with before its softmax (Radford et al., 2021, section 2.5: the learned temperature is
clipped there); it puts differences of cosines on the scale of log-odds."""

_NO_SPREAD = 1e-9  # a standard deviation that is none


def blend(
    cosines: NDArray[np.float32], probabilities: NDArray[np.float32], weight: float
) -> NDArray[np.float64]:
    """Blend both stages by z-scores, to scores in [0, 1]: (n,) each.

    Over the candidates at hand, each stage has mean 0 and standard deviation 1: cosines, and the reranker's log-odds.
    `weight` × the second and (1 - weight) × the first is brought back to the reranker's mean and deviation, so that
    weight 1 gives its probabilities, and any other weight scores on their scale. ALBEF and BLIP add the matching score
    to the contrastive one, whose scales their training has made alike; of two models nothing makes them so.
    """
    sure = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    second = np.log(sure / (1 - sure))
    both = weight * _standardised(second) + (1 - weight) * _standardised(cosines.astype(np.float64))
    if not len(both):
        return both
    spread = second.std()
    odds = second.mean() + (spread if spread >= _NO_SPREAD else 1.0) * both
    scores: NDArray[np.float64] = 1 / (1 + np.exp(-odds))
    return scores


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean 0 and standard deviation 1 (n,); 0 where all are alike."""
    if not len(values) or (spread := values.std()) < _NO_SPREAD:
        return np.zeros_like(values)
    standard: NDArray[np.float64] = (values - values.mean()) / spread
    return standard


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
