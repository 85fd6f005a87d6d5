"""Pictures sent to the service: checked, stored in the library's own folder, embedded and committed.

The file's name is its content's hash: nothing the sender wrote becomes part of a path, and the same picture sent
twice is one item. Uploads that come together are one segment and one transaction.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.commit import Committer
from indexer.decode import Pixels
from indexer.pipeline import Embedded
from indexer.sources.source import Candidate
from retrieval.domain import Caption, EmbeddingSpace, Item, ItemId, Modality
from retrieval.errors import ImageError, StorageError
from retrieval.images import ImageLimits
from retrieval.library import Library

_SUFFIX = {"jpeg": ".jpg", "tiff": ".tif", "raw": ".dng"}


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that was found to be one, ready to be embedded."""

    data: bytes
    content_hash: str
    width: int
    height: int
    format: str
    exif: Mapping[str, Any]
    pixels: NDArray[np.uint8]  # (H, W, 3), as the encoder wants them


@dataclass(frozen=True, slots=True)
class Notes:
    """What the sender says about a picture."""

    captions: tuple[Caption, ...] = ()
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Uploads:
    """The uploads of one library. All methods block, and are called in threads."""

    def __init__(
        self,
        library: Library,
        limits: ImageLimits,
        writing: Callable[[], AbstractContextManager[Callable[[], None]]],
    ) -> None:
        """`writing` takes the right to write the library, and gives a check that it is still held."""
        self._library = library
        self._limits = limits
        self._writing = writing

    @property
    def directory(self) -> Path:
        """Where uploaded files lie."""
        return self._library.root / "uploads"

    def check(self, data: bytes, space: EmbeddingSpace) -> Upload:
        """Decode a picture: its headers are held against the limits first. Raises ImageError."""
        from retrieval import images

        images.probe(data, self._limits)
        encoder = self._library.encoder(space)
        decoded = images.decode(data, self._limits, target=encoder.image_size)
        info = decoded.info
        return Upload(
            data,
            images.content_hash(data),
            info.width,
            info.height,
            info.format,
            info.exif,
            encoder.prepare(decoded.picture),
        )

    def known(self, upload: Upload) -> Item | None:
        """The item of the same picture, sent before."""
        return self._library.catalog.item_by_uri(str(self._path(upload)), Modality.IMAGE)

    def commit(
        self, space: EmbeddingSpace, entries: Sequence[tuple[Upload, Notes, NDArray[np.float32]]]
    ) -> list[ItemId]:
        """Store files and make them items, in one transaction; their ids, in the order of `entries`.

        Raises LibraryLockedError while another process writes the library, StorageError when the disk is full.
        """
        catalog = self._library.catalog
        directory = self._library.segments_directory(space, Modality.IMAGE)
        distinct = {upload.content_hash: (upload, notes, vector) for upload, notes, vector in entries}
        with self._writing() as still_mine:
            committer = Committer(
                catalog,
                directory,
                space.name,
                Modality.IMAGE,
                every=len(entries) + 1,
                seconds=float("inf"),
                still_mine=still_mine,
            )
            for upload, notes, vector in distinct.values():
                if self.known(upload) is None:
                    committer.add(self._embedded(upload, notes, vector))
            committer.commit()
        ids = []
        for upload, notes, _ in entries:
            item = self.known(upload)
            if item is None:
                raise ImageError("this picture was deleted again while it was being added", stage="read")
            ids.append(item.id)
            self._annotate(item, notes)
        return ids

    def forget(self, item: Item) -> None:
        """Remove the stored file of an item that was deleted; files that were not uploaded are never touched."""
        if item.path is not None and item.path.parent.parent == self.directory:
            item.path.unlink(missing_ok=True)

    def _annotate(self, item: Item, notes: Notes) -> None:
        catalog = self._library.catalog
        if notes.tags:
            catalog.set_tags(item.id, {*item.tags, *notes.tags})
        if notes.attributes:
            catalog.set_attributes(item.id, notes.attributes)

    def _embedded(self, upload: Upload, notes: Notes, vector: NDArray[np.float32]) -> Embedded:
        path = self._path(upload)
        _store(path, upload.data)
        candidate = Candidate(
            str(path), len(upload.data), time.time_ns(), captions=notes.captions, attributes=notes.attributes
        )
        pixels = Pixels(upload.pixels, upload.width, upload.height, upload.format, dict(upload.exif))
        return Embedded(candidate, None, upload.content_hash, pixels, vector)

    def _path(self, upload: Upload) -> Path:
        suffix = _SUFFIX.get(upload.format, f".{upload.format}")
        return self.directory / upload.content_hash[:2] / f"{upload.content_hash}{suffix}"


def _store(path: Path, data: bytes) -> None:
    """Write a file so that it is on disk, whole, before the catalog names it."""
    partial = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise StorageError(f"the picture cannot be stored in {path.parent}: {error.strerror}") from error
