"""Libraries that released versions made are opened, searched, indexed again and found sound; nothing is lost.

Each version that is released has its file in tests/data, made by the script beside it; a version with another form of
the catalog than the one before has one with PostgreSQL, too.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.conftest import postgres_database
from tests.unit.catalogs import found_by
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

ROOT = Path(__file__).parents[2]
MADE = ROOT / "tests" / "data"  # by make_library_….sh, beside them


@dataclass(frozen=True)
class Release:
    """A library as a version leaves it, and what that version answered."""

    version: str
    best: tuple[str, float]  # of "a red boat": name and cosine
    pictures: int  # with an upload
    listed: int  # in the folder, without a broken one
    missing: int = 0  # pictures that were gone, with what was written of them
    database: str = "sqlite"

    @property
    def first_place(self) -> str:
        """Where it lay."""
        return f"/var/tmp/vasari-{self.version}"


RELEASES = [
    Release("0.1.0", ("000007.jpg", 0.349), pictures=7, listed=6),
    Release("0.2.0", ("000000.jpg", 0.171), pictures=8, listed=7, missing=1),
    Release("0.2.0", ("000000.jpg", 0.171), pictures=8, listed=7, missing=1, database="postgresql"),
]
WRITTEN = {
    "tags": "SELECT content_hash, tag FROM tags JOIN items ON id = item_id",
    "captions": "SELECT content_hash, c.text, language, source FROM captions c JOIN items i ON i.id = item_id",
    "by people": "SELECT content_hash, user_attributes FROM items WHERE user_attributes <> '{}'",
    "items": "SELECT id, content_hash, bytes, width, height, text FROM items WHERE deleted_at IS NULL",
    "vectors": "SELECT item_id, name FROM embeddings JOIN spaces ON spaces.id = space_id",
    "failures": "SELECT uri, stage FROM failures",
    "keys": "SELECT name, key_hash, scopes FROM api_keys",
}
Content = dict[str, list[tuple[object, ...]]]


@dataclass(frozen=True)
class Older:
    """A library of an earlier release and its pictures, unpacked; the catalog says they have always been here."""

    release: Release
    folder: Path
    root: Path
    database: str  # its URL

    def settings(self) -> Settings:
        url = self.database if self.release.database == "postgresql" else None
        return Settings(library=self.root, database_url=url, offline=True, threads=1)


def content(database: str) -> Content:
    """All that nobody could make again, as the database has it."""
    engine = create_engine(database)
    with engine.connect() as connection:
        found = {
            what: sorted((tuple(row) for row in connection.execute(text(query))), key=repr)
            for what, query in WRITTEN.items()
        }
    engine.dispose()
    return found


def execute_dump(database: str, dump: Path) -> None:
    """Fill an empty PostgreSQL database by the statements that pg_dump wrote."""
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.connection.cursor().execute(dump.read_bytes())
    engine.dispose()


def settle(database: str, first: str, here: Path) -> None:
    """Say in the catalog that the pictures have always been here, and give the files their times again."""
    engine = create_engine(database)
    with engine.begin() as connection:
        for table in ("items", "failures"):
            for (uri,) in connection.execute(text(f"SELECT uri FROM {table}")).fetchall():
                now = uri.replace(first, str(here))
                connection.execute(
                    text(f"UPDATE {table} SET uri = :now, uri_key = :key WHERE uri = :uri"),
                    {"now": now, "key": uri_key(now), "uri": uri},
                )
        for uri, modified in connection.execute(
            text("SELECT uri, mtime_ns FROM items WHERE deleted_at IS NULL")
        ):
            if Path(uri).is_file():
                os.utime(uri, ns=(modified, modified))
    engine.dispose()


@pytest.fixture(scope="module", params=RELEASES, ids=lambda release: f"{release.version}-{release.database}")
def older(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Older]:
    release: Release = request.param
    folder = tmp_path_factory.mktemp("older").resolve()
    with zipfile.ZipFile(MADE / f"library-{release.version}.zip") as archive:
        archive.extractall(folder)
    root = folder / "library"
    with ExitStack() as stack:
        if release.database == "postgresql":
            root = folder / "library-postgresql"
            server = request.getfixturevalue("postgres_server")
            database = stack.enter_context(postgres_database(server))
            execute_dump(database, root / "catalog.sql")
        else:
            database = f"sqlite:///{root / 'catalog.sqlite3'}"
        settle(database, release.first_place, folder)
        yield Older(release, folder, root, database)


@pytest.fixture(scope="module")
def before(older: Older) -> Content:
    return content(older.database)


@pytest.fixture(scope="module")
def library(older: Older, before: object) -> Iterator[Library]:
    with Library.open(settings=older.settings()) as opened:
        yield opened


def pictures(library: Library, folder: Path) -> IndexReport:
    return index(library, FolderSource([folder], limits=library.image_limits))


def test_every_released_version_has_a_library() -> None:
    """A release without one is not tested: CONTRIBUTING.md says how it is made."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = set(re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.MULTILINE))
    assert released <= {release.version for release in RELEASES}


