"""Out of one library and into another, in every format: nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests import forms
from tests.grey import GreyEncoder, GreyLibrary, write_picture
from vasari.indexer.doctor import examine
from vasari.indexer.exchange import clip_retrieval
from vasari.indexer.exchange.exporting import Format, export
from vasari.indexer.exchange.importing import import_
from vasari.indexer.exchange.records import Record, as_row
from vasari.indexer.exchange.rows import Refused, checked, from_row
from vasari.indexer.exchange.sidecars import write_sidecars
from vasari.indexer.job import index
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.catalog.records import Judgment
from vasari.retrieval.domain import Caption, CaptionSource, Item, Modality, TextLine, unit_vectors
from vasari.retrieval.errors import UsageError
from vasari.retrieval.images.xmp import read_xmp
from vasari.retrieval.images.xmp_writer import Words, with_words
from vasari.retrieval.vectors.segments import Segment

DIM = GreyEncoder().dim
TARGETS = {
    Format.PARQUET: "all.parquet",
    Format.JSONL: "all.jsonl",
    Format.CLIP_RETRIEVAL: "clip",
    Format.FAISS: "faiss",
}


THEN = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
LINES = (TextLine('RE16 TGK ü"', 0.9123, ((1, 2), (30, 2), (30, 9), (1, 9))),)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[GreyLibrary]:
    """Twelve pictures with captions, attributes and tags, and two of them deleted."""
    samples = forms.write_folder(tmp_path / "photos", 12)
    table = forms.write_csv(tmp_path / "all.csv", [f"photos/{s.name}" for s in samples], samples)
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        index(opened, choose_source([table])[0])
        ids = opened.catalog.items.live_ids(Modality.IMAGE).tolist()
        opened.catalog.annotations.set_tags(ids[0], ["boat", "Ä"])
        opened.catalog.annotations.set_attributes(ids[1], {"camera": {"lens": [1, 2.5, None]}, "share": 0.25})
        opened.catalog.annotations.set_captions(
            ids[2], [Caption("ein Boot", "de", CaptionSource.MODEL)], CaptionSource.MODEL
        )
        opened.catalog.items.delete(ids[3:5])
        opened.catalog.albums.add(opened.catalog.albums.create("Summer").id, ids[:3])
        opened.catalog.readings.note("some reader", {ids[0]: LINES, ids[1]: ()})
        opened.catalog.albums.create("Boats", query="a boat", filter="width > 3")
        opened.catalog.stacks.make(ids[:3])
        opened.catalog.stacks.take_out(ids[2:3])
        opened.catalog.judgments.judge("a boat", {ids[0]: 2, ids[1]: 0}, "Anna", at=THEN)
        opened.catalog.judgments.judge("boats", {ids[0]: 1}, "Ben", filter="width > 3", at=THEN)
        yield opened


@pytest.fixture
def other(tmp_path: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "other", create=True) as opened:
        yield opened


def _facts(item: Item) -> dict[str, Any]:
    """Everything but what belongs to a library: id, and when the item was added to it."""
    names = ("uri", "modality", "content_hash", "bytes", "mtime_ns", "width", "height", "format", "text")
    plain = {name: getattr(item, name) for name in names}
    return {**plain, "captions": item.captions, "tags": item.tags, "attributes": dict(item.attributes)}


def _contents(library: GreyLibrary) -> dict[str, tuple[dict[str, Any], bytes]]:
    """Facts and the stored half floats of every live item."""
    found = {}
    for modality in Modality:
        items = library.items(library.catalog.items.live_ids(modality).tolist())
        for item in items.values():
            where = library.catalog.segments.embedding_of(library.space().name, item.id)
            assert where is not None
            segment = Segment.open(library.segments_directory(library.space(), modality), where[0])
            found[item.uri] = (_facts(item), segment.vectors[where[1]].tobytes())
    return found


def _own(library: GreyLibrary) -> dict[str, dict[str, Any]]:
    """What people set of the attributes, by uri."""
    ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
    own = library.catalog.annotations.user_attributes(ids)
    return {item.uri: own[item.id] for item in library.items(list(own)).values()}


def _read(library: GreyLibrary) -> dict[str, tuple[TextLine, ...]]:
    """What was read in pictures, by uri."""
    lines = library.catalog.readings.of(library.catalog.items.live_ids(Modality.IMAGE).tolist())
    return {item.uri: lines[item.id] for item in library.items(list(lines)).values()}


def _albums(library: GreyLibrary) -> dict[str, list[str]]:
    """The albums that items are in, by uri."""
    names = library.catalog.albums.names_of(library.catalog.items.live_ids(Modality.IMAGE).tolist())
    return {item.uri: names[item.id] for item in library.items(list(names)).values()}


def _stacks(library: GreyLibrary) -> tuple[list[set[str]], set[str]]:
    """The stacks by hand, and what was taken out of one by hand, by uri."""
    ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
    uris = {item: found.uri for item, found in library.items(ids).items()}
    by_hand = library.catalog.stacks.by_hand(ids)
    stacks = [{uris[item] for item in stack.items} for stack in library.catalog.stacks.all()]
    return stacks, {uris[item] for item, number in by_hand.items() if not number}


def _judgments(library: GreyLibrary) -> dict[str, list[Judgment]]:
    """What was judged, by uri."""
    said = library.catalog.judgments.of(library.catalog.items.live_ids(Modality.IMAGE).tolist())
    items = library.items(list(said)).values()
    return {item.uri: [replace(one, item=0) for one in said[item.id]] for item in items}


@pytest.mark.parametrize("layout", Format)
def test_a_round_trip_loses_nothing(
    tmp_path: Path, library: GreyLibrary, other: GreyLibrary, layout: Format
) -> None:
    """Facts are equal and vectors equal bit by bit, and what a person set is a person's; again, it updates the same."""
    target = tmp_path / TARGETS[layout]
    assert export(library, target, layout).pictures == 10
    report = import_(other, target)
    assert (report.added, report.updated, report.failed) == (10, 0, 0)
    assert other.space() == library.space()
    assert _contents(other) == _contents(library)
    assert len(_own(library)) == 1
    assert _own(other) == _own(library)
    (named,) = _own(library)
    (item,) = other.catalog.items.named(named)
    other.catalog.annotations.set_attributes(item, {"share": 0.5})
    import_(other, target)
    assert _own(other)[named]["share"] == 0.5, "what a person set here stays"
    other.catalog.annotations.set_attributes(item, {"share": 0.25})
    again = import_(other, target)
    assert (again.added, again.updated) == (0, 10)
    assert _contents(other) == _contents(library)
    assert examine(other) == []
    assert _albums(other) == _albums(library)
    assert _read(other) == _read(library)
    assert sorted(_read(library).values()) == [(), LINES]
    assert _judgments(other) == _judgments(library)
    assert [len(said) for said in _judgments(library).values()] == [2, 1]
    assert _stacks(other) == _stacks(library)
    assert [len(found) for found in (_stacks(library)[0][0], _stacks(library)[1])] == [2, 1]
    searches = [(one.name, one.query, one.filter) for one in other.catalog.albums.all() if one.is_search]
    whole = layout in (Format.PARQUET, Format.JSONL)
    assert searches == ([("Boats", "a boat", "width > 3")] if whole else [])


