"""Hub numbers beside segments: a projection of vectors and bank that is always there, and never another one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vasari.retrieval.domain import FairMethod, FairRanking, UnitVectors, unit_vectors
from vasari.retrieval.errors import LibraryCorruptError
from vasari.retrieval.vectors.gallery import Gallery, GallerySnapshot
from vasari.retrieval.vectors.generation import build_generation
from vasari.retrieval.vectors.hubs import (
    hubness,
    hubs_of,
    known_hubs,
    note_hubs,
    read_bank,
    remove_other_banks,
    write_bank,
)
from vasari.retrieval.vectors.index import IndexKind
from vasari.retrieval.vectors.segments import Segment, remove_orphans, remove_segments, write_segment

DIM = 12


def points(count: int, seed: int) -> UnitVectors:
    return unit_vectors(np.random.default_rng(seed).normal(size=(count, DIM)) + 0.5)


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    write_segment(tmp_path, 1, np.arange(40), points(40, 1))
    return Segment.open(tmp_path, 1)


def ranking(folder: Path, gate: float = 0.6) -> FairRanking:
    return FairRanking(FairMethod.NNN, 0.5, write_bank(folder, points(50, 2)), 50, "a test", gate)


def test_numbers_are_written_with_a_segment_and_go_with_it(tmp_path: Path, segment: Segment) -> None:
    """Those beside the segment are those of its stored rows, to the bit; deleting it deletes them."""
    fair = ranking(tmp_path)
    assert known_hubs(tmp_path, segment, fair.bank) is None
    note_hubs(tmp_path, 1, points(40, 1), fair)
    expected = hubness(segment.vectors, read_bank(tmp_path, fair.bank))
    written = known_hubs(tmp_path, segment, fair.bank)
    assert written is not None
    np.testing.assert_array_equal(written, expected)
    remove_segments(tmp_path, [1])
    assert [path.name for path in tmp_path.iterdir()] == [f"bank-{fair.bank}.npy"]


def test_numbers_of_a_segment_that_no_commit_names_are_orphans(tmp_path: Path, segment: Segment) -> None:
    """A writer that was killed before its transaction leaves nothing for long; the bank stays."""
    fair = ranking(tmp_path)
    note_hubs(tmp_path, 1, segment.vectors, fair)
    assert len(remove_orphans(tmp_path, known=[])) == 3
    assert [path.name for path in tmp_path.iterdir()] == [f"bank-{fair.bank}.npy"]


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_damaged_numbers_are_computed_anew(tmp_path: Path, segment: Segment, damage: bytes | None) -> None:
    """Whatever became of the file, what is taken off is what the vectors say."""
    fair = ranking(tmp_path)
    note_hubs(tmp_path, 1, segment.vectors, fair)
    (file,) = tmp_path.glob("*.hubs-*")
    whole = file.read_bytes()
    file.write_bytes(whole[:-4] if damage is None else damage)
    assert known_hubs(tmp_path, segment, fair.bank) is None
    expected = hubness(segment.vectors, read_bank(tmp_path, fair.bank))
    np.testing.assert_array_equal(hubs_of(tmp_path, segment, fair.bank), expected)


def test_a_lost_bank_is_said_where_numbers_are_lost_too(tmp_path: Path, segment: Segment) -> None:
    """With the numbers there, searches do without the bank; a commit without it leaves them to later readers."""
    fair = ranking(tmp_path)
    note_hubs(tmp_path, 1, segment.vectors, fair)
    (tmp_path / f"bank-{fair.bank}.npy").unlink()
    assert len(hubs_of(tmp_path, segment, fair.bank)) == 40
    write_segment(tmp_path, 2, np.arange(3), points(3, 5))
    note_hubs(tmp_path, 2, points(3, 5), fair)
    with pytest.raises(LibraryCorruptError, match="tune ranking"):
        hubs_of(tmp_path, Segment.open(tmp_path, 2), fair.bank)


def test_another_bank_takes_the_place_of_the_first(tmp_path: Path, segment: Segment) -> None:
    """The same texts are the same bank; once another is in use, files made by the first go, and nothing else."""
    first = ranking(tmp_path)
    assert ranking(tmp_path).bank == first.bank
    note_hubs(tmp_path, 1, segment.vectors, first)
    second = write_bank(tmp_path, points(60, 3))
    assert second != first.bank
    remove_other_banks(tmp_path, second)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00000001.ids.npy",
        "00000001.vectors.npy",
        f"bank-{second}.npy",
    ]
    remove_other_banks(tmp_path / "nowhere", None)


@pytest.mark.parametrize("kind", list(IndexKind)[1:-1])
def test_candidates_go_as_deep_as_hubs_make_it_necessary(tmp_path: Path, kind: IndexKind) -> None:
    """Though the first hundreds of an index are all hubs that are taken down, the best ten are the exact ones."""
    random = np.random.default_rng(0)
    bank = unit_vectors(random.normal(size=(40, DIM)) + 2)
    rows = unit_vectors(np.concatenate([bank[random.integers(0, 40, 700)], points(1300, 4)]))
    folder, generations = tmp_path / "segments", tmp_path / "generations"
    write_segment(folder, 1, np.arange(2000), rows)
    fair = FairRanking(FairMethod.NNN, 1.0, write_bank(folder, bank), 40, "a test", 0.5)
    parameters = {"lists": 4} if kind in (IndexKind.IVF, IndexKind.RABITQ) else {}
    manifest = build_generation(folder, generations, 0, [1], kind=kind, parameters=parameters, threads=1)
    assert manifest.rows == 2000
    exact = Gallery.open(folder, generations, GallerySnapshot([1], dim=DIM, fair=fair)).fairly
    indexed = Gallery.open(folder, generations, GallerySnapshot([1], generation=0, dim=DIM, fair=fair)).fairly
    queries = unit_vectors(random.normal(size=(20, DIM)) + 2)
    wanted, scores, _ = exact.search(queries, 10)
    # (an index of estimates or lists may miss some, as without fair ranking)
    everything = Gallery.open(folder, generations, GallerySnapshot([1], dim=DIM))
    assert everything.search(queries, 10)[0].tolist() != wanted.tolist()
    ids, found, strategy = indexed.search(queries, 10, np.arange(2000))
    assert "exact" in strategy
    assert ids.tolist() == wanted.tolist()
    ids, found, strategy = indexed.search(queries, 10)
    assert strategy == "index"
    same = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(ids.tolist(), wanted.tolist(), strict=True)])
    assert same >= 0.95
    np.testing.assert_allclose(found[:, 0], scores[:, 0], atol=1e-6)
