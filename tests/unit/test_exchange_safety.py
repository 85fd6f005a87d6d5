"""What comes in is checked field by field; what goes out is whole or not there; names may be any bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.grey import GreyEncoder, GreyLibrary, write_picture
from vasari.api.contract.items import item_fields, read_item
from vasari.api.json_text import as_json
from vasari.indexer.exchange import tables
from vasari.indexer.exchange.exporting import Format, export
from vasari.indexer.exchange.importing import ImportReport, import_
from vasari.indexer.exchange.records import Record, as_row
from vasari.indexer.exchange.rows import from_row
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.encoding import original_uri
from vasari.retrieval.catalog.records import Sighting
from vasari.retrieval.domain import Caption, CaptionSource, Item, Modality, unit_vectors
from vasari.retrieval.errors import UsageError, VasariError
from vasari.retrieval.vectors.faiss_files import read_vectors

DIM = GreyEncoder().dim
VECTOR = [1.0] * DIM
HASH = "0123456789abcdef" * 2


@pytest.fixture
def library(tmp_path: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        opened.use_model("grey")
        yield opened


def bring(library: GreyLibrary, *rows: dict[str, Any] | str, folder: Path | None = None) -> ImportReport:
    """Import rows of JSON lines, all of the grey space."""
    file = (folder or library.root.parent) / "rows.jsonl"
    lines = [row if isinstance(row, str) else json.dumps({"embedding": VECTOR} | row) for row in rows]
    file.write_text("\n".join(lines) + "\n")
    return import_(library, file, model="grey")


def reasons(library: GreyLibrary) -> dict[int, str]:
    """Why each row failed."""
    return {int(f.uri.rpartition("/")[2]): f.reason for f in library.catalog.failures.latest()}


BAD_FIELDS: list[dict[str, Any]] = [
        {"uri": None}, {"uri": ""}, {"uri": 7}, {"uri": ["/a.jpg"]}, {"uri": "/a\0.jpg"}, {"uri": "/" + "a" * 9000},
        {"uri": "/photos/../etc/passwd"}, {"uri": "https://host/\r\nX: 1"}, {"uri": "local:///etc/passwd"},
        {"content_hash": "../../../../tmp/x"}, {"content_hash": "a\r\nb"}, {"content_hash": "f" * 31},
        {"content_hash": 5}, {"modality": "video"}, {"modality": {}}, {"format": "jpeg\r\n"}, {"format": "../x"},
        {"format": 3}, {"bytes": -1}, {"bytes": 2**63}, {"bytes": "many"}, {"bytes": 1.5}, {"mtime_ns": 2**63},
        {"mtime_ns": True}, {"width": 0}, {"width": -5}, {"height": 2**31}, {"width": 1e300},
        {"captions": "words"}, {"captions": [5]}, {"captions": [{"language": "en"}]},
        {"captions": [{"text": "a", "language": "en\r\n"}]}, {"captions": [{"text": "a", "source": "nobody"}]},
        {"captions": ["x" * 100_001]}, {"captions": ["x"] * 1001}, {"tags": "boat"}, {"tags": [""]},
        {"tags": ["x" * 201]}, {"tags": [None]}, {"tags": ["x"] * 1001}, {"attributes": [1]}, {"user_attributes": 5},
        {"attributes": "{not json"}, {"attributes": {"a": "x" * 70_000}}, {"attributes": "[" * 10_000},
        {"attributes": {"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}},
        {"text": 5}, {"modality": "text", "uri": "/a", "text": "x"}, {"modality": "text", "uri": "text:1"},
        {"embedding": None}, {"embedding": [1.0, 2.0]}, {"embedding": [0.0] * DIM}, {"embedding": "words"},
        {"embedding": [float("nan")] * DIM}, {"embedding": [float("inf")] * DIM}, {"embedding": [[1.0]] * DIM},
        {"embedding": ["a"] * DIM}, {"embedding": []}, {"uri": "/\ud800.jpg"}, {"uri": "https://host/\ud800"},
        {"tags": ["\0"]}, {"missing_since": "yesterday"}, {"missing_since": 5},
        {"missing_since": "0001-01-01T00:00:00+14:00"}, {"missing_since": "9999-12-31T23:59:59-14:00"},
    ]  # fmt: skip


def test_one_bad_field_is_one_failure_with_its_row(library: GreyLibrary) -> None:
    """Each row is named with what is wrong in one line, and the rows around it come in."""
    rows: list[dict[str, Any] | str] = []
    for number, bad in enumerate(BAD_FIELDS):
        rows += [{"uri": f"/{number}.jpg"}, {"uri": f"/bad{number}.jpg"} | bad]
    report = bring(library, *rows)
    assert (report.added, report.failed) == (len(BAD_FIELDS), len(BAD_FIELDS))
    found = reasons(library)
    assert sorted(found) == list(range(2, 2 * len(BAD_FIELDS) + 1, 2))
    assert all(reason and "\n" not in reason for reason in found.values())


@pytest.mark.parametrize(
    "line", ["{broken", "[1, 2]", "5", '{"embedding": [1]}', "[" * 5000, '{"uri": "/a.jpg"}']
)
def test_a_line_that_is_no_row_is_one_failure(library: GreyLibrary, line: str) -> None:
    """Also as the first line; a row that was mended is no failure any more."""
    assert bring(library, line, {"uri": "/2.jpg"}).failed == 1
    assert bring(library, {"uri": "/1.jpg"}, {"uri": "/2.jpg"}).failed == 0
    assert reasons(library) == {}


def test_numbers_as_tables_write_them_are_understood(library: GreyLibrary) -> None:
    """Whole numbers as fractions, empty strings and nothing for what is not known, capitals."""
    row = {
        "uri": "/1.jpg", "bytes": 5.0, "width": None, "height": float("nan"), "content_hash": HASH.upper(),
        "format": "JPEG", "captions": None, "tags": [" boat "], "attributes": "", "modality": "",
    }  # fmt: skip
    assert bring(library, row).failed == 0
    item = library.catalog.items.by_uri("/1.jpg")
    assert item is not None
    assert (item.bytes, item.width, item.content_hash, item.format, item.tags) == (
        5,
        None,
        HASH,
        "jpeg",
        ("boat",),
    )


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_the_length_of_a_vector_does_not_matter(library: GreyLibrary, scale: float) -> None:
    """Huge and tiny numbers keep their direction, beyond what float32 holds too."""
    values = np.arange(1, DIM + 1, dtype=np.float64)
    assert bring(library, {"uri": "/1.jpg", "embedding": (values * scale).tolist()}).added == 1
    item = library.catalog.items.by_uri("/1.jpg")
    assert item is not None
    found = library.vectors_of([item.id], library.space())
    np.testing.assert_allclose(found, unit_vectors(values[None]), atol=1e-3)


@pytest.mark.parametrize("kind", [pa.float16(), pa.float64(), pa.int8(), pa.int64()])
def test_vectors_of_any_number_come_in(library: GreyLibrary, tmp_path: Path, kind: pa.DataType) -> None:
    """As lists or as lists of one length; a row without one is a failure."""
    values = np.arange(1, DIM + 1)
    columns = {
        "uri": ["/1.jpg", "/2.jpg"],
        "embedding": pa.array([values.astype(kind.to_pandas_dtype()), None], pa.list_(kind)),
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    report = import_(library, tmp_path / "rows.parquet", model="grey")
    assert (report.added, report.failed) == (1, 1)
    assert reasons(library) == {2: "its vector is no list of numbers"}


def test_columns_of_odd_types_cost_their_rows_only(library: GreyLibrary, tmp_path: Path) -> None:
    """Names as bytes come in, times and decimals where whole numbers belong are failures of their rows."""
    columns = {
        "uri": pa.array([b"/a\xff.jpg", b"/b.jpg"], pa.binary()),
        "embedding": pa.array([VECTOR, VECTOR], pa.list_(pa.float32(), DIM)),
        "mtime_ns": pa.array([None, 1], pa.timestamp("ns")),
        "tags": pa.array([["a"], None], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    report = import_(library, tmp_path / "rows.parquet", model="grey")
    assert (report.added, report.failed) == (1, 1)
    assert library.catalog.items.by_uri(os.fsdecode(b"/a\xff.jpg")) is not None


def test_nothing_of_the_librarys_own_becomes_an_item(library: GreyLibrary, tmp_path: Path) -> None:
    """Not by its path, not climbing, not through a link; uploads only under the hash of their own content."""
    link = tmp_path / "link"
    link.symlink_to(library.root)
    upload = f"{library.root}/uploads/{HASH[:2]}/{HASH}.png"
    uris = [
        f"{library.root}/catalog.sqlite3", f"{library.root}/uploads/../catalog.sqlite3", f"{link}/catalog.sqlite3-wal",
        f"{library.root}/segments/x.npy", f"file://{library.root}/models/a.onnx", upload, str(library.root),
    ]  # fmt: skip
    report = bring(library, *({"uri": uri} for uri in uris), {"uri": upload, "content_hash": HASH})
    assert (report.added, report.failed) == (1, len(uris))


@pytest.mark.parametrize(
    "uri",
    [
        "{root}/catalog.sqlite3",
        "{root}/uploads/../catalog.sqlite3",
        "{root}/uploads/{h}.png",
        "{root}/uploads/01/x.png",
    ],
)
def test_removing_deletes_nothing_but_the_items_own_upload(library: GreyLibrary, uri: str) -> None:
    """Whatever an item of an older library is called, no other file goes with it; nor one behind a link."""
    named = uri.format(root=library.root, h=HASH)
    victim = Path(os.path.normpath(named))
    victim.parent.mkdir(parents=True, exist_ok=True)
    victim.touch()
    bring(library, {"uri": "/elsewhere.jpg", "content_hash": HASH})
    item = library.catalog.items.by_uri("/elsewhere.jpg")
    assert item is not None
    library.catalog.items.move([Sighting(item.id, named, 0, 1)])
    assert library.remove(item.id) == 1
    assert victim.exists()


def test_an_upload_behind_a_link_is_not_deleted(library: GreyLibrary, tmp_path: Path) -> None:
    """An upload is deleted where it lies in the library's own folder, not where a link leads."""
    for number, kind in enumerate(["plain", "linked"]):
        digest = f"{number:032x}"
        home = library.root / "uploads" / "00"
        target = home if kind == "plain" else tmp_path / "outside"
        target.mkdir(parents=True, exist_ok=True)
        if kind == "linked":
            home.rename(library.root / "before")
            home.symlink_to(target)
        file = target / f"{digest}.png"
        file.touch()
        uri = str(home / file.name)
        bring(library, {"uri": f"/{kind}.jpg", "content_hash": digest})
        item = library.catalog.items.by_uri(f"/{kind}.jpg")
        assert item is not None
        library.catalog.items.move([Sighting(item.id, uri, 0, 1)])
        library.remove(item.id)
        assert file.exists() == (kind == "linked")


