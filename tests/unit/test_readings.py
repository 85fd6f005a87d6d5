"""Text in pictures in the catalog: found by parts, kept with the content that was read, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url

from tests.unit.catalogs import add, commit, facts, found_by
from vasari.retrieval.catalog.analyzer import Phrase, part_of
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.folding import letters_of
from vasari.retrieval.catalog.records import Sighting
from vasari.retrieval.catalog.sqlite_reader import SqliteReader
from vasari.retrieval.domain import ItemId, Modality, TextLine
from vasari.retrieval.errors import QueryError

CORNERS = ((0, 0), (40, 0), (40, 12), (0, 12))


def lines(*texts: str) -> tuple[TextLine, ...]:
    return tuple(TextLine(text, 0.9, CORNERS) for text in texts)


def found(catalog: Catalog, text: str) -> list[ItemId]:
    accepted: list[ItemId] = catalog.filters.matching(text, Modality.IMAGE).tolist()
    return accepted


@pytest.fixture
def read(catalog: Catalog) -> Catalog:
    """Items 1 to 4: a plate, a sign of two lines, one in which there is nothing, and one that nobody has read."""
    plate, sign, empty, _ = add(catalog, "/a.jpg", "/b.jpg", "/c.jpg", "/d.jpg")
    catalog.readings.note(
        "one 1.0", {plate: lines("RE16 TGK"), sign: lines("NO", "ENTRY", "Café 小红船"), empty: ()}
    )
    return catalog


@pytest.mark.parametrize(
    ("filter_", "items"),
    [
        ("ocr:RE16", [1]),
        ("ocr:re16tgk", [1]),
        ("ocr:e16t", [1]),
        ("ocr:6t", [1]),
        ("ocr:rei6", [1]),
        ("ocr:N0", [2]),
        ("ocr:RE17", []),
        ('ocr:"no entry"', [2]),
        ("ocr:noent", [2]),
        ("ocr:CAFE", [2]),
        ("ocr:红船", [2]),
        ("ocr:船", [2]),
        ("ocr = ENTRY", [2]),
        ("ocr = entr", []),
        ("ocr:RE*K", [1]),
        ("ocr:RE?6*", [1]),
        ("ocr:RE*Z", []),
        ("ocr in (entry, 're16 tgk')", [1, 2]),
        ("ocr != entry", [1]),
        ("exists(ocr)", [1, 2]),
        ("not exists(ocr)", [3, 4]),
        ("not ocr:RE16", [2, 3, 4]),
        ("ocr:RE16 or ocr:entry", [1, 2]),
    ],
)
def test_filters_find_whole_texts_and_parts(read: Catalog, filter_: str, items: list[ItemId]) -> None:
    """Case, accents, spaces and the ends of lines do not matter; a whole line is asked for with =."""
    assert found(read, filter_) == items


def test_letters_are_asked_for(catalog: Catalog) -> None:
    """Signs alone are in no reading, and a text has no order."""
    with pytest.raises(QueryError, match=r"which letters\? write ocr:RE16"):
        catalog.filters.matching('ocr:"--"', Modality.IMAGE)
    with pytest.raises(QueryError, match="ocr has no order"):
        catalog.filters.matching("ocr > a", Modality.IMAGE)


def test_what_was_read_is_found_by_its_words(read: Catalog) -> None:
    """The words of pictures are searched as captions are, until something else is read."""
    assert found_by(read.full_text, "tgk") == [1]
    read.readings.note("one 1.0", {1: lines("KLM 22")})
    assert found_by(read.full_text, "tgk") == []
    assert found(read, "ocr:RE16") == []
    assert found(read, "ocr:LM2") == [1] == found_by(read.full_text, "klm")


@pytest.mark.parametrize(
    ("asked", "items"),
    [("RE16TGK", [1]), ("16 t", [1]), ("NOENT", [2]), ("REI6", [1]), ("红船", []), ("street", [])],
)
def test_the_word_index_knows_parts_of_what_was_read(
    read: Catalog, asked: str, items: list[ItemId], catalog_url: str
) -> None:
    """Counts, postings and who holds it agree, by SQLAlchemy and by a glance."""
    part = part_of(asked)
    if part is None:
        assert len(asked) == 2
        return
    path = make_url(catalog_url).database if catalog_url.startswith("sqlite") else None
    glance = SqliteReader.open(Path(path)) if path else None
    for index in [read.full_text, *([glance.full_text] if glance else [])]:
        assert index.counts([part, Phrase(("tgk",))]).tolist() == [len(items), 1]
        assert index.postings(part).tolist() == items
        held = index.held([1, 2, 3], [part])
        assert held.tolist() == [[float(item in items)] for item in (1, 2, 3)]


def test_lines_come_back_as_they_were_read(read: Catalog) -> None:
    """Text, confidence and corners; a picture that nobody has read is not there."""
    assert read.readings.of([1, 2, 3, 4]) == {
        1: lines("RE16 TGK"),
        2: lines("NO", "ENTRY", "Café 小红船"),
        3: (),
    }
    assert read.readings.count() == (3, 2)


def test_unread_are_those_that_nobody_or_another_has_read(read: Catalog) -> None:
    """Deleted ones wait for nobody."""
    assert list(read.readings.unread()) == [4]
    assert list(read.readings.unread("one 1.0")) == [4]
    assert list(read.readings.unread("one 2.0")) == [1, 2, 3, 4]
    read.items.delete([4])
    assert list(read.readings.unread()) == []
    read.readings.note("one 1.0", {4: lines("late")})
    assert read.readings.of([4]) == {}


def test_a_reading_goes_with_the_content(read: Catalog) -> None:
    """A moved picture keeps its text, and one that was edited waits to be read again."""
    read.items.move([Sighting(1, "/elsewhere/a.jpg", 10, 20)])
    assert found(read, "ocr:RE16") == [1]
    commit(read, facts(1, "/elsewhere/a.jpg", "h"))  # embedded by another model
    assert found(read, "ocr:RE16") == [1]
    commit(read, facts(1, "/elsewhere/a.jpg", "edited"))
    assert found(read, "ocr:RE16") == []
    assert list(read.readings.unread()) == [1, 4]
    assert found_by(read.full_text, "tgk") == []


def test_a_missing_picture_comes_back_with_its_text(read: Catalog) -> None:
    """It is not found while its file is gone; what is purged is forgotten."""
    read.items.lose([1, 2])
    assert found(read, "exists(ocr)") == []
    assert read.readings.count() == (1, 0)
    read.items.move([Sighting(1, "/a.jpg", 10, 20)])
    assert found(read, "ocr:RE16") == [1]
    read.items.purge([2])
    assert read.readings.of([2]) == {}


LETTERS = st.text(alphabet="abcABCé12 -'\"%_*?小红", max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.lists(LETTERS, max_size=3), min_size=1, max_size=6), LETTERS)
def test_the_index_finds_what_a_comparison_finds(
    catalog: Catalog, texts: Sequence[Sequence[str]], asked: str
) -> None:
    """A part of any length is found exactly where the letters stand in a row."""
    asked = "".join(letter for letter in asked if letter.isalnum())
    if not asked:
        return
    ids = add(catalog, *(f"/{number}.jpg" for number in range(len(texts))))
    catalog.readings.note("one", {item: lines(*each) for item, each in zip(ids, texts, strict=True)})
    expected = [
        item
        for item, each in zip(ids, texts, strict=True)
        if letters_of(asked) in "".join(letters_of(text) for text in each)
    ]
    assert found(catalog, f"ocr:{asked}") == expected
    catalog.items.delete(ids)


def test_long_texts_are_cut(tmp_path: Path) -> None:
    """A page of a book is kept as it was read, and searched as far as the index goes."""
    with Catalog.open(tmp_path / "catalog.sqlite3") as catalog:
        (item,) = add(catalog, "/a.jpg")
        catalog.readings.note("one", {item: lines("begin" + "x" * 20_000 + "finis")})
        assert len(catalog.readings.of([item])[item][0].text) > 20_000
        assert found(catalog, "ocr:begin") == [item]
        assert found(catalog, "ocr:finis") == []
