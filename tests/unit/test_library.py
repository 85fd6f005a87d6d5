"""The library from Python: open, add, search, remove. Catalog, files and vectors are real, the model knows colours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.colours import ColourLibrary, picture
from vasari.indexer.build import rebuild
from vasari.retrieval.domain import Caption, SearchRequest, Term, TermKind
from vasari.retrieval.errors import ImageError, LibraryLockedError, NotFoundError, UsageError
from vasari.retrieval.library.upload import NewPicture, Notes
from vasari.retrieval.search.relevance import BACKGROUND
from vasari.retrieval.settings import Settings


@pytest.fixture
def library(tmp_path: Path) -> Iterator[ColourLibrary]:
    with ColourLibrary.open(tmp_path / "library", create=True) as opened:
        yield opened


def file(folder: Path, colour: str, name: str | None = None) -> Path:
    path = folder / f"{name or colour}.png"
    path.write_bytes(picture(colour))
    return path


def found(library: ColourLibrary, words: str) -> list[str]:
    """Names of the files found, best first."""
    return [Path(hit.item.uri).stem for hit in library.search(words).hits]


def test_five_lines_fill_search_and_clear_a_library(tmp_path: Path) -> None:
    """A library is opened, filled, searched and emptied without another part of the program."""
    red, blue = file(tmp_path, "red"), file(tmp_path, "blue")
    with ColourLibrary.open(tmp_path / "new", create=True) as library:
        library.add(red, str(blue))
        assert found(library, "blue") == ["blue", "red"]
        library.remove(blue)
        assert found(library, "blue") == ["red"]


def test_a_file_added_twice_is_one_item(library: ColourLibrary, tmp_path: Path) -> None:
    """What is there with the same content is not embedded again, within one call and between calls."""
    red = file(tmp_path, "red")
    first = library.add(red, red)
    assert first[0] == first[1]
    assert library.add(red) == first[:1]
    assert library.model.image_batches == [2]
    assert len(library.search("red").hits) == 1


def test_a_changed_file_updates_its_item(library: ColourLibrary, tmp_path: Path) -> None:
    """The item keeps its number, and searches see the new picture alone."""
    (item,) = library.add(file(tmp_path, "red", "boat"))
    assert library.add(file(tmp_path, "green", "boat")) == [item]
    (hit,) = library.search("green").hits
    assert hit.item.id == item
    assert hit.score == pytest.approx(1, abs=1e-3)


def test_bytes_are_stored_by_their_content(library: ColourLibrary) -> None:
    """Bytes without a name lie in the library, once, and go when their item goes."""
    (item, again) = library.add(picture("red"), picture("red"))
    stored = library.items([item])[item].path
    assert item == again
    assert stored is not None
    assert stored.is_relative_to(library.root)
    assert stored.read_bytes() == picture("red")
    assert library.remove(item) == 1
    assert not stored.exists()


def test_bytes_with_a_uri_are_not_stored(library: ColourLibrary) -> None:
    """A picture that lies elsewhere is found under its own address, with what was said of it."""
    notes = Notes((Caption("a red square"),), ("square",), {"shop": "north"})
    (item,) = library.add(NewPicture(picture("red"), "https://example.org/red.png", notes))
    known = library.items([item])[item]
    assert known.uri == "https://example.org/red.png"
    assert [caption.text for caption in known.captions] == ["a red square"]
    assert (known.tags, known.attributes["shop"]) == (("square",), "north")
    assert not (library.root / "uploads").exists()
    assert library.remove("https://example.org/red.png") == 1


def test_one_bad_picture_leaves_the_library_as_it_was(library: ColourLibrary, tmp_path: Path) -> None:
    """All or nothing: the error names no item, and none was added."""
    library.add(file(tmp_path, "red"))
    with pytest.raises(ImageError):
        library.add(file(tmp_path, "green"), b"no picture")
    assert found(library, "green") == ["red"]


def test_what_cannot_be_added_is_said_plainly(library: ColourLibrary, tmp_path: Path) -> None:
    """A file that is not there, and a folder, which is work for the indexer."""
    with pytest.raises(NotFoundError, match="no such file"):
        library.add(tmp_path / "nothing.png")
    with pytest.raises(UsageError, match="vasari index"):
        library.add(tmp_path)


def test_a_job_that_writes_keeps_others_out(library: ColourLibrary, tmp_path: Path) -> None:
    """While the lease is held elsewhere nothing is added or removed."""
    (item,) = library.add(file(tmp_path, "red"))
    with (
        ColourLibrary.open(library.root) as other,
        other.catalog.lease.acquire("vasari index"),
    ):
        for change in (lambda: library.add(file(tmp_path, "blue")), lambda: library.remove(item)):
            with pytest.raises(LibraryLockedError, match="vasari index"):
                change()
    assert found(library, "red") == ["red"]


def test_removing_what_is_not_there_removes_nothing(library: ColourLibrary, tmp_path: Path) -> None:
    """The count tells; files that were indexed and not stored stay on disk."""
    red = file(tmp_path, "red")
    library.add(red)
    assert library.remove(red, 4711, "https://example.org/x.png") == 1
    assert red.exists()


def test_copies_are_one_group_as_soon_as_they_are_added(library: ColourLibrary, tmp_path: Path) -> None:
    """A collapsed search shows one of two equal pictures, and still as many pictures as asked for."""
    library.add(file(tmp_path, "red"), file(tmp_path, "red", "copy"), file(tmp_path, "green"))
    request = SearchRequest((Term(TermKind.TEXT, text="red"),), collapse=True, limit=2)
    names = [Path(hit.item.uri).stem for hit in library.search(request).hits]
    assert names[0] in ("red", "copy")
    assert names[1] == "green"


def test_a_bucket_is_no_library() -> None:
    """A URL is refused with what to do instead of making a folder called `s3:`."""
    for given in ("s3://bucket/library", Path("gs://bucket")):
        with pytest.raises(UsageError, match="a library is a folder"):
            ColourLibrary.open(given, create=True)
    assert not Path("s3:").exists()


@pytest.mark.parametrize(
    "name",
    [
        b"a%20b",
        b"what?/lib",
        b"-a#b:c ",
        b"file:%(here)s",
        b"n\xff\xfe\nx",
    ],
)
def test_a_library_lies_in_its_own_folder_whatever_that_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    """Filled, indexed, opened again for reading only, by its relative name: nothing lies anywhere else."""
    monkeypatch.chdir(tmp_path)
    root = Path(os.fsdecode(name))
    red = file(tmp_path, "red")
    with ColourLibrary.open(root, create=True) as library:
        library.add(red)
        rebuild(library, kind="flat")
    with ColourLibrary.open(root) as library:
        assert found(library, "red") == ["red"]
        assert found(library, "red type:png") == ["red"]
    with ColourLibrary.open(root, Settings(read_only=True)) as library:
        assert found(library, "red") == ["red"]
    assert {path.name for path in root.iterdir()} >= {"catalog.sqlite3", "segments", "generations"}
    assert {path.name for path in tmp_path.iterdir()} == {root.parts[0], "red.png"}


def test_a_file_that_is_no_picture_is_named(library: ColourLibrary, tmp_path: Path) -> None:
    """A search may name several."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"broken\.png: this is not an image"):
        library.open_picture(broken)
    with pytest.raises(ImageError, match=r"^this is not an image"):
        library.open_picture(b"no picture")


