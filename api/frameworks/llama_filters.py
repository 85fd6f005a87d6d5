"""LlamaIndex's metadata filters in Vasari's filter language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from vasari.api.frameworks.documents import quoted, written
from vasari.retrieval.errors import UnsupportedError

_ORDER = {FilterOperator.GT: ">", FilterOperator.LT: "<", FilterOperator.GTE: ">=", FilterOperator.LTE: "<="}


def condition(filters: MetadataFilters) -> str | None:
    """The filter; None where there is none. Text is compared without regard to case, as everywhere in Vasari.

    Raises UnsupportedError for an operator that the language has no words for.
    """
    parts = [f"({part})" for each in filters.filters if (part := _part(each))]
    if not parts:
        return None
    match filters.condition or FilterCondition.AND:
        case FilterCondition.AND:
            return " and ".join(parts)
        case FilterCondition.OR:
            return " or ".join(parts)
        case FilterCondition.NOT:
            return f"not ({' or '.join(parts)})"


def _part(given: MetadataFilter | MetadataFilters) -> str | None:
    if isinstance(given, MetadataFilters):
        return condition(given)
    name = f"attr.{quoted(given.key)}"
    if given.operator in _ORDER:
        return f"{name} {_ORDER[given.operator]} {written(given.value)}"
    match given.operator:
        case FilterOperator.EQ:
            return f"{name} = {written(given.value)}"
        case FilterOperator.NE:  # also true where there is no such metadata
            return f"not ({name} = {written(given.value)})"
        case FilterOperator.IN:
            return _among(name, given.value)
        case FilterOperator.NIN:
            return f"not ({_among(name, given.value)})"
        case FilterOperator.TEXT_MATCH_INSENSITIVE:
            return f"{name} : {written(given.value)}"
        case FilterOperator.IS_EMPTY:
            return f"not exists {name}"
    raise UnsupportedError(f"a library cannot filter by the operator {given.operator.value!r}")


def _among(name: str, values: Any) -> str:
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise UnsupportedError("the operators in and nin need a list that is not empty")
    return " or ".join(f"{name} = {written(value)}" for value in values)
