"""Job queue between processes: who runs a job sends heartbeats, and a silent one may be taken over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update

from vasari.retrieval.catalog.database import Repository
from vasari.retrieval.catalog.records import HANDED_OVER, JobRecord
from vasari.retrieval.catalog.tables import jobs
from vasari.retrieval.errors import NotFoundError

_RUNNING = "running"


class Jobs(Repository):
    """The bulk jobs of a library. A state is running, done, failed or cancelled; all but the first end a job."""

    def start(self, kind: str, params: Mapping[str, Any]) -> int:
        """Enter a running job; its id."""
        now = datetime.now(UTC)
        new = insert(jobs).values(
            kind=kind, params=params, state=_RUNNING, progress={}, started_at=now, heartbeat_at=now
        )
        with self._database.write() as connection:
            return connection.execute(new.returning(jobs.c.id)).scalar_one()

    def latest(self, limit: int | None = None) -> list[JobRecord]:
        """Jobs, the latest first."""
        query = select(jobs).order_by(jobs.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [JobRecord(**row._asdict()) for row in connection.execute(query)]

    def get(self, job: int) -> JobRecord | None:
        """The job with this id."""
        with self._database.read() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == job)).first()
        return None if row is None else JobRecord(**row._asdict())

    def update(self, job: int, state: str, progress: Mapping[str, Any] | None = None) -> None:
        """Note a job's state and progress, whatever its state was; raises NotFoundError."""
        if not self._note(job, _told(state, progress)):
            raise NotFoundError(f"there is no job {job}")

    def beat(self, job: int, progress: Mapping[str, Any]) -> bool:
        """Note progress of a running job; False when it was cancelled or has ended."""
        return self._note(job, _told(_RUNNING, progress), jobs.c.state == _RUNNING)

    def end(self, job: int, state: str, progress: Mapping[str, Any] | None = None) -> bool:
        """End a running job (done, failed, cancelled); False when it has ended already."""
        return self._note(job, _told(state, progress), jobs.c.state == _RUNNING)

    def claim(self, job: int, seen: datetime) -> bool:
        """Take over a running job whose last heartbeat was `seen`; False when another was faster."""
        silent = (jobs.c.state == _RUNNING) & (jobs.c.heartbeat_at == seen)
        return self._note(job, _told(_RUNNING), silent)

    def release(self, job: int) -> None:
        """Leave a running job to whoever claims it next."""
        self._note(job, {"heartbeat_at": HANDED_OVER}, jobs.c.state == _RUNNING)

    def _note(self, job: int, values: Mapping[str, Any], *conditions: ColumnElement[bool]) -> bool:
        statement = update(jobs).where(jobs.c.id == job, *conditions).values(dict(values))
        with self._database.write() as connection:
            return bool(connection.execute(statement).rowcount)


def _told(state: str, progress: Mapping[str, Any] | None = None) -> dict[str, Any]:
    now = datetime.now(UTC)
    values: dict[str, Any] = {"state": state, "heartbeat_at": now}
    if progress is not None:
        values["progress"] = progress
    if state != _RUNNING:
        values["finished_at"] = now
    return values
