"""Albums of a library: saved searches are checked when they are saved, and counted when they are listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vasari.retrieval.catalog.records import Album
from vasari.retrieval.domain import Hit, Modality, SearchRequest
from vasari.retrieval.errors import QueryError, Sentence, UsageError
from vasari.retrieval.search.dated import GOOD, MOST
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


def freeze(
    library: Contents,
    name: str,
    query: str | None = None,
    filter: str | None = None,  # noqa: A002
) -> Album:
    """A new album by hand of what a search finds now; what comes later is not in it. Raises as `save_found` does."""
    request = good_matches(query, filter)
    hits = None if request is None else library.searched(request).hits
    return save_found(library, name, filter, hits)


def good_matches(query: str | None, filter: str | None) -> SearchRequest | None:  # noqa: A002
    """The search for the good matches of a query, the best thousand; None where nothing but a filter is given."""
    if not query:
        return None
    terms = parse_query(query)
    return SearchRequest(
        terms, filter=filter or None, limit=MOST, min_relevance=GOOD, exclude_query_items=True
    )


def save_found(library: Contents, name: str, filter: str | None, hits: Sequence[Hit] | None) -> Album:  # noqa: A002
    """A new album by hand of hits, or, where there was no query, of all pictures that a filter accepts.

    Raises QueryError for a filter that cannot be read, UsageError for a name that is taken, and where nothing is found.
    """
    if hits is None and not filter:
        raise UsageError(
            "nothing is searched for: give a query or a filter, whose pictures the album is to hold"
        )
    found = (
        library.catalog.filters.matching(filter, Modality.IMAGE).tolist()
        if hits is None
        else [hit.item.id for hit in hits]
    )
    if not found:
        raise UsageError(Sentence("nothing matches that well, so there is nothing to put into an album"))
    with library.catalog.database.together():
        made = library.catalog.albums.create(name)
        library.catalog.albums.add(made.id, found)
        return library.catalog.albums.get(made.id)


def _check(library: Contents, query: str | None, filter: str | None) -> None:  # noqa: A002
    if query:
        parse_query(query)
    if filter:
        library.catalog.filters.matching(filter, Modality.IMAGE)
