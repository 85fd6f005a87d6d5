"""The port of vector indexes: what every index over unit vectors can do, and the rules all of them share.

Scores are cosines. The truth is the stored row: a unit vector rounded to float16 and read back as float32,
not normalised again. Rounding changes a row's length by about 1e-5, so a score may differ from the unrounded
cosine by that much; but every index, the exact scan and FAISS alike, computes the same inner product of the
same row, and so they agree with each other to float32 rounding (1e-6). Scores are clipped to [-1, 1] after
ranking. Equal scores rank by ascending id.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors

Ids = NDArray[np.int64]
Scores = NDArray[np.float32]
HalfRows = NDArray[np.float16]  # rows of unit vectors as they are stored, (n, dim)

INDEX_FILE = "index.faiss"  # in the folder of a saved FAISS index
NO_ID = -1  # fills the result when fewer than k rows match; its score is -inf


class IndexKind(StrEnum):
    """How a generation finds neighbours."""

    EXACT = "exact"  # no index at all: the segments are scanned
    FLAT = "flat"  # FAISS, every row compared
    HNSW = "hnsw"  # FAISS, navigable small world graph (Malkov & Yashunin, 2018)
    IVF = "ivf"  # FAISS, inverted lists around k-means centroids
    RABITQ = "rabitq"  # FAISS, inverted lists of two bits a dimension; answers are scored again from segments
    MILVUS = "milvus"  # a collection of a Milvus server, see milvus.py


@dataclass(frozen=True, slots=True)
class RecallPoint:
    """Measured against the exact scan: at this effort (efSearch, nprobe), recall in [0, 1] and processor time a query.

    `depth` is how many rows are scored again from the segments for each answer; 0 where the index's scores are exact.
    """

    effort: int
    recall: float
    milliseconds: float
    depth: int = 0


class VectorIndex(Protocol):
    """Unit vectors under integer ids, searched by cosine.

    Searching from several threads at once is safe; `add` and `remove` want the index for themselves.
    """

    def add(self, ids: Ids, vectors: UnitVectors) -> None:
        """Store `vectors` (n, dim) under `ids` (n,), which are >= 0 and new; a known id raises ValueError."""
        ...

    def search(
        self, queries: UnitVectors, k: int, allowed_ids: Ids | None = None, excluded_ids: Ids | None = None
    ) -> tuple[Ids, Scores]:
        """The `k` nearest rows of each query (n, dim), best first.

        Returns ids (n, k) int64 and cosines (n, k) float32.
        `allowed_ids` and `excluded_ids` are sorted and without repetition; ids that are not stored are
        ignored. Whenever k rows match, k come back; missing ones are id -1 with score -inf.
        """
        ...

    def remove(self, ids: Ids) -> int:
        """Forget these ids (unknown ones are ignored) and return how many were there."""
        ...

    def save(self, path: Path) -> None:
        """Write the index into the folder `path`, made if missing; a full disk raises StorageError."""
        ...

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read what `save` wrote; LibraryCorruptError names a damaged file."""
        ...

    def __len__(self) -> int: ...


def nothing(queries: int, k: int) -> tuple[Ids, Scores]:
    """The answer where no row matches."""
    return np.full((queries, k), NO_ID, np.int64), np.full((queries, k), -np.inf, np.float32)


def check_new_ids(ids: Ids, vectors: UnitVectors, known: Ids, dim: int) -> None:
    """Raise ValueError unless `ids` are fit to be added beside the sorted `known` ones."""
    if vectors.ndim != 2 or vectors.shape[1] != dim or ids.shape != (len(vectors),):
        raise ValueError(f"expected ids (n,) and vectors (n, {dim}), got {ids.shape} and {vectors.shape}")
    if len(ids) and ids.min() < 0:
        raise ValueError("ids are 0 or greater")
    if len(np.unique(ids)) != len(ids) or is_among(ids, known).any():
        raise ValueError("an id is stored already: remove it first")


def check_queries(queries: UnitVectors, k: int, dim: int) -> None:
    """Raise ValueError unless `queries` is (n, dim) and k is at least 1."""
    if queries.ndim != 2 or queries.shape[1] != dim:
        raise ValueError(f"expected queries (n, {dim}), got {queries.shape}")
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")


def is_among(values: Ids, ordered: Ids) -> NDArray[np.bool_]:
    """Membership of each value in `ordered` (sorted ascending), by binary search."""
    if not len(ordered):
        return np.zeros(len(values), np.bool_)
    places = np.searchsorted(ordered, values)
    places[places == len(ordered)] = 0
    return np.asarray(ordered[places] == values)
