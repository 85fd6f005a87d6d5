"""Near-duplicates: pictures whose perceptual hashes and vectors are both nearly the same.

The hash finds candidates fast, and the cosine rules out those that merely have the same light and dark places. Two
such pictures are linked; groups are what links connect. Items that came since the last time are compared with all,
and only they: the groups come out the same as if all were compared at once. An item that is deleted or changes
leaves its group, and the rest stays together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.perceptual_hashes import Fingerprints
from vasari.retrieval.domain import ItemId, UnitVectors
from vasari.retrieval.images.phash import near_pairs

MIN_COSINE = 0.9
"""Drawn postcards that were halved, recompressed at quality 25, darkened by a fifth or cropped by 5 % keep 0.96; of
pairs of different ones 1 in 9,000 is above 0.9 (the built-in encoder)."""

_AT_ONCE = 20_000  # pairs whose cosines are computed at once
_CROWD = 64  # pictures with one hash, from which on those linked to the first stand back behind it
_SMALL = 100_000  # hashes that are read in 50 ms
_SHARE = 0.005  # of new hashes, for which reading a large library's hashes is worth while

Rows = NDArray[np.int64]


class Store(Protocol):
    """The part of the catalog that remembers hashes and groups."""

    def counts(self) -> tuple[int, int]: ...  # noqa: D102
    def all(self) -> Fingerprints: ...  # noqa: D102
    def save_groups(self, groups: Sequence[tuple[ItemId, int, int | None]]) -> None: ...  # noqa: D102


class Vectors(Protocol):
    """The part of a gallery that compares pictures."""

    def ids(self) -> NDArray[np.int64]: ...  # noqa: D102
    def vectors_of(self, ids: Sequence[int] | NDArray[np.int64]) -> UnitVectors: ...  # noqa: D102


def is_due(store: Store) -> bool:
    """Whether the new items are worth reading all hashes: always in a small library, else when they are many."""
    total, new = store.counts()
    return new > 0 and (total <= _SMALL or new >= _SHARE * total)


def regroup(store: Store, vectors: Vectors) -> int:
    """Compare items that were not compared yet with all others, and note the groups; says how many they were.

    Items without a vector are left for later. Reading takes 0.5 s a million of items, comparing about a second for
    each 100,000 × 100,000.
    """
    if store.counts()[1] == 0:
        return 0
    everything = store.all()
    known = everything.only(np.isin(everything.ids, vectors.ids()))
    fresh = ~known.compared
    if not fresh.any():
        return 0
    groups = _groups(known, fresh, vectors)
    touched = fresh | (groups != known.groups)
    changes = zip(
        known.ids[touched].tolist(),
        known.hashes[touched].view(np.int64).tolist(),
        groups[touched].tolist(),
        strict=True,
    )
    store.save_groups([(item, number, group or None) for item, number, group in changes])
    return int(fresh.sum())


def _groups(known: Fingerprints, fresh: NDArray[np.bool_], vectors: Vectors) -> Rows:
    """The group of each row (n,): the least id of those it is linked with, 0 where it is alone."""
    links = _Links(np.where(known.groups > 0, -known.groups, known.ids))
    rows = np.flatnonzero(_link_crowds(known, fresh, vectors, links))
    for a, b in near_pairs(known.hashes[rows], fresh[rows]):
        links.add(*_alike(rows[a], rows[b], known.ids, vectors))
    labels = links.labels()
    _, first, place, count = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    least = np.where(count > 1, known.ids[first], 0)[place]  # ids ascend, so the first row has the least
    untouched = ~np.isin(labels, labels[fresh]) & _named_by_a_member(known)
    return np.where(untouched, known.groups, least)


def _named_by_a_member(known: Fingerprints) -> NDArray[np.bool_]:
    """Rows (n,) whose group's number is still the id of one in it: if it left, it may begin a group of its own."""
    namesake = np.minimum(np.searchsorted(known.ids, known.groups), len(known.ids) - 1)
    named: NDArray[np.bool_] = (known.ids[namesake] == known.groups) & (
        known.groups[namesake] == known.groups
    )
    named |= known.groups == 0
    return named


def _link_crowds(
    known: Fingerprints, fresh: NDArray[np.bool_], vectors: Vectors, links: _Links
) -> NDArray[np.bool_]:
    """Link rows of one hash that are very many with the first of them; says which rows are to be compared one by one.

    A thousand copies of a placeholder would make a million pairs.
    """
    _, first, place, count = np.unique(
        known.hashes, return_index=True, return_inverse=True, return_counts=True
    )
    leaders = first[place]
    follows = (count > _CROWD)[place] & (leaders != np.arange(len(leaders)))
    new = fresh | fresh[leaders]
    standing: NDArray[np.bool_] = ~(
        follows & ~new & (known.groups > 0) & (known.groups == known.groups[leaders])
    )
    asking = np.flatnonzero(follows & new)
    followers, followed = _alike(asking, leaders[asking], known.ids, vectors)
    links.add(followers, followed)
    standing[followers] = False
    return standing


def _alike(a: Rows, b: Rows, ids: Rows, vectors: Vectors) -> tuple[Rows, Rows]:
    """Those pairs of rows whose vectors are nearly the same."""
    near = np.zeros(len(a), np.bool_)
    for start in range(0, len(a), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        rows, place = np.unique(np.concatenate([a[part], b[part]]), return_inverse=True)
        matrix = vectors.vectors_of(ids[rows])
        left, right = np.split(place, 2)
        near[part] = np.einsum("nd,nd->n", matrix[left], matrix[right]) >= MIN_COSINE
    return a[near], b[near]


class _Links:
    """Rows that are linked, by labels that are joined (union-find with path halving)."""

    def __init__(self, labels: Rows) -> None:
        self._labels = labels  # (n,), of each row
        self._parents: dict[int, int] = {}

    def add(self, a: Rows, b: Rows) -> None:
        """Link row a[i] with row b[i]."""
        for left, right in zip(self._labels[a].tolist(), self._labels[b].tolist(), strict=True):
            one, other = self._root(left), self._root(right)
            if one != other:
                self._parents[max(one, other)] = min(one, other)

    def labels(self) -> Rows:
        """One label (n,) for all rows that are connected."""
        found = self._labels.copy()
        joined = np.flatnonzero(np.isin(found, list(self._parents)))
        found[joined] = [self._root(label) for label in found[joined].tolist()]
        return found

    def _root(self, label: int) -> int:
        parents = self._parents
        while (parent := parents.get(label, label)) != label:
            parents[label] = parents.get(parent, parent)
            label = parent
        return label
