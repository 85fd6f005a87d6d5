"""Job queue between processes: who runs a job sends heartbeats, and a silent one may be taken over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select, update

from vasari.retrieval.catalog.failures import RUNNING
from vasari.retrieval.catalog.records import JobRecord
from vasari.retrieval.catalog.tables import jobs

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def job_of(connection: Connection, job: int) -> JobRecord | None:
    """The job with this id."""
    row = connection.execute(select(jobs).where(jobs.c.id == job)).first()
    return None if row is None else JobRecord(**row._asdict())


def beat_job(connection: Connection, job: int, progress: Mapping[str, Any]) -> bool:
    """Note progress of a job that still runs; False when it was cancelled meanwhile."""
    return bool(
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job, jobs.c.state == RUNNING)
            .values(progress=progress, heartbeat_at=datetime.now(UTC))
        ).rowcount
    )


def end_job(connection: Connection, job: int, state: str, progress: Mapping[str, Any] | None) -> bool:
    """End a job that still runs; False when it has ended already."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {"state": state, "heartbeat_at": now, "finished_at": now}
    if progress is not None:
        values["progress"] = progress
    return bool(
        connection.execute(
            update(jobs).where(jobs.c.id == job, jobs.c.state == RUNNING).values(values)
        ).rowcount
    )


def claim_job(connection: Connection, job: int, seen: datetime) -> bool:
    """Take over a running job whose last heartbeat was `seen`; False when another was faster."""
    return bool(
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job, jobs.c.state == RUNNING, jobs.c.heartbeat_at == seen)
            .values(heartbeat_at=datetime.now(UTC))
        ).rowcount
    )


def release_job(connection: Connection, job: int) -> None:
    """Leave a running job to whoever comes next."""
    connection.execute(
        update(jobs).where(jobs.c.id == job, jobs.c.state == RUNNING).values(heartbeat_at=LONG_AGO)
    )