@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_import_brings_missing_items_back(tmp_path: Path, other: GreyLibrary, elsewhere: bool) -> None:
    """By content, under the record's uri: same id, with the tags, captions and attributes that people gave."""
    photos = tmp_path / "some"
    for name, shade in (("a.png", 20), ("b.png", 220)):
        write_picture(photos / name, shade)
    index(other, choose_source([photos])[0])
    ids = other.catalog.items.live_ids(Modality.IMAGE).tolist()
    export(other, tmp_path / "all.jsonl", Format.JSONL)
    other.catalog.annotations.set_tags(ids[0], ["boat"])
    other.catalog.annotations.set_captions(
        ids[0], [Caption("mine", "", CaptionSource.USER)], CaptionSource.USER
    )
    other.catalog.annotations.set_attributes(ids[0], {"stars": 5})
    other.catalog.items.lose(ids)
    if elsewhere:
        rows = (tmp_path / "all.jsonl").read_text("utf-8").replace("/some/", "/other disk/some/")
        (tmp_path / "all.jsonl").write_text(rows, "utf-8")
    report = import_(other, tmp_path / "all.jsonl")
    assert (report.added, report.updated, report.failed) == (0, 2, 0)
    found = other.items(ids)
    assert list(found) == ids
    assert ("other disk" in found[ids[0]].uri) is elsewhere
    assert found[ids[0]].tags == ("boat",)
    assert [caption.text for caption in found[ids[0]].captions] == ["mine"]
    assert found[ids[0]].attributes["stars"] == 5
    assert other.catalog.items.missing() == []
    assert examine(other) == []


