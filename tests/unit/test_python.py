"""The library as programs and notebooks use it: index, options by name, iteration, vectors, tables, answers as HTML."""

from __future__ import annotations

import base64
import io
import re
import sys
from collections.abc import Iterator
from copy import copy, deepcopy
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.service.colours import COLOURS, ColourLibrary, picture
from vasari.api.python import html
from vasari.api.python.library import Library
from vasari.retrieval.domain import (
    Caption,
    Hit,
    Item,
    Modality,
    Rerank,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
)
from vasari.retrieval.errors import ImageError, MissingExtraError, NotFoundError, QueryError, UsageError
from vasari.retrieval.search.request import SearchOptions, search_request


class Colours(ColourLibrary, Library):
    """The library of programs, with a model that knows colours."""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """One picture of each colour."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in COLOURS:
        (folder / f"{name}.png").write_bytes(picture(name))
    return folder


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[Colours]:
    with Colours.open(tmp_path / "library", create=True) as opened:
        opened.index(photos)
        yield opened


def test_a_folder_is_indexed_and_brought_in_step(library: Colours, photos: Path) -> None:
    """As the command does it: what is new is added, what is gone is removed, the rest is left alone."""
    (photos / "red.png").unlink()
    (photos / "crimson.png").write_bytes(picture((250, 1, 3)))
    report = library.index(photos)
    assert (report.added, report.removed, report.unchanged) == (1, 1, len(COLOURS) - 1)
    with pytest.raises(NotFoundError, match="no such file or folder"):
        library.index(photos / "nothing")
    with pytest.raises(UsageError, match="say what to index"):
        library.index()


def test_hits_and_items_name_items(library: Colours, photos: Path) -> None:
    """What a search has answered is given back as it is: for more like it, for its thumbnail, to take it out."""
    hit = library.search("red", limit=1)[0]
    alike = [
        [one.item.id for one in library.similar(what)] for what in (hit, hit.item, f"item:{hit.item.id}")
    ]
    assert alike[0] == alike[1] == alike[2]
    assert hit.item.id not in alike[0]
    assert hit in library
    assert library.thumbnail(hit) == library.thumbnail(hit.item)
    assert library.similar(str(photos / "red.png"))[0].item == hit.item
    assert library.remove(hit, library.search("blue")[0].item) == 2
    assert hit not in library
    with pytest.raises(TypeError, match="one by one"):
        library.remove([1, 2])  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", ["3", 3.5, None])
def test_numbers_that_are_none_are_told(library: Colours, limit: object) -> None:
    """Of a search, before anything is done."""
    with pytest.raises(UsageError, match="limit is a whole number, and not"):
        library.search("red", limit=limit)  # type: ignore[arg-type]


def test_tags_are_told_apart_from_a_text_and_items_from_numbers(library: Colours) -> None:
    """A text would be tags of a letter each; a number beyond what a database holds is no item's."""
    notes = library.catalog.annotations
    with pytest.raises(UsageError, match=r"such as \['sea'\]"):
        notes.set_tags(1, "sea")
    with pytest.raises(NotFoundError, match="no item"):
        notes.set_tags(2**70, ["sea"])


def test_folders_can_be_left_out_and_texts_read(library: Colours, photos: Path, tmp_path: Path) -> None:
    """`exclude` names folders; files of texts become items that a search for texts finds."""
    (photos / "raw").mkdir()
    (photos / "raw" / "new.png").write_bytes(picture((1, 2, 3)))
    assert library.index(photos, exclude=["raw"]).added == 0
    lines = tmp_path / "lines.txt"
    lines.write_text("red\nblue\n")
    assert library.index(lines, texts=True).added == 2
    assert library.search("blue", modality="text")[0].item.text == "blue"


def test_a_length_and_items_one_by_one(library: Colours) -> None:
    """All items by id; an empty library is still a library."""
    ids = [item.id for item in library]
    assert len(library) == len(COLOURS) == len(ids)
    assert ids == sorted(ids)
    library.remove(*ids)
    assert len(library) == 0
    assert bool(library)


