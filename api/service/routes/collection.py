"""The collection as a whole: what it can be narrowed down by, its map, its state."""

from __future__ import annotations

import json
from base64 import b64encode
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import StringConstraints

from vasari.api.contract.items import listed_fields
from vasari.api.contract.library import filter_fields, status_fields
from vasari.api.service.converters import told
from vasari.api.service.dependencies import SEARCHER, Anyone, ServiceDep, SightDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.runtime.abilities import abilities, drawings_only
from vasari.api.service.runtime.job_kinds import indexable_roots, map_file
from vasari.api.service.schemas.collection import (
    AbilitiesAnswer,
    FacetsAnswer,
    FacetValue,
    FieldsAnswer,
    MapAnswer,
    MapPoint,
    MonthAnswer,
    PlaceAnswer,
    PlacesAnswer,
    StatusAnswer,
    SuggestAnswer,
    SuggestionAnswer,
    TimelineAnswer,
)
from vasari.api.service.schemas.fields import LARGEST_ID, Filter, Limit, Whole
from vasari.api.service.schemas.items import CopyGroupsAnswer, ItemsAnswer
from vasari.api.service.security.auth import Scope
from vasari.api.service.service import Service
from vasari.retrieval.catalog.filters.parser import FIELDS
from vasari.retrieval.catalog.geo_clusters import Box
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import NotFoundError
from vasari.retrieval.library.library import Library
from vasari.retrieval.search.query import MAX_TEXT
from vasari.retrieval.storage.local_files import printable as shown

router = APIRouter(prefix="/v1", tags=["collection"], dependencies=[SEARCHER])

_CELLS = 4  # of the grid of clusters around the world at zoom 0


class Order(StrEnum):
    """What lists are ordered by, the latest first."""

    ADDED = "added"
    TAKEN = "taken"


FilterQuery = Annotated[Filter | None, Query(description="In the language of searches.")]


def _box(
    south: Annotated[float, Query(ge=-90, le=90)] = -90,
    west: Annotated[float, Query(ge=-180, le=180, description="East of `east`: across 180°.")] = -180,
    north: Annotated[float, Query(ge=-90, le=90)] = 90,
    east: Annotated[float, Query(ge=-180, le=180)] = 180,
) -> Box:
    """A part of the world, in degrees."""
    return Box(south, west, north, east)


@router.get("/facets", operation_id="facets", responses=problems(400, 422))
async def facets(
    service: ServiceDep,
    sight: SightDep,
    filter: FilterQuery = None,  # noqa: A002
    modality: Modality = Modality.IMAGE,
) -> FacetsAnswer:
    """Folders, tags, cameras, years, people and places, with how many of the items that a filter accepts have each."""
    allowed = await sight.allowed(modality, filter or None)
    found = await service.run(service.summaries.facets, modality)
    kept = found.kept(allowed)
    return FacetsAnswer(
        total=int(kept.sum()),
        captioned=int((kept & found.captioned).sum()),
        **{
            name: [FacetValue(value=shown(value), count=count) for value, count in column.counts(kept)]
            for name, column in found.columns.items()
        },
    )


@router.get("/suggest", operation_id="suggest", responses=problems(422))
async def suggest(
    service: ServiceDep,
    sight: SightDep,
    q: Annotated[str, StringConstraints(max_length=MAX_TEXT), Query(description="What is typed so far.")],
    limit: Annotated[int, Whole, Query(ge=1, le=50)] = 8,
) -> SuggestAnswer:
    """People, tags, places, cameras and folders whose names begin like what is typed, with their counts."""
    allowed = await sight.allowed(Modality.IMAGE)
    suggester = await service.summaries.suggester()
    found = await service.run(suggester.find, q, allowed, limit)
    return SuggestAnswer(
        suggestions=[
            SuggestionAnswer(kind=one.kind, field=one.field, value=shown(one.value), count=one.count)
            for one in found
        ]
    )


@router.get("/fields", operation_id="fields", responses=problems(), response_model=FieldsAnswer)
async def fields(service: ServiceDep, sight: SightDep) -> Response:
    """What a filter may ask for: the fields of every item, and the attributes that items have."""
    counts = await service.run(_attribute_counts, service.library, sight.within)
    return told(filter_fields(FIELDS, counts))


@router.get("/items", operation_id="list_items", responses=problems(400, 422), response_model=ItemsAnswer)
async def browse(
    service: ServiceDep,
    sight: SightDep,
    filter: FilterQuery = None,  # noqa: A002
    limit: Annotated[Limit, Query()] = 50,
    offset: Annotated[int, Whole, Query(ge=0, le=LARGEST_ID)] = 0,
    modality: Modality = Modality.IMAGE,
    order: Annotated[
        Order, Query(description="By when items were added, or taken, as the timeline has them.")
    ] = (Order.ADDED),
) -> Response:
    """Items without a question, the latest first."""
    if order is Order.ADDED:
        ids = (await sight.ids(modality, filter or None))[::-1]
    else:
        allowed = await sight.allowed(modality, filter or None)
        ids = (await service.run(service.summaries.timeline, modality)).kept(allowed).ids
    page = ids[offset : offset + limit].tolist()
    items = await sight.items(page)
    listed = [listed_fields(items[item]) for item in page if item in items]
    return told({"items": listed, "total": len(ids)})