@pytest.mark.parametrize("annotated", [True, False])
def test_an_import_of_what_an_edited_item_was_gets_its_words(
    tmp_path: Path, other: GreyLibrary, annotated: bool
) -> None:
    """Where nobody wrote about it: words that come with the record are those of the record."""
    file, table = tmp_path / "some" / "a.png", tmp_path / "all.jsonl"
    write_picture(file, 1)
    index(other, choose_source([file.parent])[0])
    if annotated:
        other.catalog.annotations.set_attributes(1, {"stars": 1})
    export(other, table, Format.JSONL)
    table.write_text(table.read_text("utf-8").replace("/some/", "/other disk/some/"), "utf-8")
    other.catalog.annotations.set_tags(1, ["boat"])
    other.catalog.annotations.set_attributes(1, {"stars": 5})
    write_picture(file, 2)
    index(other, choose_source([file.parent])[0])
    assert import_(other, table).added == 1
    items = other.items(other.catalog.items.live_ids(Modality.IMAGE).tolist())
    said = {
        item.uri.removeprefix(str(tmp_path)): (item.tags, item.attributes["stars"]) for item in items.values()
    }
    imported = ((), 1) if annotated else (("boat",), 5)
    assert said == {"/some/a.png": (("boat",), 5), "/other disk/some/a.png": imported}


@pytest.mark.parametrize("layout", Format)
def test_what_a_person_took_away_stays_away(
    tmp_path: Path, library: GreyLibrary, other: GreyLibrary, layout: Format
) -> None:
    """Also where another attribute is set after the import, and the table is read again after that."""
    table = tmp_path / "all.csv"
    table.write_text(
        "\n".join(
            f"{line},{'city' if not place else 'Paris'}"
            for place, line in enumerate(table.read_text().splitlines())
        )
    )
    index(library, choose_source([table])[0])
    item = library.items(library.catalog.items.live_ids(Modality.IMAGE).tolist()[:1])
    (number, named), *_ = ((one.id, one.uri) for one in item.values())
    library.catalog.annotations.set_attributes(number, {"city": None})
    export(library, tmp_path / TARGETS[layout], layout)
    import_(other, tmp_path / TARGETS[layout])
    (there,) = other.catalog.items.named(named)
    other.catalog.annotations.set_attributes(there, {"stars": 5})
    index(other, choose_source([table])[0])
    shown = other.items([there])[there].attributes
    assert "city" not in shown
    assert shown["stars"] == 5
    assert other.catalog.annotations.user_attributes([there])[there] == {"city": None, "stars": 5}


@pytest.mark.parametrize("layout", [Format.PARQUET, Format.JSONL])
def test_missing_items_travel_with_all_that_was_written_of_them(
    tmp_path: Path, library: GreyLibrary, other: GreyLibrary, layout: Format
) -> None:
    """As missing ones, hidden; where their content is seen again, they are back. Twice the same is once."""
    ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()[:2]
    gone = library.items(ids)
    library.catalog.annotations.set_attributes(ids[0], {"stars": 5})
    library.catalog.annotations.set_captions(ids[0], [Caption("mine")], CaptionSource.USER)
    library.catalog.items.lose(ids)
    first, taken = (Path(item.uri) for item in gone.values())
    first.rename(tmp_path / "elsewhere.png")
    write_picture(taken, 99)  # another picture
    index(library, choose_source([taken.parent])[0])

    assert export(library, tmp_path / TARGETS[layout], layout).missing == 2
    for _ in range(2):
        import_(other, tmp_path / TARGETS[layout])
        assert _contents(other) == _contents(library)
        assert other.catalog.items.count_missing() == 2
        hidden = other.catalog.items.get(other.catalog.items.missing(), missing=True)
        assert {item.uri: item.tags for item in hidden.values()} == {
            one.uri: one.tags for one in gone.values()
        }
        assert examine(other) == []
    since = [
        each.catalog.segments.missing_rows(each.space().name, Modality.IMAGE)[0].since
        for each in (library, other)
    ]
    assert since[0] == since[1]

    (tmp_path / "elsewhere.png").rename(first)
    for each in (library, other):
        index(each, choose_source([taken.parent])[0])
        (back,) = each.items(each.catalog.items.named(gone[ids[0]].uri)).values()
        assert (back.tags, [said.text for said in back.captions]) == (("boat", "Ä"), ["mine"])
        assert back.attributes["stars"] == 5


