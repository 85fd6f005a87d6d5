"""What tools answer, as values whose schema a client is told: short, as a language model has to read all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vasari.retrieval.domain import Hit, Item

_FACTS = ("taken", "camera", "city", "country", "latitude", "longitude", "rating", "title", "person")


@dataclass(frozen=True)
class FoundItem:
    """One picture or text of the library."""

    item: int  # its number, by which other tools take it
    score: float | None  # likeness to the query, up to 1; None where nothing was compared
    where: str  # path or URL
    text: str | None  # of an item that is a text
    width: int | None
    height: int | None
    captions: list[str]
    tags: list[str]
    facts: dict[str, Any]  # when, where and by which camera, as far as known


@dataclass(frozen=True)
class Found:
    """An answer: the best first, out of `total` that passed the filter."""

    items: list[FoundItem]
    total: int
    understood: list[str]  # what was read out of the query as filters, such as: taken = 2018-05
    notes: list[str]


@dataclass(frozen=True)
class Count:
    """A value and how many items have it."""

    value: str
    count: int


@dataclass(frozen=True)
class Overview:
    """What is in the library, to narrow a search by."""

    pictures: int
    texts: int
    narrow_by: dict[str, list[Count]]  # folders, tags, cameras, years, people, places
    filter_fields: list[str]


@dataclass(frozen=True)
class AlbumEntry:
    """An album by hand, or a saved search."""

    name: str
    count: int | None
    saved_search: str | None


def found_item(item: Item, score: float | None = None) -> FoundItem:
    """An item as an agent sees it."""
    return FoundItem(
        item=item.id,
        score=None if score is None else round(score, 4),
        where=item.uri,
        text=item.text,
        width=item.width,
        height=item.height,
        captions=[caption.text for caption in item.captions],
        tags=list(item.tags),
        facts=_facts(item.attributes),
    )


def found_hit(hit: Hit) -> FoundItem:
    """A hit, with its score."""
    return found_item(hit.item, hit.score)


def _facts(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: attributes[name] for name in _FACTS if attributes.get(name) not in (None, "", [])}
