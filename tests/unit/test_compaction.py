"""Compaction: fewer and fuller segments, the same answers, at whatever moment it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests import forms
from tests.grey import CELLS, GreyLibrary
from tests.unit import catalogs
from vasari.indexer.build import rebuild
from vasari.indexer.doctor import examine
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import CompactedSegment, GalleryState, NewItem, RowOfItem, SegmentRecord
from vasari.retrieval.domain import ItemId, Modality, UnitVectors, unit_vectors
from vasari.retrieval.errors import LibraryCorruptError, StorageError, UsageError
from vasari.retrieval.library import commit, compaction
from vasari.retrieval.library.galleries import OpenGalleries
from vasari.retrieval.vectors.gallery import Gallery
from vasari.retrieval.vectors.shards import Shard, Spread

DIM = CELLS * CELLS + 1
Answer = tuple[list[list[int]], NDArray[np.float32]]


class Shelf:
    """A library that is filled with drawn vectors, some at a time."""

    def __init__(self, root: Path) -> None:
        self.library = GreyLibrary.open(root, create=True)
        self.space = self.library.use_model("grey")
        self.directory = self.library.segments_directory(self.space, Modality.IMAGE)
        self._chance = np.random.default_rng(5)
        self._count = 0

    def add(self, count: int) -> list[ItemId]:
        """Commit a segment of so many new items."""
        vectors = unit_vectors(self._chance.standard_normal((count, DIM)))
        names = [f"/photos/{self._count + row}.png" for row in range(count)]
        self._count += count
        items = [
            NewItem(name, f"hash of {name}", 1, 1, vector)
            for name, vector in zip(names, vectors, strict=True)
        ]
        return commit.commit_items(self.library.catalog, self.directory, "grey", Modality.IMAGE, items)

    def remove(self, *ids: ItemId) -> None:
        self.library.catalog.items.delete(ids)

    def state(self) -> GalleryState:
        return self.library.catalog.segments.gallery_state("grey", Modality.IMAGE)

    def compacted(self) -> list[CompactedSegment]:
        """New segments for all that are worth it, written but not in use."""
        state = self.state()
        return compaction.write(
            self.library.catalog, self.directory, self.space, state, compaction.plan(state)
        )

    def compact(self) -> None:
        compacted = self.compacted()
        self.library.catalog.segments.replace(compacted)
        compaction.remove_replaced(self.directory, compacted)

    def segments(self) -> list[tuple[int, int]]:
        """Number and rows of each."""
        return [(record.number, record.rows) for record in self.state().segments]

    def files(self) -> int:
        return len(list(self.directory.iterdir()))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path / "library")
    yield shelf
    shelf.library.close()


def answer(gallery: Gallery) -> Answer:
    queries = UnitVectors(unit_vectors(np.random.default_rng(8).standard_normal((5, DIM))))
    ids, scores, _ = gallery.search(queries, 7)
    return ids.tolist(), scores


def same(first: Answer, second: Answer) -> bool:
    return first[0] == second[0] and np.allclose(first[1], second[1], atol=1e-6)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 6)),
        st.tuples(st.just("remove"), st.integers(0, 40)),
        st.tuples(st.just("compact"), st.just(0)),
        st.tuples(st.just("rebuild"), st.just(0)),
    ),
    max_size=10,
)


@settings(max_examples=12)
@given(steps=STEPS)
def test_searches_answer_the_same_before_and_after(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """Whatever was added, deleted and indexed in between; an open gallery goes on, and the doctor is content."""
    shelf = Shelf(tmp_path_factory.mktemp("shelf") / "library")
    with shelf.library:
        known = shelf.add(3)
        for step, number in steps:
            before = shelf.library.gallery(Modality.IMAGE)
            expected = answer(before)
            if step == "add":
                known += shelf.add(number)
            elif step == "remove" and len(known) > 1:
                shelf.remove(known.pop(number % len(known)))
            elif step == "compact" and before.generation is None:
                shelf.compact()
                assert same(answer(shelf.library.gallery(Modality.IMAGE)), expected)
            elif step == "rebuild":
                rebuild(shelf.library, kind="flat")
                assert [rows for _, rows in shelf.segments()] == [len(known)]
                assert shelf.state().dead == ()
                assert same(answer(shelf.library.gallery(Modality.IMAGE)), expected)
            assert same(answer(before), expected)
            assert shelf.library.gallery(Modality.IMAGE).ids().tolist() == sorted(known)
        assert examine(shelf.library) == []
        assert shelf.files() == 2 * len(shelf.segments())


def test_rows_of_deleted_items_leave_the_disk(shelf: Shelf) -> None:
    """A rebuild writes a segment with a fifth of its rows dead anew, and leaves one that is whole alone."""
    shelf.add(compaction.SMALL)
    whole = shelf.segments()[0]
    worn = shelf.add(compaction.SMALL + 600)
    shelf.remove(*worn[:600])
    rebuild(shelf.library, kind="flat")
    assert shelf.segments() == [whole, (3, compaction.SMALL)]
    assert shelf.files() == 4
    assert examine(shelf.library) == []


def test_many_small_additions_are_merged_by_themselves(shelf: Shelf) -> None:
    """Pictures that come one by one do not make a segment each; an index that covers older ones stays in use."""
    shelf.add(5)
    [built] = rebuild(shelf.library, kind="flat")
    for _ in range(compaction.DUE - 1):
        shelf.add(1)
        shelf.library.gallery(Modality.IMAGE)
    where = (shelf.library.catalog, shelf.directory, shelf.space, Modality.IMAGE)
    assert compaction.compact_if_due(*where) == 0
    shelf.add(1)
    expected = answer(shelf.library.gallery(Modality.IMAGE))
    assert compaction.compact_if_due(*where) == compaction.DUE
    gallery = shelf.library.gallery(Modality.IMAGE)
    assert gallery.generation is not None
    assert (gallery.generation.manifest.number, gallery.fresh_rows) == (built.number, compaction.DUE)
    assert [rows for _, rows in shelf.segments()] == [5, compaction.DUE]
    assert same(answer(gallery), expected)
    assert examine(shelf.library) == []


def test_many_commits_are_merged_into_few_segments(shelf: Shelf) -> None:
    """A large collection's commits do not stay a file each, and answers are the same; small ones are left for later."""
    for _ in range(compaction.DUE):
        shelf.add(compaction.SMALL)
    shelf.add(7)
    expected = answer(shelf.library.gallery(Modality.IMAGE))
    where = (shelf.library.catalog, shelf.directory, shelf.space, Modality.IMAGE)
    assert compaction.compact_if_due(*where) == compaction.DUE
    assert [rows for _, rows in shelf.segments()] == [7, compaction.MOST]
    assert same(answer(shelf.library.gallery(Modality.IMAGE)), expected)
    assert compaction.compact_if_due(*where) == 0
    assert shelf.files() == 4


