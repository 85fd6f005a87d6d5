"""The gallery: generation + newer segments − dead rows is the search over what is live."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from vasari.retrieval.domain import FairMethod, FairRanking, UnitVectors, unit_vectors
from vasari.retrieval.errors import LibraryCorruptError, NotFoundError
from vasari.retrieval.vectors.faiss_index import FaissIndex
from vasari.retrieval.vectors.gallery import Gallery, GallerySnapshot
from vasari.retrieval.vectors.generation import Manifest, build_generation
from vasari.retrieval.vectors.hubs import NEIGHBOURS, note_hubs, write_bank
from vasari.retrieval.vectors.index import Ids, IndexKind, Scores
from vasari.retrieval.vectors.segments import write_segment
from vasari.retrieval.vectors.tuning import recall

DIM = 12


def points(count: int, seed: int = 0) -> UnitVectors:
    return unit_vectors(np.random.default_rng(seed).standard_normal((count, DIM)))


class Shelf:
    """A little catalog: what is live, which rows are dead, and the snapshot that says so."""

    def __init__(self, root: Path) -> None:
        self.segments_directory = root / "segments"
        self.generations_directory = root / "generations"
        self.live: dict[int, tuple[int, int]] = {}  # id → (segment, row)
        self.truth: dict[int, np.ndarray] = {}  # id → float32 row as stored
        self.sizes: dict[int, int] = {}
        self.dead: list[tuple[int, int]] = []
        self.generation: int | None = None
        self.next_id = 1
        self.bank = points(30, seed=7)
        self.fair = FairRanking(
            FairMethod.NNN, 0.5, write_bank(self.segments_directory, self.bank), 30, "", 0.5
        )

    def commit(self, ids: list[int], vectors: UnitVectors) -> None:
        """Write a segment of new or updated items."""
        number = len(self.sizes)
        write_segment(self.segments_directory, number, np.array(ids, np.int64), vectors)
        if number % 2:  # others are left to those who read
            note_hubs(self.segments_directory, number, vectors, self.fair)
        self.sizes[number] = len(ids)
        for row, item in enumerate(ids):
            if item in self.live:
                self.dead.append(self.live[item])
            self.live[item] = (number, row)
            self.truth[item] = vectors[row].astype(np.float16).astype(np.float32)

    def add(self, vectors: UnitVectors) -> list[int]:
        """Commit new items and return their ids."""
        ids = list(range(self.next_id, self.next_id + len(vectors)))
        self.next_id += len(vectors)
        self.commit(ids, vectors)
        return ids

    def delete(self, ids: list[int]) -> None:
        """Kill the rows of these items."""
        for item in ids:
            self.dead.append(self.live.pop(item))
            del self.truth[item]

    def rebuild(self, kind: IndexKind, lists: int = 4) -> Manifest:
        """Build a generation over everything and make it active."""
        number = 0 if self.generation is None else self.generation + 1
        manifest = build_generation(
            self.segments_directory,
            self.generations_directory,
            number,
            list(self.sizes),
            self.dead,
            kind=kind,
            parameters={"lists": lists} if kind in (IndexKind.IVF, IndexKind.RABITQ) else {},
            threads=1,
        )
        self.generation = number
        return manifest

    def snapshot(self) -> GallerySnapshot:
        """The state as the catalog would tell it."""
        return GallerySnapshot(
            list(self.sizes), list(self.dead), self.generation, dict(self.sizes), DIM, self.fair
        )

    def open(self) -> Gallery:
        """A gallery for the state now."""
        return Gallery.open(self.segments_directory, self.generations_directory, self.snapshot(), threads=1)

    def taken_off(self, item: int) -> float:
        """By definition what fair ranking takes off the score of an item."""
        nearest = np.sort(self.truth[item] @ self.bank.astype(np.float16).astype(np.float32).T)[-NEIGHBOURS:]
        return self.fair.weight * max(float(nearest.mean()) - self.fair.gate, 0)

    def search(
        self, queries: UnitVectors, k: int, allowed: list[int] | None = None, *, fairly: bool = False
    ) -> tuple[Ids, Scores]:
        """The answer by definition, from the dictionary."""
        ids = np.array([i for i in sorted(self.truth) if allowed is None or i in set(allowed)], np.int64)
        found, best = np.full((len(queries), k), -1), np.full((len(queries), k), -np.inf, np.float32)
        if len(ids):
            scores = queries @ np.stack([self.truth[i] for i in ids.tolist()]).T
            if fairly:
                scores -= np.array([self.taken_off(i) for i in ids.tolist()], np.float32)
            order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            found[:, : order.shape[1]] = ids[order]
            best[:, : order.shape[1]] = np.take_along_axis(scores, order, axis=1)
        return found, best


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def assert_finds(
    gallery: Gallery, shelf: Shelf, k: int = 5, allowed: list[int] | None = None, *, fairly: bool = False
) -> str:
    """Compare a search with the definition; equal but for the order of rows whose scores are within 1e-6."""
    queries = points(3, seed=99)
    ids, scores, strategy = (gallery.fairly if fairly else gallery).search(
        queries, k, None if allowed is None else np.array(allowed, np.int64)
    )
    wanted_ids, wanted_scores = shelf.search(queries, k, allowed, fairly=fairly)
    np.testing.assert_allclose(scores, np.clip(wanted_scores, -np.inf, 1), atol=1e-6)
    for query, row, wanted, best in zip(queries, ids, wanted_ids, wanted_scores, strict=True):
        assert len(set(row[row >= 0])) == (row >= 0).sum() == (wanted >= 0).sum()
        for found in set(row.tolist()) - set(wanted.tolist()):  # only a tie at the last place may differ
            off = shelf.taken_off(found) if fairly else 0.0
            assert abs(shelf.truth[found] @ query - off - best[-1]) < 1e-6
    return strategy


def assert_finds_live(gallery: Gallery, shelf: Shelf, k: int = 5, allowed: list[int] | None = None) -> None:
    """What must hold of approximate answers too: k different live items if k match, best first, true scores."""
    queries = points(3, seed=99)
    ids, scores, _ = gallery.search(queries, k, None if allowed is None else np.array(allowed, np.int64))
    matching = set(shelf.live) if allowed is None else set(allowed) & set(shelf.live)
    for query, row, row_scores in zip(queries, ids.tolist(), scores, strict=True):
        found = [item for item in row if item != -1]
        assert len(found) == len(set(found)) == min(k, len(matching))
        assert set(found) <= matching
        true = [np.clip(shelf.truth[item] @ query, -1, 1) for item in found]
        np.testing.assert_allclose(row_scores[: len(found)], true, atol=1e-6)
        assert (np.diff(row_scores[: len(found)]) <= 0).all()


class Interleaving(RuleBasedStateMachine):
    """Any order of add, update, delete, rebuild and refresh leaves search equal to its definition."""

    kinds: tuple[IndexKind, ...] = (IndexKind.FLAT,)

    def check(self, allowed: list[int] | None = None) -> None:
        assert_finds(self.gallery, self.shelf, allowed=allowed)
        assert_finds(self.gallery, self.shelf, allowed=allowed, fairly=True)

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.shelf = Shelf(Path(self.folder.name))
        self.gallery = self.shelf.open()
        self.seed = 0

    def _points(self, count: int) -> UnitVectors:
        self.seed += 1
        return points(count, self.seed)

    @rule(count=st.integers(1, 12))
    def add(self, count: int) -> None:
        self.shelf.add(self._points(count))

    @rule(count=st.integers(2, 5))
    def add_equal_pictures(self, count: int) -> None:
        self.shelf.add(UnitVectors(np.repeat(self._points(1), count, axis=0)))

    @precondition(lambda self: self.shelf.live)
    @rule(data=st.data())
    def update(self, data: st.DataObject) -> None:
        some = data.draw(
            st.lists(st.sampled_from(sorted(self.shelf.live)), min_size=1, max_size=6, unique=True)
        )
        self.shelf.commit(some, self._points(len(some)))

    @precondition(lambda self: self.shelf.live)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        some = data.draw(
            st.lists(st.sampled_from(sorted(self.shelf.live)), min_size=1, max_size=9, unique=True)
        )
        self.shelf.delete(some)

    @precondition(lambda self: self.shelf.sizes)
    @rule(data=st.data())
    def rebuild(self, data: st.DataObject) -> None:
        self.shelf.rebuild(data.draw(st.sampled_from(self.kinds)))

    @rule()
    def reopen(self) -> None:
        self.gallery = self.shelf.open()

    @invariant()
    def the_search_is_its_definition(self) -> None:
        self.gallery = self.gallery.refresh(self.shelf.snapshot())
        assert len(self.gallery) == len(self.shelf.live)
        assert self.gallery.ids().tolist() == sorted(self.shelf.live)
        self.check()
        self.check(sorted(self.shelf.live)[::2])

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


class IndexedInterleaving(Interleaving):
    """The same with approximate kinds: whatever is missed, nothing wrong is found and nothing is left short."""

    kinds = (IndexKind.HNSW, IndexKind.IVF, IndexKind.RABITQ)

    def check(self, allowed: list[int] | None = None) -> None:
        assert_finds_live(self.gallery, self.shelf, allowed=allowed)


TestInterleaving = Interleaving.TestCase
TestInterleaving.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
TestIndexedInterleaving = IndexedInterleaving.TestCase
TestIndexedInterleaving.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)


def test_a_small_gallery_needs_no_index(shelf: Shelf) -> None:
    """Without a generation the search is exact, and says so."""
    shelf.add(points(30))
    assert assert_finds(shelf.open(), shelf) == "exact"


def test_an_empty_gallery_answers_with_nothing(shelf: Shelf) -> None:
    """No segment at all: no hits, no error."""
    gallery = shelf.open()
    ids, scores, _ = gallery.search(points(2), 3)
    assert len(gallery) == 0
    assert (ids == -1).all()
    assert np.isneginf(scores).all()


def test_a_filter_of_few_items_is_answered_by_comparing_them(shelf: Shelf) -> None:
    """The strategy tells how many rows matched; ids without a vector do not count."""
    ids = shelf.add(points(50))
    shelf.rebuild(IndexKind.FLAT)
    shelf.delete(ids[:1])
    assert assert_finds(shelf.open(), shelf, allowed=[*ids[:4], 7777]) == "exact over 3 matching rows"


def test_newer_rows_are_searched_beside_the_generation(shelf: Shelf) -> None:
    """What was committed after the generation is found, and the strategy says how many rows that took."""
    shelf.add(points(50))
    shelf.rebuild(IndexKind.FLAT)
    assert assert_finds(shelf.open(), shelf) == "index"
    shelf.add(points(9, seed=1))
    assert assert_finds(shelf.open(), shelf) == "index and exact over 9 newer rows"
    assert shelf.open().fresh_rows == 9


def test_an_updated_item_is_found_by_its_new_vector_only(shelf: Shelf) -> None:
    """The generation still holds the old row, but no search ranks the item by it."""
    ids = shelf.add(points(50))
    shelf.rebuild(IndexKind.FLAT)
    old, new = UnitVectors(points(50)[:1]), unit_vectors(-points(50)[:1])
    shelf.commit(ids[:1], new)
    gallery = shelf.open()
    assert gallery.search(new, 1)[0].tolist() == [[ids[0]]]
    assert ids[0] not in gallery.search(old, 49)[0]


@pytest.mark.parametrize("kind", [IndexKind.HNSW, IndexKind.IVF, IndexKind.RABITQ])
def test_an_approximate_generation_keeps_its_recall_while_the_gallery_changes(
    shelf: Shelf, kind: IndexKind
) -> None:
    """After a third was deleted, some updated and some added, recall@10 is what the manifest promises or better."""
    ids = shelf.add(points(3000))
    promised = shelf.rebuild(kind).recall
    shelf.delete(ids[::3])
    shelf.commit(ids[1:300:3], points(100, seed=5))
    shelf.add(points(200, seed=6))
    queries = points(100, seed=7)
    found, _, _ = shelf.open().search(queries, 10)
    assert promised >= 0.95
    assert recall(found, shelf.search(queries, 10)[0]) >= promised - 0.02


@pytest.mark.parametrize("kind", [IndexKind.HNSW, IndexKind.IVF, IndexKind.RABITQ])
def test_what_is_near_is_found_in_few_lists(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, kind: IndexKind
) -> None:
    """Copies of rows, slightly changed, are found in few of the lists where the index looks through all of them."""
    rows = points(3000)
    ids = shelf.add(rows)
    shelf.rebuild(kind, lists=200)
    gallery, efforts = shelf.open(), []
    assert gallery.generation is not None
    index = gallery.generation.index
    assert isinstance(index, FaissIndex)
    if kind is not IndexKind.HNSW:
        index.set_effort(index.lists)
    search = index.search

    def noted(*asked: Any, **options: Any) -> tuple[Ids, Scores]:
        efforts.append(options["effort"])
        return search(*asked, **options)

    monkeypatch.setattr(index, "search", noted)
    copies = unit_vectors(rows[::30] + 0.1 * points(100, seed=7))
    found, scores, _ = gallery.search(copies, 5, near=True)
    assert (found == np.array(ids[::30])[:, None]).any(axis=1).mean() >= 0.98
    assert (np.diff(scores) <= 0).all()
    gallery.search(copies, 5)
    assert efforts == [index.effort if kind is IndexKind.HNSW else 16, None]


@pytest.mark.parametrize("kind", [IndexKind.FLAT, IndexKind.HNSW, IndexKind.IVF, IndexKind.RABITQ])
def test_k_come_back_though_most_of_the_generation_is_dead(shelf: Shelf, kind: IndexKind) -> None:
    """After 95 % of the indexed items were deleted, the best of what is left come back, k of them."""
    vectors = points(2000)
    ids = shelf.add(vectors)
    shelf.rebuild(kind)
    nearest_first = np.argsort(-(vectors @ points(3, seed=99)[0]))
    shelf.delete([ids[place] for place in nearest_first[:1900].tolist()])
    assert_finds_live(shelf.open(), shelf, k=10)
    assert len(shelf.open()) == 100


def test_a_reader_keeps_its_gallery_while_another_is_made(shelf: Shelf) -> None:
    """Refreshing shares segments, shows a new generation without reopening, and leaves the old gallery as it was."""
    ids = shelf.add(points(40))
    before = shelf.open()
    answer = before.search(points(3, seed=99), 5)
    shelf.delete(ids[:20])
    shelf.add(points(10, seed=1))
    shelf.rebuild(IndexKind.FLAT)
    after = before.refresh(shelf.snapshot())
    assert assert_finds(after, shelf) == "index"
    np.testing.assert_array_equal(before.search(points(3, seed=99), 5)[0], answer[0])
    assert before.generation is None


def test_vectors_of_items_come_in_the_order_asked(shelf: Shelf) -> None:
    """Unit vectors of live items, newest version; an item without one is named in the error."""
    ids = shelf.add(points(10))
    shelf.commit(ids[3:4], points(1, seed=5))
    shelf.delete(ids[:1])
    gallery = shelf.open()
    asked = [ids[3], ids[9], ids[3]]
    expected = np.stack([points(1, seed=5)[0], points(10)[9], points(1, seed=5)[0]])
    np.testing.assert_allclose(gallery.vectors_of(asked), expected, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(gallery.vectors_of(asked), axis=1), 1, atol=1e-6)
    with pytest.raises(NotFoundError, match=f"item {ids[0]} "):
        gallery.vectors_of([ids[1], ids[0]])


def test_a_segment_that_is_not_what_the_catalog_says_is_named(shelf: Shelf) -> None:
    """Another number of rows, another length of vectors, a dead row that does not exist, a missing file."""
    shelf.add(points(10))
    with pytest.raises(LibraryCorruptError, match=r"00000000\.ids\.npy"):
        Gallery.open(
            shelf.segments_directory, shelf.generations_directory, GallerySnapshot([0], rows={0: 11}, dim=DIM)
        )
    with pytest.raises(LibraryCorruptError, match=r"00000000\.vectors\.npy"):
        Gallery.open(shelf.segments_directory, shelf.generations_directory, GallerySnapshot([0], dim=DIM + 1))
    with pytest.raises(LibraryCorruptError, match="beyond its segment"):
        Gallery.open(
            shelf.segments_directory, shelf.generations_directory, GallerySnapshot([0], dead=[(0, 10)])
        )
    with pytest.raises(LibraryCorruptError, match=r"00000001\.ids\.npy"):
        Gallery.open(shelf.segments_directory, shelf.generations_directory, GallerySnapshot([0, 1]))


def test_an_exact_search_never_loads_faiss(shelf: Shelf) -> None:
    """A one-shot query on a small library does not pay for an index it does not have."""
    shelf.add(points(10))
    program = (
        "import sys; from pathlib import Path; import numpy as np;"
        "from vasari.retrieval.vectors.gallery import Gallery, GallerySnapshot;"
        f"g = Gallery.open(Path({str(shelf.segments_directory)!r}), Path('generations'), GallerySnapshot([0]));"
        f"g.search(np.ones((1, {DIM}), np.float32), 3);"
        "assert not {'faiss', 'torch', 'sqlalchemy', 'PIL'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("kind", [IndexKind.IVF, IndexKind.HNSW])
def test_a_filter_against_the_query_is_answered_by_comparing(tmp_path: Path, kind: IndexKind) -> None:
    """Where a broad filter leaves only rows far from the query, the index is not asked: it would find wrong ones."""
    vectors = points(42_000)
    write_segment(tmp_path / "segments", 0, np.arange(len(vectors)), vectors)
    build_generation(
        tmp_path / "segments",
        tmp_path / "generations",
        0,
        [0],
        kind=kind,
        parameters={"lists": 64, "effort": 4}
        if kind is IndexKind.IVF
        else {"construction": 16, "neighbours": 8},
        threads=1,
    )
    gallery = Gallery.open(
        tmp_path / "segments", tmp_path / "generations", GallerySnapshot([0], generation=0), threads=1
    )
    exact = Gallery.open(tmp_path / "segments", tmp_path / "generations", GallerySnapshot([0]), threads=1)
    query = points(1, seed=5)
    order = np.argsort(vectors @ query[0])
    far, near = np.sort(order[:21_000]), np.sort(order[21_000:])
    ids, scores, strategy = gallery.search(query, 10, far)
    assert strategy == "exact over 21000 matching rows"
    assert ids.tolist() == exact.search(query, 10, far)[0].tolist()
    assert (np.diff(scores) <= 0).all()
    assert gallery.search(query, 10, near)[2] == "index with a selector"


def test_few_answers_are_the_first_of_many(shelf: Shelf) -> None:
    """Estimates are looked at as deep for one answer as for ten."""
    shelf.add(points(3000))
    shelf.rebuild(IndexKind.RABITQ)
    gallery, queries = shelf.open(), points(100, seed=7)
    ten = gallery.search(queries, 10)[0]
    for k in (1, 3):
        np.testing.assert_array_equal(gallery.search(queries, k)[0], ten[:, :k])


@pytest.mark.parametrize("kind", [IndexKind.FLAT, IndexKind.HNSW, IndexKind.IVF, IndexKind.RABITQ])
def test_copies_come_by_their_ids_however_many_are_asked_for(shelf: Shelf, kind: IndexKind) -> None:
    """Of equal rows an index brings any: with a page of each length all copies are found, and each once."""
    query = points(1, seed=3)
    copies = shelf.add(UnitVectors(np.repeat(unit_vectors(query + 0.1 * points(1)), 60, axis=0)))
    nearer = shelf.add(unit_vectors(query + 0.01 * points(5, seed=4)))
    shelf.add(points(300, seed=5))
    shelf.rebuild(kind)
    gallery = shelf.open()
    expected = [*gallery.search(query, 5)[0][0].tolist(), *copies]
    assert sorted(expected[:5]) == nearer
    for k in (6, 7, 12, 30, 64, 65):
        assert gallery.search(query, k)[0][0].tolist() == expected[:k]
