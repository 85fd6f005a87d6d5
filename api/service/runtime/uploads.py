"""Uploads to the service: `vasari.retrieval.library.upload`, within the service's limits and its right to write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.lease import HeldLease
from vasari.retrieval.domain import EmbeddingSpace, Item, ItemId
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library import upload
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.upload import Addition, Notes
from vasari.retrieval.models.ports import Preparer


class Uploads:
    """The uploads of one library. All methods block, and are called in threads."""

    def __init__(
        self,
        library: Library,
        limits: ImageLimits,
        preparer: Callable[[EmbeddingSpace], Preparer],
        writing: Callable[[], AbstractContextManager[HeldLease | None]],
    ) -> None:
        """`preparer` is asked for what prepares pictures for the model of a space.

        `writing` takes the right to write the library, and gives the lease, or None under that of a job."""
        self._library = library
        self._limits = limits
        self._preparer = preparer
        self._writing = writing

    def check(self, data: bytes, space: EmbeddingSpace) -> Addition:
        """Decode a picture: its headers are held against the limits first. Raises ImageError."""
        return upload.check(self._library, data, self._preparer(space), limits=self._limits)

    def known(self, addition: Addition, space: EmbeddingSpace) -> Item | None:
        """The item of the same picture, sent before."""
        return upload.known(self._library, addition, space)

    def commit(
        self, space: EmbeddingSpace, entries: Sequence[tuple[Addition, Notes, NDArray[np.float32]]]
    ) -> list[ItemId]:
        """Store files and make them items, in one transaction; their ids, in the order of `entries`.

        Raises LibraryLockedError while another process writes the library, StorageError when the disk is full.
        """
        with self._writing() as lease:
            if lease is not None:
                lease.check()
            return upload.commit(self._library, space, entries, alone=lease is not None)
