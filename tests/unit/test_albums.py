"""Albums, favourites and bulk changes: what people put together stays together."""

from __future__ import annotations

import pytest

from tests.unit.catalogs import add, commit, facts
from vasari.api.contract.sentences import sentence_fields
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import Change, Sighting
from vasari.retrieval.domain import Caption, CaptionSource, ItemId, Modality
from vasari.retrieval.errors import NotFoundError, QueryError, UsageError


def found(catalog: Catalog, text: str) -> list[ItemId]:
    ids: list[ItemId] = catalog.filters.matching(text, Modality.IMAGE).tolist()
    return ids


def test_an_album_holds_what_was_put_into_it(catalog: Catalog) -> None:
    """Items are added once, counted, found by `album:` and taken out again."""
    first, second, third = add(catalog, "/a.jpg", "/b.jpg", "/c.jpg")
    album = catalog.albums.create("Summer 2024")
    assert catalog.albums.add(album.id, [first, second, second]) == [first, second]
    assert catalog.albums.add(album.id, [second, third, 999]) == [third]
    assert catalog.albums.get(album.id).count == 3
    assert found(catalog, "album:summer") == [first, second, third]
    assert found(catalog, 'not album = "Summer 2024"') == []
    assert catalog.albums.remove(album.id, [second, 999]) == [second]
    assert found(catalog, 'album in ("Summer 2024", x)') == [first, third]
    assert catalog.albums.names_of([first, second]) == {first: ["Summer 2024"]}
    catalog.albums.delete(album.id)
    assert catalog.albums.all() == []
    assert found(catalog, "exists(album)") == []


def test_a_name_is_given_once(catalog: Catalog) -> None:
    """In whatever letters; and a name is neither empty nor endless."""
    album = catalog.albums.create("Ätna")
    other = catalog.albums.create("Elba")
    for name in ("ätna", "A\u0308TNA", " Ätna "):
        with pytest.raises(UsageError, match="already"):
            catalog.albums.create(name)
    with pytest.raises(UsageError, match="already"):
        catalog.albums.change(other.id, name="ÄTNA")
    assert catalog.albums.change(album.id, name="ätna").name == "ätna"
    assert catalog.albums.named("ÄTNA").id == album.id
    with pytest.raises(UsageError) as refused:
        catalog.albums.create("ÄTNA")
    assert sentence_fields(refused.value.args[0]) == {
        "text": "there is an album {name!r} already",
        "values": {"name": "ÄTNA"},
    }
    for name in ("", "  ", "x" * 201, "a\x00b"):
        with pytest.raises(UsageError, match="1 to 200"):
            catalog.albums.create(name)
    with pytest.raises(NotFoundError, match="no album 'Corsica'"):
        catalog.albums.named("Corsica")


def test_a_saved_filter_stays_live(catalog: Catalog) -> None:
    """`album:` finds what the saved filter accepts now, also through another album, and says when it cannot."""
    first, second = add(catalog, "/a.jpg", "/b.jpg")
    best = catalog.albums.create("best", filter="rating >= 4")
    assert found(catalog, "album:best") == []
    catalog.changes.apply([second], Change(attributes={"rating": 5}))
    assert found(catalog, "album:best") == [second]
    catalog.albums.create("rest", filter="not album = best")
    assert found(catalog, "album:rest") == [first]
    with pytest.raises(UsageError, match="saved search"):
        catalog.albums.add(best.id, [first])
    with pytest.raises(UsageError, match="do not become"):
        catalog.albums.change(best.id, filter=None)
    catalog.albums.change(best.id, filter="album:rest")
    with pytest.raises(QueryError, match="names itself"):
        found(catalog, "album:rest")
    catalog.albums.create("boats", query="a boat")
    with pytest.raises(QueryError, match="search for words"):
        found(catalog, "tag:x or album:boats")


def test_favourites_are_a_word_of_filters(catalog: Catalog) -> None:
    """`favourite` alone is a test, beside others and in brackets; an attribute of that name reads as before."""
    first, second, third = add(catalog, "/a.jpg", "/b.jpg", "/c.jpg")
    catalog.changes.apply([first, second], Change(attributes={"favourite": True}))
    catalog.changes.apply([third], Change(attributes={"favourite": False}))
    assert found(catalog, "favourite") == found(catalog, "FAVORITE") == [first, second]
    assert found(catalog, "(favourite or tag:x) and not name = a.jpg") == [second]
    assert found(catalog, "not favourite") == [third]
    assert found(catalog, "favourite = false") == [third]


