"""FAISS index factories: how the index of each kind is made, recognised, and asked for its ids."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import faiss as faiss_stubs
import numpy as np

from vasari.retrieval.vectors.index import Ids, IndexKind

faiss: Any = faiss_stubs  # its type stubs (1.15) know neither the keyword arguments nor downcasts

_BITS = 2  # of a dimension in RaBitQ's lists: a fifth of the candidates that one bit needs
_AT_ONCE = 32  # rows that FAISS looks up together
_SEED = 1234  # of k-means and of the rotation: the same rows give the same index

DEFAULTS: Mapping[IndexKind, Mapping[str, int]] = {
    IndexKind.FLAT: {},
    IndexKind.HNSW: {"neighbours": 32, "construction": 200, "effort": 64},
    IndexKind.IVF: {"lists": 0, "effort": 0},  # 0: from the number of rows
    IndexKind.RABITQ: {"lists": 0, "effort": 0},
}
LISTED = frozenset({IndexKind.IVF, IndexKind.RABITQ})  # kinds made of inverted lists
MERGEABLE = LISTED | {IndexKind.FLAT}  # of a graph the rows are linked with each other


def empty(kind: IndexKind, dim: int, parameters: Mapping[str, int]) -> Any:
    """An index without rows; one of inverted lists has to be trained."""
    half = faiss.ScalarQuantizer.QT_fp16
    if kind is IndexKind.FLAT:
        return faiss.IndexIDMap(faiss.IndexScalarQuantizer(dim, half, faiss.METRIC_INNER_PRODUCT))
    if kind is IndexKind.HNSW:
        graph = faiss.IndexHNSWSQ(dim, half, parameters["neighbours"], faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = parameters["construction"]
        graph.hnsw.efSearch = parameters["effort"]
        return faiss.IndexIDMap(graph)
    if kind in LISTED:
        return inverted_lists(kind, dim, max(1, parameters["lists"]))
    raise ValueError(f"{kind} is no kind of FAISS index")


def lists_for(kind: IndexKind, rows: int) -> int:
    """nlist: the number of inverted lists for so many rows.

    Whole rows are dear to look at, so their lists are short. With two bits a dimension, what a list costs before
    its first row (the query's table of products with it) is as much as a few hundred rows.
    """
    return max(1, int((4 if kind is IndexKind.IVF else 2) * math.sqrt(rows)))


def inverted_lists(kind: IndexKind, dim: int, lists: int) -> Any:
    """Inverted lists of whole rows (float16), or of two bits a dimension and some numbers (RaBitQ).

    RaBitQ (Gao & Long, SIGMOD 2024; with more than one bit: Gao et al., SIGMOD 2025): a row's difference to its
    centroid, turned by a random rotation, is kept as its signs and, apart, the bits that follow; its products with
    a query are unbiased estimates. Fast scan looks the signs of 32 rows up at a time in registers; only rows that
    may be among the best by these are estimated by all bits.
    """
    index = _half_lists(dim, lists) if kind is IndexKind.IVF else _bit_lists(dim, lists)
    index.cp.spherical = True
    index.cp.seed = _SEED
    index.cp.niter = 10  # faiss takes 25; recall is measured afterwards in any case
    index.cp.min_points_per_centroid = 1  # small collections are no reason for a warning on stderr
    if kind is IndexKind.IVF:
        return index
    rotation = faiss.RandomRotationMatrix(dim, dim)
    rotation.init(_SEED)
    return faiss.IndexPreTransform(rotation, index)


def _bit_lists(dim: int, lists: int) -> Any:
    centroids = faiss.IndexFlatIP(dim)
    return faiss.IndexIVFRaBitQFastScan(
        centroids, dim, lists, faiss.METRIC_INNER_PRODUCT, _AT_ONCE, True, _BITS
    )


def _half_lists(dim: int, lists: int) -> Any:
    return faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dim),
        dim,
        lists,
        faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT,
        False,  # not by residual: the rows themselves are kept, so scores equal the exact scan's
    )


def lists_of(index: Any) -> Any:
    """The IndexIVF inside an index, without its pre-transform."""
    return faiss.downcast_index(index.index) if isinstance(index, faiss.IndexPreTransform) else index


def kind_of(index: Any) -> IndexKind:
    """The kind of an index that was read; ValueError for one of another make."""
    if isinstance(index, faiss.IndexPreTransform) and isinstance(
        lists_of(index), faiss.IndexIVFRaBitQFastScan
    ):
        return IndexKind.RABITQ
    if isinstance(index, faiss.IndexIVFScalarQuantizer):
        return IndexKind.IVF
    if isinstance(index, faiss.IndexIDMap):
        inner = faiss.downcast_index(index.index)
        if isinstance(inner, faiss.IndexHNSWSQ):
            return IndexKind.HNSW
        if isinstance(inner, faiss.IndexScalarQuantizer):
            return IndexKind.FLAT
    raise ValueError("an index of another make")


def default_effort(kind: IndexKind, index: Any) -> int:
    """efSearch or nprobe as it is saved with the index; 0 where every row is compared."""
    if kind is IndexKind.HNSW:
        return int(faiss.downcast_index(index.index).hnsw.efSearch)
    return int(lists_of(index).nprobe) if kind in LISTED else 0


def names(kind: IndexKind, index: Any) -> Ids:
    """The ids an index holds, sorted."""
    if kind in LISTED:
        inner = lists_of(index)
        lists = inner.invlists
        parts = [
            faiss.rev_swig_ptr(lists.get_ids(number), lists.list_size(number)).copy()
            for number in range(inner.nlist)
            if lists.list_size(number)
        ]
        found = np.concatenate(parts) if parts else np.empty(0, np.int64)
    else:
        found = faiss.vector_to_array(index.id_map)
    return np.sort(found[found >= 0])
