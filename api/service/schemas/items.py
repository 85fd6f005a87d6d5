"""Bodies about items: what lists and pages tell of them, and what people change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, Field, JsonValue, StringConstraints

from vasari.api.service.schemas.fields import PICTURE_COST, Body, Picture, Tag, Text, Url, example, finite
from vasari.retrieval.domain import Caption, CaptionSource, Modality


class _Facts(BaseModel):
    id: int
    uri: str
    modality: Modality
    content_hash: str = Field(description="BLAKE2b-128 of the bytes, hexadecimal.")
    bytes: int
    width: int | None = Field(description="Pixels, upright: the place to keep before the picture is there.")
    height: int | None
    format: str | None
    text: str | None
    tags: list[str]
    attributes: dict[str, Any]
    added_at: datetime | None
    updated_at: datetime | None
    thumbnail: str | None = Field(description="Address of a small picture; it changes with the content.")


class ListedItem(_Facts):
    """An item as lists show it: its captions as plain sentences."""

    captions: list[str]
    caption_languages: list[str | None] = Field(description="Of each caption: BCP 47, where known.")
    caption_sources: list[CaptionSource] = Field(description="Of each caption: who wrote it.")


class ItemsAnswer(BaseModel):
    """Items, and how many there are in all."""

    items: list[ListedItem]
    total: int


class CopiesAnswer(BaseModel):
    """Pictures that are nearly the same."""

    reclaimable_bytes: int = Field(description="Of all but the first.")
    items: list[ListedItem] = Field(description="The best copy first: most pixels, then most bytes.")


class CopyGroupsAnswer(BaseModel):
    """Groups of near-duplicates, those with the most to reclaim first."""

    total: int = Field(description="Groups.")
    copies: int = Field(description="Items beside the best of their group.")
    reclaimable_bytes: int
    groups: list[CopiesAnswer]


class CaptionField(BaseModel):
    """A sentence about an item."""

    text: str
    language: str | None
    source: Literal["user", "model", "file"]


class TextLineField(BaseModel):
    """A line of text that was read in a picture."""

    text: str
    confidence: float = Field(description="That it was read rightly, in [0, 1].")
    corners: list[tuple[int, int]] = Field(
        description="Four points in pixels of the upright picture, in reading order from where the line begins"
        " at its top."
    )


class ItemAnswer(_Facts):
    """All that is known of an item."""

    captions: list[CaptionField]
    text_lines: list[TextLineField] | None = Field(
        description="Read in the picture, from top to bottom; null where it was not read yet."
    )


class CaptionBody(Body):
    """A sentence that a person says about an item."""

    text: Text
    language: Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z0-9-]+$")] | None = None


Captions = Annotated[list[Text | CaptionBody], Field(max_length=100)]


def captions_of(given: Sequence[str | CaptionBody]) -> tuple[Caption, ...]:
    """Sentences as the library keeps them."""
    return tuple(
        Caption(entry) if isinstance(entry, str) else Caption(entry.text, entry.language) for entry in given
    )


Tags = Annotated[list[Tag], Field(max_length=100)]
Attributes = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=100)], JsonValue],
    Field(max_length=100),
    AfterValidator(finite),
]


class UploadBody(Body):
    """A picture for the library, with what is to be known of it."""

    model_config = example(image="iVBORw0KGgo…", captions=["our boat"], tags=["holiday"])
    files_go_to: ClassVar[str | None] = "image"

    image: Picture | None = None
    url: Url | None = Field(None, description="Instead of `image`, if the service allows fetching.")
    captions: Captions = Field([])
    tags: Tags = Field([])
    attributes: Attributes = Field({})

    def cost(self) -> int:
        """It is decoded, embedded and committed."""
        return PICTURE_COST


class PatchBody(Body):
    """Fields given replace what was there; attributes are merged, and null removes one."""

    model_config = example(tags=["holiday", "sea"], captions=["our boat"])

    captions: Captions | None = None
    tags: Tags | None = None
    attributes: Attributes | None = None
