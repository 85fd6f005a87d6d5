"""Tables of pictures: CSV, TSV, JSON lines and Parquet with columns for path or URL, captions and attributes.

Parquet may also hold the pictures themselves, as img2dataset and Hugging Face write them.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any

from indexer.sources.rows import Row, RowSource
from indexer.sources.samples import texts_in
from retrieval.domain import Caption
from retrieval.errors import UsageError
from retrieval.imaging.limits import ImageLimits
from retrieval.originals.files import opened
from retrieval.originals.uris import is_url

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".csv.gz", ".tsv.gz", ".jsonl.gz")
_IMAGES = (
    "image", "image_path", "path", "filepath", "file_path", "file_name", "filename", "file", "url", "image_url", "uri",
    "img", "photo", "jpg", "png", "webp", "image_bytes", "bytes",
)  # fmt: skip
_CAPTIONS = (
    "caption",
    "captions",
    "text",
    "texts",
    "sentence",
    "sentences",
    "description",
    "alt_text",
    "title",
    "raw",
)
_LANGUAGES = ("language", "lang")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns mean what; those not given are found by their names."""

    image: str | None = None
    captions: tuple[str, ...] = ()

    def among(self, names: Sequence[str], file: str) -> Columns:
        """The columns of a table with these names; UsageError where one is missing."""
        for wanted in (*([self.image] if self.image else []), *self.captions):
            if wanted not in names:
                raise UsageError(f"{file} has no column {wanted!r}, it has {', '.join(names) or 'none'}")
        image = self.image or _first(_IMAGES, names)
        if image is None:
            raise UsageError(
                f"{file} has no column with paths or URLs, it has {', '.join(names) or 'none'}:"
                " name it by --image-column"
            )
        caption = _first(_CAPTIONS, [name for name in names if name != image])
        return Columns(image, self.captions or ((caption,) if caption else ()))


class TableSource(RowSource):
    """The pictures named, or held, by tables."""

    def __init__(
        self, files: Sequence[str], columns: Columns | None = None, *, limits: ImageLimits | None = None
    ) -> None:
        super().__init__(files, limits=limits)
        self._columns = columns or Columns()

    def rows(self, file: str) -> Iterator[Row]:
        """The rows of one table."""
        name = file.lower().removesuffix(".gz")
        if name.endswith(".parquet"):
            return parquet_rows(file, self._columns)
        if name.endswith((".jsonl", ".ndjson", ".json")):
            return self._json_rows(file)
        return self._csv_rows(file, "\t" if name.endswith(".tsv") else ",")

    def _csv_rows(self, file: str, delimiter: str) -> Iterator[Row]:
        with _text(file) as lines:
            reader = csv.reader(lines, delimiter=delimiter)
            names = next(reader, [])
            columns = self._columns.among(names, file)
            for number, fields in enumerate(_checked(reader), start=1):
                if isinstance(fields, str):
                    yield Row(number, trouble=fields)
                elif len(fields) != len(names):
                    yield Row(number, trouble=f"{len(fields)} fields instead of {len(names)}")
                else:
                    values = {key: _typed(value) for key, value in zip(names, fields, strict=True)}
                    yield row_of(number, values, columns, texts=dict(zip(names, fields, strict=True)))

    def _json_rows(self, file: str) -> Iterator[Row]:
        with _text(file) as lines:
            numbered = enumerate((line for line in lines if line.strip()), start=1)
            for number, line in numbered:
                try:
                    values = json.loads(line)
                except ValueError as error:
                    yield Row(number, trouble=f"not valid JSON ({error})")
                    continue
                if not isinstance(values, dict):
                    yield Row(number, trouble="not a JSON object")
                    continue
                try:
                    columns = self._columns.among(list(values), "it")
                except UsageError as error:
                    yield Row(number, trouble=str(error))
                    continue
                yield row_of(number, values, columns)


