"""What the models say about one picture: match, classify, caption, ask."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.service.access import SEARCHER, ServiceDep
from api.service.bodies import body_of, described
from api.service.documents import problems
from api.service.schemas.models import (
    AskAnswer,
    AskBody,
    ClassifyAnswer,
    ClassifyBody,
    DescribeAnswer,
    DescribeBody,
    LabelScore,
    MatchAnswer,
    MatchBody,
    PictureBody,
)
from api.service.service import Service
from api.service.terms import picture_of

router = APIRouter(prefix="/v1", tags=["models"], dependencies=[SEARCHER])
_PROBLEMS = problems(400, 404, 409, 415, 422, 501, 503)


@router.post("/match", operation_id="match", responses=_PROBLEMS, openapi_extra=described(MatchBody))
async def match(service: ServiceDep, body: Annotated[MatchBody, Depends(body_of(MatchBody))]) -> MatchAnswer:
    """How well a sentence describes a picture, by the cross-attention model."""
    data = await _picture(body, service)
    (score,) = await service.think(service.library.match, [data], body.text.strip())
    return MatchAnswer(score=_share(score))


@router.post("/classify", operation_id="classify", responses=_PROBLEMS, openapi_extra=described(ClassifyBody))
async def classify(
    service: ServiceDep, body: Annotated[ClassifyBody, Depends(body_of(ClassifyBody))]
) -> ClassifyAnswer:
    """Choose among labels without having been trained on them."""
    data = await _picture(body, service)
    found = await service.think(service.library.classify, data, body.labels, body.templates)
    return ClassifyAnswer(labels=[LabelScore(label=label, score=_share(score)) for label, score in found])


@router.post("/caption", operation_id="caption", responses=_PROBLEMS, openapi_extra=described(DescribeBody))
async def caption(
    service: ServiceDep, body: Annotated[DescribeBody, Depends(body_of(DescribeBody))]
) -> DescribeAnswer:
    """Describe a picture in a sentence, or in several."""
    data = await _picture(body, service)
    (sentence,) = await service.think(service.library.caption, [data], body.detail)
    return DescribeAnswer(caption=sentence)


@router.post("/ask", operation_id="ask", responses=_PROBLEMS, openapi_extra=described(AskBody))
async def ask(service: ServiceDep, body: Annotated[AskBody, Depends(body_of(AskBody))]) -> AskAnswer:
    """Ask a question about a picture."""
    data = await _picture(body, service)
    return AskAnswer(answer=await service.think(service.library.ask, data, body.question.strip()))


async def _picture(body: PictureBody, service: Service) -> bytes:
    """The bytes that were sent, those behind the URL, or those of the item's file."""
    if body.item is not None:
        return await service.look(service.originals.read, await service.item(body.item))
    data = await picture_of(body.image, body.url, service)
    await service.look(service.check_picture, data)
    return data


def _share(score: float) -> float:
    return min(max(float(score), 0.0), 1.0)
