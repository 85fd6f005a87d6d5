"""Search, and show what was found: as JSON, as paths, or for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from api.cli import output

if TYPE_CHECKING:
    from retrieval.domain import SearchRequest, SearchResponse


def answer(
    request: SearchRequest,
    library: Path | None,
    *,
    files: bool,
    zero: bool,
    preview: bool,
    json: bool,
    jsonl: bool,
) -> None:
    """Ask the library for `request`, and print the answer in the form that was asked for."""
    from api.cli import render
    from retrieval.library import Library

    with Library.open(library) as opened:
        response = opened.search(request)
    if json:
        output.print_json(render.response_fields(response))
    elif jsonl:
        output.print_json_lines(render.hit_fields(hit) for hit in response.hits)
    elif files or zero:
        output.paths((hit.item.uri for hit in response.hits), zero=zero)
    else:
        _show(response, preview=preview)


def _show(response: SearchResponse, *, preview: bool) -> None:
    """For people: the hits, each with its picture if wanted, then how they were found."""
    from api.cli import preview as pictures
    from api.cli import render

    for hit in response.hits:
        if preview and hit.item.text is None:
            pictures.show(hit.item.uri)
        for text in render.hit_lines(hit):
            output.line(text)
    for text in render.closing_lines(response):
        output.note(text)
