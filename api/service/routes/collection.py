"""The collection as a whole: what it can be narrowed down by, its map, its state."""

from __future__ import annotations

import json
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Response
from numpy.typing import NDArray

from vasari.api import contract
from vasari.api.service.converters import told
from vasari.api.service.dependencies import SEARCHER, Anyone, ServiceDep
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
    StatusAnswer,
)
from vasari.api.service.schemas.fields import LARGEST_ID, Filter, Limit, Whole
from vasari.api.service.schemas.items import ItemsAnswer
from vasari.api.service.security.auth import Scope
from vasari.api.service.service import Service
from vasari.retrieval.catalog.filters.parser import FIELDS
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import NotFoundError
from vasari.retrieval.storage.local_files import printable as shown

router = APIRouter(prefix="/v1", tags=["collection"], dependencies=[SEARCHER])


FilterQuery = Annotated[Filter | None, Query(description="In the language of searches.")]


@router.get("/facets", operation_id="facets", responses=problems(400, 422))
async def facets(
    service: ServiceDep,
    filter: FilterQuery = None,  # noqa: A002
    modality: Modality = Modality.IMAGE,
) -> FacetsAnswer:
    """Folders, tags, cameras and years, with how many of the items that a filter accepts have each."""
    allowed = (
        await service.run(service.library.catalog.filters.matching, filter, modality) if filter else None
    )
    found = await service.run(service.facets, modality)
    kept = found.kept(allowed)
    return FacetsAnswer(
        total=int(kept.sum()),
        captioned=int((kept & found.captioned).sum()),
        **{
            name: [FacetValue(value=shown(value), count=count) for value, count in column.counts(kept)]
            for name, column in found.columns.items()
        },
    )


@router.get("/fields", operation_id="fields", responses=problems(), response_model=FieldsAnswer)
async def fields(service: ServiceDep) -> Response:
    """What a filter may ask for: the fields of every item, and the attributes that items have."""
    counts = await service.run(service.library.catalog.facets.attribute_counts)
    return told(contract.filter_fields(FIELDS, counts))


@router.get("/items", operation_id="list_items", responses=problems(400, 422), response_model=ItemsAnswer)
async def browse(
    service: ServiceDep,
    filter: FilterQuery = None,  # noqa: A002
    limit: Annotated[Limit, Query()] = 50,
    offset: Annotated[int, Whole, Query(ge=0, le=LARGEST_ID)] = 0,
    modality: Modality = Modality.IMAGE,
) -> Response:
    """Items without a question, the latest added first."""
    ids = await service.run(_ids, service, filter, modality)
    page = ids[::-1][offset : offset + limit].tolist()
    items = await service.run(service.library.items, page)
    listed = [contract.listed_fields(items[item]) for item in page if item in items]
    return told({"items": listed, "total": len(ids)})


def _ids(service: Service, text: str | None, modality: Modality) -> NDArray[np.int64]:
    library = service.library
    return (
        library.catalog.filters.matching(text, modality) if text else library.catalog.items.live_ids(modality)
    )


@router.get("/status", operation_id="status", responses=problems(), response_model=StatusAnswer)
async def status(service: ServiceDep) -> Response:
    """What the library holds, by which models, and whether a job writes it; as `vasari status --json`."""
    return told(await service.run(contract.status_fields, service.library))


@router.get("/abilities", operation_id="abilities", responses=problems())
async def what_can_be_asked(service: ServiceDep, caller: Anyone) -> AbilitiesAnswer:
    """Which models are on this machine, what fetches the others, and where the caller may have folders indexed."""
    found = await service.run(abilities, service.library)
    roots = await service.run(indexable_roots, service.library, service.settings)
    shown_roots = [shown(root) for root in roots] if caller.may(Scope.ADMIN) else []
    drawings = await service.run(drawings_only, service.library)
    return AbilitiesAnswer(abilities=found, index_roots=shown_roots, drawings_only=drawings)


@router.get("/map", operation_id="map", responses=problems(404))
async def collection_map(service: ServiceDep) -> MapAnswer:
    """The collection in the plane, as the last job of kind `map` laid it out; 404 before the first."""
    content = await service.run(_read_map, service)
    return MapAnswer(
        space=content["space"],
        items=content["items"],
        current=content["revision"] == await service.run(service.library.catalog.revision),
        points=[MapPoint(id=item, x=x, y=y) for item, x, y in content["points"]],
    )


def _read_map(service: Service) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(map_file(service.library).read_bytes())
    except FileNotFoundError:
        raise NotFoundError('there is no map yet: start a job of kind "map"') from None
    return content
