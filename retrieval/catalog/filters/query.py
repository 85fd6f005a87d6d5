"""Filter queries: from a filter's text to the ids of the items that it accepts, cached by catalog revision.

A name in a filter is a field of every item, or an attribute that items have. An attribute is whatever a table's column,
EXIF or a person called it, so no list can hold them all. A name that is no field, that no item has and that nobody
marked as one (`attr.NAME`) is a slip of the pen, and is refused with the names near it: answered, it would leave out
every picture, or none, without a word.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import chain
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, exists, func, or_, select

from vasari.retrieval.catalog.database import Database, Repository
from vasari.retrieval.catalog.dialects import spellings
from vasari.retrieval.catalog.facets import attribute_counts
from vasari.retrieval.catalog.filters.geo import teach_distance
from vasari.retrieval.catalog.filters.json_attributes import attribute_exists
from vasari.retrieval.catalog.filters.parser import (
    ALIASES,
    FIELDS,
    And,
    Exists,
    Field,
    FieldKind,
    Filter,
    Near,
    Not,
    Or,
    parse_filter,
)
from vasari.retrieval.catalog.filters.saved import with_searches
from vasari.retrieval.catalog.filters.sql import Condition, condition
from vasari.retrieval.catalog.tables import LIVE, items, library
from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.errors import QueryError, Sentence
from vasari.retrieval.storage.file_names import composed

Ids = NDArray[np.int64]
_Asked = tuple[str | None, Modality, str | None]
_MOST = 8_000_000  # ids of all remembered answers together: 64 MB
_MOST_ANSWERS = 256
_MOST_IN_A_TEXT = 50_000_000  # SQLite's texts end at a billion bytes
# What EXIF and people say of pictures: asked for where no picture has it yet, nothing is found, and that is right.
_CAMERA = ["exposure_seconds", "f_number", "focal_length_35mm", "focal_length_mm", "iso", "make", "software"]
_PERSON = ["artist", "copyright", "creator", "description", "headline", "keyword_paths", "keywords", "label"]
_PERSON += ["person", "rating", "title", "favourite"]
_PLACE = ["altitude_m", "city", "country", "country_code", "state", "sublocation"]
USUAL_ATTRIBUTES = frozenset([*_CAMERA, *_PERSON, *_PLACE, "utc_offset"])
# Of difflib's ratio: two letters swapped in a name of five pass, another name of as many does not.
_NEAR = 0.7


class FilterCache(Repository):
    """LRU cache of filters' answers, each for the revision of the catalog it was read at; threads may share it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._answers: LRUCache[_Asked, tuple[int, Ids]] = LRUCache(
            _MOST, lambda held: max(len(held[1]), _MOST // _MOST_ANSWERS)
        )
        self._lock = threading.Lock()

    def matching(self, text: str | None, modality: Modality, within: str | None = None) -> Ids:
        """Ids (n,) of the live items that a filter accepts, ascending; not to be written to.

        `within` is a filter laid over it, which whoever wrote `text` is not to look behind: to them there is nothing
        but what it accepts, no attribute either. Raises QueryError with the column of a mistake in `text`.
        """
        asked = (text, modality, within)
        with self._lock:
            held = self._answers.get(asked)
        with self._database.read() as connection:
            revision = connection.execute(select(library.c.revision)).scalar_one()
            if held is not None and held[0] == revision:
                return held[1]
            found = _matching(connection, *asked)
        found.flags.writeable = False
        if len(found) <= _MOST:
            with self._lock:
                self._answers[asked] = (revision, found)
        return found

    def attribute_counts(self, within: str) -> dict[str, int]:
        """As `facets.attribute_counts`, of the items that a filter accepts."""
        with self._database.read() as connection:
            return attribute_counts(connection, seen(connection, within))


