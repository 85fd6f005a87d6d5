"""Tables as spreadsheets, converters and people really write them: one bad row hides no other."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vasari.indexer.sources.detect import choose_source
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import Skipped
from vasari.retrieval.errors import UsageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.delimited import Delimited
from vasari.retrieval.storage.reader import open_original


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path) -> None:
    """Files that are there; what is in them is not looked at when they are listed."""
    for name in ("a.png", "b.png", "c.png", "d.png", "été.png"):
        (tmp_path / name).write_bytes(name.encode())


def _listed(table: Path) -> tuple[dict[str, list[str]], list[str]]:
    """The captions of each picture by its name, and what is wrong with the others."""
    found: dict[str, list[str]] = {}
    wrong: list[str] = []
    for entry in choose_source([table])[0].candidates():
        if isinstance(entry, Skipped):
            wrong.append(f"{entry.uri.removeprefix(str(table))} {entry.reason}")
        else:
            found[entry.uri.rpartition("/")[2]] = [caption.text for caption in entry.captions]
    return found, wrong


def _one(table: Path) -> Candidate:
    (entry,) = choose_source([table])[0].candidates()
    assert isinstance(entry, Candidate)
    return entry


TWO = {"a.png": ["one, two"], "été.png": ["três"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_is_read_in_every_encoding_and_separator_of_excel(
    tmp_path: Path, encoding: str, separator: str
) -> None:
    """In a .csv: byte order marks, UTF-16, Windows-1252; names of files too."""
    rows = [["image", "caption"], ["a.png", "one, two"], ["été.png", "três"]]
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    (tmp_path / "t.csv").write_bytes(text.getvalue().encode(encoding))
    assert _listed(tmp_path / "t.csv") == (TWO, [])


def test_spaces_after_commas_and_empty_cells_at_the_end_are_nothing(tmp_path: Path) -> None:
    """As people type, and as spreadsheets pad; Excel's own `sep=` is no header."""
    (tmp_path / "t.csv").write_text(
        'sep=;\r\nimage; caption ;;\r\na.png; "one; two" ;;\r\n b.png ;three;;\r\n'
    )
    assert _listed(tmp_path / "t.csv") == ({"a.png": ["one; two"], "b.png": ["three"]}, [])


def test_a_lone_quotation_mark_in_tab_separated_text_is_part_of_the_text(tmp_path: Path) -> None:
    """Captions there are not quoted; where a program did quote, over several lines too, the marks are its own."""
    (tmp_path / "t.tsv").write_text(
        'image\tcaption\na.png\t"Hello there\nb.png\ta dog\nc.png\tsay "hi" now\nd.png\t"two\nlines ""here"""\n'
    )
    assert _listed(tmp_path / "t.tsv")[0] == {
        "a.png": ['"Hello there'],
        "b.png": ["a dog"],
        "c.png": ['say "hi" now'],
        "d.png": ['two\nlines "here"'],
    }


@pytest.mark.parametrize(
    "end", ["d.png,a cat\n", 'd.png,say "bye"\n', 'c.png,"again\nd.png,a cat\n', 'd.png,bye"\n']
)
def test_a_mark_that_is_not_closed_swallows_no_row_of_a_csv_file(tmp_path: Path, end: str) -> None:
    """The row is reported; those behind it are taken, whatever marks they have."""
    (tmp_path / "t.csv").write_text(f'image,caption\na.png,"Hello\nb.png,a dog\n{end}')
    found, wrong = _listed(tmp_path / "t.csv")
    assert {"b.png", "d.png"} <= set(found)
    assert wrong[0] == "#row/1 row 1 of t.csv: a quotation mark is not closed"


