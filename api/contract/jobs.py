"""Bulk jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vasari.api.contract.scalars import Fields, moment, read_moment
from vasari.api.json_text import original
from vasari.retrieval.catalog.records import JobRecord


def job_fields(job: JobRecord) -> Fields:
    """A bulk job; `state` is running, done, failed or cancelled."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "params": dict(job.params),
        "progress": dict(job.progress),
        "started_at": moment(job.started_at),
        "heartbeat_at": moment(job.heartbeat_at),
        "finished_at": moment(job.finished_at),
    }


def read_job(body: Mapping[str, Any]) -> JobRecord:
    """The inverse."""
    moments = {name: read_moment(body[name]) for name in ("started_at", "heartbeat_at", "finished_at")}
    return JobRecord(**{**original(body), **moments})
