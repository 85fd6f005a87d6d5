"""Column types that mean the same on SQLite and PostgreSQL."""

# ruff: noqa: ARG002  (SQLAlchemy calls the processors with the dialect, needed or not)

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, Text, TypeDecorator
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

from retrieval.catalog.encoding import original_uri, stored_json, stored_text, stored_uri

# SQLite makes only INTEGER PRIMARY KEY the rowid itself; BIGINT would cost a second index.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class Uri(TypeDecorator[str]):
    """A uri with any characters, lone surrogates included."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape what the database refuses."""
        return None if value is None else stored_uri(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Give back the very characters that were stored."""
        return None if value is None else original_uri(value)


class Prose(TypeDecorator[str]):
    """Text for people: what the database refuses is replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace what the database refuses."""
        return None if value is None else stored_text(value)


class Attributes(TypeDecorator[Any]):
    """A JSON object: JSON text on SQLite, JSONB on PostgreSQL."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """JSONB where there is one; imported here, for it costs a SQLite user 60 ms."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(JSON())
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Make the value strict JSON."""
        return None if value is None else stored_json(value)

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:
        """Compare `column["key"]` as JSON does."""
        return self.impl_instance.coerce_compared_value(op, value)


class Moment(TypeDecorator[datetime]):
    """A point in time, always in UTC (SQLite keeps no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; a time without a zone is taken as UTC."""
        if value is None:
            return None
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.replace(tzinfo=None) if dialect.name == "sqlite" else aware

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Mark as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
