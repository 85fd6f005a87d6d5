"""Groups of items by an attribute: which items have the same value, as one array of labels for a whole library.

A search that shows one item of each group asks for the label of every candidate and for the size of every group, so
all labels are read at once, in one pass over the items, and remembered for the state of the catalog they were read at.
After a change, when each item changed last tells whose values are read again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Select, func, select

from vasari.retrieval.catalog.database import Database, Repository, chunks
from vasari.retrieval.catalog.dialects import spellings
from vasari.retrieval.catalog.filters.json_attributes import attribute_json
from vasari.retrieval.catalog.filters.parser import Field, parse_field
from vasari.retrieval.catalog.filters.query import check_fields, seen
from vasari.retrieval.catalog.tables import LIVE, items, library, stack_items
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import QueryError, Sentence
from vasari.retrieval.storage.file_names import composed

STACK = "stack"
_MOST = 4  # groupings that are remembered
_LARGE = 1 / 8  # share of the items that changed from which on all are read again, in one pass
_WORDS = ("camera", "lens")  # fields of filters that are attributes, and of which items share a value


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class GroupLabels:
    """Which group each item is in; an item that is not named here is in none."""

    ids: NDArray[np.int64]  # (n,), ascending
    labels: NDArray[np.int64]  # (n,), places in `values`
    values: tuple[Any, ...]  # of each group: what its items have in common, as JSON has it


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """The values of an attribute as they were read."""

    ids: NDArray[np.int64]  # (n,) of all live items, ascending
    moments: NDArray[np.int64]  # (n,) hashes of when each changed last
    labels: NDArray[np.int64]  # (n,), negative: in no group
    codes: dict[str, int]  # the labels of values by their JSON
    values: dict[Hashable, tuple[int, Any]]  # their labels, and what is shown of them; some may be gone

    def groups(self) -> GroupLabels:
        """Those that are in a group."""
        grouped = self.labels >= 0
        return GroupLabels(
            self.ids[grouped], self.labels[grouped], tuple(value for _, value in self.values.values())
        )

    def code(self, text: str | None) -> int:
        """The label of a value, which is new here or not."""
        if text is None:
            return -1
        found = self.codes.get(text)
        if found is None:
            found = self.codes[text] = _place(json.loads(text), self.values)
        return found


@dataclass(frozen=True, slots=True)
class _Held:
    """What is remembered of one grouping."""

    revision: int
    labels: GroupLabels
    values: _Values | None  # None: of stacks


class GroupReader(Repository):
    """Reads groups; each of the last few is remembered for the catalog's revision. Threads may share it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._held: LRUCache[tuple[str, Modality], _Held] = LRUCache(_MOST)
        self._lock = threading.Lock()

    def labels(self, by: str, modality: Modality, within: str | None = None) -> GroupLabels:
        """The groups of live items by an attribute, named as in filters, or by `stack`.

        An attribute called stack is `attr.stack`.

        Texts that differ in their form of Unicode are one value, and so are 1 and 1.0, a value and a list of it alone.
        A longer list is one value as a whole. Items without a value, or with an empty one, are in no group.

        To whoever sees only what the filter `within` accepts there are no attributes but those of what they see; the
        labels are those of all items, for the caller to choose from. Raises QueryError for a name that is no attribute.
        """
        field = None if by == STACK else _attribute(by)
        with self._database.read() as connection:
            revision = connection.execute(select(library.c.revision)).scalar_one()
            with self._lock:
                held = self._held.get((by, modality))
            known = held.labels if held is not None and held.revision == revision else None
            is_there = known is not None and len(known.ids) and within is None
            if field is not None and not field.marked and not is_there:
                check_fields(connection, [field], by, seen(connection, within))
            if known is not None:
                return known
            found = _held(connection, revision, field, modality, held)
        with self._lock:
            self._held[by, modality] = found
        return found.labels


def _held(
    connection: Connection, revision: int, field: Field | None, modality: Modality, before: _Held | None
) -> _Held:
    """A grouping as it is now, and was `before`."""
    if field is None:
        return _Held(revision, _stacks(connection, modality), None)
    if before is None or before.values is None:
        values = _read(connection, field, modality)
    else:
        values = _read_again(connection, field, modality, before.values)
    return _Held(revision, values.groups(), values)


