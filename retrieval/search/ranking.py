"""Orders of candidates: blending first and second stage, and merging rankings. Pure functions on small arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import ItemId

CONTRASTIVE_SCALE = 100.0
"""What CLIP multiplies cosines with before its softmax (Radford et al., 2021, section 2.5: the learned temperature is
clipped there); it puts differences of cosines on the scale of log-odds."""


def blend(
    cosines: NDArray[np.float32], probabilities: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """Blend both stages to scores in [0, 1]: (n,) each.

    Log-odds are added, as if both models were independent witnesses: `weight` × the matcher's log-odds and
    (1 - weight) × the dual encoder's log-odds against its own best candidate. Weight 1 is the matcher alone, and
    then the score is its probability. ALBEF and BLIP likewise add the matching score to the contrastive one.
    """
    sure = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    second = np.log(sure / (1 - sure))
    first = CONTRASTIVE_SCALE * (cosines.astype(np.float64) - cosines.max(initial=-1.0))
    odds = weight * second + (1 - weight) * first
    scores: NDArray[np.float64] = 1 / (1 + np.exp(-odds))
    return scores.astype(np.float32)


def reciprocal_rank_fusion(rankings: Sequence[Sequence[ItemId]], k: int = 60) -> list[ItemId]:
    """Merge rankings without comparing their scores (Cormack et al., SIGIR 2009; k = 60 as there)."""
    votes: Counter[ItemId] = Counter()
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            votes[item] += 1 / (k + rank)  # type: ignore[assignment]
    return [item for item, _ in votes.most_common()]
