"""Tests of attributes: JSON values whose type only the row knows.

A number is compared with numbers only, text with texts, true and false with these; a list passes when one of its
entries does. The type is always asked first, so that no cast can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Float,
    Numeric,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    or_,
    select,
    type_coerce,
)

from vasari.retrieval.catalog.dialects import ByDialect
from vasari.retrieval.catalog.filters.values import Value
from vasari.retrieval.catalog.tables import items

Accepts = Callable[[ColumnElement[Any]], ColumnElement[bool]]


class Json(StrEnum):
    """Types of JSON values, by PostgreSQL's names."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"


_SQLITE_NAMES = {Json.STRING: ("text",), Json.NUMBER: ("integer", "real"), Json.BOOLEAN: ("true", "false")}
_SQLITE_TYPES: dict[Json, Any] = {Json.STRING: Text(), Json.NUMBER: Float(), Json.BOOLEAN: Boolean()}
# PostgreSQL's numeric holds any number that JSON can, without rounding.
_POSTGRES_TYPES: dict[Json, Any] = {Json.NUMBER: Numeric(), Json.BOOLEAN: Boolean()}


def json_type(value: Value) -> Json:
    """Which JSON values can be compared with `value`: a span of time is compared with ISO texts."""
    match value:
        case bool():
            return Json.BOOLEAN
        case int() | float():
            return Json.NUMBER
        case _:
            return Json.STRING


def attribute_test(path: Sequence[str], kind: Json, accepts: Accepts) -> ColumnElement[bool]:
    """Whether the attribute, or an entry of the list it is, has this type and is accepted."""
    return ByDialect(lambda: _on_sqlite(path, kind, accepts), lambda: _on_postgres(path, kind, accepts))


def attribute_is(
    path: Sequence[str], kind: Json, values: Sequence[Any], accepts: Accepts
) -> ColumnElement[bool]:
    """Whether the attribute, or an entry of its list, is one of these numbers or truths, which `accepts` accepts."""
    return ByDialect(lambda: _on_sqlite(path, kind, accepts), lambda: _contains(path, values))


def attribute_exists(path: Sequence[str]) -> ColumnElement[bool]:
    """Whether the attribute is there, and not null."""
    return ByDialect(
        lambda: func.json_type(_text(), _sqlite_path(path), type_=Text()) != "null",
        # the first part can use the index
        lambda: and_(_binary().has_key(path[0]), _type_of(_inside(path)) != "null"),
    )


def attribute_json(path: Sequence[str]) -> ColumnElement[str]:
    """The attribute as JSON; NULL where it is not there, or null."""
    return ByDialect(lambda: _json_on_sqlite(path), lambda: _json_on_postgres(path), Text())


def _json_on_sqlite(path: Sequence[str]) -> ColumnElement[Any]:
    where = _sqlite_path(path)
    kind = func.json_type(_text(), where, type_=Text())
    value = func.json_extract(_text(), where)  # of true and false: 1 and 0
    return case((kind.in_(_SQLITE_NAMES[Json.BOOLEAN]), kind), (value.is_not(None), func.json_quote(value)))


def _json_on_postgres(path: Sequence[str]) -> ColumnElement[Any]:
    value = _inside(path)
    return case((_type_of(value) != "null", cast(value, Text())))


def _contains(path: Sequence[str], values: Sequence[Any]) -> ColumnElement[bool]:
    """By PostgreSQL's index."""
    return or_(*(_binary().contains(_nested(path, form)) for value in values for form in (value, [value])))


def _on_sqlite(path: Sequence[str], kind: Json, accepts: Accepts) -> ColumnElement[bool]:
    where = _sqlite_path(path)
    alone = func.json_extract(_text(), where, type_=_SQLITE_TYPES[kind])
    entries = func.json_each(_text(), where).table_valued(
        column("value", _SQLITE_TYPES[kind]), column("type", Text()), name="entry"
    )
    listed = select(1).where(entries.c["type"].in_(_SQLITE_NAMES[kind]), accepts(entries.c["value"]))
    return _by_type(
        func.json_type(_text(), where, type_=Text()),
        {**{name: accepts(alone) for name in _SQLITE_NAMES[kind]}, "array": listed.exists()},
    )


def _on_postgres(path: Sequence[str], kind: Json, accepts: Accepts) -> ColumnElement[bool]:
    value = _inside(path)
    entries = (
        func.jsonb_array_elements(value)
        .table_valued(column("value", _binary().type), name="entry")
        .render_derived()
    )
    entry = entries.c["value"]
    listed = select(1).where(_by_type(_type_of(entry), {kind.value: accepts(_read(entry, kind))}))
    return _by_type(_type_of(value), {kind.value: accepts(_read(value, kind)), "array": listed.exists()})


def _by_type(kind: ColumnElement[str], tests: dict[str, ColumnElement[bool]]) -> ColumnElement[bool]:
    """The test for the value's type: CASE, and nothing else, keeps the others from being tried."""
    return type_coerce(case(tests, value=kind), Boolean())


def _type_of(value: ColumnElement[Any]) -> ColumnElement[str]:
    return func.jsonb_typeof(value, type_=Text())


def _read(value: ColumnElement[Any], kind: Json) -> ColumnElement[Any]:
    """The JSON scalar as a value of SQL."""
    from sqlalchemy.dialects.postgresql import ARRAY

    text: ColumnElement[Any] = value.op("#>>", return_type=Text())(cast([], ARRAY(Text())))
    return text if kind is Json.STRING else cast(text, _POSTGRES_TYPES[kind])


def _text() -> ColumnElement[str]:
    """SQLite keeps JSON as text."""
    return type_coerce(items.c.attributes, Text())


def _binary() -> Any:
    from sqlalchemy.dialects.postgresql import JSONB  # costs a SQLite user 60 ms

    return type_coerce(items.c.attributes, JSONB())


def _sqlite_path(path: Sequence[str]) -> str:
    """SQLite's path to the attribute; `parse_filter` lets no quote or backslash into a name."""
    return "$" + "".join(f'."{name}"' for name in path)


def _inside(path: Sequence[str]) -> ColumnElement[Any]:
    """The value at `path`: by names, even if one is a number, which never picks an entry of a list."""
    value = _binary()
    for name in path:
        value = value.op("->", return_type=_binary().type)(cast(name, Text()))
    return value  # type: ignore[no-any-return]


def _nested(path: Sequence[str], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value
