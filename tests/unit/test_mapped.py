"""Generations whose lists stay in their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.errors import LibraryCorruptError
from vasari.retrieval.vectors.faiss_index import FaissIndex
from vasari.retrieval.vectors.faiss_kinds import faiss, lists_of
from vasari.retrieval.vectors.generation import Generation, build_generation
from vasari.retrieval.vectors.index import IndexKind
from vasari.retrieval.vectors.segments import write_segment

KINDS = [IndexKind.FLAT, IndexKind.HNSW, IndexKind.IVF, IndexKind.RABITQ]


def points(count: int, seed: int = 0) -> UnitVectors:
    return unit_vectors(np.random.default_rng(seed).standard_normal((count, 32)))


def generation(folder: Path, kind: IndexKind) -> Generation:
    """A generation of this kind over 600 rows."""
    write_segment(folder / "segments", 1, np.arange(600, dtype=np.int64), points(600))
    build_generation(folder / "segments", folder / "generations", 1, [1], kind=kind, threads=1)
    return Generation.open(folder / "generations", 1, threads=1)


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_in_its_file_answers_as_one_in_memory(tmp_path: Path, kind: IndexKind) -> None:
    """Answers, filters and the ids it knows are the same, whether the file was read or mapped."""
    published = generation(tmp_path, kind)
    mapped, read = published.index, FaissIndex.open(published.directory, threads=1)
    assert isinstance(mapped, FaissIndex)
    allowed = np.arange(0, 600, 3, dtype=np.int64)
    for filtered in (None, allowed):
        for one, other in zip(
            mapped.search(points(9, 1), 5, filtered), read.search(points(9, 1), 5, filtered), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    assert len(mapped) == len(read) == 600


def test_inverted_lists_of_a_generation_stay_on_disk(tmp_path: Path) -> None:
    """Opening an index of inverted lists reads none of its rows into memory of its own."""
    index = generation(tmp_path, IndexKind.IVF).index
    assert isinstance(index, FaissIndex)
    lists = faiss.downcast_InvertedLists(lists_of(index._index).invlists)
    assert isinstance(lists, faiss.OnDiskInvertedLists)


def test_a_file_cut_short_is_noticed_before_it_is_mapped(tmp_path: Path) -> None:
    """A mapping beyond the end of a file would end the process: its length is compared first."""
    directory = generation(tmp_path, IndexKind.IVF).directory
    file = directory / "index.faiss"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(LibraryCorruptError, match=r"index\.faiss"):
        Generation.open(tmp_path / "generations", 1)
