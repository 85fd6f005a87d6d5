"""The contract of `VectorIndex`, run on every implementation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.contract import milvus
from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.errors import LibraryCorruptError
from vasari.retrieval.vectors.exact import ExactIndex
from vasari.retrieval.vectors.faiss_index import FaissIndex
from vasari.retrieval.vectors.index import NO_ID, Ids, IndexKind, Scores, VectorIndex

DIM = 16
Make = Callable[[], VectorIndex]

# The approximate kinds search their whole graph or all their lists here, so that their answers are exact too:
# what is under test is ids, filters and bookkeeping. Recall is measured in tests/unit/test_generation.py.
MAKERS: dict[str, Make] = {
    "exact": lambda: ExactIndex(DIM),
    "flat": lambda: FaissIndex(IndexKind.FLAT, DIM, threads=1),
    "hnsw": lambda: FaissIndex(IndexKind.HNSW, DIM, {"effort": 512}, threads=1),
    "ivf": lambda: FaissIndex(IndexKind.IVF, DIM, {"lists": 4, "effort": 4}, threads=1),
    "milvus": lambda: milvus.new_index(DIM),
}


@pytest.fixture(params=sorted(MAKERS))
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def points(count: int, seed: int = 0) -> UnitVectors:
    return unit_vectors(np.random.default_rng(seed).standard_normal((count, DIM)))


def ids_from(start: int, count: int) -> Ids:
    return np.arange(start, start + count, dtype=np.int64)


def brute_force(
    queries: UnitVectors, ids: Ids, vectors: UnitVectors, k: int, wanted: Ids | None = None
) -> tuple[Ids, Scores]:
    """The definition, word by word: cosines with the float16 rows, best first, equal ones by id."""
    scores = queries @ vectors.astype(np.float16).astype(np.float32).T
    if wanted is not None:
        scores[:, ~np.isin(ids, wanted)] = -np.inf
    order = np.lexsort((np.broadcast_to(ids, scores.shape), -scores), axis=1)[:, :k]
    best = np.take_along_axis(scores, order, axis=1)
    found = np.where(np.isneginf(best), -1, ids[order])
    padding = ((0, 0), (0, k - found.shape[1]))
    return np.pad(found, padding, constant_values=-1), np.pad(best, padding, constant_values=-np.inf)


def filled(make: Make, count: int = 200, start: int = 1000) -> tuple[VectorIndex, Ids, UnitVectors]:
    index, ids, vectors = make(), ids_from(start, count), points(count)
    index.add(ids, vectors)
    return index, ids, vectors


def assert_same(found: tuple[Ids, Scores], wanted: tuple[Ids, Scores]) -> None:
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_allclose(found[1], wanted[1], atol=1e-6)


def test_search_equals_the_definition(make: Make) -> None:
    """The nearest rows come back best first, with int64 ids and float32 cosines."""
    index, ids, vectors = filled(make)
    found = index.search(points(7, seed=1), 10)
    assert_same(found, brute_force(points(7, seed=1), ids, vectors, 10))
    assert found[0].dtype == np.int64
    assert found[1].dtype == np.float32


def test_a_row_finds_itself_with_a_cosine_of_one(make: Make) -> None:
    """Scores are cosines: 1 for the row itself, never above."""
    index, ids, vectors = filled(make)
    found, scores = index.search(vectors, 1)
    np.testing.assert_array_equal(found[:, 0], ids)
    np.testing.assert_allclose(scores[:, 0], 1.0, atol=1e-3)
    assert scores.max() <= 1.0


def test_rows_added_later_are_found_beside_the_first(make: Make) -> None:
    """Adding in several calls, in any order of ids, is the same as adding at once."""
    index, ids, vectors = make(), ids_from(0, 90), points(90)
    for part in (slice(60, 90), slice(0, 30), slice(30, 60)):
        index.add(ids[part], UnitVectors(vectors[part]))
    assert len(index) == 90
    assert_same(index.search(points(3, 1), 5), brute_force(points(3, 1), ids, vectors, 5))


@pytest.mark.parametrize("allowed", [1, 3, 20, 150])
def test_only_allowed_ids_come_back(make: Make, allowed: int) -> None:
    """With allowed ids the answer is the search over these rows alone; ids that are not stored do no harm."""
    index, ids, vectors = filled(make)
    some = np.sort(np.random.default_rng(2).choice(ids, allowed, replace=False))
    asked = np.concatenate([[0, 5], some, [10**6]]).astype(np.int64)
    assert_same(
        index.search(points(4, 1), 10, allowed_ids=asked),
        brute_force(points(4, 1), ids, vectors, 10, wanted=some),
    )


def test_excluded_ids_never_come_back(make: Make) -> None:
    """Excluded ids are left out, also out of the allowed ones."""
    index, ids, vectors = filled(make)
    excluded = np.concatenate([ids[::2], [10**6]]).astype(np.int64)
    assert_same(
        index.search(points(4, 1), 10, excluded_ids=excluded),
        brute_force(points(4, 1), ids, vectors, 10, wanted=ids[1::2]),
    )
    assert_same(
        index.search(points(4, 1), 10, allowed_ids=ids[:8], excluded_ids=excluded),
        brute_force(points(4, 1), ids, vectors, 10, wanted=ids[1:8:2]),
    )


def test_k_come_back_whenever_k_match(make: Make) -> None:
    """Allowed ids that are all far from the query are found all the same."""
    index, ids, vectors = filled(make, 2000)
    query = UnitVectors(vectors[:1])
    farthest = np.sort(ids[np.argsort(vectors @ query[0])[:12]])
    found, _ = index.search(query, 10, allowed_ids=farthest)
    assert np.isin(found, farthest).all()
    assert len(np.unique(found)) == 10


def test_fewer_rows_than_k_are_padded(make: Make) -> None:
    """Where fewer than k rows match, id -1 and score -inf fill the rest."""
    index, ids, vectors = filled(make, 6)
    ids_found, scores = index.search(points(2, 1), 9)
    assert_same((ids_found, scores), brute_force(points(2, 1), ids, vectors, 9))
    assert (ids_found[:, 6:] == -1).all()
    assert np.isneginf(scores[:, 6:]).all()


def test_an_empty_index_answers_with_nothing(make: Make) -> None:
    """Nothing stored, nothing allowed, or everything removed: a full row of -1."""
    index = make()
    assert (index.search(points(2), 3)[0] == -1).all()
    index.add(ids_from(0, 20), points(20))
    assert (index.search(points(2), 3, allowed_ids=np.empty(0, np.int64))[0] == -1).all()
    index.remove(ids_from(0, 20))
    assert len(index) == 0
    assert (index.search(points(2), 3)[0] == -1).all()


def test_no_queries_give_no_answers(make: Make) -> None:
    """An empty matrix of queries gives an empty answer of the right shape."""
    index, _, _ = filled(make, 20)
    ids, scores = index.search(UnitVectors(np.empty((0, DIM), np.float32)), 3)
    assert ids.shape == scores.shape == (0, 3)


def test_removed_rows_are_gone(make: Make) -> None:
    """Removing counts what was there, and searches find what is left."""
    index, ids, vectors = filled(make)
    assert index.remove(np.concatenate([ids[:50], [7]]).astype(np.int64)) == 50
    assert len(index) == 150
    assert_same(index.search(points(4, 1), 10), brute_force(points(4, 1), ids, vectors, 10, wanted=ids[50:]))


def test_a_removed_id_can_be_stored_again(make: Make) -> None:
    """After an update (remove, add) only the new vector is found under the id."""
    index, ids, vectors = filled(make)
    changed = unit_vectors(-vectors[:40])
    index.remove(ids[:40])
    index.add(ids[:40], changed)
    now = UnitVectors(np.concatenate([changed, vectors[40:]]))
    assert len(index) == 200
    assert_same(index.search(points(4, 1), 10), brute_force(points(4, 1), ids, now, 10))


def test_equal_vectors_rank_by_id(make: Make) -> None:
    """Ties are broken by the smaller id, so the same question has the same answer."""
    index = make()
    index.add(np.array([30, 10, 20], np.int64), UnitVectors(np.repeat(points(1), 3, axis=0)))
    assert index.search(points(1), 3)[0].tolist() == [[10, 20, 30]]


def test_ids_may_be_huge_and_sparse(make: Make) -> None:
    """Any id from 0 to 2^62 works, also in filters."""
    index, ids = make(), np.array([0, 2**31, 2**40, 2**62], np.int64)
    index.add(ids, points(4))
    found, _ = index.search(points(4), 1, excluded_ids=np.array([2**40], np.int64))
    assert found[[0, 1, 3], 0].tolist() == [0, 2**31, 2**62]
    assert index.search(points(1), 2, allowed_ids=ids[1:2])[0].tolist() == [[2**31, -1]]


def test_wrong_arguments_are_refused(make: Make) -> None:
    """A known id, a repeated id, a negative id, another dimension, k = 0."""
    index, ids, vectors = filled(make, 20)
    for wrong in (ids[:2], np.array([5, 5], np.int64), np.array([-1, 2], np.int64), ids_from(0, 3)):
        with pytest.raises(ValueError, match=r"id|expected"):
            index.add(wrong, UnitVectors(vectors[:2]))
    with pytest.raises(ValueError, match="expected queries"):
        index.search(unit_vectors(np.ones((1, DIM + 1))), 3)
    with pytest.raises(ValueError, match="at least 1"):
        index.search(points(1), 0)
    assert len(index) == 20


def test_what_is_saved_is_read_back(make: Make, tmp_path: Path) -> None:
    """A saved index answers as before, forgets nothing of what was removed, and can be changed further."""
    index, ids, vectors = filled(make)
    index.remove(ids[:20])
    index.save(tmp_path / "index")
    again = type(index).open(tmp_path / "index")
    assert len(again) == 180
    assert_same(again.search(points(4, 1), 10), brute_force(points(4, 1), ids, vectors, 10, wanted=ids[20:]))
    again.add(ids[:20], UnitVectors(vectors[:20]))
    assert_same(again.search(points(4, 1), 10), brute_force(points(4, 1), ids, vectors, 10))


def test_a_damaged_file_is_named(make: Make, tmp_path: Path) -> None:
    """A file that was cut short, and one that is missing, raise LibraryCorruptError with its name."""
    index, _, _ = filled(make)
    index.save(tmp_path)
    victim = max(tmp_path.iterdir(), key=lambda path: path.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-100])
    with pytest.raises(LibraryCorruptError, match=victim.name):
        type(index).open(tmp_path)
    victim.unlink()
    with pytest.raises(LibraryCorruptError, match=victim.name):
        type(index).open(tmp_path)


def test_searches_from_many_threads_do_not_meet(make: Make) -> None:
    """Concurrent searches, each with another filter, give what each gives alone."""
    index, ids, vectors = filled(make, 500)
    filters = [np.sort(np.random.default_rng(seed).choice(ids, 100, replace=False)) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda allowed: index.search(points(2, 1), 10, allowed_ids=allowed), filters))
    for allowed, answer in zip(filters, answers, strict=True):
        assert_same(answer, brute_force(points(2, 1), ids, vectors, 10, wanted=allowed))


def test_deep_looks_take_more_lists_and_no_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many results come from as many inverted lists as hold them, not from a second look at all rows."""
    index = FaissIndex(IndexKind.IVF, DIM, {"lists": 20, "effort": 1}, threads=1)
    index.add(ids_from(1, 2000), points(2000))
    scans: list[object] = []
    monkeypatch.setattr(index, "_exhaustive", lambda *asked: scans.append(asked))
    (found,), _ = index.search(points(1, seed=1), 300)
    assert (found != NO_ID).all()
    assert not scans
