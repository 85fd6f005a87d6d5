"""FAISS files as other programs write and read them: vectors with their ids, whatever the index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.errors import UsageError
from vasari.retrieval.storage.file_names import as_utf8
from vasari.retrieval.storage.os_errors import cannot_read
from vasari.retrieval.vectors.faiss_kinds import faiss
from vasari.retrieval.vectors.index import Ids


def write_flat(path: Path, ids: Ids, vectors: NDArray[np.float32]) -> None:
    """An `IndexIDMap` over an `IndexFlatIP`: inner product of `vectors` (n, dim) under `ids` (n,)."""
    index = faiss.IndexIDMap(faiss.IndexFlatIP(vectors.shape[1]))
    index.add_with_ids(np.ascontiguousarray(vectors), ids)
    with path.open("wb") as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write, 1 << 20))


def read_vectors(path: Path) -> tuple[Ids, NDArray[np.float32]]:
    """Ids (n,) and vectors (n, dim) of an index, by ascending id; those of a compressed index are what it kept of them.

    Without ids of their own, vectors have their position. Raises UsageError for what is no index or keeps no vectors.
    """
    try:
        with path.open("rb"):
            pass  # FAISS does not tell what cannot be read from what is no index
    except OSError as error:
        raise cannot_read(path, error) from error
    try:
        with as_utf8(path) as name:
            index = faiss.read_index(str(name))
        ids, rows = _contents(index)
    except (RuntimeError, ValueError, MemoryError, AssertionError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise UsageError(f"{path} is no FAISS index whose vectors can be read: {reason}") from error
    order = np.argsort(ids, kind="stable")
    return ids[order], rows[order]


def _contents(index: Any) -> tuple[Ids, NDArray[np.float32]]:
    if isinstance(index, (faiss.IndexIDMap, faiss.IndexIDMap2)):
        ids = faiss.vector_to_array(index.id_map)
        _, rows = _contents(faiss.downcast_index(index.index))
        return ids, rows
    if isinstance(index, faiss.IndexPreTransform):
        chain = faiss.downcast_index(index.index)
        ids = _names(chain)
        return ids, np.stack([index.reconstruct(int(name)) for name in ids]) if len(ids) else _none(index.d)
    ids = _names(index)
    if not len(ids):
        return ids, _none(index.d)
    if isinstance(index, faiss.IndexIVF):
        return ids, np.asarray(index.reconstruct_batch(ids), np.float32)
    return ids, np.asarray(index.reconstruct_n(0, index.ntotal), np.float32)


def _names(index: Any) -> Ids:
    """The ids of an index without a map of its own: an inverted file's may be any, others count."""
    if not isinstance(index, faiss.IndexIVF):
        return np.arange(index.ntotal, dtype=np.int64)
    lists: Any = index.invlists
    parts = [
        faiss.rev_swig_ptr(lists.get_ids(number), lists.list_size(number)).copy()
        for number in range(index.nlist)
        if lists.list_size(number)
    ]
    ids = np.concatenate(parts) if parts else np.empty(0, np.int64)
    dense = len(ids) and ids.min() == 0 and ids.max() == len(ids) - 1
    maps: Any = faiss.DirectMap  # made when the library is loaded
    index.set_direct_map_type(maps.Array if dense else maps.Hashtable)
    return np.asarray(ids, np.int64)


def _none(dim: int) -> NDArray[np.float32]:
    return np.empty((0, dim), np.float32)
