"""Searching: one question, or several at once."""

from __future__ import annotations

from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, Response

from vasari.api.contract.search import understanding_fields
from vasari.api.service.converters import search_fields, search_request, told
from vasari.api.service.dependencies import SEARCHER, ServiceDep, SightDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.schemas.search import (
    SearchAnswer,
    SearchBatchAnswer,
    SearchBatchBody,
    SearchBody,
    UnderstandAnswer,
    UnderstandBody,
)
from vasari.retrieval.domain import SearchRequest, SearchResponse
from vasari.retrieval.search.query import parse_query

router = APIRouter(prefix="/v1", tags=["search"], dependencies=[SEARCHER])


@router.post(
    "/search",
    operation_id="search",
    responses=problems(400, 404, 415, 422, 501, 503),
    openapi_extra=described(SearchBody),
    response_model=SearchAnswer,
)
async def search(
    service: ServiceDep, sight: SightDep, body: Annotated[SearchBody, Depends(body_of(SearchBody))]
) -> Response:
    """Find items by words, pictures, items, or all of them; pictures in base64 or as a multipart form's files."""
    return told(search_fields(await sight.search(await search_request(body, service))))


@router.post(
    "/understand",
    operation_id="understand",
    responses=problems(400, 415, 422),
    openapi_extra=described(UnderstandBody),
    response_model=UnderstandAnswer,
)
async def understand(
    service: ServiceDep, sight: SightDep, body: Annotated[UnderstandBody, Depends(body_of(UnderstandBody))]
) -> Response:
    """Tell what a typed query would be searched as: dates, people, places and cameras become filters."""
    found = await service.run(service.library.understand, parse_query(body.query), body.today, sight.within)
    return told(understanding_fields(found))


@router.post(
    "/search/batch",
    operation_id="search_batch",
    responses=problems(400, 404, 415, 422, 501, 503),
    openapi_extra=described(SearchBatchBody),
    response_model=SearchBatchAnswer,
)
async def search_batch(
    service: ServiceDep,
    sight: SightDep,
    body: Annotated[SearchBatchBody, Depends(body_of(SearchBatchBody))],
) -> Response:
    """Several searches in one request; if one is wrong, none is answered."""
    requests = [await search_request(one, service) for one in body.requests]
    answers: dict[int, SearchResponse] = {}

    async def answer(place: int, request: SearchRequest) -> None:
        answers[place] = await sight.search(request)

    try:
        async with anyio.create_task_group() as group:
            for place, request in enumerate(requests):
                group.start_soon(answer, place, request)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return told({"answers": [search_fields(answers[place]) for place in range(len(requests))]})
