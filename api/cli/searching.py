"""`vasari search` and `vasari similar`: ask, and show what was found: as JSON, as paths, or for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vasari.api import drawings
from vasari.api.cli import hits, output, pictures, places
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
from vasari.api.contract.items import item_fields
from vasari.api.contract.search import hit_fields, response_fields
from vasari.retrieval.domain import (
    GroupScore,
    Item,
    ItemId,
    Modality,
    Order,
    Rerank,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
)
from vasari.retrieval.errors import UsageError
from vasari.retrieval.search.feedback import with_feedback
from vasari.retrieval.search.query import check_terms, parse_term, parse_typed

if TYPE_CHECKING:
    from vasari.api.client.client import Client

_top_option = click.option("--top", "--limit", "-t", type=Integer(1), default=10, help="How many results.")
_group_by_option = click.option(
    "--group-by",
    metavar="ATTRIBUTE",
    help="One of each group with the same value, or of each stack: product, stack.",
)
_ANSWER_OPTIONS = (
    click.option("--filepath-only", "-f", "files", is_flag=True, help="Print only the paths."),
    click.option("--null", "-0", "zero", is_flag=True, help="With -f: end each path with NUL, for xargs -0."),
    click.option("--preview", "-p", is_flag=True, help="Show the pictures in the terminal, in a grid."),
    click.option("--explain", is_flag=True, help="Tell the strategy and the time of each stage."),
    click.option(
        "--exit-code", "judged", is_flag=True, help="Exit with 1 where nothing was found, as grep does."
    ),
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
        judged: bool,
        json: bool,
        jsonl: bool,
        library: Path | None,
        server: str | None,
        key: str | None,
        **asked: Any,
    ) -> None:
        form = _Form(json=json, jsonl=jsonl, files=files, zero=zero, preview=preview, judged=judged)
        if asked.get("interactive"):
            code = _converse(ask(**asked), " ".join(asked["terms"]), form, library, server=server, key=key)
        else:
            code = _answer(ask(**asked), form, library, server=server, key=key)
        raise click.exceptions.Exit(code)

    for option in reversed(_ANSWER_OPTIONS):
        run = option(run)
    return run


@command(example="vasari search 'a red boat' + ./sunset.jpg - people -t 5", cls=QueryCommand)
@click.argument(
    "terms",
    metavar="TERM...",
    type=PLACE,
    nargs=-1,
    help="Words, a picture's path or item:ID; `+` adds a term, `-` subtracts; 2:cat weighs.",
)
@_top_option
@click.option("--add", "-a", type=PLACE, metavar="TERM", multiple=True, help="A term to add.")
@click.option("--sub", "-s", type=PLACE, metavar="TERM", multiple=True, help="A term to subtract.")
@click.option(
    "--more",
    type=PLACE,
    metavar="TERM",
    multiple=True,
    help="A picture or item:ID that hits should be more like.",
)
@click.option("--less", type=PLACE, metavar="TERM", multiple=True, help="One that they should be less like.")
@click.option("--filter", "-F", "where", metavar="FILTER", help="Such as: taken >= 2024-05 and tag:holiday")
@click.option("--here", is_flag=True, help="Only what lies below the current folder.")
@click.option("--rerank", "-r", is_flag=True, help="Compare the best again by cross-attention.")
@click.option(
    "--rerank-top",
    type=Integer(1),
    help="How many candidates to rerank. [env: VASARI_RERANK_TOP; default: as tuned, or 32]",
)
@click.option(
    "--deadline", type=Number(0), metavar="MS", help="Milliseconds for reranking, else first-stage order."
)
@click.option(
    "--hybrid/--no-hybrid",
    default=None,
    help="Also look for the words in captions, tags and names. [default: where there are words]",
)
@click.option(
    "--literally", is_flag=True, help="Search for dates, places and people as words, not as filters."
)
@click.option("--collapse", is_flag=True, help="One of each group of near-duplicates.")
@click.option(
    "--regions", is_flag=True, help="Look into parts of pictures, for small things (index --regions)."
)
@_group_by_option
@click.option(
    "--group-score",
    type=choice(GroupScore),
    default="best",
    help="Rank groups by their best item, or by the mean of their items' vectors.",
)
@click.option(
    "--order",
    type=choice(Order),
    default="best",
    help="The best first, or the good ones by date, the latest first.",
)
@click.option("--diversify", type=Number(0, 1), help="Vary the results: 1 not at all, 0 at any price.")
@click.option(
    "--min-relevance",
    type=Number(0, 1),
    help="Leave out what matches no better than nonsense would; try 0.8.",
)
@click.option(
    "--interactive", "-i", is_flag=True, help="Answer while you type; Enter prints the path chosen."
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
    more: tuple[str, ...],
    less: tuple[str, ...],
    where: str | None,
    here: bool,
    rerank: bool,
    rerank_top: int | None,
    deadline: float | None,
    hybrid: bool | None,
    literally: bool,
    collapse: bool,
    regions: bool,
    group_by: str | None,
    group_score: str,
    order: str,
    diversify: float | None,
    min_relevance: float | None,
    interactive: bool,
    target: str,
    offset: int,
    explain: bool,
    space: str | None,
) -> SearchRequest:
    """Find pictures by words, by a picture, or by both."""
    if not (terms or interactive):
        context = click.get_current_context()
        raise click.MissingParameter(ctx=context, param=context.command.params[0])
    if not rerank and (rerank_top is not None or deadline is not None):
        raise UsageError("--rerank-top and --deadline say how to rerank: add --rerank")
    parsed = parse_typed(terms) if terms else ()
    added = [*(parse_term(word) for word in add), *(parse_term(word, -1.0) for word in sub)]
    said = check_terms([*parsed, *added]) if added else parsed
    return SearchRequest(
        with_feedback(said, *([parse_term(word) for word in words] for words in (more, less))),
        modality=Modality(target),
        filter=places.also_here(where) if here else where,
        limit=top,
        offset=offset,
        space=space,
        rerank=Rerank(rerank_top, deadline) if rerank else None,
        hybrid=hybrid,
        collapse=collapse,
        regions=regions,
        group_by=group_by,
        group_score=GroupScore(group_score),
        order=Order(order),
        diversify=diversify,
        min_relevance=min_relevance,
        explain=explain,
        literally=literally,
    )


@command(example="vasari similar ./boat.jpg -t 5")
@pictures.picture_argument
@_top_option
@_group_by_option
@_answered
def similar(what: str, top: int, group_by: str | None, explain: bool, space: str | None) -> SearchRequest:
    """Find pictures like one picture.

    An item of the library is left out of its own answer.
    """
    named = pictures.chosen(what)
    image, item = (named, None) if isinstance(named, Path) else (None, named)
    term = Term(TermKind.IMAGE if image else TermKind.ITEM, image=image, item=item)
    return SearchRequest(
        (term,), limit=top, space=space, group_by=group_by, explain=explain, exclude_query_items=True
    )


@dataclass(frozen=True, slots=True)
class _Form:
    """How an answer is printed: as JSON before JSON lines before paths; else for people."""

    json: bool = False
    jsonl: bool = False
    files: bool = False  # paths only
    zero: bool = False  # paths, each ending with NUL and not with a line
    preview: bool = False  # a grid of the pictures, for people
    judged: bool = False  # the exit code tells whether anything was found

    @property
    def for_people(self) -> bool:
        """Whether a person reads it, and no program."""
        return not (self.json or self.jsonl or self.files or self.zero)

    def code(self, response: SearchResponse) -> int:
        """The exit code: of a judged answer without hits 1, as grep's."""
        return int(self.judged and not response.hits)


