"""OpenAI's list of models: https://platform.openai.com/docs/api-reference/models."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from vasari.api.service.dependencies import OF_NO_ITEMS, SEARCHER, ServiceDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.service import Service
from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.errors import NotFoundError

router = APIRouter(prefix="/v1/models", tags=["compatible"], dependencies=[SEARCHER, OF_NO_ITEMS])


class ModelAnswer(BaseModel):
    """A model that `/v1/embeddings` takes: an embedding space by its name."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Seconds since 1970; 0, for it is not known.")
    owned_by: str = Field(description="The reference its model was loaded by.")


class ModelsAnswer(BaseModel):
    """All of them, the default one first."""

    object: Literal["list"] = "list"
    data: list[ModelAnswer]


@router.get("", operation_id="list_models", responses=problems())
async def every(service: ServiceDep) -> ModelsAnswer:
    """The models whose vectors the library holds."""
    return ModelsAnswer(data=[_answer(space) for space in await service.run(_spaces, service)])


@router.get("/{id:path}", operation_id="get_model", responses=problems(404, 422))
async def one(
    service: ServiceDep,
    id: Annotated[str, Path(max_length=500)],  # noqa: A002
) -> ModelAnswer:
    """One of them, by its name or its model's reference; `default` is the default one."""
    for place, space in enumerate(await service.run(_spaces, service)):
        if id in (space.name, space.model) or (id == "default" and place == 0):
            return _answer(space)
    raise NotFoundError(f"no model {id!r} here; `GET /v1/models` lists them")


def _spaces(service: Service) -> list[EmbeddingSpace]:
    catalog = service.library.catalog
    default = catalog.spaces.default()
    return sorted(catalog.spaces.all(), key=lambda space: default is None or space.name != default.name)


def _answer(space: EmbeddingSpace) -> ModelAnswer:
    return ModelAnswer(id=space.name, created=0, owned_by=space.model)
