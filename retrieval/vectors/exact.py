"""Brute-force (exact) search over float16 rows. The oracle of all tests, and the default for small libraries.

Half of the cost of scanning float16 rows with numpy is their conversion, which numpy's wheels do number by
number (100,000 × 512: 300 ms). `_widen` does it with integer operations that numpy vectorises (30 ms), so
that a scan straight from the memory-mapped file costs about as much as a float32 product and needs no copy of
the gallery.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.vectors.index import (
    NO_ID,
    HalfRows,
    Ids,
    Scores,
    check_new_ids,
    check_queries,
    is_among,
    nothing,
)
from vasari.retrieval.vectors.segments import Segment, write_segment

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_BLOCK_BYTES = 512 * 1024  # float32 rows widened at a time: stays in the second-level cache
# Queries from which one product of matrices beats a product for each (100,000 × 512: 3 ms each, not 7).
_TOGETHER = 4
_PRODUCTS_AT_ONCE = 128  # rows
_HELD_SCORES = 4 * 1024 * 1024  # scores kept before the best are picked out: 16 MiB
_SIGN_AND_VALUE = np.int32(-0x70000001)  # all bits but the three between a half's sign and its exponent
_HALF_SCALE = np.float32(2.0**112)  # float32's exponent bias is 127, float16's is 15


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a matrix: all of `vectors` (n, dim) with their `ids` (n,), or those numbered in `picked`.

    `taken_off` (n,) is taken off the scores of all of `vectors`.
    """

    ids: Ids
    vectors: HalfRows
    picked: NDArray[np.int64] | None = None
    taken_off: Scores | None = None

    def __len__(self) -> int:
        return len(self.ids) if self.picked is None else len(self.picked)

    def take(self, numbers: NDArray[np.int64], out: HalfRows) -> None:
        """Copy the vectors of these rows of this selection into `out` (n, dim); all of them have to be there."""
        rows = numbers if self.picked is None else self.picked[numbers]
        self.vectors.take(rows, axis=0, out=out, mode="clip")  # "raise" would copy twice

    def block(self, start: int, stop: int) -> tuple[Ids, HalfRows]:
        """The ids and vectors of rows start … stop of this selection."""
        chosen = self._chosen(start, stop)
        return self.ids[chosen], self.vectors[chosen]

    def off(self, start: int, stop: int) -> Scores | None:
        """What is taken off the scores (n,) of these rows of this selection, if anything."""
        return None if self.taken_off is None else self.taken_off[self._chosen(start, stop)]

    def _chosen(self, start: int, stop: int) -> slice | NDArray[np.int64]:
        return slice(start, stop) if self.picked is None else self.picked[start:stop]


def scan(parts: Iterable[Rows], queries: UnitVectors, k: int) -> tuple[Ids, Scores]:
    """Brute-force scan: the k rows of `parts` nearest to each query (n, dim): ids (n, k) and cosines (n, k).

    Missing ones are -1 and -inf. Memory does not grow with the number of rows.
    """
    if len(queries) < _TOGETHER:
        return _scan(parts, queries, k)
    # OpenBLAS splits a matrix product over threads that wait for each other: on a busy machine 16 queries took 230 ms a
    # block that way instead of 0.2 ms.
    with _blas().limit(limits=1, user_api="blas"):
        return _scan(parts, queries, k)


