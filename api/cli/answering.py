"""Search, and show what was found: as JSON, as paths, or for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api import contract
from api.cli import drawings, output, render
from retrieval.domain import Item, ItemId, SearchRequest, SearchResponse, TermKind
from retrieval.library import Library

if TYPE_CHECKING:
    from api.client import Client


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is printed: as JSON before JSON lines before paths; else for people."""

    json: bool = False
    jsonl: bool = False
    files: bool = False  # paths only
    zero: bool = False  # paths, each ending with NUL and not with a line
    preview: bool = False  # the pictures between the lines for people

    @property
    def for_people(self) -> bool:
        """Whether a person reads it, and no program."""
        return not (self.json or self.jsonl or self.files or self.zero)


def answer(
    request: SearchRequest,
    form: Form,
    library: Path | None,
    *,
    server: str | None = None,
    key: str | None = None,
) -> None:
    """Ask the library, or a running service, for `request`, and print the answer."""
    if server is not None:
        from api.client import Client  # brings httpx, which a plain search leaves alone

        with Client(server, key) as client:
            response = client.search(request)
            usual = request.space is None and any(_pictures(response))
            if form.for_people and usual and client.abilities()["drawings_only"]:
                drawings.note()
            _print(response, form, _thumbnails(client, response) if form.preview else {})
    else:
        if request.rerank is not None or any(term.kind is TermKind.IMAGE for term in request.terms):
            output.waiting("loading the model…")
        with Library.open(library) as opened:
            response = opened.search(request)
            space, only_readable = opened.space(response.space), opened.only_readable
            slow = any(term.kind is TermKind.IMAGE for term in request.terms) and opened.models.lacks_export(
                space
            )
        if only_readable:
            output.note(
                "note: this user may not write the library: it is only read, as with VASARI_READ_ONLY=1"
            )
        if slow:
            output.note(
                "note: each picture loads the whole model; `vasari doctor --repair` spares that from now on"
            )
        if form.for_people:
            drawings.note_if_photos(space.model, (item.uri for item in _pictures(response)))
        _print(response, form, {})
        if opened.models.loading:  # a reranker that came too late for the deadline: nobody waits for it
            output.leave()


def _thumbnails(client: Client, response: SearchResponse) -> dict[ItemId, bytes]:
    """Small pictures of the hits, by the service: their files are not on this machine."""
    return {item.id: client.thumbnail(item.id) for item in _pictures(response)}


def _pictures(response: SearchResponse) -> Iterator[Item]:
    return (hit.item for hit in response.hits if hit.item.text is None)


def _print(response: SearchResponse, form: Form, thumbnails: Mapping[ItemId, bytes]) -> None:
    if not form.json:
        for text in response.notes:
            output.note(text)
    if form.json:
        output.print_json(contract.response_fields(response))
    elif form.jsonl:
        output.print_json_lines(contract.hit_fields(hit) for hit in response.hits)
    elif form.files or form.zero:
        output.paths((hit.item.uri for hit in response.hits), zero=form.zero)
    else:
        _show(response, preview=form.preview, thumbnails=thumbnails)


def _show(response: SearchResponse, *, preview: bool, thumbnails: Mapping[ItemId, bytes]) -> None:
    """For people: the hits, each with its picture if wanted, then how they were found."""
    if preview:
        from api.cli import preview as pictures  # brings Pillow, which a plain search leaves alone
    for hit in response.hits:
        if preview and hit.item.text is None:
            pictures.show(hit.item.uri, thumbnails.get(hit.item.id))
        for before, name, after in render.hit_lines(hit):
            output.entry(before, name, after)
    for text in render.closing_lines(response):
        output.note(text)
