"""The catalog on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tests.unit.catalogs import OTHER, SPACE, add, commit, facts, found_by
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.dialects import among
from vasari.retrieval.catalog.records import (
    GenerationRecord,
    KnownFile,
    RowOfItem,
    SegmentRecord,
    Sighting,
)
from vasari.retrieval.catalog.tables import items
from vasari.retrieval.domain import Caption, CaptionSource, EmbeddingSpace, Modality, Skipped
from vasari.retrieval.errors import NotFoundError, UsageError

IMAGE = Modality.IMAGE
USER, MODEL = CaptionSource.USER, CaptionSource.MODEL


def test_what_is_committed_can_be_read(catalog: Catalog) -> None:
    """A committed item comes back with its facts, captions and the place of its vector, in the order asked."""
    catalog.spaces.ensure(SPACE)
    first, second = catalog.items.reserve(2)
    attributes = {"camera": "X100", "place": {"near": ["東京", 1.5, None, True]}}
    said = (Caption("a red boat", "en"), Caption("ein Boot", "de", MODEL))
    seen = facts(
        first, "/a.jpg", "h", *said, width=3, height=2, format="jpeg", text="t", attributes=attributes
    )
    number = commit(catalog, seen, facts(second, "/b.jpg"))

    found = catalog.items.get([second, first, 999])

    assert list(found) == [second, first]
    item = found[first]
    assert (item.uri, item.width, item.height, item.format, item.text) == ("/a.jpg", 3, 2, "jpeg", "t")
    assert (item.bytes, item.mtime_ns, item.content_hash) == (10, 20, "h")
    assert item.captions == said
    assert item.attributes == attributes
    assert item.added_at is not None
    assert abs(datetime.now(UTC) - item.added_at) < timedelta(minutes=5)
    assert catalog.segments.embedding_of("clip", second) == (number, 1)
    assert catalog.items.count(IMAGE) == 2
    assert catalog.items.count(Modality.TEXT) == 0
    assert catalog.items.live_ids(IMAGE).tolist() == [first, second]
    assert catalog.segments.all("clip", IMAGE) == [SegmentRecord("clip", IMAGE, number, 2, "checksum")]


def test_programs_for_the_first_version_find_the_names_that_they_call(catalog: Catalog) -> None:
    """Tags and captions are set under a lease, and read back, as `library.catalog` had them in 0.1."""
    [item] = add(catalog, "/a.jpg")
    with catalog.acquire_lease("a person"):
        catalog.set_tags(item, ["mine"])
        catalog.set_captions(item, [Caption("a boat")], CaptionSource.USER)
    found = catalog.item_by_uri("/a.jpg")
    assert found is not None
    assert found == catalog.items.get(catalog.live_ids(IMAGE).tolist())[item]
    assert (found.tags, [caption.text for caption in found.captions]) == (("mine",), ["a boat"])


def test_what_is_done_together_is_there_as_a_whole_or_not_at_all(catalog: Catalog) -> None:
    """Steps see each other, other threads see none of them before the end; an error undoes all, numbers included."""
    (item,) = add(catalog, "/a.jpg")
    revision = catalog.revision()
    seen: list[int] = []

    def work() -> None:
        with catalog.database.together():
            add(catalog, "/b.jpg", "/c.jpg")
            catalog.annotations.set_tags(item, ["boat"])
            assert catalog.items.count(IMAGE) == 3
            other = threading.Thread(target=lambda: seen.append(catalog.items.count(IMAGE)))
            other.start()
            other.join()
            if len(seen) == 1:
                raise KeyError

    with pytest.raises(KeyError):
        work()
    assert (catalog.items.count(IMAGE), catalog.revision(), catalog.items.get([item])[item].tags) == (
        1,
        revision,
        (),
    )
    assert catalog.items.reserve(1).start == item + 1
    work()
    assert (catalog.items.count(IMAGE), seen, catalog.items.get([item])[item].tags) == (3, [1, 1], ("boat",))


def test_an_item_may_come_as_missing(catalog: Catalog) -> None:
    """Beside the live one at its uri, which stays; it learns what people wrote, and is back with its content."""
    (live,) = add(catalog, "/a.jpg", content="other")
    (gone,) = catalog.items.reserve(1)
    since = datetime(2026, 1, 31, 12, tzinfo=UTC)
    number = commit(catalog, facts(gone, "/a.jpg", "h", Caption("theirs"), missing_since=since))
    catalog.annotations.add_tags({gone: ["boat"]})
    catalog.annotations.add_captions({gone: [Caption("theirs"), Caption("mine")]})
    assert catalog.annotations.add_attributes({gone: {"stars": 5}}) == {}

    assert catalog.items.live_ids(IMAGE).tolist() == [live]
    assert found_by(catalog.full_text, "mine") == []
    assert catalog.segments.missing_rows("clip", IMAGE) == [(gone, number, 0, since)]
    hidden = catalog.items.get([live, gone], missing=True)
    assert [(item.id, item.tags, len(item.captions)) for item in hidden.values()] == [(gone, ("boat",), 2)]
    catalog.items.move([Sighting(gone, "/b.jpg", 1, 2)])
    assert catalog.items.get([gone])[gone].attributes == {"stars": 5}
    assert found_by(catalog.full_text, "mine") == [gone]
    assert len(catalog.segments.live_rows("clip", IMAGE)) == 2
    assert catalog.segments.dead_rows("clip", IMAGE) == []


def test_a_catalog_outlives_its_connection(catalog_url: str) -> None:
    """What one process wrote the next one reads."""
    with Catalog.open(catalog_url) as catalog:
        [item] = add(catalog, "/a.jpg")
    with Catalog.open(catalog_url) as catalog:
        assert catalog.items.get([item])[item].uri == "/a.jpg"
        assert catalog.spaces.default() == SPACE


def test_a_name_that_is_not_utf8_comes_back_exactly(catalog: Catalog) -> None:
    """A file name of any bytes is kept, found again, and usable as a prefix."""
    name = os.fsdecode(b"/photos/\xff\xfe/caf\xe9.jpg")
    [item] = add(catalog, name)
    assert catalog.items.get([item])[item].uri == name
    found = catalog.items.by_uri(name)
    assert found is not None
    assert found.id == item
    assert [known.uri for known in catalog.items.known_files(IMAGE, [os.fsdecode(b"/photos/\xff\xfe")])] == [
        name
    ]


def test_very_long_uris_are_kept_apart(catalog: Catalog) -> None:
    """Uris longer than a database index allows may differ in their last character only."""
    one, two = "https://x/" + "é" * 6000 + "1", "https://x/" + "é" * 6000 + "2"
    first, second = add(catalog, one, two)
    found = [catalog.items.by_uri(uri) for uri in (one, two)]
    assert [item.id for item in found if item] == [first, second]


def test_text_a_database_refuses_is_mended(catalog: Catalog) -> None:
    """NUL and lone surrogates in captions and attributes, and NaN, do not stop a commit."""
    catalog.spaces.ensure(SPACE)
    [item] = catalog.items.reserve(1)
    said = Caption("bo\x00at \udcff", "e\ud800n\x00")
    seen = facts(
        item,
        "/a.jpg",
        "h",
        said,
        attributes={"maker\x00": "Ni\x00kon\udcff", "gain": float("nan"), "b": b"x\xff"},
    )
    commit(catalog, seen)
    found = catalog.items.get([item])[item]
    assert found.attributes == {"maker": "Nikon\ufffd", "gain": None, "b": "x\ufffd"}
    assert found.captions == (Caption("boat \ufffd", "e\ufffdn"),)


def test_known_files_keep_to_folder_borders(catalog: Catalog) -> None:
    """A folder holds what lies in it, and not its namesakes; overlapping folders list nothing twice."""
    add(catalog, "/p/a/1.jpg", "/p/a/b/2.jpg", "/p/ab/3.jpg", "/p/a.jpg", "/p/%/4.jpg", "/p/_/5.jpg")

    def under(*folders: str) -> list[str]:
        return [known.uri for known in catalog.items.known_files(IMAGE, folders)]

    assert under("/p/a") == ["/p/a/1.jpg", "/p/a/b/2.jpg"]
    assert under("/p/a/", "/p/a/b") == ["/p/a/1.jpg", "/p/a/b/2.jpg"]
    assert under("/p/a.jpg") == ["/p/a.jpg"]
    assert under("/p/%") == ["/p/%/4.jpg"]
    assert len(under("/")) == 6
    assert under() == []
    assert len(list(catalog.items.known_files(IMAGE))) == 6


def test_many_folders_and_many_pages_list_each_file_once(catalog: Catalog) -> None:
    """Listing 6,000 files under 450 folders gives each once, in one order."""
    uris = [f"/p/{number % 450:03}/{number}.jpg" for number in range(6000)]
    add(catalog, *uris)
    known = list(catalog.items.known_files(IMAGE))
    assert [file.uri for file in known] == uris
    assert known[0] == KnownFile(1, "/p/000/0.jpg", 10, 20, "h")
    inside = catalog.items.known_files(IMAGE, [f"/p/{number:03}" for number in range(450)])
    assert sorted(file.uri for file in inside) == sorted(uris)


def test_ids_and_segment_numbers_are_never_given_out_twice(catalog_url: str) -> None:
    """Reserved numbers are gone, even if nothing came of them and the catalog was closed."""
    with Catalog.open(catalog_url) as catalog:
        catalog.spaces.ensure(SPACE)
        catalog.spaces.ensure(OTHER)
        assert catalog.items.reserve(3) == range(1, 4)
        assert catalog.segments.reserve("clip", IMAGE) == 1
    with Catalog.open(catalog_url) as catalog:
        assert catalog.items.reserve(2) == range(4, 6)
        assert catalog.segments.reserve("clip", IMAGE) == 2
        assert catalog.segments.reserve("clip", Modality.TEXT) == 1
        assert catalog.segments.reserve("siglip", IMAGE) == 1
        assert catalog.segments.reserve_generation("clip", IMAGE) == 1


def test_a_deleted_item_is_gone_and_its_row_is_dead(catalog: Catalog) -> None:
    """Deletion hides an item from every listing and names its vector as dead; a second one changes nothing."""
    first, second = add(catalog, "/a.jpg", "/b.jpg")
    before = catalog.revision()
    assert catalog.items.delete([first, 999]) == 1
    assert catalog.revision() > before
    assert catalog.items.get([first, second]).keys() == {second}
    assert catalog.items.by_uri("/a.jpg") is None
    assert catalog.items.live_ids(IMAGE).tolist() == [second]
    assert catalog.segments.dead_rows("clip", IMAGE) == [RowOfItem(1, 0, first)]
    assert catalog.segments.live_rows("clip", IMAGE) == [RowOfItem(1, 1, second)]
    assert catalog.segments.embedding_of("clip", first) is None
    before = catalog.revision()
    assert catalog.items.delete([first]) == 0
    assert catalog.revision() == before


def test_a_uri_may_return_after_deletion_as_a_new_item(catalog: Catalog) -> None:
    """The same uri gets a new id, and the old item stays deleted."""
    [old] = add(catalog, "/a.jpg")
    catalog.items.delete([old])
    [new] = add(catalog, "/a.jpg")
    assert new != old
    assert [known.id for known in catalog.items.known_files(IMAGE)] == [new]


def test_new_content_kills_the_vectors_of_all_spaces(catalog: Catalog) -> None:
    """After a change in one space, the item misses its vector in the other."""
    [item] = add(catalog, "/a.jpg")
    catalog.spaces.ensure(OTHER)
    assert list(catalog.segments.missing_embeddings("siglip", IMAGE)) == [item]
    commit(catalog, facts(item, "/a.jpg"), space="siglip")
    assert list(catalog.segments.missing_embeddings("siglip", IMAGE)) == []
    assert catalog.segments.embedding_of("clip", item) == (1, 0)

    number = commit(catalog, facts(item, "/a.jpg", "new content"))

    assert catalog.segments.embedding_of("clip", item) == (number, 0)
    assert catalog.segments.embedding_of("siglip", item) is None
    assert catalog.segments.dead_rows("clip", IMAGE) == [RowOfItem(1, 0, item)]
    assert catalog.segments.dead_rows("siglip", IMAGE) == [RowOfItem(1, 0, item)]
    assert list(catalog.segments.missing_embeddings("siglip", IMAGE)) == [item]
    assert catalog.items.get([item])[item].content_hash == "new content"


def test_an_item_deleted_while_it_was_embedded_stays_deleted(catalog: Catalog) -> None:
    """A commit for an item that is gone by now leaves a dead row and no item."""
    [item] = add(catalog, "/a.jpg")
    catalog.items.delete([item])
    number = commit(catalog, facts(item, "/a.jpg", "new"))
    assert catalog.items.get([item]) == {}
    assert RowOfItem(number, 0, item) in catalog.segments.dead_rows("clip", IMAGE)


def test_the_last_to_take_a_uri_has_it(catalog: Catalog) -> None:
    """A new item under a uri that lives already takes its place."""
    first, second = add(catalog, "/a.jpg", "/b.jpg")
    (third,) = catalog.items.reserve(1)
    commit(catalog, facts(third, "/a.jpg"))
    assert catalog.items.live_ids(IMAGE).tolist() == [second, third]
    assert {row.item for row in catalog.segments.dead_rows("clip", IMAGE)} == {first}


def test_two_items_may_swap_names(catalog: Catalog) -> None:
    """Moves keep ids, captions and vectors, whatever the order of names."""
    first, second, third = add(catalog, "/a.jpg", "/b.jpg", "/c.jpg", captions=(Caption("c"),))
    catalog.items.move([Sighting(first, "/b.jpg", 10, 5), Sighting(second, "/a.jpg", 10, 6)])
    found = catalog.items.get([first, second])
    assert [(item.uri, item.mtime_ns, item.captions) for item in found.values()] == [
        ("/b.jpg", 5, (Caption("c"),)),
        ("/a.jpg", 6, (Caption("c"),)),
    ]
    catalog.items.move([Sighting(first, "/c.jpg", 10, 7)])  # over another item: as `mv` does
    assert catalog.items.live_ids(IMAGE).tolist() == [first, second]
    assert [row.item for row in catalog.segments.dead_rows("clip", IMAGE)] == [third]


def test_touching_notes_the_new_time_and_size(catalog: Catalog) -> None:
    """A file that was touched has its new facts at the next plan."""
    [item] = add(catalog, "/a.jpg")
    catalog.items.touch([Sighting(item, "/a.jpg", 11, 2**62)])
    assert list(catalog.items.known_files(IMAGE)) == [KnownFile(item, "/a.jpg", 11, 2**62, "h")]


def test_captions_of_one_source_leave_those_of_the_other(catalog: Catalog) -> None:
    """A captioner replaces its own sentences only, and a change of the picture drops them."""
    [item] = add(catalog, "/a.jpg", captions=(Caption("mine"),))
    catalog.annotations.set_captions(item, [Caption("model's", "en")], MODEL)
    catalog.annotations.set_captions(item, [Caption("model's second", "en")], MODEL)
    assert catalog.items.get([item])[item].captions == (
        Caption("mine"),
        Caption("model's second", "en", MODEL),
    )

    commit(catalog, facts(item, "/a.jpg"))
    assert len(catalog.items.get([item])[item].captions) == 2
    commit(catalog, facts(item, "/a.jpg", "new", Caption("mine now")))
    assert catalog.items.get([item])[item].captions == (Caption("mine now"),)


def test_what_the_user_set_outlasts_a_new_file(catalog: Catalog) -> None:
    """EXIF facts follow the file; the user's tags and attributes stay until the user removes them."""
    catalog.spaces.ensure(SPACE)
    [item] = catalog.items.reserve(1)
    commit(catalog, facts(item, "/a.jpg", attributes={"camera": "X100", "latitude": 1.5}))
    catalog.annotations.set_tags(item, ["red", "boat", "red "])
    catalog.annotations.set_attributes(item, {"project": "sea", "camera": "my X100"})
    commit(catalog, facts(item, "/a.jpg", "new", attributes={"camera": "Z9"}))
    found = catalog.items.get([item])[item]
    assert found.attributes == {"camera": "my X100", "project": "sea"}
    assert found.tags == ("boat", "red")
    catalog.annotations.set_attributes(item, {"project": None})
    catalog.annotations.set_tags(item, [])
    found = catalog.items.get([item])[item]
    assert found.attributes == {"camera": "my X100"}
    assert found.tags == ()


