"""Filter parser: text to a syntax tree of tests, with the place of every mistake.

Knows nothing of SQL. `sql.py` turns the tree into a condition; the tests evaluate it in plain Python.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError

from vasari.retrieval.catalog.filters.values import (
    Value,
    Words,
    as_bytes,
    as_number,
    as_span,
    read_bare,
    read_quoted,
)
from vasari.retrieval.catalog.folding import letters_of
from vasari.retrieval.errors import QueryError, Sentence
from vasari.retrieval.storage.file_names import composed

LONGEST = 8192  # characters of one filter
MOST_TESTS = 400  # SQLite allows an expression a depth of 1000
DEEPEST = 30  # nesting depth of brackets and `not`


class FieldKind(StrEnum):
    """What a field holds, and so what it can be compared with."""

    NUMBER = "a number"
    BYTES = "a number of bytes: 300000, 2MB"
    DATE = "a date: 2024, 2024-05, 2024-05-31 or 2024-05-31T18:30"
    TEXT = "text"
    FOLDER = "a folder"
    SHAPE = "portrait, landscape or square"
    WORDS = "words"  # tags, captions and names of albums: an item has any number of them
    LETTERS = "letters and digits, as they stand in the picture"
    PLACE = "nothing: use exists(gps) or near(latitude, longitude, km)"
    ANY = "any value"  # an attribute: the value decides


FIELDS = {
    "id": FieldKind.NUMBER,
    "uri": FieldKind.TEXT,
    "name": FieldKind.TEXT,
    "folder": FieldKind.FOLDER,
    "format": FieldKind.TEXT,
    "width": FieldKind.NUMBER,
    "height": FieldKind.NUMBER,
    "megapixels": FieldKind.NUMBER,
    "orientation": FieldKind.SHAPE,
    "bytes": FieldKind.BYTES,
    "mtime": FieldKind.DATE,
    "added": FieldKind.DATE,
    "updated": FieldKind.DATE,
    "text": FieldKind.TEXT,
    "taken": FieldKind.DATE,
    "camera": FieldKind.TEXT,
    "lens": FieldKind.TEXT,
    "latitude": FieldKind.NUMBER,
    "longitude": FieldKind.NUMBER,
    "gps": FieldKind.PLACE,
    "caption": FieldKind.WORDS,
    "tag": FieldKind.WORDS,
    "album": FieldKind.WORDS,
    "ocr": FieldKind.LETTERS,
}
ORIENTATIONS = ("portrait", "landscape", "square")
ALIASES = {"captions": "caption", "tags": "tag", "albums": "album", "modified": "mtime", "size": "bytes"}
_ORDERED = (FieldKind.NUMBER, FieldKind.BYTES, FieldKind.DATE, FieldKind.TEXT, FieldKind.ANY)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of every item, or, with a `path`, an attribute (and one inside it, and so on).

    `column` is its place in the text; `marked` says that it was written as `attr.NAME`.
    """

    name: str
    kind: FieldKind
    path: tuple[str, ...] = ()
    column: int = field(default=0, compare=False)
    marked: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Test:
    """One field against values: `operator` is = < <= > >= : (has), `in` or `between` (both ends belong to it)."""

    __test__ = False  # for pytest

    field: Field
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value."""

    field: Field


@dataclass(frozen=True, slots=True)
class Near:
    """Taken within `km` of a place (degrees)."""

    latitude: float
    longitude: float
    km: float


@dataclass(frozen=True, slots=True)
class And:
    """All parts are true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part is true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part is not true."""

    part: Filter


Filter = Test | Exists | Near | And | Or | Not
F = TypeVar("F")


def parse_filter(text: str) -> Filter:
    """Read a filter; raises QueryError with the column of the first mistake."""
    text = composed(text)  # a name is made of letters, and of no accents beside them
    if not text.strip():
        raise QueryError(Sentence("an empty filter: write one like width > 1000 and tag:holiday"), text, 0)
    if len(text) > LONGEST:
        raise QueryError(Sentence("a filter takes at most {most} characters", most=LONGEST), text[:80], 0)
    _check_depth(text)
    try:
        tree = _parser().parse(text, start="start")
        found: Filter = _Reader(text).transform(tree)
    except UnexpectedInput as error:
        raise _mistake(error, text) from None
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from None
        raise
    except RecursionError:
        raise QueryError(Sentence("the filter is nested too deeply"), text, 0) from None
    check_size(found, text)
    return found


def parse_field(text: str) -> Field:
    """Read the name of one field or attribute, as filters spell it; raises QueryError with the column of a mistake."""
    text = composed(text)
    try:
        found: Field = _Reader(text).transform(_parser().parse(text, start="field"))[0]
    except UnexpectedInput as error:
        raise QueryError(
            Sentence("this is no name of a field: write one like product or attr.product.id"),
            text,
            _place(error),
        ) from None
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from None
        raise
    return found


def check_size(found: Filter, text: str) -> None:
    """Raise QueryError for a filter with more values than a database takes."""
    if _size(found) > MOST_TESTS:
        raise QueryError(Sentence("a filter takes at most {most} values in all", most=MOST_TESTS), text, 0)


@functools.cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", start=["start", "field"])


@v_args(inline=True)
class _Reader(Transformer[Token, Any]):
    """Lark's tree to ours; checks that each field can be asked what it is asked."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def either(self, *parts: Filter) -> Filter:
        return Or(parts)

    def both(self, *parts: Filter) -> Filter:
        return And(parts)

    def negated(self, part: Filter) -> Filter:
        return part.part if isinstance(part, Not) else Not(part)

    def group(self, part: Filter) -> Filter:
        return part

    def field(self, *tokens: Token) -> tuple[Field, int]:
        first, column = tokens[0], _place(tokens[0])
        names = [
            str(first),
            *(read_quoted(token).text if token.type == "STRING" else str(token) for token in tokens[1:]),
        ]
        known = first.lower()
        known = ALIASES.get(known, known)
        if len(names) == 1 and known in FIELDS:
            return Field(known, FIELDS[known]), column
        marked = known == "attr" and len(names) > 1
        path = names[1:] if marked else names
        for name in path:
            if not name or not name.isprintable() or '"' in name or "\\" in name:
                raise QueryError(
                    Sentence("an attribute cannot be called {name!r}", name=name), self._text, column
                )
        return Field(".".join(path), FieldKind.ANY, tuple(path), column, marked), column

    def value(self, token: Token) -> tuple[Token, int]:
        return token, _place(token)

    def comparison(self, field: tuple[Field, int], operator: Token, value: tuple[Token, int]) -> Filter:
        sign = {"==": "=", "<>": "!="}.get(str(operator), str(operator))
        if sign == "!=":
            return self._differs(field[0], Test(field[0], "=", (self._value(field[0], value),)))
        if sign in ("<", "<=", ">", ">=") and field[0].kind not in _ORDERED:
            raise QueryError(
                Sentence("{field} has no order: use = or :", field=field[0].name),
                self._text,
                _place(operator),
            )
        found = self._value(field[0], value)
        if isinstance(found, bool) and sign not in ("=", ":"):
            raise QueryError(Sentence("true and false have no order: use ="), self._text, _place(operator))
        if sign == ":" and not isinstance(found, Words):
            sign = "="
        return Test(field[0], sign, (found,))

    def one_of(self, field: tuple[Field, int], *values: tuple[Token, int]) -> Filter:
        return Test(field[0], "in", tuple(self._value(field[0], value) for value in values))

    def none_of(self, field: tuple[Field, int], *values: tuple[Token, int]) -> Filter:
        return self._differs(field[0], self.one_of(field, *values))

    def between(self, field: tuple[Field, int], low: tuple[Token, int], high: tuple[Token, int]) -> Filter:
        if field[0].kind not in _ORDERED:
            raise QueryError(
                Sentence("{field} has no order: use = or :", field=field[0].name), self._text, field[1]
            )
        ends = self._value(field[0], low), self._value(field[0], high)
        if bool in map(type, ends) or len({float if isinstance(end, int) else type(end) for end in ends}) > 1:
            raise QueryError(Sentence("both ends of a range are of one kind"), self._text, high[1])
        return Test(field[0], "between", ends)

    def exists(self, field: tuple[Field, int]) -> Filter:
        return Exists(field[0])

    def near(self, _near: Token, *values: tuple[Token, int]) -> Filter:
        numbers: list[float] = []
        bounds = ((_LATITUDE, -90, 90), (_LONGITUDE, -180, 180), (_DISTANCE, 0, 20_100))
        for (token, column), (name, low, high) in zip(values, bounds, strict=True):
            number = as_number(str(token))
            if number is None or not low <= number <= high:
                raise QueryError(
                    Sentence("{name} is a number between {low} and {high}", name=name, low=low, high=high),
                    self._text,
                    column,
                )
            numbers.append(float(number))
        return Near(*numbers)

    def favourite(self, word: Token) -> Filter:
        field = Field("favourite", FieldKind.ANY, ("favourite",), _place(word))
        return Test(field, "=", (True,))

    @staticmethod
    def _differs(field: Field, same: Filter) -> Filter:
        """It has a value, and another one."""
        return And((Exists(field), Not(same)))

    def _value(self, field: Field, given: tuple[Token, int]) -> Value:
        token, column = given
        words = read_quoted(token) if token.type == "STRING" else read_bare(str(token))
        value = _converted(field.kind, words, quoted=token.type == "STRING")
        if value is None:
            raise QueryError(
                Sentence("{field} is compared with {kind}", field=field.name, kind=(field.kind.value,)),
                self._text,
                column,
            )
        if field.kind is FieldKind.FOLDER and not words.text.strip("/"):
            raise QueryError(
                Sentence('which folder? write folder:holiday or folder:"/home/me/Pictures"'),
                self._text,
                column,
            )
        if field.kind is FieldKind.LETTERS and not letters_of(words.text):
            raise QueryError(Sentence('which letters? write ocr:RE16 or ocr:"no entry"'), self._text, column)
        return value