@router.get("/timeline", operation_id="timeline", responses=problems(400, 422))
async def timeline(
    service: ServiceDep,
    sight: SightDep,
    filter: FilterQuery = None,  # noqa: A002
    modality: Modality = Modality.IMAGE,
) -> TimelineAnswer:
    """How many items were taken in each month, and of which shape each is: `GET /v1/items?order=taken` has them."""
    allowed = await sight.allowed(modality, filter or None)
    found = (await service.run(service.summaries.timeline, modality)).kept(allowed)
    months = [
        MonthAnswer(
            month=one.month,
            count=one.count,
            by_file=one.by_file,
            shapes=b64encode(one.shapes.tobytes()).decode(),
        )
        for one in found.by_month()
    ]
    return TimelineAnswer(total=len(found.ids), months=months)


@router.get(
    "/duplicates",
    operation_id="list_duplicates",
    responses=problems(400, 422),
    response_model=CopyGroupsAnswer,
)
async def copies(
    service: ServiceDep,
    sight: SightDep,
    filter: FilterQuery = None,  # noqa: A002
    limit: Annotated[int, Whole, Query(ge=1, le=200)] = 20,
    offset: Annotated[int, Whole, Query(ge=0, le=LARGEST_ID)] = 0,
) -> Response:
    """Near-duplicates as the last job compared them, the best copy of each group first."""
    allowed = await sight.allowed(Modality.IMAGE, filter or None)
    groups = await service.run(service.library.catalog.perceptual_hashes.copies, allowed)
    page = groups[offset : offset + limit]
    items = await sight.items([item for group in page for item in group.ids])
    return told(
        {
            "total": len(groups),
            "copies": sum(len(group.ids) - 1 for group in groups),
            "reclaimable_bytes": sum(group.reclaimable_bytes for group in groups),
            "groups": [
                {
                    "reclaimable_bytes": group.reclaimable_bytes,
                    "items": [listed_fields(items[item]) for item in group.ids if item in items],
                }
                for group in page
            ],
        }
    )


@router.get("/places", operation_id="places", responses=problems(400, 422))
async def places(
    service: ServiceDep,
    sight: SightDep,
    box: Annotated[Box, Depends(_box)],
    filter: FilterQuery = None,  # noqa: A002
    zoom: Annotated[
        int,
        Whole,
        Query(ge=0, le=20, description="Of a map whose world is 256 · 2 ** zoom pixels wide: a cell is 64."),
    ] = 0,
    modality: Modality = Modality.IMAGE,
) -> PlacesAnswer:
    """Where the items were taken that a filter accepts, in clusters: one for each cell of a grid that has any."""
    allowed = await sight.allowed(modality, filter or None)
    found = (await service.run(service.summaries.places, modality)).kept(allowed)
    inside = found.kept(None, box)
    clusters = await service.run(inside.clusters, _CELLS << zoom)
    return PlacesAnswer(
        total=len(found.ids),
        inside=len(inside.ids),
        places=[
            PlaceAnswer(
                latitude=one.latitude,
                longitude=one.longitude,
                count=one.count,
                item=one.item,
                city=None if one.city is None else shown(one.city),
                south=one.box.south,
                west=one.box.west,
                north=one.box.north,
                east=one.box.east,
            )
            for one in clusters
        ],
    )


def _attribute_counts(library: Library, within: str | None) -> dict[str, int]:
    catalog = library.catalog
    return catalog.facets.attribute_counts() if within is None else catalog.filters.attribute_counts(within)


@router.get("/status", operation_id="status", responses=problems(), response_model=StatusAnswer)
async def status(service: ServiceDep) -> Response:
    """What the library holds, by which models, and whether a job writes it; as `vasari status --json`."""
    return told(await service.run(status_fields, service.library))


@router.get("/abilities", operation_id="abilities", responses=problems())
async def what_can_be_asked(service: ServiceDep, sight: SightDep, caller: Anyone) -> AbilitiesAnswer:
    """Which models are on this machine, what fetches the others, and where the caller may have folders indexed."""
    found = await service.run(abilities, service.library)
    roots = await service.run(indexable_roots, service.library, service.settings)
    shown_roots = [shown(root) for root in roots] if caller.may(Scope.ADMIN) else []
    drawings = await service.run(drawings_only, service.library, await sight.ids(Modality.IMAGE))
    return AbilitiesAnswer(abilities=found, index_roots=shown_roots, drawings_only=drawings)


@router.get("/map", operation_id="map", responses=problems(404))
async def collection_map(service: ServiceDep, sight: SightDep) -> MapAnswer:
    """The collection in the plane, as the last job of kind `map` laid it out; 404 before the first.

    A key that sees a part has only its own points, and is not told what changed elsewhere: to it a map is current.
    """
    content = await service.run(_read_map, service)
    points, items, current = content["points"], content["items"], True
    if sight.within is None:
        current = content["revision"] == await service.run(service.library.catalog.revision)
    else:
        seen = set((await sight.ids(Modality.IMAGE)).tolist())
        points, items = [point for point in points if point[0] in seen], len(seen)
    return MapAnswer(
        space=content["space"],
        items=items,
        current=current,
        points=[MapPoint(id=item, x=x, y=y) for item, x, y in points],
    )


def _read_map(service: Service) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(map_file(service.library).read_bytes())
    except FileNotFoundError:
        raise NotFoundError('there is no map yet: start a job of kind "map"') from None
    return content
