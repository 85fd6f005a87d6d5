"""`vasari understand`: what a typed sentence would be searched as."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.connecting import connected
from vasari.api.cli.options import (
    PLACE,
    command,
    json_option,
    key_option,
    library_option,
    server_option,
)
from vasari.api.cli.usage import QueryCommand
from vasari.api.contract.search import understanding_fields
from vasari.retrieval.domain import Term, Understanding
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.vocabulary import WorldVocabulary
from vasari.retrieval.search import intent
from vasari.retrieval.search.query import parse_typed


@command(example="vasari understand 'Anna in Lisbon, May 2018'", cls=QueryCommand)
@click.argument(
    "terms", metavar="TERM...", type=PLACE, nargs=-1, required=True, help="As for `vasari search`."
)
@click.option(
    "--today",
    metavar="DATE",
    help='The day from which "last summer" is told, such as 2024-05-31.',
)
@json_option
@library_option
@server_option
@key_option
def understand(
    terms: tuple[str, ...],
    today: str | None,
    json: bool,
    library: Path | None,
    server: str | None,
    key: str | None,
) -> None:
    """Tell what a query would be understood as, without searching.

    Dates, and the people, places and cameras that the library knows, become
    filters where nothing else can be meant. Without a library places are those
    of the whole world, and people and cameras are unknown.
    """
    query, day = parse_typed(terms), _day(today) if today else date.today()
    if server is not None:
        with connected(server, key) as client:
            found = client.understand(" ".join(terms), day)
    else:
        found = _understood(query, day, library)
    if json:
        output.print_json(understanding_fields(found))
        return
    output.table(_rows(found), name=2)


def _understood(query: tuple[Term, ...], day: date, library: Path | None) -> Understanding:
    try:
        with Library.open(library) as opened:
            return opened.understand(query, day)
    except NotFoundError:
        if library is not None:
            raise
        output.note("note: no library here: people and cameras are not known")
        return intent.understand(query, day, WorldVocabulary())


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise UsageError(f"{given!r} is no date: write one such as 2024-05-31") from None


def _rows(found: Understanding) -> list[tuple[str, str, str]]:
    """Kind, what it was read from, and the filter, which may be long, or the word."""
    fields = understanding_fields(found)
    terms = [
        ("words", term["text"], "" if term["weight"] == 1 else f"weight {term['weight']:g}")
        for term in fields["terms"]
    ]
    must = [("must occur", words, "") for words in found.words]
    read = [(one.kind, f"“{one.text}”", one.filter) for one in found.filters]
    return [*terms, *must, *read, *(("spelling", f"“{one.text}”", one.word) for one in found.corrections)]
