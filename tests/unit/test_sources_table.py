"""Tables, COCO and saved datasets: what they name, what is wrong with them, and what changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import forms
from tests.grey import GreyLibrary, write_picture
from vasari.indexer.job import index
from vasari.indexer.sources.columns import Columns
from vasari.indexer.sources.detect import Reading, choose_source
from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.sources.source import Candidate, SourceKind
from vasari.retrieval.domain import Caption, Skipped
from vasari.retrieval.errors import NotFoundError, UsageError


@pytest.fixture
def library(tmp_path: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    write_picture(tmp_path / "photos" / "a.png", 1)
    return tmp_path / "photos" / "a.png"


def _listed(path: Path, columns: Columns | None = None) -> tuple[list[Candidate], list[Skipped]]:
    source, _ = choose_source([path], Reading(columns=columns or Columns()))
    entries = list(source.candidates())
    return [e for e in entries if isinstance(e, Candidate)], [e for e in entries if isinstance(e, Skipped)]


def test_bad_rows_of_a_csv_file_are_named_by_their_number(tmp_path: Path, photo: Path) -> None:
    """Too many fields, no path, and a missing file each say which row they are; the good row is taken."""
    table = tmp_path / "all.csv"
    table.write_text(
        "path,caption\nphotos/a.png,a boat\nphotos/a.png,a,b\n,nothing\n\nphotos/gone.png,gone\nphotos/a.png\n"
    )
    good, bad = _listed(table)
    assert [candidate.uri for candidate in good] == [str(photo)]
    assert [(skipped.uri.rpartition("/")[2], skipped.reason) for skipped in bad] == [
        ("2", "row 2 of all.csv: 3 fields instead of 2"),
        ("3", "row 3 of all.csv: nothing in column path"),
        ("5", "row 5 of all.csv: 1 field instead of 2"),
        ("gone.png", "cannot be read: no such file or directory (row 4 of all.csv)"),
    ]


def test_bad_lines_of_json_are_named_by_their_number(tmp_path: Path, photo: Path) -> None:
    """Broken JSON, a list, and an object without a path."""
    table = tmp_path / "all.jsonl"
    table.write_text(f'{{"image": "{photo}"}}\n{{"image": \n[1]\n{{"caption": "x"}}\n')
    good, bad = _listed(table)
    assert len(good) == 1
    assert [skipped.uri for skipped in bad] == [f"{table}#row/{number}" for number in (2, 3, 4)]
    assert "--image-column" in bad[2].reason


def test_a_table_without_the_column_asked_for_says_which_it_has(tmp_path: Path, photo: Path) -> None:
    """A wrong option ends the job at once; nothing is taken for gone."""
    table = tmp_path / "all.csv"
    table.write_text("place,words\nphotos/a.png,a boat\n")
    with pytest.raises(UsageError, match=r"has no column with paths or URLs, it has place, words"):
        _listed(table)
    with pytest.raises(UsageError, match="'picture'"):
        _listed(table, Columns("picture"))
    good, _ = _listed(table, Columns("place", ("words",)))
    assert good[0].captions == (Caption("a boat"),)


def test_rows_of_one_picture_are_one_item_with_all_captions(tmp_path: Path, photo: Path) -> None:
    """As COCO and Flickr tables have them; numbers are numbers, languages go to the captions."""
    table = tmp_path / "all.csv"
    table.write_text(
        "image,caption,language,year,code\nphotos/a.png,a boat,en,1900,007\nphotos/a.png,ein Boot,de,1900,007\n"
    )
    (candidate,), _ = _listed(table)
    assert candidate.captions == (Caption("a boat", "en"), Caption("ein Boot", "de"))
    assert candidate.attributes["year"] == 1900
    assert candidate.attributes["code"] == "007"  # no number: its zeros mean something


def test_a_changed_caption_is_taken_over_without_embedding_again(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """Only the picture whose row changed is read."""
    samples = forms.write_folder(tmp_path / "photos", 3)
    images = [f"photos/{sample.name}" for sample in samples]
    index(library, choose_source([forms.write_csv(tmp_path / "all.csv", images, samples)])[0])
    text = (tmp_path / "all.csv").read_text().replace("boat number 1,1901", "a red boat,1950")
    (tmp_path / "all.csv").write_text(text)
    report = index(library, choose_source([tmp_path / "all.csv"])[0])
    assert (report.described, report.unchanged, report.updated) == (1, 2, 0)
    assert library.grey().embedded == 3
    item = library.catalog.items.by_uri(str(tmp_path / images[1]))
    assert item is not None
    assert [caption.text for caption in item.captions] == ["a red boat"]
    assert item.attributes["year"] == 1950


def test_a_row_that_goes_leaves_its_picture_and_a_mended_row_leaves_the_ledger(
    library: GreyLibrary, tmp_path: Path, photo: Path
) -> None:
    """A table speaks for its own rows, not for the files of others."""
    table = tmp_path / "all.csv"
    table.write_text(f"image,caption\n{photo},a boat\n,no path\n")
    assert index(library, choose_source([table])[0]).failed == 1
    table.write_text("image,caption\n")
    report = index(library, choose_source([table])[0])
    assert (report.removed, report.failed) == (0, 0)
    assert library.catalog.failures.count() == 0
    assert library.catalog.items.by_uri(str(photo)) is not None


def test_pictures_kept_in_a_parquet_file_go_when_their_rows_go(library: GreyLibrary, tmp_path: Path) -> None:
    """The file speaks for what it holds; a row without a picture is a failure with its number."""
    samples = forms.write_folder(tmp_path / "photos", 4)
    data = [{"bytes": sample.data, "path": sample.name} for sample in samples]
    table = tmp_path / "all.parquet"
    pq.write_table(pa.table({"image": [*data[:3], {"bytes": None, "path": None}]}), table)
    report = index(library, choose_source([table])[0])
    assert (report.added, report.failed) == (3, 1)
    (failure,) = library.catalog.failures.latest()
    assert failure.reason == "row 4 of all.parquet: nothing in column image"
    pq.write_table(pa.table({"image": data[:2]}), table)
    assert index(library, choose_source([table])[0]).removed == 1


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    """One line says what is wrong."""
    (tmp_path / "all.parquet").write_bytes(b"no table")
    with pytest.raises(UsageError, match="no Parquet file"):
        _listed(tmp_path / "all.parquet")


def test_a_coco_entry_without_a_file_is_named_by_its_number(tmp_path: Path) -> None:
    """The others are taken."""
    samples = forms.write_folder(tmp_path / "photos", 2)
    forms.write_coco(tmp_path / "coco", samples)
    (tmp_path / "coco" / "val2017" / samples[1].name).unlink()
    good, bad = _listed(tmp_path / "coco")
    assert [candidate.captions[0].text for candidate in good] == ["boat number 0"]
    assert "image 2 of captions_val2017.json" in bad[0].reason


def test_class_labels_of_a_saved_dataset_become_their_names(tmp_path: Path) -> None:
    """A split dataset is read split by split."""
    samples = forms.write_folder(tmp_path / "photos", 4)
    for split in ("train", "test"):
        forms.write_saved_dataset(tmp_path / "saved" / split, samples)
    (tmp_path / "saved" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    good, bad = _listed(tmp_path / "saved")
    assert (len(good), bad) == (8, [])
    assert [candidate.attributes["parity"] for candidate in good[:4]] == ["even", "odd", "even", "odd"]


def test_a_folder_indexed_later_does_not_take_members_of_archives_for_gone(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """The folder source speaks for files only."""
    samples = forms.write_folder(tmp_path / "photos", 3)
    forms.write_shard(tmp_path / "photos" / "all.tar", samples)
    index(library, choose_source([tmp_path / "photos" / "all.tar"])[0])
    report = index(library, FolderSource([tmp_path / "photos"]))
    assert (report.added, report.removed) == (3, 0)


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["a.jpg", "b.csv"], SourceKind.FOLDER),
        (["a.csv", "b.csv"], SourceKind.TABLE),
        (["a.jpg", "metadata.jsonl"], SourceKind.TABLE),
        (["0.tar", "0.parquet", "0_stats.json"], SourceKind.WEBDATASET),
        (["a.jpg", "0.tar"], SourceKind.FOLDER),
        (["a.jpg", "a.txt"], SourceKind.PAIRS),
        (["a.jpg", "b.txt"], SourceKind.FOLDER),
        (["a.jpg", "captions.json"], SourceKind.COCO),
        (["state.json", "dataset_info.json", "data-0.arrow"], SourceKind.HF),
        ([], SourceKind.FOLDER),
    ],
)
def test_a_folder_is_read_by_what_is_in_it(tmp_path: Path, files: list[str], kind: SourceKind) -> None:
    """The kinds of the module's table."""
    for name in files:
        (tmp_path / name).write_text("[]")
    (tmp_path / "state.json").exists() and (tmp_path / "state.json").write_text('{"_data_files": []}')
    _, kinds = choose_source([tmp_path])
    assert kinds == {kind}


def test_what_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    """Before a job begins."""
    with pytest.raises(NotFoundError, match="no such file or folder"):
        choose_source([tmp_path / "nowhere" / "at" / "all"])
