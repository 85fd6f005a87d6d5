"""A picture as an argument: a file, or an item of the library by its number."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vasari.api.cli.options import PLACE
from vasari.retrieval.domain import Item, ItemId, Modality
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.search.query import parse_item
from vasari.retrieval.storage.file_names import on_disk
from vasari.retrieval.storage.uris import local_path

if TYPE_CHECKING:
    from vasari.retrieval.library.library import Library

picture_argument = click.argument(
    "what", metavar="ITEM|FILE", type=PLACE, help="A picture's path, or item:ID of the library."
)


def chosen(word: str) -> ItemId | Path:
    """What a word names: a file that is there, else `item:ID`, or the number alone."""
    if not word.strip():
        raise UsageError("the name of the picture is empty: give its path, or item:ID")
    if (path := _file(word)) is not None:
        return path
    if word.isascii() and word.isdecimal():
        word = f"item:{word}"
    item = parse_item(word)
    if item is not None:
        return item
    if local_path(word).is_dir():
        raise UsageError(f"{word} is a folder: name one picture in it, or an item of the library by item:ID")
    raise NotFoundError(f"no such file: {word} (an item of the library is named by item:ID)")


def _file(word: str) -> Path | None:
    path = Path(on_disk(str(local_path(word))))
    return path if path.exists() and not path.is_dir() else None  # a pipe is as good as a file


def content(library: Library, word: str) -> bytes | Path:
    """The file, or the bytes of the item's original; NotFoundError, and UsageError for an item that is a text."""
    what = chosen(word)
    return what if isinstance(what, Path) else library.original_of(item_of(library, what))


def item_of(library: Library, number: ItemId) -> Item:
    """The picture of this number."""
    found = library.items([number]).get(number)
    if found is None:
        raise NotFoundError(f"no item {number} in this library")
    if found.modality is not Modality.IMAGE:
        raise UsageError(f"item {number} is a text: a picture is needed here")
    return found


def uri_of(library: Library, word: str) -> str:
    """What JSON calls a picture that was given."""
    what = chosen(word)
    return str(what.absolute()) if isinstance(what, Path) else item_of(library, what).uri
