"""Groups of items by an attribute: which items have the same value, as one array of labels for a whole library.

A search that shows one item of each group asks for the label of every candidate and for the size of every group, so
all labels are read at once, in one pass over the items, and remembered for the state of the catalog they were read at.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from vasari.retrieval.catalog.database import Database, Repository
from vasari.retrieval.catalog.dialects import spellings
from vasari.retrieval.catalog.filters.json_attributes import attribute_json
from vasari.retrieval.catalog.filters.parser import Field, parse_field
from vasari.retrieval.catalog.filters.query import check_fields, seen
from vasari.retrieval.catalog.tables import LIVE, items, library, stack_items
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import QueryError
from vasari.retrieval.storage.file_names import composed

STACK = "stack"
_MOST = 4  # groupings that are remembered
_WORDS = ("camera", "lens")  # fields of filters that are attributes, and of which items share a value


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class GroupLabels:
    """Which group each item is in; an item that is not named here is in none."""

    ids: NDArray[np.int64]  # (n,), ascending
    labels: NDArray[np.int64]  # (n,), places in `values`
    values: tuple[Any, ...]  # of each group: what its items have in common, as JSON has it


class GroupReader(Repository):
    """Reads groups; each of the last few is remembered for the catalog's revision. Threads may share it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._held: LRUCache[tuple[str, Modality], tuple[int, GroupLabels]] = LRUCache(_MOST)
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
                at, held = self._held.get((by, modality), (None, None))
            known = held if at == revision else None
            is_there = known is not None and len(known.ids) and within is None
            if field is not None and not field.marked and not is_there:
                check_fields(connection, [field], by, seen(connection, within))
            if known is not None:
                return known
            found = _stacks(connection, modality) if field is None else _read(connection, field, modality)
        with self._lock:
            self._held[by, modality] = (revision, found)
        return found


def _attribute(by: str) -> Field:
    field = parse_field(by)
    if field.path:
        return field
    if field.name in _WORDS:
        return Field(field.name, field.kind, (field.name,), marked=True)
    raise QueryError(f"items are grouped by an attribute, and {field.name} is none", by, field.column)


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


def _read(connection: Connection, field: Field, modality: Modality) -> GroupLabels:
    value = func.coalesce(*(attribute_json(path) for path in spellings(field.path)), None)
    query = select(items.c.id, value).where(items.c.modality == modality.value, LIVE, value.is_not(None))
    result = connection.execute(query.order_by(items.c.id))
    rows = result.cursor.fetchall()  # the driver's own tuples: SQLAlchemy's rows take twice the time
    result.close()
    codes: dict[str, int] = {}
    coded = np.fromiter((codes.setdefault(text, len(codes)) for _, text in rows), np.int64, len(rows))
    values: dict[Hashable, tuple[int, Any]] = {}
    places = np.array([_place(json.loads(text), values) for text in codes], np.int64)
    labels = places[coded] if len(rows) else coded
    ids = np.fromiter((item for item, _ in rows), np.int64, len(rows))
    return GroupLabels(ids[labels >= 0], labels[labels >= 0], tuple(value for _, value in values.values()))


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