def test_items_pass_a_filter(library: Colours, photos: Path) -> None:
    """By the filter language; an id's lookup, of older programs, is what it was."""
    red = next(item for item in library if item.path == photos / "red.png")
    library.catalog.annotations.set_tags(red.id, ["warm"])
    assert [item.uri for item in library.items("tag:warm")] == [red.uri]
    assert library.ids("tag:warm").tolist() == [red.id]
    assert list(library.items([red.id, 999_999])) == [red.id]
    assert list(library.items("tag:warm", Modality.TEXT)) == []
    with pytest.raises(QueryError):
        library.items("tag:warm and (")


def test_what_is_in_it_can_be_asked(library: Colours, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an item, its number, its uri or its file."""
    item = next(iter(library))
    monkeypatch.chdir(photos)
    for known in (item, item.id, item.uri, item.path, "red.png", Path("red.png")):
        assert known in library
    for unknown in (999_999, "no.png", photos, object()):
        assert unknown not in library


def test_options_of_a_search_have_names(library: Colours) -> None:
    """How many, which, and from where on; the same request in one piece finds the same."""
    named = library.search("red", limit=2, offset=1)
    whole = library.search(SearchRequest((Term(TermKind.TEXT, text="red"),), limit=2, offset=1))
    assert [hit.item for hit in named] == [hit.item for hit in whole]
    assert len(library.search(SearchRequest((Term(TermKind.TEXT, text="red"),)), limit=1)) == 1
    assert len(library.search("red", filter="name:blue*")) == 1


def test_a_picture_is_a_query(library: Colours, photos: Path) -> None:
    """A path, bytes, or an item, which is left out of what is like it."""
    for query in (photos / "blue.png", picture("blue")):
        assert library.search(query, limit=1)[0].item.path == photos / "blue.png"
        assert library.similar(query, limit=1)[0].item.path == photos / "blue.png"
    blue = library.search("blue")[0].item.id
    assert blue not in [hit.item.id for hit in library.similar(blue)]


def test_every_field_of_a_request_is_an_option() -> None:
    """A field that is added to requests has to be added to the options."""
    assert set(SearchOptions.__annotations__) == {field.name for field in fields(SearchRequest)} - {"terms"}


@pytest.mark.parametrize(
    ("given", "made"), [(True, Rerank()), (False, None), (None, None), (8, Rerank(8)), (Rerank(3), Rerank(3))]
)
def test_rerank_is_said_shortly(given: bool | int | Rerank | None, made: Rerank | None) -> None:
    """True reranks as the command does, a number that many."""
    assert search_request("x", {"rerank": given}).rerank == made


def test_a_wrong_option_is_refused() -> None:
    """By the name of what would be right."""
    with pytest.raises(UsageError, match="image, text"):
        search_request("x", {"modality": "video"})  # type: ignore[typeddict-item]


def test_vectors_come_with_their_ids(library: Colours) -> None:
    """Float32 rows of length 1, those that a search compares; a filter leaves the others out."""
    ids, matrix = library.vectors()
    assert ids.tolist() == [item.id for item in library]
    assert matrix.dtype == np.float32
    assert np.allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-3)
    best = ids[np.argmax(matrix @ library.embed_texts(["red"], library.space())[0])]
    assert best == library.search("red")[0].item.id
    some = library.vectors("name:blue*")
    assert np.array_equal(some.matrix, matrix[np.isin(ids, some.ids)])
    assert library.vectors("name:nothing").matrix.shape == (0, matrix.shape[1])


@pytest.mark.parametrize("opened", ["to be read", "whole"])
def test_ids_of_vectors_name_items(tmp_path: Path, photos: Path, opened: str) -> None:
    """Numbers of an array are ids as any other: as bytes in SQLite they would be no item's."""
    with Colours.open(tmp_path / "library", create=True) as made:
        made.index(photos)
    with Colours.open(tmp_path / "library") as library:
        if opened == "whole":
            assert library.catalog.items.count(Modality.IMAGE) == len(COLOURS)
        ids, _ = library.vectors()
        first = ids[0]
        assert list(library.items(ids)) == ids.tolist()
        assert first in library
        assert library.similar(first, limit=50).hits == library.similar(int(first), limit=50).hits
        assert library.thumbnail(first) == library.thumbnail(int(first))
        library.catalog.annotations.set_tags(first, ["seen"])
        assert [item.id for item in library.items("tag:seen")] == [first]
        assert library.remove(*ids[:2]) == 2
        assert len(library) == len(COLOURS) - 2


def test_a_closed_library_opens_itself_again(tmp_path: Path, photos: Path) -> None:
    """Also where nothing but searches were asked of it, by the reader that needs no SQLAlchemy."""
    with Colours.open(tmp_path / "library", create=True) as made:
        made.index(photos)
    with Colours.open(tmp_path / "library") as library:
        found = library.search("red", limit=3)
    assert library.search("red", limit=3).hits == found.hits
    library.close()


def test_true_is_no_item(library: Colours) -> None:
    """Though Python counts it as 1."""
    with pytest.raises(TypeError):
        library.remove(True)
    assert len(library) == len(COLOURS)


def test_a_string_is_no_list_of_words(library: Colours, photos: Path) -> None:
    """Its letters would be looked for, and nothing found, or be the labels."""
    for name in ("words", "as_words"):
        options: SearchOptions = {name: "red"}  # type: ignore[misc]
        with pytest.raises(UsageError, match=rf"{name} is a list of words, such as \['red'\]"):
            library.search("red", **options)
    with pytest.raises(UsageError, match="labels are a list of words"):
        library.classify(photos / "red.png", "red")


def test_what_is_no_query_is_refused(library: Colours) -> None:
    """In place of "the terms of this query cancel each other out"."""
    for what in (None, 5, ["red"]):
        with pytest.raises(UsageError, match="a search takes words, a picture's path or bytes"):
            library.search(what)  # type: ignore[arg-type]


def test_items_as_a_table(library: Colours) -> None:
    """The columns of an export, with vectors if so wished; of an empty library a table without rows."""
    table = library.to_arrow(vectors=True)
    ids, matrix = library.vectors()
    assert table["id"].to_pylist() == ids.tolist()
    assert np.array_equal(np.stack(table["embedding"].to_numpy()), matrix)
    assert library.to_arrow("name:blue*")["uri"].to_pylist() == [next(library.items("name:blue*")).uri]
    assert "embedding" not in library.to_arrow().column_names
    library.remove(*ids.tolist())
    assert (library.to_arrow().num_rows, library.to_arrow(vectors=True).num_rows) == (0, 0)


def test_a_new_library_is_an_empty_table(tmp_path: Path) -> None:
    """Before there is a model, too; vectors then have no length yet, and that is said."""
    with Colours.open(tmp_path / "new", create=True) as new:
        assert (len(new), new.to_arrow().num_rows, list(new)) == (0, 0, [])
        with pytest.raises(NotFoundError, match="empty"):
            new.to_arrow(vectors=True)


def test_a_data_frame_needs_pandas(library: Colours, monkeypatch: pytest.MonkeyPatch) -> None:
    """With it the same rows; without it the extra is named."""
    assert library.to_pandas()["id"].tolist() == [item.id for item in library]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vasari\[pandas\]'"):
        library.to_pandas()


def pictures_in(page: str) -> list[Image.Image]:
    """The pictures that lie in a piece of HTML, decoded."""
    found = re.findall(r'src="data:image/webp;base64,([^"]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB") for data in found]


def test_an_answer_shows_its_pictures(library: Colours) -> None:
    """Thumbnails in the order of the hits, inside the page; a hit alone shows its own."""
    answer = library.search("red", limit=3)
    shown = pictures_in(answer._repr_html_())
    assert len(shown) == 3
    colour = shown[0].getpixel((5, 5))
    assert isinstance(colour, tuple)
    assert np.allclose(colour, COLOURS["red"], atol=12)
    assert len(pictures_in(answer[1]._repr_html_())) == 1
    assert "http" not in answer._repr_html_().replace("https://", "http")


def test_an_answer_reads_well(library: Colours) -> None:
    """A line a hit, and no page of fields."""
    answer = library.search("red", limit=2)
    first, *lines = repr(answer).splitlines()
    assert re.fullmatch(rf"<Answer: 2 of {len(COLOURS)} in .+, \d+ ms>", first)
    assert lines[0] == f" 1.000  {answer[0].item.uri}"
    assert repr(answer[0]) == f"<Hit 1.000 {answer[0].item.uri!r}>"
    assert repr(library) == f"Library({str(library.root)!r})"


def test_what_was_understood_is_told(library: Colours) -> None:
    """A date in a sentence becomes a filter, in words and in a notebook; `literally` leaves it a word."""
    red = library.search("red")[0].item
    library.catalog.annotations.set_attributes(red.id, {"taken": "2018-05-03T10:00:00"})
    answer = library.search("red in May 2018")
    assert [hit.item.id for hit in answer] == [red.id]
    assert "': taken = 2018-05" in repr(answer)
    assert "<p>understood" in answer._repr_html_()
    assert "taken = " not in repr(library.search("red in May 2018", literally=True))


def test_what_others_wrote_is_no_html(library: Colours, photos: Path) -> None:
    """Names and captions are escaped; a picture that is gone says so, and the others are shown."""
    nasty = photos / '"><script>alert(1)<.png'
    nasty.write_bytes(picture((9, 9, 9)))
    library.index(photos)
    item = next(item for item in library if item.path == nasty)
    library.catalog.annotations.add_captions({item.id: [Caption('"><img src=x onerror=alert(1)>')]})
    answer = library.similar(nasty, limit=2)
    assert "<script" not in answer._repr_html_()
    assert "<img src=x" not in answer._repr_html_()
    nasty.unlink()
    assert len(pictures_in(answer._repr_html_())) == 1


def hit(number: int, text: str | None = None) -> Hit:
    kind = Modality.IMAGE if text is None else Modality.TEXT
    return Hit(Item(number, kind, f"/pictures/{number}.jpg", "0", 1, 1, text=text), 0.5)


def test_a_long_answer_shows_the_first_pictures() -> None:
    """And says how many more there are; a text is quoted, an empty answer says that it is one."""
    seen: list[int] = []

    def thumbnail(item: Item) -> bytes:
        seen.append(item.id)
        raise ImageError("gone <away>", "read")

    page = html.gallery([hit(number) for number in range(60)], thumbnail)
    assert seen == list(range(html.MOST))
    assert "and 12 more" in page
    assert "gone &lt;away&gt;" in page
    assert "<blockquote>a &amp; b</blockquote>" in html.gallery([hit(1, "a & b")], None)
    assert "no match" in html.gallery([], None, ["a note"])


def test_an_answer_is_the_engines(library: Colours) -> None:
    """Equal to it, with its fields and no other; copied and changed like it."""
    answer = library.search("red", limit=2)
    plain = SearchResponse(**{field.name: getattr(answer, field.name) for field in fields(SearchResponse)})
    assert answer == plain
    assert answer[0] == Hit(answer[0].item, answer[0].score)
    assert answer != replace(plain, total=99)
    assert asdict(answer) == asdict(plain)
    assert replace(answer, total=99).total == 99
    for again in (copy(answer), deepcopy(answer)):
        assert again == answer
        assert "figure" in again._repr_html_()


def test_a_thumbnail_of_an_item(library: Colours, photos: Path) -> None:
    """By its number or itself; of one that is not there, the library says so."""
    item = library.search("blue")[0].item
    assert library.thumbnail(item.id, 32) == library.thumbnail(item, 32)
    assert Image.open(io.BytesIO(library.thumbnail(item, 32))).size == (32, 32)
    with pytest.raises(NotFoundError):
        library.thumbnail(999_999)
    (photos / "blue.png").unlink()
    with pytest.raises(ImageError):
        library.thumbnail(item)
