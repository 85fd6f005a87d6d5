"""Unicode normalisation (NFC) of columns, by SQL: canonically equivalent texts are equal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, case
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from vasari.retrieval.storage.file_names import composed

_SQLITE_FUNCTION = "vasari_composed"


class _Composed(FunctionElement[str]):
    """The one argument in NFC."""

    type = Text()
    inherit_cache = True


class _Octets(FunctionElement[int]):
    """How many bytes the one argument has in UTF-8."""

    type = Integer()
    inherit_cache = True


class _Letters(FunctionElement[int]):
    """How many code points the one argument has."""

    type = Integer()
    inherit_cache = True


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
