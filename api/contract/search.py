"""Hits and answers of a search, with what was understood and what `explain` tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vasari.api.contract.items import listed_fields, read_item
from vasari.api.contract.scalars import Fields, clamped
from vasari.api.contract.sentences import read_sentence, sentence_fields
from vasari.api.json_text import original
from vasari.retrieval.domain import (
    Correction,
    Explain,
    Hit,
    SearchResponse,
    Share,
    Term,
    TermKind,
    Understanding,
    UnderstoodFilter,
)


def hit_fields(hit: Hit) -> Fields:
    """A listed item with its score: the cosine, or the blended match score in [0, 1] where it was reranked.

    `group` and `members` say what it stands for, where one of each group was asked for.
    """
    listed = listed_fields(hit.item)
    return {"id": listed["id"], **_judged(hit)} | listed


def _judged(hit: Hit) -> Fields:
    relevance = None if hit.relevance is None else clamped(hit.relevance)
    return {
        "score": round(float(hit.score), 6),
        "reranked": hit.reranked,
        "relevance": relevance,
        "group": hit.group,
        "members": hit.members,
        "region": None if hit.region is None else list(hit.region),
    }


def response_fields(response: SearchResponse) -> Fields:
    """The answer to a search."""
    return {
        "hits": [hit_fields(hit) for hit in response.hits],
        "total": response.total,
        "took_ms": round(response.took_ms, 3),
        "space": response.space,
        "reranked": response.reranked,
        "notes": list(response.notes),
        "said": [sentence_fields(note) for note in response.notes],
        "understood": [understood_filter_fields(found) for found in response.understood],
        "corrections": list(map(correction_fields, response.corrections)),
        "explain": None if response.explain is None else _explain_fields(response.explain),
    }


def _explain_fields(explain: Explain) -> Fields:
    return {
        "strategy": explain.strategy,
        "candidates": explain.candidates,
        "stages_ms": {stage: round(spent, 3) for stage, spent in explain.stages_ms.items()},
        "notes": list(explain.notes),
        "shares": [_share_fields(share) for share in explain.shares],
        "understood": None if explain.understood is None else understanding_fields(explain.understood),
    }


def _share_fields(share: Share) -> Fields:
    return {
        "item": share.item,
        "vector": round(share.vector, 4),
        "words": round(share.words, 4),
        "matched": list(share.matched),
        "hub": round(share.hub, 4),
    }


def read_response(body: Mapping[str, Any]) -> SearchResponse:
    """The answer to a search; an older service says only of all hits whether they were reranked."""
    explain, reranked = body.get("explain"), body["reranked"]
    return SearchResponse(
        hits=tuple(
            Hit(
                read_item(hit),
                hit["score"],
                hit.get("reranked", reranked),
                hit.get("relevance"),
                original(hit.get("group")),
                hit.get("members"),
                None if hit.get("region") is None else tuple(hit["region"]),
            )
            for hit in body["hits"]
        ),
        total=body["total"],
        took_ms=body["took_ms"],
        space=body["space"],
        reranked=reranked,
        explain=None if explain is None else _read_explain(explain),
        notes=_read_notes(original(body)),
        understood=tuple(map(read_understood_filter, original(body.get("understood", [])))),
        corrections=tuple(map(read_correction, original(body.get("corrections", [])))),
    )


def _read_notes(body: Mapping[str, Any]) -> tuple[str, ...]:
    notes = body.get("notes", [])
    parts = body.get("said") or [{"text": note, "values": {}} for note in notes]  # an older service has none
    return tuple(map(read_sentence, notes, parts))


def _read_explain(body: Mapping[str, Any]) -> Explain:
    shares = (
        Share(
            told["item"],
            told["vector"],
            told["words"],
            tuple(original(told["matched"])),
            told.get("hub", 0.0),
        )
        for told in body.get("shares", [])
    )
    notes, understood = tuple(original(body["notes"])), body.get("understood")
    return Explain(
        body["strategy"],
        body["candidates"],
        body["stages_ms"],
        notes,
        tuple(shares),
        None if understood is None else read_understanding(understood),
    )


def understanding_fields(understood: Understanding) -> Fields:
    """A typed query as it is asked: what is embedded, which words must occur, what became filters or was put right."""
    return {
        "terms": [{"text": _term_text(term), "weight": term.weight} for term in understood.terms],
        "words": list(understood.words),
        "filters": [understood_filter_fields(reading) for reading in understood.filters],
        "corrections": list(map(correction_fields, understood.corrections)),
    }


def correction_fields(correction: Correction) -> Fields:
    """A typing error that was put right."""
    return {"text": correction.text, "word": correction.word}


def understood_filter_fields(reading: UnderstoodFilter) -> Fields:
    """A filter that was read out of a sentence, and the words that it was read from."""
    return {"filter": reading.filter, "text": reading.text, "kind": reading.kind}


def _term_text(term: Term) -> str:
    if term.item is not None:
        return f"item:{term.item}"
    return term.text if term.text is not None else str(term.image) if term.image is not None else ""


def read_understanding(body: Mapping[str, Any]) -> Understanding:
    """The inverse, but for pictures and items, which are told as texts."""
    told = original(body)
    return Understanding(
        tuple(Term(TermKind.TEXT, term["weight"], text=term["text"]) for term in told["terms"]),
        tuple(told["words"]),
        tuple(map(read_understood_filter, told["filters"])),
        tuple(map(read_correction, told.get("corrections", []))),
    )


def read_understood_filter(body: Mapping[str, Any]) -> UnderstoodFilter:
    """The inverse."""
    return UnderstoodFilter(body["filter"], body["text"], body["kind"])


def read_correction(body: Mapping[str, Any]) -> Correction:
    """The inverse."""
    return Correction(body["text"], body["word"])
