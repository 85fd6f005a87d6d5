"""A library that version 0.1.0 made is opened, searched, indexed again and found sound; nothing of it is lost."""

from __future__ import annotations

import os
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from vasari.indexer.doctor import examine
from vasari.indexer.job import index
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.encoding import uri_key
from vasari.retrieval.domain import Modality, SearchRequest, Term, TermKind
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.registry.fingerprints import locate, resolve, weights_fingerprint
from vasari.retrieval.models.registry.hub import HubAccess
from vasari.retrieval.models.registry.presets import reference_of
from vasari.retrieval.settings import Settings

MADE = Path(__file__).parents[1] / "data" / "library-0.1.0.zip"  # by make_library_0_1_0.sh, beside it
FIRST = "/var/tmp/vasari-0.1.0"  # where it lay
WRITTEN = {
    "tags": "SELECT content_hash, tag FROM tags JOIN items ON id = item_id",
    "captions": "SELECT content_hash, c.text, language, source FROM captions c JOIN items i ON i.id = item_id",
    "by people": "SELECT content_hash, user_attributes FROM items WHERE user_attributes <> '{}'",
    "items": "SELECT id, content_hash, bytes, width, height, text FROM items WHERE deleted_at IS NULL",
    "vectors": "SELECT item_id, name FROM embeddings JOIN spaces ON spaces.id = space_id",
    "failures": "SELECT uri, stage FROM failures",
    "keys": "SELECT name, key_hash, scopes FROM api_keys",
}


def content(catalog: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that nobody could make again, as the database has it."""
    with closing(sqlite3.connect(catalog)) as database:
        return {what: sorted(database.execute(query), key=repr) for what, query in WRITTEN.items()}


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library and its pictures, unpacked; the catalog says they have always been here."""
    folder = tmp_path_factory.mktemp("older").resolve()
    with zipfile.ZipFile(MADE) as archive:
        archive.extractall(folder)
    with closing(sqlite3.connect(folder / "library" / "catalog.sqlite3")) as database, database:
        for table in ("items", "failures"):
            for (uri,) in database.execute(f"SELECT uri FROM {table}").fetchall():
                here = uri.replace(FIRST, str(folder))
                database.execute(
                    f"UPDATE {table} SET uri = ?, uri_key = ? WHERE uri = ?", (here, uri_key(here), uri)
                )
        for uri, modified in database.execute("SELECT uri, mtime_ns FROM items WHERE deleted_at IS NULL"):
            if Path(uri).is_file():
                os.utime(uri, ns=(modified, modified))
    return folder


@pytest.fixture(scope="module")
def before(older: Path) -> dict[str, list[tuple[object, ...]]]:
    return content(older / "library" / "catalog.sqlite3")


@pytest.fixture(scope="module")
def library(older: Path, before: object) -> Iterator[Library]:
    settings = Settings(library=older / "library", offline=True, threads=1)
    with Library.open(settings=settings) as opened:
        yield opened


def pictures(library: Library, folder: Path) -> IndexReport:
    return index(library, FolderSource([folder], limits=library.image_limits))


def test_it_is_searched_by_words_before_anything_was_changed(library: Library) -> None:
    """Seven pictures, one of them an upload; the first one found is the one that 0.1.0 found."""
    hits = library.search("a red boat").hits
    assert len(hits) == 7
    assert Path(hits[0].item.uri).name == "000007.jpg"
    assert hits[0].score == pytest.approx(0.349, abs=0.002)
    texts = library.search(SearchRequest((Term(TermKind.TEXT, text="snow"),), modality=Modality.TEXT)).hits
    assert texts[0].item.text == "snow falls on a village"


def test_what_was_written_is_found_by_filters_and_by_words(library: Library) -> None:
    """Tags, captions and attributes answer as they did."""
    for condition in ("tag = été", "rating >= 5", 'attr.album.name = "drawn"'):
        found = library.catalog.filters.matching(condition, Modality.IMAGE)
        assert [Path(item.uri).name for item in library.items(found.tolist()).values()] == ["000001.jpg"]
    assert len(library.catalog.full_text.search("drawn ones", Modality.IMAGE, 10, None)) == 1


def test_indexing_it_again_changes_nothing(
    library: Library, older: Path, before: dict[str, list[tuple[object, ...]]]
) -> None:
    """No file is embedded again, the broken one fails as before, and the doctor finds it sound."""
    report = pictures(library, older / "pictures")
    assert (report.added, report.updated, report.removed, report.unchanged) == (0, 0, 0, 6)
    assert content(older / "library" / "catalog.sqlite3") == before
    assert examine(library) == []


def test_its_second_space_is_there(library: Library) -> None:
    """Vectors of another model are found by vectors."""
    space = library.space("grey")
    first = library.catalog.items.by_uri(str(library.root.parent / "pictures" / "000001.jpg"))
    assert first is not None
    gallery = library.gallery(Modality.IMAGE, space)
    ids, *_ = gallery.search(library.vectors_of([first.id], space), 1)
    assert ids.tolist() == [[first.id]]


def test_a_folder_that_moved_keeps_what_was_written(
    library: Library, older: Path, before: dict[str, list[tuple[object, ...]]]
) -> None:
    """Below a new root, which 0.1.0 took for new pictures, they are known by their content."""
    moved = (older / "pictures").rename(older / "elsewhere")
    report = pictures(library, moved)
    assert (report.added, report.moved, report.removed) == (0, 6, 0)
    after = content(older / "library" / "catalog.sqlite3")
    assert {**after, "failures": 0} == {**before, "failures": 0}
    assert examine(library) == []


def test_it_has_the_weights_that_made_its_space(library: Library) -> None:
    """The built-in model has others by now: a space goes on with those that it was made with, a new one has the new."""
    space = library.space()
    pinned = reference_of(space)
    assert pinned == f"scenes@{space.weights_fingerprint[:8]}"
    earlier, now = (locate(resolve(reference), HubAccess(offline=True)) for reference in (pinned, "scenes"))
    assert (
        weights_fingerprint(earlier.weights) == space.weights_fingerprint != weights_fingerprint(now.weights)
    )
    assert reference_of(replace(space, weights_fingerprint=weights_fingerprint(now.weights))) == "scenes"
    assert library.encoder(space).space == space
