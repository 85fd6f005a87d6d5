"""`vasari search` and `vasari similar`."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli import answering, pictures
from api.cli.options import (
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
from api.cli.usage import QueryCommand
from retrieval.domain import Modality, Rerank, SearchRequest, Term, TermKind
from retrieval.search.query import check_terms, parse_term, parse_terms

_top_option = click.option("--top", "-t", type=Integer(1), default=10, help="How many results.")
_files_option = click.option("--filepath-only", "-f", "files", is_flag=True, help="Print only the paths.")
_zero_option = click.option(
    "--null", "-0", "zero", is_flag=True, help="With -f: end each path with NUL, for xargs -0."
)
_preview_option = click.option("--preview", "-p", is_flag=True, help="Show the pictures in the terminal.")
_explain_option = click.option(
    "--explain", is_flag=True, help="Tell the strategy and the time of each stage."
)


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
    help="Leave out what matches no better than nonsense would; try 0.95.",
)
@click.option("--for", "target", type=choice(Modality), default="image", help="What to find.")
@click.option("--offset", type=Integer(0), default=0, help="Skip so many results.")
@_files_option
@_zero_option
@_preview_option
@click.option(
    "--no-indexing",
    "-n",
    is_flag=True,
    expose_value=False,
    help="As in rclip; Vasari's search never indexes.",
)
@_explain_option
@space_option
@json_option
@json_lines_option
@library_option
@server_option
@key_option
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
    files: bool,
    zero: bool,
    preview: bool,
    explain: bool,
    space: str | None,
    json: bool,
    jsonl: bool,
    library: Path | None,
    server: str | None,
    key: str | None,
) -> None:
    """Find pictures by words, by a picture, or by both."""
    parsed = parse_terms(terms)
    more = [*(parse_term(word) for word in add), *(parse_term(word, -1.0) for word in sub)]
    request = SearchRequest(
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
    form = answering.Form(json=json, jsonl=jsonl, files=files, zero=zero, preview=preview)
    answering.answer(request, form, library, server=server, key=key)


@command(example="vasari similar ./boat.jpg -t 5")
@pictures.picture_argument
@_top_option
@_files_option
@_zero_option
@_preview_option
@_explain_option
@space_option
@json_option
@json_lines_option
@library_option
@server_option
@key_option
def similar(
    what: str,
    top: int,
    files: bool,
    zero: bool,
    preview: bool,
    explain: bool,
    space: str | None,
    json: bool,
    jsonl: bool,
    library: Path | None,
    server: str | None,
    key: str | None,
) -> None:
    """Find pictures like one picture.

    An item of the library is left out of its own answer.
    """
    named = pictures.chosen(what)
    image, item = (named, None) if isinstance(named, Path) else (None, named)
    term = Term(TermKind.IMAGE if image else TermKind.ITEM, image=image, item=item)
    request = SearchRequest((term,), limit=top, space=space, explain=explain, exclude_query_items=True)
    form = answering.Form(json=json, jsonl=jsonl, files=files, zero=zero, preview=preview)
    answering.answer(request, form, library, server=server, key=key)
