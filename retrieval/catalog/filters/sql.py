"""Filter compiler: a filter's tree to a SQL condition on `items`, for SQLite and for PostgreSQL.

SQL knows a third truth, NULL, wherever a value is missing. Only NOT could tell it from false, so NOT is written
IS NOT TRUE, and a filter then means what it says: what is missing equals nothing, is less than nothing, and
`not camera = "X"` is true of pictures that name no camera.

All that a person wrote reaches the database as bound parameters.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Float,
    Numeric,
    Text,
    and_,
    case,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    type_coerce,
)

from vasari.retrieval.catalog.dialects import ByDialect, in_composed_letters, spellings
from vasari.retrieval.catalog.encoding import stored_text, stored_uri
from vasari.retrieval.catalog.filters.geo import box, within_km
from vasari.retrieval.catalog.filters.json_attributes import (
    Json,
    attribute_exists,
    attribute_is,
    attribute_test,
    json_type,
)
from vasari.retrieval.catalog.filters.parser import And, Exists, Field, FieldKind, Filter, Near, Not, Or, Test
from vasari.retrieval.catalog.filters.text_patterns import Pieces, equals, in_order, matches
from vasari.retrieval.catalog.filters.values import Span, Value, Words
from vasari.retrieval.catalog.folding import SHORTEST, letters_of
from vasari.retrieval.catalog.tables import (
    KEYED,
    Moment,
    album_items,
    albums,
    captions,
    items,
    readings,
    tags,
)
from vasari.retrieval.catalog.trigrams import holding
from vasari.retrieval.images.places import gazetteer

Condition = ColumnElement[bool]

_INT64 = 2**63  # one more than the largest number of a column
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
_URI = type_coerce(items.c.uri, Text())  # the text as it is stored
_ALBUM = type_coerce(albums.c.name, Text())
# Columns that the database derives from `attributes` (migration 0002).
_DERIVED: dict[str, ColumnElement[Any]] = {
    **{name: literal_column(f"items.{name}", Text()) for name in ("name", "taken", "camera", "lens")},
    **{name: literal_column(f"items.{name}", Float()) for name in ("latitude", "longitude")},
}


def condition(found: Filter) -> Condition:
    """The condition that is true of the rows of `items` which the filter accepts; false or NULL of others."""
    match found:
        case And(parts):
            return and_(*(condition(part) for part in parts))
        case Or(parts):
            return or_(*(condition(part) for part in parts))
        case Not(part):
            return condition(part).is_not(true())
        case Near():
            return _near(found)
        case Exists(field):
            return _exists(field)
        case Test(field):
            if field.kind is FieldKind.LETTERS:
                return _read(
                    lambda letters: or_(*(_has_read(letters, found, value) for value in found.values))
                )
            if field.kind is FieldKind.WORDS:
                return _words(field.name, lambda column: _scalar(found, column, stored_text))
            if field.kind is FieldKind.ANY:
                return _attribute(found)
            if field.kind is FieldKind.FOLDER:
                return _folder(found)
            spelled = stored_uri if field.name in ("uri", "name") else stored_text
            return _scalar(found, _column(field), spelled)


def is_album(test: Test) -> Condition:
    """The condition that is true of the rows of `albums` whose name a test of the field `album` accepts."""
    return _scalar(test, _ALBUM, stored_text)


def _column(field: Field) -> ColumnElement[Any]:
    match field.name:
        case "uri":
            return _URI
        case "folder":
            return _directory()
        case "text" | "format":
            return type_coerce(items.c[field.name], Text())
        case "megapixels":
            # Converted before the product: PostgreSQL's integers end at 2^31.
            return type_coerce(items.c.width, Float()) * 1.0 * items.c.height / 1e6
        case "orientation":
            return _orientation()
        case "mtime":
            return type_coerce(items.c.mtime_ns, BigInteger())
        case "added" | "updated":
            return items.c[f"{field.name}_at"]
        case name:
            derived = _DERIVED.get(name)
            return items.c[name] if derived is None else derived


def _orientation() -> ColumnElement[str]:
    """Higher than wide, wider than high, or neither, as the picture is seen."""
    width, height = items.c.width, items.c.height
    named = case((height > width, "portrait"), (width > height, "landscape"), (width == height, "square"))
    return type_coerce(named, Text())


def _directory() -> ColumnElement[str]:
    """The uri up to and with its last slash; nothing where there is none."""
    return func.substr(_URI, 1, func.length(_URI) - func.length(_DERIVED["name"]), type_=Text())


def _scalar(test: Test, column: ColumnElement[Any], spelled: Callable[[str], str]) -> Condition:
    """One value against the test's values."""
    if test.operator == "in":
        return _any_of(test.values, column, spelled)
    if test.operator == "between":
        low, high = test.values
        return and_(_compare(column, ">=", low, spelled), _compare(column, "<=", high, spelled))
    return _compare(column, test.operator, test.values[0], spelled)


