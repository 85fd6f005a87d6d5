"""What the models say about one picture (match, classify, caption, ask, locate, detect), and which one to take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from vasari.api.contract.answers import (
    answer_fields,
    description_fields,
    labels_fields,
    match_fields,
    regions_fields,
)
from vasari.api.contract.duplicates import duplicates_fields
from vasari.api.contract.recommendations import recommendation_fields
from vasari.api.service.converters import picture_of, told
from vasari.api.service.dependencies import OF_NO_ITEMS, SEARCHER, ServiceDep, SightDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.schemas.fields import LARGEST_ID, Body, Whole
from vasari.api.service.schemas.models import (
    AskAnswer,
    AskBody,
    ClassifyAnswer,
    ClassifyBody,
    DescribeAnswer,
    DescribeBody,
    DetectBody,
    DuplicatesAnswer,
    DuplicatesBody,
    LocateBody,
    MatchAnswer,
    MatchBody,
    PictureBody,
    RecommendationAnswer,
    RegionsAnswer,
)
from vasari.api.service.service import Service
from vasari.api.service.sight import Sight
from vasari.retrieval.domain import Modality
from vasari.retrieval.library.duplicates import duplicates_of
from vasari.retrieval.models.recommend import parse_bytes, recommend
from vasari.retrieval.models.speed import of_this_machine
from vasari.retrieval.settings import physical_memory

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
router = APIRouter(prefix="/v1", tags=["models"], dependencies=[SEARCHER])


def _asking(path: str, body: type[Body], answer: type[BaseModel]) -> Callable[[Endpoint], Endpoint]:
    """Declare a question about a picture, which is sent as JSON or as a form."""
    return router.post(
        path,
        operation_id=path.strip("/"),
        responses=problems(400, 404, 409, 415, 422, 501, 503),
        openapi_extra=described(body),
        response_model=answer,
    )


@_asking("/match", MatchBody, MatchAnswer)
async def match(
    service: ServiceDep, sight: SightDep, body: Annotated[MatchBody, Depends(body_of(MatchBody))]
) -> Response:
    """How well a sentence describes a picture, by the cross-attention model."""
    data = await _picture(body, service, sight)
    (score,) = await service.think(service.library.match, [data], body.text.strip())
    return told(match_fields(score))


@_asking("/duplicates", DuplicatesBody, DuplicatesAnswer)
async def duplicates(
    service: ServiceDep, sight: SightDep, body: Annotated[DuplicatesBody, Depends(body_of(DuplicatesBody))]
) -> Response:
    """Whether a picture is one that the library has: the same bytes, re-encoded, cropped, bordered or edited."""
    data = await picture_of(body.image, body.url, service)
    await service.look(service.check_pictures, [data])
    allowed = await sight.allowed(Modality.IMAGE)
    found = await service.think(duplicates_of, service.library, data, allowed=allowed)
    return told(duplicates_fields(found))


@_asking("/classify", ClassifyBody, ClassifyAnswer)
async def classify(
    service: ServiceDep, sight: SightDep, body: Annotated[ClassifyBody, Depends(body_of(ClassifyBody))]
) -> Response:
    """Choose among labels without having been trained on them."""
    data = await _picture(body, service, sight)
    found = await service.classify(data, body.labels, body.templates)
    return told(labels_fields(found))


@_asking("/caption", DescribeBody, DescribeAnswer)
async def caption(
    service: ServiceDep, sight: SightDep, body: Annotated[DescribeBody, Depends(body_of(DescribeBody))]
) -> Response:
    """Describe a picture in a sentence, or in several."""
    data = await _picture(body, service, sight)
    (sentence,) = await service.think(service.library.caption, [data], body.detail)
    return told(description_fields(sentence))


@_asking("/ask", AskBody, AskAnswer)
async def ask(
    service: ServiceDep, sight: SightDep, body: Annotated[AskBody, Depends(body_of(AskBody))]
) -> Response:
    """Ask a question about a picture."""
    data = await _picture(body, service, sight)
    answer = await service.think(service.library.ask, data, body.question.strip())
    return told(answer_fields(answer))


@_asking("/locate", LocateBody, RegionsAnswer)
async def locate(
    service: ServiceDep, sight: SightDep, body: Annotated[LocateBody, Depends(body_of(LocateBody))]
) -> Response:
    """Where in a picture a phrase is to be seen: boxes in pixels."""
    data = await _picture(body, service, sight)
    found = await service.think(service.library.locate, data, body.phrase.strip())
    return told(regions_fields(found))


@_asking("/detect", DetectBody, RegionsAnswer)
async def detect(
    service: ServiceDep, sight: SightDep, body: Annotated[DetectBody, Depends(body_of(DetectBody))]
) -> Response:
    """Which things are in a picture, and where."""
    data = await _picture(body, service, sight)
    found = await service.think(service.library.detect, data, describe=body.describe)
    return told(regions_fields(found))


@router.get(
    "/models/recommend",
    operation_id="recommend_model",
    dependencies=[OF_NO_ITEMS],
    responses=problems(400, 422, 503),
    response_model=RecommendationAnswer,
)
async def recommend_model(
    service: ServiceDep,
    language: Annotated[str, Query(max_length=40, description="Of the questions: a code or a name.")] = "en",
    memory: Annotated[str, Query(max_length=20, description="What a job may take: 4GB, 512MB.")] = "",
    images: Annotated[int, Whole, Query(ge=1, le=LARGEST_ID)] = 10_000,
    gpu: Annotated[bool, Query(description="Times of the GPU; an error where there is none.")] = False,
) -> Response:
    """Which model to take: recall in a language, time on the service's machine, memory, licence.

    As `vasari models recommend`. The first request measures the machine, in some seconds.
    """
    limit = parse_bytes(memory) if memory else physical_memory() or None
    settings = service.library.settings
    device = "cuda" if gpu else settings.device
    speed = await service.think(of_this_machine, device, settings.precision)
    return told(recommendation_fields(recommend(speed, language=language, memory=limit, images=images)))


async def _picture(body: PictureBody, service: Service, sight: Sight) -> bytes:
    """The bytes that were sent, those behind the URL, or those of the item's file."""
    if body.item is not None:
        return await service.look(service.originals.read, await sight.item(body.item))
    data = await picture_of(body.image, body.url, service)
    await service.look(service.check_pictures, [data])
    return data
