"""`vasari search` and `vasari similar`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.cli import answering, pictures
from api.cli.options import (
    JsonLinesOption,
    JsonOption,
    KeyOption,
    LibraryOption,
    ServerOption,
    SpaceOption,
    amount,
)
from api.cli.pictures import PictureArgument

TopOption = Annotated[int, typer.Option("--top", "-t", help="How many results.", min=1)]
FilesOption = Annotated[bool, typer.Option("-f", "--filepath-only", help="Print only the paths.")]
ZeroOption = Annotated[
    bool, typer.Option("-0", "--null", help="With -f: end each path with NUL, for xargs -0.")
]
PreviewOption = Annotated[bool, typer.Option("--preview", "-p", help="Show the pictures in the terminal.")]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Tell the strategy and the time of each stage.")
]


class TargetChoice(StrEnum):
    """What a search finds."""

    IMAGE = "image"
    TEXT = "text"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(
        epilog="Example: vasari search 'a red boat' + ./sunset.jpg - people -t 5",
    )(search)
    app.command(epilog="Example: vasari similar ./boat.jpg -t 5")(similar)


def search(
    terms: Annotated[
        list[str],
        typer.Argument(
            metavar="TERM...",
            help="Words, a picture's path or item:ID; `+` adds a term, `-` subtracts; 2:cat weighs.",
        ),
    ],
    top: TopOption = 10,
    add: Annotated[list[str] | None, typer.Option("--add", "-a", help="A term to add.")] = None,
    sub: Annotated[list[str] | None, typer.Option("--sub", "-s", help="A term to subtract.")] = None,
    where: Annotated[
        str | None,
        typer.Option("--filter", "-F", metavar="FILTER", help="Such as: taken >= 2024-05 and tag:holiday"),
    ] = None,
    rerank: Annotated[
        bool, typer.Option("--rerank", "-r", help="Compare the best again by cross-attention.")
    ] = False,
    rerank_top: Annotated[int, typer.Option(help="How many candidates to rerank.", min=1)] = 32,
    deadline: Annotated[
        float | None,
        typer.Option(
            help="Milliseconds for reranking, else first-stage order.", metavar="MS", callback=amount
        ),
    ] = None,
    hybrid: Annotated[bool, typer.Option("--hybrid", help="Also search captions, names and tags.")] = False,
    collapse: Annotated[
        bool, typer.Option("--collapse", help="One of each group of near-duplicates.")
    ] = False,
    diversify: Annotated[
        float | None,
        typer.Option(help="Vary the results: 1 not at all, 0 at any price.", min=0, max=1, callback=amount),
    ] = None,
    min_relevance: Annotated[
        float | None,
        typer.Option(
            help="Leave out what matches no better than nonsense would; try 0.95.",
            min=0,
            max=1,
            callback=amount,
        ),
    ] = None,
    target: Annotated[TargetChoice, typer.Option("--for", help="What to find.")] = TargetChoice.IMAGE,
    offset: Annotated[int, typer.Option(help="Skip so many results.", min=0)] = 0,
    files: FilesOption = False,
    zero: ZeroOption = False,
    preview: PreviewOption = False,
    _no_indexing: Annotated[
        bool, typer.Option("-n", "--no-indexing", help="As in rclip; Vasari's search never indexes.")
    ] = False,
    explain: ExplainOption = False,
    space: SpaceOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
    library: LibraryOption = None,
    server: ServerOption = None,
    key: KeyOption = None,
) -> None:
    """Find pictures by words, by a picture, or by both."""
    from retrieval.domain import Modality, Rerank, SearchRequest
    from retrieval.search.query import check_terms, parse_term, parse_terms

    parsed = parse_terms(terms)
    more = [*(parse_term(word) for word in add or ()), *(parse_term(word, -1.0) for word in sub or ())]
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


def similar(
    what: PictureArgument,
    top: TopOption = 10,
    files: FilesOption = False,
    zero: ZeroOption = False,
    preview: PreviewOption = False,
    explain: ExplainOption = False,
    space: SpaceOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
    library: LibraryOption = None,
    server: ServerOption = None,
    key: KeyOption = None,
) -> None:
    """Find pictures like one picture.

    An item of the library is left out of its own answer.
    """
    from retrieval.domain import SearchRequest, Term, TermKind

    named = pictures.chosen(what)
    image, item = (named, None) if isinstance(named, Path) else (None, named)
    term = Term(TermKind.IMAGE if image else TermKind.ITEM, image=image, item=item)
    request = SearchRequest((term,), limit=top, space=space, explain=explain, exclude_query_items=True)
    form = answering.Form(json=json, jsonl=jsonl, files=files, zero=zero, preview=preview)
    answering.answer(request, form, library, server=server, key=key)