def _any_of(values: Sequence[Value], column: ColumnElement[Any], spelled: Callable[[str], str]) -> Condition:
    texts = [spelled(value.text) for value in values if isinstance(value, Words)]
    numbers = [_bound(value) for value in values if isinstance(value, int | float)]
    spans = [_compare(column, "=", value, spelled) for value in values if isinstance(value, Span)]
    return or_(
        *([_equals(column, texts)] if texts else []),
        *([column.in_(numbers)] if numbers else []),
        *spans,
    )


def _compare(column: ColumnElement[Any], sign: str, value: Value, spelled: Callable[[str], str]) -> Condition:
    match value:
        case Span():
            return _in_time(column, sign, value)
        case Words() if sign == ":":
            return _matches(column, [(spelled(letter), wild) for letter, wild in value.pieces])
        case Words() if sign == "=":
            return _equals(column, [spelled(value.text)])
        case Words():
            return _ordered(in_order(in_composed_letters(column)), sign, spelled(value.text))
        case _:
            return _ordered(column, sign, _bound(value))


def _equals(column: ColumnElement[Any], texts: Sequence[str]) -> Condition:
    """Whether the column is one of these texts, in whatever letters; only ASCII is ASCII."""
    plain = [text for text in texts if text.isascii()]
    others = [text for text in texts if not text.isascii()]
    return or_(
        *([equals(column, plain)] if plain else []),
        *([equals(in_composed_letters(column), others)] if others else []),
    )


def _matches(column: ColumnElement[Any], pieces: Pieces) -> Condition:
    """Whether the column has the pattern, in whatever letters.

    What has ASCII's letters of a pattern when it is composed had them before: comparing first as it is stored leaves
    few rows to be composed (100,000 names: 30 ms instead of 46). With `?` it does not: a letter may have been two.
    """
    exact = matches(in_composed_letters(column), pieces)
    if all(text.isascii() and (text, wild) != ("?", True) for text, wild in pieces):
        return and_(matches(column, pieces), exact)
    return exact


def _in_time(column: ColumnElement[Any], sign: str, span: Span) -> Condition:
    start: Any
    end: Any
    if isinstance(column.type, Moment):
        start, end = span.moments
    elif isinstance(column.type, BigInteger):
        start, end = map(_nanoseconds, span.moments)
    else:  # ISO text
        column, start, end = in_order(column), span.start, span.end
    if sign == "=":
        return and_(_ordered(column, ">=", start), _ordered(column, "<", end))
    # For a span [start, end): `>` means >= end, `<=` means < end.
    return _ordered(
        column, *{"<": ("<", start), ">=": (">=", start), "<=": ("<", end), ">": (">=", end)}[sign]
    )


def _ordered(column: ColumnElement[Any], sign: str, value: Any) -> Condition:
    found: Condition = _OPERATORS[sign](column, value)
    return found


def _bound(number: float) -> ColumnElement[Any]:
    """A number of a type of its own: the column's type could be too narrow for it."""
    if isinstance(number, bool):
        return literal(number, Boolean())
    if isinstance(number, int) and -_INT64 <= number < _INT64:
        return literal(number, BigInteger())
    # PostgreSQL rounds a float to 15 digits on its way to numeric.
    return ByDialect(
        lambda: literal(float(number), Float()), lambda: literal(Decimal(repr(number)), Numeric()), Float()
    )


def _nanoseconds(moment: datetime) -> int:
    seconds = int(moment.timestamp())
    return max(-_INT64, min(_INT64 - 1, seconds * 1_000_000_000))


def _folder(test: Test) -> Condition:
    if test.operator == ":":
        words = test.values[0]
        pieces = words.pieces if isinstance(words, Words) else []
        while pieces and pieces[0] == ("/", False):
            pieces = pieces[1:]
        while pieces and pieces[-1] == ("/", False):
            pieces = pieces[:-1]
        inside = [*_literal("/"), *((stored_uri(letter), wild) for letter, wild in pieces), *_literal("/")]
        # The name behind the last slash cannot match: the pattern ends with one.
        return _matches("/" + _URI, [("*", True), *inside, ("*", True)])
    folders = [stored_uri(value.text.rstrip("/")) + "/" for value in test.values if isinstance(value, Words)]
    return _equals(_directory(), folders)


def _literal(text: str) -> list[tuple[str, bool]]:
    return [(letter, False) for letter in text]


