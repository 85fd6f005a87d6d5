"""Haystack's metadata filters in Vasari's filter language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vasari.api.frameworks.documents import quoted, written
from vasari.retrieval.errors import UnsupportedError, UsageError

_FIELDS = {  # of a document's meta, by what the language calls them
    "item": "id", "uri": "uri", "file_path": "uri", "width": "width", "height": "height",
    "tags": "tag", "captions": "caption",
}  # fmt: skip
_ORDER = (">", ">=", "<", "<=")


def condition(filters: Mapping[str, Any]) -> str:
    """The filter. Text is compared without regard to case, as everywhere in Vasari.

    Raises UnsupportedError for an operator that the language has no words for, UsageError for what is no filter.
    """
    if "field" in filters:
        return _comparison(filters)
    operator, parts = filters.get("operator"), filters.get("conditions")
    if operator not in ("AND", "OR", "NOT") or not isinstance(parts, Sequence) or not parts:
        raise UsageError("a filter has a field, or an operator (AND, OR, NOT) and conditions")
    joined = (" or " if operator == "OR" else " and ").join(f"({condition(part)})" for part in parts)
    return f"not ({joined})" if operator == "NOT" else joined


def _comparison(filters: Mapping[str, Any]) -> str:
    name = str(filters["field"]).removeprefix("meta.")
    field = _FIELDS.get(name) or f"attr.{quoted(name)}"
    operator, value = filters.get("operator"), filters.get("value")
    if operator in _ORDER:
        return f"{field} {operator} {written(value)}"
    match operator:
        case "==":
            return _equal(field, value)
        case "!=":  # also true where there is no such metadata
            return f"not ({_equal(field, value)})"
        case "in":
            return _among(field, value)
        case "not in":
            return f"not ({_among(field, value)})"
    raise UnsupportedError(f"a library cannot filter by the operator {operator!r}")


def _equal(field: str, value: Any) -> str:
    return f"not exists({field})" if value is None else f"{field} = {written(value)}"


def _among(field: str, values: Any) -> str:
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise UsageError("the operators in and not in need a list that is not empty")
    return " or ".join(_equal(field, value) for value in values)