def _converted(kind: FieldKind, words: Words, *, quoted: bool) -> Value | None:
    match kind:
        case FieldKind.NUMBER:
            return as_number(words.text)
        case FieldKind.BYTES:
            return as_bytes(words.text)
        case FieldKind.DATE:
            return as_span(words.text)
        case FieldKind.PLACE:
            return None
        case FieldKind.SHAPE:
            return Words(words.text.lower()) if words.text.lower() in ORIENTATIONS else None
        case FieldKind.ANY if not quoted:
            if words.text.lower() in ("true", "false"):
                return words.text.lower() == "true"
            found = as_number(words.text)
            return found if found is not None else as_span(words.text) or words
        case _:
            return words


def _check_depth(text: str) -> None:
    depth = 0
    for column, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth > DEEPEST:
            raise QueryError(
                Sentence("brackets are nested more than {most} deep", most=DEEPEST), text, column
            )


def _size(found: Filter) -> int:
    match found:
        case And(parts) | Or(parts):
            return sum(map(_size, parts))
        case Not(part):
            return 1 + _size(part)
        case Test(values=values):
            return len(values)
        case _:
            return 1


def _place(of: Token | UnexpectedInput) -> int:
    """Where in the text it begins; its `column` would be that of its line, and names in quotes may hold lines."""
    found: int | None = of.start_pos if isinstance(of, Token) else of.pos_in_stream
    return found or 0


def _mistake(error: UnexpectedInput, text: str) -> QueryError:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return QueryError(
            Sentence("the filter ends too early: a comparison, value or bracket is missing"), text, len(text)
        )
    column = _place(error)
    if text[column] in "\"'":
        return QueryError(
            Sentence("a quote is opened and never closed, or stands where none belongs"), text, column
        )
    expected: Iterable[str] = ()
    if isinstance(error, UnexpectedToken):
        expected = error.accepts or error.expected
    elif isinstance(error, UnexpectedCharacters):
        expected = error.allowed or ()
    return QueryError(
        Sentence("cannot read the filter here; expected {expected}", expected=_phrases(expected)),
        text,
        column,
    )


_LATITUDE, _LONGITUDE, _DISTANCE = Sentence("latitude"), Sentence("longitude"), Sentence("distance in km")
_END = "the end"
_TOLD = {
    "NAME": "a field",
    "OPERATOR": "a comparison (= != < <= > >= :)",
    "BARE": "a value",
    "STRING": "a value",
    "_AND": "and",
    "_OR": "or",
    "_IN": "in",
    "_BETWEEN": "between",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": "a comma",
}


def _phrases(terminals: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({_TOLD[terminal] for terminal in terminals if terminal in _TOLD})) or (_END,)
