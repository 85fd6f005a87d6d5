"""Render: domain values as JSON fields (the contract of `--json` and of HTTP) and as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retrieval.domain import Hit, SearchResponse


def hit_fields(hit: Hit) -> dict[str, Any]:
    """One hit as the JSON contract has it."""
    item = hit.item
    return {
        "id": item.id,
        "score": round(hit.score, 6),
        "uri": item.uri,
        "modality": item.modality,
        "text": item.text,
        "captions": [caption.text for caption in item.captions],
        "attributes": dict(item.attributes),
    }


def response_fields(response: SearchResponse) -> dict[str, Any]:
    """A whole answer as the JSON contract has it."""
    fields: dict[str, Any] = {
        "hits": [hit_fields(hit) for hit in response.hits],
        "total": response.total,
        "took_ms": round(response.took_ms, 3),
        "space": response.space,
        "reranked": response.reranked,
        "notes": list(response.notes),
    }
    if response.explain is not None:
        fields["explain"] = {
            "strategy": response.explain.strategy,
            "candidates": response.explain.candidates,
            "stages_ms": {name: round(ms, 3) for name, ms in response.explain.stages_ms.items()},
            "notes": list(response.explain.notes),
        }
    return fields


def hit_lines(hit: Hit) -> Iterator[tuple[str, str, str]]:
    """A hit for people: score and path (or text), with a caption under it where there is one.

    Each line in three parts: the one in the middle is what may be shortened.
    """
    yield f"{hit.score:6.3f}  ", hit.item.text or hit.item.uri, ""
    if hit.item.captions:
        yield "        “", hit.item.captions[0].text, "”"


def closing_lines(response: SearchResponse) -> Iterator[str]:
    """What is to be said after the hits: that there are none, and with `explain` how they were found."""
    if not response.hits:
        none_there = "nothing to search in: no item passes the filter, or there is none of this kind"
        yield "no good match" if response.total else none_there
    if response.explain is not None:
        stages = ", ".join(f"{name} {ms:.1f} ms" for name, ms in response.explain.stages_ms.items())
        yield f"{response.explain.strategy}; {stages}; {response.took_ms:.1f} ms in all"
