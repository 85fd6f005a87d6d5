"""Links by which others see one album."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from vasari.api.contract.albums import share_fields
from vasari.api.service.converters import told
from vasari.api.service.dependencies import ADMIN, Anyone, ServiceDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.problems import ProblemError
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.schemas.albums import AlbumShareBody, AlbumSharedAnswer, AlbumSharesAnswer
from vasari.api.service.schemas.fields import LARGEST_ID, Whole
from vasari.api.service.security.shares import end_share, share_album, shares_of
from vasari.api.service.service import Service
from vasari.retrieval.catalog.records import AlbumShare

router = APIRouter(prefix="/v1/albums/{id}/shares", tags=["albums"], dependencies=[ADMIN])
AlbumPath = Annotated[int, Whole, Path(ge=1, le=LARGEST_ID, description="The album's number.")]
SharePath = Annotated[int, Whole, Path(ge=1, le=LARGEST_ID, description="The link's number.")]


@router.get(
    "", operation_id="list_album_shares", responses=problems(404, 422), response_model=AlbumSharesAnswer
)
async def listed(service: ServiceDep, id: AlbumPath) -> Response:  # noqa: A002
    """The links to an album that are in use; their keys are told once, when they are made."""
    return told({"shares": [share_fields(one) for one in await service.run(_shares_of, service, id)]})


@router.post(
    "",
    operation_id="share_album",
    status_code=201,
    responses=problems(400, 404, 409, 415, 422),
    openapi_extra=described(AlbumShareBody),
    response_model=AlbumSharedAnswer,
)
async def make(
    service: ServiceDep,
    caller: Anyone,
    id: AlbumPath,  # noqa: A002
    body: Annotated[AlbumShareBody, Depends(body_of(AlbumShareBody))],
) -> Response:
    """Make a link by which others see an album as it is at any time, and nothing else.

    It is the page's address and `#key=KEY`.
    """
    if caller.key is None:
        raise ProblemError(
            409,
            "own-key-first",
            "a link is a key, and from the first key on everybody needs one: make yours before that, by"
            " `vasari keys create me --scope admin` where the service runs",
            command="vasari keys create me --scope admin",
        )
    made = await service.run(_share, service, id, body)
    service.doorkeeper.forget()  # the link opens at once
    return told(share_fields(made) | {"key": made.key}, 201)


@router.delete("/{share}", operation_id="end_album_share", status_code=204, responses=problems(404, 422))
async def end(service: ServiceDep, id: AlbumPath, share: SharePath) -> Response:  # noqa: A002
    """End a link: it opens nothing from now on."""
    await service.run(_end, service, id, share)
    service.doorkeeper.forget()
    return Response(status_code=204)


def _shares_of(service: Service, album: int) -> list[AlbumShare]:
    catalog = service.library.catalog
    return shares_of(catalog, catalog.albums.get(album))


def _share(service: Service, album: int, body: AlbumShareBody) -> AlbumShare:
    catalog = service.library.catalog
    return share_album(catalog, catalog.albums.get(album), body.expires_at)


def _end(service: Service, album: int, number: int) -> None:
    catalog = service.library.catalog
    end_share(catalog, catalog.albums.get(album), number)