def test_a_text_of_five_thousand_lines_is_one_field(tmp_path: Path) -> None:
    """A poem, a log: also where every tenth line has marks of its own."""
    lines = "\n".join('say ""hi""' if number % 10 == 0 else f"line {number}" for number in range(5_000))
    (tmp_path / "t.csv").write_text(f'image,caption\na.png,"{lines}"\nb.png,a dog\n')
    found, wrong = _listed(tmp_path / "t.csv")
    assert found == {"a.png": [lines.replace('""', '"')], "b.png": ["a dog"]}
    assert wrong == []


@pytest.mark.parametrize(
    "before",
    ["# exported today\nimage,caption\n", "\n#\n# by me, for you\nimage,caption\n", "# image,caption\n"],
)
def test_comments_before_the_header_are_no_header(tmp_path: Path, before: str) -> None:
    """But a header may begin with the mark of one."""
    (tmp_path / "t.csv").write_text(f"{before}a.png,a boat\nb.png,#1\n")
    assert _listed(tmp_path / "t.csv") == ({"a.png": ["a boat"], "b.png": ["#1"]}, [])


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".bz2", bz2.compress), (".xz", lzma.compress), (".gz", gzip.compress)]
)
def test_packed_tables_are_read(tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    """By what they are; and one that breaks off says so."""
    rows = b"image,caption\na.png,a boat\nb.png,a dog\n"
    (tmp_path / f"t.csv{suffix}").write_bytes(pack(rows))
    assert _listed(tmp_path / f"t.csv{suffix}") == ({"a.png": ["a boat"], "b.png": ["a dog"]}, [])
    (tmp_path / f"cut.csv{suffix}").write_bytes(pack(rows)[:-9])
    _, wrong = _listed(tmp_path / f"cut.csv{suffix}")
    assert len(wrong) == 1


def test_several_objects_on_a_line_are_as_many_rows(tmp_path: Path) -> None:
    """Written one after the other, with or without spaces; what is broken among them is one failure."""
    rows = [json.dumps({"image": f"{letter}.png", "caption": letter}) for letter in "abcd"]
    everything = {f"{letter}.png": [letter] for letter in "abcd"}
    for text in ("".join(rows), " ".join(rows), f"{rows[0]}{rows[1]}\n{rows[2]} {rows[3]}\n"):
        (tmp_path / "t.jsonl").write_text(text)
        assert _listed(tmp_path / "t.jsonl") == (everything, [])
    (tmp_path / "t.jsonl").write_text(f"{rows[0]}{{broken}}{rows[1]}\n{rows[2]}\n")
    found, wrong = _listed(tmp_path / "t.jsonl")
    assert set(found) == {"a.png", "b.png", "c.png"}
    assert len(wrong) == 1


def test_feather_of_version_1_says_what_to_do(tmp_path: Path) -> None:
    """pyarrow reads it no more."""
    (tmp_path / "t.feather").write_bytes(b"FEA1" + bytes(100) + b"FEA1")
    with pytest.raises(UsageError, match=r"Feather version 1.*as Parquet"):
        _listed(tmp_path / "t.feather")


def test_texts_of_several_lines_and_long_fields_are_whole(tmp_path: Path) -> None:
    """Lines and commas in quotation marks, a NUL, and a field of 300,000 letters."""
    long = "word " * 60_000
    (tmp_path / "t.csv").write_text(
        f'image,caption\na.png,"A boat,\nred, and ""big"""\nb.png,{long}\nc.png,x\0y\n'
    )
    found, wrong = _listed(tmp_path / "t.csv")
    assert found == {"a.png": ['A boat,\nred, and "big"'], "b.png": [long.strip()], "c.png": ["x\0y"]}
    assert wrong == []


def test_two_columns_of_one_name_are_two_captions_or_two_attributes(tmp_path: Path) -> None:
    """Neither hides the other, in CSV and in Parquet."""
    (tmp_path / "t.csv").write_text("image,caption,caption,by,by\na.png,one,two,Ann,Bob\n")
    entry = _one(tmp_path / "t.csv")
    assert [caption.text for caption in entry.captions] == ["one", "two"]
    assert entry.attributes == {"by": "Ann", "by (2)": "Bob"}
    table = pa.Table.from_arrays(
        [pa.array(["a.png"]), pa.array(["one"]), pa.array(["two"])], names=["image", "caption", "caption"]
    )
    pq.write_table(table, tmp_path / "t.parquet")
    assert _listed(tmp_path / "t.parquet") == ({"a.png": ["one", "two"]}, [])


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        '[\n {"image":"a.png","caption":"one"},\n {"image":"b.png","caption":"two"}\n]\n',
        '[{"image":"a.png","caption":"one"},{"image":"b.png","caption":"two"}]',
        '{"data": [{"image":"a.png","caption":"one"},\n{"image":"b.png","caption":"two"}], "version": 1}',
        '{"image":{"0":"a.png","1":"b.png"},"caption":{"0":"one","1":"two"}}',
        '{\n"image": ["a.png", "b.png"],\n"caption": ["one", "two"]}',
        '{"columns": ["image", "caption"], "index": [0, 1], "data": [["a.png", "one"], ["b.png", "two"]]}',
        '{"a.png": "one", "b.png": ["two"]}',
        '{"x1": {"image":"a.png","caption":"one"}, "x2": {"image":"b.png","caption":"two"}}',
        '{"image":"a.png","caption":"one"}\n{"image":"b.png","caption":"two"}\n',
        '{"image":"a.png","caption":"one"},\n{"image":"b.png","caption":"two"},\n',
        '{\n"image": "a.png",\n"caption": "one"\n}\n{\n"image": "b.png",\n"caption": "two"\n}\n',
    ],
)
def test_json_in_every_shape_is_a_table(tmp_path: Path, text: str) -> None:
    """Arrays, documents, columns, objects by name, and lines."""
    (tmp_path / "t.json").write_text(text)
    assert _listed(tmp_path / "t.json") == ({"a.png": ["one"], "b.png": ["two"]}, [])


