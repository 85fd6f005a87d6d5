"""The failure ledger: files that could not be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, select

from vasari.retrieval.catalog.database import Repository, chunks, upserting
from vasari.retrieval.catalog.encoding import uri_key
from vasari.retrieval.catalog.records import Failure
from vasari.retrieval.catalog.tables import failures
from vasari.retrieval.domain import Skipped

_SEEN = ("stage", "reason", "bytes", "mtime_ns", "ctime_ns")


class Failures(Repository):
    """The failures of a library's jobs, one a file."""

    def record(self, skipped: Sequence[Skipped]) -> None:
        """Enter files that could not be used; one that was there before counts one attempt more."""
        if not skipped:
            return
        now = datetime.now(UTC)
        # One a file, else one statement would meet it twice.
        last = {uri_key(one.uri): one for one in skipped}
        values = [
            {
                "uri_key": key,
                "attempts": 1,
                "at": now,
                **{name: getattr(one, name) for name in ("uri", *_SEEN)},
            }
            for key, one in last.items()
        ]
        with self._database.write() as connection:
            entry = upserting(connection, failures)
            connection.execute(
                entry.on_conflict_do_update(
                    index_elements=[failures.c.uri_key],
                    set_={
                        **{name: entry.excluded[name] for name in _SEEN},
                        "attempts": failures.c.attempts + 1,
                        "at": entry.excluded.at,
                    },
                ),
                values,
            )

    def latest(self, limit: int | None = None) -> list[Failure]:
        """Files that could not be used, the latest first."""
        query = select(*(failures.c[name] for name in Failure.__dataclass_fields__))
        latest = query.order_by(failures.c.at.desc(), failures.c.uri).limit(limit)
        with self._database.read() as connection:
            return [Failure(*row) for row in connection.execute(latest)]

    def count(self) -> int:
        """How many files could not be used."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(failures)).scalar_one()

    def clear(self, uris: Iterable[str] | None = None) -> int:
        """Strike out these files, or all; says how many."""
        with self._database.write() as connection:
            if uris is None:
                return connection.execute(delete(failures)).rowcount
            return clear_failures(connection, uris)


def clear_failures(connection: Connection, uris: Iterable[str]) -> int:
    """Strike out these files; says how many."""
    return sum(
        connection.execute(delete(failures).where(failures.c.uri_key.in_(keys))).rowcount
        for keys in chunks(uri_key(uri) for uri in uris)
    )