def test_relative_names_are_seen_from_the_file(library: GreyLibrary, tmp_path: Path) -> None:
    """As those in tables are."""
    bring(library, {"uri": "photos/a.jpg"})
    assert library.catalog.items.by_uri(f"{tmp_path}/photos/a.jpg") is not None


def test_importing_onto_an_item_keeps_what_people_wrote(library: GreyLibrary) -> None:
    """Tags and captions are added to, and none is replaced by what a file says."""
    bring(library, {"uri": "/1.jpg", "tags": ["file"]})
    item = library.catalog.items.by_uri("/1.jpg")
    assert item is not None
    library.catalog.annotations.set_tags(item.id, ["mine"])
    library.catalog.annotations.set_captions(item.id, [Caption("mine")], CaptionSource.USER)
    for _ in range(2):
        bring(
            library, {"uri": "/1.jpg", "tags": ["file"], "captions": [{"text": "theirs", "source": "user"}]}
        )
    found = library.items([item.id])[item.id]
    assert found.tags == ("file", "mine")
    assert sorted(said.text for said in found.captions) == ["mine", "theirs"]


def test_what_people_set_here_and_elsewhere_is_bounded_together(library: GreyLibrary) -> None:
    """The row comes in without what a person set elsewhere, and its failure says so."""
    bring(library, {"uri": "/1.jpg", "user_attributes": {"a": "x" * 40_000}})
    again = {"uri": "/1.jpg", "user_attributes": {"b": "y" * 40_000}, "tags": ["boat"]}
    assert bring(library, again).failed == 1
    item = library.catalog.items.by_uri("/1.jpg")
    assert item is not None
    assert (item.tags, set(item.attributes)) == (("boat",), {"a"})
    assert "65,536" in reasons(library)[1]