def _scan(parts: Iterable[Rows], queries: UnitVectors, k: int) -> tuple[Ids, Scores]:
    count, dim = queries.shape
    best = nothing(count, k)
    if not count:
        return best
    held = max(_HELD_SCORES // count, 4096)
    ids, scores = np.empty(held, np.int64), np.empty((count, held), np.float32)
    filled = 0
    rows_at_once = max(_BLOCK_BYTES // (4 * dim), 16)
    # Where rows are read as 2^-112 of their value, the queries carry the factor; powers of two cost no precision.
    scaled = queries * _HALF_SCALE
    together = count >= _TOGETHER
    columns = np.ascontiguousarray(scaled.T)
    for block_ids, block, taken_off in _blocks(parts, min(rows_at_once, held)):
        if filled + len(block_ids) > held:
            best = _pick(best, ids[:filled], scores[:, :filled], k)
            filled = 0
        end = filled + len(block_ids)
        ids[filled:end] = block_ids
        if together:
            scores[:, filled:end] = (block @ columns).T  # (rows, dim) @ (dim, count)
        else:
            for query, out in zip(scaled, scores, strict=True):
                np.matmul(block, query, out=out[filled:end])  # (rows, dim) @ (dim,)
        if taken_off is not None:
            scores[:, filled:end] -= taken_off
        filled = end
    return clipped(_pick(best, ids[:filled], scores[:, :filled], k))


@functools.cache
def _blas() -> ThreadpoolController:
    """The BLAS libraries of this process."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def merge(first: tuple[Ids, Scores], second: tuple[Ids, Scores]) -> tuple[Ids, Scores]:
    """Top-k merge of two answers over different rows, each ids (n, k) and scores (n, k)."""
    ids = np.concatenate([first[0], second[0]], axis=1)
    scores = np.concatenate([first[1], second[1]], axis=1)
    return best(ids, scores, first[0].shape[1])


def best(ids: Ids, scores: Scores, k: int) -> tuple[Ids, Scores]:
    """The k best (n, k) of answers (n, m) in any order, equal scores by ascending id."""
    order = np.lexsort((ids, -scores), axis=1)[:, :k]
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _blocks(parts: Iterable[Rows], at_once: int) -> Iterator[tuple[Ids, NDArray[np.float32], Scores | None]]:
    """Blocks of at most `at_once` rows, widened (see `_widen`); a block is overwritten by the next one."""
    buffer: NDArray[np.int32] | None = None
    for part in parts:
        for start in range(0, len(part), at_once):
            ids, halves = part.block(start, start + at_once)
            if buffer is None:
                buffer = np.empty((at_once, halves.shape[1]), np.int32)
            yield ids, _widen(halves, buffer[: len(ids)]), part.off(start, start + at_once)


def products(halves: HalfRows, query: NDArray[np.float32]) -> NDArray[np.float32]:
    """The products (n,) of finite float16 rows (n, dim) with a query (dim,).

    In blocks that stay in the cache: for 640 × 512 a fifth of the time that widening all of them takes.
    """
    found = np.empty(len(halves), np.float32)
    scaled = query * _HALF_SCALE
    buffer = np.empty((min(len(halves), _PRODUCTS_AT_ONCE), halves.shape[1]), np.int32)
    for start in range(0, len(halves), _PRODUCTS_AT_ONCE):
        block = halves[start : start + _PRODUCTS_AT_ONCE]
        np.matmul(_widen(block, buffer[: len(block)]), scaled, out=found[start : start + len(block)])
    return found


def _widen(halves: HalfRows, buffer: NDArray[np.int32]) -> NDArray[np.float32]:
    """Finite float16 numbers as float32 numbers 2^-112 times as large, exactly; the result lies in `buffer`.

    A half is sign, 5 bits of exponent and 10 of fraction; shifting exponent and fraction to where float32 has
    them gives the same number under float32's larger bias. Widening to int32 repeats the sign bit; the mask
    clears the repetitions that land in the exponent. Subnormal halves become subnormal floats, which products
    read right.
    """
    np.copyto(buffer, halves.view(np.int16))
    np.left_shift(buffer, 13, out=buffer)
    np.bitwise_and(buffer, _SIGN_AND_VALUE, out=buffer)
    return buffer.view(np.float32)


def _pick(best: tuple[Ids, Scores], ids: Ids, scores: Scores, k: int) -> tuple[Ids, Scores]:
    """Merge the best k columns of `scores` (n, m) into `best`; equal scores go to the smaller ids."""
    if not len(ids):
        return best
    new = nothing(len(scores), k)
    for query, row in enumerate(scores):
        enough = best[1][query, -1]
        if len(row) > k:
            enough = max(enough, np.partition(row, len(row) - k)[len(row) - k])
        candidates = np.flatnonzero(row >= enough)  # ties at the k-th place are all in here
        ranked = candidates[np.lexsort((ids[candidates], -row[candidates]))][:k]
        new[0][query, : len(ranked)] = ids[ranked]
        new[1][query, : len(ranked)] = row[ranked]
    return merge(best, new)


def clipped(result: tuple[Ids, Scores]) -> tuple[Ids, Scores]:
    """Scores clipped to [-1, 1], which rounding may leave; missing ones stay -inf."""
    ids, scores = result
    return ids, np.where(ids == NO_ID, scores, np.clip(scores, -1.0, 1.0))


class ExactIndex:
    """All rows in memory as float16, compared one by one (see `VectorIndex`)."""

    def __init__(self, dim: int) -> None:
        self._ids: Ids = np.empty(0, np.int64)  # sorted
        self._vectors: HalfRows = np.empty((0, dim), np.float16)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Ids, vectors: UnitVectors) -> None:
        """Store `vectors` (n, dim) under new `ids` (n,)."""
        check_new_ids(ids, vectors, self._ids, self._vectors.shape[1])
        all_ids = np.concatenate([self._ids, ids])
        order = np.argsort(all_ids, kind="stable")
        self._vectors = np.concatenate([self._vectors, vectors.astype(np.float16)])[order]
        self._ids = all_ids[order]

    def search(
        self, queries: UnitVectors, k: int, allowed_ids: Ids | None = None, excluded_ids: Ids | None = None
    ) -> tuple[Ids, Scores]:
        """The k nearest rows of each query; see `VectorIndex.search`."""
        check_queries(queries, k, self._vectors.shape[1])
        picked = None
        if allowed_ids is not None:
            picked = np.searchsorted(self._ids, allowed_ids[is_among(allowed_ids, self._ids)])
        if excluded_ids is not None:
            picked = np.arange(len(self)) if picked is None else picked
            picked = picked[~is_among(self._ids[picked], excluded_ids)]
        return scan([Rows(self._ids, self._vectors, picked)], queries, k)

    def remove(self, ids: Ids) -> int:
        """Forget these ids and return how many were there."""
        kept = ~is_among(self._ids, np.unique(ids))
        removed = len(self) - int(kept.sum())
        self._ids, self._vectors = self._ids[kept], self._vectors[kept]
        return removed

    def save(self, path: Path) -> None:
        """Write the rows as the only segment of the folder `path`."""
        write_segment(path, 0, self._ids, self._vectors)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map the rows that `save` wrote; LibraryCorruptError names a damaged file."""
        segment = Segment.open(path, 0)
        index = cls(segment.vectors.shape[1])
        index._ids, index._vectors = segment.ids, segment.vectors
        return index
