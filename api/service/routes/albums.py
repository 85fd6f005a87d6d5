"""Albums and saved searches, and changes of many items at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from vasari.api.contract.albums import album_fields
from vasari.api.contract.changes import changed_fields
from vasari.api.contract.scalars import Fields
from vasari.api.service.converters import told
from vasari.api.service.dependencies import SEARCHER, WRITER, ServiceDep, SightDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.problems import ProblemError
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.schemas.albums import (
    AlbumAnswer,
    AlbumBody,
    AlbumItemsBody,
    AlbumPatchBody,
    AlbumsAnswer,
    ChangeBody,
    ChangedAnswer,
)
from vasari.api.service.schemas.fields import LARGEST_ID, Whole
from vasari.api.service.service import Service
from vasari.retrieval.catalog.records import Album, Change
from vasari.retrieval.library import albums

router = APIRouter(prefix="/v1", tags=["albums"])
AlbumPath = Annotated[int, Whole, Path(ge=1, le=LARGEST_ID, description="The album's number.")]


@router.get(
    "/albums",
    dependencies=[SEARCHER],
    operation_id="list_albums",
    responses=problems(404, 422),
    response_model=AlbumsAnswer,
)
async def listed(
    service: ServiceDep,
    item: Annotated[
        int | None, Whole, Query(ge=1, le=LARGEST_ID, description="Only albums by hand that this item is in.")
    ] = None,
) -> Response:
    """All albums by name, or those that an item is in."""
    found = await service.run(albums.listed, service.library)
    if item is not None:
        await service.item(item)
        names = (await service.run(service.library.catalog.albums.names_of, [item])).get(item, [])
        found = [album for album in found if not album.is_search and album.name in names]
    return told({"albums": [album_fields(album) for album in found]})


@router.post(
    "/albums",
    dependencies=[WRITER],
    operation_id="create_album",
    status_code=201,
    responses=problems(400, 415, 422, 501, 503),
    openapi_extra=described(AlbumBody),
    response_model=AlbumAnswer,
)
async def create(service: ServiceDep, body: Annotated[AlbumBody, Depends(body_of(AlbumBody))]) -> Response:
    """Make an album: by hand, or, with a query or a filter, a saved search that finds its pictures anew each time.

    `frozen` makes one by hand of what the search finds now.
    """
    if body.frozen:
        request = albums.good_matches(body.query, body.filter)
        hits = None if request is None else (await service.search(request)).hits
        made = await service.run(albums.save_found, service.library, body.name, body.filter, hits)
    else:
        made = await service.run(albums.save, service.library, body.name, body.query, body.filter)
    return told(album_fields(made), 201, {"Location": f"/v1/albums/{made.id}"})


@router.get(
    "/albums/{id}",
    dependencies=[SEARCHER],
    operation_id="get_album",
    responses=problems(404, 422),
    response_model=AlbumAnswer,
)
async def album(service: ServiceDep, id: AlbumPath) -> Response:  # noqa: A002
    """One album; `GET /v1/items?filter=album = "NAME"` lists what is in it."""
    return told(album_fields(await service.run(_counted, service, id)))


@router.patch(
    "/albums/{id}",
    dependencies=[WRITER],
    operation_id="patch_album",
    responses=problems(400, 404, 415, 422),
    openapi_extra=described(AlbumPatchBody),
    response_model=AlbumAnswer,
)
async def patch(
    service: ServiceDep,
    id: AlbumPath,  # noqa: A002
    body: Annotated[AlbumPatchBody, Depends(body_of(AlbumPatchBody))],
) -> Response:
    """Change an album's name, or what a saved search looks for; null takes a query or a filter away."""
    fields = body.model_dump(exclude_unset=True)
    changed = await service.run(_change, service, id, fields)
    service.doorkeeper.forget()  # links to the album follow its name
    return told(album_fields(changed))


@router.delete(
    "/albums/{id}",
    dependencies=[WRITER],
    operation_id="delete_album",
    status_code=204,
    responses=problems(404, 422),
)
async def delete(service: ServiceDep, id: AlbumPath) -> Response:  # noqa: A002
    """Forget an album, and end the links to it; its pictures stay in the library."""
    await service.run(service.library.catalog.albums.delete, id)
    service.doorkeeper.forget()
    return Response(status_code=204)


@router.post(
    "/albums/{id}/items",
    dependencies=[WRITER],
    operation_id="change_album_items",
    responses=problems(400, 404, 415, 422),
    openapi_extra=described(AlbumItemsBody),
    response_model=ChangedAnswer,
)
async def change_items(
    service: ServiceDep,
    id: AlbumPath,  # noqa: A002
    body: Annotated[AlbumItemsBody, Depends(body_of(AlbumItemsBody))],
) -> Response:
    """Put items into an album by hand, and take others out."""
    return told(await service.run(_put, service, id, body))


@router.post(
    "/annotate",
    dependencies=[WRITER],
    operation_id="annotate",
    responses=problems(400, 404, 415, 422),
    openapi_extra=described(ChangeBody),
    response_model=ChangedAnswer,
)
async def annotate(
    service: ServiceDep, sight: SightDep, body: Annotated[ChangeBody, Depends(body_of(ChangeBody))]
) -> Response:
    """Change what people say about many items in one transaction: tags, attributes, albums. The answer can undo it."""
    if sight.within is not None and (body.add_to_albums or body.remove_from_albums):
        raise ProblemError(403, "narrow", "this key sees a part of the library, and albums are of the whole")
    seen = await sight.items(body.ids)
    changed = await service.run(service.library.catalog.changes.apply, list(seen), body.change)
    unseen = [item for item in dict.fromkeys(body.ids) if item not in seen]
    return told(changed_fields(replace(changed, not_found=[*unseen, *changed.not_found])))


def _counted(service: Service, album: int) -> Album:
    return albums.counted(service.library, service.library.catalog.albums.get(album))


def _change(service: Service, album: int, fields: dict[str, str | None]) -> Album:
    return albums.change(service.library, album, **fields)


def _put(service: Service, album: int, body: AlbumItemsBody) -> Fields:
    """Both in one transaction."""
    catalog = service.library.catalog
    with catalog.database.together():
        catalog.albums.get(album)
        added = catalog.changes.apply(body.add, Change(add_to_albums=[album]))
        removed = catalog.changes.apply(body.remove, Change(remove_from_albums=[album]))
    last, first = changed_fields(removed), changed_fields(added)
    return {name: last[name] + first[name] for name in last}  # the last is taken back first
