"""`vasari stack`, `vasari unstack` and `vasari stacks`: pictures that are shown as one."""

from __future__ import annotations

from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.curating import Where, curating
from vasari.api.cli.options import (
    PLACE,
    Integer,
    command,
    json_option,
    library_option,
)
from vasari.api.cli.saying import complain
from vasari.retrieval.catalog.stacks import StackRule
from vasari.retrieval.library.library import Library

_WORDS = {
    StackRule.RAW: "RAW and what was made of it",
    StackRule.LIVE: "one moment",
    StackRule.EDIT: "edited copies",
    StackRule.BURST: "burst",
    StackRule.HAND: "by hand",
}
_pictures_argument = click.argument(
    "what", metavar="PATH|ITEM...", type=PLACE, nargs=-1, required=True, help="Files, folders or item:ID."
)


@command(example="vasari stack ~/Pictures/boat.jpg ~/Pictures/boat-print.jpg")
@_pictures_argument
@curating
def stack(what: tuple[str, ...], where: Where) -> None:
    """Make pictures one stack, which `vasari search --group-by stack` shows as one.

    They leave the stacks that they were in. The exit code is 1 when something was named that is not in the library.
    """
    with where() as opened:
        ids, gone = opened.chosen(what, None)
        if ids or not gone:
            members = opened.stack(ids)
            output.line(f"one stack of {len(members):,}")
    complain(gone)


@command(example="vasari unstack ~/Pictures/boat-print.jpg")
@_pictures_argument
@curating
def unstack(what: tuple[str, ...], where: Where) -> None:
    """Take pictures out of their stacks; no rule puts them into one again.

    The exit code is 1 when something was named that is not in the library.
    """
    with where() as opened:
        ids, gone = opened.chosen(what, None)
        if ids:
            opened.unstack(ids)
    if ids:
        output.line(f"{len(ids):,} in no stack")
    complain(gone)


@command(example="vasari stacks")
@click.option("--limit", type=Integer(1), help="Show at most so many.")
@json_option
@library_option
def stacks(limit: int | None, json: bool, library: Path | None) -> None:
    """List stacks: RAW photos with their JPEGs, live photos, edited copies, bursts, and those made by hand.

    `vasari index` makes them by rules; `vasari stack` and `vasari unstack` change them.
    """
    with Library.open(library) as opened:
        found = opened.catalog.stacks.all()
        shown = found[:limit]
        uris = {item.id: item.uri for stack in shown for item in opened.items(stack.items).values()}
    if json:
        told = [
            {
                "rule": str(stack.rule),
                "items": [{"id": item, "uri": uris[item]} for item in stack.items if item in uris],
            }
            for stack in shown
        ]
        output.print_json({"stacks": told, "total": len(found)})
        return
    for stack in shown:
        output.line(_WORDS[stack.rule])
        for item in stack.items:
            if item in uris:
                output.entry("    ", output.relative(uris[item]))
    members = sum(len(stack.items) for stack in found)
    plural = "" if len(found) == 1 else "s"
    output.line(f"{len(found):,} stack{plural} of {members:,} pictures" if found else "no stacks")
