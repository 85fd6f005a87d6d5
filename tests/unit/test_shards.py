"""Indexes filled in shards and merged answer as those filled in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import forms
from tests.grey import GreyLibrary
from vasari.indexer.build import rebuild
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Modality, UnitVectors, unit_vectors
from vasari.retrieval.errors import StorageError, UsageError
from vasari.retrieval.vectors.faiss_index import FaissIndex
from vasari.retrieval.vectors.faiss_kinds import MERGEABLE
from vasari.retrieval.vectors.generation import Generation, Manifest, build_generation
from vasari.retrieval.vectors.index import IndexKind
from vasari.retrieval.vectors.segments import Segment, write_segment
from vasari.retrieval.vectors.shards import Build, Shard, Spread, fill_shard, split

DIM = 16
SIZES = {2: 130, 3: 410, 5: 7, 6: 300, 9: 153}
DEAD = [(2, 0), (3, 409), (6, 12), (6, 13), (9, 152)]


def points(count: int, seed: int = 0) -> UnitVectors:
    return unit_vectors(np.random.default_rng(seed).standard_normal((count, DIM)))


@pytest.fixture
def segments(tmp_path: Path) -> Path:
    """A folder of five segments with 1,000 rows in all."""
    start = 0
    for number, rows in SIZES.items():
        write_segment(
            tmp_path / "segments", number, np.arange(start, start + rows), points(rows, seed=number)
        )
        start += rows
    return tmp_path / "segments"


def fill_here(shards: Sequence[Shard]) -> None:
    """As workers do, in any order."""
    for shard in reversed(shards):
        fill_shard(shard, threads=1)


def refuse(shards: Sequence[Shard]) -> None:
    raise AssertionError(f"{len(shards)} shards of what cannot be merged")


def built(segments: Path, folder: str, kind: IndexKind, spread: Spread | None) -> tuple[Manifest, FaissIndex]:
    generations = segments.parent / folder
    manifest = build_generation(
        segments, generations, 1, list(SIZES), DEAD, kind=kind, threads=1, spread=spread, target_recall=0.9
    )
    assert [path.name for path in generations.iterdir()] == ["00000001"]
    index = Generation.open(generations, 1).index
    assert isinstance(index, FaissIndex)
    return manifest, index


def curve(manifest: Manifest) -> list[tuple[int, int, float]]:
    return [(point.effort, point.depth, point.recall) for point in manifest.curve]


@pytest.mark.parametrize("kind", sorted(MERGEABLE))
@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_merged_index_answers_as_one_filled_in_one_piece(
    segments: Path, kind: IndexKind, count: int
) -> None:
    """The same ids, scores and measured recall at every effort; every live row once, dead ones not at all."""
    whole, expected = built(segments, "whole", kind, None)
    merged, found = built(segments, "merged", kind, Spread(count, fill_here))
    assert merged.rows == whole.rows == sum(SIZES.values()) - len(DEAD)
    assert curve(merged) == curve(whole)
    queries = points(40, seed=99)
    for effort in (1, 4, 64):
        ours, theirs = (index.search(queries, 10, effort=effort) for index in (found, expected))
        assert np.array_equal(ours[0], theirs[0])
        assert np.array_equal(ours[1], theirs[1])


def test_a_graph_is_built_in_one_piece(segments: Path) -> None:
    """No worker is asked; the command says what to do instead."""
    manifest, index = built(segments, "graph", IndexKind.HNSW, Spread(3, refuse))
    assert (manifest.kind, len(index)) == (IndexKind.HNSW, manifest.rows)
    with pytest.raises(ValueError, match="hnsw cannot be merged"):
        index.merge(index)


def test_a_build_that_fails_on_the_way_leaves_nothing(segments: Path) -> None:
    """What a worker raises comes out, and the folder of the build is gone; the next one begins anew."""

    def fail(shards: Sequence[Shard]) -> None:
        fill_shard(shards[0])
        raise StorageError("no space left")

    generations = segments.parent / "generations"
    with pytest.raises(StorageError, match="no space left"):
        build_generation(segments, generations, 1, [2, 3], kind=IndexKind.IVF, spread=Spread(2, fail))
    assert list(generations.iterdir()) == []
    (generations / "00000001.tmp" / "0").mkdir(parents=True)
    (generations / "00000001.tmp" / "0" / "index.faiss").write_bytes(b"half")
    manifest = build_generation(
        segments, generations, 1, [2, 3], kind=IndexKind.IVF, spread=Spread(2, fill_here)
    )
    assert manifest.rows == 540


def test_a_worker_that_sees_another_folder_says_so(tmp_path: Path) -> None:
    """The library has to be on a file system that all machines share."""
    shard = Shard(0, tmp_path / "elsewhere", tmp_path, (1,), np.empty((0, 2), np.int64))
    with pytest.raises(StorageError, match="not there on every machine of the cluster"):
        fill_shard(shard)


@given(
    sizes=st.lists(st.integers(1, 900), min_size=1, max_size=30),
    count=st.integers(1, 12),
)
def test_shards_hold_every_segment_once_in_order_and_are_about_equal(sizes: list[int], count: int) -> None:
    """None has more than its share and one segment beside it."""
    empty = [Segment(n, np.arange(rows), np.zeros((rows, 1), np.float16)) for n, rows in enumerate(sizes)]
    dead = np.array([[n, 0] for n in range(len(sizes))], np.int64)
    shards = split(Build(Path("build"), Path("segments"), empty, dead, Spread(count, fill_here)))
    assert [number for shard in shards for number in shard.segments] == list(range(len(sizes)))
    assert [shard.number for shard in shards] == sorted({shard.number for shard in shards})
    assert len(shards) <= count
    for shard in shards:
        assert shard.dead.tolist() == [[number, 0] for number in shard.segments]
        assert sum(sizes[number] for number in shard.segments) <= sum(sizes) / count + max(sizes)


def test_indexes_are_merged_only_with_their_like() -> None:
    """Another kind, and ids that both have, are mistakes."""
    index, other = FaissIndex(IndexKind.FLAT, DIM), FaissIndex(IndexKind.FLAT, DIM)
    index.add(np.arange(3), points(3))
    other.add(np.arange(2, 5), points(3))
    with pytest.raises(ValueError, match="the same ids"):
        index.merge(other)
    with pytest.raises(ValueError, match="kind ivf cannot be merged into one of kind flat"):
        index.merge(FaissIndex(IndexKind.IVF, DIM))


def test_a_library_is_rebuilt_in_shards(tmp_path: Path) -> None:
    """The new generation is published and found; kinds that cannot be merged are refused."""
    forms.write_folder(tmp_path / "photos", 12)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([tmp_path / "photos"]))
        [done] = rebuild(library, kind="ivf", spread=Spread(2, fill_here))
        assert (done.kind, done.rows) == ("ivf", 12)
        gallery = library.gallery(Modality.IMAGE)
        assert gallery.generation is not None
        assert gallery.search(gallery.vectors_of(gallery.ids()[:1]), 1)[0].tolist() == [[gallery.ids()[0]]]
        with pytest.raises(UsageError, match="hnsw is one graph"):
            rebuild(library, kind="hnsw", spread=Spread(2, fill_here))
