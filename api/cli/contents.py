"""`vasari status`, `fields`, `remove` and `purge`: what is in a library."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from vasari.api.cli import output, render
from vasari.api.cli.options import (
    PLACE,
    command,
    duration,
    json_option,
    key_option,
    library_option,
    server_option,
    yes_option,
)
from vasari.api.contract.library import filter_fields, status_fields
from vasari.retrieval.catalog.filters.parser import FIELDS
from vasari.retrieval.domain import Item
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.named import live_items
from vasari.retrieval.library.remove import remove as take_out
from vasari.retrieval.library.trash import check_trash, move_to_trash
from vasari.retrieval.storage.uris import absolute


@command(example="vasari status --json")
@json_option
@library_option
@server_option
@key_option
def status(json: bool, library: Path | None, server: str | None, key: str | None) -> None:
    """Tell what the library holds.

    Also by which model, and whether a job is writing it.
    """
    if server is not None:
        from vasari.api.cli.connecting import connected  # brings httpx, which takes as long as the rest

        with connected(server, key) as client:
            facts = {"library": server, **client.status()}
    else:
        with Library.open(library) as opened:
            facts = {"library": str(opened.root), **status_fields(opened)}
    if json:
        output.print_json(facts)
        return
    for line in render.status_lines(facts):
        output.line(line)


@command(example="vasari fields")
@json_option
@library_option
def fields(json: bool, library: Path | None) -> None:
    """List what a filter may ask for.

    The fields of every item, and the attributes that items have, with how many have each.
    """
    with Library.open(library) as opened:
        attributes = opened.catalog.facets.attribute_counts()
    if json:
        output.print_json(filter_fields(FIELDS, attributes))
        return
    output.table([(name, str(kind)) for name, kind in FIELDS.items()], name=1)
    for name, count in attributes.items():
        output.entry("", name, f"  of {output.counted(count, 'item', 'items')}")


@command(example="vasari remove ~/Pictures/old item:42")
@click.argument(
    "what", metavar="PATH|ITEM...", type=PLACE, nargs=-1, required=True, help="Files, folders or item:ID."
)
@click.option("--trash", is_flag=True, help="Their files go to the system's trash.")
@yes_option
@json_option
@library_option
def remove(what: tuple[str, ...], trash: bool, yes: bool, json: bool, library: Path | None) -> None:
    """Take items out of the library.

    What was written about them goes, too: the next `vasari index` of their folder adds them without it, unless a
    .vasariignore names them.

    Your files are never touched without --trash; pictures that the library stored itself, because they were uploaded,
    are deleted. With --trash, which VASARI_TRASH=1 allows, files go to the system's trash one by one; an item whose
    file cannot go stays. The exit code is 1 when something was named that is not in the library, or stays.
    """
    with Library.open(library) as opened:
        if trash:
            check_trash(opened.settings)
            if not yes:
                _ask_for_trash(len(live_items(opened, what)[0]), json=json)
        done = take_out(opened, what, trash=partial(_to_trash, opened) if trash else None)
        kept = {item.uri: done.kept[number] for number, item in opened.items(list(done.kept)).items()}
    if json:
        told = {"removed": done.removed, "not_found": list(done.not_found)}
        output.print_json(told | ({"kept": kept} if trash else {}))
    elif trash:
        output.line(f"{done.removed} removed from the library; their files are in the trash")
    else:
        output.line(f"{done.removed} removed from the library; your files are untouched")
    for name in done.not_found:
        output.note(f"not in the library: {name}")
    for uri, reason in kept.items():
        output.note(f"{uri} stays: {reason}")
    if done.not_found or kept:
        raise click.exceptions.Exit(1)


def _ask_for_trash(count: int, *, json: bool) -> None:
    """The second question; one that nobody can answer is an error."""
    files = "1 file" if count == 1 else f"{count:,} files"
    if json or not output.can_ask():
        raise UsageError(f"{files} would be moved to the trash: say --yes")
    if not output.confirmed(f"Move {files} to the trash?"):
        raise click.exceptions.Exit(1)


def _to_trash(library: Library, item: Item) -> None:
    move_to_trash(item, library.image_limits)


@command(example="vasari purge --older-than 30d")
@click.argument(
    "where", metavar="[PATH...]", type=PLACE, nargs=-1, help="Only what lay here. [default: anywhere]"
)
@click.option("--older-than", metavar="TIME", help="Only what is missing for so long: 30d, 12h, 8w.")
@yes_option
@json_option
@library_option
def purge(
    where: tuple[str, ...], older_than: str | None, yes: bool, json: bool, library: Path | None
) -> None:
    """Forget missing pictures and texts for good.

    Those whose files are gone are hidden, and keep their tags, captions and
    attributes until the files come back. This deletes what was written.
    """
    since = None if older_than is None else datetime.now(UTC) - duration(older_than)
    places = None
    if where:
        places = [place for path in map(absolute, where) for place in (path, f"text:{path}")]
    with Library.open(library) as opened:
        found = opened.catalog.items.missing(since, places)
        if found and not yes:
            if json or not output.can_ask():
                raise UsageError(f"{_counted(len(found))} would be forgotten for good: say --yes")
            if not output.confirmed(f"Forget {_counted(len(found))} and all that is said of them?"):
                raise click.exceptions.Exit(1)
        with opened.catalog.lease.acquire("vasari purge"):
            purged = opened.catalog.items.purge(found)
    if json:
        output.print_json({"purged": purged})
    else:
        output.line(f"{_counted(purged)} forgotten")


def _counted(items: int) -> str:
    return "1 missing item" if items == 1 else f"{items:,} missing items"
