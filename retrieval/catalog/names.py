"""Names that items carry: the people, places and cameras that a typed word may mean.

The index of words tells which items speak of a name at all, however many there are; what these say of people and
places is then looked at. Known here is SQL alone, so that SQLAlchemy and a bare connection of SQLite ask the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from vasari.retrieval.catalog.analyzer import phrase_of
from vasari.retrieval.catalog.word_index import Run

_LOOKED_AT = 500  # items that hold a word; which persons and places they name is looked at
_FIELDS = ("person", "city", "state", "country", "country_code", "sublocation")


class NamedItem(NamedTuple):
    """Whom and where an item shows, as its attributes say."""

    people: tuple[str, ...]
    city: str | None
    state: str | None
    country: str | None
    country_code: str | None
    sublocation: str | None


class Names:
    """The names in a catalog. Each method is one transaction."""

    def __init__(self, dialect: str, reading: Callable[[], AbstractContextManager[Run]]) -> None:
        self._sql: type[_Sqlite | _Postgres] = _Sqlite if dialect == "sqlite" else _Postgres
        self._reading = reading

    def of_items_with(self, words: str) -> list[NamedItem]:
        """What items that hold these words, one behind the other, say of people and places; each combination once."""
        phrase = phrase_of(words)
        if phrase is None:
            return []
        with self._reading() as run:
            rows = run(self._sql.NAMED, {"words": self._sql.match(phrase.words), "most": _LOOKED_AT})
        return [NamedItem(tuple(_texts(people)), *map(_text, places)) for people, *places in rows]

    def cameras(self) -> list[str]:
        """The cameras of live items, as EXIF names them, in order."""
        with self._reading() as run:
            return [row[0] for row in run(_CAMERAS, {})]


# With its modality the query is answered by the narrow index of facts: 100,000 items take 14 ms.
_CAMERAS = (
    "SELECT DISTINCT camera FROM items WHERE modality = 'image' AND deleted_at IS NULL AND camera IS NOT NULL"
    " ORDER BY camera"
)


def _named(values: Sequence[str], matching: str) -> str:
    """The query for what the items that a query of the index finds say of people and places."""
    return (
        f"SELECT DISTINCT {', '.join(values)} FROM items WHERE id IN ({matching} LIMIT :most)"  # noqa: S608 (our names)
        f" AND deleted_at IS NULL AND coalesce({', '.join(values)}) IS NOT NULL"
    )


class _Sqlite:
    """FTS5 and JSON functions."""

    NAMED = _named(
        [f"attributes ->> '$.{name}'" for name in _FIELDS], "SELECT rowid FROM words WHERE words MATCH :words"
    )

    @staticmethod
    def match(words: Sequence[str]) -> str:
        """A phrase of what is said of an item; in quotes nothing is syntax, and no word has a quote in it."""
        return f'said : "{" ".join(words)}"'


class _Postgres:
    """tsvector and JSONB."""

    NAMED = _named(
        [f"attributes ->> '{name}'" for name in _FIELDS],
        "SELECT item_id FROM words WHERE vector @@ CAST(:words AS tsquery)",
    )

    @staticmethod
    def match(words: Sequence[str]) -> str:
        """A phrase among the words of the weight A: those said of an item."""
        return " <-> ".join(f"'{word}':A" for word in words)


def _texts(told: object) -> Iterator[str]:
    """A list as JSON, or one text."""
    if not isinstance(told, str):
        return
    try:
        read = json.loads(told) if told.startswith("[") else told
    except ValueError:
        read = told
    yield from (text for text in (read if isinstance(read, list) else [read]) if isinstance(text, str))


def _text(told: object) -> str | None:
    return told if isinstance(told, str) else None
