"""`vasari tag` and `vasari show`: what people say of items, and all that is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from vasari.api.cli import output
from vasari.api.cli.curating import Curated, Where, curating
from vasari.api.cli.options import (
    PLACE,
    Integer,
    command,
    json_option,
)
from vasari.api.contract.changes import changed_fields
from vasari.api.contract.items import item_fields
from vasari.retrieval.catalog.records import Change
from vasari.retrieval.domain import Caption, CaptionSource, Item, ItemId
from vasari.retrieval.errors import UsageError

_LABEL = 11  # columns

what_argument = click.argument(
    "what", metavar="[PATH|ITEM...]", type=PLACE, nargs=-1, help="Files, folders or item:ID."
)
filter_option = click.option(
    "--filter", "-F", "filter_", metavar="FILTER", help="Only what this accepts: taken >= 2024-05 and tag:sea"
)


@command(example="vasari tag ~/Pictures/boat.jpg --add sea --favourite --rating 5")
@what_argument
@filter_option
@click.option(
    "--add", "-a", "added", metavar="TAG", multiple=True, help="Put a tag on them; may be repeated."
)
@click.option("--remove", "-r", "removed", metavar="TAG", multiple=True, help="Take a tag off them.")
@click.option("--favourite/--no-favourite", default=None, help="Make them favourites, or no more.")
@click.option("--rating", type=Integer(0, 5), help="Stars, 0 to 5; 0 takes your rating back.")
@click.option("--caption", metavar="TEXT", help="What one picture shows; empty takes your captions away.")
@json_option
@curating
def tag(
    what: tuple[str, ...],
    filter_: str | None,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    favourite: bool | None,
    rating: int | None,
    caption: str | None,
    json: bool,
    where: Where,
) -> None:
    """Say something of pictures: tags, a rating, a caption.

    It stays with them when files move, are edited or indexed again; files are never written to (`vasari tags write`
    writes sidecars). The exit code is 1 when something was named that is not in the library.
    """
    change = _change(added, removed, favourite, rating)
    if change == Change() and caption is None:
        raise UsageError("say what: --add, --remove, --favourite, --rating or --caption")
    captions = None if caption is None else [Caption(caption.strip())] if caption.strip() else []
    with where() as opened:
        ids, gone = chosen(opened, what, filter_)
        if captions is not None and len(ids) > 1:
            raise UsageError(f"a caption describes one picture, and these are {len(ids):,}")
        done = opened.say(ids, change, captions)
    if json:
        output.print_json({**changed_fields(done), "not_found": gone})
    elif ids or not gone:
        output.line(f"{done.changed if caption is None else len(ids):,} of {len(ids):,} changed")
    complain(gone)


def _change(
    added: Sequence[str], removed: Sequence[str], favourite: bool | None, rating: int | None
) -> Change:
    attributes: dict[str, Any] = {}
    if favourite is not None:
        attributes["favourite"] = favourite or None
    if rating:
        attributes["rating"] = rating
    return Change(added, removed, attributes, ("rating",) if rating == 0 else ())


@command(example="vasari show ~/Pictures/boat.jpg")
@click.argument(
    "what", metavar="PATH|ITEM...", type=PLACE, nargs=-1, required=True, help="Files, folders or item:ID."
)
@json_option
@curating
def show(what: tuple[str, ...], json: bool, where: Where) -> None:
    """Tell all that is known of pictures.

    The exit code is 1 when something was named that is not in the library.
    """
    with where() as opened:
        ids, gone = opened.chosen(what, None)
        known = [(item, opened.albums_of(item.id)) for item in opened.whole(ids)]
    if json:
        output.print_json([{**item_fields(item), "albums": list(albums)} for item, albums in known])
    else:
        for place, (item, albums) in enumerate(known):
            if place:
                output.line("")
            _show(item, albums)
    complain(gone)


def _show(item: Item, albums: Sequence[str]) -> None:
    for label, value in _lines(item, albums):
        output.line(f"{label:<{_LABEL}} {value}")


def _lines(item: Item, albums: Sequence[str]) -> Iterator[tuple[str, str]]:
    known = dict(item.attributes)
    stars = known.pop("rating", None)
    yield "item", f"item:{item.id}" + ("  favourite" if known.pop("favourite", None) is True else "")
    yield "where", item.uri
    if item.width and item.height:
        yield "size", f"{item.width} × {item.height}, {item.format or 'unknown'}, {item.bytes:,} bytes"
    if isinstance(stars, int | float) and not isinstance(stars, bool):
        yield "rating", f"{stars:g} of 5" if stars >= 0 else "rejected"
    for name, words in (("tags", item.tags), ("albums", albums)):
        if words:
            yield name, ", ".join(words)
    for caption in item.captions:
        by = " (by a model)" if caption.source is CaptionSource.MODEL else ""
        yield "caption", f"{caption.text}{by}"
    if item.text:
        yield "text", item.text
    for line in item.text_lines or ():
        yield "reads", line.text
    yield from _facts(known)


def _facts(known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in known.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield name.replace("_", " "), shown


def chosen(library: Curated, what: Sequence[str], filter_: str | None) -> tuple[list[ItemId], list[str]]:
    """Ids of what was named on the command line, and names that mean nothing; UsageError where nothing was said."""
    if not what and filter_ is None:
        raise UsageError("which pictures? name files, folders or item:ID, or give a --filter")
    return library.chosen(what, filter_)


def complain(gone: Sequence[str]) -> None:
    """Say what is not in the library, and end with 1 for it."""
    for name in gone:
        number = f" (the item of that number is item:{name})" if name.isascii() and name.isdigit() else ""
        output.note(f"not in the library: {name}{number}")
    if gone:
        raise click.exceptions.Exit(1)
