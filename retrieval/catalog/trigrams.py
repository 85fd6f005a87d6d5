"""Trigram index of the text read in pictures: which of them hold some letters, be they a part of a word.

SQLite has one of its own (FTS5's tokenizer `trigram`), kept by triggers. PostgreSQL's is an extension that not every
server has, so there the trigrams are the words of a tsvector, and letters in a row are a phrase.
"""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    cast,
    column,
    literal_column,
    select,
    table,
    text,
)

from vasari.retrieval.catalog.dialects import ByDialect
from vasari.retrieval.catalog.folding import trigrams_of
from vasari.retrieval.catalog.tables import items, readings

MOST_LETTERS = 16_000  # of one item: positions in a tsvector end at 16,383
_MOST_PLACES = 255  # of one trigram in one item, as a tsvector keeps them


def holding(letters: str) -> ColumnElement[bool]:
    """Whether the text of the picture has these folded letters in a row, spaces and ends of lines apart.

    There are at least `SHORTEST` of them.
    """
    return ByDialect(
        lambda: items.c.id.in_(_in_sqlite(letters)), lambda: items.c.id.in_(_in_postgres(letters))
    )


def index(connection: Connection, of_items: dict[int, str]) -> None:
    """Index the letters of readings that were just written; SQLite does that by itself."""
    if connection.dialect.name == "postgresql" and of_items:
        statement = text("UPDATE readings SET trigrams = CAST(:vector AS tsvector) WHERE item_id = :item")
        rows = [{"item": item, "vector": _vector(letters)} for item, letters in of_items.items()]
        connection.execute(statement, rows)


def _in_sqlite(letters: str) -> Select[int]:
    matches: ColumnElement[bool] = literal_column("readings_trigrams").bool_op("MATCH")(f'"{letters}"')
    rows = select(column("rowid", Integer())).select_from(table("readings_trigrams"))
    return rows.where(matches)


def _in_postgres(letters: str) -> Select[int]:
    from sqlalchemy.dialects.postgresql import TSQUERY  # costs a SQLite user 60 ms

    phrase = " <-> ".join(f"'{trigram}'" for trigram in trigrams_of(letters))
    vector: ColumnElement[str] = literal_column("readings.trigrams")
    return select(readings.c.item_id).where(vector.bool_op("@@")(cast(phrase, TSQUERY())))


def _vector(letters: str) -> str:
    """The text of a tsvector: each trigram with its places."""
    places: dict[str, list[str]] = {}
    for place, trigram in enumerate(trigrams_of(letters.replace("\n", "")), start=1):
        places.setdefault(trigram, []).append(str(place))
    return " ".join(f"'{trigram}':{','.join(found[:_MOST_PLACES])}" for trigram, found in places.items())
