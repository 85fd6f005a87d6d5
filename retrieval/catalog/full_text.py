"""Full-text index of items: what is said of each, as it is written.

Both databases keep, beside each live item, its words as `analyzer` cuts them: those of captions, tags, texts and
telling attributes; apart from them those of captions by a model, which names absent things, too; and those of the names
of its file and folders. `word_index` reads them.

`refresh` belongs into every transaction that changes what is said of an item.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, column, delete, select, table, text

from vasari.retrieval.catalog.analyzer import words_of
from vasari.retrieval.catalog.database import Database, chunks
from vasari.retrieval.catalog.dialects import among
from vasari.retrieval.catalog.tables import LIVE, captions, items, readings, tags
from vasari.retrieval.catalog.word_index import Memory, Run, WordIndex
from vasari.retrieval.domain import CaptionSource, ItemId
from vasari.retrieval.images.places import gazetteer

# Attributes that are words about a picture: what cameras, lenses and programs are called is left to filters.
_SPOKEN = frozenset(("title", "headline", "description", "keywords", "keyword_paths", "person", "creator"))
_SPOKEN |= {"sublocation", "city", "state", "country"}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://")
_ROW = re.compile(r"#[^/#]+/\d+(?:/\d+)?$")  # column and row of a table: pictures.parquet#image/2
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_GAP = 1  # places between what is said, what is guessed and the name: no phrase reaches across


class FullText(WordIndex):
    """The words of a library's live items."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.dialect, self._read)
        self._database = database

    @contextmanager
    def _read(self) -> Iterator[Run]:
        with self._database.read() as connection:
            yield lambda query, wanted: connection.execute(text(query), wanted).all()

    def _known(self, run: Run) -> Memory:
        """Nothing is remembered of what may be taken back: a writing transaction sees its own changes."""
        return Memory(-1) if self._database.is_writing else super()._known(run)


def refresh(connection: Connection, ids: Iterable[ItemId]) -> None:
    """Bring the words of these items up to date; those of deleted ones are forgotten."""
    for chunk in chunks(dict.fromkeys(ids)):
        forget(connection, chunk)
        _insert(connection, list(_documents(connection, chunk)))


def refresh_all(connection: Connection) -> None:
    """Write the words of every live item anew."""
    connection.execute(text("DELETE FROM words"))
    live = connection.execute(select(items.c.id).where(LIVE).order_by(items.c.id)).scalars()
    for chunk in chunks(live.all()):
        _insert(connection, list(_documents(connection, chunk)))


def forget(connection: Connection, ids: Sequence[ItemId]) -> None:
    """Drop the words of these items."""
    key: ColumnElement[int] = column("rowid" if connection.dialect.name == "sqlite" else "item_id", Integer)
    connection.execute(delete(table("words")).where(among(key, ids)))


class Document(NamedTuple):
    """The words of an item: said of it, guessed by a model, and those of its names."""

    item: ItemId
    said: list[str]
    guessed: list[str]
    name: list[str]


def _documents(connection: Connection, ids: Sequence[ItemId]) -> Iterator[Document]:
    """The words of each live item."""
    said: dict[ItemId, list[str]] = {}
    guessed: dict[ItemId, list[str]] = {}
    written = select(captions.c.item_id, captions.c.text, captions.c.source).where(
        among(captions.c.item_id, ids)
    )
    for item, sentence, source in connection.execute(written):
        (guessed if source == CaptionSource.MODEL else said).setdefault(item, []).append(sentence)
    for item, tag in connection.execute(select(tags.c.item_id, tags.c.tag).where(among(tags.c.item_id, ids))):
        said.setdefault(item, []).append(tag)
    read = select(readings.c.item_id, readings.c.lines).where(among(readings.c.item_id, ids))
    for item, lines in connection.execute(read):
        said.setdefault(item, []).extend(line["text"] for line in lines)
    query = select(items.c.id, items.c.uri, items.c.text, items.c.attributes).where(
        among(items.c.id, ids), LIVE
    )
    for item, uri, content, attributes in connection.execute(query):
        sentences = [*said.get(item, []), *_spoken(attributes), *_elsewhere_called(attributes), content or ""]
        by_model = words_of("\n".join(guessed.get(item, [])))
        yield Document(item, words_of("\n".join(sentences)), by_model, words_of(_names(uri)))


def _names(uri: str) -> str:
    """The names of an item's file and of the folders and archives it lies in, without scheme and suffix.

    The number of a table's row is no name: whoever types 2 does not mean the second row.
    """
    return _SUFFIX.sub("", _ROW.sub("", _SCHEME.sub("", uri)))


def _spoken(attributes: Mapping[str, Any]) -> Iterator[str]:
    """The texts among the attributes in which people look for words."""
    for name in _SPOKEN & attributes.keys():
        value = attributes[name]
        yield from (said for said in (value if isinstance(value, list) else [value]) if isinstance(said, str))


def _elsewhere_called(attributes: Mapping[str, Any]) -> Iterator[str]:
    """The names of its city and country in other languages."""
    city, *told = (attributes.get(name) for name in ("city", "country", "country_code"))
    country, code = (name if isinstance(name, str) else None for name in told)
    if isinstance(city, str) and (country or code):
        code = gazetteer().code_of(country, code)
        yield from () if code is None else gazetteer().other_names(city, code)


def _insert(connection: Connection, documents: Sequence[Document]) -> None:
    if not documents:
        return
    if connection.dialect.name == "sqlite":
        # By the driver itself: SQLAlchemy looks at every parameter of a `text`.
        connection.exec_driver_sql(
            "INSERT INTO words (rowid, said, name, guessed) VALUES (?, ?, ?, ?)",
            [(one.item, *map(" ".join, (one.said, one.name, one.guessed))) for one in documents],
        )
    else:
        statement = text("INSERT INTO words (item_id, vector) VALUES (:item, CAST(:vector AS tsvector))")
        connection.execute(statement, [{"item": one.item, "vector": _vector(one)} for one in documents])


def _vector(document: Document) -> str:
    """The text of a tsvector: words in quotes, places, and A (said), B (guessed) or D (names)."""
    places: dict[str, list[str]] = {}
    first = 1
    for weight, words in (("A", document.said), ("B", document.guessed), ("D", document.name)):
        for place, word in enumerate(words, start=first):
            places.setdefault(word, []).append(f"{min(place, 16_383)}{weight}")
        first += len(words) + _GAP
    return " ".join(f"'{word}':{','.join(places[word][:255])}" for word in places)