def _words(name: str, accepts: Callable[[ColumnElement[Any]], Condition]) -> Condition:
    if name == "album":
        collected = select(album_items.c.item_id).join(albums, albums.c.id == album_items.c.album_id)
        return items.c.id.in_(collected.where(accepts(_ALBUM)))
    table, column = (captions, captions.c.text) if name == "caption" else (tags, tags.c.tag)
    said = select(table.c["item_id"]).where(accepts(type_coerce(column, Text())))
    if name == "tag":  # the keywords that the file brought with it, beside those of people here
        listed = attribute_test(("keywords",), Json.STRING, accepts)
        keyed = select(items.c.id).where(KEYED, listed).correlate(None)
        return items.c.id.in_(said.union_all(keyed))
    return items.c.id.in_(said)


def _read(accepts: Callable[[ColumnElement[Any]], Condition]) -> Condition:
    """Whether the text read in the picture is accepted: its folded lines, each between two line ends."""
    letters = type_coerce(readings.c.letters, Text())
    return items.c.id.in_(select(readings.c.item_id).where(accepts(letters)))


def _has_read(letters: ColumnElement[Any], test: Test, value: Value) -> Condition:
    """Without wildcards, `:` looks anywhere and over the ends of lines; else a line, or several, are the pattern."""
    pieces = _folded(value) if isinstance(value, Words) else []
    if test.operator == ":" and not any(wild for _, wild in pieces):
        asked = "".join(letter for letter, _ in pieces)
        found = matches(func.replace(letters, "\n", "", type_=Text()), pieces)
        return found if len(asked) < SHORTEST else and_(holding(asked), found)
    return matches(letters, [("*", True), ("\n", False), *pieces, ("\n", False), ("*", True)])


def _folded(words: Words) -> Pieces:
    """The words as readings are kept: letters and digits only, in lower case without accents."""
    return [
        (each, wild) for letter, wild in words.pieces for each in (letter if wild else letters_of(letter))
    ]


_NAMED_PLACES = {("city",), ("country",)}


def _attribute(test: Test) -> Condition:
    if test.field.path in _NAMED_PLACES and test.operator in ("=", ":", "in"):
        return or_(_attribute_as_written(test), *_called_otherwise(test))
    return _attribute_as_written(test)


def _called_otherwise(test: Test) -> Iterator[Condition]:
    """The same place under its names in other languages: `city:Lissabon` finds Lisbon."""
    asked = [value.text for value in test.values if isinstance(value, Words) and not value.wild]
    names = sorted(set().union(*map(gazetteer().also_called, asked)))
    if names:
        yield _attribute_as_written(Test(test.field, "in", tuple(Words(name) for name in names)))


def _attribute_as_written(test: Test) -> Condition:
    kinds = dict.fromkeys(map(json_type, test.values))
    paths = spellings(test.field.path)
    return or_(*(_attribute_of(test, path, kind) for path in paths for kind in kinds))


def _attribute_of(test: Test, path: Sequence[str], kind: Json) -> Condition:
    """The test with those of its values that are of one kind, on one spelling of the attribute's name."""
    values = tuple(value for value in test.values if json_type(value) is kind)
    one_kind = Test(test.field, test.operator, values)

    def accepts(column: ColumnElement[Any]) -> Condition:
        return _scalar(one_kind, column, stored_text)

    if kind is not Json.STRING and test.operator in ("=", "in"):
        return attribute_is(path, kind, values, accepts)
    return attribute_test(path, kind, accepts)


def _exists(field: Field) -> Condition:
    match field.kind:
        case FieldKind.ANY:
            return or_(*(attribute_exists(path) for path in spellings(field.path)))
        case FieldKind.WORDS:
            return _words(field.name, lambda _column: true())
        case FieldKind.LETTERS:
            return _read(lambda letters: letters != "")
        case FieldKind.PLACE:
            return and_(_DERIVED["latitude"].is_not(None), _DERIVED["longitude"].is_not(None))
        case FieldKind.FOLDER:
            return _directory() != ""
        case _:
            return _column(field).is_not(None)


def _near(near: Near) -> Condition:
    """Within the box around the circle, and then within the circle: the distance is reckoned for few rows."""
    latitude, longitude = _DERIVED["latitude"], _DERIVED["longitude"]
    (south, north), spans = box(near.latitude, near.longitude, near.km)
    inside = and_(
        latitude.between(south, north), or_(*(longitude.between(west, east) for west, east in spans))
    )
    circle = within_km(latitude, longitude, near.latitude, near.longitude, near.km)
    return type_coerce(case((inside, circle), else_=false()), Boolean())
