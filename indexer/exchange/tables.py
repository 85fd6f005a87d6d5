"""Records as Parquet and as JSON lines: every fact of an item beside its vector, and the space in the file itself.

| column | type |
|---|---|
| id, bytes, mtime_ns, width, height | int64 |
| modality, uri, content_hash, format, text | string |
| captions | list of {text, language, source} |
| tags | list of string |
| attributes | string: a JSON object |
| embedding | list of float32, unit length |
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.exchange.records import PAGE, Record, as_row, from_row, space_as_text, space_from_text
from retrieval.domain import EmbeddingSpace
from retrieval.errors import UsageError

_SPACE = b"vasari.space"
_VECTORS = ("embedding", "vector", "emb", "image_embedding")
_DECIMALS = 8  # half of float16's smallest step is 3e-8: no stored vector is changed by this rounding


def write_parquet(
    path: Path, space: EmbeddingSpace, batches: Iterable[Sequence[Record]], *, vectors: bool = True
) -> int:
    """Write records, without their vectors if so wished; says how many."""
    import pyarrow.parquet as pq

    schema = _schema(space, vectors)
    written = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(_table(batch, schema, vectors))
            written += len(batch)
    return written


def write_json_lines(path: Path, space: EmbeddingSpace, batches: Iterable[Sequence[Record]]) -> int:
    """Write an object a line, the first being the space; says how many records there were."""
    written = 0
    with path.open("w", encoding="utf-8") as lines:
        lines.write(json.dumps({"space": json.loads(space_as_text(space))}) + "\n")
        for batch in batches:
            for record in batch:
                vector = np.round(record.vector.astype(np.float64), _DECIMALS).tolist()
                lines.write(json.dumps({**as_row(record), "embedding": vector}) + "\n")
            written += len(batch)
    return written


def parquet_space(path: Path) -> EmbeddingSpace | None:
    """The space noted in a file."""
    import pyarrow.parquet as pq

    return space_from_text((pq.read_schema(path).metadata or {}).get(_SPACE))


def json_space(path: Path) -> EmbeddingSpace | None:
    """The space in the first line."""
    with path.open(encoding="utf-8") as lines:
        first = json.loads(next(lines, "{}"))
    return space_from_text(json.dumps(first["space"])) if "space" in first else None


def read_parquet(path: Path) -> Iterator[Record]:
    """The records of a file that `write_parquet` wrote, or of another with `uri` and a column of vectors."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    column = next((name for name in _VECTORS if name in names), None)
    if column is None or "uri" not in names:
        raise UsageError(f"{path} has no columns uri and embedding, it has {', '.join(names)}")
    for batch in file.iter_batches(batch_size=PAGE):
        vectors = rows_of(batch.column(column))
        for row, vector in zip(batch.drop_columns([column]).to_pylist(), vectors, strict=True):
            yield from_row(row, vector)


def is_own(path: Path) -> bool:
    """Whether a table is one that `write_parquet` wrote."""
    return path.suffix == ".parquet" and parquet_space(path) is not None


def plain_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file that was written without vectors."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(batch_size=PAGE):
        yield from batch.to_pylist()


def read_json_lines(path: Path) -> Iterator[Record]:
    """The records of a file of JSON lines; UsageError names the line that is none."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                if "space" in row and "uri" not in row:
                    continue
                yield from_row(row, np.array(row["embedding"], np.float32))
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{path}, line {number}: needs uri and embedding ({error!r})") from error


def rows_of(column: Any) -> NDArray[np.float32]:
    """A column of lists of numbers as a matrix (n, dim); ValueError where their lengths differ."""
    values = column.to_pylist() if column.null_count else None
    if values is not None:
        raise UsageError(f"{column.null_count} rows have no vector")
    flat = np.asarray(column.flatten(), np.float32)
    if len(flat) % max(len(column), 1):
        raise UsageError("the vectors differ in length")
    return flat.reshape(len(column), -1)


def _schema(space: EmbeddingSpace, vectors: bool) -> Any:
    import pyarrow as pa

    whole, word = pa.int64(), pa.string()
    caption = pa.struct([("text", word), ("language", word), ("source", word)])
    fields = [
        ("id", whole), ("modality", word), ("uri", word), ("content_hash", word), ("bytes", whole),
        ("mtime_ns", whole), ("width", whole), ("height", whole), ("format", word), ("text", word),
        ("captions", pa.list_(caption)), ("tags", pa.list_(word)), ("attributes", word),
    ]  # fmt: skip
    if vectors:
        fields.append(("embedding", pa.list_(pa.float32(), space.dim)))
    return pa.schema(fields, metadata={_SPACE: space_as_text(space)})


def _table(batch: Sequence[Record], schema: Any, vectors: bool) -> Any:
    import pyarrow as pa

    rows = [as_row(record) for record in batch]
    for row in rows:
        row["attributes"] = json.dumps(row["attributes"], ensure_ascii=False)
    columns = {name: [row[name] for row in rows] for name in schema.names if name != "embedding"}
    arrays = [pa.array(columns[name], schema.field(name).type) for name in columns]
    if vectors:
        numbers = np.concatenate([record.vector for record in batch]) if batch else np.empty(0, np.float32)
        kind = schema.field("embedding").type
        arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(numbers, pa.float32()), kind.list_size))
    return pa.Table.from_arrays(arrays, schema=schema)
