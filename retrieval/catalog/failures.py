"""The failure ledger, and the record of jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from vasari.retrieval.catalog.encoding import uri_key
from vasari.retrieval.catalog.records import Failure, JobRecord
from vasari.retrieval.catalog.statements import chunks, upserting
from vasari.retrieval.catalog.tables import failures, jobs
from vasari.retrieval.domain import Skipped
from vasari.retrieval.errors import NotFoundError

RUNNING = "running"
_SEEN = ("stage", "reason", "bytes", "mtime_ns", "ctime_ns")


def record_failures(connection: Connection, skipped: Iterable[Skipped]) -> None:
    """Enter files that could not be used; one that was there before counts one attempt more."""
    now = datetime.now(UTC)
    last = {
        uri_key(one.uri): one for one in skipped
    }  # one entry a file, else one statement would meet it twice
    values = [
        {
            "uri_key": key,
            "attempts": 1,
            "at": now,
            **{name: getattr(one, name) for name in ("uri", *_SEEN)},
        }
        for key, one in last.items()
    ]
    if not values:
        return
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


def failures_of(connection: Connection, limit: int | None) -> list[Failure]:
    """The latest first."""
    query = select(*(failures.c[name] for name in Failure.__dataclass_fields__))
    rows = connection.execute(query.order_by(failures.c.at.desc(), failures.c.uri).limit(limit))
    return [Failure(*row) for row in rows]


def count_failures(connection: Connection) -> int:
    """How many files are in the ledger."""
    return connection.execute(select(func.count()).select_from(failures)).scalar_one()


def clear_failures(connection: Connection, uris: Iterable[str] | None) -> int:
    """Strike out these files, or (None) all; says how many."""
    if uris is None:
        return connection.execute(delete(failures)).rowcount
    return sum(
        connection.execute(delete(failures).where(failures.c.uri_key.in_(keys))).rowcount
        for keys in chunks(uri_key(uri) for uri in uris)
    )


def start_job(connection: Connection, kind: str, params: Mapping[str, Any]) -> int:
    """Enter a running job; its id."""
    now = datetime.now(UTC)
    return connection.execute(
        insert(jobs)
        .values(kind=kind, params=params, state=RUNNING, progress={}, started_at=now, heartbeat_at=now)
        .returning(jobs.c.id)
    ).scalar_one()


def update_job(connection: Connection, job: int, state: str, progress: Mapping[str, Any] | None) -> None:
    """Note a job's state and progress; any state but running ends it."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {"state": state, "heartbeat_at": now}
    if progress is not None:
        values["progress"] = progress
    if state != RUNNING:
        values["finished_at"] = now
    if not connection.execute(update(jobs).where(jobs.c.id == job).values(values)).rowcount:
        raise NotFoundError(f"there is no job {job}")


def jobs_of(connection: Connection, limit: int | None) -> list[JobRecord]:
    """The latest first."""
    rows = connection.execute(select(jobs).order_by(jobs.c.id.desc()).limit(limit))
    return [JobRecord(**row._asdict()) for row in rows]
