"""Grouping search: k groups whenever there are k, each shown by its best member, at the cost of one search.

Any m + 1 items are of at least k groups where the k - 1 largest groups have m members together, so that many nearest
items are enough: one look at the vectors, whatever the groups. Where the largest are so large that this is more than a
plain search may ask for (`MOST`), what was found first decides: the groups it is of are left out of the next look,
until there are k. Each look brings at least one group.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import ItemId, UnitVectors
from vasari.retrieval.vectors.index import Ids, Scores, is_among

MOST = 10_000  # nearest items of one look, as deep as a page of a plain search may lie
_ROWS = 8192  # vectors that are summed at once
_NO_LENGTH = 1e-6  # of vectors that cancel out: their mean is like nothing
# Nearest items for which one look of an index costs less than a look at few and perhaps another.
_AT_ONCE = 200
_FEW = 4  # items for each group that an index is asked for first, where more may be needed
Look = Callable[[int, Ids | None], tuple[Ids, Scores]]
"""The nearest items, best first, among these sorted ids (None: all): ids (n,) and cosines (n,), n ≤ the depth asked."""


class Labels(Protocol):
    """Which group each item is in (see `catalog.filters.groups`)."""

    @property
    def ids(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def labels(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def values(self) -> tuple[Any, ...]: ...  # noqa: D102


class Grouping:
    """The groups of the items that a search can find. An item in none is a group of its own."""

    def __init__(self, known: Labels, live: Ids) -> None:
        """`live` are sorted ids (n,): what the filter accepts, and has a vector."""
        self.live = live
        self._known = known
        counted = known.labels[is_among(known.ids, live)]
        self._sizes = np.bincount(counted, minlength=len(known.values))
        largest = -np.sort(-self._sizes[self._sizes > 1])[:MOST]
        self._lengths: NDArray[np.float64] | None = None  # of the sums of the vectors of each group
        self._together = np.concatenate([[0], np.cumsum(largest)])  # of the n largest groups

    def labels(self, ids: Ids) -> NDArray[np.int64]:
        """The group (n,) of each item; negative, and no other's, where it is in none."""
        known = self._known
        if not len(known.ids):
            return -1 - ids
        places = np.minimum(np.searchsorted(known.ids, ids), len(known.ids) - 1)
        return np.where(known.ids[places] == ids, known.labels[places], -1 - ids)

    def members(self, item: ItemId, left_out: set[ItemId]) -> int:
        """How many items its group has, without those that the search leaves out."""
        label = self._label(item)
        if label is None:
            return 1
        others = sum(
            self._label(other) == label for other in left_out if _place(self.live, other) is not None
        )
        return int(self._sizes[label]) - others

    def value(self, item: ItemId) -> Any:
        """What the items of its group have in common; None where it is in no group."""
        label = self._label(item)
        return None if label is None else self._known.values[label]

    def _label(self, item: ItemId) -> int | None:
        """As `labels`, of one item in a tenth of the time; None where it is in no group."""
        place = _place(self._known.ids, item)
        return None if place is None else int(self._known.labels[place])

    def nearest(
        self, look: Look, depth: int, groups: int, *, scans: bool
    ) -> tuple[list[tuple[ItemId, float]], bool]:
        """The best of each of at least `groups` groups, best first, and all of the `depth` nearest items.

        The second value tells whether there are no more groups. Where a look `scans` all vectors, its depth costs
        little and a second one as much as the first; an index is first asked for few where many may be needed.
        """
        surely = max(depth, min(self._enough(groups), MOST))
        asked = surely if scans or surely <= _AT_ONCE else max(depth, _FEW * groups)
        ids, scores = look(asked, None)
        if len(ids) == asked < surely and self._count(ids) < groups:
            asked = surely
            ids, scores = look(asked, None)
        exhausted = len(ids) < asked
        while not exhausted and (missing := groups - self._count(ids)) > 0:
            others = self.live[~np.isin(self.labels(self.live), self.labels(ids))]
            asked = min(self._enough(missing), MOST)
            more, cosines = look(asked, others)
            exhausted = len(more) < asked
            ids, scores = np.concatenate([ids, more]), np.concatenate([scores, cosines])
            order = np.lexsort((ids, -scores))  # an index may find a better one the second time
            ids, scores = ids[order], scores[order]
        best = self._best(ids)
        enough = np.flatnonzero((np.cumsum(best) >= groups) & (np.arange(1, len(ids) + 1) >= depth))
        end = enough[0] + 1 if len(enough) else len(ids)
        shown = np.flatnonzero((best | (np.arange(len(ids)) < depth))[:end])
        found = list(zip(ids[shown].tolist(), scores[shown].tolist(), strict=True))
        return found, exhausted and not len(enough)

    def _count(self, ids: Ids) -> int:
        """Of how many groups they are."""
        return len(np.unique(self.labels(ids)))

    def fused(
        self,
        cosines: Callable[[Ids], Scores],
        vectors: Callable[[Ids], UnitVectors],
        left_out: set[ItemId],
    ) -> list[tuple[ItemId, float]]:
        """All groups, each as one item: its best member, and the cosine of the mean of its vectors; best first.

        `cosines` are those (n,) of items with the query, `vectors` theirs (n, dim). A mean's product with the query is
        the mean of the products, so that one look at all rows is enough, and the lengths of the means are remembered.
        """
        live = self.live[~np.isin(self.live, list(left_out))]
        scores, labels = cosines(live), self.labels(live)
        order = np.lexsort((live, -scores))
        groups, first, place = np.unique(labels[order], return_index=True, return_inverse=True)
        if self._lengths is None:
            self._lengths = self._measured(self.live, vectors)
        lengths = np.where(groups < 0, 1.0, self._lengths[np.maximum(groups, 0)])
        touched = np.isin(groups, self.labels(np.array(sorted(left_out), np.int64)))
        if touched.any():
            fewer = self._measured(live[np.isin(labels, groups[touched])], vectors)
            lengths[touched] = np.where(groups[touched] < 0, 1.0, fewer[np.maximum(groups[touched], 0)])
        means = np.bincount(place, scores[order]) / np.maximum(lengths, _NO_LENGTH)
        best = live[order][first]
        ranked = np.lexsort((best, -means))
        return list(zip(best[ranked].tolist(), np.clip(means[ranked], -1, 1).tolist(), strict=True))

    def _measured(self, ids: Ids, vectors: Callable[[Ids], UnitVectors]) -> NDArray[np.float64]:
        """The lengths of the sums of the vectors of these items, by group; a group of one has about 1."""
        labels = self.labels(ids)
        grouped = labels >= 0
        order = np.argsort(labels[grouped], kind="stable")
        ids, labels = ids[grouped][order], labels[grouped][order]
        lengths = np.ones(max(1, len(self._known.values)))
        last, so_far = -1, np.zeros(1, np.float32)  # the group that goes on in the next rows, and its sum
        for start in range(0, len(ids), _ROWS):
            part = labels[start : start + _ROWS]
            begins = np.flatnonzero(np.diff(part, prepend=-1))
            sums = np.add.reduceat(vectors(ids[start : start + _ROWS]), begins, axis=0)
            if part[0] == last:
                sums[0] += so_far
            lengths[part[begins]] = np.linalg.norm(sums, axis=1)
            last, so_far = int(part[-1]), sums[-1]
        return lengths

    def _best(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of these (n,) are the first of their group."""
        first = np.zeros(len(ids), np.bool_)
        first[np.unique(self.labels(ids), return_index=True)[1]] = True
        return first

    def _enough(self, groups: int) -> int:
        """How many items are of at least so many groups, whichever they are."""
        large = min(groups - 1, len(self._together) - 1)
        return int(self._together[large]) + (groups - 1 - large) + 1


def _place(ids: Ids, item: ItemId) -> int | None:
    """Where an item is among sorted ids; None where it is not."""
    place = bisect_left(ids, item)
    return place if place < len(ids) and ids[place] == item else None


_made: WeakKeyDictionary[Labels, tuple[Ids | None, Ids, Grouping]] = WeakKeyDictionary()
_lock = threading.Lock()


def grouping_of(known: Labels, allowed: Ids | None, there: Ids) -> Grouping:
    """The groups among the items `there`, of which a filter accepts `allowed` (None: all); both are sorted ids.

    That of the last search is remembered: counting takes 4 ms for 100,000 items, and pages have the same filter.
    """
    with _lock:
        held = _made.get(known)
    if held is not None and held[0] is allowed and held[1] is there:
        return held[2]
    live = there if allowed is None else allowed[is_among(allowed, there)]
    made = Grouping(known, live)
    with _lock:
        _made[known] = (allowed, there, made)
    return made