def _attribute(by: str) -> Field:
    field = parse_field(by)
    if field.path:
        return field
    if field.name in _WORDS:
        return Field(field.name, field.kind, (field.name,), marked=True)
    raise QueryError(
        Sentence("items are grouped by an attribute, and {field} is none", field=field.name), by, field.column
    )


def _stacks(connection: Connection, modality: Modality) -> GroupLabels:
    """The stacks, which have nothing to tell in common."""
    query = select(stack_items.c.item_id, stack_items.c.stack_id).join(
        items, items.c.id == stack_items.c.item_id
    )
    query = query.where(items.c.modality == modality.value, LIVE, stack_items.c.stack_id.is_not(None))
    rows = np.array([tuple(row) for row in connection.execute(query.order_by(items.c.id))], np.int64)
    ids, numbers = rows.reshape(-1, 2).T
    stacks, labels = np.unique(numbers, return_inverse=True)
    return GroupLabels(ids, labels.astype(np.int64), (None,) * len(stacks))


def _read(connection: Connection, field: Field, modality: Modality) -> _Values:
    """The values of all live items, in one pass."""
    rows = _rows(connection, select(items.c.id, items.c.updated_at, _value(field)), modality)
    found = _Values(*_moments(rows), np.empty(len(rows), np.int64), {}, {})
    found.labels[:] = np.fromiter((found.code(row[2]) for row in rows), np.int64, len(rows))
    return found


def _read_again(connection: Connection, field: Field, modality: Modality, before: _Values) -> _Values:
    """The values of all live items, of which those are read that changed since `before`, if they are few."""
    ids, moments = _moments(_rows(connection, select(items.c.id, items.c.updated_at), modality))
    place = np.searchsorted(before.ids, ids)
    place[place == len(before.ids)] = -1
    same = np.zeros(len(ids), np.bool_)
    if len(before.ids):
        same = (before.ids[place] == ids) & (before.moments[place] == moments)
    changed = ids[~same].tolist()
    if len(changed) > _LARGE * len(ids) or len(before.codes) > 2 * len(ids):
        return _read(connection, field, modality)
    labels = np.full(len(ids), -1, np.int64)
    labels[same] = before.labels[place[same]]
    found = _Values(ids, moments, labels, dict(before.codes), dict(before.values))
    value = _value(field)
    for chunk in chunks(changed):
        for item, text in connection.execute(select(items.c.id, value).where(items.c.id.in_(chunk))):
            labels[np.searchsorted(ids, item)] = found.code(text)
    return found


def _value(field: Field) -> ColumnElement[Any]:
    """What an item has under an attribute, as JSON text."""
    return func.coalesce(*(attribute_json(path) for path in spellings(field.path)), None)


def _rows(
    connection: Connection, query: Select[*tuple[Any, ...]], modality: Modality
) -> Sequence[Sequence[Any]]:
    """Of all live items, by id."""
    result = connection.execute(query.where(items.c.modality == modality.value, LIVE).order_by(items.c.id))
    rows: Sequence[Sequence[Any]] = result.cursor.fetchall()  # the driver's own tuples, in half the time
    result.close()
    return rows


def _moments(rows: Sequence[Sequence[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ids (n,) of rows, and hashes (n,) of when their items changed last, in whatever form the driver has it."""
    ids, moments = (map(itemgetter(column), rows) for column in (0, 1))
    return np.fromiter(ids, np.int64, len(rows)), np.fromiter(map(hash, moments), np.int64, len(rows))


def _place(value: Any, values: dict[Hashable, tuple[int, Any]]) -> int:
    """The label of a value, a new one where it is new; -1 for what groups nothing."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        value = composed(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or value in ("", [], {}) or (isinstance(value, str) and value.isspace()):
        return -1
    key = (type(value), json.dumps(value, sort_keys=True) if isinstance(value, list | dict) else value)
    return values.setdefault(key, (len(values), value))[0]
