"""`vasari queries`: what was searched for, where that is kept."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.options import Integer, command, json_option, library_option
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.query_log import LoggedQuery, QueryLog

_OFF = (
    "searches are not kept: VASARI_QUERY_LOG=1 keeps them in the library, for `vasari serve` and for commands"
)


@command("list", example="vasari queries list --unanswered")
@click.option("--unanswered", is_flag=True, help="Only those without a good match, the most asked first.")
@click.option("--top", "-t", type=Integer(1), default=50, help="How many.")
@json_option
@library_option
def list_queries(unanswered: bool, top: int, json: bool, library: Path | None) -> None:
    """List what was searched for, the last first, and how well its best answer matched.

    A relevance of 0.8 and more is a good match. Nothing is kept unless VASARI_QUERY_LOG is set.
    """
    with Library.open(library) as opened:
        log, on = QueryLog(opened.root), opened.settings.query_log
    found = log.unanswered() if unanswered else [(query, 1) for query in reversed(log.read())]
    found = found[:top]
    if json:
        output.print_json(
            [_fields(query) | ({"times": times} if unanswered else {}) for query, times in found]
        )
        return
    output.table([_row(query, times, unanswered) for query, times in found])
    if not found:
        output.note(_OFF if not on else "no query without a good match" if unanswered else "no searches yet")


@command(example="vasari queries clear")
@json_option
@library_option
def clear(json: bool, library: Path | None) -> None:
    """Forget what was searched for."""
    with Library.open(library) as opened:
        count = QueryLog(opened.root).clear()
    if json:
        output.print_json({"forgotten": count})
    else:
        output.line(f"{count:,} searches forgotten")


def _fields(query: LoggedQuery) -> dict[str, object]:
    return asdict(query) | {"at": query.at.isoformat().replace("+00:00", "Z")}


def _row(query: LoggedQuery, times: int, unanswered: bool) -> tuple[str, ...]:
    match = "nothing found" if not query.hits else "" if query.relevance is None else f"{query.relevance:.2f}"
    first = f"{times:,} ×" if unanswered else f"{query.at.astimezone():%Y-%m-%d %H:%M}"
    return first, match, query.query, query.filter or ""
