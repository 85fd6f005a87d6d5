"""Cache of the galleries of an open library: each is opened when first searched, and follows what jobs commit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.errors import LibraryCorruptError
from vasari.retrieval.vectors.gallery import Gallery, GallerySnapshot

if TYPE_CHECKING:
    from vasari.retrieval.catalog.catalog import Catalog
    from vasari.retrieval.catalog.records import GalleryState
    from vasari.retrieval.catalog.sqlite_reader import SqliteReader


class OpenGalleries:
    """One gallery for each modality and space. Threads may share it."""

    def __init__(
        self,
        reader: Callable[[], Catalog | SqliteReader],
        open_gallery: Callable[[Modality, EmbeddingSpace, GallerySnapshot], Gallery],
    ) -> None:
        self._reader = reader
        self._open = open_gallery
        self._galleries: dict[tuple[Modality, str], tuple[int, Gallery]] = {}
        self._absent: dict[tuple[Modality, str], tuple[Gallery, int]] = {}
        self._lock = threading.RLock()

    def gallery(self, modality: Modality, space: EmbeddingSpace) -> Gallery:
        """All live vectors as the catalog has them now; unchanged parts are shared between calls."""
        key = (modality, space.name)
        with self._lock:
            reader = self._reader()
            held = self._galleries.get(key)
            if held is not None and held[0] == reader.revision():
                return held[1]
            gallery, revision = self._newest(modality, space, None if held is None else held[1])
            self._galleries[key] = (revision, gallery)
            return gallery

    def _newest(self, modality: Modality, space: EmbeddingSpace, held: Gallery | None) -> tuple[Gallery, int]:
        """The gallery of the catalog's newest state, and its revision."""
        reader = self._reader()
        while True:
            state = reader.segments.gallery_state(space.name, modality)
            snapshot = _snapshot(state, space.dim)
            try:
                gallery = self._open(modality, space, snapshot) if held is None else held.refresh(snapshot)
            except LibraryCorruptError:
                # Between reading the state and opening its files another process may have replaced them.
                if reader.revision() == state.revision:
                    raise
            else:
                return gallery, state.revision

    def absent(self, gallery: Gallery, modality: Modality, space: EmbeddingSpace) -> int:
        """How many live items `gallery` does not know, having no vector there; counted once for each state of it.

        Counting takes a tenth of a second in a million, so it is left out where none can be absent.
        """
        key = (modality, space.name)
        with self._lock:
            held = self._absent.get(key)
            if held is not None and held[0] is gallery:
                return held[1]
            reader = self._reader()
            count = (
                max(reader.items.count(modality) - len(gallery), 0) if reader.spaces.may_lack_vectors() else 0
            )
            self._absent[key] = (gallery, count)
            return count


def _snapshot(state: GalleryState, dim: int) -> GallerySnapshot:
    return GallerySnapshot(
        segments=[segment.number for segment in state.segments],
        dead=[(row.segment, row.row) for row in state.dead],
        generation=state.generation.number if state.generation else None,
        rows={segment.number: segment.rows for segment in state.segments},
        dim=dim,
        fair=state.fair,
    )
