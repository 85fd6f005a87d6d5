"""`vasari dedupe`: real files with copies of them, real catalog and vectors; only the model is small."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.grey import GreyLibrary
from tests.unit.catalogs import commit, facts
from vasari.api.cli.main import main
from vasari.indexer.duplicates import find_duplicates
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.errors import LibraryLockedError


def scene(seed: int) -> Image.Image:
    cells = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((120, 120), Image.Resampling.BICUBIC)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures: of one there are a smaller and a recompressed copy, of another one its exact copy."""
    folder = tmp_path / "photos"
    folder.mkdir()
    scene(1).save(folder / "a.png")
    scene(1).resize((60, 60)).save(folder / "a-small.png")
    scene(1).save(folder / "a-poor.jpg", quality=30)
    scene(2).save(folder / "b.png")
    (folder / "b-copy.png").write_bytes((folder / "b.png").read_bytes())
    scene(3).save(folder / "c.png")
    return folder


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        index(opened, FolderSource([photos]))
        yield opened


def names(library: GreyLibrary) -> list[list[str]]:
    """The files of each group, best first."""
    return [[Path(item.uri).name for item in group.items] for group in find_duplicates(library).groups]


def test_copies_are_listed_with_the_best_first(library: GreyLibrary, photos: Path) -> None:
    """More pixels win, then more bytes; what the others take could be reclaimed, and nothing is deleted."""
    assert sorted(names(library)) == [["a.png", "a-poor.jpg", "a-small.png"], ["b-copy.png", "b.png"]]
    report = find_duplicates(library)
    copies = ("a-poor.jpg", "a-small.png", "b.png")
    assert report.reclaimable_bytes == sum((photos / name).stat().st_size for name in copies)
    assert report.copies == 3
    assert len(list(photos.iterdir())) == library.catalog.items.count(Modality.IMAGE) == 6


def test_a_part_of_the_library_has_the_groups_among_its_own(library: GreyLibrary) -> None:
    """What is alone among the items allowed is in no group, and counts nothing; the best is the best of these."""
    hashes = library.catalog.perceptual_hashes
    ids = {
        Path(item.uri).name: item for item in (i for g in find_duplicates(library).groups for i in g.items)
    }
    part = np.sort([ids[name].id for name in ("a-poor.jpg", "a-small.png", "b.png")])
    (group,) = hashes.copies(part)
    assert group.ids == (ids["a-poor.jpg"].id, ids["a-small.png"].id)
    assert group.reclaimable_bytes == ids["a-small.png"].bytes
    assert hashes.copies(np.array([], dtype=np.int64)) == []
    library.catalog.items.delete([ids["b.png"].id])
    assert [len(found.ids) for found in hashes.copies()] == [3]


def test_indexing_leaves_nothing_to_compare(library: GreyLibrary) -> None:
    """Groups are made at index time: listing them needs no right to write, even while a job runs."""
    with GreyLibrary.open(library.root) as other, other.catalog.lease.acquire("vasari index"):
        assert find_duplicates(library).compared == 0


def test_changed_and_removed_files_leave_their_group(library: GreyLibrary, photos: Path) -> None:
    """After the next run the groups are those of the files that are there."""
    (photos / "b-copy.png").unlink()
    scene(4).save(photos / "a-small.png")
    index(library, FolderSource([photos]))
    assert names(library) == [["a.png", "a-poor.jpg"]]


def test_an_older_library_gets_its_hashes_here(library: GreyLibrary, photos: Path) -> None:
    """Pictures without a hash are read, those that are gone or changed are counted, and a job keeps out."""
    before = names(library)
    forget_hashes(library.catalog)
    (photos / "c.png").unlink()
    with (
        GreyLibrary.open(library.root) as other,
        other.catalog.lease.acquire("vasari index"),
        pytest.raises(LibraryLockedError),
    ):
        find_duplicates(library)
    report = find_duplicates(library)
    assert (report.compared, report.unreadable) == (5, 1)
    assert names(library) == before


def forget_hashes(catalog: Catalog) -> None:
    """Bring a catalog to where one of an older version stands: items without hashes."""
    catalog.spaces.ensure(EmbeddingSpace("old", "old", "weights", "preprocessing", 1))
    items = catalog.items.get(catalog.items.live_ids(Modality.IMAGE).tolist()).values()
    rows = [
        facts(
            item.id,
            item.uri,
            item.content_hash,
            **{name: getattr(item, name) for name in ("bytes", "mtime_ns", "width", "height")},
        )
        for item in items
    ]
    commit(catalog, *rows, space="old")


def test_the_command_prints_people_and_programs_what_they_need(
    library: GreyLibrary, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line a copy and the sum, or the same as JSON."""
    for words in (["dedupe"], ["dedupe", "--json", "--limit", "1"]):
        with pytest.raises(SystemExit) as ended:
            main([*words, "-L", str(library.root)])
        assert ended.value.code in (None, 0)
    lines, document = capsys.readouterr().out.split("\n{", 1)
    assert "best      120×120" in lines
    assert "2 groups with 3 copies beside the best" in lines
    report = json.loads("{" + document)
    assert (len(report["groups"]), report["copies"]) == (1, 3)
    assert {"id", "uri", "width", "height", "bytes", "format"} == set(report["groups"][0]["items"][0])
