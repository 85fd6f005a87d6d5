"""Collections of texts: which texts a file holds, and keeping a library in step with them. Only the model is small."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.service.colours import ColourLibrary, ids_by_name, picture
from vasari.indexer.cluster.stages import Embed, Work, Write, Written, write_mark
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.plan import Task
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.sources.source import Candidate, Source
from vasari.indexer.sources.texts import LONGEST, KnownTexts, OwnCaptions, TextFiles, read_text
from vasari.indexer.watch import watch
from vasari.retrieval.catalog.records import NewItem
from vasari.retrieval.domain import (
    Caption,
    CaptionSource,
    Modality,
    Rerank,
    SearchRequest,
    Skipped,
    Term,
    TermKind,
)
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.library import commit
from vasari.retrieval.storage.local_files import content_hash
from vasari.retrieval.storage.network_addresses import reach


@pytest.fixture
def library(tmp_path: Path) -> Iterator[ColourLibrary]:
    with ColourLibrary.open(tmp_path / "library", create=True) as opened:
        yield opened


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path: Path, column: str | None = None) -> tuple[list[str], list[str]]:
    """The texts of a file, and the reasons of what is none."""
    entries = list(TextFiles([str(path)], column).candidates())
    return words(entries), [entry.reason for entry in entries if isinstance(entry, Skipped)]


def words_and_all(source: Source) -> list[Candidate]:
    return [entry for entry in source.candidates() if isinstance(entry, Candidate)]


def words(entries: Sequence[Candidate | Skipped]) -> list[str]:
    return [entry.text or "" for entry in entries if isinstance(entry, Candidate)]


def run(library: ColourLibrary, *paths: Path) -> IndexReport:
    return index(library, TextFiles([str(path) for path in paths]), IndexOptions(batch_size=2))


def texts(library: ColourLibrary) -> list[str]:
    items = library.items(library.catalog.items.live_ids(Modality.TEXT).tolist())
    return [item.text or "" for item in items.values()]


def test_a_plain_file_is_one_text_a_line(tmp_path: Path) -> None:
    """Blank lines are none, and spaces around a text are not part of it."""
    path = written(tmp_path / "a.txt", "a red boat", "", "  雪中的灯塔 ", "two, with a comma")
    assert read(path) == (["a red boat", "雪中的灯塔", "two, with a comma"], [])


def test_tables_have_a_column_of_texts(tmp_path: Path) -> None:
    """It is found by its name or told; the other columns are attributes."""
    path = written(
        tmp_path / "a.csv", "id,Caption,shop", '1,"red, large",north', "2,,south", "3,blue", "4,green,"
    )
    found, wrong = read(path)
    assert found == ["red, large", "green"]
    assert wrong == ["nothing in column Caption", "2 fields instead of 3"]
    assert read(path, "shop")[0] == ["north", "south"]
    (first, *_) = TextFiles([str(path)]).candidates()
    assert isinstance(first, Candidate)
    assert first.attributes == {"id": "1", "shop": "north"}


def test_json_lines_are_strings_or_objects(tmp_path: Path) -> None:
    """Anything else is said with the line it stands in."""
    lines = [json.dumps("red"), json.dumps({"text": "blue", "n": 1}), "{", "[1]", json.dumps({"title": ""})]
    path = written(tmp_path / "a.jsonl", *lines)
    found, wrong = read(path)
    assert found == ["red", "blue"]
    assert [reason[:14] for reason in wrong] == ["not valid JSON", "no text, and n", "nothing in col"]


def test_a_file_that_cannot_be_read_as_texts_is_an_error(tmp_path: Path) -> None:
    """A missing file and a table without a column of texts: both before anything is changed."""
    with pytest.raises(NotFoundError):
        read(tmp_path / "none.txt")
    with pytest.raises(UsageError, match="no column of texts, it has id, shop"):
        read(written(tmp_path / "a.csv", "id,shop", "1,north"))


def test_what_is_no_sentence_is_left_out(tmp_path: Path) -> None:
    """A line of a megabyte is a file of another kind."""
    found, (reason,) = read(written(tmp_path / "a.txt", "x" * (LONGEST + 1), "red"))
    assert found == ["red"]
    assert "20,001 characters" in reason


def test_only_what_changed_is_embedded(library: ColourLibrary, tmp_path: Path) -> None:
    """Lines that stay keep their items wherever they stand now; new ones are embedded, gone ones removed."""
    path = written(tmp_path / "a.txt", "red", "green", "blue", "red")
    first = run(library, path)
    assert (first.added, first.removed, texts(library)) == (3, 0, ["red", "green", "blue"])
    before = library.catalog.items.live_ids(Modality.TEXT).tolist()
    written(path, "blue", "yellow", "red")
    library.model.text_batches.clear()
    second = run(library, path)
    assert (second.added, second.removed, second.unchanged) == (1, 1, 2)
    assert sum(library.model.text_batches) == 1
    assert texts(library) == ["red", "blue", "yellow"]
    assert set(before) - set(library.catalog.items.live_ids(Modality.TEXT).tolist()) == {before[1]}


def test_files_do_not_touch_each_other(library: ColourLibrary, tmp_path: Path) -> None:
    """Indexing one file removes nothing of another, nor pictures."""
    one, other = written(tmp_path / "a.txt", "red"), written(tmp_path / "b.txt", "red", "blue")
    library.add(picture("red"))
    run(library, one)
    run(library, other)
    assert sorted(texts(library)) == ["blue", "red", "red"]
    written(other, "blue")
    run(library, other)
    assert sorted(texts(library)) == ["blue", "red"]
    assert library.catalog.items.count(Modality.IMAGE) == 1


def test_mended_lines_leave_the_ledger(library: ColourLibrary, tmp_path: Path) -> None:
    """What could not be read stands there with its line, until it can."""
    path = written(tmp_path / "a.jsonl", '"red"', "{")
    assert run(library, path).failed == 1
    (failure,) = library.catalog.failures.latest()
    assert failure.uri == f"text:{path}/line 2"
    written(path, '"red"', '"blue"')
    assert run(library, path).failed == 0
    assert library.catalog.failures.latest() == []


def test_a_stopped_job_keeps_what_it_has_and_removes_nothing(library: ColourLibrary, tmp_path: Path) -> None:
    """The next run goes on where it ended."""
    path = written(tmp_path / "a.txt", *(f"red {number}" for number in range(10)))
    run(library, written(tmp_path / "b.txt", "blue"))
    stop = library.model.entered  # by a batch
    stop.clear()
    report = index(library, TextFiles([str(path)]), IndexOptions(batch_size=4), stop=stop)
    assert (report.interrupted, report.added) == (True, 4)
    assert run(library, path).added == 6
    assert len(texts(library)) == 11


def test_a_picture_finds_the_texts_that_describe_it(library: ColourLibrary, tmp_path: Path) -> None:
    """Image to text, by the dual encoder and by the reranker."""
    run(library, written(tmp_path / "a.txt", "a red boat", "a green tree", "a blue lake"))
    terms = (Term(TermKind.IMAGE, image=picture("blue")),)
    for rerank in (None, Rerank(deadline_ms=None)):
        response = library.search(SearchRequest(terms, Modality.TEXT, limit=3, rerank=rerank))
        assert response.hits[0].item.text == "a blue lake"
        assert response.reranked is (rerank is not None)


def test_captions_of_pictures_become_texts(library: ColourLibrary, tmp_path: Path) -> None:
    """Each sentence once; one that no picture has any more is removed."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for colour in ("red", "blue"):
        (photos / f"{colour}.png").write_bytes(picture(colour))
    index(library, FolderSource([photos]))
    ids = ids_by_name(library)
    library.catalog.annotations.set_captions(
        ids["red"], [Caption("something red"), Caption("a boat")], CaptionSource.USER
    )
    library.catalog.annotations.set_captions(ids["blue"], [Caption("a boat")], CaptionSource.USER)
    assert index(library, OwnCaptions(library)).added == 2
    assert sorted(texts(library)) == ["a boat", "something red"]
    library.catalog.annotations.set_captions(ids["red"], [], CaptionSource.USER)
    report = index(library, OwnCaptions(library))
    assert (report.removed, report.unchanged, texts(library)) == (1, 1, ["a boat"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "été\ntwo\n"),
        ("a.csv", 'id;text\n1;été\n2;"two\n3;two\n'),
        ("a.tsv", "id\ttext\n1\tété\n2\ttwo\n3\n"),
        ("a.json", '["été", {"text": "two"}, 5]'),
        ("a.jsonl", '"été"\n{"text": \n{"text": "two"}\n'),
    ],
)
def test_texts_are_read_in_every_encoding_and_one_bad_line_hides_no_other(
    tmp_path: Path, encoding: str, name: str, content: str
) -> None:
    """As the tables of pictures are."""
    (tmp_path / name).write_bytes(content.encode(encoding))
    texts, reasons = read(tmp_path / name)
    assert texts == ["été", "two"]
    assert len(reasons) == (0 if name == "a.txt" else 1)


