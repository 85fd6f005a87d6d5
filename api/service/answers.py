"""Answers: fields of the contract as a response. Routes name the schema for OpenAPI; a test holds the two together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from vasari.api import contract
from vasari.api.json_text import as_json
from vasari.api.service.problems import plain
from vasari.retrieval.domain import SearchResponse


def told(fields: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The fields as JSON."""
    return Response(as_json(fields, separators=(",", ":")), status, headers, media_type="application/json")


def search_fields(response: SearchResponse) -> dict[str, Any]:
    """The fields of a search's answer, its notes in words for a visitor."""
    fields = contract.response_fields(response)
    for noted in (fields, fields["explain"] or {"notes": []}):
        noted["notes"] = [plain(note) for note in noted["notes"]]
    return fields
