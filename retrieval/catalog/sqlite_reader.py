"""What one search needs of a catalog in SQLite, and a job to find that nothing changed, read without SQLAlchemy.

Importing SQLAlchemy takes longer than all the rest of a one-shot search together (0.45 s of processor time; this
module 0.01 s), and such a search asks six fixed questions, such a job five. Everything else goes through `Catalog`,
whose answers these are to equal: a test holds the two side by side.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

import numpy as np

from vasari.retrieval.catalog.db_errors import translate
from vasari.retrieval.catalog.encoding import ESCAPE, original_uri
from vasari.retrieval.catalog.names import Names
from vasari.retrieval.catalog.records import (
    ITEM_COLUMNS,
    Failure,
    GalleryState,
    GenerationRecord,
    KnownFile,
    RowOfItem,
    SegmentRecord,
    fair_of,
    item_of,
)
from vasari.retrieval.catalog.word_index import Run, WordIndex
from vasari.retrieval.domain import (
    LARGEST_ITEM,
    Caption,
    CaptionSource,
    EmbeddingSpace,
    Item,
    ItemId,
    Modality,
)
from vasari.retrieval.errors import NotFoundError
from vasari.retrieval.storage.file_names import composed
from vasari.retrieval.storage.uris import beginnings

sqlite3.register_adapter(np.int64, int)  # ids out of an array: as bytes, they would be no item's

_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"
_WAIT = 60.0  # seconds for a lock; in write-ahead mode only recovery after a crash holds one against readers
_CHUNK = 1000  # entries of one IN list

_NAMED_SPACE = (
    "SELECT name, model, weights_fingerprint, preprocessing_fingerprint, dim FROM spaces WHERE name = ?"
)
_SPACE_KEY = "SELECT id, fair_ranking FROM spaces WHERE name = ?"
_DEFAULT_SPACE = _NAMED_SPACE.replace("?", "(SELECT default_space FROM library)")
_MAY_LACK_VECTORS = (
    "SELECT (SELECT count(*) FROM spaces) > 1 OR EXISTS (SELECT 1 FROM counters WHERE name = 'lost vectors')"
)
_COUNT = "SELECT count(*) FROM items WHERE modality = ? AND deleted_at IS NULL"
_SEGMENTS = "SELECT number, rows, checksum FROM segments WHERE space_id = ? AND modality = ? ORDER BY number"
_DEAD = (
    "SELECT segment, row, item_id FROM dead_rows WHERE space_id = ? AND modality = ? ORDER BY segment, row"
)
_GENERATION = (
    "SELECT number, high_water, kind, rows FROM generations WHERE space_id = ? AND modality = ? AND active = 1"
    " ORDER BY number"
)
_NEWEST = "SELECT coalesce(max(id), 0) FROM items"
_KNOWN = (
    "SELECT id, uri, bytes, mtime_ns, content_hash, ctime_ns, teller, coalesce(stamp, 0), missing_since IS NOT NULL"
    " FROM items LEFT JOIN descriptions ON item_id = id WHERE modality = ? AND deleted_at IS NULL"
)
_FACTS = "SELECT uri, bytes, mtime_ns, ctime_ns FROM items WHERE modality = ? AND deleted_at IS NULL"
_ARE_DESCRIBED = "SELECT EXISTS (SELECT 1 FROM descriptions)"
# In three quarters of the time, where no item is described.
_KNOWN_PLAINLY = _KNOWN.replace("teller, coalesce(stamp, 0)", "NULL, 0").replace(
    " LEFT JOIN descriptions ON item_id = id", ""
)
_BARE = (
    "SELECT id FROM items LEFT JOIN embeddings ON item_id = id AND space_id = (SELECT id FROM spaces WHERE name = ?)"
    " WHERE modality = ? AND deleted_at IS NULL AND item_id IS NULL ORDER BY id"
)
_FAILURES = (
    "SELECT uri, stage, reason, attempts, at, bytes, mtime_ns, ctime_ns FROM failures ORDER BY at DESC, uri"
)
_UNREAD_FACTS = "SELECT item_id FROM unread_facts"
_TOKEN = "SELECT token, command IS NULL FROM lease"  # noqa: S105
_ITEM = f"SELECT {', '.join(ITEM_COLUMNS)} FROM items WHERE deleted_at IS NULL AND id"  # noqa: S608  # our own names


class SqliteReader:
    """A reader of a catalog's file: of the nouns of `Catalog`, what a plain search asks, with the same answers.

    Each method is one transaction; threads that share it take turns.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._file = _File(connection, path)
        self.items = ItemReader(self._file)
        self.spaces = SpaceReader(self._file)
        self.segments = SegmentReader(self._file)
        self.failures = FailureReader(self._file)
        self.unread_facts = UnreadFactReader(self._file)
        self.full_text = WordIndex("sqlite", self._file.running)
        self.names = Names("sqlite", self._file.running)

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Open the catalog in the file `path`; None for one that `Catalog` must create, upgrade or refuse."""
        try:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=_WAIT,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error:
            return None
        connection.row_factory = sqlite3.Row
        try:
            (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or (None,)
        except sqlite3.Error:
            version = None
        if version != _newest_version():
            connection.close()
            return None
        return cls(connection, path)

    def close(self) -> None:
        """Close the file."""
        self._file.connection.close()

    def revision(self) -> int:
        """As `Catalog.revision`."""
        with self._file.read() as connection:
            return _revision(connection)

    def free_lease(self) -> int | None:
        """The token of the last write lease, if it was given back; it grows by one with each that is taken."""
        with self._file.read() as connection:
            token, is_free = connection.execute(_TOKEN).fetchone()
            return int(token) if is_free else None


class _File:
    """An open catalog."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection, self._path = connection, path
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A transaction in which every query sees the same moment."""
        try:
            with self._turn:
                self.connection.execute("BEGIN")
                try:
                    yield self.connection
                finally:
                    self.connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            translate(error, str(self._path))
            raise

    @contextlib.contextmanager
    def running(self) -> Iterator[Run]:
        """A transaction in which queries with named parameters are run."""
        with self.read() as connection:
            yield lambda query, wanted: connection.execute(query, wanted).fetchall()


class _Reader:
    """Part of a reader."""

    def __init__(self, file: _File) -> None:
        self._file = file


class ItemReader(_Reader):
    """As `Items`."""

    def count(self, modality: Modality) -> int:
        """As `Items.count`."""
        with self._file.read() as connection:
            found: int = connection.execute(_COUNT, (modality.value,)).fetchone()[0]
            return found

    def get(self, ids: Iterable[ItemId]) -> dict[ItemId, Item]:
        """As `Items.get`."""
        wanted = [item for item in dict.fromkeys(ids) if 0 < item <= LARGEST_ITEM]
        found: dict[ItemId, Item] = {}
        with self._file.read() as connection:
            for start in range(0, len(wanted), _CHUNK):
                chunk = wanted[start : start + _CHUNK]
                rows = {row[0]: _columns(row) for row in _among(connection, _ITEM, chunk)}
                captions, tags = _captions(connection, list(rows)), _tags(connection, list(rows))
                found |= {
                    item: item_of(rows[item], captions[item], tags[item]) for item in chunk if item in rows
                }
        return found

    def newest(self) -> ItemId:
        """As `Items.newest`."""
        with self._file.read() as connection:
            found: int = connection.execute(_NEWEST).fetchone()[0]
            return found

    def known_files(self, modality: Modality, under: Sequence[str] | None = None) -> Iterator[KnownFile]:
        """As `Items.known_files`, in one transaction."""
        with self._file.read() as connection:
            cursor = connection.cursor()
            cursor.row_factory = None
            (described,) = cursor.execute(_ARE_DESCRIBED).fetchone()
            rows = cursor.execute(_KNOWN if described else _KNOWN_PLAINLY, (modality.value,)).fetchall()
        if ESCAPE in "".join([row[1] for row in rows]):
            rows = [(row[0], original_uri(row[1]), *row[2:]) for row in rows]
        return map(_AS_KNOWN, rows if under is None else _lying_in(under, rows, itemgetter(1)))

    def facts(
        self, modality: Modality, under: Sequence[str] | None
    ) -> frozenset[tuple[str, int, int, int]] | None:
        """Of `known_files` uri, bytes, `mtime_ns` and `ctime_ns`, in half the time; None where some are described."""
        with self._file.read() as connection:
            cursor = connection.cursor()
            cursor.row_factory = None
            if cursor.execute(_ARE_DESCRIBED).fetchone()[0]:
                return None
            rows = cursor.execute(_FACTS, (modality.value,)).fetchall()
        if ESCAPE in "".join([row[0] for row in rows]):
            rows = [(original_uri(row[0]), *row[1:]) for row in rows]
        return frozenset(rows if under is None else _lying_in(under, rows, itemgetter(0)))


_AS_KNOWN: Callable[[tuple[Any, ...]], KnownFile] = partial(tuple.__new__, KnownFile)


def _lying_in(
    places: Sequence[str], rows: Iterable[tuple[Any, ...]], uri_of: Callable[[tuple[Any, ...]], str]
) -> list[tuple[Any, ...]]:
    """Those whose uri is one of the places or lies in one; canonically equivalent names are the same name."""
    exact = frozenset(place.rstrip("/") for place in places)
    within = tuple(begun for place in exact for begun in beginnings(place))
    same = frozenset(composed(place) for place in exact if not place.isascii())
    within_same = tuple(begun for place in same for begun in beginnings(place))

    def lies(uri: str) -> bool:
        if uri in exact:
            return True
        return (
            bool(same)
            and not uri.isascii()
            and ((uri := composed(uri)) in same or uri.startswith(within_same))
        )

    return [row for row in rows if (uri := uri_of(row)).startswith(within) or lies(uri)]


class SpaceReader(_Reader):
    """As `Spaces`."""

    def get(self, name: str) -> EmbeddingSpace:
        """As `Spaces.get`."""
        with self._file.read() as connection:
            found = connection.execute(_NAMED_SPACE, (name,)).fetchone()
        if found is None:
            raise _no_space(name)
        return EmbeddingSpace(*found)

    def default(self) -> EmbeddingSpace | None:
        """As `Spaces.default`."""
        with self._file.read() as connection:
            found = connection.execute(_DEFAULT_SPACE).fetchone()
        return None if found is None else EmbeddingSpace(*found)

    def may_lack_vectors(self) -> bool:
        """As `Spaces.may_lack_vectors`."""
        with self._file.read() as connection:
            return bool(connection.execute(_MAY_LACK_VECTORS).fetchone()[0])


class SegmentReader(_Reader):
    """As `Segments`."""

    def gallery_state(self, space: str, modality: Modality) -> GalleryState:
        """As `Segments.gallery_state`."""
        with self._file.read() as connection:
            found = connection.execute(_SPACE_KEY, (space,)).fetchone()
            if found is None:
                raise _no_space(space)
            key, fair = found
            where = (key, modality.value)
            generation = connection.execute(_GENERATION, where).fetchone()
            return GalleryState(
                _revision(connection),
                tuple(SegmentRecord(space, modality, *row) for row in connection.execute(_SEGMENTS, where)),
                tuple(map(RowOfItem._make, connection.execute(_DEAD, where))),
                None if generation is None else GenerationRecord(space, modality, *generation),
                fair_of(fair) if modality is Modality.IMAGE else None,
            )

    def missing_embeddings(self, space: str, modality: Modality) -> Iterator[ItemId]:
        """As `Segments.missing_embeddings`."""
        with self._file.read() as connection:
            return iter([row[0] for row in connection.execute(_BARE, (space, modality.value))])


class FailureReader(_Reader):
    """As `Failures`."""

    def latest(self) -> list[Failure]:
        """As `Failures.latest`."""
        with self._file.read() as connection:
            return [
                Failure(original_uri(uri), stage, reason, attempts, _moment(at), *seen)
                for uri, stage, reason, attempts, at, *seen in connection.execute(_FAILURES)
            ]


class UnreadFactReader(_Reader):
    """As `UnreadFacts`."""

    def ids(self) -> frozenset[ItemId]:
        """As `UnreadFacts.ids`."""
        with self._file.read() as connection:
            return frozenset(row[0] for row in connection.execute(_UNREAD_FACTS))


def _newest_version() -> str:
    """What the name of the newest migration begins with."""
    return max(path.name.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*.py"))


def _revision(connection: sqlite3.Connection) -> int:
    revision: int = connection.execute("SELECT revision FROM library").fetchone()[0]
    return revision


def _among(connection: sqlite3.Connection, query: str, ids: Sequence[int], order: str = "") -> list[Any]:
    marks = ",".join("?" * len(ids))
    return connection.execute(f"{query} IN ({marks}) {order}", ids).fetchall()


def _captions(connection: sqlite3.Connection, ids: Sequence[ItemId]) -> dict[ItemId, list[Caption]]:
    said: dict[ItemId, list[Caption]] = defaultdict(list)
    query = "SELECT item_id, text, language, source FROM captions WHERE item_id"
    for item, text, language, source in _among(connection, query, ids, "ORDER BY id"):
        said[item].append(Caption(text, language, CaptionSource(source)))
    return said


def _tags(connection: sqlite3.Connection, ids: Sequence[ItemId]) -> dict[ItemId, list[str]]:
    tagged: dict[ItemId, list[str]] = defaultdict(list)
    for item, tag in _among(connection, "SELECT item_id, tag FROM tags WHERE item_id", ids):
        tagged[item].append(tag)
    return tagged


def _columns(row: sqlite3.Row) -> dict[str, Any]:
    """The row with Python's values, as the types of `tables` make them."""
    return dict(row) | {
        "uri": original_uri(row["uri"]),
        "attributes": json.loads(row["attributes"]),
        "added_at": _moment(row["added_at"]),
        "updated_at": _moment(row["updated_at"]),
    }


def _moment(stored: str) -> datetime:
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


def _no_space(name: str) -> NotFoundError:
    return NotFoundError(f"this library has no space {name!r}: `vasari status` lists its spaces")
