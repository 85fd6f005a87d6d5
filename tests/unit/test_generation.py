"""Generations: built beside the one in use, complete or absent, measured."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.errors import LibraryCorruptError, StorageError
from vasari.retrieval.vectors.faiss_index import FaissIndex
from vasari.retrieval.vectors.generation import Generation, Manifest, build_generation, remove_generations
from vasari.retrieval.vectors.index import IndexKind
from vasari.retrieval.vectors.segments import write_segment
from vasari.retrieval.vectors.tuning import bytes_needed, choose_kind, recall, safe_recall

DIM = 16


def points(count: int, seed: int = 0) -> UnitVectors:
    return unit_vectors(np.random.default_rng(seed).standard_normal((count, DIM)))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of two segments with 1,000 rows in all, and one for generations."""
    write_segment(tmp_path / "segments", 3, np.arange(600), points(600))
    write_segment(tmp_path / "segments", 5, np.arange(600, 1000), points(400, seed=1))
    return tmp_path / "segments", tmp_path / "generations"


def build(folders: tuple[Path, Path], kind: IndexKind | None = IndexKind.FLAT, number: int = 1) -> Manifest:
    return build_generation(*folders, number, [5, 3], [(3, 0), (5, 1), (8, 0)], kind=kind, threads=1)


@pytest.mark.parametrize("kind", [IndexKind.FLAT, IndexKind.HNSW, IndexKind.IVF, IndexKind.RABITQ])
def test_a_built_generation_is_read_back(folders: tuple[Path, Path], kind: IndexKind) -> None:
    """Live rows of the segments, the manifest as it was returned, checksums that hold."""
    manifest = build(folders, kind)
    generation = Generation.open(folders[1], 1)
    generation.verify()
    assert generation.manifest == manifest
    assert manifest.kind is kind
    assert (manifest.rows, manifest.high_water, manifest.segments) == (998, 5, (3, 5))
    assert generation.dead.tolist() == [[3, 0], [5, 1]]
    assert len(generation.index) == 998
    assert generation.index.effort == manifest.effort
    assert generation.index.search(UnitVectors(points(600)[7:8]), 1)[0].tolist() == [[7]]
    assert sorted(path.name for path in (folders[1] / "00000001").iterdir()) == [
        "dead.npy",
        "index.faiss",
        "manifest.json",
    ]


@pytest.mark.parametrize("kind", [IndexKind.HNSW, IndexKind.IVF])
def test_the_effort_is_the_least_that_reaches_the_target(folders: tuple[Path, Path], kind: IndexKind) -> None:
    """The curve was measured with the given queries; the chosen point reaches the target, the one before does not."""
    queries = points(50, seed=9)
    manifest = build_generation(*folders, 1, [3, 5], kind=kind, target_recall=0.9, queries=queries, threads=1)
    below = [point for point in manifest.curve if point.effort < manifest.effort]
    assert manifest.recall >= 0.9
    assert all(point.recall < safe_recall(0.9, 50) for point in below)
    assert manifest.queries == "50 given queries"
    index = Generation.open(folders[1], 1).index
    assert isinstance(index, FaissIndex)
    truth = index.search(queries, 10, effort=1000)[0]
    assert recall(index.search(queries, 10)[0], truth) == pytest.approx(manifest.recall, abs=0.01)


def test_a_graph_finds_its_way_between_families(tmp_path: Path) -> None:
    """Alike rows that follow each other are linked with others too: deep looks miss nearly nothing."""
    random = np.random.default_rng(3)
    own, noise = random.standard_normal((60, 128)), random.standard_normal((6000, 128))
    rows = unit_vectors(own.repeat(100, axis=0) + 0.15 * noise)
    for number in range(1, 13):
        start = 500 * (number - 1)
        write_segment(tmp_path / "segments", number, np.arange(start, start + 500), rows[start : start + 500])
    build_generation(
        tmp_path / "segments", tmp_path / "generations", 1, range(1, 13), kind=IndexKind.HNSW, threads=1
    )
    asked = UnitVectors(rows[::300])
    truth = np.argsort(-(asked @ rows.T), axis=1)[:, :400]
    found, _ = Generation.open(tmp_path / "generations", 1).index.search(asked, 400)
    assert recall(found, truth) > 0.98


def test_small_collections_need_no_approximate_index(folders: tuple[Path, Path]) -> None:
    """Left to choose, a generation of few rows compares them all; many rows get an index."""
    assert build(folders, kind=None).kind is IndexKind.FLAT
    assert choose_kind(1000) is IndexKind.EXACT
    assert choose_kind(1_000_000) is IndexKind.RABITQ


def test_one_bit_a_dimension_finds_what_its_curve_says(folders: tuple[Path, Path]) -> None:
    """Estimates are scored again as deep as the target wants, and the manifest keeps both numbers and the curve."""
    queries = points(50, seed=9)
    manifest = build_generation(
        *folders, 1, [3, 5], kind=IndexKind.RABITQ, target_recall=0.9, queries=queries, threads=1
    )
    assert manifest.recall >= 0.9
    assert manifest.depth > 1
    assert {point.depth for point in manifest.curve} >= {4, manifest.depth}
    assert Generation.open(folders[1], 1).manifest == manifest


