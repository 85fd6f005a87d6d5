"""Items: looking at them, finding like ones, adding, changing and deleting them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from vasari.api.contract.items import item_fields, listed_fields
from vasari.api.service.converters import picture_of, search_fields, told
from vasari.api.service.dependencies import SEARCHER, WRITER, Anyone, ServiceDep, SightDep, charge
from vasari.api.service.openapi.schema import problems
from vasari.api.service.ranges import ranged
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.runtime.files import SIDES, Original, is_read
from vasari.api.service.schemas.fields import (
    LARGEST_ID,
    MODEL_COST,
    Filter,
    GroupBy,
    Limit,
    Offset,
    Share,
    Whole,
)
from vasari.api.service.schemas.items import ItemAnswer, ItemsAnswer, PatchBody, UploadBody, captions_of
from vasari.api.service.schemas.search import SearchAnswer
from vasari.api.service.security.auth import Scope
from vasari.api.service.service import Service
from vasari.retrieval.domain import CaptionSource, Item, Modality, SearchRequest, Term, TermKind
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.upload import Notes

router = APIRouter(prefix="/v1/items", tags=["items"])
ItemPath = Annotated[int, Whole, Path(ge=1, le=LARGEST_ID, description="The item's number.")]
WEBP = {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}}
IMAGE = {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}
PNG = {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}


@router.get(
    "/{id}",
    dependencies=[SEARCHER],
    operation_id="get_item",
    responses=problems(404, 422),
    response_model=ItemAnswer,
)
async def item(service: ServiceDep, sight: SightDep, id: ItemPath) -> Response:  # noqa: A002
    """All that is known of an item."""
    return told(item_fields(await _whole(service, await sight.item(id))))


@router.get(
    "/{id}/similar",
    dependencies=[SEARCHER],
    operation_id="similar",
    responses=problems(400, 404, 422),
    response_model=SearchAnswer,
)
async def similar(
    sight: SightDep,
    id: ItemPath,  # noqa: A002
    limit: Annotated[Limit, Query()] = 10,
    offset: Annotated[Offset, Query()] = 0,
    modality: Modality = Modality.IMAGE,
    filter: Annotated[Filter | None, Query()] = None,  # noqa: A002
    collapse: bool = False,
    group_by: Annotated[GroupBy | None, Query()] = None,
    min_relevance: Annotated[Share | None, Query()] = None,
) -> Response:
    """Items like this one; itself is left out."""
    request = SearchRequest(
        (Term(TermKind.ITEM, item=id),),
        modality=modality,
        filter=filter or None,
        limit=limit,
        offset=offset,
        collapse=collapse,
        group_by=group_by,
        min_relevance=min_relevance,
        exclude_query_items=True,
    )
    return told(search_fields(await sight.search(request)))


@router.get(
    "/{id}/stack",
    dependencies=[SEARCHER],
    operation_id="get_stack",
    responses=problems(404, 422),
    response_model=ItemsAnswer,
)
async def stack_of(service: ServiceDep, sight: SightDep, id: ItemPath) -> Response:  # noqa: A002
    """The pictures that are one stack with this one, itself among them, by number; alone where it is in none."""
    own = await sight.item(id)
    members = await service.run(service.library.catalog.stacks.with_item, id)
    found = {own.id: own} | dict(await sight.items(members))
    items = [listed_fields(found[item]) for item in sorted(found)]
    return told({"items": items, "total": len(items)})


@router.get(
    "/{id}/thumbnail",
    dependencies=[SEARCHER],
    operation_id="thumbnail",
    response_class=Response,
    responses={
        **problems(404, 409, 422),
        200: {**WEBP, "description": "A small WebP picture."},
        304: {"description": "The one you have is still right."},
    },
)
async def thumbnail(
    service: ServiceDep,
    sight: SightDep,
    request: Request,
    id: ItemPath,  # noqa: A002
    side: Annotated[
        int,
        Whole,
        Query(description="Pixels of the square it fits in.", json_schema_extra={"enum": list(SIDES)}),
    ] = 320,
    v: Annotated[
        str | None, Query(max_length=64, description="The content's hash: lets browsers keep it.")
    ] = None,
) -> Response:
    """The item's picture, small."""
    if side not in SIDES:
        raise UsageError(f"a side is one of {', '.join(map(str, SIDES))}")
    found = await sight.item(id)
    if (unchanged := _unchanged(service, request, found, f"-{side}", v)) is not None:
        return unchanged
    small = await service.look(service.originals.thumbnail, found, side)
    return Response(small.data, 200, _cache_headers(service, small, f"-{side}", v), "image/webp")