def test_what_people_do_here_stays_beside_what_they_did_elsewhere(
    tmp_path: Path, library: GreyLibrary, other: GreyLibrary
) -> None:
    """An item that was put into a stack here stays in it, the others join it; of two judgments the later holds."""
    export(library, tmp_path / "all.jsonl")
    import_(other, tmp_path / "all.jsonl")
    first, second, _, *new = library.catalog.items.live_ids(Modality.IMAGE).tolist()[:5]
    ids = other.catalog.items.live_ids(Modality.IMAGE).tolist()
    other.catalog.stacks.make([ids[2], ids[3]])  # one of them was taken out elsewhere
    other.catalog.judgments.judge("a boat", {ids[0]: 0}, "Anna")
    library.catalog.stacks.make([first, second, *new])
    library.catalog.judgments.judge("a boat", {second: 3}, "Anna")
    export(library, tmp_path / "later.jsonl")
    import_(other, tmp_path / "later.jsonl")
    assert [stack.items for stack in other.catalog.stacks.all()] == [
        (ids[0], ids[1], ids[4]),
        (ids[2], ids[3]),
    ]
    grades = {one.item: one.grade for one in other.catalog.judgments.all("a boat")}
    assert grades == {ids[0]: 0, ids[1]: 3}


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"judgments": [{"query": "boat", "who": "Anna", "grade": 11, "at": "2026-01-31"}]}, "from 0 to 10"),
        ({"judgments": [{"query": " ", "who": "Anna", "grade": 1, "at": "2026-01-31"}]}, "empty query"),
        ({"judgments": [{"query": "boat", "grade": 1}]}, "who judged"),
        ({"judgments": "boat"}, "not valid JSON"),
        ({"stack": -1}, "stack must be a whole number"),
    ],
)
def test_judgments_and_stacks_that_are_none_are_refused(said: dict[str, Any], complaint: str) -> None:
    """With the field that is wrong; the row is a failure, and the others come in."""
    vector = np.ones(2, np.float32)
    found = checked(1, lambda: from_row({"uri": "/a.jpg", **said}, vector))
    assert isinstance(found, Refused)
    assert complaint in found.reason


def _clip_folder(
    folder: Path, parts: list[int], with_texts: bool = True
) -> tuple[NDArray[Any], NDArray[Any]]:
    """What clip-retrieval's inference writes over a webdataset: unit vectors in half floats, and its metadata."""
    rng = np.random.default_rng(1)
    count = sum(parts)
    images = unit_vectors(rng.normal(size=(count, DIM))).astype(np.float16)
    texts = unit_vectors(rng.normal(size=(count, DIM))).astype(np.float16)
    for name in ("img_emb", "text_emb", "metadata") if with_texts else ("img_emb", "metadata"):
        (folder / name).mkdir(parents=True)
    first = 0
    for part, rows in enumerate(parts):
        numbers = range(first, first + rows)
        np.save(folder / f"img_emb/img_emb_{part}.npy", images[first : first + rows])
        if with_texts:
            np.save(folder / f"text_emb/text_emb_{part}.npy", texts[first : first + rows])
        columns = {
            "image_path": [f"{number:09}" for number in numbers],
            "caption": [f"picture {number}" for number in numbers],
            "url": [f"https://photos.example/{number}.jpg" for number in numbers],
            "NSFW": ["UNLIKELY"] * rows,
            "similarity": [0.25 + number / 100 for number in numbers],
            "original_width": [640 + number for number in numbers],
        }
        pq.write_table(pa.table(columns), folder / f"metadata/metadata_{part}.parquet")
        first += rows
    return images, texts


def test_a_folder_of_clip_retrieval_comes_in_and_goes_out_again(tmp_path: Path, other: GreyLibrary) -> None:
    """Vectors of pictures and captions, and every column of the metadata, are those of the folder."""
    images, texts = _clip_folder(tmp_path / "clip", [7, 5, 11])  # 10 parts would sort after 2 by name
    report = import_(other, tmp_path / "clip", model="grey")
    assert (report.added, report.failed) == (46, 0)
    assert other.catalog.items.count(Modality.IMAGE) == other.catalog.items.count(Modality.TEXT) == 23
    boat = other.catalog.items.by_uri("https://photos.example/8.jpg")
    assert boat is not None
    assert [caption.text for caption in boat.captions] == ["picture 8"]
    assert boat.attributes["original_width"] == 648
    of_texts = other.catalog.items.live_ids(Modality.TEXT).tolist()
    found = other.vectors_of([of_texts[3], boat.id, of_texts[0]], other.space())
    np.testing.assert_allclose(found, [texts[3], images[8], texts[0]], atol=1e-3)

    export(other, tmp_path / "again", Format.CLIP_RETRIEVAL)
    np.testing.assert_allclose(np.load(tmp_path / "again/img_emb/img_emb_0.npy"), images, atol=1e-3)
    np.testing.assert_allclose(np.load(tmp_path / "again/text_emb/text_emb_0.npy"), texts, atol=1e-3)
    before = [row for part in range(3) for row in _metadata(tmp_path / "clip", part)]
    after = _metadata(tmp_path / "again", 0)
    assert [{name: row[name] for name in before[0]} for row in after] == before