def test_what_a_source_and_a_person_said_is_bounded_apart(library: GreyLibrary) -> None:
    """As it is in the library that it comes from."""
    both = {"attributes": {"a": "x" * 40_000, "b": "y" * 40_000}, "user_attributes": {"b": "y" * 40_000}}
    assert bring(library, {"uri": "/1.jpg"} | both).failed == 0
    item = library.catalog.items.by_uri("/1.jpg")
    assert item is not None
    assert set(item.attributes) == {"a", "b"}


def test_captions_without_words_are_none(library: GreyLibrary) -> None:
    """Empty ones and blanks, as everywhere."""
    blank = ["", "  ", "\t\n", {"text": " ", "source": "user"}, {"text": "\0"}, " a boat "]
    bring(library, {"uri": "/1.jpg", "captions": blank})
    item = library.catalog.items.by_uri("/1.jpg")
    assert item is not None
    assert item.captions == (Caption("a boat", source=CaptionSource.FILE),)


NAMES = st.binary(min_size=1, max_size=40).filter(lambda name: not {0, 47} & set(name)).map(os.fsdecode)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


@given(
    name=NAMES | st.text(st.characters(exclude_characters="\0/"), min_size=1), words=WORDS.filter(str.strip)
)
def test_any_name_comes_back_from_json_and_parquet(
    tmp_path_factory: pytest.TempPathFactory, name: str, words: str
) -> None:
    """Bytes that are not UTF-8, surrogates, line ends, quotes: what is read is what was written."""
    file = tmp_path_factory.getbasetemp() / "names"
    captions = (Caption(words, "de", CaptionSource.MODEL), Caption(words))
    record = Record(f"/{name}", np.ones(DIM, np.float32), captions=captions, attributes={words: [words]})
    space = GreyEncoder().space
    assert (
        from_row(json.loads(json.dumps(as_row(record), ensure_ascii=False).encode()), VECTOR).uri
        == record.uri
    )
    for write, read in (
        (tables.write_parquet, tables.read_parquet),
        (tables.write_json_lines, tables.read_json_lines),
    ):
        write(file, space, [[record]])
        [found] = read(file)
        assert isinstance(found, Record)
        assert (found.uri, found.captions, found.attributes) == (record.uri, captions, {words: [words]})