@router.get(
    "/{id}/original",
    dependencies=[SEARCHER],
    operation_id="original",
    response_class=Response,
    responses={
        **problems(404, 409, 422),
        200: {**IMAGE, "description": "The file."},
        206: {**IMAGE, "description": "The range of it that was asked for."},
        416: {"description": "A range beyond its end."},
        304: {"description": "The one you have is still right."},
    },
)
async def original(
    service: ServiceDep,
    sight: SightDep,
    request: Request,
    id: ItemPath,  # noqa: A002
    v: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """The file itself, as it was indexed; formats that browsers do not show come as a large WebP."""
    found = await sight.item(id)
    if (unchanged := _unchanged(service, request, found, "", v)) is not None:
        return unchanged
    whole = await service.look(service.originals.original, found)
    headers = _cache_headers(service, whole, "", v)
    if whole.media_type is not None:
        return ranged(whole.data, headers, whole.media_type, request.headers)
    large = await service.look(service.originals.thumbnail, found, max(SIDES))
    return ranged(large.data, headers, "image/webp", request.headers)


@router.get(
    "/{id}/why",
    dependencies=[SEARCHER],
    operation_id="why",
    response_class=Response,
    responses={**problems(400, 404, 409, 422, 501, 503), 200: {**PNG, "description": "A heat map."}},
)
async def why(
    service: ServiceDep,
    sight: SightDep,
    request: Request,
    id: ItemPath,  # noqa: A002
    q: Annotated[str, Query(min_length=1, max_length=1000, pattern=r"\S", description="The query's words.")],
) -> Response:
    """Where in the picture the words are found: a heat map to lay over it, as PNG with transparency."""
    charge(request, MODEL_COST - 1)
    await service.look(service.originals.read, await sight.item(id))  # inside the roots, and what was indexed
    data = await service.think(service.library.why_png, id, q.strip())
    return Response(data, 200, {"Cache-Control": "private, max-age=3600"}, "image/png")


@router.post(
    "",
    dependencies=[WRITER],
    operation_id="add_item",
    status_code=201,
    response_model=ItemAnswer,
    responses={
        **problems(400, 404, 409, 415, 422, 503, 507),
        200: {"model": ItemAnswer, "description": "This very picture was sent before."},
    },
    openapi_extra=described(UploadBody),
)
async def add(
    service: ServiceDep,
    caller: Anyone,
    body: Annotated[UploadBody, Depends(body_of(UploadBody))],
) -> Response:
    """Add a picture to the library. The same picture sent twice is one item; then 200 comes back.

    A key without the scope `search` is told what it sent, and not what others wrote about that picture.
    """
    if (body.image is None) == (body.url is None):
        raise UsageError("send a picture: either image or url")
    data = await picture_of(body.image, body.url, service)
    notes = Notes(captions_of(body.captions), tuple(body.tags), dict(body.attributes))
    added, new = await service.add(data, notes, caller.key)
    fields = item_fields(added if caller.may(Scope.SEARCH) else _as_sent(added, notes))
    return told(fields, 201 if new else 200, {"Location": f"/v1/items/{added.id}"})


@router.patch(
    "/{id}",
    dependencies=[WRITER],
    operation_id="patch_item",
    response_model=ItemAnswer,
    responses={**problems(400, 404, 415, 422), 204: {"description": "Changed; this key may not read items."}},
    openapi_extra=described(PatchBody),
)
async def patch(
    service: ServiceDep,
    sight: SightDep,
    id: ItemPath,  # noqa: A002
    caller: Anyone,
    body: Annotated[PatchBody, Depends(body_of(PatchBody))],
) -> Response:
    """Change what people say about an item; what models said stays. The answer is the item.

    A key without the scope `search` is answered 204: it may write, and not read.
    """
    await sight.item(id)
    await service.run(_apply, service, id, body)
    if not caller.may(Scope.SEARCH):
        return Response(status_code=204)
    return told(item_fields(await _whole(service, await service.item(id))))


@router.delete(
    "/{id}",
    dependencies=[WRITER],
    operation_id="delete_item",
    status_code=204,
    responses=problems(404, 409, 422),
)
async def delete(service: ServiceDep, sight: SightDep, id: ItemPath) -> Response:  # noqa: A002
    """Take an item out of the library. An uploaded file is removed; indexed files are never touched."""
    await sight.item(id)
    await service.remove(id)
    return Response(status_code=204)


async def _whole(service: Service, found: Item) -> Item:
    """The item with the text that was read in it."""
    [whole] = await service.run(service.library.catalog.readings.beside, [found])
    return whole


def _apply(service: Service, item: int, body: PatchBody) -> None:
    catalog = service.library.catalog
    if body.tags is not None:
        catalog.annotations.set_tags(item, body.tags)
    if body.captions is not None:
        catalog.annotations.set_captions(item, captions_of(body.captions), CaptionSource.USER)
    if body.attributes:
        catalog.annotations.set_attributes(item, body.attributes)


def _as_sent(item: Item, notes: Notes) -> Item:
    return replace(item, captions=notes.captions, tags=notes.tags, attributes=notes.attributes)


def _unchanged(
    service: Service, request: Request, found: Item, suffix: str, version: str | None
) -> Response | None:
    """304 if the caller has the item's content already; not where nobody knows what the file holds by now."""
    known = Original(b"", found.content_hash, "")
    headers = _cache_headers(service, known, suffix, version)
    if not is_read(found) or not _has(request, headers["ETag"]):
        return None
    return Response(status_code=304, headers=headers)


def _cache_headers(service: Service, sent: Original, suffix: str, version: str | None) -> dict[str, str]:
    """An address that names the content may be kept for ever, another must be asked for again."""
    days = service.settings.cached_answers_days
    kept = f"private, max-age={days * 86400}, immutable"
    return {
        "ETag": f'"{sent.content_hash}{suffix}"',
        "Cache-Control": kept if version == sent.content_hash else "private, no-cache",
    }


def _has(request: Request, etag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    return given == "*" or etag in [tag.strip().removeprefix("W/") for tag in given.split(",")]
