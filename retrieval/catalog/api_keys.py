"""Keys of the HTTP service: only their SHA-256 is kept, so that a stolen catalog opens nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from vasari.retrieval.catalog.database import Repository, upserting
from vasari.retrieval.catalog.records import ApiKeyRecord, KeyLimits, KeyUsage
from vasari.retrieval.catalog.tables import api_keys, key_usage
from vasari.retrieval.errors import NotFoundError

_LIMITS = tuple(field.name for field in fields(KeyLimits))
_USES = tuple(field.name for field in fields(KeyUsage))


class ApiKeys(Repository):
    """The keys of a library's service, by their hashes."""

    def add(self, name: str, key_hash: str, scopes: Sequence[str], limits: KeyLimits | None = None) -> int:
        """Enter a key by the SHA-256 of its text; its id."""
        with self._database.write() as connection:
            return _enter(connection, name, key_hash, scopes, limits or KeyLimits())

    def all(self) -> list[ApiKeyRecord]:
        """All keys, oldest first, the revoked ones too."""
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.id))]

    def revoke(self, key: int) -> bool:
        """Make a key useless; False when there is none in use with this id."""
        with self._database.write() as connection:
            return bool(connection.execute(_ending(key, revoked_at=datetime.now(UTC))).rowcount)

    def rotate(self, key: int, key_hash: str, old_ends: datetime | None) -> ApiKeyRecord:
        """Enter a key that may what `key` may, which ends at `old_ends`, or now; NotFoundError where none is in use."""
        now = datetime.now(UTC)
        with self._database.write() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == key)).first()
            old = None if row is None else _record(row)
            if old is None or not old.opens(now):
                raise NotFoundError(f"no key {key} in use; see `vasari keys list`")
            number = _enter(connection, old.name, key_hash, old.scopes, old.limits)
            expires = old.limits.expires_at
            if old_ends is None:
                connection.execute(_ending(key, revoked_at=now))
            elif expires is None or old_ends < expires:
                connection.execute(_ending(key, expires_at=old_ends))
        return replace(old, id=number, key_hash=key_hash, created_at=now, last_used_at=None)

    def count(self, day: str, uses: Mapping[int, KeyUsage], now: datetime) -> dict[int, KeyUsage]:
        """Add what keys asked for on `day` (2026-01-31, of UTC); what each of them has asked for on it, by everybody.

        What was counted before that day is forgotten.
        """
        with self._database.write() as connection:
            for key, use in uses.items():
                entry = upserting(connection, key_usage).values(key_id=key, day=day, **asdict(use))
                added = {name: key_usage.c[name] + entry.excluded[name] for name in _USES}
                connection.execute(entry.on_conflict_do_update(index_elements=["key_id", "day"], set_=added))
            connection.execute(update(api_keys).where(api_keys.c.id.in_(uses)).values(last_used_at=now))
            connection.execute(delete(key_usage).where(key_usage.c.day < day))
            return _used(connection, day)

    def used(self, day: str) -> dict[int, KeyUsage]:
        """What each key has asked for on a day."""
        with self._database.read() as connection:
            return _used(connection, day)


def _enter(connection: Connection, name: str, key_hash: str, scopes: Sequence[str], limits: KeyLimits) -> int:
    new = insert(api_keys).values(
        name=name, key_hash=key_hash, scopes=list(scopes), created_at=datetime.now(UTC), **asdict(limits)
    )
    return connection.execute(new.returning(api_keys.c.id)).scalar_one()


def _ending(key: int, **when: datetime) -> Any:
    return update(api_keys).where(api_keys.c.id == key, api_keys.c.revoked_at.is_(None)).values(**when)


def _record(row: Row[Any]) -> ApiKeyRecord:
    limits = KeyLimits(**{name: getattr(row, name) for name in _LIMITS})
    return ApiKeyRecord(
        row.id,
        row.name,
        row.key_hash,
        tuple(row.scopes),
        row.created_at,
        row.revoked_at,
        limits,
        row.last_used_at,
    )


def _used(connection: Connection, day: str) -> dict[int, KeyUsage]:
    rows = connection.execute(select(key_usage).where(key_usage.c.day == day))
    return {row.key_id: KeyUsage(row.requests, row.upload_bytes, row.upload_pictures) for row in rows}