def test_a_new_item_gets_the_words_of_all_that_had_its_content(catalog: Catalog) -> None:
    """Once, and only what people wrote; of two attributes of one name that of the later item."""
    one, other, silent, removed = add(catalog, "/a.jpg", "/b.jpg", "/c.jpg", "/d.jpg", content="old")
    for number, item in enumerate((one, other, removed)):
        catalog.annotations.set_tags(item, ["all", f"number {number}"])
        catalog.annotations.set_attributes(item, {"rating": number, f"of {number}": True})
        catalog.annotations.set_captions(item, [Caption(f"sentence {number}")], CaptionSource.USER)
        catalog.annotations.set_captions(item, [Caption("a model's")], CaptionSource.MODEL)
    for item in (one, other, silent, removed):
        commit(catalog, facts(item, f"/{item}.jpg", f"new {item}"))
    catalog.items.delete([removed])
    catalog.items.lose([other])
    catalog.annotations.set_tags(silent, ["of the new content"])
    heir, copy = add(catalog, "/e.jpg", "/f.jpg", content="old")
    (late,) = add(catalog, "/g.jpg", content="old")
    found = catalog.items.get([heir, copy, late])
    assert found[heir].tags == ("all", "number 0", "number 1")
    assert [said.text for said in found[heir].captions] == ["sentence 0", "sentence 1"]
    assert found[heir].attributes == {"rating": 1, "of 0": True, "of 1": True}
    assert [(found[item].tags, found[item].captions) for item in (copy, late)] == [((), ())] * 2
    assert set(found_by(catalog.full_text, "number sentence")) == {heir, one}
    assert catalog.facets.attribute_counts() == {"rating": 2, "of 0": 2, "of 1": 1}


