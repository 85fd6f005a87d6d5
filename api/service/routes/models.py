"""What the models say about one picture: match, classify, caption, ask."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from vasari.api import contract
from vasari.api.service.converters import picture_of, told
from vasari.api.service.dependencies import SEARCHER, ServiceDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.schemas.models import (
    AskAnswer,
    AskBody,
    ClassifyAnswer,
    ClassifyBody,
    DescribeAnswer,
    DescribeBody,
    MatchAnswer,
    MatchBody,
    PictureBody,
)
from vasari.api.service.service import Service

router = APIRouter(prefix="/v1", tags=["models"], dependencies=[SEARCHER])
_PROBLEMS = problems(400, 404, 409, 415, 422, 501, 503)


@router.post(
    "/match",
    operation_id="match",
    responses=_PROBLEMS,
    openapi_extra=described(MatchBody),
    response_model=MatchAnswer,
)
async def match(service: ServiceDep, body: Annotated[MatchBody, Depends(body_of(MatchBody))]) -> Response:
    """How well a sentence describes a picture, by the cross-attention model."""
    data = await _picture(body, service)
    (score,) = await service.think(service.library.match, [data], body.text.strip())
    return told(contract.match_fields(score))


@router.post(
    "/classify",
    operation_id="classify",
    responses=_PROBLEMS,
    openapi_extra=described(ClassifyBody),
    response_model=ClassifyAnswer,
)
async def classify(
    service: ServiceDep, body: Annotated[ClassifyBody, Depends(body_of(ClassifyBody))]
) -> Response:
    """Choose among labels without having been trained on them."""
    data = await _picture(body, service)
    found = await service.classify(data, body.labels, body.templates)
    return told(contract.labels_fields(found))


@router.post(
    "/caption",
    operation_id="caption",
    responses=_PROBLEMS,
    openapi_extra=described(DescribeBody),
    response_model=DescribeAnswer,
)
async def caption(
    service: ServiceDep, body: Annotated[DescribeBody, Depends(body_of(DescribeBody))]
) -> Response:
    """Describe a picture in a sentence, or in several."""
    data = await _picture(body, service)
    (sentence,) = await service.think(service.library.caption, [data], body.detail)
    return told(contract.description_fields(sentence))


@router.post(
    "/ask",
    operation_id="ask",
    responses=_PROBLEMS,
    openapi_extra=described(AskBody),
    response_model=AskAnswer,
)
async def ask(service: ServiceDep, body: Annotated[AskBody, Depends(body_of(AskBody))]) -> Response:
    """Ask a question about a picture."""
    data = await _picture(body, service)
    answer = await service.think(service.library.ask, data, body.question.strip())
    return told(contract.answer_fields(answer))


async def _picture(body: PictureBody, service: Service) -> bytes:
    """The bytes that were sent, those behind the URL, or those of the item's file."""
    if body.item is not None:
        return await service.look(service.originals.read, await service.item(body.item))
    data = await picture_of(body.image, body.url, service)
    await service.look(service.check_picture, data)
    return data
