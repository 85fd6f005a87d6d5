"""Converters between request bodies, domain objects and JSON answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from vasari.api.contract.search import response_fields
from vasari.api.contract.sentences import sentence_fields
from vasari.api.json_text import as_json
from vasari.api.service.problems import plain
from vasari.api.service.schemas.search import RerankOptions, SearchBody, TermBody
from vasari.api.service.service import Service
from vasari.retrieval.domain import Rerank, SearchRequest, SearchResponse, Term, TermKind
from vasari.retrieval.search.feedback import with_feedback
from vasari.retrieval.search.query import check_terms, parse_query


async def search_request(body: SearchBody, service: Service) -> SearchRequest:
    """Parse the query, fetch pictures given by URL. Words are never taken as paths of this machine.

    Raises QueryError for a query that cannot be read, ProblemError for a URL that may not be fetched.
    """
    asks = body.terms or body.more or body.less
    terms = parse_query(body.query or "") if body.query is not None or not asks else ()
    if body.terms:
        terms = check_terms([*terms, *[await _term(term, service) for term in body.terms]])
    terms = with_feedback(
        terms, *([Term(TermKind.ITEM, item=item) for item in ids] for ids in (body.more, body.less))
    )
    rerank = body.rerank
    return SearchRequest(
        terms=terms,
        modality=body.modality,
        filter=body.filter or None,
        limit=body.limit,
        offset=body.offset,
        space=body.space,
        rerank=None if rerank is None else _rerank(rerank),
        hybrid=body.hybrid,
        collapse=body.collapse,
        group_by=body.group_by,
        group_score=body.group_score,
        diversify=body.diversify,
        min_relevance=body.min_relevance,
        exclude_query_items=body.exclude_query_items,
        explain=body.explain,
        relevance=body.relevance,
        words=tuple(body.words),
        literally=body.literally,
        as_words=tuple(body.as_words),
        regions=body.regions,
        order=body.order,
    )


def _rerank(options: RerankOptions) -> Rerank:
    top = options.top if "top" in options.model_fields_set else None
    return Rerank(top, options.deadline_ms, options.weight, options.required)


async def _term(body: TermBody, service: Service) -> Term:
    if body.text is not None:
        return Term(TermKind.TEXT, body.weight, text=body.text.strip(), quoted=body.quoted)
    if body.item is not None:
        return Term(TermKind.ITEM, body.weight, item=body.item)
    return Term(TermKind.IMAGE, body.weight, image=await picture_of(body.image, body.url, service))


async def picture_of(image: bytes | None, url: str | None, service: Service) -> bytes:
    """The picture that was sent, or the one behind the URL."""
    if image is not None:
        return image
    return await service.fetcher.fetch(url or "")


def told(fields: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The fields as JSON."""
    return Response(as_json(fields, separators=(",", ":")), status, headers, media_type="application/json")


def search_fields(response: SearchResponse) -> dict[str, Any]:
    """The fields of a search's answer, its notes in words for a visitor."""
    fields = response_fields(response)
    for noted in (fields, fields["explain"] or {"notes": []}):
        noted["notes"] = [plain(note) for note in noted["notes"]]
    return fields | {"said": [sentence_fields(note, plain) for note in response.notes]}
