"""SQL dialects: expressions that SQLite and PostgreSQL write differently, told apart at compile time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

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
