"""Pieces of SQL that several modules of the catalog use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, update
from sqlalchemy.dialects import sqlite

from vasari.retrieval.catalog.tables import counters, library

T = TypeVar("T")
CHUNK = 1000  # entries of one IN list


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
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
