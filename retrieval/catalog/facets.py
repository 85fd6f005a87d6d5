"""Facets (counts for narrowing down): folders, tags, cameras and years, with how many items each has.

All live items are read once for each state of the catalog, into a few bytes an item; counting under any filter is
then a matter of milliseconds.
"""

from __future__ import annotations

import posixpath
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Text, column, func, literal_column, or_, select, type_coerce

from vasari.retrieval.catalog.database import Repository
from vasari.retrieval.catalog.tables import KEYED, LIVE, captions, items, tags
from vasari.retrieval.domain import Modality
from vasari.retrieval.storage.file_names import composed

_MOST_NAMES = 1000
MOST = 200  # values of one facet, the most frequent


@dataclass(frozen=True, slots=True)
class Column:
    """One facet: entry i says that item `rows[i]` has value `values[codes[i]]`."""

    values: tuple[str, ...]
    rows: NDArray[np.int64]  # positions in `Facets.ids`
    codes: NDArray[np.int32]

    def counts(self, kept: NDArray[np.bool_]) -> list[tuple[str, int]]:
        """Values with how many of the `kept` items (n,) have them, the most frequent first."""
        numbers = np.bincount(self.codes[kept[self.rows]], minlength=len(self.values)).tolist()
        counted = [(value, number) for value, number in zip(self.values, numbers, strict=True) if number]
        return sorted(counted, key=lambda pair: (-pair[1], pair[0]))[:MOST]


@dataclass(frozen=True, slots=True)
class Facets:
    """The facets of all live items of a modality."""

    ids: NDArray[np.int64]  # (n,), ascending
    columns: Mapping[str, Column]  # folders, tags, cameras, years, people, cities, countries
    captioned: NDArray[np.bool_]  # (n,)

    def kept(self, allowed: NDArray[np.int64] | None) -> NDArray[np.bool_]:
        """Which items are among the sorted ids `allowed` (None: all)."""
        if allowed is None:
            return np.ones(len(self.ids), dtype=np.bool_)
        return np.isin(self.ids, allowed, assume_unique=True)


class FacetReader(Repository):
    """Reads what a collection can be narrowed down by."""

    def read(self, modality: Modality) -> Facets:
        """Folders, tags, cameras, years, people and places of all live items, ready to be counted under any filter."""
        camera = items.c.attributes["camera"].as_string()
        year = func.substr(items.c.attributes["taken"].as_string(), 1, 4)
        query = select(items.c.id, items.c.uri, camera.label("camera"), year.label("year"))
        query = query.where(items.c.modality == modality.value, LIVE).order_by(items.c.id)
        ids: list[int] = []
        folders, cameras, years, tagged = _Building(), _Building(), _Building(), _Building()
        with self._database.read() as connection:
            for row, entry in enumerate(connection.execute(query)):
                ids.append(entry.id)
                folders.add(row, posixpath.dirname(entry.uri) if entry.uri.startswith("/") else None)
                cameras.add(row, entry.camera)
                years.add(row, entry.year)
            known = np.array(ids, dtype=np.int64)
            own = {(entry.item_id, entry.tag) for entry in connection.execute(select(tags))}
            for item, word in sorted(own):
                tagged.add(_row(known, item), word)
            brought = select(items.c.id, items.c.attributes["keywords"]).where(KEYED, LIVE)
            for item, words in connection.execute(brought):
                for word in words if isinstance(words, list) else ():
                    if isinstance(word, str) and (item, word) not in own:
                        tagged.add(_row(known, item), word)
            named = _names(connection, known)
            captioned = np.zeros(len(known), dtype=np.bool_)
            for entry in connection.execute(select(captions.c.item_id).distinct()):
                row_of_it = _row(known, entry.item_id)
                if row_of_it is not None:
                    captioned[row_of_it] = True
        columns = {"folders": folders, "tags": tagged, "cameras": cameras, "years": years, **named}
        return Facets(known, {name: column.built() for name, column in columns.items()}, captioned)

    def attribute_counts(self) -> dict[str, int]:
        """Names of the attributes of live items, with how many have each; the most frequent first."""
        with self._database.read() as connection:
            return attribute_counts(connection)


def _names(connection: Connection, known: NDArray[np.int64]) -> dict[str, _Building]:
    """The people and places that items name."""
    people, cities, countries = _Building(), _Building(), _Building()
    person, city, country = (items.c.attributes[name] for name in ("person", "city", "country"))
    there = or_(*(value.as_string().is_not(None) for value in (person, city, country)))
    query = select(items.c.id, person, city.as_string(), country.as_string()).where(LIVE, there)
    for item, who, where, land in connection.execute(query):
        row = _row(known, item)
        for name in {
            text: None for text in (who if isinstance(who, list) else [who]) if isinstance(text, str)
        }:
            people.add(row, name)
        cities.add(row, where)
        countries.add(row, land)
    return {"people": people, "cities": cities, "countries": countries}


class _Building:
    """A column while it is read."""

    def __init__(self) -> None:
        self._codes: dict[Hashable, int] = {}
        self._rows: list[int] = []
        self._coded: list[int] = []

    def add(self, row: int | None, value: str | None) -> None:
        """Note that an item has a value, if both are there."""
        if row is not None and value:
            value = composed(value)
            self._rows.append(row)
            self._coded.append(self._codes.setdefault(value, len(self._codes)))

    def built(self) -> Column:
        """The column."""
        values = tuple(str(value) for value in self._codes)
        return Column(values, np.array(self._rows, dtype=np.int64), np.array(self._coded, dtype=np.int32))


def _row(ids: NDArray[np.int64], item: int) -> int | None:
    """Where an item is among sorted ids."""
    place = int(np.searchsorted(ids, item))
    return place if place < len(ids) and ids[place] == item else None


def attribute_counts(
    connection: Connection, conditions: Sequence[ColumnElement[bool]] = ()
) -> dict[str, int]:
    """Names of the attributes of live items of which the conditions hold, with how many have each.

    The most frequent first.
    """
    if connection.dialect.name == "sqlite":
        names = func.json_each(type_coerce(items.c.attributes, Text())).table_valued(
            column("key", Text()), name="entry"
        )
        name = names.c.key
    else:
        from sqlalchemy.dialects.postgresql import JSONB

        keys = func.jsonb_object_keys(type_coerce(items.c.attributes, JSONB()))
        names = keys.table_valued(column("key", Text()), name="entry").render_derived()
        name = names.c.key
    query = (
        select(name, func.count())
        .select_from(items.join(names, literal_column("true")))
        .where(LIVE, *conditions)
        .group_by(name)
        .order_by(func.count().desc(), name)
        .limit(_MOST_NAMES)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
