"""Search, and show what was found: as JSON, as paths, or for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from api.cli import output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.client import Client
    from retrieval.domain import ItemId, SearchRequest, SearchResponse


def answer(
    request: SearchRequest,
    library: Path | None,
    *,
    files: bool,
    zero: bool,
    preview: bool,
    json: bool,
    jsonl: bool,
    server: str | None = None,
    key: str | None = None,
) -> None:
    """Ask the library, or a running service, for `request`, and print the answer in the form that was asked for."""
    from api.cli import render

    if server is not None:
        from api.client import Client

        with Client(server, key) as client:
            response = client.search(request)
            thumbnails = _thumbnails(client, response) if preview else {}
    else:
        from retrieval.library import Library

        thumbnails = {}
        with Library.open(library) as opened:
            response = opened.search(request)
    if json:
        output.print_json(render.response_fields(response))
    elif jsonl:
        output.print_json_lines(render.hit_fields(hit) for hit in response.hits)
    elif files or zero:
        output.paths((hit.item.uri for hit in response.hits), zero=zero)
    else:
        _show(response, preview=preview, thumbnails=thumbnails)


def _thumbnails(client: Client, response: SearchResponse) -> dict[ItemId, bytes]:
    """Small pictures of the hits, by the service: their files are not on this machine."""
    from retrieval.domain import Modality

    return {
        hit.item.id: client.thumbnail(hit.item.id)
        for hit in response.hits
        if hit.item.modality is Modality.IMAGE
    }


def _show(response: SearchResponse, *, preview: bool, thumbnails: Mapping[ItemId, bytes]) -> None:
    """For people: the hits, each with its picture if wanted, then how they were found."""
    from api.cli import preview as pictures
    from api.cli import render

    for hit in response.hits:
        if preview and hit.item.text is None:
            pictures.show(hit.item.uri, thumbnails.get(hit.item.id))
        for text in render.hit_lines(hit):
            output.line(text)
    for text in render.closing_lines(response):
        output.note(text)