def test_many_pictures_go_out_to_clip_retrieval_in_parts(
    tmp_path: Path, other: GreyLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part has its own files, and all of them together are the library."""
    images, _ = _clip_folder(tmp_path / "clip", [23])
    import_(other, tmp_path / "clip", model="grey")
    monkeypatch.setattr(clip_retrieval, "_PART", 10)
    export(other, tmp_path / "again", Format.CLIP_RETRIEVAL)
    parts = [np.load(tmp_path / f"again/img_emb/img_emb_{part}.npy") for part in range(3)]
    assert [len(part) for part in parts] == [10, 10, 3]
    np.testing.assert_allclose(np.concatenate(parts), images, atol=1e-3)
    urls = [row["url"] for part in range(3) for row in _metadata(tmp_path / "again", part)]
    assert urls == [f"https://photos.example/{number}.jpg" for number in range(23)]


def _metadata(folder: Path, part: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / f"metadata/metadata_{part}.parquet").to_pylist()
    return rows


def test_a_clip_retrieval_folder_needs_the_name_of_its_model(tmp_path: Path, other: GreyLibrary) -> None:
    """Without it nobody can tell which queries fit the vectors."""
    _clip_folder(tmp_path / "clip", [3], with_texts=False)
    with pytest.raises(UsageError, match="--model"):
        import_(other, tmp_path / "clip")


@pytest.mark.parametrize("kind", ["Flat", "HNSW8", "IVF4,Flat", "IDMap,Flat", "PCA17,Flat"])
def test_any_faiss_index_comes_in_with_a_table(tmp_path: Path, other: GreyLibrary, kind: str) -> None:
    """Vectors are read back from the index; rows find theirs by position, or by id where there is a map."""
    vectors = unit_vectors(np.random.default_rng(2).normal(size=(40, DIM)))
    built = faiss.index_factory(DIM, kind, faiss.METRIC_INNER_PRODUCT)
    built.verbose = False
    if kind.startswith("IVF"):
        faiss.extract_index_ivf(built).cp.min_points_per_centroid = 1
    built.train(vectors)
    ids = np.arange(40) * 10 + 7 if kind.startswith("IDMap") else np.arange(40)
    built.add_with_ids(vectors, ids) if kind.startswith("IDMap") else built.add(vectors)
    faiss.write_index(built, str(tmp_path / "image.index"))
    rows = [{"id": int(name), "path": f"/photos/{name}.jpg", "caption": f"number {name}"} for name in ids]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))

    report = import_(other, tmp_path / "image.index", model="grey", metadata=tmp_path / "rows.jsonl")
    assert (report.added, report.failed) == (40, 0)
    for place in (0, 13, 39):
        item = other.catalog.items.by_uri(f"/photos/{ids[place]}.jpg")
        assert item is not None
        assert item.captions == (Caption(f"number {ids[place]}", source=CaptionSource.FILE),)
        np.testing.assert_allclose(other.vectors_of([item.id], other.space())[0], vectors[place], atol=2e-3)


def test_what_has_no_direction_or_repeats_is_named_with_its_row(tmp_path: Path, other: GreyLibrary) -> None:
    """Such rows are failures; the others come in."""
    images, _ = _clip_folder(tmp_path / "clip", [4], with_texts=False)
    images[1] = 0
    np.save(tmp_path / "clip/img_emb/img_emb_0.npy", images)
    table = pq.read_table(tmp_path / "clip/metadata/metadata_0.parquet").to_pylist()
    table[3]["url"] = table[0]["url"]
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "clip/metadata/metadata_0.parquet")
    report = import_(other, tmp_path / "clip", model="grey")
    assert (report.added, report.failed) == (2, 2)
    failures = {failure.uri.rpartition("#")[2]: failure.reason for failure in other.catalog.failures.latest()}
    assert failures["row/2"] == "its vector has no direction"
    assert "row 1 already" in failures["row/4"]


def test_vectors_of_two_models_are_not_mixed(
    tmp_path: Path, library: GreyLibrary, other: GreyLibrary
) -> None:
    """A file that names its model is not taken for another's."""
    export(library, tmp_path / "all.parquet")
    with pytest.raises(UsageError, match="made by fast"):
        import_(other, tmp_path / "all.parquet", model="best")


_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=6,
)


