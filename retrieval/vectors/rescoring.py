"""Candidates of an index whose scores are estimates, scored again from the stored rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from retrieval.domain import UnitVectors
from retrieval.vectors.exact import clipped, widen
from retrieval.vectors.index import NO_ID, HalfRows, Ids, Scores, nothing

Fetch = Callable[[Ids], HalfRows]  # ids (n,) → their rows (n, dim)


def rescored(candidates: Ids, queries: UnitVectors, k: int, fetch: Fetch) -> tuple[Ids, Scores]:
    """The best k of each query's `candidates` (n, m) by the exact cosine: ids (n, k) and cosines (n, k).

    Candidates of -1 are passed over; missing answers are -1 and -inf. Equal scores rank by ascending id.
    """
    ids, scores = nothing(len(queries), k)
    for number, (query, row) in enumerate(zip(queries, candidates, strict=True)):
        found = np.sort(row[row != NO_ID])
        if not len(found):
            continue
        cosines = widen(fetch(found)) @ query
        best = np.lexsort((found, -cosines))[:k]
        ids[number, : len(best)], scores[number, : len(best)] = found[best], cosines[best]
    return clipped((ids, scores))