def test_pictures_added_one_by_one_share_a_segment_in_the_end(tmp_path: Path) -> None:
    """Python's `add` and the service's uploads commit a segment each."""
    forms.write_folder(tmp_path / "photos", compaction.DUE)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        library.use_model("grey")
        ids = [library.add(path)[0] for path in sorted((tmp_path / "photos").iterdir())]
        assert [record.rows for record in library.catalog.segments.all("grey", Modality.IMAGE)] == [len(ids)]
        assert library.gallery(Modality.IMAGE).ids().tolist() == ids
        assert examine(library) == []


def test_an_item_that_is_deleted_while_segments_are_written_stays_deleted(shelf: Shelf) -> None:
    """Its row in the new segment is dead from the start; so is that of one which was embedded anew."""
    ids = [*shelf.add(3), *shelf.add(3)]
    compacted = shelf.compacted()
    shelf.remove(ids[1])
    shelf.library.catalog.segments.replace(compacted)
    compaction.remove_replaced(shelf.directory, compacted)
    number = compacted[0].segment.number
    assert shelf.state().dead == (RowOfItem(number, 1, ids[1]),)
    assert shelf.library.gallery(Modality.IMAGE).ids().tolist() == [*ids[:1], *ids[2:]]
    assert examine(shelf.library) == []


