"""SQL dialects: expressions that SQLite and PostgreSQL write differently, told apart at compile time.

Among them is the Unicode normalisation (NFC) of columns, by which canonically equivalent texts are equal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement, Integer, Text, bindparam, case
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from vasari.retrieval.storage.file_names import composed

_SQLITE_FUNCTION = "vasari_composed"
Making = Callable[[], ColumnElement[Any]]


class ByDialect(ColumnElement[Any]):
    """One expression in the words of each database; only that of the database in use is made.

    So a SQLite user does not wait for PostgreSQL's types to be imported (60 ms). What is made holds values of its own,
    so the compiled text cannot be kept for other values.
    """

    inherit_cache = False

    def __init__(self, sqlite: Making, postgresql: Making, kind: TypeEngine[Any] | None = None) -> None:
        """`kind` is the type of what both make: whether something holds, unless said otherwise."""
        self.making = {"sqlite": sqlite, "postgresql": postgresql}
        self.type = kind or Boolean()

    def self_group(self, against: object = None) -> Self:  # noqa: ARG002
        """It stands in parentheses of its own: without them SQLite would compare it with 1, past every index."""
        return self


@compiles(ByDialect)
def _compiled(element: ByDialect, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.making[compiler.dialect.name](), **options)})"


class _Composed(FunctionElement[str]):
    """The one argument in NFC."""

    type = Text()
    inherit_cache = True


class _Octets(FunctionElement[int]):
    """How many bytes the one argument has in UTF-8."""

    type = Integer()
    inherit_cache = True


_GIVEN = "given"


class _Letters(FunctionElement[int]):
    """How many code points the one argument has."""

    type = Integer()
    inherit_cache = True


class _Among(FunctionElement[bool]):
    """Whether the first argument is one of the numbers that the second lists as JSON."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: object = None) -> Self:  # noqa: ARG002
        """As that of `ByDialect`."""
        return self


def among(column: ColumnElement[Any], numbers: Iterable[int]) -> ColumnElement[bool]:
    """Whether the column is one of these numbers, as many as they may be.

    They go to the database as one parameter. `in_` makes each a parameter of its own: a query by a thousand takes
    1.7 ms, most of it in Python, where this one takes 0.6.
    """
    return _Among(column, bindparam(None, _listed(numbers), Text()))


def among_given(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """As `among`, of the numbers that are `given` when it is executed: for statements that are made once."""
    return _Among(column, bindparam(_GIVEN, type_=Text()))


def given(numbers: Iterable[int]) -> dict[str, str]:
    """The parameter of a statement with `among_given`."""
    return {_GIVEN: _listed(numbers)}


def _listed(numbers: Iterable[int]) -> str:
    return f"[{','.join(map(str, numbers))}]"


def in_composed_letters(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column's text in NFC; only rows with other letters than ASCII's pay for it."""
    return case((_Letters(column) == _Octets(column), column), else_=_Composed(column))


def spellings(path: Sequence[str]) -> list[tuple[str, ...]]:
    """The names on the way to an attribute in composed and in decomposed letters, each once."""
    forms = (tuple(unicodedata.normalize(form, name) for name in path) for form in ("NFC", "NFD"))
    return list(dict.fromkeys((tuple(path), *forms)))


def teach_composing(connection: Any) -> None:
    """Give a SQLite connection of the driver the function that composes letters."""
    connection.create_function(
        _SQLITE_FUNCTION,
        1,
        lambda text: composed(text) if isinstance(text, str) else text,
        deterministic=True,
    )


@compiles(_Among, "sqlite")
def _among_in_sqlite(element: _Among, compiler: Any, **options: Any) -> str:
    column, numbers = (compiler.process(one, **options) for one in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({numbers})))"  # noqa: S608 (of our own columns)


@compiles(_Among, "postgresql")
def _among_in_postgres(element: _Among, compiler: Any, **options: Any) -> str:
    column, numbers = (compiler.process(one, **options) for one in element.clauses)
    return f"({column} = ANY (CAST(translate({numbers}, '[]', '{{}}') AS bigint[])))"


@compiles(_Composed, "sqlite")
def _composed_in_sqlite(element: _Composed, compiler: Any, **options: Any) -> str:
    return f"{_SQLITE_FUNCTION}({compiler.process(element.clauses, **options)})"


@compiles(_Composed, "postgresql")
def _composed_in_postgres(element: _Composed, compiler: Any, **options: Any) -> str:
    return f"normalize({compiler.process(element.clauses, **options)}, NFC)"


@compiles(_Octets, "sqlite")
def _octets_in_sqlite(element: _Octets, compiler: Any, **options: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


@compiles(_Octets, "postgresql")
def _octets_in_postgres(element: _Octets, compiler: Any, **options: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **options)})"


@compiles(_Letters)
def _letters(element: _Letters, compiler: Any, **options: Any) -> str:
    return f"length({compiler.process(element.clauses, **options)})"