def test_a_new_item_that_comes_with_words_gets_no_others(catalog: Catalog) -> None:
    """What is said of it where it comes from is said of it; and a copy of what is there is a copy."""
    (edited, *_) = add(catalog, "/a.jpg", content="old")
    catalog.annotations.set_tags(edited, ["a"])
    commit(catalog, facts(edited, "/a.jpg", "new"))
    commit(catalog, facts(edited, "/a.jpg", "old"))  # put back
    ids = [*add(catalog, "/copy.jpg", content="old")]
    commit(catalog, facts(edited, "/a.jpg", "new"))
    catalog.items.delete(ids)
    annotated, captioned, heir = catalog.items.reserve(3)
    commit(catalog, facts(annotated, "/b.jpg", "old", annotated=True))
    catalog.items.delete([annotated])
    commit(catalog, facts(captioned, "/c.jpg", "old", Caption("its own")))
    catalog.items.delete([captioned])
    commit(catalog, facts(heir, "/d.jpg", "old"))
    assert catalog.items.get([heir])[heir].tags == ("a",)
    assert catalog.items.get([edited])[edited].tags == ("a",)


def test_edits_of_an_item_that_is_not_there_say_so(catalog: Catalog) -> None:
    """Captions, tags and attributes of an unknown or deleted item raise NotFoundError."""
    [item] = add(catalog, "/a.jpg")
    catalog.items.delete([item])
    edits: list[Callable[[], None]] = [
        lambda: catalog.annotations.set_captions(item, [], USER),
        lambda: catalog.annotations.set_tags(item, ["x"]),
        lambda: catalog.annotations.set_attributes(item, {"x": 1}),
    ]
    for edit in edits:
        with pytest.raises(NotFoundError, match=f"no item {item}"):
            edit()


