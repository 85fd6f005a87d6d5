"""The tools: each a method whose name, arguments and docstring are what an agent is told. They read; one writes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Annotated, ParamSpec, TypeVar

from mcp.server.mcpserver import Image
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from vasari.api.mcp.answers import AlbumEntry, Count, Found, FoundItem, Overview, found_hit, found_item
from vasari.api.python.library import Library
from vasari.retrieval.catalog.filters.parser import FIELDS
from vasari.retrieval.domain import Item, Modality
from vasari.retrieval.errors import NotFoundError, UsageError, VasariError
from vasari.retrieval.library import albums
from vasari.retrieval.search.request import SearchOptions, search_request

MOST = 50  # items of an answer
_MOST_VALUES = 40  # of each facet

P = ParamSpec("P")
R = TypeVar("R")

Query = Annotated[
    str, Field(description="What to look for, such as: a red boat at sunset. `boat - people` subtracts.")
]
Limit = Annotated[int, Field(ge=1, le=MOST, description="How many, at most.")]
Filter = Annotated[
    str | None,
    Field(
        description='Only items that pass, such as: taken >= 2024-05 and tag:holiday and folder:"/photos/trip"'
    ),
]
ItemNumber = Annotated[int, Field(description="The number `item` of an answer.")]
Side = Annotated[int, Field(ge=64, le=1568, description="Pixels of the longer side.")]


def told(tool: Callable[P, R]) -> Callable[P, R]:
    """Errors of the library as those of a tool: their line is for whoever asked."""

    @wraps(tool)
    def run(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return tool(*arguments, **options)
        except VasariError as error:
            raise ToolError(str(error)) from error

    return run


class Tools:
    """The tools over one library. No word of a query is taken as a file of this machine."""

    def __init__(self, library: Library) -> None:
        self._library = library

    @told
    def search(self, query: Query, limit: Limit = 10, filter: Filter = None, rerank: bool = False) -> Found:  # noqa: A002
        """Find pictures by words, in any language that the library's model knows; `show` then shows one."""
        return self._found(query, SearchOptions(limit=limit, filter=filter, rerank=rerank))

    @told
    def similar(self, item: ItemNumber, limit: Limit = 10, filter: Filter = None) -> Found:  # noqa: A002
        """Find pictures that look like a picture of the library."""
        options = SearchOptions(limit=limit, filter=filter, exclude_query_items=True)
        return self._found(f"item:{item}", options)

    @told
    def show(self, item: ItemNumber, side: Side = 768) -> Image:
        """Look at a picture, reduced to `side` pixels."""
        return Image(data=self._library.thumbnail(self._picture(item), side), format="webp")

    @told
    def describe(self, item: ItemNumber) -> FoundItem:
        """Tell what is known of a picture: where it lies, its captions, tags, date, place and camera."""
        return found_item(self._item(item))

    @told
    def ask(self, item: ItemNumber, question: Annotated[str, Field(max_length=1000)]) -> str:
        """Have the library's own model answer a question about a picture, in a few words."""
        original = self._library.read_original(self._picture(item))
        return self._library.ask(original, question)

    @told
    def overview(self, filter: Filter = None) -> Overview:  # noqa: A002
        """Tell what is in the library: how much, and the folders, tags, years, people … to narrow a search by."""
        facets = self._library.catalog.facets.read(Modality.IMAGE)
        kept = facets.kept(None if filter is None else self._library.ids(filter))
        return Overview(
            pictures=int(kept.sum()),
            texts=len(self._library.ids(filter, Modality.TEXT)),
            narrow_by={
                name: [Count(*pair) for pair in column.counts(kept)[:_MOST_VALUES]]
                for name, column in facets.columns.items()
            },
            filter_fields=[*FIELDS, *self._library.catalog.facets.attribute_counts()],
        )

    @told
    def list_albums(self) -> list[AlbumEntry]:
        """List the albums, and the saved searches."""
        return [
            AlbumEntry(album.name, album.count, album.query or album.filter)
            for album in albums.listed(self._library)
        ]

    @told
    def add_to_album(
        self, album: Annotated[str, Field(max_length=200)], items: list[ItemNumber]
    ) -> AlbumEntry:
        """Put pictures into an album; one that is not there yet is made."""
        catalog = self._library.catalog
        for item in items:
            self._picture(item)
        try:
            found = catalog.albums.named(album)
        except NotFoundError:
            found = albums.save(self._library, album)
        catalog.albums.add(found.id, items)
        found = catalog.albums.named(album)
        return AlbumEntry(found.name, found.count, None)

    def _found(self, query: str, options: SearchOptions) -> Found:
        answer = self._library.search(search_request(query, options))
        understood = [each.filter for each in answer.understood]
        notes = [*map(str, answer.corrections), *answer.notes]
        return Found([found_hit(hit) for hit in answer.hits], answer.total, understood, notes)

    def _item(self, number: int) -> Item:
        found = self._library.items([number]).get(number)
        if found is None:
            raise NotFoundError(f"no item {number} in this library")
        return found

    def _picture(self, number: int) -> Item:
        found = self._item(number)
        if found.modality is not Modality.IMAGE:
            raise UsageError(f"item {number} is a text: a picture is needed here")
        return found
