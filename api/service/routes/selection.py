"""What is done with many items at once: downloading and exporting them, taking them out of the library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from vasari.api.service.converters import told
from vasari.api.service.dependencies import SEARCHER, WRITER, ServiceDep, SightDep, charge
from vasari.api.service.openapi.schema import problems
from vasari.api.service.problems import ProblemError
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.runtime.zip_stream import zip_stream
from vasari.api.service.schemas.fields import LARGEST_ID
from vasari.api.service.schemas.selection import (
    RemovalAnswer,
    RemovalBody,
    StackAnswer,
    StackBody,
    UnstackAnswer,
)
from vasari.api.service.service import Service
from vasari.api.service.sight import Sight
from vasari.indexer.exchange.exporting import Format, export_of
from vasari.retrieval.domain import Item, ItemId, Modality
from vasari.retrieval.errors import NotFoundError, Sentence, UsageError
from vasari.retrieval.library.remove import remove
from vasari.retrieval.library.trash import check_trash

router = APIRouter(prefix="/v1", tags=["items"])
MOST_DOWNLOADED = 2000  # pictures of one archive
_FREE = 20  # pictures that a download may have for the price of a search
LIST = r"^[0-9]{1,19}(,[0-9]{1,19})*$"  # of ids
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_MEDIA = {"jsonl": "jsonl", "parquet": "vnd.apache.parquet"}
TABLES = {"content": {f"application/{media}": _BINARY for media in _MEDIA.values()}}
ZIP = {"content": {"application/zip": _BINARY}}


@router.get(
    "/download",
    dependencies=[SEARCHER],
    operation_id="download",
    response_class=StreamingResponse,
    responses={**problems(400, 404, 422), 200: {**ZIP, "description": "The files, one after the other."}},
)
async def download(
    service: ServiceDep,
    sight: SightDep,
    request: Request,
    ids: Annotated[str, Query(pattern=LIST, max_length=40_000, description="Such as 3,5,8.")],
) -> Response:
    """The originals of some items as a zip, sent while it is made. What cannot be read is listed in `left out.txt`."""
    found = await _wanted(sight, request, ids)

    async def read(item: Item) -> bytes:
        return await service.look(service.originals.read, item)

    pieces = zip_stream(list(found.values()), read)
    return StreamingResponse(pieces, 200, _attached("pictures.zip"), "application/zip")


@router.get(
    "/export",
    dependencies=[SEARCHER],
    operation_id="export",
    response_class=StreamingResponse,
    responses={**problems(400, 404, 422), 200: {**TABLES, "description": "One item a line, or a row."}},
)
async def export(
    service: ServiceDep,
    sight: SightDep,
    request: Request,
    ids: Annotated[str, Query(pattern=LIST, max_length=40_000, description="Such as 3,5,8.")],
    format: Literal["jsonl", "parquet"] = "jsonl",  # noqa: A002
) -> Response:
    """All that is said of some items, and their vectors, as `vasari export` writes it and `vasari import` reads it."""
    found = list(await _wanted(sight, request, ids))
    pieces = await service.run(export_of, service.library, found, Format(format), whole=sight.within is None)
    return StreamingResponse(
        _sent(service, pieces), 200, _attached(f"pictures.{format}"), f"application/{_MEDIA[format]}"
    )


async def _sent(service: Service, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each piece, made in a thread."""
    while (piece := await service.run(next, pieces, None)) is not None:
        yield piece


async def _wanted(sight: Sight, request: Request, ids: str) -> Mapping[ItemId, Item]:
    """Those of some ids that the caller sees, paid for; NotFoundError where that is none."""
    wanted = [int(item) for item in dict.fromkeys(ids.split(","))]
    if len(wanted) > MOST_DOWNLOADED:
        raise UsageError(
            Sentence(
                "a download takes at most {most:,} pictures, and these are {n:,}",
                most=MOST_DOWNLOADED,
                n=len(wanted),
            )
        )
    found = await sight.items([item for item in wanted if item <= LARGEST_ID])
    if not found:
        raise NotFoundError("none of these items is in this library")
    charge(request, len(found) // _FREE)
    return found


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


@router.post(
    "/remove",
    dependencies=[WRITER],
    operation_id="remove_items",
    responses=problems(400, 409, 415, 422, 501),
    openapi_extra=described(RemovalBody),
    response_model=RemovalAnswer,
)
async def remove_items(
    service: ServiceDep, sight: SightDep, body: Annotated[RemovalBody, Depends(body_of(RemovalBody))]
) -> Response:
    """Take items out of the library. Uploaded files are removed; indexed ones are touched only with `trash`."""
    if body.trash:
        _check_trash(service)
    seen = list(await sight.items(body.ids))
    trash = service.originals.to_trash if body.trash else None
    done = await service.run(remove, service.library, seen, service.writing, trash)
    service.quotas.give_back(done.freed)
    unseen = [item for item in dict.fromkeys(body.ids) if item not in seen]
    answer = {"removed": done.removed, "not_found": unseen}
    kept = [{"item": item, "reason": reason} for item, reason in done.kept.items()]
    return told(answer | ({"kept": kept} if body.trash else {}))


def _check_trash(service: Service) -> None:
    try:
        check_trash(service.settings)
    except UsageError as error:
        raise ProblemError(403, "trash", str(error)) from None


@router.post(
    "/stack",
    dependencies=[WRITER],
    operation_id="stack",
    responses=problems(400, 415, 422),
    openapi_extra=described(StackBody),
    response_model=StackAnswer,
)
async def stack(
    service: ServiceDep, sight: SightDep, body: Annotated[StackBody, Depends(body_of(StackBody))]
) -> Response:
    """Make pictures one stack, which searches with `group_by` show as one; they leave those that they were in."""
    seen, unseen = await _pictures(sight, body.ids)
    members = await service.run(service.library.catalog.stacks.make, seen)
    return told({"members": list(members), "not_found": unseen})


@router.post(
    "/unstack",
    dependencies=[WRITER],
    operation_id="unstack",
    responses=problems(400, 415, 422),
    openapi_extra=described(StackBody),
    response_model=UnstackAnswer,
)
async def unstack(
    service: ServiceDep, sight: SightDep, body: Annotated[StackBody, Depends(body_of(StackBody))]
) -> Response:
    """Take pictures out of their stacks; no rule puts them into one again."""
    seen, unseen = await _pictures(sight, body.ids)
    await service.run(service.library.catalog.stacks.take_out, seen)
    return told({"unstacked": seen, "not_found": unseen})


async def _pictures(sight: Sight, ids: Sequence[ItemId]) -> tuple[list[ItemId], list[ItemId]]:
    """Those of the ids that are pictures which the caller sees, and the others; each once."""
    found = await sight.items(ids)
    pictures = {item for item, known in found.items() if known.modality is Modality.IMAGE}
    wanted = dict.fromkeys(ids)
    return [item for item in wanted if item in pictures], [item for item in wanted if item not in pictures]
