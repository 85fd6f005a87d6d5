"""Keys of the HTTP service: only their SHA-256 is kept, so that a stolen catalog opens nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from vasari.retrieval.catalog.records import ApiKeyRecord
from vasari.retrieval.catalog.tables import api_keys


def add_key(connection: Connection, name: str, key_hash: str, scopes: Sequence[str]) -> int:
    """Enter a key by its hash; its id."""
    return connection.execute(
        insert(api_keys)
        .values(name=name, key_hash=key_hash, scopes=list(scopes), created_at=datetime.now(UTC))
        .returning(api_keys.c.id)
    ).scalar_one()


def keys_of(connection: Connection) -> list[ApiKeyRecord]:
    """All keys, oldest first, the revoked ones too."""
    rows = connection.execute(select(api_keys).order_by(api_keys.c.id))
    return [
        ApiKeyRecord(row.id, row.name, row.key_hash, tuple(row.scopes), row.created_at, row.revoked_at)
        for row in rows
    ]


def revoke_key(connection: Connection, key: int) -> bool:
    """Make a key useless; False when there is none that was still in use."""
    return bool(
        connection.execute(
            update(api_keys)
            .where(api_keys.c.id == key, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=datetime.now(UTC))
        ).rowcount
    )
