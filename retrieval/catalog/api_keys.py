"""Keys of the HTTP service: only their SHA-256 is kept, so that a stolen catalog opens nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import insert, select, update

from vasari.retrieval.catalog.database import Repository
from vasari.retrieval.catalog.records import ApiKeyRecord
from vasari.retrieval.catalog.tables import api_keys


class ApiKeys(Repository):
    """The keys of a library's service, by their hashes."""

    def add(self, name: str, key_hash: str, scopes: Sequence[str]) -> int:
        """Enter a key by the SHA-256 of its text; its id."""
        new = insert(api_keys).values(
            name=name, key_hash=key_hash, scopes=list(scopes), created_at=datetime.now(UTC)
        )
        with self._database.write() as connection:
            return connection.execute(new.returning(api_keys.c.id)).scalar_one()

    def all(self) -> list[ApiKeyRecord]:
        """All keys, oldest first, the revoked ones too."""
        with self._database.read() as connection:
            return [
                ApiKeyRecord(
                    row.id, row.name, row.key_hash, tuple(row.scopes), row.created_at, row.revoked_at
                )
                for row in connection.execute(select(api_keys).order_by(api_keys.c.id))
            ]

    def revoke(self, key: int) -> bool:
        """Make a key useless; False when there is none in use with this id."""
        in_use = update(api_keys).where(api_keys.c.id == key, api_keys.c.revoked_at.is_(None))
        with self._database.write() as connection:
            return bool(connection.execute(in_use.values(revoked_at=datetime.now(UTC))).rowcount)
