"""Jobs: bulk work in the background, with progress as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse

from vasari.api.contract.jobs import job_fields
from vasari.api.json_text import as_json
from vasari.api.service.converters import told
from vasari.api.service.dependencies import ADMIN, ServiceDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.schemas.fields import LARGEST_ID, Whole
from vasari.api.service.schemas.jobs import JobAnswer, JobBody, JobsAnswer
from vasari.api.service.service import Service
from vasari.retrieval.errors import OverloadedError

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[ADMIN])
JobPath = Annotated[int, Whole, Path(ge=1, le=LARGEST_ID)]
MOST_STREAMS = 64  # of one process, open at once
_PAUSE = 0.25  # seconds between looks
_QUIET = 15.0  # seconds without news until a comment keeps proxies from closing the stream


@router.post(
    "",
    operation_id="start_job",
    status_code=202,
    responses=problems(400, 404, 409, 415, 422, 501),
    openapi_extra=described(JobBody),
    response_model=JobAnswer,
)
async def start(service: ServiceDep, body: Annotated[JobBody, Depends(body_of(JobBody))]) -> Response:
    """Put a job in line; one runs at a time."""
    params = body.model_dump(exclude={"kind"}, exclude_defaults=True, by_alias=True)
    return told(job_fields(await service.run(service.jobs.submit, body.kind, params)), 202)


@router.get("", operation_id="list_jobs", responses=problems(422), response_model=JobsAnswer)
async def recent(service: ServiceDep, limit: Annotated[int, Whole, Query(ge=1, le=200)] = 20) -> Response:
    """Jobs, the latest first."""
    return told({"jobs": [job_fields(job) for job in await service.run(service.jobs.recent, limit)]})


@router.get("/{id}", operation_id="get_job", responses=problems(404, 422), response_model=JobAnswer)
async def look(service: ServiceDep, id: JobPath) -> Response:  # noqa: A002
    """One job."""
    return told(job_fields(await service.run(service.jobs.job, id)))


@router.delete("/{id}", operation_id="cancel_job", responses=problems(404, 422), response_model=JobAnswer)
async def cancel(service: ServiceDep, id: JobPath) -> Response:  # noqa: A002
    """Stop a job after the batch at work; what it did stays. One that has ended is left as it is."""
    return told(job_fields(await service.run(service.jobs.cancel, id)))


@router.get(
    "/{id}/events",
    operation_id="job_events",
    response_class=StreamingResponse,
    responses={
        **problems(404, 422),
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "An event `progress` for each change, and `end` with the last state; data is a JobAnswer.",
        },
    },
)
async def events(service: ServiceDep, id: JobPath) -> StreamingResponse:  # noqa: A002
    """Progress as it happens. The stream ends with the job, or when the service stops."""
    if service.streams >= MOST_STREAMS:
        raise OverloadedError(f"{service.streams} event streams are open already: close some", 5.0)
    await service.run(service.jobs.job, id)
    return StreamingResponse(_stream(service, id), media_type="text/event-stream")


async def _stream(service: Service, job: int) -> AsyncIterator[bytes]:
    service.streams += 1
    try:
        async for event in _events(service, job):
            yield event
    finally:
        service.streams -= 1


async def _events(service: Service, job: int) -> AsyncIterator[bytes]:
    last, quiet = "", 0.0
    while not service.stopping.is_set():
        now = await service.job(job)
        news = as_json({name: told for name, told in job_fields(now).items() if name != "heartbeat_at"})
        if news != last or now.ended:
            yield f"event: {'end' if now.ended else 'progress'}\ndata: {news}\n\n".encode()
            last, quiet = news, 0.0
        if now.ended:
            return
        if quiet >= _QUIET:
            yield b": still here\n\n"
            quiet = 0.0
        with anyio.move_on_after(_PAUSE):
            await service.stopping.wait()
        quiet += _PAUSE
