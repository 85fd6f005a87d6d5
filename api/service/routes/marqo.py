"""marqo's search: https://docs.marqo.ai/latest/reference/api/search/search/."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from vasari.api.service.converters import picture_of, told
from vasari.api.service.dependencies import SEARCHER, ServiceDep, SightDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.schemas.fields import Body, Filter, Limit, Offset
from vasari.api.service.service import Service
from vasari.retrieval.catalog.encoding import stored_uri
from vasari.retrieval.domain import Hit, SearchRequest, Term, TermKind
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.search.query import MAX_TERMS, MAX_TEXT, check_terms

router = APIRouter(tags=["compatible"], dependencies=[SEARCHER])

_WEB = ("http://", "https://")
Said = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
Weight = Annotated[float, Field(ge=-1000, le=1000)]


class SearchMethod(StrEnum):
    """By vectors, by words, or by both."""

    TENSOR = "TENSOR"
    LEXICAL = "LEXICAL"
    HYBRID = "HYBRID"


class MarqoBody(Body):
    """marqo's shape; fields that this service has no use for are taken and have no effect."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [{"q": "a red boat", "limit": 5}]}
    )

    q: Said | Annotated[dict[Said, Weight], Field(min_length=1, max_length=MAX_TERMS)]
    limit: Limit = 10
    offset: Offset = 0
    filter: Filter | None = Field(None, description="In Vasari's language, not marqo's.")
    searchMethod: SearchMethod = SearchMethod.TENSOR  # noqa: N815 (marqo's name)
    attributesToRetrieve: list[str] | None = Field(None, max_length=100)  # noqa: N815


class MarqoAnswer(BaseModel):
    """Hits, the best first: `_id`, `_score`, and what is known of the item."""

    hits: list[dict[str, JsonValue]]
    query: str | dict[str, float]
    limit: int
    offset: int
    processingTimeMs: int  # noqa: N815


@router.post(
    "/indexes/{index}/search",
    operation_id="marqo_search",
    responses=problems(400, 404, 415, 422, 501, 503),
    openapi_extra=described(MarqoBody),
    response_model=MarqoAnswer,
)
async def marqo_search(
    service: ServiceDep,
    sight: SightDep,
    index: Annotated[str, Path(max_length=200, description="A space's name, or `default`.")],
    body: Annotated[MarqoBody, Depends(body_of(MarqoBody))],
) -> Response:
    """Search as marqo's client does: words, pictures by URL, or several of them with weights."""
    if body.searchMethod is SearchMethod.LEXICAL:
        raise UnsupportedError("words alone are not searched for: use TENSOR, or HYBRID for both")
    space = await service.space(None if index == "default" else index)
    weights = {body.q: 1.0} if isinstance(body.q, str) else body.q
    terms = [await _term(said, weight, service) for said, weight in weights.items()]
    request = SearchRequest(
        check_terms(terms),
        filter=body.filter,
        limit=body.limit,
        offset=body.offset,
        space=space.name,
        hybrid=None if body.searchMethod is SearchMethod.HYBRID else False,
        literally=True,  # whose answers have no place for what was understood
    )
    found = await sight.search(request)
    return told(
        {
            "hits": [_hit(hit, body.attributesToRetrieve) for hit in found.hits],
            "query": body.q,
            "limit": body.limit,
            "offset": body.offset,
            "processingTimeMs": round(found.took_ms),
        }
    )


async def _term(said: str, weight: float, service: Service) -> Term:
    """Words, or the picture behind a URL."""
    if said.startswith(_WEB):
        return Term(TermKind.IMAGE, weight, image=await picture_of(None, said, service))
    return Term(TermKind.TEXT, weight, text=said)


def _hit(hit: Hit, wanted: list[str] | None) -> dict[str, Any]:
    item = hit.item
    known = {
        **item.attributes,
        "uri": stored_uri(item.uri),
        "caption": item.captions[0].text if item.captions else item.text,
        "tags": list(item.tags),
        "width": item.width,
        "height": item.height,
    }
    shown = known if wanted is None else {name: known[name] for name in wanted if name in known}
    return {**shown, "_id": str(item.id), "_score": hit.score, "_highlights": []}
