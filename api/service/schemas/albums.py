"""Bodies about albums, and about changes of many items."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from vasari.api.service.schemas.fields import Body, Filter, Id, Tag, Text, example
from vasari.api.service.schemas.items import Attributes, Captions, captions_of
from vasari.retrieval.catalog.records import Change
from vasari.retrieval.search.query import MAX_TEXT

MOST_ITEMS = 10_000  # of one request

Ids = Annotated[list[Id], Field(min_length=1, max_length=MOST_ITEMS)]
SomeIds = Annotated[list[Id], Field(max_length=MOST_ITEMS)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Query = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Tags = Annotated[list[Tag], Field(max_length=100)]
AttributeNames = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=100)]], Field(max_length=100)
]
AlbumIds = Annotated[list[Id], Field(max_length=100)]


class AlbumAnswer(BaseModel):
    """An album by hand, or a saved search, which has a query, a filter or both."""

    id: int
    name: str
    query: str | None = Field(description="What is searched for, in the language of searches.")
    filter: str | None
    count: int | None = Field(description="Pictures in it now; null where only its search can tell.")
    cover: int | None = Field(description="One of its items, to stand for it.")
    created_at: datetime
    updated_at: datetime


class AlbumsAnswer(BaseModel):
    """Albums by name."""

    albums: list[AlbumAnswer]


class AlbumBody(Body):
    """A new album: by hand, or, with a query or a filter, a saved search."""

    model_config = example(name="Summer 2024", filter="taken between 2024-06 and 2024-08")

    name: Name
    query: Query | None = None
    filter: Filter | None = None
    frozen: bool = Field(
        False,
        description="Make an album by hand of what is found now: the good matches of a query, the best thousand, or all"
        " that a filter alone accepts.",
    )


class AlbumPatchBody(Body):
    """Fields given replace what was there."""

    model_config = example(name="Summer")

    name: Name | None = None
    query: Query | None = None
    filter: Filter | None = None


class AlbumShareBody(Body):
    """A link for others."""

    model_config = example(expires_at="2031-01-31T00:00:00Z")

    expires_at: AwareDatetime = Field(description="When the link ends.")


class AlbumShareAnswer(BaseModel):
    """A link by which others see an album."""

    id: int = Field(description="The number of its key.")
    name: str = Field(description="Of its key.")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class AlbumSharedAnswer(AlbumShareAnswer):
    """A link that was just made."""

    key: str = Field(description="Told this once. The link is the page's address and `#key=KEY`.")


class AlbumSharesAnswer(BaseModel):
    """The links to an album, the oldest first."""

    shares: list[AlbumShareAnswer]


class AlbumItemsBody(Body):
    """What is put into an album by hand, and what is taken out."""

    model_config = example(add=[1, 2])

    add: SomeIds = Field([])
    remove: SomeIds = Field([])


class ChangeBody(Body):
    """What is to be said of many items from now on; what is not named stays."""

    model_config = example(ids=[1, 2], add_tags=["holiday"], attributes={"favourite": True})

    ids: Ids
    add_tags: Tags = Field([])
    remove_tags: Tags = Field([])
    attributes: Attributes = Field(
        {}, description="Merged with what people said before; null takes one away."
    )
    restore_attributes: AttributeNames = Field(
        [], description="Names of which the file's own word shows again."
    )
    add_to_albums: AlbumIds = Field([])
    remove_from_albums: AlbumIds = Field([])
    add_captions: Captions = Field([], description="Sentences of people, beside what is said already.")
    remove_captions: Annotated[list[Text], Field(max_length=100)] = Field(
        [], description="Sentences that people wrote, word for word."
    )

    def cost(self) -> int:
        """As many plain searches as it takes time."""
        return 1 + len(self.ids) // 1000

    @property
    def change(self) -> Change:
        """What the catalog is told."""
        told = self.model_dump(exclude={"ids", "add_captions"})
        return Change(**told, add_captions=captions_of(self.add_captions))


class ChangedAnswer(BaseModel):
    """What a change came to."""

    changed: int = Field(description="Items of which something else is said now.")
    not_found: list[int] = Field(description="Those of the ids that are not in the library.")
    undo: list[dict[str, Any]] = Field(
        description="Bodies that, sent to `/v1/annotate` in this order, take it back."
    )
