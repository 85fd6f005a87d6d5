"""`vasari search` and `vasari similar`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output
from api.cli.options import JsonLinesOption, JsonOption, LibraryOption, SpaceOption

if TYPE_CHECKING:
    from retrieval.domain import SearchRequest

TopOption = Annotated[int, typer.Option("--top", "-t", help="How many results.", min=1)]
FilesOption = Annotated[bool, typer.Option("-f", "--filepath-only", help="Print only the paths.")]
ZeroOption = Annotated[
    bool, typer.Option("-0", "--null", help="With -f: end each path with NUL, for xargs -0.")
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Tell the strategy and the time of each stage.")
]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(
        epilog="Example: vasari search 'a red boat' + ./sunset.jpg - people -t 5",
        no_args_is_help=True,
    )(search)
    app.command(epilog="Example: vasari similar ./boat.jpg -t 5", no_args_is_help=True)(similar)


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
    offset: Annotated[int, typer.Option(help="Skip so many results.", min=0)] = 0,
    files: FilesOption = False,
    zero: ZeroOption = False,
    explain: ExplainOption = False,
    space: SpaceOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
    library: LibraryOption = None,
) -> None:
    """Find pictures by words, by a picture, or by both."""
    from retrieval.domain import SearchRequest
    from retrieval.search.query import check_terms, parse_term, parse_terms

    parsed = [*parse_terms(terms)]
    parsed += [parse_term(word) for word in add or ()]
    parsed += [parse_term(word, -1.0) for word in sub or ()]
    request = SearchRequest(check_terms(parsed), limit=top, offset=offset, space=space, explain=explain)
    _answer(request, library, files=files, zero=zero, json=json, jsonl=jsonl)


def similar(
    what: Annotated[str, typer.Argument(metavar="ITEM|FILE", help="An item's number, or a picture's path.")],
    top: TopOption = 10,
    files: FilesOption = False,
    zero: ZeroOption = False,
    explain: ExplainOption = False,
    space: SpaceOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
    library: LibraryOption = None,
) -> None:
    """Find pictures like one picture; an item of the library is left out of its own answer."""
    from retrieval.domain import SearchRequest, Term, TermKind
    from retrieval.errors import UsageError

    path = Path(what).expanduser()
    if path.is_file():
        term = Term(TermKind.IMAGE, image=path)
    elif what.removeprefix("item:").isdecimal():
        term = Term(TermKind.ITEM, item=int(what.removeprefix("item:")))
    else:
        raise UsageError(f"no such file, and no item number: {what}")
    request = SearchRequest((term,), limit=top, space=space, explain=explain, exclude_query_items=True)
    _answer(request, library, files=files, zero=zero, json=json, jsonl=jsonl)


def _answer(
    request: SearchRequest, library: Path | None, *, files: bool, zero: bool, json: bool, jsonl: bool
) -> None:
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
        for text in render.response_lines(response):
            output.line(text)