def test_a_file_that_is_not_there_hides_no_other(tmp_path: Path) -> None:
    """It is a failure of its own; alone it is an error."""
    good = written(tmp_path / "a.txt", "one")
    found = list(TextFiles([str(tmp_path / "gone.txt"), str(good)]).candidates())
    assert [entry.uri for entry in found if isinstance(entry, Skipped)] == [f"text:{tmp_path}/gone.txt/file"]
    assert words(found) == ["one"]


def test_a_file_of_texts_that_was_renamed_keeps_its_items(library: ColourLibrary, tmp_path: Path) -> None:
    """As a picture's does; while the file is there, the same words elsewhere are other items."""
    one = written(tmp_path / "a.txt", "red", "blue")
    run(library, one)
    (red, _) = library.catalog.items.live_ids(Modality.TEXT).tolist()
    library.catalog.annotations.set_tags(red, ["mine"])
    other = tmp_path / "b.txt"
    one.rename(other)
    library.model.text_batches.clear()
    report = run(library, other)
    assert (report.moved, report.added, library.model.text_batches) == (2, 0, [])
    item = library.items([red])[red]
    assert (item.text, item.tags, item.uri.startswith(f"text:{other}/")) == ("red", ("mine",), True)
    assert run(library, written(one, "red")).added == 1
    assert sorted(texts(library)) == ["blue", "red", "red"]