@pytest.mark.parametrize("tag", ["", "  ", "x" * 201])
def test_an_empty_or_overlong_tag_is_refused(catalog: Catalog, tag: str) -> None:
    """A tag has between 1 and 200 characters, and a refused one changes nothing."""
    [item] = add(catalog, "/a.jpg")
    catalog.annotations.set_tags(item, ["kept"])
    with pytest.raises(UsageError, match="1 to 200"):
        catalog.annotations.set_tags(item, [tag])
    assert catalog.items.get([item])[item].tags == ("kept",)


def test_spaces_are_kept_apart(catalog: Catalog) -> None:
    """The first space is the default until told otherwise; one name never means two models."""
    assert catalog.spaces.default() is None
    assert catalog.spaces.ensure(SPACE) == SPACE
    assert catalog.spaces.ensure(OTHER) == OTHER
    assert catalog.spaces.default() == SPACE
    catalog.spaces.set_default("siglip")
    assert catalog.spaces.default() == OTHER
    assert catalog.spaces.all() == [SPACE, OTHER]
    assert catalog.spaces.get("clip") == SPACE
    with pytest.raises(UsageError, match="another model"):
        catalog.spaces.ensure(EmbeddingSpace("clip", "fast", "other weights", "preprocessing", 4))
    for missing in (lambda: catalog.spaces.get("x"), lambda: catalog.segments.all("x", IMAGE)):
        with pytest.raises(NotFoundError, match="no space 'x'"):
            missing()