def test_rows_are_switched_over_on_every_database(catalog: Catalog) -> None:
    """Items are found in the new segment, and an item that died meanwhile is among its dead rows."""
    first, second = catalogs.add(catalog, "/a.png", "/b.png"), catalogs.add(catalog, "/c.png")
    old = [record.number for record in catalog.segments.all("clip", Modality.IMAGE)]
    origins = (
        RowOfItem(old[0], 0, first[0]),
        RowOfItem(old[0], 1, first[1]),
        RowOfItem(old[1], 0, second[0]),
    )
    catalog.items.delete([first[1]])
    new = SegmentRecord("clip", Modality.IMAGE, catalog.segments.reserve("clip", Modality.IMAGE), 3, "sum")
    before = catalog.revision()
    catalog.segments.replace([CompactedSegment(new, tuple(old), origins)])
    assert catalog.segments.all("clip", Modality.IMAGE) == [new]
    assert catalog.segments.embedding_of("clip", first[0]) == (new.number, 0)
    assert catalog.segments.embedding_of("clip", second[0]) == (new.number, 2)
    assert catalog.segments.dead_rows("clip", Modality.IMAGE) == [RowOfItem(new.number, 1, first[1])]
    assert catalog.revision() > before


def test_segments_under_an_index_are_replaced_with_it_only(shelf: Shelf) -> None:
    """Alone, they would be found twice; and what is not there cannot be replaced."""
    shelf.add(3)
    shelf.add(3)
    compacted = shelf.compacted()
    rebuild(shelf.library, kind="flat")
    before = shelf.segments()
    with pytest.raises(UsageError, match="covers segment"):
        shelf.library.catalog.segments.replace(compacted)
    shelf.add(1)
    odd = CompactedSegment(SegmentRecord("grey", Modality.IMAGE, 99, 0, ""), (98,), ())
    with pytest.raises(UsageError, match="does not stand for segments that are there"):
        shelf.library.catalog.segments.replace([odd])
    assert shelf.segments()[:-1] == before


def test_a_build_that_fails_leaves_segments_and_index_as_they_were(shelf: Shelf) -> None:
    """What was written for it is deleted."""
    shelf.add(3)
    shelf.add(3)
    before = shelf.segments()

    def fail(_: Sequence[Shard]) -> None:
        raise StorageError("no space left")

    with pytest.raises(StorageError, match="no space left"):
        rebuild(shelf.library, kind="ivf", spread=Spread(2, fail))
    assert shelf.segments() == before
    assert examine(shelf.library) == []


def test_a_reader_whose_files_were_replaced_before_it_opened_them_looks_again(shelf: Shelf) -> None:
    """Another process compacts between its reading of the catalog and its opening of the files."""
    ids = [*shelf.add(3), *shelf.add(2)]
    between: list[Callable[[], None]] = [shelf.compact]

    def open_gallery(*arguments: object) -> Gallery:
        if between:
            between.pop()()
        _, _, snapshot = arguments
        return Gallery.open(shelf.directory, shelf.directory, snapshot)  # type: ignore[arg-type]

    galleries = OpenGalleries(lambda: shelf.library.catalog, open_gallery)
    assert galleries.gallery(Modality.IMAGE, shelf.space).ids().tolist() == ids
    for path in shelf.directory.glob("*.vectors.npy"):
        path.unlink()
    fresh = OpenGalleries(lambda: shelf.library.catalog, open_gallery)
    with pytest.raises(LibraryCorruptError):
        fresh.gallery(Modality.IMAGE, shelf.space)


@settings(max_examples=20)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 9000), st.floats(0, 1)), max_size=20),
    above=st.integers(-1, 20),
    below=st.sampled_from([compaction.SMALL, compaction.LARGE]),
)
def test_a_plan_leaves_only_large_and_lively_segments_alone(
    sizes: list[tuple[int, float]], above: int, below: int
) -> None:
    """Every group fits one segment and keeps the order; nothing that a generation covers is in one."""
    records = [SegmentRecord("s", Modality.IMAGE, n, rows, "") for n, (rows, _) in enumerate(sizes)]
    deaths = [int(rows * share) for rows, share in sizes]
    dead = [RowOfItem(n, row, row) for n, count in enumerate(deaths) for row in range(count)]
    groups = compaction.plan(GalleryState(1, tuple(records), tuple(dead), None), above=above, below=below)
    numbers = [record.number for group in groups for record in group]
    assert numbers == sorted(set(numbers))
    assert all(number > above for number in numbers)
    live = [rows - count for (rows, _), count in zip(sizes, deaths, strict=True)]
    for group in groups:
        assert sum(live[record.number] for record in group) <= compaction.MOST or len(group) == 1
    for record in records[above + 1 :]:
        if record.number in numbers:
            assert live[record.number] < below or deaths[record.number] >= 0.2 * record.rows
        if record.rows and deaths[record.number] / record.rows > 0.25:
            assert record.number in numbers
