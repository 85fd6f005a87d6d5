"""Spool file of an import (staging): what was read waits on disk until all of it is known to be good.

It is a SQLite file in the library's folder whose name is taken away at once, so that nothing is left of it when its
process ends, however that ends. Memory does not grow with what is in it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Any, Self

import numpy as np

from vasari.indexer.exchange.records import Record, judgments_as_rows, lines_as_rows
from vasari.indexer.exchange.rows import judgments_of, text_lines_of
from vasari.retrieval.catalog.db_errors import translate
from vasari.retrieval.catalog.encoding import json_text, uri_key
from vasari.retrieval.domain import Caption, CaptionSource, Modality, Skipped
from vasari.retrieval.errors import StorageError
from vasari.retrieval.storage.atomic import TEMPORARY

_SPELLED = {"vector", "captions", "judgments", "text_lines"}
_PLAIN = [field.name for field in fields(Record) if field.name not in _SPELLED]
_AS_JSON = ("attributes", "user_attributes")


class Spool:
    """Pages of records and failures, in the order in which they came; a context manager that closes it."""

    def __init__(self, folder: Path) -> None:
        """`folder` is where there must be room for it; StorageError where nothing can be written."""
        self._folder = folder
        self.records = 0
        try:
            with NamedTemporaryFile(dir=folder, prefix="import-", suffix=TEMPORARY) as file:
                self._database = sqlite3.connect(file.name, isolation_level=None)
                with self._explained():
                    self._database.executescript(
                        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
                        " CREATE TABLE pages (number INTEGER PRIMARY KEY, records TEXT, vectors BLOB, failures TEXT);"
                        " CREATE TABLE seen (name BLOB PRIMARY KEY, row INTEGER) WITHOUT ROWID; BEGIN"
                    )
        except OSError as error:
            raise StorageError(f"cannot write to {folder} ({error.strerror})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def first(self, modality: Modality, uri: str, row: int) -> int:
        """The row that named this uri first: `row`, if none did before."""
        name = modality.encode() + uri_key(uri)
        with self._explained():
            new = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (name, row)).rowcount
            if new:
                return row
            found: int = self._database.execute("SELECT row FROM seen WHERE name = ?", (name,)).fetchone()[0]
            return found

    def add(self, records: Sequence[Record], failures: Sequence[Skipped]) -> None:
        """Keep a page; all its vectors are of one length."""
        vectors = np.stack([record.vector for record in records]) if records else np.empty((0, 0), np.float32)
        page = (
            json.dumps([_written(record) for record in records]),
            vectors.tobytes(),
            json.dumps([(one.uri, one.stage, one.reason) for one in failures]),
        )
        with self._explained():
            self._database.execute("INSERT INTO pages (records, vectors, failures) VALUES (?, ?, ?)", page)
        self.records += len(records)

    def pages(self) -> Iterator[tuple[list[Record], list[Skipped]]]:
        """The pages."""
        with self._explained():
            for records, vectors, failures in self._database.execute(
                "SELECT records, vectors, failures FROM pages ORDER BY number"
            ):
                rows = json.loads(records)
                matrix = np.frombuffer(vectors, np.float32).reshape(len(rows), -1) if rows else ()
                yield (
                    [_read(row, vector) for row, vector in zip(rows, matrix, strict=True)],
                    [Skipped(*one) for one in json.loads(failures)],
                )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            translate(error, str(self._folder))
            raise


def _written(record: Record) -> dict[str, Any]:
    """A record as JSON, without its vector; what no JSON holds in its attributes becomes what a catalog makes of it."""
    plain = {name: getattr(record, name) for name in _PLAIN}
    said = [(one.text, one.language, one.source) for one in record.captions]
    read = None if record.text_lines is None else lines_as_rows(record.text_lines)
    return {
        **plain,
        "captions": said,
        "judgments": judgments_as_rows(record.judgments),
        "text_lines": read,
        **{name: json_text(plain[name]) for name in _AS_JSON},
    }


def _read(row: dict[str, Any], vector: np.ndarray[Any, np.dtype[np.float32]]) -> Record:
    captions = tuple(
        Caption(text, language, CaptionSource(source)) for text, language, source in row["captions"]
    )
    read = {name: json.loads(row[name]) for name in _AS_JSON}
    modality = Modality(row["modality"])
    known = {
        "modality": modality,
        "tags": tuple(row["tags"]),
        "albums": tuple(row["albums"]),
        "captions": captions,
        "judgments": judgments_of(row["judgments"], modality),
        "text_lines": text_lines_of(row["text_lines"]),
    }
    return Record(**{**row, **read, **known, "vector": vector})
