"""Sight: what a caller may see of the library, all of it or what its key's filter accepts.

A key that sees a part is held to it by refusal: a route answers it only if it says how, by asking for a `SightDep`
and looking through that, or by `OF_NO_ITEMS`, where nothing it answers depends on what items there are. Any other is
about the whole library, and such a key is refused; so a new route tells nothing before somebody has thought of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vasari.api.service.service import Service
from vasari.retrieval.domain import Item, ItemId, Modality, SearchRequest, SearchResponse, UnitVectors
from vasari.retrieval.errors import NotFoundError


class Sight:
    """The library as one caller sees it."""

    def __init__(self, service: Service, within: str | None) -> None:
        self._service = service
        self.within = within  # None: all of it

    async def search(self, request: SearchRequest, query: UnitVectors | None = None) -> SearchResponse:
        """As `Service.search`; NotFoundError for a term that is an item which the caller does not see."""
        asked = [term.item for term in request.terms if term.item is not None]
        seen = await self.items(asked) if asked else {}
        for item in asked:
            if item not in seen:
                raise NotFoundError(f"no item {item} in this library")
        return await self._service.search(request, query, self.within)

    async def item(self, item: ItemId) -> Item:
        """The item; NotFoundError if there is none for this caller."""
        found = (await self.items([item])).get(item)
        if found is None:
            raise NotFoundError(f"no item {item} in this library")
        return found

    async def items(self, ids: Sequence[ItemId]) -> Mapping[ItemId, Item]:
        """The items among `ids` that the caller sees."""
        found = await self._service.run(self._service.library.items, ids)
        if self.within is None:
            return found
        seen = {modality: await self.ids(modality) for modality in {item.modality for item in found.values()}}
        return {number: item for number, item in found.items() if _holds(seen[item.modality], number)}

    async def ids(self, modality: Modality, text: str | None = None) -> NDArray[np.int64]:
        """Sorted ids (n,) of what the caller sees, and a filter accepts."""
        matching = self._service.library.catalog.filters.matching  # remembered as long as nothing changes
        return await self._service.run(matching, text, modality, self.within)

    async def allowed(self, modality: Modality, text: str | None = None) -> NDArray[np.int64] | None:
        """As `ids`; None where these are all there are."""
        return None if text is None and self.within is None else await self.ids(modality, text)


def _holds(ordered: NDArray[np.int64], item: ItemId) -> bool:
    place = int(np.searchsorted(ordered, item))
    return place < len(ordered) and int(ordered[place]) == item
