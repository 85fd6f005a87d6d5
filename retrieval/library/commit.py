"""The write path of a library: a candidate is prepared, embedded, and committed as a new item.

    Candidate (listed) → Prepared (pixels and facts) → NewItem (with its vector) → the rows of the catalog

The commit protocol: the segment's files first, then one transaction that names them. A kill at any moment leaves
either no trace, or files that no transaction names (orphans, removed when the next job starts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.records import NEW, NewItem, SegmentRecord, Telling
from vasari.retrieval.domain import Caption, ItemId, Modality
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.images.phash import SIDE, fingerprint
from vasari.retrieval.vectors.hubs import note_hubs
from vasari.retrieval.vectors.segments import between_files_and_transaction, write_segment

if TYPE_CHECKING:
    from vasari.retrieval.catalog.catalog import Catalog
    from vasari.retrieval.images.decode import Stored
    from vasari.retrieval.models.ports import Preparer

Pixels = NDArray[np.uint8]
Content = TypeVar("Content", bound="Pixels | str")


@dataclass(frozen=True, slots=True)
class Prepared(Generic[Content]):
    """What was read and decoded: what the encoder takes of it, and what is to be remembered."""

    content: Content  # the encoder's pixels (H, W, 3), or the words of a text
    content_hash: str
    bytes: int
    width: int | None = None  # pixels of the full picture, upright
    height: int | None = None
    format: str | None = None
    fingerprint: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)  # what the file itself says

    def item(
        self,
        uri: str,
        vector: NDArray[np.float32],
        mtime_ns: int,
        *,
        id: ItemId = NEW,  # noqa: A002 (the field's name)
        ctime_ns: int = 0,
        attributes: Mapping[str, Any] | None = None,
        captions: tuple[Caption, ...] = (),
        told: Telling | None = None,
    ) -> NewItem:
        """The item under this uri, with its vector (dim,); `attributes` are laid over what the file says."""
        return NewItem(
            uri=uri,
            content_hash=self.content_hash,
            bytes=self.bytes,
            mtime_ns=mtime_ns,
            vector=vector,
            id=id,
            ctime_ns=ctime_ns,
            width=self.width,
            height=self.height,
            format=self.format,
            fingerprint=self.fingerprint,
            text=self.content if isinstance(self.content, str) else None,
            attributes={**self.attributes, **(attributes or {})},
            captions=captions,
            told=told,
        )


def prepare_picture(
    data: bytes,
    content_hash: str,
    preparer: Preparer,
    limits: ImageLimits,
    keep: Callable[[Pixels], Pixels] = lambda pixels: pixels,
    picture: Stored | None = None,
) -> Prepared[Pixels]:
    """Decode once for everything: the encoder's pixels, the perceptual hash, the facts. Raises ImageError.

    `keep` puts the pixels where they stay; `picture` is what somebody else has decoded already, as it is stored.
    """
    from vasari.retrieval.images import decode  # Pillow, which a job that only removes does not need
    from vasari.retrieval.images.places import with_place

    target = max(preparer.image_size, SIDE)
    there = (
        decode.decoding(data, limits, target=target)
        if picture is None
        else decode.decoded_as(data, limits, picture)
    )
    with there as decoded:
        info = decoded.info
        return Prepared(
            keep(preparer.prepare(decoded.pixels)),
            content_hash,
            len(data),
            info.width,
            info.height,
            info.format,
            fingerprint(decoded.pixels, content_hash),
            with_place(info.exif),
        )


def commit_items(
    catalog: Catalog,
    directory: Path,
    space: str,
    modality: Modality,
    items: Sequence[NewItem],
    *,
    recovered: Sequence[str] = (),
) -> list[ItemId]:
    """Make items durable as one segment below `directory`; their ids, in order.

    `recovered` are uris to strike off the ledger of failures. The caller has the right to write. Raises StorageError
    when the disk is full; nothing is half there then.
    """
    if not items:
        return []
    ids: Iterator[int] = iter(catalog.items.reserve(sum(item.id == NEW for item in items)))
    named = [replace(item, id=next(ids)) if item.id == NEW else item for item in items]
    number = catalog.segments.reserve(space, modality)
    rows = np.array([item.id for item in named], dtype=np.int64)
    vectors = np.stack([item.vector for item in named])
    with between_files_and_transaction:
        checksum = write_segment(directory, number, rows, vectors)
        if modality is Modality.IMAGE:
            note_hubs(directory, number, vectors, catalog.spaces.fair_ranking(space))
        segment = SegmentRecord(space, modality, number, len(named), checksum)
        catalog.segments.commit(segment, named, recovered=recovered)
    return [item.id for item in named]
