"""Summaries of the whole collection, read once for each state of the catalog: facets, timeline, places, suggestions."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from vasari.api.service.runtime.pools import Pool
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.facets import Facets
from vasari.retrieval.catalog.suggestions import Suggester
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import VasariError
from vasari.retrieval.library.library import Library

_LOG = logging.getLogger("vasari.service")
_SUGGESTED_FOR = 30.0  # seconds
S = TypeVar("S")


class _ByRevision(Generic[S]):
    """What `read` makes of the items of a modality, kept until the catalog's revision is another."""

    def __init__(self, catalog: Callable[[], Catalog], read: Callable[[Catalog, Modality], S]) -> None:
        self._catalog = catalog
        self._read = read
        self._held: dict[Modality, tuple[int, S]] = {}

    def __call__(self, modality: Modality) -> S:
        catalog = self._catalog()
        revision = catalog.revision()
        held = self._held.get(modality)
        if held is None or held[0] != revision:
            held = self._held[modality] = (revision, self._read(catalog, modality))
        return held[1]


class Summaries:
    """`facets`, `timeline` and `places` block, and are called in threads, by modality; `suggester` is awaited."""

    def __init__(self, library: Library, searching: Pool) -> None:
        self._searching = searching

        def catalog() -> Catalog:
            return library.catalog

        self.facets = _ByRevision(catalog, lambda found, modality: found.facets.read(modality))
        self.timeline = _ByRevision(catalog, lambda found, modality: found.timeline.read(modality))
        self.places = _ByRevision(catalog, lambda found, modality: found.places.read(modality))
        self._suggester: tuple[float, Facets, Suggester] | None = None  # and when it was made
        self._renewing: asyncio.Task[None] | None = None

    async def suggester(self) -> Suggester:
        """What the search box suggests: it is asked at each key, so an old one answers while the next is made."""
        held = self._suggester
        if held is None:
            return await self._searching.run(self._new_suggester)
        made, _, suggester = held
        idle = self._renewing is None or self._renewing.done()
        if idle and time.monotonic() - made > _SUGGESTED_FOR:
            self._renewing = asyncio.create_task(self._renew())
        return suggester

    def _new_suggester(self) -> Suggester:
        found, held = self.facets(Modality.IMAGE), self._suggester
        suggester = held[2] if held is not None and held[1] is found else Suggester(found)
        self._suggester = (time.monotonic(), found, suggester)
        return suggester

    async def _renew(self) -> None:
        try:
            await self._searching.run(self._new_suggester)
        except VasariError as error:  # the next key tries again
            _LOG.warning("suggestions stay as they were: %s", error)

    def close(self) -> None:
        """Renew nothing any more."""
        if self._renewing is not None:
            self._renewing.cancel()
