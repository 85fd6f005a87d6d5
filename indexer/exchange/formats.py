"""Formats of items with their vectors, as other tools or another library write them: which one it is, and its records.

| given | read as |
|---|---|
| .parquet with uri and embedding, .jsonl | what `vasari export` writes |
| a folder with img_emb/ and metadata/ | clip-retrieval's layout |
| a folder with index.faiss and metadata.parquet | a FAISS index with its id map |
| an index file and --metadata TABLE | a plain FAISS index; a row's `id`, else its position, says which vector is its |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.exchange import clip_retrieval, tables
from vasari.indexer.exchange.records import Record
from vasari.indexer.exchange.rows import Refused, checked, from_row
from vasari.indexer.sources.columns import Columns
from vasari.indexer.sources.rows import Row, resolve
from vasari.indexer.sources.table import TableSource
from vasari.retrieval.catalog.encoding import stored_uri
from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.errors import NotFoundError, UsageError, VasariError
from vasari.retrieval.storage.os_errors import cannot_read
from vasari.retrieval.storage.text_files import PACKED

_JSON_LINES = tuple(f"{suffix}{packed}" for suffix in (".jsonl", ".ndjson") for packed in ("", *PACKED))


def open_records(
    given: Path, metadata: Path | None, columns: Columns
) -> tuple[EmbeddingSpace | None, Iterator[Record | Refused]]:
    """The space that the files name, and their records; a file that breaks off raises UsageError when it does."""
    if not given.exists():
        raise NotFoundError(f"no such file or folder: {given}")
    if given.is_dir():
        if clip_retrieval.is_clip_retrieval(given):
            return clip_retrieval.folder_space(given), clip_retrieval.read_folder(given)
        if (given / "index.faiss").is_file() and (given / "metadata.parquet").is_file():
            table = given / "metadata.parquet"
            return tables.parquet_space(table), _indexed(given / "index.faiss", metadata or table, columns)
        raise UsageError(
            f"{given} is neither clip-retrieval's folder (img_emb, metadata) nor one of index.faiss"
        )
    if given.suffix.lower() == ".parquet":
        return tables.parquet_space(given), tables.read_parquet(given)
    if given.name.lower().endswith(_JSON_LINES):
        return tables.json_space(given), tables.read_json_lines(given)
    if metadata is None:
        raise UsageError(f"{given} is taken for a FAISS index: name the table of its pictures by --metadata")
    return None, _indexed(given, metadata, columns)


def albums_of(given: Path) -> list[tuple[str, str | None, str | None]]:
    """Name, query and filter of the albums that files name in full: those of parquet and JSON lines."""
    if given.suffix.lower() == ".parquet":
        return tables.parquet_albums(given)
    return tables.json_albums(given) if given.name.lower().endswith(_JSON_LINES) and given.is_file() else []


def _indexed(index: Path, table: Path, columns: Columns) -> Iterator[Record | Refused]:
    """The vectors of a FAISS index with the rows that describe them; by position they must be as many."""
    from vasari.retrieval.vectors.faiss_files import read_vectors

    ids, vectors = read_vectors(index)
    places = {int(name): place for place, name in enumerate(ids)}
    if tables.is_own(table):
        for number, noted in enumerate(tables.plain_rows(table), start=1):
            yield checked(number, partial(_noted, noted, places, vectors, number))
        return
    file = str(table.absolute())
    source = TableSource([file], columns)
    rows, named = 0, False
    for row in source.rows(file):
        rows, named = row.number, named or "id" in row.attributes
        if row.trouble is not None:
            yield Refused(row.number, row.trouble)
            continue
        find = partial(_vector_of, row.attributes.get("id", row.number - 1), places, vectors)
        yield checked(row.number, partial(_described, row, source.folders(file), find))
    if not named and rows != len(vectors):
        raise UsageError(
            f"{index} has {len(vectors):,} vectors and {table} has {rows:,} rows: one of them is not whole,"
            " or the table needs a column id that says which vector is whose"
        )


def _noted(
    row: Mapping[str, Any], places: Mapping[int, int], vectors: NDArray[np.float32], number: int
) -> Record:
    return from_row(row, _vector_of(row["id"], places, vectors), number)


def _vector_of(name: object, places: Mapping[int, int], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    place = places.get(name) if isinstance(name, int) else None
    if place is None:
        raise ValueError(f"the index has no vector {name}")
    found: NDArray[np.float32] = vectors[place]
    return found


def _described(row: Row, folders: Sequence[str], vector: Callable[[], NDArray[np.float32]]) -> Record:
    fields = {
        "uri": stored_uri(resolve(row.image, folders)),
        "captions": [said.text for said in row.captions],
        "attributes": {key: value for key, value in row.attributes.items() if key != "id"},
    }
    return from_row(fields, vector(), row.number)


@contextmanager
def readable(given: Path) -> Iterator[None]:
    """What a file is not, or where it is damaged, in one line."""
    try:
        yield
    except VasariError:
        raise
    except FileNotFoundError as error:
        raise NotFoundError(f"no such file: {error.filename or given}") from error
    except OSError as error:
        if error.errno:
            raise cannot_read(given, error) from error
        raise UsageError(f"{given} is not what its name says, or damaged: {_line(error)}") from error
    except MemoryError as error:
        raise UsageError(f"{given} asks for more memory than there is: is it damaged?") from error
    except Exception as error:  # each library for a format has its own kinds of errors
        raise UsageError(f"{given} is not what its name says, or damaged: {_line(error)}") from error


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")[:200] or type(error).__name__