def test_what_a_table_says_of_a_text_follows_the_table(library: ColourLibrary, tmp_path: Path) -> None:
    """The text keeps its item, its vector and what people said of it."""
    table = written(tmp_path / "a.csv", "text,shop,price", "red,north,1")
    run(library, table)
    (red,) = library.catalog.items.live_ids(Modality.TEXT).tolist()
    library.catalog.annotations.set_attributes(red, {"rating": 5})
    assert library.items([red])[red].attributes == {"shop": "north", "price": "1", "rating": 5}
    written(table, "text,shop", "red,south")
    library.model.text_batches.clear()
    report = run(library, table)
    assert (report.added, report.removed, library.model.text_batches) == (0, 0, [])
    assert library.items([red])[red].attributes == {"shop": "south", "rating": 5}
    assert run(library, table).changed == 0


def test_texts_of_an_earlier_version_stay_the_items_they_are(library: ColourLibrary, tmp_path: Path) -> None:
    """There, the other columns of a row were kept as what the text itself says."""
    table = written(tmp_path / "a.csv", "text,shop,price", "red,north,1")
    source = TextFiles([str(table)])
    (candidate,) = words_and_all(source)
    space = library.use_model(library.settings.model)
    old = NewItem(
        candidate.uri, content_hash(b"red"), 3, 20, np.ones(space.dim, np.float32), text="red",
        attributes=candidate.attributes,
    )  # fmt: skip
    folder = library.segments_directory(space, Modality.TEXT)
    (red,) = commit.commit_items(library.catalog, folder, space.name, Modality.TEXT, [old])
    report = run(library, table)
    assert (report.described, report.changed, library.model.text_batches) == (1, 0, [])
    written(table, "text,shop", "red,south")
    assert run(library, table).moved == 1
    assert library.items([red])[red].attributes == {"shop": "south"}


def test_a_text_that_the_model_fails_on_is_a_failure_of_its_own(
    library: ColourLibrary, tmp_path: Path
) -> None:
    """The others of its batch are embedded; it is tried again, and struck off when it works."""
    path = written(tmp_path / "a.txt", "red", "poison", "blue")
    library.model.poison = "poison"
    report = run(library, path)
    assert (report.added, report.failed, sorted(texts(library))) == (2, 1, ["blue", "red"])
    (failure,) = library.catalog.failures.latest()
    assert (failure.stage, failure.reason) == (
        "encode",
        "the model failed on it: RuntimeError: the model cannot read this",
    )
    library.model.poison = None
    assert (run(library, path).added, library.catalog.failures.latest()) == (1, [])


def test_texts_are_watched(library: ColourLibrary, tmp_path: Path) -> None:
    """A line that is added becomes an item, and one that is gone goes."""
    path = written(tmp_path / "a.txt", "red", "blue", "green")
    stop = threading.Event()
    reports: list[IndexReport] = []

    def report(done: IndexReport) -> None:
        reports.append(done)
        if len(reports) == 1:
            written(path, "red", "blue", "yellow")
        elif done.changed:
            stop.set()

    watch(library, lambda: TextFiles([str(path)]), report, stop, settle=0.05)
    assert sorted(texts(library)) == ["blue", "red", "yellow"]


def test_workers_of_a_cluster_embed_texts(library: ColourLibrary, tmp_path: Path) -> None:
    """What they are sent holds no library, wherever the texts are from."""
    assert all(source.read is read_text for source in (TextFiles, OwnCaptions, KnownTexts))
    library.add(picture("red"))
    (red,) = library.catalog.items.live_ids(Modality.IMAGE).tolist()
    library.catalog.annotations.set_captions(red, [Caption("something red")], CaptionSource.USER)
    source = OwnCaptions(library)
    space = library.space()
    work = Work(
        open_library=lambda: library,
        space=space,
        modality=source.modality,
        read=read_text,
        preparer=library.encoder(space),
        limits=library.image_limits,
        known=frozenset(),
        failed=frozenset(),
        token=0,
        batch_size=2,
        reach=reach(),
    )
    with library.catalog.lease.acquire("test") as lease:
        write_mark(library.root, lease.token)
        work = replace(work, token=lease.token)
        (candidate,) = words_and_all(source)
        assert Write(work)(Embed(work)([Task(candidate)])) == [Written(False)]
    assert texts(library) == ["something red"]
