"""OpenAI's embeddings: https://platform.openai.com/docs/api-reference/embeddings."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal, Self

import numpy as np
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from vasari.api.service.dependencies import OF_NO_ITEMS, SEARCHER, ServiceDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.schemas.fields import (
    MOST_PICTURES,
    PICTURE_COST,
    TEXTS_A_TOKEN,
    Body,
    Whole,
    picture_bytes,
)
from vasari.api.service.service import Service
from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.errors import ImageError, NotFoundError, UsageError
from vasari.retrieval.search.query import MAX_TEXT

router = APIRouter(tags=["compatible"], dependencies=[SEARCHER, OF_NO_ITEMS])


class EmbeddingsBody(Body):
    """OpenAI's shape, and `modality`: with "image" each input is a picture in base64 or, if allowed, a URL."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"model": "default", "input": ["a red boat", "snow"]}]},
    )

    model: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(
        "default", description="A space's name, its model's reference, or `default`."
    )
    input: str | Annotated[list[str], Field(min_length=1, max_length=2048)]
    modality: Literal["text", "image"] = "text"
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Whole, Field(ge=1, le=100_000)] | None = None
    user: Annotated[str, StringConstraints(max_length=500)] | None = None

    @model_validator(mode="after")
    def _few_pictures(self) -> Self:
        if self.modality == "image" and isinstance(self.input, list) and len(self.input) > MOST_PICTURES:
            raise ValueError(f"a request has at most {MOST_PICTURES} pictures")
        return self

    def cost(self) -> int:
        """By the number of inputs."""
        inputs = 1 if isinstance(self.input, str) else len(self.input)
        return PICTURE_COST * inputs if self.modality == "image" else 1 + inputs // TEXTS_A_TOKEN


class Embedding(BaseModel):
    """A vector of length 1, as numbers or as base64 of little-endian float32."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """Words of the inputs; pictures count one each."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """Vectors in the order of the inputs."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


@router.post(
    "/v1/embeddings",
    operation_id="embeddings",
    responses=problems(400, 404, 415, 422, 503),
    openapi_extra=described(EmbeddingsBody),
)
async def embeddings(
    service: ServiceDep, body: Annotated[EmbeddingsBody, Depends(body_of(EmbeddingsBody))]
) -> EmbeddingsAnswer:
    """Embed texts or pictures, as the `openai` client asks for it."""
    inputs = [body.input] if isinstance(body.input, str) else body.input
    if any(not text.strip() or len(text) > MAX_TEXT for text in inputs) and body.modality == "text":
        raise UsageError(f"an input has 1 to {MAX_TEXT} characters")
    space = await _space_called(body.model, service)
    if body.dimensions is not None and body.dimensions != space.dim:
        raise UsageError(f"this model's vectors have {space.dim} numbers, and cannot be shortened")
    if body.modality == "text":
        vectors = await service.embedder.texts(inputs, space)
        used = sum(len(text.split()) for text in inputs)
    else:
        vectors = await service.embedder.pictures(
            [await _picture_input(given, service) for given in inputs], space
        )
        used = len(inputs)
    encode = _base64 if body.encoding_format == "base64" else _numbers
    return EmbeddingsAnswer(
        data=[Embedding(index=place, embedding=encode(vector)) for place, vector in enumerate(vectors)],
        model=space.name,
        usage=Usage(prompt_tokens=used, total_tokens=used),
    )


async def _space_called(name: str, service: Service) -> EmbeddingSpace:
    """The space of this name, or whose model has it."""
    if name == "default":
        return await service.space()
    for space in await service.run(service.library.catalog.spaces.all):
        if name in (space.name, space.model):
            return space
    raise NotFoundError(f"no model {name!r} here; `default` always works")


async def _picture_input(given: str, service: Service) -> bytes:
    if given.startswith(("http://", "https://")):
        return await service.fetcher.fetch(given)
    try:
        data = picture_bytes(given)
    except ValueError as error:
        raise ImageError(f"an input of modality image is a picture in base64: {error}") from None
    return data if isinstance(data, bytes) else b""


def _numbers(vector: Any) -> list[float]:
    return [float(number) for number in vector]


def _base64(vector: Any) -> str:
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