@given(
    captions=st.lists(
        st.builds(
            Caption,
            _WORDS.filter(str.strip),
            st.sampled_from([None, "en", "zh-Hant"]),
            st.sampled_from(CaptionSource),
        ),
        max_size=3,
    ),
    tags=st.lists(_WORDS.map(str.strip).filter(bool), max_size=3),
    attributes=st.dictionaries(_WORDS, _VALUES, max_size=4),
    size=st.integers(0, 2**62),
)
@settings(deadline=None, max_examples=40)
def test_any_record_survives_json(
    captions: list[Caption], tags: list[str], attributes: dict[str, Any], size: int
) -> None:
    """What is written as a row of JSON is what is read from it."""
    vector = np.ones(2, np.float32)
    record = Record(
        "/a.jpg", vector, captions=tuple(captions), tags=tuple(tags), attributes=attributes, bytes=size
    )
    found = from_row(json.loads(json.dumps(as_row(record))), vector)
    assert replace(found, vector=vector) == record


def test_a_picture_with_a_hash_in_its_name_has_its_sidecar(library: GreyLibrary, tmp_path: Path) -> None:
    """It is a file as any other, and no member of an archive."""
    picture = tmp_path / "photos" / "IMG #1.png"
    write_picture(picture, 99)
    index(library, choose_source([tmp_path / "photos"])[0])
    (item,) = library.catalog.filters.matching('name = "IMG #1.png"', Modality.IMAGE).tolist()
    library.catalog.annotations.set_tags(item, ["sea"])
    assert write_sidecars(library, [item]).written == [Path(f"{picture}.xmp")]


def test_a_folder_that_nobody_may_enter_keeps_no_other_sidecar_from_being_written(
    library: GreyLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its picture is told, and the others are written."""
    ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()[:2]
    closed, open_one = (Path(library.items([item])[item].uri) for item in ids)
    for item in ids:
        library.catalog.annotations.set_tags(item, ["sea"])
    is_file = Path.is_file

    def refused(path: Path) -> bool:
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refused)
    report = write_sidecars(library, ids)
    assert report.written == [Path(f"{open_one}.xmp")]
    assert report.failed == {str(closed): "its sidecar cannot be read: Permission denied"}


def test_sidecars_hold_what_people_wrote_and_pictures_stay_as_they_are(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """Tags, captions and ratings come back from sidecars; no picture changes by a byte, and no sidecar loses a word."""
    photos = tmp_path / "photos"
    before = {path: path.read_bytes() for path in photos.iterdir()}
    ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
    paths = {item: Path(found.uri) for item, found in library.items(ids).items()}
    notes = library.catalog.annotations
    notes.set_captions(ids[0], [Caption("a boat"), Caption("ein Boot", "de")], CaptionSource.USER)
    notes.set_attributes(ids[1], {"rating": 4})
    shared = paths[ids[1]].with_suffix(".xmp")
    shared.write_bytes(with_words(None, Words(["of another program"])) or b"")
    broken = paths[ids[2]].with_suffix(".xmp")
    broken.write_bytes(b"<broken")
    notes.set_tags(ids[2], ["sea"])
    Path(f"{paths[ids[3]]}.xmp").mkdir()
    notes.set_tags(ids[3], ["sea"])
    assert len(write_sidecars(library, ids, dry_run=True).written) == 2
    report = write_sidecars(library, ids)
    assert report.written == [Path(f"{paths[ids[0]]}.xmp"), shared]
    assert "damaged" in report.failed[str(paths[ids[2]])]
    assert report.failed[str(paths[ids[3]])] == "its sidecar cannot be read: Is a directory"
    assert read_xmp(report.written[0].read_bytes()) == {"keywords": ["boat", "Ä"], "description": "a boat"}
    assert read_xmp(shared.read_bytes()) == {"keywords": ["of another program"], "rating": 4}
    assert broken.read_bytes() == b"<broken"
    assert {path: path.read_bytes() for path in before} == before
    again = write_sidecars(library, ids)
    assert (again.written, again.unchanged) == ([], 2)
