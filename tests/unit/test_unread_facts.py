"""Pictures that were indexed before all metadata was read: the next job asks their files, and embeds nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from PIL import Image
from sqlalchemy import text

from tests.grey import GreyLibrary
from tests.unit.catalogs import found_by
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.progress import IndexReport, ProgressEvent
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.database import Database
from vasari.retrieval.catalog.migrate import MIGRATIONS
from vasari.retrieval.domain import Modality
from vasari.retrieval.settings import Settings

_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>harbour</rdf:li>'
    "</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
)
Reopen = Callable[[], GreyLibrary]


def write_photo(path: Path, grey: int) -> None:
    """A photo taken in Lisbon with a keyword in its XMP."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (38.0, 43.0, 0.0), 3: "W", 4: (9.0, 8.0, 0.0)})
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (16, 16), (grey, grey, grey)).save(path, exif=exif, xmp=_XMP.encode())


def run(library: GreyLibrary, folder: Path) -> IndexReport:
    return index(library, FolderSource([folder]), IndexOptions(decode_threads=1))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        write_photo(tmp_path / "photos" / f"{number}.jpg", 40 * number)
    return tmp_path / "photos"


@pytest.fixture
def older(photos: Path, tmp_path: Path, empty_url: str) -> Iterator[Reopen]:
    """A library of three photos as a version left it that read no metadata; a person wrote about the first."""
    root, settings = tmp_path / "library", Settings(library=tmp_path / "library", database_url=empty_url)
    with GreyLibrary.open(root, settings, create=True) as library:
        run(library, photos)
        item = library.catalog.items.by_uri(str(photos / "0.jpg"))
        assert item is not None
        library.catalog.annotations.set_attributes(item.id, {"city": "Lissabon", "country": None})
    database = Database(empty_url)
    with database.write_unchecked() as connection:
        connection.execute(text("UPDATE items SET attributes = user_attributes, updated_at = added_at"))
        connection.execute(text("UPDATE descriptions SET facts = '{}'"))
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.downgrade(config, "0012")
    database.close()
    opened: list[GreyLibrary] = []

    def reopen() -> GreyLibrary:
        opened.append(GreyLibrary.open(root, settings))
        return opened[-1]

    yield reopen
    for library in opened:
        library.close()


def attributes(library: GreyLibrary, photo: Path) -> dict[str, object]:
    item = library.catalog.items.by_uri(str(photo))
    assert item is not None
    return dict(library.items([item.id])[item.id].attributes)


def test_what_files_say_is_added_below_what_people_said(older: Reopen, photos: Path) -> None:
    """Places and keywords come, and can be searched; a person's words stay; nothing is embedded, and only once."""
    library = older()
    report = run(library, photos)
    assert (report.facts, report.unchanged, report.changed, library.grey().embedded) == (3, 3, 0, 0)
    (note,) = report.notes
    assert note.startswith("3 pictures were indexed before IPTC, XMP and places were read")
    said = attributes(library, photos / "1.jpg")
    assert (said["city"], said["country"], said["keywords"]) == ("Lisbon", "Portugal", ["harbour"])
    written = attributes(library, photos / "0.jpg")
    assert written["city"] == "Lissabon"
    assert written.get("country") is None
    assert written["keywords"] == ["harbour"]
    assert found_by(library.catalog.full_text, "harbour") == [1, 2, 3]
    revision = library.catalog.revision()
    assert (run(library, photos).facts, library.catalog.revision()) == (0, revision)


def test_what_was_stopped_goes_on(older: Reopen, photos: Path) -> None:
    """A job that is stopped before has asked none; the next asks all that lie where it looks."""
    library, stop = older(), threading.Event()

    class Stopping:
        def update(self, event: ProgressEvent) -> None:
            if event.phase != "listing":
                stop.set()

    stop.set()
    index(library, FolderSource([photos]), progress=Stopping(), stop=stop)
    assert len(library.catalog.unread_facts.ids()) == 3
    assert run(library, photos / "2.jpg").facts == 1
    assert run(library, photos).facts == 2
    assert library.catalog.unread_facts.ids() == frozenset()


def test_files_that_tell_nothing_now_wait_or_are_left(older: Reopen, photos: Path) -> None:
    """A changed file is read as always, a missing one keeps waiting, a purged one is forgotten."""
    library = older()
    write_photo(photos / "1.jpg", 200)
    (photos / "2.jpg").rename(photos.parent / "2.jpg")
    report = run(library, photos)
    assert (report.facts, report.updated, report.removed) == (1, 1, 1)
    assert attributes(library, photos / "1.jpg")["city"] == "Lisbon"
    (missing,) = library.catalog.unread_facts.ids()
    (photos.parent / "2.jpg").rename(photos / "2.jpg")
    assert run(library, photos).restored == 1
    assert run(library, photos).facts == 1
    (photos / "2.jpg").unlink()
    run(library, photos)
    assert library.catalog.items.purge([missing]) == 1


def test_a_new_library_has_nothing_to_ask(photos: Path, tmp_path: Path) -> None:
    """What is indexed now is read in full at once."""
    with GreyLibrary.open(tmp_path / "new", create=True) as library:
        assert run(library, photos).facts == 0
        assert library.catalog.unread_facts.ids() == frozenset()
        assert library.catalog.items.count(Modality.IMAGE) == 3