@given(name=NAMES)
def test_any_name_comes_back_from_the_json_of_commands_and_service(name: str) -> None:
    """One spelling: UTF-8 that any program reads, and that leads back to the very name."""
    item = Item(5, Modality.IMAGE, f"/{name}", HASH, 1, 2)
    told = json.loads(as_json(item_fields(item)).encode())
    assert original_uri(told["uri"]) == read_item(told).uri == item.uri


@pytest.mark.parametrize("layout", Format)
def test_files_of_any_name_go_out_and_come_in(library: GreyLibrary, tmp_path: Path, layout: Format) -> None:
    """Indexed, exported, imported elsewhere: the same uris, in every format, and the export itself may be called so."""
    names = [
        b"n\xff\xfe.png",
        b"line\nend.png",
        b"\x1b[31m'\"%20?#.png",
        "ä\u0308😀.png".encode(),
        b"s\x1a0041.png",
    ]
    for number, name in enumerate(names):
        path = tmp_path / "photos" / os.fsdecode(name)
        write_picture(tmp_path / "one.png", number)
        path.parent.mkdir(exist_ok=True)
        (tmp_path / "one.png").rename(path)
    index(library, FolderSource([tmp_path / "photos"]))
    target = tmp_path / os.fsdecode(b"out\xff") / ("all.parquet" if layout is Format.PARQUET else "all.jsonl")
    assert export(library, target, layout).pictures == len(names)
    with GreyLibrary.open(tmp_path / "other", create=True) as other:
        report = import_(other, target)
        assert (report.added, report.failed) == (len(names), 0)
        uris = [
            {file.uri for file in each.catalog.items.known_files(Modality.IMAGE)} for each in (library, other)
        ]
        assert uris[0] == uris[1] == {f"{tmp_path}/photos/{os.fsdecode(name)}" for name in names}


