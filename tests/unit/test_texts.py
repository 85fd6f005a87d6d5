"""Collections of texts: which texts a file holds, and keeping a library in step with them. Only the model is small."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.engines.local import IndexOptions, index
from indexer.progress import IndexReport, Pulse
from indexer.sources.folder import FolderSource
from indexer.sources.texts import LONGEST, OwnCaptions, TextEntry, TextFiles
from indexer.texts import index_texts
from retrieval.domain import Caption, CaptionSource, Modality, Rerank, SearchRequest, Skipped, Term, TermKind
from retrieval.errors import NotFoundError, UsageError
from tests.service.colours import ColourLibrary, ids_by_name, picture


@pytest.fixture
def library(tmp_path: Path) -> Iterator[ColourLibrary]:
    with ColourLibrary.open(tmp_path / "library", create=True) as opened:
        yield opened


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path: Path, column: str | None = None) -> tuple[list[str], list[str]]:
    """The texts of a file, and the reasons of what is none."""
    entries = list(TextFiles([str(path)], column).entries())
    texts = [entry.text for entry in entries if isinstance(entry, TextEntry)]
    return texts, [entry.reason for entry in entries if not isinstance(entry, TextEntry)]


def run(library: ColourLibrary, *paths: Path) -> IndexReport:
    return index_texts(library, TextFiles([str(path) for path in paths]), IndexOptions(batch_size=2))


def texts(library: ColourLibrary) -> list[str]:
    items = library.items(library.catalog.live_ids(Modality.TEXT).tolist())
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
    (first, *_) = TextFiles([str(path)]).entries()
    assert isinstance(first, TextEntry)
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
    before = library.catalog.live_ids(Modality.TEXT).tolist()
    written(path, "blue", "yellow", "red")
    library.model.text_batches.clear()
    second = run(library, path)
    assert (second.added, second.removed, second.unchanged) == (1, 1, 2)
    assert sum(library.model.text_batches) == 1
    assert texts(library) == ["red", "blue", "yellow"]
    assert set(before) - set(library.catalog.live_ids(Modality.TEXT).tolist()) == {before[1]}


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
    assert library.catalog.count(Modality.IMAGE) == 1


def test_mended_lines_leave_the_ledger(library: ColourLibrary, tmp_path: Path) -> None:
    """What could not be read stands there with its line, until it can."""
    path = written(tmp_path / "a.jsonl", '"red"', "{")
    assert run(library, path).failed == 1
    (failure,) = library.catalog.failures()
    assert failure.uri == f"text:{path}/line 2"
    written(path, '"red"', '"blue"')
    assert run(library, path).failed == 0
    assert library.catalog.failures() == []


def test_a_stopped_job_keeps_what_it_has_and_removes_nothing(library: ColourLibrary, tmp_path: Path) -> None:
    """The next run goes on where it ended."""
    path = written(tmp_path / "a.txt", *(f"red {number}" for number in range(10)))
    run(library, written(tmp_path / "b.txt", "blue"))
    stop = threading.Event()

    class Stopping:
        def update(self, pulse: Pulse) -> None:
            stop.set()

    source = TextFiles([str(path)])
    report = index_texts(library, source, IndexOptions(batch_size=4), Stopping(), stop)
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
    library.catalog.set_captions(
        ids["red"], [Caption("something red"), Caption("a boat")], CaptionSource.USER
    )
    library.catalog.set_captions(ids["blue"], [Caption("a boat")], CaptionSource.USER)
    assert index_texts(library, OwnCaptions(library)).added == 2
    assert sorted(texts(library)) == ["a boat", "something red"]
    library.catalog.set_captions(ids["red"], [], CaptionSource.USER)
    report = index_texts(library, OwnCaptions(library))
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
    found = list(TextFiles([str(tmp_path / "gone.txt"), str(good)]).entries())
    assert [entry.uri for entry in found if isinstance(entry, Skipped)] == [f"text:{tmp_path}/gone.txt/file"]
    assert [entry.text for entry in found if isinstance(entry, TextEntry)] == ["one"]
