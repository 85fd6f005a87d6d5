"""Cohere's rerank, versions 1 and 2 of its address: https://docs.cohere.com/reference/rerank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self
from uuid import uuid4

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from vasari.api.service.dependencies import SEARCHER, ServiceDep, SightDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.schemas.fields import (
    MODEL_COST,
    MOST_PICTURES,
    TEXTS_A_TOKEN,
    Body,
    Id,
    Picture,
    Text,
    Whole,
)
from vasari.api.service.service import Service
from vasari.retrieval.errors import UsageError
from vasari.retrieval.search.query import MAX_TEXT

router = APIRouter(tags=["compatible"], dependencies=[SEARCHER])


class RerankDocument(Body):
    """A document: exactly one of a text, a picture, and a picture of the library."""

    text: Annotated[str, StringConstraints(max_length=MAX_TEXT)] | None = None
    image: Picture | None = None
    item: Id | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len([value for value in (self.text, self.image, self.item) if value is not None]) != 1:
            raise ValueError("a document has exactly one of text, image and item")
        return self


class RerankBody(Body):
    """Cohere's shape, of both versions; fields of which this service has no use are taken and have no effect."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"query": "a red boat", "documents": ["ships at sea", "a cow"], "top_n": 1}]
        },
    )

    model: Annotated[str, StringConstraints(max_length=500)] | None = None
    query: Text
    documents: Annotated[
        list[Annotated[str, StringConstraints(max_length=MAX_TEXT)] | RerankDocument],
        Field(min_length=1, max_length=1000),
    ]
    top_n: Annotated[int, Whole, Field(ge=1, le=1000)] | None = None
    return_documents: bool = False
    max_tokens_per_doc: Annotated[int, Whole, Field(ge=1)] | None = Field(
        None, description="Taken for compatibility; texts are cropped to what the model reads."
    )

    @model_validator(mode="after")
    def _few_pictures(self) -> Self:
        if self.pictures() > MOST_PICTURES:
            raise ValueError(f"a request has at most {MOST_PICTURES} pictures")
        return self

    def pictures(self) -> int:
        """How many documents are pictures."""
        return sum(not isinstance(document, str) and document.text is None for document in self.documents)

    def cost(self) -> int:
        """A large model looks at each picture; texts are only embedded."""
        return 1 + MODEL_COST * self.pictures() + len(self.documents) // TEXTS_A_TOKEN

    max_chunks_per_doc: Annotated[int, Whole, Field(ge=1)] | None = None
    rank_fields: (
        Annotated[list[Annotated[str, StringConstraints(max_length=200)]], Field(max_length=100)] | None
    ) = None
    priority: Annotated[int, Whole, Field(ge=0, le=999)] | None = None


class RerankResult(BaseModel):
    """A document by its place in the request."""

    index: int
    relevance_score: float
    document: dict[str, JsonValue] | None = None


class RerankAnswer(BaseModel):
    """Documents, the most relevant first."""

    id: str
    object: Literal["rerank"] = "rerank"
    model: str = Field(description="As it was named; infinity's client wants it told.")
    results: list[RerankResult]
    meta: dict[str, JsonValue]
    usage: dict[str, int] = Field(description="How many texts and pictures there were, as infinity tells it.")


_HOW: dict[str, Any] = {
    "responses": problems(400, 404, 415, 422, 501, 503),
    "openapi_extra": described(RerankBody),
    "response_model_exclude_none": True,
}


@router.post("/v2/rerank", operation_id="rerank_v2", **_HOW)
@router.post("/v1/rerank", operation_id="rerank", **_HOW)
async def rerank(
    service: ServiceDep, sight: SightDep, body: Annotated[RerankBody, Depends(body_of(RerankBody))]
) -> RerankAnswer:
    """Order documents by how well they fit a query: pictures by the cross-attention model, texts by their vectors."""
    documents = [RerankDocument(text=given) if isinstance(given, str) else given for given in body.documents]
    texts = [document.text for document in documents if document.text is not None]
    if any(not text.strip() for text in texts):
        raise UsageError("a document has words")
    if texts and len(texts) < len(documents):
        raise UsageError("documents are all texts or all pictures: their scores cannot be compared")
    if texts:
        scores = await _text_relevance(body.query, texts, service)
    else:
        items = [None if document.item is None else await sight.item(document.item) for document in documents]
        sent = [document.image for document in documents if document.image is not None]
        await service.look(service.check_pictures, sent)
        # Read one by one while the model works: the files of all may be larger than the memory.
        pictures = (
            service.originals.read(item) if item is not None else document.image or b""
            for document, item in zip(documents, items, strict=True)
        )
        scores = await service.think(service.library.match, pictures, body.query.strip())
    ranked = sorted(enumerate(scores), key=lambda pair: -pair[1])[: body.top_n]
    return RerankAnswer(
        id=uuid4().hex,
        model=body.model or "default",
        usage=dict.fromkeys(("prompt_tokens", "total_tokens"), 1 + len(documents)),
        results=[
            RerankResult(
                index=index,
                relevance_score=round(min(max(score, 0.0), 1.0), 6),
                document=documents[index].model_dump(exclude_none=True, exclude={"image"})
                if body.return_documents
                else None,
            )
            for index, score in ranked
        ],
        meta={"api_version": {"version": "2"}},
    )


async def _text_relevance(query: str, texts: Sequence[str], service: Service) -> list[float]:
    """(1 + cosine) / 2 of the query and each text, in [0, 1]."""
    vectors = await service.embedder.texts([query.strip(), *texts], await service.space())
    relevance: list[float] = ((1 + vectors[1:] @ vectors[0]) / 2).tolist()
    return relevance
