"""Shapes that other programs speak: OpenAI's embeddings, Cohere's rerank, and clip-retrieval's three addresses."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self, TypeVar
from uuid import uuid4

import numpy as np
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)

from api.service.access import SEARCHER, ServiceDep
from api.service.bodies import body_of, described
from api.service.documents import problems
from api.service.originals import TYPES
from api.service.problems import ProblemError
from api.service.schemas import Body, Id, Picture, Text, Url, picture_bytes
from api.service.service import Service
from api.service.terms import picture_of
from retrieval.domain import EmbeddingSpace, Item, Modality, SearchRequest, Term, TermKind, unit_vectors
from retrieval.errors import ImageError, NotFoundError, UsageError
from retrieval.imaging.files import printable as shown
from retrieval.search.query import MAX_TEXT

router = APIRouter(tags=["compatible"], dependencies=[SEARCHER])

# OpenAI: https://platform.openai.com/docs/api-reference/embeddings


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
    dimensions: Annotated[int, Field(ge=1, le=100_000)] | None = None
    user: Annotated[str, StringConstraints(max_length=500)] | None = None


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
        vectors = await service.embed_texts(inputs, space)
        used = sum(len(text.split()) for text in inputs)
    else:
        vectors = await service.embed_pictures(
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
    for space in await service.run(service.library.catalog.spaces):
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


# Cohere: https://docs.cohere.com/reference/rerank


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
    """Cohere's shape."""

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
    top_n: Annotated[int, Field(ge=1, le=1000)] | None = None
    return_documents: bool = False
    max_tokens_per_doc: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Taken for compatibility; texts are cropped to what the model reads."
    )


class RerankResult(BaseModel):
    """A document by its place in the request."""

    index: int
    relevance_score: float
    document: dict[str, JsonValue] | None = None


class RerankAnswer(BaseModel):
    """Documents, the most relevant first."""

    id: str
    results: list[RerankResult]
    meta: dict[str, JsonValue]


@router.post(
    "/v1/rerank",
    operation_id="rerank",
    responses=problems(400, 404, 415, 422, 501, 503),
    openapi_extra=described(RerankBody),
    response_model_exclude_none=True,
)
async def rerank(
    service: ServiceDep, body: Annotated[RerankBody, Depends(body_of(RerankBody))]
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
        pictures = [await _document_picture(document, service) for document in documents]
        scores = await service.run(service.library.match, pictures, body.query.strip())
    ranked = sorted(enumerate(scores), key=lambda pair: -pair[1])[: body.top_n]
    return RerankAnswer(
        id=uuid4().hex,
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
    vectors = await service.embed_texts([query.strip(), *texts], await service.space())
    relevance: list[float] = ((1 + vectors[1:] @ vectors[0]) / 2).tolist()
    return relevance


async def _document_picture(document: RerankDocument, service: Service) -> bytes:
    if document.item is not None:
        return await service.run(service.originals.read, await service.item(document.item))
    await service.run(service.check_picture, document.image or b"")
    return document.image or b""


# clip-retrieval: https://github.com/rom1504/clip-retrieval, clip_back.py


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
    num_images: Annotated[int, Field(ge=1, le=1000)] = 100
    num_result_ids: Annotated[int, Field(ge=1, le=3000)] | None = None
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
async def knn_service(service: ServiceDep, request: Request) -> list[KnnResult]:
    """Search as clip-retrieval's client and page do."""
    body = await _lenient(KnnBody, request)
    space = await _indice(body.indice_name, service)
    wanted = max(body.num_images, body.num_result_ids or 0)
    if body.embedding_input is not None:
        return await _by_vector(body, service, space, wanted)
    term = await _knn_term(body, service)
    response = await service.search(
        SearchRequest(
            (term,), modality=body.modality, limit=wanted, space=space.name, collapse=body.deduplicate
        )
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
async def metadata(service: ServiceDep, request: Request) -> list[MetadataResult]:
    """What is known of items; ids of items that are not there are left out."""
    body = await _lenient(MetadataBody, request)
    await _indice(body.indice_name, service)
    items = await service.run(service.library.items, body.ids)
    return [MetadataResult(id=item.id, metadata=_metadata(item)) for item in items.values()]


@router.get("/indices-list", operation_id="indices_list", responses=problems())
async def indices_list(service: ServiceDep) -> list[str]:
    """Names of the spaces, the default first."""
    spaces = await service.run(service.library.catalog.spaces)
    default = await service.run(service.library.catalog.default_space)
    return sorted((space.name for space in spaces), key=lambda name: default is None or name != default.name)


Lenient = TypeVar("Lenient", KnnBody, MetadataBody)


async def _lenient(model: type[Lenient], request: Request) -> Lenient:
    """The body as JSON whatever its content type: clip-retrieval's client sends none."""
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False, include_url=False)) from None


async def _indice(name: str | None, service: Service) -> EmbeddingSpace:
    return await service.space(None if name in (None, "", "default") else name)


async def _knn_term(body: KnnBody, service: Service) -> Term:
    if body.text is not None and body.text.strip():
        return Term(TermKind.TEXT, text=body.text.strip())
    if body.image is None and body.image_url is None:
        raise ProblemError(400, "usage", "give text, image, image_url or embedding_input")
    return Term(TermKind.IMAGE, image=await picture_of(body.image, body.image_url, service))


async def _by_vector(body: KnnBody, service: Service, space: EmbeddingSpace, wanted: int) -> list[KnnResult]:
    """Search by a vector the caller has computed with the same model."""
    vector = np.asarray(body.embedding_input, dtype=np.float32)
    length = float(np.linalg.norm(vector))
    if vector.shape != (space.dim,) or not 0 < length < float("inf"):
        raise UsageError(f"a vector of this index has {space.dim} numbers, not all zero")

    def search() -> list[KnnResult]:
        gallery = service.library.gallery(body.modality, space)
        ids, scores, _ = gallery.search(unit_vectors(vector[None]), wanted)
        items = service.library.items([item for item in ids[0].tolist() if item >= 0])
        return [
            KnnResult(
                id=item, similarity=score, **(_metadata(items[item]) if place < body.num_images else {})
            )
            for place, (item, score) in enumerate(zip(ids[0].tolist(), scores[0].tolist(), strict=True))
            if item in items
        ]

    return await service.run(search)


def _metadata(item: Item) -> dict[str, Any]:
    """clip-retrieval's columns."""
    picture = f"/v1/items/{item.id}/{'original' if item.format in TYPES else 'thumbnail'}"
    return {
        "caption": item.captions[0].text if item.captions else item.text,
        "url": picture if item.modality is Modality.IMAGE else None,
        "image_path": shown(item.uri),
        "original_width": item.width,
        "original_height": item.height,
    }
