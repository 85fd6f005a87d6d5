"""Column types that mean the same on SQLite and PostgreSQL.

They give SQLAlchemy their conversions as plain functions (`bind_processor`, `result_processor`), not by
`process_bind_param`: that saves a call for each of the millions of values of a large library.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, Text, TypeDecorator
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

from vasari.retrieval.catalog.encoding import original_uri, stored_text, stored_uri

# SQLite makes only INTEGER PRIMARY KEY the rowid itself; BIGINT would cost a second index.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class Uri(TypeDecorator[str]):
    """A uri with any characters, lone surrogates included."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:  # noqa: ARG002
        """Escape what the database refuses."""
        return lambda value: None if value is None else stored_uri(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], str | None]:  # noqa: ARG002
        """Give back the very characters that were stored."""
        return lambda value: None if value is None else original_uri(value)


class Prose(TypeDecorator[str]):
    """Text for people: what the database refuses is replaced."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:  # noqa: ARG002
        """Replace what the database refuses."""
        return lambda value: None if value is None else stored_text(value)


class Attributes(TypeDecorator[Any]):
    """JSON: text on SQLite, JSONB on PostgreSQL; `encoding.json_text` writes it."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """JSONB where there is one; imported here, for it costs a SQLite user 60 ms."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(JSON())
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB())

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:
        """Compare `column["key"]` as JSON does."""
        return self.impl_instance.coerce_compared_value(op, value)


class Moment(TypeDecorator[datetime]):
    """A point in time, always in UTC; SQLite, which keeps no zone, has ISO text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Convert to UTC; a time without a zone is taken as UTC."""
        if dialect.name == "sqlite":
            return lambda value: (
                None if value is None else _utc(value).replace(tzinfo=None).isoformat(" ", "microseconds")
            )
        return lambda value: None if value is None else _utc(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002
        """Mark as UTC."""
        if dialect.name == "sqlite":
            return lambda value: None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)
        return lambda value: None if value is None else _utc(value)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