def test_a_change_of_many_can_be_taken_back(catalog: Catalog) -> None:
    """Tags, attributes and albums are as before after the changes that undo it, whatever was said before."""
    ids = add(catalog, "/a.jpg", "/b.jpg", "/c.jpg", "/d.jpg")
    first, second, third, fourth = ids
    commit(catalog, facts(fourth, "/d.jpg", attributes={"rating": 2}))  # the file says so
    catalog.annotations.set_tags(first, ["sea"])
    catalog.annotations.set_attributes(second, {"rating": 3})
    catalog.annotations.set_attributes(fourth, {"note": "x"})
    album = catalog.albums.create("Summer").id
    catalog.albums.add(album, [third])

    def state() -> object:
        items = catalog.items.get(ids)
        said = [(item.tags, dict(item.attributes)) for item in items.values()]
        return said, catalog.annotations.user_attributes(ids), catalog.albums.names_of(ids)

    before = state()
    change = Change(
        add_tags=["sea", " boat "], remove_tags=["sky"], attributes={"rating": 5}, add_to_albums=[album]
    )
    done = catalog.changes.apply([*ids, 999], change)
    assert (done.changed, done.not_found) == (4, [999])
    assert found(catalog, "tag = sea and tag = boat and rating = 5 and album = Summer") == ids
    assert catalog.changes.apply(ids, change).undo == [], "the same again changes nothing"
    for undo in done.undo:
        catalog.changes.apply(undo.ids, undo.change)
    assert state() == before
    taken = catalog.changes.apply(ids, Change(attributes={"rating": None}, remove_tags=["sea"]))
    assert taken.changed == 3
    assert found(catalog, "exists(rating) or tag:sea") == []
    for undo in taken.undo:
        catalog.changes.apply(undo.ids, undo.change)
    assert state() == before


def test_a_change_that_cannot_be_made_changes_nothing(catalog: Catalog) -> None:
    """Of a tag that is none, an album that is not there, or too much to keep, nothing is left."""
    (item,) = add(catalog, "/a.jpg")
    saved = catalog.albums.create("best", filter="rating > 4").id
    for change, error in (
        (Change(add_tags=["fine", " "]), UsageError),
        (Change(add_tags=["fine"], add_to_albums=[77]), NotFoundError),
        (Change(add_tags=["fine"], add_to_albums=[saved]), UsageError),
        (Change(add_tags=["fine"], attributes={"much": "x" * 200_000}), UsageError),
    ):
        with pytest.raises(error):
            catalog.changes.apply([item], change)
        assert catalog.items.get([item])[item].tags == ()


def test_albums_outlast_what_happens_to_files(catalog: Catalog) -> None:
    """A moved item stays in its album, a missing one comes back to it, and a purged one is out of it."""
    first, second = add(catalog, "/a.jpg", "/b.jpg")
    album = catalog.albums.create("Summer").id
    catalog.albums.add(album, [first, second])
    catalog.items.move([Sighting(first, "/moved.jpg", 10, 20)])
    catalog.items.lose([second])
    assert found(catalog, "album:summer") == [first]
    assert catalog.albums.get(album).count == 1
    catalog.items.move([Sighting(second, "/back.jpg", 10, 20)])
    assert found(catalog, "album:summer") == [first, second]
    catalog.items.lose([second])
    assert catalog.items.purge([second]) == 1
    assert catalog.albums.names_of([first, second]) == {first: ["Summer"]}


def test_a_former_content_takes_its_albums_along(catalog: Catalog) -> None:
    """Where an edited picture's original turns up elsewhere, it is in the same albums."""
    (item,) = add(catalog, "/a.jpg", content="original")
    album = catalog.albums.create("Summer").id
    catalog.albums.add(album, [item])
    commit(catalog, facts(item, "/a.jpg", "edited"))
    (heir,) = add(catalog, "/copy.jpg", content="original")
    assert catalog.albums.names_of([item, heir]) == {item: ["Summer"], heir: ["Summer"]}


def test_a_sentence_about_many_is_taken_back(catalog: Catalog) -> None:
    """It stands beside what was said before, in its language; undo leaves what was there."""
    first, second = add(catalog, "/a.jpg", "/b.jpg")
    catalog.annotations.set_captions(second, [Caption("das Meer", "de")], CaptionSource.USER)
    before = catalog.items.get([first, second])
    done = catalog.changes.apply([first, second], Change(add_captions=[Caption("das Meer", "de")]))
    assert done.changed == 1
    assert found(catalog, 'caption:"das Meer"') == [first, second]
    for undo in done.undo:
        catalog.changes.apply(undo.ids, undo.change)
    assert catalog.items.get([first, second])[second].captions == before[second].captions
    assert found(catalog, 'caption:"das Meer"') == [second]
    gone = catalog.changes.apply([first, second], Change(remove_captions=["das Meer"]))
    assert found(catalog, 'caption:"das Meer"') == []
    for undo in gone.undo:
        catalog.changes.apply(undo.ids, undo.change)
    assert catalog.items.get([first, second])[second].captions == before[second].captions
