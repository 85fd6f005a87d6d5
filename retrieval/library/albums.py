"""Albums of a library: saved searches are checked when they are saved, and counted when they are listed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vasari.retrieval.catalog.records import Album
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import QueryError
from vasari.retrieval.search.query import parse_query

if TYPE_CHECKING:
    from vasari.retrieval.library.ports import Contents


def save(library: Contents, name: str, query: str | None = None, filter: str | None = None) -> Album:  # noqa: A002
    """A new album: by hand, or, with a query or a filter, a saved search.

    Raises QueryError for a search that cannot be read, UsageError for a name that is taken.
    """
    _check(library, query, filter)
    return counted(library, library.catalog.albums.create(name, query, filter))


def change(library: Contents, album: int, **fields: str | None) -> Album:
    """Change `name`, `query` or `filter` of an album; raises as `save` does, and NotFoundError."""
    _check(library, fields.get("query"), fields.get("filter"))
    return counted(library, library.catalog.albums.change(album, **fields))


def listed(library: Contents) -> list[Album]:
    """All albums by name, each with how many pictures it has now where that can be told without a search."""
    return [counted(library, album) for album in library.catalog.albums.all()]


def counted(library: Contents, album: Album) -> Album:
    """A saved filter with its count and one picture to stand for it; others as they are.

    So is a filter that names an attribute which no item has any more.
    """
    if album.filter is None or album.query is not None:
        return album
    try:
        found = library.catalog.filters.matching(album.filter, Modality.IMAGE)
    except QueryError:
        return album
    return replace(album, count=len(found), cover=int(found[-1]) if len(found) else None)


def condition(album: Album) -> str:
    """The filter that accepts what is in an album by hand, or what a saved filter finds."""
    escaped = album.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'album = "{escaped}"'


def _check(library: Contents, query: str | None, filter: str | None) -> None:  # noqa: A002
    if query:
        parse_query(query)
    if filter:
        library.catalog.filters.matching(filter, Modality.IMAGE)