def parquet_rows(file: str, wanted: Columns) -> Iterator[Row]:
    """The rows of a Parquet file; pictures kept in it are not read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opened(file) as handle:
        try:
            table = pq.ParquetFile(handle)
        except pa.ArrowInvalid as error:
            raise UsageError(f"{file} is no Parquet file: {error}") from error
        columns = wanted.among(table.schema_arrow.names, file)
        image = str(columns.image)
        held = holds_pictures(table.schema_arrow.field(image).type) and not _only_paths(table.metadata, image)
        read = [name for name in table.schema_arrow.names if name != image]
        read += (
            []
            if held
            else [f"{image}.path" if pa.types.is_struct(table.schema_arrow.field(image).type) else image]
        )
        number = 0
        for batch in table.iter_batches(batch_size=4096, columns=read):
            for values in _objects(batch):
                number += 1
                yield row_of(number, values, columns, held=held)


def row_of(
    number: int,
    values: Mapping[str, Any],
    columns: Columns,
    *,
    held: bool = False,
    texts: Mapping[str, str] | None = None,
) -> Row:
    """What the values of a row mean. `held`: the image column holds pictures; `texts`: fields as written."""
    image = (texts or values).get(columns.image or "")
    if isinstance(image, Mapping):
        image = image.get("path")
    if not held and not (isinstance(image, str) and image.strip()):
        return Row(number, trouble=f"nothing in column {columns.image}")
    language = next((values[name] for name in _LANGUAGES if isinstance(values.get(name), str)), None)
    said = [text for name in columns.captions for text in texts_in((texts or values).get(name))]
    used = {columns.image, *columns.captions}
    return Row(
        number,
        None if held else str(image).strip(),
        columns.image if held else None,
        tuple(Caption(text, language) for text in said),
        {name: value for name, value in values.items() if name not in used and value not in (None, "")},
    )


def holds_pictures(kind: Any) -> bool:
    """Whether a column of this Arrow type holds pictures themselves: bytes, or a struct with bytes."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(field.name == "bytes" for field in kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _only_paths(metadata: Any, image: str) -> bool:
    """Whether every `bytes` of a struct column is null, by the statistics: then its `path` names the picture."""
    empty = rows = 0
    for group in range(metadata.num_row_groups):
        chunks = metadata.row_group(group)
        for number in range(chunks.num_columns):
            chunk = chunks.column(number)
            if chunk.path_in_schema == f"{image}.bytes" and chunk.statistics is not None:
                empty += chunk.statistics.null_count
        rows += chunks.num_rows
    return 0 < rows == empty


def _objects(batch: Any) -> Iterable[Mapping[str, Any]]:
    rows = batch.to_pylist()
    return rows if rows or not batch.num_rows else [{} for _ in range(batch.num_rows)]


@contextmanager
def _text(file: str) -> Iterator[IO[str]]:
    """A table's text; bytes that are not UTF-8 survive as they do in file names."""
    with opened(file) as handle, ExitStack() as stack:
        data: Any = stack.enter_context(gzip.open(handle)) if file.lower().endswith(".gz") else handle
        yield io.TextIOWrapper(data, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _checked(reader: Iterator[list[str]]) -> Iterator[list[str] | str]:
    """The rows of a CSV file, or what is wrong with one; empty lines are no rows."""
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"not valid CSV ({error})"
            continue
        if fields:
            yield fields


def _typed(value: str) -> Any:
    """A field as a number where it is written as one, so that filters can compare it."""
    if _NUMBER.fullmatch(value) is None:
        return value
    return float(value) if "." in value else int(value)


def _first(known: Sequence[str], names: Sequence[str]) -> str | None:
    """The first of the known names that a column has, whatever its case."""
    present = {name.lower(): name for name in reversed(names)}
    return next((present[name] for name in known if name in present), None)


def is_table(file: str) -> bool:
    """Whether a file's name is that of a table."""
    return file.lower().endswith(TABLE_SUFFIXES) or (
        is_url(file) and file.partition("?")[0].endswith(TABLE_SUFFIXES)
    )