class _Interrupted(GreyLibrary):
    """A library whose reader is interrupted while items are read."""

    def items(self, ids: Any) -> Any:
        raise KeyboardInterrupt


@pytest.mark.parametrize("layout", Format)
def test_an_export_that_ends_early_leaves_nothing(
    library: GreyLibrary, tmp_path: Path, layout: Format
) -> None:
    """Under its name appears only what is whole."""
    bring(library, {"uri": "/1.jpg"})
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "all.parquet"
    with _Interrupted.open(library.root) as interrupted, pytest.raises(KeyboardInterrupt):
        export(interrupted, target, layout)
    assert list(target.parent.iterdir()) == []


def test_an_import_that_ends_early_is_a_failed_job(library: GreyLibrary, tmp_path: Path) -> None:
    """A file that breaks off costs the rest, says so, and is known to have failed."""
    bring(library, {"uri": "/1.jpg"})
    export(library, tmp_path / "all.parquet")
    data = (tmp_path / "all.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[:-20])
    with pytest.raises(UsageError, match="damaged"):
        import_(library, tmp_path / "cut.parquet")
    (tmp_path / "bad.parquet").write_bytes(data[:8] + bytes(200) + data[208:])
    with pytest.raises(UsageError, match="damaged"):
        import_(library, tmp_path / "bad.parquet")
    assert [job.state for job in library.catalog.jobs.latest()][:2] == ["failed", "done"]


@pytest.mark.parametrize("damage", ["cut", "noise", "zeros", "empty"])
@pytest.mark.parametrize("kind", ["Flat", "IDMap,Flat", "IVF2,Flat"])
def test_a_crafted_index_ends_in_one_line(tmp_path: Path, kind: str, damage: str) -> None:
    """Bytes that FAISS chokes on are an error of the file."""
    built = faiss.index_factory(DIM, kind, faiss.METRIC_INNER_PRODUCT)
    vectors = unit_vectors(np.random.default_rng(0).normal(size=(100, DIM)))
    built.train(vectors)
    built.add_with_ids(vectors, np.arange(100)) if "Map" in kind else built.add(vectors)
    file = tmp_path / "image.index"
    faiss.write_index(built, str(file))
    data = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(data[: len(data) // 2])
        case "noise":
            file.write_bytes(data[:4] + np.random.default_rng(1).bytes(len(data) - 4))
        case "zeros":
            file.write_bytes(data[:40] + b"\xff" * 16 + data[56:])
        case _:
            file.write_bytes(b"")
    with pytest.raises(VasariError):
        read_vectors(file)


def test_stdout_is_no_place_for_an_export(library: GreyLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    """`vasari export - --format jsonl` wrote a file of that name."""
    monkeypatch.chdir(library.root)
    with pytest.raises(UsageError, match="stdout is none"):
        export(library, Path("-"), Format.JSONL)
    assert not Path("-").exists()