def test_it_is_searched_by_words_before_anything_was_changed(library: Library, older: Older) -> None:
    """All pictures, one of them an upload; the first one found is the one that its version found."""
    hits = library.search("a red boat").hits
    assert len(hits) == older.release.pictures
    name, score = older.release.best
    assert Path(hits[0].item.uri).name == name
    assert hits[0].score == pytest.approx(score, abs=0.002)
    texts = library.search(SearchRequest((Term(TermKind.TEXT, text="snow"),), modality=Modality.TEXT)).hits
    assert texts[0].item.text == "snow falls on a village"


def test_what_was_written_is_found_by_filters_and_by_words(library: Library, older: Older) -> None:
    """Tags, captions and attributes answer as they did."""
    attribute = "album" if older.release.version == "0.1.0" else "camera"
    for condition in ("tag = été", "rating >= 5", f'attr.{attribute}.name = "drawn"'):
        found = library.catalog.filters.matching(condition, Modality.IMAGE)
        assert [Path(item.uri).name for item in library.items(found.tolist()).values()] == ["000001.jpg"]
    assert len(found_by(library.catalog.full_text, "drawn ones")) == 1


def test_indexing_it_again_changes_nothing(library: Library, older: Older, before: Content) -> None:
    """No file is embedded again, the broken one fails as before, and the doctor finds it sound."""
    report = pictures(library, older.folder / "pictures")
    unchanged = (report.added, report.updated, report.removed, report.unchanged)
    assert unchanged == (0, 0, 0, older.release.listed)
    assert content(older.database) == before
    assert examine(library) == []


def test_its_second_space_is_there(library: Library, older: Older) -> None:
    """Vectors of another model are found by vectors."""
    space = library.space("grey")
    first = library.catalog.items.by_uri(str(older.folder / "pictures" / "000001.jpg"))
    assert first is not None
    gallery = library.gallery(Modality.IMAGE, space)
    ids, *_ = gallery.search(library.vectors_of([first.id], space), 1)
    assert ids.tolist() == [[first.id]]


def test_a_folder_that_moved_keeps_what_was_written(library: Library, older: Older, before: Content) -> None:
    """Below a new root, which 0.1.0 took for new pictures, they are known by their content."""
    moved = (older.folder / "pictures").rename(older.folder / "elsewhere")
    report = pictures(library, moved)
    assert (report.added, report.moved, report.removed) == (0, older.release.listed, 0)
    after = content(older.database)
    assert {**after, "failures": 0} == {**before, "failures": 0}
    assert examine(library) == []


def test_a_missing_picture_comes_back_with_its_words(library: Library, older: Older) -> None:
    """A file that was gone when its version last looked is known again by its content; 0.1.0 had forgotten such."""
    waiting = library.catalog.items.missing()
    assert len(waiting) == older.release.missing
    [upload] = (older.root / "uploads").rglob("*.jpg")
    for item in waiting:  # its content was that of the upload, and a letter
        (older.folder / "elsewhere" / "back.jpg").write_bytes(upload.read_bytes() + b"x")
        report = pictures(library, older.folder / "elsewhere")
        assert (report.added, report.restored) == (0, 1)
        assert library.catalog.filters.matching("tag = missed", Modality.IMAGE).tolist() == [item]
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
