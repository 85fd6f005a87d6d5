"""Which items a filter accepts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, select

from retrieval.catalog.filter_language import And, Filter, Near, Not, Or, parse_filter
from retrieval.catalog.filters import condition
from retrieval.catalog.globe import teach_distance
from retrieval.catalog.schema import items
from retrieval.domain import ItemId, Modality


def matching_ids(connection: Connection, text: str, modality: Modality) -> NDArray[np.int64]:
    """Ids (n,) of the live items that the filter accepts, ascending.

    Raises QueryError with the column of a mistake.
    """
    found = parse_filter(text)
    dialect = connection.dialect.name
    if dialect == "sqlite" and _has_place(found):
        teach_distance(connection)
    result = connection.execute(_query(found, modality, dialect))
    # The driver's own tuples: SQLAlchemy's rows would double the time of a broad filter.
    rows: Sequence[Sequence[ItemId]] = result.cursor.fetchall()
    ids = np.fromiter(chain.from_iterable(rows), np.int64, len(rows))
    result.close()
    ids.sort()
    return ids


def _query(found: Filter, modality: Modality, dialect: str) -> Select[ItemId]:
    return select(items.c.id).where(
        items.c.modality == modality.value, items.c.deleted_at.is_(None), condition(found, dialect)
    )


def _has_place(found: Filter) -> bool:
    match found:
        case And(parts) | Or(parts):
            return any(map(_has_place, parts))
        case Not(part):
            return _has_place(part)
        case _:
            return isinstance(found, Near)
