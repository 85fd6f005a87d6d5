"""Rescoring (refinement): candidates of a quantised index are scored again from the stored rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.vectors.exact import Rows, clipped, products
from vasari.retrieval.vectors.index import NO_ID, HalfRows, Ids, Scores, nothing

RECALL_AT = 10  # answers that recall is measured with
MOST_CANDIDATES = 1280  # candidates, but for long pages: what the greatest depth is for ten answers

Fetch = Callable[[Ids], HalfRows]  # ids (n,) → their rows (n, dim)


def candidates_for(k: int, depth: int) -> int:
    """How many candidates to ask for: `depth` for each of k answers, and no fewer than for the ten of the measurement.

    recall@3 needs the same depth of candidates as recall@10. Long pages get fewer for each (at most 1280
    in all, but four for each, or 1280 more than answers): a thousand answers do not read everything. Four for each of
    901 answers took 1.25 times the processor time, and found no more of the nearest.
    """
    return max(min(4 * k, k + MOST_CANDIDATES), min(max(k, RECALL_AT) * depth, MOST_CANDIDATES))


def gathered(parts: Sequence[Rows], starts: NDArray[np.int64], numbers: NDArray[np.int64]) -> HalfRows:
    """Gather rows (n, dim) of `parts` by global row number: part i begins at `starts[i]`; the last entry is the end.

    One copy a part that is met, in the order of the parts: a library has hundreds of segments, and what is done for
    each of them is a large part of a search.
    """
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    bounds = np.searchsorted(ordered, starts)
    local = ordered - np.repeat(starts[:-1], np.diff(bounds))
    halves = np.empty((len(numbers), parts[0].vectors.shape[1]), np.float16)
    first = 0
    for part, end in zip(parts, bounds[1:].tolist(), strict=True):
        if end > first:
            part.take(local[first:end], halves[first:end])
            first = end
    if (ordered == numbers).all():
        return halves
    unsorted = np.empty_like(halves)
    unsorted[order] = halves
    return unsorted


def rescored(candidates: Ids, queries: UnitVectors, k: int, fetch: Fetch) -> tuple[Ids, Scores]:
    """The best k of each query's `candidates` (n, m) by the exact cosine: ids (n, k) and cosines (n, k).

    Candidates of -1 are passed over; missing answers are -1 and -inf. Equal scores rank by ascending id.
    """
    ids, scores = nothing(len(queries), k)
    for number, (query, row) in enumerate(zip(queries, candidates, strict=True)):
        found = np.sort(row[row != NO_ID])
        if not len(found):
            continue
        cosines = products(fetch(found), query)
        best = np.lexsort((found, -cosines))[:k]
        ids[number, : len(best)], scores[number, : len(best)] = found[best], cosines[best]
    return clipped((ids, scores))
