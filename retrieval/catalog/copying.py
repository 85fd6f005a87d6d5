"""Snapshots: a catalog as it was at one moment, for a backup, and a snapshot that is brought into a database.

A snapshot is a SQLite file whatever the catalog lies in, so that one form of backup serves both databases, and a
library can go from one to the other. From SQLite it is an online backup, page by page in one transaction; from
PostgreSQL the rows of one transaction (REPEATABLE READ). Neither keeps a writer waiting.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Integer, Table, delete, func, insert, select, text, update

from vasari.retrieval.catalog.database import Database
from vasari.retrieval.catalog.full_text import refresh_all
from vasari.retrieval.catalog.migrate import migrate
from vasari.retrieval.catalog.tables import items, lease, metadata, readings
from vasari.retrieval.catalog.trigrams import index as index_letters
from vasari.retrieval.errors import UsageError

_ROWS = 2000  # that are held at once


def write_snapshot(database: Database, path: Path) -> None:
    """Write the catalog as it is now into a new SQLite file; nobody holds the lease in it."""
    if database.dialect == "sqlite":
        with (
            closing(sqlite3.connect(f"{_file(database).as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
    else:
        copied = Database(path)
        try:
            migrate(copied)
            with database.read() as source:
                _fill(source, copied)
        finally:
            copied.close()
    with closing(sqlite3.connect(path)) as target, target:
        target.execute("UPDATE lease SET command = NULL")


def read_snapshot(path: Path, database: Database) -> None:
    """Bring a snapshot into a database without a library; UsageError where there is one."""
    migrate(database)
    with database.read() as connection:
        if connection.execute(select(items.c.id).limit(1)).first() is not None:
            raise UsageError(f"{database} holds a library: restore into an empty database")
    snapshot = Database(path)
    try:
        migrate(snapshot)
        with snapshot.read() as source:
            _fill(source, database)
    finally:
        snapshot.close()


def _fill(source: Connection, target: Database) -> None:
    with target.write_unchecked() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
        for table in metadata.sorted_tables:
            rows = source.execution_options(yield_per=_ROWS).execute(select(table))
            for part in rows.mappings().partitions(_ROWS):
                connection.execute(insert(table), [dict(row) for row in part])
            if connection.dialect.name == "postgresql":
                _continue_numbers(connection, table)
        connection.execute(update(lease).values(command=None))
        refresh_all(connection)
        written = connection.execute(select(readings.c.item_id, readings.c.letters))
        index_letters(connection, {row.item_id: row.letters for row in written})


def _continue_numbers(connection: Connection, table: Table[Any]) -> None:
    """Have a table's own numbers go on after the greatest that was copied."""
    (key, *more) = table.primary_key.columns
    if more or not isinstance(key.type.as_generic(), Integer):
        return
    sequence = connection.execute(select(func.pg_get_serial_sequence(table.name, key.name))).scalar()
    if sequence is not None:
        greatest = connection.execute(select(func.max(key))).scalar()
        connection.execute(
            text("SELECT setval(:sequence, :greatest, true)"),
            {"sequence": sequence, "greatest": greatest or 1},
        )


def _file(database: Database) -> Path:
    return Path(database.url.database or "").absolute()
