"""`vasari move-root`: what lies in a folder lies elsewhere, and nothing else changes."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.grey import GreyLibrary, write_picture
from tests.unit.catalogs import found_by
from vasari.indexer.doctor import examine
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.catalog.records import KeyLimits
from vasari.retrieval.catalog.sqlite_reader import SqliteReader
from vasari.retrieval.domain import Caption, CaptionSource, Modality
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.library.relocation import ChangedFilter, Relocation, move_root
from vasari.retrieval.settings import Settings


@pytest.fixture
def library(tmp_path: Path, catalog_url: str) -> Iterator[GreyLibrary]:
    """A folder with pictures, an archive, a broken file and a sibling whose name begins alike, on each database."""
    photos = tmp_path / "photos"
    for number in range(3):
        write_picture(photos / "trip" / f"{number}.png", number)
    write_picture(tmp_path / "photos2" / "9.png", 9)
    write_picture(tmp_path / "10.png", 10)
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with tarfile.open(photos / "shard.tar", "w") as tar:
        tar.add(tmp_path / "10.png", "10.png")
    settings = Settings(library=tmp_path / "library", database_url=catalog_url)
    opened = GreyLibrary.open(tmp_path / "library", settings, create=True)
    opened.use_model("grey")
    for place in (photos, photos / "shard.tar", tmp_path / "photos2"):
        index(opened, choose_source([str(place)])[0], IndexOptions(batch_size=4))
    yield opened
    opened.close()


def uris(library: GreyLibrary) -> dict[int, str]:
    return {file.id: file.uri for file in library.catalog.items.known_files(Modality.IMAGE)}


def test_a_folder_moves_with_all_that_is_known(library: GreyLibrary, tmp_path: Path) -> None:
    """Items keep numbers, captions and vectors; failures go along; what only begins alike stays; no job has work."""
    before = uris(library)
    item = next(item for item, uri in before.items() if uri.endswith("trip/1.png"))
    library.catalog.annotations.set_captions(item, [Caption("a boat")], CaptionSource.USER)
    (tmp_path / "disk").mkdir()
    (tmp_path / "photos").rename(tmp_path / "disk" / "pictures")
    moved = move_root(library, str(tmp_path / "photos"), str(tmp_path / "disk" / "pictures"))
    after = uris(library)
    old, new = f"{tmp_path}/photos/", f"{tmp_path}/disk/pictures/"
    assert after == {number: uri.replace(old, new) for number, uri in before.items()}
    assert moved.moved == 4
    assert [failure.uri for failure in library.catalog.failures.latest()] == [f"{new}broken.png"]
    assert found_by(library.catalog.full_text, "boat") == [item]
    embedded = library.grey().embedded
    report = index(library, choose_source([new.rstrip("/")])[0])
    assert (report.added, report.removed, report.moved) == (0, 0, 0)
    assert library.grey().embedded == embedded
    assert examine(library) == []


def test_a_folder_holds_nothing_of_a_name_that_goes_on_with_a_hash(tmp_path: Path) -> None:
    """`trip` is neither `trip#2` nor `trip#3.png`, whose names only look like members of it; an archive has members."""
    photos = tmp_path / "photos"
    for number, name in enumerate(("trip/a.png", "trip#2/b.png", "trip#3.png")):
        write_picture(photos / name, number)
    with tarfile.open(photos / "t.tar", "w") as archive:
        archive.add(photos / "trip" / "a.png", "a.png")
    trip, shard = str(photos / "trip"), str(photos / "t.tar")
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, choose_source([photos])[0])
        index(library, choose_source([shard])[0])
        reader = SqliteReader.open(library.root / "catalog.sqlite3")
        assert reader is not None
        for catalog in (library.catalog, reader):
            for place, held in ((trip, [f"{trip}/a.png"]), (shard, [f"{shard}#a.png"])):
                files = catalog.items.known_files(Modality.IMAGE, [place])
                assert [file.uri for file in files] == held
        reader.close()
        assert move_root(library, trip, str(tmp_path / "elsewhere"), force=True).moved == 1
        assert move_root(library, shard, str(tmp_path / "other.tar"), force=True).moved == 1
        assert sorted(uri for uri in uris(library).values() if "#" in uri) == [
            f"{tmp_path}/other.tar#a.png",
            f"{trip}#2/b.png",
            f"{trip}#3.png",
        ]


def test_filters_that_name_the_folder_are_told(library: GreyLibrary, tmp_path: Path) -> None:
    """One that hides a folder by its name would show it from then on, and one that shows it would hide it."""
    catalog, trip = library.catalog, tmp_path / "photos" / "trip"
    for name, text in (
        ("family", f'folder:"{trip}"'),
        ("guests", f'not folder:"{trip}"'),
        ("wide", "width > 1"),
    ):
        catalog.keys.add(name, name, ["search"], KeyLimits(filter=text))
    ended = KeyLimits(filter=f'folder:"{trip}"', expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    catalog.keys.add("ended", "ended", ["search"], ended)
    catalog.albums.create("Trip", filter="folder:trip")
    catalog.albums.create("Wide", filter="width > 1")
    catalog.albums.create("By hand")
    done = move_root(library, str(trip), str(tmp_path / "elsewhere"), force=True)
    assert done == Relocation(
        3,
        (
            ChangedFilter("key 1 (family)", f'folder:"{trip}"', lost=3, gained=0),
            ChangedFilter("key 2 (guests)", f'not folder:"{trip}"', lost=0, gained=3),
            ChangedFilter("album Trip", "folder:trip", lost=3, gained=0),
        ),
    )


def test_a_folder_moves_into_itself_and_back(library: GreyLibrary, tmp_path: Path) -> None:
    """A new name may be an old one of another item that moves, too."""
    before = uris(library)
    folder = str(tmp_path / "photos")
    move_root(library, folder, f"{folder}/trip", force=True)
    assert f"{folder}/trip/trip/0.png" in uris(library).values()
    move_root(library, f"{folder}/trip", folder)
    assert uris(library) == before


def test_what_cannot_be_moved_is_told(library: GreyLibrary, tmp_path: Path) -> None:
    """A place that is not there, one that holds nothing, and one that is taken; nothing changes then."""
    before = uris(library)
    photos = tmp_path / "photos"
    with pytest.raises(NotFoundError, match="--force"):
        move_root(library, str(photos), str(tmp_path / "nowhere"))
    with pytest.raises(NotFoundError, match="nothing in"):
        move_root(library, str(tmp_path / "phot"), str(tmp_path))
    with pytest.raises(UsageError, match="one place"):
        move_root(library, str(photos), f"{photos}/")
    write_picture(tmp_path / "photos2" / "0.png", 30)
    index(library, choose_source([str(tmp_path / "photos2")])[0])
    taken = uris(library)
    with pytest.raises(UsageError, match=r"photos2/0\.png"):
        move_root(library, str(photos / "trip"), str(tmp_path / "photos2"))
    assert uris(library) == taken
    assert set(before) < set(taken)
