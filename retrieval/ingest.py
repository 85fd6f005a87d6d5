"""How anything becomes part of a library: pixels and facts are taken from bytes, and vectors are committed.

The commit protocol: the segment's files first, then one transaction that names them. A kill at any moment leaves
either no trace, or files that no transaction names (orphans, removed when the next job starts).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.catalog.records import CommitRow, ItemFacts, SegmentRecord, Telling
from retrieval.domain import Caption, ItemId, Modality
from retrieval.fingerprints import SIDE, fingerprint
from retrieval.imaging.limits import ImageLimits
from retrieval.vectors.segments import write_segment

if TYPE_CHECKING:
    from retrieval.models.ports import Preparer


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What is to be remembered of a picture."""

    width: int  # pixels of the full picture, upright
    height: int
    format: str
    fingerprint: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A decoded picture, ready for the encoder."""

    pixels: NDArray[np.uint8]  # (H, W, 3)
    facts: PictureFacts


def prepare_picture(
    data: bytes, content_hash: str, preparer: Preparer, limits: ImageLimits
) -> PreparedPicture:
    """Decode once for everything: the encoder's pixels, the perceptual hash, the facts. Raises ImageError."""
    from retrieval import images  # Pillow, which a job that only removes does not need

    with images.decoding(data, limits, target=max(preparer.image_size, SIDE)) as decoded:
        info = decoded.info
        number = fingerprint(decoded.picture, content_hash)
        facts = PictureFacts(info.width, info.height, info.format, number, dict(info.exif))
        return PreparedPicture(preparer.prepare(decoded.picture), facts)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something with its vector, ready to be committed."""

    uri: str
    content_hash: str
    bytes: int
    mtime_ns: int
    vector: NDArray[np.float32]  # (dim,), unit length
    item: ItemId | None = None  # the item that it updates; None: a new one
    picture: PictureFacts | None = None
    text: str | None = None
    attributes: Mapping[str, Any] = field(
        default_factory=dict
    )  # what the source says, over what the file says
    captions: tuple[Caption, ...] = ()
    ctime_ns: int = 0
    told: Telling | None = None  # what the source says that it was listed by

    def facts(self, item: ItemId) -> ItemFacts:
        """What the catalog keeps, for the item of this id."""
        picture = self.picture
        return ItemFacts(
            id=item,
            uri=self.uri,
            content_hash=self.content_hash,
            bytes=self.bytes,
            mtime_ns=self.mtime_ns,
            width=picture.width if picture else None,
            height=picture.height if picture else None,
            format=picture.format if picture else None,
            text=self.text,
            fingerprint=picture.fingerprint if picture else None,
            ctime_ns=self.ctime_ns,
            attributes={**(picture.attributes if picture else {}), **self.attributes},
        )


class Ledger(Protocol):
    """The part of the catalog that a commit writes to; each call is one transaction."""

    def reserve_ids(self, count: int) -> range: ...  # noqa: D102
    def reserve_segment(self, space: str, modality: Modality) -> int: ...  # noqa: D102
    def commit_segment(  # noqa: D102
        self, segment: SegmentRecord, rows: Sequence[CommitRow], *, recovered: Sequence[str] = ()
    ) -> None: ...


def commit(
    ledger: Ledger,
    directory: Path,
    space: str,
    modality: Modality,
    arrivals: Sequence[Arrival],
    *,
    recovered: Sequence[str] = (),
) -> list[ItemId]:
    """Make arrivals durable as one segment below `directory`; their ids, in order.

    `recovered` are uris to strike off the ledger of failures. The caller has the right to write. Raises StorageError
    when the disk is full; nothing is half there then.
    """
    if not arrivals:
        return []
    new_ids: Iterator[int] = iter(ledger.reserve_ids(sum(arrival.item is None for arrival in arrivals)))
    ids = [next(new_ids) if arrival.item is None else arrival.item for arrival in arrivals]
    number = ledger.reserve_segment(space, modality)
    vectors = np.stack([arrival.vector for arrival in arrivals])
    checksum = write_segment(directory, number, np.array(ids, dtype=np.int64), vectors)
    ledger.commit_segment(
        SegmentRecord(space, modality, number, len(arrivals), checksum),
        [
            CommitRow(row, arrival.facts(item), arrival.captions, told=arrival.told)
            for row, (item, arrival) in enumerate(zip(ids, arrivals, strict=True))
        ],
        recovered=recovered,
    )
    return ids
