"""One database, SQLite or PostgreSQL, and the two ways into it: `read()` and `write()`.

`read()` has snapshot isolation, whatever is written meanwhile. `write()` is exclusive: a second writer waits for the
first, on SQLite by BEGIN IMMEDIATE, on PostgreSQL by a lock on the one row of `library`; it ends committed and
on disk, or it never happened. `together()` makes one writing transaction of all that one thread does in it.

Beside it stand the pieces of SQL that the repositories share.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Table,
    create_engine,
    event,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import ArgumentError

from vasari.retrieval.catalog.db_errors import translate
from vasari.retrieval.catalog.dialects import teach_composing
from vasari.retrieval.catalog.encoding import json_text
from vasari.retrieval.catalog.tables import counters, lease, library
from vasari.retrieval.errors import (
    LibraryLockedError,
    MissingExtraError,
    ReadOnlyError,
    StorageError,
    UsageError,
)

WRITERS_WAIT = 60.0  # seconds until a waiting SQLite writer gives up
PAGE = 5000  # rows of one step through a large table
_CHUNK = 1000  # entries of one IN list
REVISION = select(library.c.revision)  # made once, for every search asks it
_WRITE = "vasari_write"
_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Database:
    """A pool of connections with our rules for transactions; safe to share between threads."""

    def __init__(self, location: str | Path, *, read_only: bool = False) -> None:
        self.url = _url(location)
        self.dialect = self.url.get_backend_name()
        self.read_only = read_only
        self._engine = _engine(self.url, read_only)
        # Snapshot isolation, which every transaction of SQLite has by itself.
        isolation = {"isolation_level": "REPEATABLE READ"} if self.dialect == "postgresql" else {}
        self._reader = self._engine.execution_options(**isolation)
        self._writer = self._engine.execution_options(**{_WRITE: True})
        self.fence: int | None = None  # the lease's token, once this process holds the lease
        self._under_way = _UnderWay()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction in which every query sees the same moment."""
        if self._under_way.connection is not None:
            yield self._under_way.connection
            return
        with self._reader.begin() as connection:
            yield connection

    @contextmanager
    def running(self) -> Iterator[Callable[[str, Mapping[str, Any]], Sequence[Any]]]:
        """A reading transaction that runs queries in plain SQL, with parameters by name, and gives their rows."""
        with self.read() as connection:
            yield lambda query, parameters: connection.execute(text(query), dict(parameters)).fetchall()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """The only writing transaction at this moment.

        Raises LibraryLockedError if this process held the lease and another has taken it over, ReadOnlyError for a
        replica.
        """
        if self._under_way.connection is not None:
            yield self._under_way.connection
            return
        self._check_writable()
        with self._writer.begin() as connection:
            connection.execute(select(library.c.id).with_for_update())  # PostgreSQL; SQLite is locked already
            if self.fence is not None:
                self.check_fence(connection, self.fence)
            yield connection
            # A long transaction keeps the heartbeat out; it is a sign of life itself.
            if self.fence is not None:
                connection.execute(update(lease).values(heartbeat=time.time()))

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """A writing transaction that changes what a search can see: readers are told by the revision."""
        with self.write() as connection:
            yield connection
            bump_revision(connection)

    @property
    def is_writing(self) -> bool:
        """Whether this thread is inside `together`: what it reads may never have happened."""
        return self._under_way.connection is not None

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction of all that this thread reads and writes in the block: if that fails, nothing of it happened.

        Other writers wait meanwhile, readers see what was there before. An error must leave the block.
        """
        if self._under_way.connection is not None:
            yield
            return
        with self.write() as connection:
            self._under_way.connection = connection
            try:
                yield
            finally:
                self._under_way.connection = None

    @contextmanager
    def write_unchecked(self) -> Iterator[Connection]:
        """A writing transaction before there are tables, or one that may run beside `write` (heartbeats)."""
        self._check_writable()
        with self._writer.begin() as connection:
            yield connection

    def _check_writable(self) -> None:
        if self.read_only:
            raise ReadOnlyError

    @staticmethod
    def check_fence(connection: Connection, token: int) -> None:
        """Raise LibraryLockedError unless the lease with this token is still held."""
        row = connection.execute(select(lease.c.token, lease.c.command, lease.c.host, lease.c.pid)).one()
        if row.token != token:
            holder = f"{row.command} (process {row.pid} on {row.host})" if row.command else "another job"
            _LOG.warning("lease %d is lost to %s", token, holder)
            raise LibraryLockedError(
                f"this job was silent too long and {holder} has taken over writing the library; "
                "nothing committed is lost: run the command again when that job has ended",
                holder,
            )

    def pages(
        self, query: Select[*tuple[Any, ...]], key: ColumnElement[int]
    ) -> Iterator[Sequence[Row[*tuple[Any, ...]]]]:
        """The rows of a query by rising `key`, its first column: a transaction a page, so none stays open for long."""
        last = -1
        while True:
            with self.read() as connection:
                page = connection.execute(query.where(key > last).order_by(key).limit(PAGE)).all()
            if page:
                yield page
            if len(page) < PAGE:
                return
            last = page[-1][0]

    def raw_pages(
        self, query: Select[*tuple[Any, ...]], key: ColumnElement[int]
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """As `pages`, but as the database has them: numbers and texts, which no column type turns into something else.

        A third of the time, for what is asked of millions of rows.
        """
        last = -1
        while True:
            with self.read() as connection:
                result = connection.execute(query.where(key > last).order_by(key).limit(PAGE))
                page: Sequence[tuple[Any, ...]] = result.cursor.fetchall()
                result.close()
            if page:
                yield page
            if len(page) < PAGE:
                return
            last = page[-1][0]

    def damage(self) -> list[str]:
        """What SQLite finds wrong in its own file; none: all is well, or the catalog lies in PostgreSQL."""
        if self.dialect != "sqlite":
            return []
        with self.read() as connection:
            found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(3)")]
        return [] if found == ["ok"] else [" ".join(line.split()) for line in found]

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __str__(self) -> str:
        return _shown(self.url)


class Repository:
    """Records of one kind in a catalog: each method is one transaction, or part of the one that `together` makes."""

    def __init__(self, database: Database) -> None:
        self._database = database


def chunks(values: Iterable[T], size: int = _CHUNK) -> Iterator[list[T]]:
    """`values` in lists of at most `size`."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def upserting(connection: Connection, table: Table[Any]) -> sqlite.Insert:
    """An INSERT that knows ON CONFLICT; both dialects write the same words, so SQLite's type stands for both."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # 60 ms that a SQLite user does not spend

    return postgresql.insert(table)  # type: ignore[return-value]  # the same methods and arguments


def reserve(connection: Connection, counter: str, count: int) -> range:
    """The next `count` numbers of `counter` (from 1), never given out again."""
    statement = upserting(connection, counters).values(name=counter, next=1 + count)
    after = connection.execute(
        statement.on_conflict_do_update(
            index_elements=[counters.c.name], set_={"next": counters.c.next + count}
        ).returning(counters.c.next)
    ).scalar_one()
    return range(after - count, after)


def bump_revision(connection: Connection) -> None:
    """Tell readers that what a search can see has changed."""
    connection.execute(update(library).values(revision=library.c.revision + 1))


class _UnderWay(threading.local):
    """The transaction of `together` that a thread is in."""

    connection: Connection | None = None


def _shown(url: URL) -> str:
    """The file, or the URL without its password."""
    return (
        url.database or "" if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
    )


def _url(location: str | Path) -> URL:
    if isinstance(location, Path):
        return URL.create("sqlite", database=str(location.absolute()))
    try:
        url = make_url(location.replace("postgres://", "postgresql://", 1))
    except ArgumentError:
        raise UsageError(
            f"{location!r} is no database URL: use sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from None
    match url.get_backend_name():
        case "sqlite" if url.database in (None, "", ":memory:"):
            raise UsageError("a catalog needs a file: use sqlite:///FILE")
        case "sqlite":
            return url
        case "postgresql":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise UsageError(f"a catalog cannot live in {other}: use sqlite:///FILE or postgresql://…")


def _engine(url: URL, read_only: bool = False) -> Engine:
    shown = _shown(url)
    if read_only and url.get_backend_name() == "sqlite":
        url = _only_read(url)
    # Connections are kept for as many threads as a service searches with: opening one costs more than a query.
    options: dict[str, Any] = {"json_serializer": json_text, "pool_size": 32, "max_overflow": 64}
    try:
        if url.get_backend_name() == "sqlite":
            engine = create_engine(url, connect_args={"timeout": WRITERS_WAIT}, **options)
            event.listen(engine, "connect", _configure_reader if read_only else _configure_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        else:
            arguments = {"application_name": "vasari", "connect_timeout": 10}
            engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, **options)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "psycopg", "postgres") from None
    event.listen(engine, "handle_error", lambda context: translate(context.original_exception, shown))
    return engine


def _only_read(url: URL) -> URL:
    """The file opened for reading.

    One in a folder that cannot be written is taken to be a copy that never changes, unless a log beside it says that
    its owner is writing it.
    """
    file = Path(url.database or "").absolute()
    log = file.with_name(f"{file.name}-wal")
    written = os.access(file.parent, os.W_OK) or (log.exists() and log.stat().st_size > 0)
    copied = {} if written else {"immutable": "1"}
    return url.set(database=file.as_uri(), query={"mode": "ro", "uri": "true", **copied})


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns into a writing one fails at once when another wrote in between;
    # IMMEDIATE waits for its turn instead.
    writes = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _configure_reader(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    teach_composing(connection)


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transactions: `_begin_sqlite` does
    teach_composing(connection)
    cursor = connection.cursor()
    _use_write_ahead_log(cursor)
    # FULL: a commit is on disk when it returns; the commit protocol of segments rests on it.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -16000")  # 16 MB
    cursor.execute("PRAGMA journal_size_limit = 67108864")
    cursor.close()


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    """Readers then never wait for a writer. Of two processes that create a catalog at once, one must retry."""
    deadline = time.monotonic() + WRITERS_WAIT
    while True:
        try:
            mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            _LOG.debug("the catalog is locked, trying again: %s", error)
            time.sleep(0.02)
            continue
        if mode != "wal":
            raise StorageError(
                "this file system cannot keep SQLite's write-ahead log (a network folder?): "
                "put the library on a local disk, or set VASARI_DATABASE_URL to a PostgreSQL database"
            )
        return