@pytest.mark.parametrize(
    "bad",
    [
        '{"image": "c.png", "caption": }',
        f'{{"image": "c.png", "more": {DEEP}}}',
        '{"image": {"no": 1}}',
        "17",
        "NaN",
    ],
)
@pytest.mark.parametrize("form", ["[{0},\n{1},\n{2}]", "{0}\n{1}\n{2}\n"])
def test_one_bad_row_of_json_is_one_failure(tmp_path: Path, form: str, bad: str) -> None:
    """Broken, nested without end, of another shape: the rows around it are taken."""
    good = [json.dumps({"image": name}) for name in ("a.png", "b.png")]
    text = form.replace("{0}", good[0]).replace("{1}", bad).replace("{2}", good[1])
    (tmp_path / "t.jsonl").write_text(text)
    found, wrong = _listed(tmp_path / "t.jsonl")
    assert set(found) == {"a.png", "b.png"}
    assert len(wrong) == 1
    assert wrong[0].startswith("#row/2 row 2 of t.jsonl: ")


def test_a_first_line_that_is_broken_hides_no_other(tmp_path: Path) -> None:
    """Though it looks like the beginning of a document."""
    (tmp_path / "t.jsonl").write_text('{"image":\n{"image": "a.png"}\n{"image": "b.png"}\n')
    found, wrong = _listed(tmp_path / "t.jsonl")
    assert (set(found), len(wrong)) == ({"a.png", "b.png"}, 1)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("data:image/png;base64,AAAA", "data: URI"),
        (r"C:\pictures\x.png", "no such file"),
        ("~/nobody.png", "no such file"),
        ("file://elsewhere/x.png", "another machine"),
        ("x" * 5000 + ".png", "5,004 characters"),
        ("x\0y.png", "null"),
    ],
)
def test_a_name_that_is_no_file_here_is_one_rows_failure(tmp_path: Path, name: str, words: str) -> None:
    """The other row is taken."""
    (tmp_path / "t.jsonl").write_text(f'{json.dumps({"image": name})}\n{{"image": "a.png"}}\n')
    found, wrong = _listed(tmp_path / "t.jsonl")
    assert set(found) == {"a.png"}
    assert len(wrong) == 1
    assert words in wrong[0]