def test_a_published_generation_replaces_the_active_one(catalog: Catalog) -> None:
    """One generation is active per space and modality; without any, searches scan."""
    add(catalog, "/a.jpg")
    assert catalog.segments.active_generation("clip", IMAGE) is None
    first = GenerationRecord("clip", IMAGE, catalog.segments.reserve_generation("clip", IMAGE), 1, "flat", 1)
    second = GenerationRecord("clip", IMAGE, catalog.segments.reserve_generation("clip", IMAGE), 1, "hnsw", 1)
    for generation in (first, second):
        before = catalog.revision()
        catalog.segments.publish_generation(generation)
        assert catalog.segments.active_generation("clip", IMAGE) == generation
        assert catalog.revision() > before
    assert catalog.segments.generations("clip", IMAGE) == [first, second]
    catalog.segments.retire_generation("clip", IMAGE, second.number)
    assert catalog.segments.active_generation("clip", IMAGE) is None
    assert catalog.segments.generations("clip", IMAGE) == [first]


def test_the_state_of_a_gallery_is_of_one_moment(catalog: Catalog) -> None:
    """While items change all the time, live and dead rows together are always the rows of all segments."""
    ids = add(catalog, *(f"/{number}.jpg" for number in range(5)))
    stop = threading.Event()

    def change() -> None:
        version = 0
        while not stop.is_set():
            version += 1
            commit(catalog, *(facts(item, f"/{item - 1}.jpg", str(version)) for item in ids))

    writer = threading.Thread(target=change)
    writer.start()
    try:
        for _ in range(30):
            state = catalog.segments.gallery_state("clip", IMAGE)
            assert len(state.dead) == sum(segment.rows for segment in state.segments) - len(ids)
    finally:
        stop.set()
        writer.join()


