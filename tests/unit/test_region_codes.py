"""Codes of regions: two bits a dimension estimate the cosine, and lie beside their segment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vasari.retrieval.domain import unit_vectors
from vasari.retrieval.vectors.regions import (
    LAYOUTS,
    best_regions,
    box_of,
    bytes_of,
    carry_regions,
    encode,
    estimates,
    is_coded,
    known_regions,
    layout_in,
    remove_regions,
    write_regions,
)
from vasari.retrieval.vectors.segments import Segment, segment_files, write_segment


def drawn(count: int, dim: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Unit vectors."""
    vectors = np.random.default_rng(seed).normal(size=(count, dim))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("dim", [1, 2, 3, 16, 17, 64])
def test_a_code_estimates_its_own_vector_as_nearly_one(dim: int) -> None:
    """What the rounding took is made up for, whatever the length of vectors."""
    vectors = drawn(3, dim)
    codes = encode(vectors)
    assert codes.shape == (3, bytes_of(dim))
    assert [estimates(code, vector) for code, vector in zip(codes, vectors, strict=True)] == pytest.approx(
        [1, 1, 1], abs=2e-3
    )


def test_the_estimate_has_no_bias_and_the_stated_error() -> None:
    """Over 4,000 vectors near and far from a query, 0.36 / √dimensions where they are unrelated."""
    dim = 512
    query = drawn(1, dim, 1)[0]
    for share in (0.0, 0.3, 0.7):
        vectors = drawn(4000, dim, 2) * np.sqrt(1 - share**2) + share * query
        vectors = np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
        wrong = estimates(encode(vectors), query) - vectors @ query
        assert abs(wrong.mean()) < 0.002
        assert wrong.std() < 0.40 / np.sqrt(dim)


def test_codes_take_less_than_the_vector_or_little_more() -> None:
    """Of 512 numbers: 5 regions 650 bytes, 9 regions 1,170, 34 4,420, beside 1,024 of the picture's own vector."""
    assert [bytes_of(512) * regions for regions in LAYOUTS] == [520, 650, 1170, 4420]


@pytest.mark.parametrize("regions", LAYOUTS)
def test_regions_cover_the_picture_and_overlap(regions: int) -> None:
    """Every place of a picture lies in at least one, and a thing at their border in more."""
    boxes = LAYOUTS[regions]
    assert len(boxes) == regions
    places = [(x / 20, y / 20) for x in range(21) for y in range(21)]
    held = [sum(b[0] <= x <= b[2] + 1e-9 and b[1] <= y <= b[3] + 1e-9 for b in boxes) for x, y in places]
    assert min(held) >= 1
    assert max(held) >= 4
    assert all(0 <= side <= 1 + 1e-9 for box in boxes for side in box)


def segment(folder: Path, number: int, ids: list[int], dim: int = 16) -> Segment:
    """A segment on disk."""
    folder.mkdir(exist_ok=True)
    write_segment(folder, number, np.array(ids, np.int64), drawn(len(ids), dim, number))
    return Segment.open(folder, number)


def codes_of(
    count: int, regions: int, seed: int, dim: int = 16
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return encode(drawn(count * regions, dim, seed)).reshape(count, regions, -1)


def test_the_best_region_of_each_item_wins(tmp_path: Path) -> None:
    """Against all estimates, less their error, one by one; rows left out or not coded are no answers."""
    parts = [segment(tmp_path, 1, [5, 3, 9]), segment(tmp_path, 2, [7, 1]), segment(tmp_path, 3, [8])]
    first, second = codes_of(3, 5, 10), codes_of(2, 5, 11)
    first[2] = 0
    write_regions(tmp_path, 1, first)
    write_regions(tmp_path, 2, second)
    query = drawn(1, 16, 12)
    rows = [(part, np.arange(len(part))) for part in parts]
    found = best_regions(tmp_path, rows, unit_vectors(query), 10)
    tables = {5: first[0], 3: first[1], 7: second[0], 1: second[1]}
    expected = {item: estimates(codes, query[0]) - np.float32(0.36 / 4) for item, codes in tables.items()}
    assert found.ids.tolist() == sorted(expected, key=lambda item: -expected[item].max())
    assert found.scores.tolist() == [expected[item].max() for item in found.ids.tolist()]
    boxes = [LAYOUTS[5][int(expected[item].argmax())] for item in found.ids.tolist()]
    assert [box_of(place) for place in found.places.tolist()] == boxes
    assert best_regions(tmp_path, rows, unit_vectors(query), 1).ids.tolist() == found.ids.tolist()[:1]
    assert best_regions(tmp_path, [(parts[1], np.array([1]))], unit_vectors(query), 10).ids.tolist() == [1]
    assert is_coded(first).tolist() == [True, True, False]


def test_equal_regions_rank_by_id(tmp_path: Path) -> None:
    """So that pages are stable."""
    part = segment(tmp_path, 1, [9, 2, 5])
    write_regions(tmp_path, 1, np.repeat(codes_of(1, 4, 3), 3, axis=0))
    assert best_regions(tmp_path, [(part, np.arange(3))], unit_vectors(drawn(1, 16, 4)), 2).ids.tolist() == [
        2,
        5,
    ]


def test_damaged_and_foreign_files_count_as_none(tmp_path: Path) -> None:
    """What cannot be codes of this segment is passed over, and so is what was cut short."""
    part = segment(tmp_path, 1, [1, 2])
    assert (known_regions(tmp_path, part), layout_in(tmp_path)) == (None, None)
    for wrong in (codes_of(3, 5, 0), codes_of(2, 5, 0, dim=20), np.zeros((2, 6, bytes_of(16)), np.uint8)):
        write_regions(tmp_path, 1, wrong)
        assert known_regions(tmp_path, part) is None
    (tmp_path / "00000001.regions.npy").write_bytes(b"cut")
    assert known_regions(tmp_path, part) is None
    write_regions(tmp_path, 1, codes_of(2, 9, 0))
    assert layout_in(tmp_path) == 9
    assert [path.name for path in segment_files(tmp_path, 1)][-1] == "00000001.regions.npy"
    remove_regions(tmp_path)
    assert layout_in(tmp_path) is None


def test_codes_go_with_their_rows_when_segments_are_merged(tmp_path: Path) -> None:
    """Of different layouts the finest is kept; rows without codes wait to be embedded."""
    old, new, bare = segment(tmp_path, 1, [1, 2, 3]), segment(tmp_path, 2, [4]), segment(tmp_path, 3, [5])
    first, second = codes_of(3, 9, 1), codes_of(1, 4, 2)
    write_regions(tmp_path, 1, first)
    write_regions(tmp_path, 2, second)
    merged = segment(tmp_path, 4, [3, 1, 4, 5])
    carry_regions(tmp_path, 4, [(old, np.array([2, 0])), (new, np.array([0])), (bare, np.array([0]))])
    codes = known_regions(tmp_path, merged)
    assert codes is not None
    assert (codes[:2] == first[[2, 0]]).all()
    assert is_coded(codes).tolist() == [True, True, False, False]
    carry_regions(tmp_path, 5, [(bare, np.array([0]))])
    assert not (tmp_path / "00000005.regions.npy").exists()