def _answer(
    request: SearchRequest,
    form: _Form,
    library: Path | None,
    *,
    server: str | None = None,
    key: str | None = None,
) -> int:
    """Ask the library, or a running service, for `request`, and print the answer; tells the exit code."""
    if server is not None:
        return _answer_from(server, key, request, form)
    from vasari.retrieval.library.library import Library  # brings NumPy, which help leaves alone

    by_picture = any(term.kind is TermKind.IMAGE for term in request.terms)
    if request.rerank is not None or by_picture:
        output.waiting("loading the model…")
    with Library.open(library) as opened:
        response = opened.search(request)
        space = opened.space(response.space)
        slow = by_picture and opened.models.lacks_export(space)
    if opened.only_readable:
        output.note("note: this user may not write the library: it is only read, as with VASARI_READ_ONLY=1")
    if slow:
        output.note(
            "note: each picture loads the whole model; `vasari doctor --repair` spares that from now on"
        )
    if form.for_people and drawings.knows_no_photos(space.model, (item.uri for item in _pictures(response))):
        output.note(drawings.NOTE)
    _print(response, form, {}, here=True)
    if opened.models.loading:  # a reranker that came too late for the deadline: nobody waits for it
        output.leave(form.code(response))
    return form.code(response)


def _answer_from(server: str, key: str | None, request: SearchRequest, form: _Form) -> int:
    """As `_answer`, by a running service."""
    from vasari.api.cli.connecting import connected  # brings httpx, which a plain search leaves alone

    with connected(server, key) as client:
        response: SearchResponse = client.search(request)
        usual = request.space is None and any(_pictures(response))
        if form.for_people and usual and client.abilities()["drawings_only"]:
            output.note(drawings.NOTE)
        _print(response, form, _thumbnails(client, response) if form.preview else {}, here=False)
    return form.code(response)


def _converse(
    template: SearchRequest,
    text: str,
    form: _Form,
    library: Path | None,
    *,
    server: str | None,
    key: str | None,
) -> int:
    """Search while a person types, and print what was chosen; 130 for one who left."""
    from vasari.api.cli.interactive import converse

    if server is not None:
        from vasari.api.cli.connecting import connected

        with connected(server, key) as client:
            chosen = converse(client.search, template, text, None)
    else:
        from vasari.api.cli.opening import open_item
        from vasari.retrieval.library.library import Library

        with Library.open(library) as opened:
            chosen = converse(opened.search, template, text, partial(open_item, opened))
    if chosen is None:
        return 130
    if form.json or form.jsonl:
        output.print_json(item_fields(chosen))
    else:
        output.paths([chosen.uri], zero=form.zero)
    return 0


def _thumbnails(client: Client, response: SearchResponse) -> dict[ItemId, bytes]:
    """Small pictures of the hits, by the service: their files are not on this machine."""
    return {item.id: client.thumbnail(item.id) for item in _pictures(response)}


def _pictures(response: SearchResponse) -> Iterator[Item]:
    return (hit.item for hit in response.hits if hit.item.text is None)


def _print(response: SearchResponse, form: _Form, thumbnails: Mapping[ItemId, bytes], *, here: bool) -> None:
    """Print the answer; `here` if its files are those of this machine."""
    if not form.json:
        if response.understood:
            output.note(hits.understood(response.understood))
        if response.corrections:
            output.note(hits.corrected(response.corrections))
        for text in response.notes:
            output.note(text)
    if form.json:
        output.print_json(response_fields(response))
    elif form.jsonl:
        output.print_json_lines(hit_fields(hit) for hit in response.hits)
    elif form.files or form.zero:
        output.paths((hit.item.uri for hit in response.hits), zero=form.zero)
    elif form.preview:
        hits.show_grid(response, thumbnails, here=here)
    else:
        hits.show(response, here=here)
