"""Segments on disk: what goes in comes out, and no half file ever counts."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vasari.retrieval.domain import unit_vectors
from vasari.retrieval.errors import LibraryCorruptError, StorageError
from vasari.retrieval.vectors.exact import Rows, scan
from vasari.retrieval.vectors.segments import (
    Segment,
    orphans,
    remove_orphans,
    segment_paths,
    verify_segment,
    write_segment,
)

IDS = np.array([7, 3, 9], np.int64)
VECTORS = unit_vectors(np.random.default_rng(0).standard_normal((3, 8)))


@contextmanager
def tiny_disk() -> Iterator[None]:
    """No file may grow beyond 4 KiB: writing more fails as it does on a full disk.

    No fixture: what pytest prints about the test, perhaps into a long file, must not fall under the limit.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Ids as they were, vectors rounded to float16, both read-only."""
    checksum = write_segment(tmp_path, 42, IDS, VECTORS)
    segment = Segment.open(tmp_path, 42, rows=3, dim=8)
    np.testing.assert_array_equal(segment.ids, IDS)
    np.testing.assert_array_equal(segment.vectors, VECTORS.astype(np.float16))
    assert not segment.vectors.flags.writeable
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000042.ids.npy", "00000042.vectors.npy"]
    verify_segment(tmp_path, 42, checksum)


def test_numpy_reads_the_files(tmp_path: Path) -> None:
    """The files are plain .npy arrays, so that anybody can use them."""
    write_segment(tmp_path, 1, IDS, VECTORS)
    ids, vectors = (np.load(path) for path in segment_paths(tmp_path, 1))
    np.testing.assert_array_equal(ids, IDS)
    np.testing.assert_array_equal(vectors, VECTORS.astype(np.float16))


def test_a_segment_without_rows_can_be_read(tmp_path: Path) -> None:
    """Zero rows are a segment too."""
    write_segment(tmp_path, 1, IDS[:0], VECTORS[:0])
    assert len(Segment.open(tmp_path, 1, rows=0, dim=8)) == 0


@pytest.mark.parametrize("file", [0, 1])
@pytest.mark.parametrize("damage", ["missing", "empty", "short", "long", "text", "header"])
def test_damage_is_named(tmp_path: Path, file: int, damage: str) -> None:
    """Each way a file can be broken raises LibraryCorruptError with its name and the next step."""
    write_segment(tmp_path, 5, IDS, VECTORS)
    path = segment_paths(tmp_path, 5)[file]
    whole = path.read_bytes()
    changed = {
        "empty": b"",
        "short": whole[:-1],
        "long": whole + b"\0",
        "text": b"x" * len(whole),
        "header": whole[:64] + b"\xff" * 8 + whole[72:],
    }
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(changed[damage])
    with pytest.raises(LibraryCorruptError, match=rf"{path.name} is damaged .*doctor --repair"):
        Segment.open(tmp_path, 5)


@pytest.mark.parametrize("file", [0, 1])
def test_a_changed_bit_is_found_by_the_checksum(tmp_path: Path, file: int) -> None:
    """Opening reads no numbers; verifying does, and names the file."""
    checksum = write_segment(tmp_path, 5, IDS, VECTORS)
    path = segment_paths(tmp_path, 5)[file]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    Segment.open(tmp_path, 5, rows=3, dim=8)
    with pytest.raises(LibraryCorruptError, match=path.name):
        verify_segment(tmp_path, 5, checksum)


@pytest.mark.parametrize("expected", [{"rows": 4}, {"dim": 9}])
def test_a_segment_that_differs_from_the_catalog_is_refused(tmp_path: Path, expected: dict[str, int]) -> None:
    """Whole files with another number of rows or another length of vectors are damage as well."""
    write_segment(tmp_path, 5, IDS, VECTORS)
    with pytest.raises(LibraryCorruptError, match="00000005"):
        Segment.open(tmp_path, 5, **expected)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """StorageError, no half file; smaller segments still fit afterwards."""
    many = unit_vectors(np.ones((400, 8)))
    with tiny_disk():
        with pytest.raises(StorageError, match=str(tmp_path)):
            write_segment(tmp_path, 1, np.arange(400), many)
        assert list(tmp_path.iterdir()) == []
        write_segment(tmp_path, 1, IDS, VECTORS)
    assert len(Segment.open(tmp_path, 1)) == 3


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    """A file where the folder should be: one error for people, not a traceback of the system's."""
    (tmp_path / "segments").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        write_segment(tmp_path / "segments", 1, IDS, VECTORS)


def test_orphans_are_what_the_catalog_does_not_know(tmp_path: Path) -> None:
    """Unknown numbers and temporary files go; known segments and other people's files stay."""
    write_segment(tmp_path, 1, IDS, VECTORS)
    write_segment(tmp_path, 2, IDS, VECTORS)
    (tmp_path / "00000001.ids.npy.tmp").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    names = ["00000001.ids.npy.tmp", "00000002.ids.npy", "00000002.vectors.npy"]
    assert [path.name for path in orphans(tmp_path, {1})] == names
    assert [path.name for path in remove_orphans(tmp_path, {1})] == names
    assert orphans(tmp_path, {1}) == []
    assert (tmp_path / "notes.txt").exists()
    assert len(Segment.open(tmp_path, 1)) == 3
    assert orphans(tmp_path / "nowhere", set()) == []


@given(arrays(np.float16, (5, 6), elements=st.floats(-1, 1, width=16)), st.integers(1, 7))
def test_scanning_reads_every_half_exactly(halves: np.ndarray, k: int) -> None:
    """Products with any float16 in [-1, 1], subnormal ones included, equal those numpy's conversion gives."""
    queries = np.eye(6, dtype=np.float32)
    ids, scores = scan([Rows(np.arange(5), halves)], queries, k)  # type: ignore[arg-type]
    wide = halves.astype(np.float32)
    for column in range(6):
        found = ids[column][ids[column] >= 0]
        assert len(found) == min(k, 5)
        np.testing.assert_array_equal(scores[column][: len(found)], wide[found, column])
        np.testing.assert_array_equal(
            scores[column][: len(found)], np.sort(wide[:, column])[::-1][: len(found)]
        )


def test_a_scan_over_many_blocks_is_one_search(tmp_path: Path) -> None:
    """More scores than are held at a time, in several parts: still the best k of all, ties by id."""
    rng = np.random.default_rng(0)
    rows = unit_vectors(rng.integers(-1, 2, (50_000, 4)) + 0.5)  # 81 different vectors: nothing but ties
    ids = rng.permutation(50_000)
    queries = unit_vectors(rng.standard_normal((600, 4)))  # 600 × 30,000 scores do not fit
    halves = rows.astype(np.float16)
    parts = [Rows(ids[:10], halves[:10]), Rows(ids[10:], halves[10:])]
    found, scores = scan(parts, queries, 3)
    truth = halves.astype(np.float64)
    for query in range(0, 100, 10):
        cosines = truth @ queries[query].astype(np.float64)
        np.testing.assert_allclose(scores[query], np.sort(cosines)[::-1][:3], atol=1e-6)
        # Thousands of equal vectors are nearest: the smallest ids come back.
        nearest = halves[np.argmax(cosines)]
        same = np.sort(ids[(halves == nearest).all(axis=1)])[:3]
        assert found[query].tolist() == same.tolist()