def test_a_lost_segment_leaves_items_without_vectors(catalog: Catalog) -> None:
    """Forgetting a segment makes its items miss their vector, ends its generations, and leaves others alone."""
    first, second = add(catalog, "/a.jpg", "/b.jpg")
    [third] = add(catalog, "/c.jpg")
    catalog.items.delete([second])
    catalog.segments.publish_generation(GenerationRecord("clip", IMAGE, 1, 2, "flat", 2))
    assert catalog.segments.drop("clip", IMAGE, 1) == 1
    assert catalog.segments.active_generation("clip", IMAGE) is None
    assert list(catalog.segments.missing_embeddings("clip", IMAGE)) == [first]
    assert catalog.segments.dead_rows("clip", IMAGE) == []
    assert catalog.segments.live_rows("clip", IMAGE) == [RowOfItem(2, 0, third)]


def test_a_commit_is_whole_or_nothing(catalog: Catalog) -> None:
    """A commit that fails leaves no trace, and the same segment can be committed after."""
    catalog.spaces.ensure(SPACE)
    first, second = catalog.items.reserve(2)
    segment = SegmentRecord("clip", IMAGE, catalog.segments.reserve("clip", IMAGE), 2, "c")
    before = catalog.revision()
    with pytest.raises(UsageError, match="2 rows"):
        catalog.segments.commit(segment, [facts(first, "/a.jpg")])
    with pytest.raises(UsageError, match="same uri"):
        catalog.segments.commit(segment, [facts(first, "/a"), facts(second, "/a")])
    broken = facts(second, "/b.jpg", cast(str, None))
    with pytest.raises(IntegrityError):
        catalog.segments.commit(segment, [facts(first, "/a.jpg"), broken])
    assert catalog.segments.all("clip", IMAGE) == []
    assert catalog.items.count(IMAGE) == 0
    assert catalog.revision() == before
    catalog.segments.commit(segment, [facts(first, "/a.jpg"), facts(second, "/b.jpg")])
    assert catalog.items.count(IMAGE) == 2