def test_names_written_on_windows_lead_to_the_file(tmp_path: Path) -> None:
    """Its separators; and a URL's scheme in capitals."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "photos" / "a.png")
    (tmp_path / "t.csv").write_text("image\nphotos\\a.png\nHTTPS://Host/b.png\n")
    assert [entry.uri for entry in choose_source([tmp_path / "t.csv"])[0].candidates()] == [
        f"{tmp_path}/photos/a.png",
        "https://Host/b.png",
    ]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"\xff\xd8\xff\xe0" + bytes(40), "a JPEG picture"),
        ("t.csv", b"PK\x03\x04" + bytes(40), "workbook"),
        ("t.csv", b"", "has no column with paths"),
        ("t.csv", b"a.png,one\nb.png,two\n", "has no header: .* not a.png"),
        ("t.jsonl", b"PAR1" + bytes(40), "a Parquet file"),
    ],
)
def test_bytes_that_are_no_table_are_said_to_be_what_they_are(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    """One line, whatever the name says."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=words):
        _listed(tmp_path / name)


def test_a_packed_table_and_one_that_is_called_otherwise_are_read(tmp_path: Path) -> None:
    """gzip is known by its first bytes; a folder called x.csv is a folder."""
    (tmp_path / "t.csv").write_bytes(gzip.compress(b"image,caption\na.png,one\n"))
    assert _listed(tmp_path / "t.csv") == ({"a.png": ["one"]}, [])
    (tmp_path / "x.csv").mkdir()
    (tmp_path / "x.csv" / "a.png").write_bytes(b"a")
    assert list(_listed(tmp_path / "x.csv")[0]) == ["a.png"]


def test_flickrs_own_files_are_tables(tmp_path: Path) -> None:
    """results.token, captions.txt and results.csv, with the pictures in a folder beside them."""
    (tmp_path / "Images").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "Images" / "a.png")
    (tmp_path / "results.token").write_text('a.png#0\tone\na.png#1\tsay "two\nno tab\n')
    found, wrong = _listed(tmp_path / "results.token")
    assert (found, len(wrong)) == ({"a.png": ["one", 'say "two']}, 1)
    (tmp_path / "captions.txt").write_text("image,caption\na.png,one\n")
    assert _listed(tmp_path / "captions.txt") == ({"a.png": ["one"]}, [])
    (tmp_path / "results.csv").write_text("image_name| comment_number| comment\na.png| 0| one , two\n")
    assert _listed(tmp_path / "results.csv") == ({"a.png": ["one , two"]}, [])


BYTES = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def _parquet(path: Path, columns: dict[str, Any], **how: Any) -> Path:
    pq.write_table(pa.table(columns), path, **how)
    return path


def test_a_column_of_bytes_and_paths_takes_each_row_where_its_picture_is(tmp_path: Path) -> None:
    """As Hugging Face's library reads it; a row with neither is one failure."""
    rows = [
        {"bytes": b"1", "path": "x.png"},
        {"bytes": None, "path": "b.png"},
        {"bytes": None, "path": None},
        None,
    ]
    table = _parquet(tmp_path / "t.parquet", {"image": pa.array(rows, BYTES), "caption": list("wxyz")})
    found, wrong = _listed(table)
    assert found == {"1": ["w"], "b.png": ["x"]}
    assert [reason.partition(":")[2] for reason in wrong] == [" nothing in column image"] * 2


