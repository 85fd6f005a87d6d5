"""`vasari search` and `vasari similar`: ask, and show what was found: as JSON, as paths, or for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vasari.api import contract, drawings
from vasari.api.cli import output, pictures
from vasari.api.cli.options import (
    PLACE,
    Integer,
    Number,
    choice,
    command,
    json_lines_option,
    json_option,
    key_option,
    library_option,
    server_option,
    space_option,
)
from vasari.api.cli.usage import QueryCommand
from vasari.retrieval.domain import (
    Hit,
    Item,
    ItemId,
    Modality,
    Rerank,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
)
from vasari.retrieval.search.query import check_terms, parse_term, parse_terms

if TYPE_CHECKING:
    from vasari.api.client.client import Client

_top_option = click.option("--top", "-t", type=Integer(1), default=10, help="How many results.")
_ANSWER_OPTIONS = (
    click.option("--filepath-only", "-f", "files", is_flag=True, help="Print only the paths."),
    click.option("--null", "-0", "zero", is_flag=True, help="With -f: end each path with NUL, for xargs -0."),
    click.option("--preview", "-p", is_flag=True, help="Show the pictures in the terminal."),
    click.option("--explain", is_flag=True, help="Tell the strategy and the time of each stage."),
    space_option,
    json_option,
    json_lines_option,
    library_option,
    server_option,
    key_option,
)


def _answered(ask: Callable[..., SearchRequest]) -> Callable[..., None]:
    """Answer the request that a command makes of its arguments, by the options that all such commands have."""

    @wraps(ask)
    def run(
        *,
        files: bool,
        zero: bool,
        preview: bool,
        json: bool,
        jsonl: bool,
        library: Path | None,
        server: str | None,
        key: str | None,
        **asked: Any,
    ) -> None:
        form = _Form(json=json, jsonl=jsonl, files=files, zero=zero, preview=preview)
        _answer(ask(**asked), form, library, server=server, key=key)

    for option in reversed(_ANSWER_OPTIONS):
        run = option(run)
    return run


@command(example="vasari search 'a red boat' + ./sunset.jpg - people -t 5", cls=QueryCommand)
@click.argument(
    "terms",
    metavar="TERM...",
    type=PLACE,
    nargs=-1,
    required=True,
    help="Words, a picture's path or item:ID; `+` adds a term, `-` subtracts; 2:cat weighs.",
)
@_top_option
@click.option("--add", "-a", type=PLACE, metavar="TERM", multiple=True, help="A term to add.")
@click.option("--sub", "-s", type=PLACE, metavar="TERM", multiple=True, help="A term to subtract.")
@click.option("--filter", "-F", "where", metavar="FILTER", help="Such as: taken >= 2024-05 and tag:holiday")
@click.option("--rerank", "-r", is_flag=True, help="Compare the best again by cross-attention.")
@click.option("--rerank-top", type=Integer(1), default=32, help="How many candidates to rerank.")
@click.option(
    "--deadline", type=Number(0), metavar="MS", help="Milliseconds for reranking, else first-stage order."
)
@click.option("--hybrid", is_flag=True, help="Also search captions, names and tags.")
@click.option("--collapse", is_flag=True, help="One of each group of near-duplicates.")
@click.option("--diversify", type=Number(0, 1), help="Vary the results: 1 not at all, 0 at any price.")
@click.option(
    "--min-relevance",
    type=Number(0, 1),
    help="Leave out what matches no better than nonsense would; try 0.8.",
)
@click.option("--for", "target", type=choice(Modality), default="image", help="What to find.")
@click.option("--offset", type=Integer(0), default=0, help="Skip so many results.")
@click.option(
    "--no-indexing",
    "-n",
    is_flag=True,
    expose_value=False,
    help="As in rclip; Vasari's search never indexes.",
)
@_answered
def search(
    terms: tuple[str, ...],
    top: int,
    add: tuple[str, ...],
    sub: tuple[str, ...],
    where: str | None,
    rerank: bool,
    rerank_top: int,
    deadline: float | None,
    hybrid: bool,
    collapse: bool,
    diversify: float | None,
    min_relevance: float | None,
    target: str,
    offset: int,
    explain: bool,
    space: str | None,
) -> SearchRequest:
    """Find pictures by words, by a picture, or by both."""
    parsed = parse_terms(terms)
    more = [*(parse_term(word) for word in add), *(parse_term(word, -1.0) for word in sub)]
    return SearchRequest(
        check_terms([*parsed, *more]) if more else parsed,
        modality=Modality(target),
        filter=where,
        limit=top,
        offset=offset,
        space=space,
        rerank=Rerank(rerank_top, deadline) if rerank else None,
        hybrid=hybrid,
        collapse=collapse,
        diversify=diversify,
        min_relevance=min_relevance,
        explain=explain,
    )


@command(example="vasari similar ./boat.jpg -t 5")
@pictures.picture_argument
@_top_option
@_answered
def similar(what: str, top: int, explain: bool, space: str | None) -> SearchRequest:
    """Find pictures like one picture.

    An item of the library is left out of its own answer.
    """
    named = pictures.chosen(what)
    image, item = (named, None) if isinstance(named, Path) else (None, named)
    term = Term(TermKind.IMAGE if image else TermKind.ITEM, image=image, item=item)
    return SearchRequest((term,), limit=top, space=space, explain=explain, exclude_query_items=True)


@dataclass(frozen=True, slots=True)
class _Form:
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


def _answer(
    request: SearchRequest,
    form: _Form,
    library: Path | None,
    *,
    server: str | None = None,
    key: str | None = None,
) -> None:
    """Ask the library, or a running service, for `request`, and print the answer."""
    if server is not None:
        from vasari.api.client.client import Client  # brings httpx, which a plain search leaves alone

        with Client(server, key) as client:
            response = client.search(request)
            usual = request.space is None and any(_pictures(response))
            if form.for_people and usual and client.abilities()["drawings_only"]:
                output.note(drawings.NOTE)
            _print(response, form, _thumbnails(client, response) if form.preview else {})
    else:
        from vasari.retrieval.library.library import Library  # brings NumPy, which help leaves alone

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
        if form.for_people and drawings.knows_no_photos(
            space.model, (item.uri for item in _pictures(response))
        ):
            output.note(drawings.NOTE)
        _print(response, form, {})
        if opened.models.loading:  # a reranker that came too late for the deadline: nobody waits for it
            output.leave()


def _thumbnails(client: Client, response: SearchResponse) -> dict[ItemId, bytes]:
    """Small pictures of the hits, by the service: their files are not on this machine."""
    return {item.id: client.thumbnail(item.id) for item in _pictures(response)}


def _pictures(response: SearchResponse) -> Iterator[Item]:
    return (hit.item for hit in response.hits if hit.item.text is None)


def _print(response: SearchResponse, form: _Form, thumbnails: Mapping[ItemId, bytes]) -> None:
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
        from vasari.api.cli import preview as pictures  # brings Pillow, which a plain search leaves alone
    for hit in response.hits:
        if preview and hit.item.text is None:
            pictures.show(hit.item.uri, thumbnails.get(hit.item.id))
        for before, name, after in _hit_lines(hit):
            output.entry(before, name, after)
    for text in _closing_lines(response):
        output.note(text)


def _hit_lines(hit: Hit) -> Iterator[tuple[str, str, str]]:
    """A hit for people: score and path (or text), with a caption under it where there is one.

    Each line in three parts: the one in the middle is what may be shortened.
    """
    yield f"{hit.score:6.3f}  ", hit.item.text or hit.item.uri, ""
    if hit.item.captions:
        yield "        “", hit.item.captions[0].text, "”"


def _closing_lines(response: SearchResponse) -> Iterator[str]:
    """What is to be said after the hits: that there are none, and with `explain` how they were found."""
    if not response.hits:
        none_there = "nothing to search in: no item passes the filter, or there is none of this kind"
        yield "no good match" if response.total else none_there
    if response.explain is not None:
        stages = ", ".join(f"{name} {ms:.1f} ms" for name, ms in response.explain.stages_ms.items())
        yield f"{response.explain.strategy}; {stages}; {response.took_ms:.1f} ms in all"
