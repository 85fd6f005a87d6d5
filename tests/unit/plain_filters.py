"""The filter language evaluated in plain Python: what a filter means, without any database."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from vasari.retrieval.catalog.filters.parser import And, Exists, Field, FieldKind, Filter, Near, Not, Or, Test
from vasari.retrieval.catalog.filters.values import Span, Value, Words
from vasari.retrieval.domain import Item


def accepts(found: Filter, item: Item) -> bool:
    """Whether the filter is true of the item."""
    match found:
        case And(parts):
            return all(accepts(part, item) for part in parts)
        case Or(parts):
            return any(accepts(part, item) for part in parts)
        case Not(part):
            return not accepts(part, item)
        case Near(latitude, longitude, km):
            place = _fact(item, "latitude", float), _fact(item, "longitude", float)
            return None not in place and _km(*place, latitude, longitude) <= km
        case Exists(field):
            return (
                bool(_values(field, item))
                if field.kind is not FieldKind.ANY
                else _attribute(field, item) is not None
            )
        case Test(field):
            return any(_one(found, value) for value in _values(field, item))


def _values(field: Field, item: Item) -> list[Any]:
    """All values that the field has: none, one or many."""
    folder, slash, name = item.uri.rpartition("/")
    match field.name if not field.path else "":
        case "":
            value = _attribute(field, item)
            return value if isinstance(value, list) else [value]
        case "gps":
            both = _fact(item, "latitude", float), _fact(item, "longitude", float)
            return [] if None in both else [both]
        case "tag":
            brought = item.attributes.get("keywords")
            return [*item.tags, *(brought if isinstance(brought, list) else [])]
        case "caption":
            return [caption.text for caption in item.captions]
        case "name":
            return [name]
        case "folder":
            return [folder + slash] if slash else []
        case "megapixels":
            return [] if None in (item.width, item.height) else [item.width * 1.0 * item.height / 1e6]  # type: ignore[operator]
        case "orientation":
            if item.width is None or item.height is None:
                return []
            sides = item.width, item.height
            return ["square" if sides[0] == sides[1] else "portrait" if sides[0] < sides[1] else "landscape"]
        case "mtime":
            return [datetime.fromtimestamp(item.mtime_ns / 1e9, UTC)]
        case "added" | "updated" as when:
            return [getattr(item, f"{when}_at")]
        case "taken" | "camera" | "lens" as fact:
            value = _fact(item, fact, str)
        case "latitude" | "longitude" as fact:
            value = _fact(item, fact, float)
        case plain:
            value = getattr(item, plain)
    return [] if value is None else [value]


def _attribute(field: Field, item: Item) -> Any:
    value: Any = item.attributes
    for name in field.path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _fact(item: Item, name: str, kind: type) -> Any:
    value = item.attributes.get(name)
    return value if isinstance(value, kind) else None


def _one(test: Test, value: Any) -> bool:
    match test.operator:
        case "in":
            return any(_compare("=", value, wanted, test.field.kind) for wanted in test.values)
        case "between":
            low, high = test.values
            return _compare(">=", value, low, test.field.kind) and _compare(
                "<=", value, high, test.field.kind
            )
        case sign:
            return _compare(sign, value, test.values[0], test.field.kind)


def _compare(sign: str, value: Any, wanted: Value, kind: FieldKind) -> bool:
    match wanted:
        case bool():
            return isinstance(value, bool) and value == wanted
        case int() | float():
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            # PostgreSQL gives 1e300 back with all its digits, and Python reads a whole number that equals no float.
            return _ordered(sign, float(value) if abs(value) >= 2**63 else value, wanted)
        case Span(start, end):
            if isinstance(value, datetime):
                start, end = wanted.moments  # type: ignore[assignment]
            elif not isinstance(value, str):
                return False
            bounds: dict[str, Callable[[], bool]] = {
                "<": lambda: value < start,
                "<=": lambda: value < end,
                ">": lambda: value >= end,
                ">=": lambda: value >= start,
                "=": lambda: start <= value < end,
            }
            return bounds[sign]()
        case Words():
            if not isinstance(value, str):
                return False
            value = unicodedata.normalize("NFC", value)
            if kind is FieldKind.FOLDER:
                return _in_folder(sign, value, wanted)
            if sign == ":":
                return _has(value, wanted)
            if sign == "=":
                return _same(value, wanted.text)
            return _ordered(sign, value, wanted.text)


def _ordered(sign: str, value: Any, wanted: Any) -> bool:
    return bool(
        {
            "<": value < wanted,
            "<=": value <= wanted,
            ">": value > wanted,
            ">=": value >= wanted,
            "=": value == wanted,
        }[sign]
    )


def _in_folder(sign: str, value: str, wanted: Words) -> bool:
    if sign == "=":
        return _same(value, wanted.text.rstrip("/") + "/")
    pieces = wanted.pieces
    while pieces[0] == ("/", False):
        pieces = pieces[1:]
    while pieces[-1] == ("/", False):
        pieces = pieces[:-1]
    return _like("/" + value, [("*", True), ("/", False), *pieces, ("/", False), ("*", True)])


def _has(value: str, wanted: Words) -> bool:
    pieces = wanted.pieces
    return _like(value, pieces if wanted.wild else [("*", True), *pieces, ("*", True)])


def _same(value: str, wanted: str) -> bool:
    return len(value) == len(wanted) and all(map(_same_letter, value, wanted))


def _same_letter(letter: str, wanted: str) -> bool:
    return letter == wanted or (
        (letter.isascii() or not wanted.isascii()) and letter in (wanted.lower(), wanted.upper())
    )


def _like(value: str, pieces: list[tuple[str, bool]]) -> bool:
    """Wildcards by dynamic programming: which lengths of `value` the pieces so far can cover."""
    reached = {0}
    for letter, wild in pieces:
        if wild and letter == "*":
            reached = set(range(min(reached), len(value) + 1)) if reached else set()
        else:
            reached = {
                end + 1 for end in reached if end < len(value) and (wild or _same_letter(value[end], letter))
            }
    return len(value) in reached


def _km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The angle between two unit vectors: another way to the distance than the one under test."""

    def vector(up: float, over: float) -> tuple[float, float, float]:
        up, over = math.radians(up), math.radians(over)
        return math.cos(up) * math.cos(over), math.cos(up) * math.sin(over), math.sin(up)

    first, second = vector(latitude, longitude), vector(other_latitude, other_longitude)
    return 2 * 6371.0088 * math.asin(min(1.0, math.dist(first, second) / 2))
