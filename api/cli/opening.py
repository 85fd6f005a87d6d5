"""`vasari open`: the best match, or an item, in the program that the desktop has for pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from vasari.api.cli import hits, output
from vasari.api.cli.options import PLACE, Integer, command, library_option
from vasari.api.cli.usage import QueryCommand
from vasari.retrieval.domain import Item, SearchRequest, TermKind
from vasari.retrieval.errors import ImageError, NotFoundError, UsageError, VasariError
from vasari.retrieval.images.decode import probe
from vasari.retrieval.library.library import Library
from vasari.retrieval.search.query import parse_typed
from vasari.retrieval.storage.local_files import read_file
from vasari.retrieval.storage.uris import is_url, locate


class NoViewerError(VasariError):
    """The desktop has no program for it, or there is no desktop."""


_SECONDS = 2.0  # in which a program that cannot open it says so; a viewer goes on


@command("open", example="vasari open 'a red boat'", cls=QueryCommand)
@click.argument(
    "terms",
    metavar="TERM...",
    type=PLACE,
    nargs=-1,
    required=True,
    help="What `search` takes, or item:ID for that very picture.",
)
@click.option("--top", "-t", type=Integer(1), default=1, help="How many of the best to open.")
@click.option("--filter", "-F", "where", metavar="FILTER", help="Only among these, as in search.")
@click.option("--reveal", is_flag=True, help="Show the folder that it lies in instead.")
@library_option
def open_(terms: tuple[str, ...], top: int, where: str | None, reveal: bool, library: Path | None) -> None:
    """Open the best match in the desktop's own program."""
    parsed = parse_typed(terms)
    with Library.open(library) as opened:
        if len(parsed) == 1 and parsed[0].kind is TermKind.ITEM and parsed[0].item is not None:
            found = list(opened.items([parsed[0].item]).values())
        else:
            found = [hit.item for hit in opened.search(SearchRequest(parsed, filter=where, limit=top)).hits]
        if not found:
            raise NotFoundError("there is no such picture in this library")
        for item in found:
            open_item(opened, item, reveal=reveal)
            output.entry("", item.uri, link=hits.link_of(item))


def open_item(library: Library, item: Item, *, reveal: bool = False) -> None:
    """Hand an item's file, or its folder, to the desktop; raises ImageError for what is no picture, NoViewerError."""
    place = _checked(library, item)
    _hand_over(_folder_of(place) if reveal else place)


def _checked(library: Library, item: Item) -> str:
    """The item's file or page; what an import called a picture has to be one before a program is started with it."""
    if item.text is not None:
        raise UsageError(f"item {item.id} is a text: there is nothing to open")
    place = locate(item.uri)
    if place.member is not None:
        raise UsageError(f"{item.uri} lies in an archive: unpack it to open it")
    if is_url(item.uri):
        if not item.uri.startswith(("http://", "https://")):
            raise UsageError(f"{item.uri} is no file of this machine and no page")
        return item.uri
    limits = library.image_limits
    try:
        probe(read_file(Path(place.file), limits), limits)
    except ImageError as error:
        raise ImageError(f"{item.uri}: {error}", error.stage) from error
    return place.file


def _folder_of(place: str) -> str:
    return place if is_url(place) else str(Path(place).parent)


def _hand_over(place: str) -> None:
    """Start the program that the desktop has for it; returns while that is at work."""
    if sys.platform == "win32":
        os.startfile(place)  # noqa: S606 (a picture by its headers, or a web page)
        return
    program = "open" if sys.platform == "darwin" else "xdg-open"
    nothing = subprocess.DEVNULL  # and no pipe: a viewer that goes on would write into one that nobody reads
    try:
        started = subprocess.Popen(  # noqa: S603 (one fixed program, and no shell)
            [program, place], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )
    except OSError:
        raise NoViewerError(f"this machine has no {program}, by which desktops open files: {place}") from None
    try:
        code = started.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        return
    if code:
        raise NoViewerError(f"{program} found nothing that opens {place} (exit code {code})")
