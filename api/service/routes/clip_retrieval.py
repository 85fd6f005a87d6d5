"""clip-retrieval's three addresses: https://github.com/rom1504/clip-retrieval, clip_back.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from vasari.api.service.converters import picture_of
from vasari.api.service.dependencies import OF_NO_ITEMS, SEARCHER, ServiceDep, SightDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.problems import ProblemError
from vasari.api.service.request_bodies import described, json_body
from vasari.api.service.runtime.files import TYPES
from vasari.api.service.schemas.fields import Body, Id, Picture, Url, Whole
from vasari.api.service.service import Service
from vasari.retrieval.catalog.encoding import stored_uri
from vasari.retrieval.domain import (
    EmbeddingSpace,
    Item,
    Modality,
    SearchRequest,
    Term,
    TermKind,
    UnitVectors,
    unit_vectors,
)
from vasari.retrieval.errors import UsageError
from vasari.retrieval.search.query import MAX_TEXT

router = APIRouter(tags=["compatible"], dependencies=[SEARCHER])


class KnnBody(Body):
    """clip-retrieval's shape; fields that this service has no use for are taken and have no effect."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"examples": [{"text": "a red boat", "modality": "image", "num_images": 5}]},
    )
    text: Annotated[str, StringConstraints(max_length=MAX_TEXT)] | None = None
    image: Picture | None = None
    image_url: Url | None = None
    embedding_input: (
        Annotated[list[Annotated[float, Field(ge=-1e6, le=1e6)]], Field(max_length=8192)] | None
    ) = None
    modality: Modality = Modality.IMAGE
    num_images: Annotated[int, Whole, Field(ge=1, le=1000)] = 100
    num_result_ids: Annotated[int, Whole, Field(ge=1, le=3000)] | None = None
    indice_name: Annotated[str, StringConstraints(max_length=200)] | None = None
    deduplicate: bool = False


class KnnResult(BaseModel):
    """A result; the first `num_images` come with what is known of them."""

    model_config = ConfigDict(extra="allow")

    id: int
    similarity: float


class MetadataBody(Body):
    """Ids whose metadata is wanted."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"ids": [42]}]})

    ids: Annotated[list[Id], Field(max_length=3000)]
    indice_name: Annotated[str, StringConstraints(max_length=200)] | None = None


class MetadataResult(BaseModel):
    """What is known of an item."""

    id: int
    metadata: dict[str, JsonValue]


@router.post(
    "/knn-service",
    operation_id="knn_service",
    responses=problems(400, 404, 422, 503),
    openapi_extra=described(KnnBody),
)
async def knn_service(service: ServiceDep, sight: SightDep, request: Request) -> list[KnnResult]:
    """Search as clip-retrieval's client and page do."""
    body = await json_body(KnnBody, request)  # clip-retrieval's client sends no content type
    space = await _indice(body.indice_name, service)
    wanted = max(body.num_images, body.num_result_ids or 0)
    query = None if body.embedding_input is None else _vector(body.embedding_input, space)
    terms = (await _knn_term(body, service),) if query is None else ()
    response = await sight.search(
        SearchRequest(
            terms,
            modality=body.modality,
            limit=wanted,
            space=space.name,
            collapse=body.deduplicate,
            literally=True,  # whose answers have no place for what was understood
        ),
        query,
    )
    return [
        KnnResult(
            id=hit.item.id, similarity=hit.score, **(_metadata(hit.item) if place < body.num_images else {})
        )
        for place, hit in enumerate(response.hits)
    ]


@router.post(
    "/metadata",
    operation_id="metadata",
    responses=problems(400, 404, 422),
    openapi_extra=described(MetadataBody),
)
async def metadata(service: ServiceDep, sight: SightDep, request: Request) -> list[MetadataResult]:
    """What is known of items; ids of items that are not there are left out."""
    body = await json_body(MetadataBody, request)
    await _indice(body.indice_name, service)
    items = await sight.items(body.ids)
    return [MetadataResult(id=item.id, metadata=_metadata(item)) for item in items.values()]


@router.get("/indices-list", operation_id="indices_list", dependencies=[OF_NO_ITEMS], responses=problems())
async def indices_list(service: ServiceDep) -> list[str]:
    """Names of the spaces, the default first."""
    spaces = await service.run(service.library.catalog.spaces.all)
    default = await service.run(service.library.catalog.spaces.default)
    return sorted((space.name for space in spaces), key=lambda name: default is None or name != default.name)


async def _indice(name: str | None, service: Service) -> EmbeddingSpace:
    return await service.space(None if name in (None, "", "default") else name)


async def _knn_term(body: KnnBody, service: Service) -> Term:
    if body.text is not None and body.text.strip():
        return Term(TermKind.TEXT, text=body.text.strip())
    if body.image is None and body.image_url is None:
        raise ProblemError(400, "usage", "give text, image, image_url or embedding_input")
    return Term(TermKind.IMAGE, image=await picture_of(body.image, body.image_url, service))


def _vector(numbers: Sequence[float], space: EmbeddingSpace) -> UnitVectors:
    """A vector that the caller has computed with the same model, as a query (1, dim)."""
    vector = np.asarray(numbers, dtype=np.float32)
    length = float(np.linalg.norm(vector))
    if vector.shape != (space.dim,) or not 0 < length < float("inf"):
        raise UsageError(f"a vector of this index has {space.dim} numbers, not all zero")
    return unit_vectors(vector[None])


def _metadata(item: Item) -> dict[str, Any]:
    """clip-retrieval's columns."""
    picture = f"/v1/items/{item.id}/{'original' if item.format in TYPES else 'thumbnail'}"
    return {
        "caption": item.captions[0].text if item.captions else item.text,
        "url": picture if item.modality is Modality.IMAGE else None,
        "image_path": stored_uri(item.uri),
        "original_width": item.width,
        "original_height": item.height,
    }