def _matching(connection: Connection, text: str | None, modality: Modality, within: str | None) -> Ids:
    dialect = connection.dialect.name
    wanted = [items.c.modality == modality.value, LIVE, *seen(connection, within)]
    if text is not None:
        found = parse_filter(text)
        if dialect == "sqlite" and _has_place(found):
            teach_distance(connection)
        check_fields(connection, _attributes_in(found), text, wanted[2:])
        wanted.append(condition(with_searches(connection, found, text, quiet=within is not None)))
    query = select(items.c.id).where(*wanted)
    ids = _written_as_one(connection, query) if dialect == "sqlite" else _row_by_row(connection, query)
    ids.sort()
    return ids


def seen(connection: Connection, within: str | None) -> list[Condition]:
    """What is true of the rows behind which nobody is to look: nothing where there is no such filter.

    A name in it that no item has any more accepts nothing, as it did when somebody had it; so does a saved search that
    is no filter any more.
    """
    if within is None:
        return []
    found = parse_filter(within)
    if connection.dialect.name == "sqlite" and _has_place(found):
        teach_distance(connection)
    return [condition(with_searches(connection, found, within, quiet=True))]


def _written_as_one(connection: Connection, query: Select[Any]) -> NDArray[np.int64]:
    """The ids as one text of numbers: 50,000 of 100,000 take 28 ms that way, and 50 ms as rows."""
    if (connection.execute(select(func.max(items.c.id))).scalar() or 0) > _MOST_IN_A_TEXT:
        return _row_by_row(connection, query)
    text = connection.execute(query.with_only_columns(func.group_concat(items.c.id))).scalar()
    return np.fromstring(text, np.int64, sep=",") if text else np.empty(0, np.int64)


def _row_by_row(connection: Connection, query: Select[Any]) -> NDArray[np.int64]:
    result = connection.execute(query)
    # The driver's own tuples: SQLAlchemy's rows would double the time of a broad filter.
    rows: Sequence[Sequence[ItemId]] = result.cursor.fetchall()
    ids = np.fromiter(chain.from_iterable(rows), np.int64, len(rows))
    result.close()
    return ids


def _has_place(found: Filter) -> bool:
    match found:
        case And(parts) | Or(parts):
            return any(map(_has_place, parts))
        case Not(part):
            return _has_place(part)
        case _:
            return isinstance(found, Near)


def check_fields(
    connection: Connection, attributes: Iterable[Field], text: str, conditions: Sequence[Condition]
) -> None:
    """Raise QueryError, with the column and what could be meant, for an attribute that no item has.

    Items are those of which the conditions hold.
    """
    for field in dict.fromkeys(attributes):
        if field.path[0] in USUAL_ATTRIBUTES or _is_there(connection, field, conditions):
            continue
        counts = attribute_counts(connection, conditions)
        if all(path[1:] or path[0] not in counts for path in spellings(field.path)):  # else null everywhere
            raise QueryError(_unknown(field.name, counts), text, field.column)


def _attributes_in(found: Filter) -> Iterator[Field]:
    """The attributes that are named without `attr.`."""
    match found:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _attributes_in(part)
        case Not(part):
            yield from _attributes_in(part)
        case Near():
            return
        case Exists(field) if field.kind is FieldKind.ANY and not field.marked:
            yield field
        case Exists():
            return
        case _ if found.field.kind is FieldKind.ANY and not found.field.marked:
            yield found.field


def _is_there(connection: Connection, field: Field, seen: Sequence[Condition]) -> bool:
    has = or_(*(attribute_exists(path) for path in spellings(field.path)))
    query = select(exists(select(items.c.id).where(LIVE, has, *seen)))
    return bool(connection.execute(query).scalar())


def _unknown(name: str, attributes: dict[str, int]) -> str:
    known = {composed(known.lower()): known for known in (*USUAL_ATTRIBUTES, *attributes, *ALIASES, *FIELDS)}
    close = [known[near] for near in get_close_matches(composed(name.lower()), known, n=2, cutoff=_NEAR)]
    if near := dict.fromkeys(ALIASES.get(name, name) for name in close):
        return Sentence("there is no field {name!r}: did you mean {near}?", name=name, near=tuple(near))
    return Sentence(
        "there is no field {name!r}, and no item has such an attribute: `vasari fields` lists what there is"
        " (attr.{name} is an attribute that may be nowhere)",
        name=name,
    )
