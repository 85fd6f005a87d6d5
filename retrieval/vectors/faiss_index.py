"""FAISS behind the `VectorIndex` port: Flat, HNSW, IVF and RaBitQ over inner products of unit vectors.

The first three keep rows as float16 (scalar quantiser QT_fp16), which is what the segments hold: half the memory of
float32 and the very same scores as the exact scan. RaBitQ keeps two bits a dimension, and its scores are estimates:
whoever searches it asks for more rows than are wanted and scores these again (`rescoring`).

What a search needs (selector, efSearch, nprobe) is an object made for that call, so that searches from many threads
never meet in the shared index.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.errors import LibraryCorruptError
from vasari.retrieval.storage.atomic import HashingWriter, replaced, write_file
from vasari.retrieval.storage.file_names import as_utf8
from vasari.retrieval.vectors.faiss_kinds import (
    DEFAULTS,
    LISTED,
    MERGEABLE,
    default_effort,
    empty,
    faiss,
    inverted_lists,
    kind_of,
    lists_for,
    lists_of,
    names,
)
from vasari.retrieval.vectors.index import (
    INDEX_FILE,
    NO_ID,
    Ids,
    IndexKind,
    Scores,
    check_new_ids,
    check_queries,
    is_among,
    nothing,
)

_WIDEST = 32  # a filter raises efSearch or nprobe at most this many times
_NEARBY = 256  # nearest rows that local selectivity is measured on
_NEAR_LISTS = 16  # of so many inverted lists one is looked through for what is near
_LEAST_LISTS = 16  # that are looked through at least
_HELD = 4  # rows in the inverted lists that are searched, for each result


class FaissIndex:
    """One FAISS index (see `VectorIndex`).

    `parameters`: for HNSW `neighbours` (M), `construction` (efConstruction) and `effort` (efSearch); for IVF and RaBitQ
    `lists` (nlist; 0: see `lists_for`) and `effort` (nprobe). `threads` limits FAISS in the calling thread only,
    while it works.
    """

    def __init__(
        self,
        kind: IndexKind,
        dim: int,
        parameters: Mapping[str, int] | None = None,
        *,
        threads: int | None = None,
    ) -> None:
        self.kind = kind
        self.threads = threads
        self._parameters = {**DEFAULTS[kind], **(parameters or {})}
        self._index = empty(kind, dim, self._parameters)
        self._known: Ids = np.empty(0, np.int64)  # sorted

    def __len__(self) -> int:
        return len(self._known)

    @property
    def effort(self) -> int:
        """The default efSearch or nprobe, which says how thorough a search is; 0 for Flat, which is always exact."""
        return default_effort(self.kind, self._index)

    @property
    def near_effort(self) -> int:
        """The effort that finds what is much nearer than all else: a copy's list is among the first of its picture's.

        Of 30 photos among a million rows, in an index that texts tuned to 384 of 2,000 lists, all that were edited,
        turned by 3° or cropped by 60 %, were found in 66 lists, and one was missed in 50.
        """
        enough = max(_LEAST_LISTS, math.ceil(self.lists / _NEAR_LISTS))
        return min(self.effort, enough) if self.kind in LISTED else self.effort

    @property
    def lists(self) -> int:
        """The number of inverted lists; 1 for an index without."""
        return int(lists_of(self._index).nlist) if self.kind in LISTED else 1

    @property
    def estimates(self) -> bool:
        """Whether scores are estimates, so that answers have to be scored again."""
        return self.kind is IndexKind.RABITQ

    def set_effort(self, effort: int) -> None:
        """Choose the default `effort`; it is saved with the index. Not while others search."""
        if self.kind is IndexKind.HNSW:
            faiss.downcast_index(self._index.index).hnsw.efSearch = effort
        elif self.kind in LISTED:
            lists_of(self._index).nprobe = effort

    def train(self, sample: UnitVectors, rows: int) -> None:
        """Train the coarse quantiser (k-means) for `rows` rows on a sample (m, dim); nothing for the others."""
        if self.kind not in LISTED:
            return
        lists = self._parameters["lists"] or lists_for(self.kind, rows)
        self._index = inverted_lists(self.kind, self._index.d, max(1, min(lists, len(sample) // 2)))
        with self._working():
            self._index.train(_stored(sample))
        self.set_effort(self._parameters["effort"] or max(1, self.lists // 16))

    def add(self, ids: Ids, vectors: UnitVectors) -> None:
        """Store `vectors` (n, dim) under new `ids` (n,); an index that is not trained is trained on these."""
        check_new_ids(ids, vectors, self._known, self._index.d)
        if not len(ids):
            return
        if not self._index.is_trained:
            self.train(vectors, len(vectors))
        with self._working():
            self._index.add_with_ids(_stored(vectors), ids)
        self._known = np.sort(np.concatenate([self._known, ids]), kind="stable")  # quick on sorted runs

    def search(
        self,
        queries: UnitVectors,
        k: int,
        allowed_ids: Ids | None = None,
        excluded_ids: Ids | None = None,
        *,
        effort: int | None = None,
        share: float | None = None,
        least: int | None = None,
    ) -> tuple[Ids, Scores]:
        """The k nearest rows of each query; see `VectorIndex.search`. `effort` replaces the index's own.

        A filter leaves fewer rows to find, so the effort grows with its selectivity. `share` is the local one: the
        fraction of the rows near the queries that pass (see `share_nearby`); default: that of all rows. Queries with
        fewer than `least` results (default: k) though more match, as a graph's walk can end early, are answered by an
        exhaustive scan. Estimated scores, asked for with `least`, come in no order.
        """
        check_queries(queries, k, self._index.d)
        ids, scores = nothing(len(queries), k)
        matching = len(self) if allowed_ids is None else int(is_among(allowed_ids, self._known).sum())
        if not matching or not len(queries):
            return ids, scores
        selector = self._selector(allowed_ids, excluded_ids)
        hidden = 0 if excluded_ids is None else len(excluded_ids)
        if share is None:
            share = matching / len(self) * max(0.0, 1 - hidden / len(self))
        widening = math.ceil(min(_WIDEST, 1 / max(share, 1 / _WIDEST)))
        effort = max(effort or self.effort, self._lists_for(least or k))
        parameters = self._search_parameters(k, effort, widening, selector)
        with self._working(len(queries)):
            scores, ids = self._index.search(queries, k, params=parameters)
        short = np.flatnonzero(ids[:, -1] == NO_ID)
        if len(short) and self.kind is not IndexKind.FLAT:
            found = int((ids[short] != NO_ID).sum(axis=1).min())
            if found < min(least or k, len(self._wanted(allowed_ids, excluded_ids))):
                scores[short], ids[short] = self._exhaustive(queries[short], k, allowed_ids, excluded_ids)
        candidates = self.estimates and least is not None
        return (ids, scores) if candidates else _ranked(ids, scores)

    def share_nearby(self, queries: UnitVectors, allowed_ids: Ids) -> NDArray[np.float64]:
        """Local selectivity: the share (n,) in [0, 1] of the rows nearest to each query (n, dim) that pass a filter.

        1 for an index that compares every row, to which it makes no difference.
        """
        met = min(_NEARBY, len(self))
        if self.kind is IndexKind.FLAT or not met:
            return np.ones(len(queries))
        ids, _ = self.search(queries, met)
        return np.asarray(is_among(ids, allowed_ids).mean(axis=1))

    def remove(self, ids: Ids) -> int:
        """Forget these ids and return how many were there; a graph keeps their nodes for its walks."""
        gone = np.unique(ids)
        gone = gone[is_among(gone, self._known)]
        if not len(gone):
            return 0
        if self.kind is IndexKind.HNSW:  # no delete in FAISS's HNSW: the id becomes a tombstone
            kept = faiss.rev_swig_ptr(self._index.id_map.data(), self._index.ntotal)
            kept[is_among(kept, gone)] = NO_ID
        else:
            self._index.remove_ids(gone)
        self._known = self._known[~is_among(self._known, gone)]
        return len(gone)

    def merge(self, other: Self) -> None:
        """Take the rows of `other`, which is empty afterwards. Both began as copies of one trained index.

        Raises ValueError for a graph, another kind, and ids that both have.
        """
        if self.kind not in MERGEABLE or other.kind is not self.kind:
            raise ValueError(f"an index of kind {other.kind} cannot be merged into one of kind {self.kind}")
        if is_among(other._known, self._known).any():
            raise ValueError("both indexes have the same ids")
        with self._working():
            # FAISS moves the lists as they are; ids are our own, so none is added to them.
            self._index.merge_from(other._index, 0)
        self._known = np.sort(np.concatenate([self._known, other._known]), kind="stable")
        other._known = np.empty(0, np.int64)

    def save(self, path: Path) -> None:
        """Write `index.faiss` into the folder `path`; a full disk raises StorageError."""
        with replaced(path / INDEX_FILE) as (temporary,):
            write_file(temporary, self.write)

    def write(self, writer: HashingWriter) -> None:
        """Write the index to an open file.

        Through Python's file object, because FAISS's own writer only prints a warning when the last buffer
        cannot be written, and leaves a file cut short.
        """
        faiss.write_index(self._index, faiss.PyCallbackIOWriter(writer.write, 1 << 20))

    @classmethod
    def open(cls, path: Path, *, threads: int | None = None, mapped: bool = False) -> Self:
        """Read what `save` wrote; LibraryCorruptError names a damaged file.

        With `mapped`, inverted lists stay in the file and come into memory page by page as searches need them: an
        index larger than memory opens at once, and several processes share what is read. It cannot be changed then.
        """
        file = path / INDEX_FILE
        try:
            with as_utf8(file) as name:
                found = faiss.read_index(str(name), faiss.IO_FLAG_MMAP if mapped else 0)
            kind = kind_of(found)
        except (RuntimeError, ValueError, MemoryError) as error:  # MemoryError: it claims to be huge
            raise LibraryCorruptError(f"{file} is damaged or missing: run `vasari rebuild`") from error
        index = cls(kind, found.d, threads=threads)
        index._index = found
        index._known = names(kind, found)
        return index

    def _selector(self, allowed: Ids | None, excluded: Ids | None) -> Any:
        """The IDSelector of a filter, or None: a bitmap where ids are dense, else a hashed set."""
        removed = self.kind is IndexKind.HNSW and self._index.ntotal > len(self)
        if allowed is None and excluded is None and not removed:
            return None
        span = int(self._known[-1]) + 1
        if span > 64 * len(self) + 65_536:
            return faiss.IDSelectorBatch(self._wanted(allowed, excluded))
        wanted = np.full(span, allowed is None)
        if allowed is not None:
            wanted[_below(allowed, span)] = True
        if excluded is not None:
            wanted[_below(excluded, span)] = False
        return faiss.IDSelectorBitmap(np.packbits(wanted, bitorder="little"))

    def _wanted(self, allowed: Ids | None, excluded: Ids | None) -> Ids:
        wanted = self._known if allowed is None else allowed[is_among(allowed, self._known)]
        return wanted if excluded is None else wanted[~is_among(wanted, excluded)]

    def _lists_for(self, results: int) -> int:
        """How many inverted lists hold so many results several times over: with fewer, deep looks end in a scan."""
        return math.ceil(_HELD * results * self.lists / len(self)) if self.kind in LISTED else 0

    def _search_parameters(self, k: int, effort: int, widening: int, selector: Any) -> Any:
        if self.kind is IndexKind.HNSW:
            walk = max(effort, k) * widening
            return faiss.SearchParametersHNSW(efSearch=min(walk, self._index.ntotal), sel=selector)
        if self.kind in LISTED:
            return self._list_parameters(min(effort * widening, self.lists), selector)
        return faiss.SearchParameters(sel=selector)

    def _list_parameters(self, lists: int, selector: Any) -> Any:
        if not self.estimates:
            return faiss.SearchParametersIVF(nprobe=lists, sel=selector)
        inner = faiss.IVFRaBitQSearchParameters(nprobe=lists, sel=selector)
        return faiss.SearchParametersPreTransform(index_params=inner)

    def _exhaustive(
        self, queries: NDArray[np.float32], k: int, allowed: Ids | None, excluded: Ids | None
    ) -> tuple[Scores, Ids]:
        wanted = self._wanted(allowed, excluded)
        with self._working(len(queries)):
            if self.kind in LISTED:
                parameters = self._list_parameters(self.lists, faiss.IDSelectorBatch(wanted))
                scores, ids = self._index.search(queries, k, params=parameters)
                return scores, ids
            named = faiss.vector_to_array(self._index.id_map)
            rows = faiss.IDSelectorBitmap(np.packbits(is_among(named, wanted), bitorder="little"))
            storage = faiss.downcast_index(faiss.downcast_index(self._index.index).storage)
            scores, places = storage.search(queries, k, params=faiss.SearchParameters(sel=rows))
        return scores, np.where(places < 0, NO_ID, named[places])

    @contextlib.contextmanager
    def _working(self, queries: int | None = None) -> Iterator[None]:
        """Limit FAISS's threads in this thread for a while (OpenMP keeps the number per calling thread).

        Queries are dealt out to threads: beside a single one the others only wait, and waiting takes more than the
        search does (over a million rows 15 ms of processor time in place of 4.6, with two).
        """
        threads = 1 if queries == 1 else self.threads
        if threads is None:
            yield
            return
        before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(threads)
        try:
            yield
        finally:
            faiss.omp_set_num_threads(before)


def _below(ids: Ids, bound: int) -> Ids:
    return ids[: np.searchsorted(ids, bound)]


def _stored(vectors: UnitVectors) -> NDArray[np.float32]:
    """The rows as they will be kept: rounded to float16, so that graphs and centroids are made of the truth."""
    return vectors.astype(np.float16).astype(np.float32)


def _ranked(ids: Ids, scores: Scores) -> tuple[Ids, Scores]:
    """Best first, equal scores by ascending id, missing ones last."""
    scores = np.where(ids == NO_ID, np.float32(-np.inf), np.clip(scores, -1.0, 1.0))
    order = np.lexsort((ids, -scores), axis=1)
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)
