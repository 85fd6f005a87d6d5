"""Records as Parquet and as JSON lines: every fact of an item beside its vector, and the space in the file itself.

| column | type |
|---|---|
| id, bytes, mtime_ns, width, height | int64 |
| modality, uri, content_hash, format, text | string |
| captions | list of {text, language, source} |
| tags | list of string |
| attributes | string: a JSON object |
| user_attributes | string: a JSON object, those of them that a person set |
| albums | list of string: names of those by hand that it is in |
| stack | int64: a number that pictures of one stack by hand share; 0: taken out of its stack by hand |
| judgments | string: a JSON list of {query, filter, grade, who, at} |
| text_lines | string: a JSON list of {text, confidence, corners} read in the picture; nothing where it was not read |
| missing_since | string: since when its file is gone; nothing for items that are there |
| embedding | list of float32, unit length |
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from vasari.indexer.exchange.records import (
    PAGE,
    Record,
    albums_as_text,
    albums_from_text,
    as_row,
    space_as_text,
    space_from_text,
)
from vasari.indexer.exchange.rows import Refused, checked, from_row
from vasari.retrieval.catalog.records import Album
from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.errors import UsageError
from vasari.retrieval.storage.draining import Sink
from vasari.retrieval.storage.json_rows import Broken, values_in
from vasari.retrieval.storage.text_files import opened_text

_SPACE, _ALBUMS = b"vasari.space", b"vasari.albums"
_VECTORS = ("embedding", "vector", "emb", "image_embedding")
_DECIMALS = 8  # half of float16's smallest step is 3e-8: no stored vector is changed by this rounding


def write_parquet(
    path: Path,
    space: EmbeddingSpace,
    batches: Iterable[Sequence[Record]],
    albums: Sequence[Album] = (),
    *,
    vectors: bool = True,
) -> int:
    """Write records, without their vectors if so wished; says how many."""
    import pyarrow.parquet as pq

    schema = schema_of(space, vectors=vectors, albums=albums)
    written = 0
    with path.open("wb") as opened, pq.ParquetWriter(opened, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(as_table(batch, schema, vectors=vectors))
            written += len(batch)
    return written


def parquet_pieces(space: EmbeddingSpace, batches: Iterable[Sequence[Record]]) -> Iterator[bytes]:
    """The bytes of such a file while it is made, for what is sent: memory holds one batch."""
    import pyarrow.parquet as pq

    schema, sink = schema_of(space, vectors=True), Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(as_table(batch, schema, vectors=True))
            yield sink.taken()
    yield sink.taken()


def write_json_lines(
    path: Path, space: EmbeddingSpace, batches: Iterable[Sequence[Record]], albums: Sequence[Album] = ()
) -> int:
    """Write an object a line, the first being the space and the albums; says how many records there were."""
    written = -1
    with path.open("w", encoding="utf-8") as lines:
        for line in json_lines(space, batches, albums):
            lines.write(line)
            written += 1
    return written


def json_lines(
    space: EmbeddingSpace, batches: Iterable[Sequence[Record]], albums: Sequence[Album] = ()
) -> Iterator[str]:
    """The lines of such a file, each with its end."""
    header = {"space": json.loads(space_as_text(space)), "albums": json.loads(albums_as_text(albums))}
    yield json.dumps(header) + "\n"
    for batch in batches:
        for record in batch:
            vector = np.round(record.vector.astype(np.float64), _DECIMALS).tolist()
            yield json.dumps({**as_row(record), "embedding": vector}) + "\n"


def parquet_space(path: Path) -> EmbeddingSpace | None:
    """The space noted in a file."""
    import pyarrow.parquet as pq

    with path.open("rb") as opened:
        return space_from_text((pq.read_schema(opened).metadata or {}).get(_SPACE))


def parquet_albums(path: Path) -> list[tuple[str, str | None, str | None]]:
    """Name, query and filter of the albums noted in a file."""
    import pyarrow.parquet as pq

    with path.open("rb") as opened:
        return albums_from_text((pq.read_schema(opened).metadata or {}).get(_ALBUMS))


def json_space(path: Path) -> EmbeddingSpace | None:
    """The space in the first line."""
    return _stated_space(_first_value(path))


def json_albums(path: Path) -> list[tuple[str, str | None, str | None]]:
    """Name, query and filter of the albums in the first line."""
    first = _first_value(path)
    if _stated_space(first) is None or not isinstance(first, dict):
        return []
    return albums_from_text(json.dumps(first.get("albums", [])))


def _first_value(path: Path) -> object:
    with opened_text(str(path)) as lines:
        first = next((line for line in lines if line.strip()), "")
        return next(iter(values_in(first)), None)


def read_parquet(path: Path) -> Iterator[Record | Refused]:
    """The records of a file that `write_parquet` wrote, or of another with `uri` and a column of vectors.

    Raises UsageError for a file that is no such table, or is damaged from some row on.
    """
    import pyarrow.parquet as pq

    with path.open("rb") as opened:
        file = pq.ParquetFile(opened)
        names = file.schema_arrow.names
        column = next((name for name in _VECTORS if name in names), None)
        if column is None or "uri" not in names:
            raise UsageError(f"{path} has no columns uri and embedding, it has {', '.join(names)}")
        number = 0
        for batch in file.iter_batches(batch_size=_rows_at_once(file, column)):
            vectors = rows_of(batch.column(column))
            for row, vector in zip(_plain(batch.drop_columns([column])), vectors, strict=True):
                number += 1
                yield checked(number, partial(from_row, row, vector, number))


def _rows_at_once(file: Any, column: str) -> int:
    """As many rows as take some hundred MB at most, whatever the file claims of its vectors' length."""
    kind = file.schema_arrow.field(column).type
    length = getattr(kind, "list_size", 1024)
    return max(1, min(PAGE, 2**26 // max(length, 1)))


def _plain(batch: Any) -> Iterator[dict[str, Any]]:
    """Rows as Python's values; of columns that Python has none for, such as times in nanoseconds, their text."""
    import pyarrow as pa

    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            columns[name] = column.to_pylist()
        except (ValueError, pa.ArrowException):
            columns[name] = [str(value) for value in column]
    for place in range(batch.num_rows):
        yield {name: values[place] for name, values in columns.items()}


def is_own(path: Path) -> bool:
    """Whether a table is one that `write_parquet` wrote."""
    return path.suffix == ".parquet" and parquet_space(path) is not None


def plain_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file that was written without vectors."""
    import pyarrow.parquet as pq

    with path.open("rb") as opened:
        for batch in pq.ParquetFile(opened).iter_batches(batch_size=PAGE):
            yield from _plain(batch)


def read_json_lines(path: Path) -> Iterator[Record | Refused]:
    """The records of a file of JSON lines; a line that is none is refused.

    Raises UsageError for a file that breaks off within a line.
    """
    number = 0
    with opened_text(str(path)) as lines:
        for line in lines:
            for value in values_in(line) if line.strip() else ():
                if number == 0 and _stated_space(value) is not None:
                    continue
                number += 1
                if isinstance(value, Broken) and not line.endswith(("\n", "\r")):
                    raise UsageError(
                        f"{path} breaks off in row {number:,}: it is not whole, make or copy it again"
                    )
                yield checked(number, partial(_of_value, value, number))


def _of_value(row: object, number: int) -> Record:
    if isinstance(row, Broken):
        raise ValueError(str(row))  # noqa: TRY004 (of a line of text)
    if not isinstance(row, dict):
        raise TypeError("it is no JSON object")
    vector = next((row[name] for name in _VECTORS if name in row), None)
    if vector is None:
        raise KeyError("embedding")
    return from_row(row, vector, number)


def _stated_space(row: object) -> EmbeddingSpace | None:
    """The space, where a value is one that states it."""
    if not isinstance(row, dict) or "space" not in row or "uri" in row:
        return None
    return space_from_text(json.dumps(row["space"]))


def rows_of(column: Any) -> Sequence[object]:
    """The vectors in a column of lists of numbers: a matrix (n, dim) where they are alike, else each as it is."""
    if not column.null_count and hasattr(column, "flatten"):
        flat = column.flatten()
        if len(column) and len(flat) % len(column) == 0 and _are_alike(column):
            numbers = flat.to_numpy(zero_copy_only=False)
            if np.issubdtype(numbers.dtype, np.number):
                return cast("Sequence[object]", numbers.reshape(len(column), -1))
    return cast("Sequence[object]", column.to_pylist())


def _are_alike(column: Any) -> bool:
    import pyarrow.compute as pc

    lengths: Any = pc.min_max(pc.list_value_length(column))
    return bool(lengths["min"] == lengths["max"])


def schema_of(space: EmbeddingSpace | None, *, vectors: bool, albums: Sequence[Album] = ()) -> Any:
    """The columns above, with `embedding` if `vectors`, which needs a space; space and albums as metadata."""
    import pyarrow as pa

    whole, word = pa.int64(), pa.string()
    caption = pa.struct([("text", word), ("language", word), ("source", word)])
    fields = [
        ("id", whole), ("modality", word), ("uri", word), ("content_hash", word), ("bytes", whole),
        ("mtime_ns", whole), ("width", whole), ("height", whole), ("format", word), ("text", word),
        ("captions", pa.list_(caption)), ("tags", pa.list_(word)), ("attributes", word),
        ("user_attributes", word), ("albums", pa.list_(word)), ("stack", whole), ("judgments", word),
        ("text_lines", word), ("missing_since", word),
    ]  # fmt: skip
    if vectors and space is not None:
        fields.append(("embedding", pa.list_(pa.float32(), space.dim)))
    noted = {} if space is None else {_SPACE: space_as_text(space), _ALBUMS: albums_as_text(albums)}
    return pa.schema(fields, metadata=noted or None)


def as_table(batch: Sequence[Record], schema: Any, *, vectors: bool) -> Any:
    """Records as a pyarrow table of that schema."""
    import pyarrow as pa

    rows = [as_row(record) for record in batch]
    for row in rows:
        for name in ("attributes", "user_attributes", "judgments"):
            row[name] = json.dumps(row[name], ensure_ascii=False)
        if row["text_lines"] is not None:
            row["text_lines"] = json.dumps(row["text_lines"], ensure_ascii=False)
    columns = {name: [row[name] for row in rows] for name in schema.names if name != "embedding"}
    arrays = [pa.array(columns[name], schema.field(name).type) for name in columns]
    if vectors:
        numbers = np.concatenate([record.vector for record in batch]) if batch else np.empty(0, np.float32)
        kind = schema.field("embedding").type
        arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(numbers, pa.float32()), kind.list_size))
    return pa.Table.from_arrays(arrays, schema=schema)