def test_the_ledger_counts_attempts(catalog: Catalog) -> None:
    """A file that fails again counts up and tells its latest reason; one that works is struck out."""
    bad = os.fsdecode(b"/bad\xff.jpg")
    catalog.failures.record(
        [Skipped(bad, "read", "no permission"), Skipped("/worse.jpg", "decode", "torn\x00")]
    )
    catalog.failures.record([Skipped(bad, "decode", "cut short"), Skipped(bad, "decode", "cut shorter")])
    latest, other = catalog.failures.latest()
    assert (latest.uri, latest.stage, latest.reason, latest.attempts) == (bad, "decode", "cut shorter", 2)
    assert (other.uri, other.reason, other.attempts) == ("/worse.jpg", "torn", 1)
    assert catalog.failures.latest(limit=1) == [latest]
    assert catalog.failures.count() == 2
    catalog.spaces.ensure(SPACE)
    [item] = catalog.items.reserve(1)
    segment = SegmentRecord("clip", IMAGE, catalog.segments.reserve("clip", IMAGE), 1, "c")
    catalog.segments.commit(segment, [facts(item, bad)], recovered=[bad])
    assert [failure.uri for failure in catalog.failures.latest()] == ["/worse.jpg"]
    assert catalog.failures.clear() == 1
    assert catalog.failures.latest() == []


def test_jobs_are_recorded(catalog: Catalog) -> None:
    """A job runs, reports, and ends once; the latest comes first."""
    first = catalog.jobs.start("index", {"paths": ["/p"]})
    second = catalog.jobs.start("caption", {})
    catalog.jobs.update(first, "running", {"added": 5})
    catalog.jobs.update(first, "done")
    newest, oldest = catalog.jobs.latest()
    assert (newest.id, newest.state, newest.finished_at) == (second, "running", None)
    assert (oldest.params, oldest.state, oldest.progress) == ({"paths": ["/p"]}, "done", {"added": 5})
    assert oldest.finished_at is not None
    with pytest.raises(NotFoundError, match="no job 99"):
        catalog.jobs.update(99, "done")


def test_more_ids_than_one_statement_takes(catalog: Catalog) -> None:
    """Thousands of ids at once are read, moved and deleted."""
    ids = add(catalog, *(f"/{number}" for number in range(2500)))
    assert list(catalog.items.get(reversed(ids))) == ids[::-1]
    catalog.items.move([Sighting(item, f"/moved/{item}", 10, 1) for item in ids])
    assert len(list(catalog.items.known_files(IMAGE, ["/moved"]))) == 2500
    assert catalog.items.delete(ids) == 2500
    assert len(catalog.segments.dead_rows("clip", IMAGE)) == 2500


def test_ids_are_one_parameter(catalog: Catalog) -> None:
    """However many ids are asked for, the database gets one parameter for all of them."""
    ids = add(catalog, *(f"/{number}" for number in range(9)))
    query = select(items.c.id).order_by(items.c.id)
    with catalog.items._database.read() as connection:
        assert list(connection.execute(query.where(among(items.c.id, ids[3:5]))).scalars()) == ids[3:5]
        assert not connection.execute(query.where(among(items.c.id, []))).all()
        others = query.where(~among(items.c.id, range(100_000)))
        assert len(others.compile(connection).params) == 1
        assert not connection.execute(others).all()


def test_threads_write_one_after_the_other(catalog: Catalog) -> None:
    """Four threads that reserve and write at once lose nothing and meet no locked database."""
    catalog.spaces.ensure(SPACE)
    trouble: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for step in range(5):
                add(catalog, f"/{name}/{step}.jpg")
                catalog.items.get(catalog.items.live_ids(IMAGE).tolist())
        except BaseException as error:
            trouble.append(error)
            raise

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert catalog.items.count(IMAGE) == 20


def test_a_reader_is_not_kept_waiting_by_a_writer(catalog_url: str) -> None:
    """While one process is in the middle of a transaction, another reads the state before it."""
    with Catalog.open(catalog_url) as writer, Catalog.open(catalog_url) as reader:
        add(writer, "/a.jpg")
        with writer.database.write() as connection:
            connection.execute(items.update().values(uri="/changed"))
            assert [known.uri for known in reader.items.known_files(IMAGE)] == ["/a.jpg"]
        assert [known.uri for known in reader.items.known_files(IMAGE)] == ["/changed"]


def test_opening_a_path_makes_a_sqlite_file(tmp_path: Path) -> None:
    """A path with characters that mean something in a URL is taken as it is."""
    path = tmp_path / "50% of #1?" / "catalog.sqlite3"
    path.parent.mkdir()
    with Catalog.open(path) as catalog:
        add(catalog, "/a.jpg")
    assert path.stat().st_size > 0