def test_a_memory_budget_leaves_out_what_does_not_fit() -> None:
    """Of a million rows only two bits a dimension fit in 200 MB; every kind costs more with more rows."""
    assert (
        bytes_needed(IndexKind.RABITQ, 1_000_000, 512) < 200e6 < bytes_needed(IndexKind.IVF, 1_000_000, 512)
    )
    assert bytes_needed(IndexKind.IVF, 1_000_000, 512) < bytes_needed(IndexKind.HNSW, 1_000_000, 512)
    for kind in IndexKind:
        assert bytes_needed(kind, 1000, 64) <= bytes_needed(kind, 2000, 64)


@pytest.mark.parametrize("name", ["index.faiss", "dead.npy", "manifest.json"])
def test_a_damaged_file_is_named(folders: tuple[Path, Path], name: str) -> None:
    """A file cut short is found on opening."""
    build(folders)
    path = folders[1] / "00000001" / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(LibraryCorruptError, match=rf"{name} .*vasari rebuild"):
        Generation.open(folders[1], 1)


@pytest.mark.parametrize("name", ["index.faiss", "dead.npy"])
def test_a_changed_bit_is_found_by_the_checksum(folders: tuple[Path, Path], name: str) -> None:
    """A file of the right length with wrong content is found by verifying."""
    build(folders)
    path = folders[1] / "00000001" / name
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    with pytest.raises(LibraryCorruptError, match=name):
        Generation.open(folders[1], 1).verify()


def test_a_header_that_is_no_python_is_damage(folders: tuple[Path, Path]) -> None:
    """NumPy has errors of its own for one in which a bracket is missing."""
    build(folders)
    path = folders[1] / "00000001" / "dead.npy"
    path.write_bytes(path.read_bytes()[:64] + b"\xff" * 8 + path.read_bytes()[72:])
    with pytest.raises(LibraryCorruptError, match=r"dead\.npy .*vasari rebuild"):
        Generation.open(folders[1], 1)


def test_a_generation_that_is_gone_is_named(folders: tuple[Path, Path]) -> None:
    """The catalog names a generation whose folder was deleted by hand."""
    with pytest.raises(LibraryCorruptError, match="00000004"):
        Generation.open(folders[1], 4)


def test_a_full_disk_leaves_the_old_generation_alone(folders: tuple[Path, Path]) -> None:
    """A build that does not fit raises StorageError and leaves no folder behind."""
    build(folders)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        with pytest.raises(StorageError, match="generations"):
            build(folders, number=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in folders[1].iterdir()] == ["00000001"]
    Generation.open(folders[1], 1).verify()


def test_an_unpublished_folder_is_replaced(folders: tuple[Path, Path]) -> None:
    """A build that died after its rename, or in the middle, does not stand in the way of the next."""
    build(folders)
    (folders[1] / "00000001" / "index.faiss").write_bytes(b"old")
    (folders[1] / "00000001.tmp").mkdir()
    (folders[1] / "00000001.tmp" / "index.faiss").write_bytes(b"half")
    build(folders)
    Generation.open(folders[1], 1).verify()
    assert [path.name for path in folders[1].iterdir()] == ["00000001"]


def test_old_generations_are_removed_under_their_readers(folders: tuple[Path, Path]) -> None:
    """What is not to be kept goes, with the remains of unfinished builds; an open one goes on answering."""
    for number in (1, 2):
        build(folders, number=number)
    (folders[1] / "00000003.tmp").mkdir()
    reader = Generation.open(folders[1], 1)
    assert len(reader.index) == 998
    gone = remove_generations(folders[1], keep=[2])
    assert [path.name for path in gone] == ["00000001", "00000003.tmp"]
    assert [path.name for path in folders[1].iterdir()] == ["00000002"]
    assert reader.index.search(points(1), 1)[0].shape == (1, 1)


def test_recall_counts_what_was_there_to_find() -> None:
    """Order does not matter, missing places (-1) count neither way."""
    truth = np.array([[1, 2, -1], [3, 4, 5]])
    assert recall(np.array([[2, 1, 9], [5, 8, 7]]), truth) == pytest.approx(3 / 5)
    assert recall(truth, truth) == 1.0
    assert recall(np.full((1, 2), -1), np.full((1, 2), -1)) == 1.0


def test_a_target_is_met_with_something_to_spare() -> None:
    """The fewer queries measured recall, the more they have to show; never more than halfway to finding everything."""
    assert 0.95 < safe_recall(0.95, 10_000) < safe_recall(0.95, 200) < safe_recall(0.95, 20) <= 0.975
    assert safe_recall(1.0, 100) == 1.0
