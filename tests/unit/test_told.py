"""What sources say of pictures and what people say: neither takes the other's words away."""

from __future__ import annotations

import json
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from tests.grey import GreyLibrary, write_picture
from tests.unit.catalogs import found_by
from vasari.api.cli.render import summary
from vasari.indexer.exchange.exporting import export
from vasari.indexer.exchange.importing import import_
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.detect import Reading, choose_source
from vasari.indexer.sources.source import SourceKind
from vasari.retrieval.catalog.database import Database
from vasari.retrieval.catalog.tables import descriptions, items
from vasari.retrieval.domain import Caption, CaptionSource, Item
from vasari.retrieval.settings import Settings

FILE, USER = CaptionSource.FILE, CaptionSource.USER


@pytest.fixture
def library(tmp_path: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture
def either_library(catalog_url: str, tmp_path: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", Settings(database_url=catalog_url), create=True) as opened:
        yield opened


def run(library: GreyLibrary, place: Path, kind: SourceKind | None = None) -> IndexReport:
    return index(library, choose_source([place], Reading(kind))[0], IndexOptions(batch_size=4))


def item(library: GreyLibrary, uri: Path | str) -> Item:
    found = library.catalog.items.by_uri(str(uri))
    assert found is not None
    return found


def said(library: GreyLibrary, uri: Path | str) -> list[tuple[str, str]]:
    return [(caption.text, caption.source.value) for caption in item(library, uri).captions]


def by_person(library: GreyLibrary, uri: Path | str, *sentences: str) -> None:
    number = item(library, uri).id
    library.catalog.annotations.set_captions(number, [Caption(sentence) for sentence in sentences], USER)


def in_ledger(library: GreyLibrary) -> list[str]:
    return [failure.uri for failure in library.catalog.failures.latest()]


def test_a_broken_sidecar_is_a_failure_until_it_is_mended_or_gone(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """Its picture is indexed; an unchanged run keeps the entry and counts it."""
    photos = tmp_path / "photos"
    for shade, name in enumerate("abc"):
        write_picture(photos / f"{name}.png", 20 + shade * 60)
        (photos / f"{name}.txt").write_text("a boat")
        (photos / f"{name}.json").write_text('{"stars": ')
    first = run(library, photos)
    assert (first.added, first.failed) == (3, 3)
    assert said(library, photos / "a.png") == [("a boat", "file")]
    again = run(library, photos)
    assert (again.unchanged, again.failed) == (3, 3)
    assert sorted(in_ledger(library)) == [str(photos / f"{name}.json") for name in "abc"]
    (photos / "a.json").write_text('{"stars": 3}')
    (photos / "b.json").unlink()
    (photos / "c.json").write_text('{"stars": 3')
    assert run(library, photos).failed == 1
    assert in_ledger(library) == [str(photos / "c.json")]
    (photos / "c.png").unlink()
    run(library, photos)
    assert in_ledger(library) == []


def test_a_broken_sidecar_in_an_archive_is_a_failure_too(library: GreyLibrary, tmp_path: Path) -> None:
    """Under the member's uri."""
    shard = tmp_path / "shard.zip"
    write_picture(tmp_path / "a.png", 20)

    def pack(facts: str) -> IndexReport:
        with zipfile.ZipFile(shard, "w") as archive:
            archive.write(tmp_path / "a.png", "a.png")
            archive.writestr("a.json", facts)
        return run(library, shard)

    assert (pack("{").added, run(library, shard).failed) == (1, 1)
    assert in_ledger(library) == [f"{shard}#a.json"]
    assert pack('{"caption": "a mended boat"}').failed == 0
    assert in_ledger(library) == []


class Pairs:
    """A text beside the picture."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "p"
        self.uri = str(self.place / "a.png")
        write_picture(self.place / "a.png", 1)
        write_picture(self.place / "b.png", 2)
        (self.place / "b.txt").write_text("another")

    def write(self, sentence: str | None) -> None:
        text = self.place / "a.txt"
        text.unlink(missing_ok=True)
        if sentence is not None:
            text.write_text(sentence)

    def touch(self) -> None:
        os.utime(self.place / "a.png", ns=(5, 5))


class Table:
    """A row of a table."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "t.csv"
        self.uri = str(folder / "a.png")
        write_picture(folder / "a.png", 1)
        write_picture(folder / "b.png", 2)

    def write(self, sentence: str | None) -> None:
        column = ",caption" if sentence is not None else ""
        value = f",{sentence}" if sentence is not None else ""
        self.place.write_text(f"image{column}\na.png{value}\nb.png{column and ',x'}\n")

    def touch(self) -> None:
        os.utime(self.uri, ns=(5, 5))


class Archive:
    """A member of an archive."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "s.tar"
        self.uri = f"{self.place}#a.png"
        self.folder = folder / "members"
        write_picture(self.folder / "a.png", 1)

    def write(self, sentence: str | None) -> None:
        with tarfile.open(self.place, "w") as tar:
            tar.add(self.folder / "a.png", "a.png")
            if sentence is not None:
                (self.folder / "a.txt").write_text(sentence)
                tar.add(self.folder / "a.txt", "a.txt")

    def touch(self) -> None:
        os.utime(self.place, ns=(5, 5))


Way = Callable[[Path], Pairs | Table | Archive]
WAYS = pytest.mark.parametrize("way", [Pairs, Table, Archive])


@WAYS
def test_what_a_source_does_not_say_any_more_is_gone(
    either_library: GreyLibrary, tmp_path: Path, way: Way
) -> None:
    """Changed, emptied, deleted: the picture has the caption that its source has now, found by its words."""
    library, source = either_library, way(tmp_path)
    source.write("a red boat")
    run(library, source.place)
    number = item(library, source.uri).id
    embedded = library.grey().embedded
    for sentence in ("a blue boat", "", "a green boat", None):
        source.write(sentence)
        run(library, source.place)
        assert said(library, source.uri) == ([(sentence, "file")] if sentence else [])
        found = found_by(library.catalog.full_text, "boat")
        assert found == ([number] if sentence else [])
    assert library.grey().embedded == embedded


@WAYS
def test_a_persons_words_stay_until_the_source_says_something_else(
    either_library: GreyLibrary, tmp_path: Path, way: Way
) -> None:
    """They take the place of the source's; a touched file brings nothing back, a new word is shown beside them."""
    library, source = either_library, way(tmp_path)
    source.write("from the file")
    run(library, source.place)
    by_person(library, source.uri, "my own words")
    for change in ("nothing", "touched", "written again"):
        if change == "touched":
            source.touch()
        elif change == "written again":
            source.write("from the file")
        run(library, source.place)
        assert said(library, source.uri) == [("my own words", "user")]
    source.write("something else")
    run(library, source.place)
    assert sorted(said(library, source.uri)) == [("my own words", "user"), ("something else", "file")]
    source.write(None)
    run(library, source.place)
    assert said(library, source.uri) == [("my own words", "user")]
    by_person(library, source.uri)
    run(library, source.place)
    assert said(library, source.uri) == []


def test_another_column_of_a_table_brings_no_caption_back(
    either_library: GreyLibrary, tmp_path: Path
) -> None:
    """A person's words replaced the caption, and that is the same as before."""
    library, uri = either_library, tmp_path / "a.png"
    write_picture(uri, 1)
    table = tmp_path / "t.csv"
    table.write_text("image,caption,year\na.png,a boat,1999\n")
    run(library, table)
    by_person(library, uri, "our boat")
    table.write_text("image,caption,year\na.png,a boat,2001\n")
    run(library, table)
    assert item(library, uri).attributes == {"year": 2001}
    assert said(library, uri) == [("our boat", "user")]
    table.write_text("image,caption,year\na.png,a ship,2002\n")
    run(library, table)
    assert sorted(said(library, uri)) == [("a ship", "file"), ("our boat", "user")]


def test_attributes_of_file_source_and_person_lie_over_each_other(
    either_library: GreyLibrary, tmp_path: Path
) -> None:
    """A person's stay, or stay away, whatever the source says; what the source drops goes."""
    library, uri = either_library, str(tmp_path / "a.png")
    write_picture(tmp_path / "a.png", 1)
    table = tmp_path / "t.csv"
    table.write_text("image,year,place,rating\na.png,1999,Rome,1\n")
    run(library, table)
    library.catalog.annotations.set_attributes(
        item(library, uri).id, {"rating": 5, "place": None, "mine": True}
    )
    assert item(library, uri).attributes == {"year": 1999, "rating": 5, "mine": True}
    table.write_text("image,year,place,rating\na.png,2001,Paris,2\n")
    run(library, table)
    assert item(library, uri).attributes == {"year": 2001, "rating": 5, "mine": True}
    write_picture(tmp_path / "a.png", 7)  # edited
    run(library, table)
    assert item(library, uri).attributes == {"year": 2001, "rating": 5, "mine": True}
    table.write_text("image,year\na.png,\n")
    run(library, table)
    assert item(library, uri).attributes == {"rating": 5, "mine": True}


def test_a_row_that_is_gone_takes_its_words_along(library: GreyLibrary, tmp_path: Path) -> None:
    """The picture stays, for a table speaks of no files; but a table that lost most of its rows is doubted."""
    for number in range(5):
        write_picture(tmp_path / f"{number}.png", number)
    table = tmp_path / "t.csv"
    rows = [f"{number}.png,number {number}\n" for number in range(5)]
    table.write_text("image,caption\n" + "".join(rows))
    run(library, table)
    table.write_text("image,caption\n" + "".join(rows[:4]))
    assert run(library, table).withheld == ()
    assert (said(library, tmp_path / "4.png"), said(library, tmp_path / "3.png")) == (
        [],
        [("number 3", "file")],
    )
    table.write_text("image,caption\n" + rows[0])
    (doubt,) = run(library, table).withheld
    assert (doubt.place, doubt.held, doubt.vanished) == (str(table), 4, 3)
    assert said(library, tmp_path / "3.png") == [("number 3", "file")]


def test_a_folder_without_texts_leaves_what_a_table_says(library: GreyLibrary, tmp_path: Path) -> None:
    """Only the source that said it can take it back."""
    source = Table(tmp_path)
    source.write("from the table")
    run(library, source.place)
    for kind in (None, SourceKind.FOLDER):
        assert run(library, tmp_path, kind).changed == 0
        assert said(library, source.uri) == [("from the table", "file")]


def test_the_last_text_that_is_deleted_is_noticed(library: GreyLibrary, tmp_path: Path) -> None:
    """A folder of pictures that had texts once is still asked for them; `--source folder` asks for none."""
    write_picture(tmp_path / "p" / "a.png", 1)
    (tmp_path / "p" / "a.txt").write_text("a caption")
    run(library, tmp_path / "p")
    run(library, tmp_path / "p", SourceKind.FOLDER)
    assert said(library, tmp_path / "p" / "a.png") == [("a caption", "file")]
    (tmp_path / "p" / "a.txt").unlink()
    report = run(library, tmp_path / "p")
    assert (report.described, report.unchanged) == (1, 0)
    assert summary(report).startswith("0 added, 1 described anew in ")
    assert said(library, tmp_path / "p" / "a.png") == []


def test_a_library_of_an_older_version_learns_which_words_are_the_sources(
    either_library: GreyLibrary, catalog_url: str, tmp_path: Path
) -> None:
    """What the source says now is the source's; all else that was kept as a person's stays a person's."""
    library, source = either_library, Pairs(tmp_path)
    (source.place / "a.json").write_text(json.dumps({"year": 1999, "place": "Rome"}))
    source.write("from the file")
    run(library, source.place)
    number = item(library, source.uri).id
    library.catalog.annotations.set_captions(
        number, [Caption("from the file"), Caption("my own words")], USER
    )
    library.catalog.annotations.set_attributes(number, {"year": 1999, "rating": 4})
    database = Database(catalog_url)
    with database.write() as connection:  # as an older version left it
        connection.execute(delete(descriptions))
        connection.execute(update(items).values(ctime_ns=-(10**18)))
    database.close()
    run(library, source.place)
    assert sorted(said(library, source.uri)) == [("from the file", "file"), ("my own words", "user")]
    source.write(None)
    (source.place / "a.json").unlink()
    run(library, source.place)
    assert said(library, source.uri) == [("my own words", "user")]
    assert item(library, source.uri).attributes == {"rating": 4}


@pytest.mark.parametrize("name", ["all.parquet", "all.jsonl"])
def test_who_said_what_travels_with_an_export(library: GreyLibrary, tmp_path: Path, name: str) -> None:
    """A caption of a source is still one in the library that it comes into, and gives way to a person there."""
    source = Pairs(tmp_path)
    source.write("from the file")
    run(library, source.place)
    export(library, tmp_path / name)
    with GreyLibrary.open(tmp_path / "other", create=True) as other:
        import_(other, tmp_path / name)
        assert said(other, source.uri) == [("from the file", "file")]
        by_person(other, source.uri, "my own words")
        assert said(other, source.uri) == [("my own words", "user")]
