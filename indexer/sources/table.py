"""Tables of pictures: CSV, TSV, JSON and Parquet with columns for path or URL, captions and attributes.

Parquet may also hold the pictures themselves, as img2dataset and Hugging Face write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from os.path import splitext
from typing import Any

from vasari.indexer.sources.columns import Columns
from vasari.indexer.sources.held import HELD, Named, names_in, parquet_batches
from vasari.indexer.sources.rows import Row, RowSource, parent
from vasari.indexer.sources.samples import kept, texts_in
from vasari.retrieval.domain import Caption
from vasari.retrieval.errors import UsageError, VasariError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.delimited import Delimited, Fields
from vasari.retrieval.storage.json_rows import Broken, json_rows
from vasari.retrieval.storage.local_files import IMAGE_SUFFIXES, RAW_SUFFIXES
from vasari.retrieval.storage.text_files import PACKED, opened_text
from vasari.retrieval.storage.uris import is_url

_TEXTS = (".csv", ".tsv", ".jsonl", ".ndjson")
TABLE_SUFFIXES = (
    *_TEXTS,
    *(f"{suffix}{packed}" for suffix in _TEXTS for packed in PACKED),
    ".parquet",
    ".token",
)
_FOLDERS = ("images", "Images", "Flicker8k_Dataset", "flickr30k_images", "flickr30k-images")
_LONGEST_HEADER = 4096
_LANGUAGES = ("language", "lang")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d+)?")


class TableSource(RowSource):
    """The pictures named, or held, by tables."""

    def __init__(
        self, files: Sequence[str], columns: Columns | None = None, *, limits: ImageLimits | None = None
    ) -> None:
        super().__init__(files, limits=limits)
        self._columns = columns or Columns()

    def folders(self, file: str) -> Sequence[str]:
        """Beside the table, or in the folders that datasets have beside theirs."""
        here = parent(file)
        return (here,) if is_url(here) else (here, *(f"{here}/{name}" for name in _FOLDERS))

    def rows(self, file: str) -> Iterator[Row]:
        """The rows of one table."""
        name = file.lower().partition("?")[0] if is_url(file) else file.lower()
        if name.endswith(PACKED):
            name = name.rpartition(".")[0]
        if name.endswith(".parquet"):
            return parquet_rows(file, self._columns)
        if name.endswith((".jsonl", ".ndjson", ".json")):
            return self._json_rows(file)
        if name.endswith(".token"):
            return _token_rows(file)
        return self._delimited_rows(file, "\t" if name.endswith(".tsv") else ",")

    def _delimited_rows(self, file: str, separator: str) -> Iterator[Row]:
        with opened_text(file) as lines:
            table = Delimited(lines, separator, self._are_columns)
            if self._columns.image is None and (named := next(filter(names_a_picture, table.names), None)):
                raise UsageError(f"{file} has no header: its first line should name the columns, not {named}")
            columns = self._columns.among(table.names, file)
            place = table.names.index(str(columns.image))

            def is_row(fields: Fields) -> bool:
                fits = len(fields) == len(table.names)
                return fits and (table.separator == "\t" or names_a_picture(fields[place]))

            for number, (_, fields) in enumerate(table.rows(is_row), start=1):
                if isinstance(fields, str):
                    yield Row(number, trouble=fields)
                    continue
                texts = dict(zip(table.names, fields, strict=True))
                values = {name: _typed(value) for name, value in texts.items()}
                yield from rows_of(number, [Named(texts[str(columns.image)])], values, columns, texts)

    def _are_columns(self, names: Sequence[str]) -> bool:
        try:
            return self._columns.among(names, "it").image is not None
        except UsageError:
            return False

    def _json_rows(self, file: str) -> Iterator[Row]:
        def is_row(value: Mapping[str, Any]) -> bool:
            try:
                image = value[str(self._columns.among(list(value), file).image)]
            except UsageError:
                return False
            return isinstance(image, str) or (
                isinstance(image, dict) and not {"path", "bytes"}.isdisjoint(image)
            )

        with opened_text(file) as lines:
            for number, value in enumerate(json_rows(lines, is_row, names_a_picture), start=1):
                if isinstance(value, Broken):
                    yield Row(number, trouble=str(value))
                elif isinstance(value, str) and names_a_picture(value):
                    yield Row(number, value)
                elif not isinstance(value, dict):
                    yield Row(number, trouble="not a JSON object")
                else:
                    yield from self._json_row(number, value)

    def _json_row(self, number: int, values: Mapping[str, Any]) -> Iterator[Row]:
        try:
            columns = self._columns.among(list(values), "it")
        except UsageError as error:
            yield Row(number, trouble=str(error))
        else:
            yield from rows_of(number, names_in(values[str(columns.image)]), values, columns)


def parquet_rows(file: str, wanted: Columns) -> Iterator[Row]:
    """The rows of a Parquet file; pictures kept in it are not read."""
    for rows in parquet_batches(file, wanted):
        pairs = zip(rows.pictures, rows.values, strict=True)
        for number, (pictures, values) in enumerate(pairs, start=rows.first):
            yield from rows_of(number, pictures, values, rows.columns)


def rows_of(
    number: int,
    pictures: Sequence[Named],
    values: Mapping[str, Any],
    columns: Columns,
    texts: Mapping[str, str] | None = None,
) -> Iterator[Row]:
    """What a row says of each of its pictures; `texts` are its fields as written, where they were made numbers."""
    named = [picture for picture in pictures if picture.name is HELD or str(picture.name).strip()]
    if not named:
        yield Row(number, trouble=f"nothing in column {columns.image}")
        return
    language = next((values[name] for name in _LANGUAGES if isinstance(values.get(name), str)), None)
    said = [text for name in columns.captions for text in texts_in((texts or values).get(name))]
    used = {columns.image, *columns.captions}
    captions = tuple(Caption(text, language) for text in said)
    attributes = kept({name: value for name, value in values.items() if name not in used})
    for picture in named:
        held = picture.name is HELD
        yield Row(
            number,
            None if held else str(picture.name),
            columns.image if held else None,
            captions,
            attributes,
            part=picture.part,
        )


def names_a_picture(text: str) -> bool:
    """Whether a field reads like the path or URL of a picture."""
    suffix = splitext(text.partition("?")[0])[1].lower()  # noqa: PTH122 (text that is seldom a path)
    return len(text) < 4096 and (is_url(text) or suffix in IMAGE_SUFFIXES or suffix in RAW_SUFFIXES)


def _token_rows(file: str) -> Iterator[Row]:
    """Flickr's token files: name#number, a tab, the caption."""
    with opened_text(file) as lines:
        for number, line in enumerate((line for line in lines if line.strip()), start=1):
            name, tab, caption = line.rstrip("\r\n").partition("\t")
            if tab:
                captions = tuple(Caption(text) for text in texts_in(caption))
                yield Row(number, re.sub(r"#\d+$", "", name.strip()), captions=captions)
            else:
                yield Row(number, trouble="no name#0, tab and caption")


def _typed(value: str) -> Any:
    """A field as a number where it is written as one, so that filters can compare it."""
    if _NUMBER.fullmatch(value) is None:
        return value
    return float(value) if "." in value else int(value)


def is_table(file: str) -> bool:
    """Whether a file's name is that of a table."""
    return file.lower().endswith(TABLE_SUFFIXES) or (
        is_url(file) and file.partition("?")[0].endswith(TABLE_SUFFIXES)
    )


def names_columns(file: str) -> bool:
    """Whether a text's first line is the header of a table of pictures, as in Flickr's `captions.txt`."""
    try:
        with opened_text(file) as lines:
            table = Delimited([lines.readline(_LONGEST_HEADER)])
    except (OSError, VasariError, ValueError):
        return False
    try:
        return len(table.names) > 1 and bool(Columns().among(table.names, file).captions)
    except UsageError:
        return False