@pytest.mark.parametrize("kind", [pa.list_(BYTES), pa.list_(pa.binary())])
def test_each_picture_of_a_list_is_an_item(tmp_path: Path, kind: Any) -> None:
    """Its uri leads to its bytes again."""
    plain = kind == pa.list_(pa.binary())
    lists = [[b"11", b"12"], [], [b"31"]]
    rows = [[one if plain else {"bytes": one, "path": None} for one in row] for row in lists]
    table = _parquet(
        tmp_path / "t.parquet", {"images": pa.array(rows, kind), "text": ["one", "two", "three"]}
    )
    source = choose_source([table])[0]
    entries = list(source.candidates())
    good = [entry for entry in entries if isinstance(entry, Candidate)]
    assert [entry.uri.partition("#")[2] for entry in good] == ["images/1/1", "images/1/2", "images/3/1"]
    assert [open_original(entry.uri, ImageLimits()) for entry in good] == [b"11", b"12", b"31"]
    assert [entry.captions[0].text for entry in good] == ["one", "one", "three"]
    assert len(entries) - len(good) == 1


@pytest.mark.parametrize(
    "feature", [{"_type": "Image"}, {"feature": {"_type": "Image"}, "_type": "List"}, [{"_type": "Image"}]]
)
def test_a_saved_dataset_says_itself_which_column_has_its_pictures(tmp_path: Path, feature: Any) -> None:
    """One or a list of them, whatever the column is called and however `datasets` notes it."""
    one = {"bytes": b"1", "path": None}
    kind = BYTES if isinstance(feature, dict) and feature["_type"] == "Image" else pa.list_(BYTES)
    values = pa.array([one if kind == BYTES else [one, one]], kind)
    noted = json.dumps(
        {"info": {"features": {"views": feature, "text": {"dtype": "string", "_type": "Value"}}}}
    )
    table = pa.table({"views": values, "text": ["words"]}).replace_schema_metadata({"huggingface": noted})
    with pa.OSFile(str(tmp_path / "d.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    found, wrong = _listed(tmp_path / "d.arrow")
    assert (found, wrong) == ({"1": ["words"]} if kind == BYTES else {"1": ["words"], "2": ["words"]}, [])


def test_a_split_of_a_saved_dataset_that_is_not_there_hides_no_other(tmp_path: Path) -> None:
    """It is one failure; notes that are no list are said to be that."""
    saved = tmp_path / "saved"
    (saved / "train").mkdir(parents=True)
    table = pa.table({"image": [str(tmp_path / "a.png")], "caption": ["one"]})
    with pa.ipc.new_stream(str(saved / "train" / "data.arrow"), table.schema) as writer:
        writer.write_table(table)
    (saved / "train" / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}, {}]}')
    (saved / "dataset_dict.json").write_text('{"splits": ["test", "train"]}')
    found, wrong = _listed(saved)
    assert found == {"a.png": ["one"]}
    assert len(wrong) == 1
    assert "test" in wrong[0]
    (saved / "dataset_dict.json").write_text('{"splits": 5}')
    with pytest.raises(UsageError, match="splits is no list"):
        choose_source([saved])


def test_accented_letters_lead_to_the_file_however_the_disk_spells_them(tmp_path: Path) -> None:
    """A table typed here, files that came from a Mac."""
    (tmp_path / "e\u0301t.png").write_bytes(b"")
    (tmp_path / "t.csv").write_text("image,caption\n\u00e9t.png,one\n")
    assert _listed(tmp_path / "t.csv") == ({"e\u0301t.png": ["one"]}, [])


def test_a_folder_may_be_spelled_in_other_letters_than_the_file_in_it(tmp_path: Path) -> None:
    """A folder that a Mac made, and a picture that was saved into it elsewhere."""
    (tmp_path / "Mo\u0308bel").mkdir()
    (tmp_path / "Mo\u0308bel" / "caf\u00e9.png").write_bytes(b"")
    for folder in ("M\u00f6bel", "Mo\u0308bel"):
        for name in ("caf\u00e9", "cafe\u0301"):
            (tmp_path / "t.csv").write_text(f"image,caption\n{folder}/{name}.png,one\n")
            assert _listed(tmp_path / "t.csv") == ({"caf\u00e9.png": ["one"]}, [])


