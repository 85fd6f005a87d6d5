"""`vasari album`: albums by hand, and saved searches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.curating import Where, curated, curating
from vasari.api.cli.options import (
    PLACE,
    command,
    json_option,
    key_option,
    library_option,
    server_option,
    yes_option,
)
from vasari.api.cli.saying import chosen, complain, filter_option, what_argument
from vasari.api.contract.albums import album_fields
from vasari.retrieval.catalog.records import Album, Change
from vasari.retrieval.errors import UsageError

_HERE = "http://127.0.0.1:7600"
_album = click.argument("album", metavar="ALBUM", help="Its name.")


@command("list", example="vasari album list")
@json_option
@curating
def list_albums(json: bool, where: Where) -> None:
    """List the albums and saved searches."""
    with where() as opened:
        found = opened.albums()
    if json:
        output.print_json([album_fields(album) for album in found])
        return
    output.table([(album.name, _count(album), _search(album)) for album in found])
    if not found:
        output.note("no albums: make one with `vasari album create NAME`")


def _count(album: Album) -> str:
    return "" if album.count is None else f"{album.count:,}"


def _search(album: Album) -> str:
    parts = (album.query or "", f"filter: {album.filter}" if album.filter else "")
    return "  ".join(part for part in parts if part)


@command(example="vasari album create 'Best of 2024' --filter 'taken = 2024 and rating >= 4'")
@click.argument("name", metavar="NAME", help="Such as: Summer 2024")
@click.argument("what", metavar="[PATH|ITEM...]", type=PLACE, nargs=-1, help="What goes into it at once.")
@click.option(
    "--filter", "-F", "filter_", metavar="FILTER", help="Save a filter: its pictures are found anew."
)
@click.option("--query", "-q", metavar="QUERY", help="Save a search for words.")
@click.option(
    "--frozen",
    is_flag=True,
    help="Make an album by hand of what --query finds well now (a thousand at most), or --filter accepts.",
)
@json_option
@curating
def create(
    name: str,
    what: tuple[str, ...],
    filter_: str | None,
    query: str | None,
    frozen: bool,
    json: bool,
    where: Where,
) -> None:
    """Make an album, or save a search.

    A saved filter is an album whose pictures are looked up each time; `--filter 'album:"NAME"'` of other commands
    means either kind.
    """
    if what and (filter_ or query):
        raise UsageError(
            "a saved search finds its pictures by itself: name no files beside --filter and --query"
        )
    if frozen and not (filter_ or query):
        raise UsageError("--frozen keeps what a search finds now: say --query or --filter")
    with where() as opened:
        ids, gone = chosen(opened, what, None) if what else ([], [])
        made = opened.freeze(name, query, filter_) if frozen else opened.create(name, query, filter_, ids)
    if json:
        output.print_json(album_fields(made))
    else:
        output.line(f"{made.name}: {_pictures(made.count)}")
    complain(gone)


def _pictures(count: int | None) -> str:
    if count is None:
        return "a saved search"
    return "1 picture" if count == 1 else f"{count:,} pictures"


@command(example="vasari album add 'Summer 2024' ~/Pictures/beach")
@_album
@what_argument
@filter_option
@json_option
@curating
def add(
    album: str,
    what: tuple[str, ...],
    filter_: str | None,
    json: bool,
    where: Where,
) -> None:
    """Put pictures into an album."""
    _change("added", lambda found: Change(add_to_albums=[found]), where, album, what, filter_, json)


@command(example="vasari album remove 'Summer 2024' item:42")
@_album
@what_argument
@filter_option
@json_option
@curating
def remove(
    album: str,
    what: tuple[str, ...],
    filter_: str | None,
    json: bool,
    where: Where,
) -> None:
    """Take pictures out of an album; they stay in the library."""
    _change("removed", lambda found: Change(remove_from_albums=[found]), where, album, what, filter_, json)


def _change(
    verb: str,
    change: Callable[[int], Change],
    where: Where,
    album: str,
    what: tuple[str, ...],
    filter_: str | None,
    json: bool,
) -> None:
    with where() as opened:
        found = opened.album(album)
        chosen_ids, gone = chosen(opened, what, filter_)
        done = opened.say(chosen_ids, change(found.id))
    ids = [item for undo in done.undo for item in undo.ids]
    if json:
        output.print_json({verb: len(ids), "ids": ids})
    else:
        output.line(f"{len(ids):,} {verb}")
    complain(gone)


@command(example="vasari album share 'Summer 2024' --expires 30d --at https://pictures.example.org")
@_album
@click.option(
    "--expires", default="30d", show_default=True, help="When the link ends: 90d, 12h, or 2027-01-31."
)
@click.option("--at", metavar="URL", help=f"Where the page is served. [default: --server, else {_HERE}]")
@json_option
@library_option
@server_option
@key_option
def share(
    album: str,
    expires: str,
    at: str | None,
    json: bool,
    library: Path | None,
    server: str | None,
    key: str | None,
) -> None:
    """Make a link by which others see an album, and nothing else of the library.

    The link holds a key of its own: `vasari keys list` shows it, `vasari keys revoke` ends it at once. Of a search for
    words, `vasari album create --frozen` makes an album that can be shared.
    """
    from vasari.api.cli.keys import moment

    with curated(library, server, key) as opened:
        found = opened.album(album)
        made, first = opened.share(found, moment(expires))
    link = f"{(at or server or _HERE).rstrip('/')}/#key={made.key}"
    if json:
        output.print_json({"id": made.id, "album": found.name, "link": link, "expires_at": made.expires_at})
        return
    output.line(link)
    until = f"{made.expires_at:%Y-%m-%d}"
    output.note(
        f"key {made.id} sees {found.name} as it is at any time, until {until}; whoever has the link does"
    )
    if first:
        output.note("from this first key on the service asks everybody for one: make yours with")
        output.note("vasari keys create me --scope admin")


@command(example="vasari album rename 'Summer 2024' Elba")
@_album
@click.argument("name", metavar="NAME", help="What it is called from now on.")
@json_option
@curating
def rename(album: str, name: str, json: bool, where: Where) -> None:
    """Give an album another name."""
    with where() as opened:
        changed = opened.rename(opened.album(album).id, name)
    if json:
        output.print_json(album_fields(changed))
    else:
        output.line(f"it is called {changed.name} now")


@command(example="vasari album delete Elba --yes")
@_album
@yes_option
@json_option
@curating
def delete(album: str, yes: bool, json: bool, where: Where) -> None:
    """Forget an album; its pictures stay in the library."""
    with where() as opened:
        found = opened.album(album)
        if not yes:
            if json or not output.can_ask():
                raise UsageError(f"the album {found.name} would be forgotten: say --yes")
            if not output.confirmed(f"Forget the album {found.name} ({_pictures(found.count)} stay)?"):
                raise click.exceptions.Exit(1)
        opened.delete(found.id)
    if json:
        output.print_json({"deleted": found.name})
    else:
        output.line(f"{found.name} is forgotten; its pictures are untouched")