def test_a_vector_is_a_query(library: ColourLibrary, tmp_path: Path) -> None:
    """Who has embedded the query hands in its vector, and nothing is embedded again."""
    library.add(file(tmp_path, "red"), file(tmp_path, "blue"))
    query = library.embed_texts(["blue"], library.space())
    library.model.text_batches.clear()
    assert [Path(hit.item.uri).stem for hit in library.search(SearchRequest(), query).hits] == ["blue", "red"]
    assert library.model.text_batches == []


def test_background_queries_are_embedded_once(library: ColourLibrary, tmp_path: Path) -> None:
    """What unrelated queries score is measured for each state of the collection; their texts stay the same."""
    for colour in ("red", "blue"):
        library.add(file(tmp_path, colour))
        library.search(SearchRequest((Term(TermKind.TEXT, text="red"),), min_relevance=0.1))
    assert library.model.text_batches == [1, len(BACKGROUND), 1]


def test_the_next_process_measures_no_background_again(library: ColourLibrary, tmp_path: Path) -> None:
    """It is kept beside the exported towers; where a fiftieth has changed, it is measured with those vectors."""
    library.add(file(tmp_path, "red"))
    request = SearchRequest((Term(TermKind.TEXT, text="red"),), min_relevance=0.1)
    library.models_directory(library.space()).mkdir(parents=True, exist_ok=True)
    first = library.search(request)
    for more in ((), ("blue",)):
        with ColourLibrary.open(library.root) as again:
            for colour in more:
                again.add(file(tmp_path, colour))
            assert again.search(request).hits[0] == first.hits[0]
            assert again.model.text_batches == [1]
    kept = library.models_directory(library.space()) / "calibration-image.npy"
    kept.write_bytes(kept.read_bytes()[:-40])
    with ColourLibrary.open(library.root) as again:
        assert again.search(request).hits[0] == first.hits[0]
        assert again.model.text_batches == [1, len(BACKGROUND)]


def test_dots_in_paths_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `vasari index` writes them: else the same file is two items, and `folder:` misses uploads."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    picture = file(tmp_path, "red")
    with ColourLibrary.open(Path("../library"), create=True) as library:
        item, upload = library.add(Path("..") / picture.name, file(tmp_path, "green").read_bytes())
        assert library.items([item])[item].uri == str(picture)
        assert Path(library.items([upload])[upload].uri).is_relative_to(tmp_path / "library")
        assert ".." not in library.items([upload])[upload].uri