def test_bytes_and_odd_times_beside_a_picture_hurt_nobody(tmp_path: Path) -> None:
    """Bytes are no attributes; a time beyond Python's years is text; a date is a date."""
    columns = {
        "image": ["a.png"],
        "mask": pa.array([b"\xff\0"], pa.binary()),
        "deep": pa.array([{"mask": b"\xff", "n": 1}]),
        "late": pa.array([10**12], pa.timestamp("s")),
        "when": pa.array([datetime(2024, 5, 1)]),
    }
    attributes = _one(_parquet(tmp_path / "t.parquet", columns)).attributes
    assert set(attributes) <= {"late", "when"}
    assert attributes["when"] == datetime(2024, 5, 1)


def test_one_text_that_is_no_utf8_hides_no_other_of_its_column(tmp_path: Path) -> None:
    """Neither among names nor among captions; it is read as Windows-1252, as in text files."""
    texts = [pa.array(column).buffers() for column in ([b"a.png", b"x\xff.png"], [b"caf\xe9", b"two"])]
    columns = [pa.Array.from_buffers(pa.string(), 2, buffers) for buffers in texts]
    table = _parquet(tmp_path / "t.parquet", dict(zip(("image", "caption"), columns, strict=True)))
    found, wrong = _listed(table)
    assert found == {"a.png": ["café"]}
    assert len(wrong) == 1
    assert "row 2" in wrong[0]


@pytest.mark.parametrize("name", ["t.feather", "t.ipc", "t.arrows", "t.ARROW"])
def test_arrow_files_of_any_name_are_tables(tmp_path: Path, name: str) -> None:
    """Pictures in them are read, too."""
    table = pa.table({"image": [b"picture"], "caption": ["one"]})
    with pa.ipc.new_file(str(tmp_path / name), table.schema) as writer:
        writer.write_table(table)
    entry = _one(tmp_path / name)
    assert [caption.text for caption in entry.captions] == ["one"]
    assert open_original(entry.uri, ImageLimits()) == b"picture"


@pytest.mark.parametrize("header", ["Image URL", "image-path", "FileName", "File Name"])
def test_columns_are_known_whatever_parts_their_words(tmp_path: Path, header: str) -> None:
    """As people head their columns."""
    (tmp_path / "t.csv").write_text(f"{header},Alt Text\na.png,one\n")
    assert _listed(tmp_path / "t.csv") == ({"a.png": ["one"]}, [])


def test_a_broken_row_group_hides_no_other(tmp_path: Path) -> None:
    """Its rows are one failure of the file, which proves nothing gone."""
    table = _parquet(
        tmp_path / "t.parquet",
        {"image": ["a.png", "b.png", "c.png"], "caption": ["x" * 100, "y" * 100, "z" * 100]},
        row_group_size=1, compression="none", use_dictionary=False, write_statistics=False,
    )  # fmt: skip
    data = table.read_bytes()
    place = data.index(b"y" * 100) - 40
    table.write_bytes(data[:place] + bytes(40) + data[place + 40 :])
    source = choose_source([table])[0]
    entries = list(source.candidates())
    assert {"a.png", "c.png"} <= {
        entry.uri.rpartition("/")[2] for entry in entries if isinstance(entry, Candidate)
    }
    (trouble,) = [entry for entry in entries if isinstance(entry, Skipped)]
    assert trouble.reason.startswith("row 2 cannot be read")
    assert not source.covers(f"{table}#image/2")


FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(FIELDS, FIELDS), max_size=6), st.sampled_from([",", ";", "|"]))
def test_what_the_csv_module_writes_comes_back(rows: list[tuple[str, str]], separator: str) -> None:
    """Fields as they were, but for spaces around those that need no quotation marks."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([("name", "words"), *rows])
    table = Delimited(io.StringIO(text.getvalue(), newline=""))
    assert [fields for _, fields in table.rows()] == [list(row) for row in rows]
