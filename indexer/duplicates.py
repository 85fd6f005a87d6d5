"""List near-duplicates, the best copy of each group first. Nothing is ever deleted here.

Pictures get their perceptual hash when they are indexed; those of a library from before there were hashes get it here,
which reads their files and needs no model.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from vasari.indexer.progress import Progress, ProgressEvent, Silent
from vasari.retrieval.domain import Item, ItemId, Modality
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.decode import decode
from vasari.retrieval.images.phash import SIDE, fingerprint
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.near_duplicates import regroup
from vasari.retrieval.storage.local_files import content_hash

_BATCH = 256


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Near-duplicates: items that show the same; `items[0]` has the most pixels, then the most bytes."""

    items: tuple[Item, ...]

    @property
    def reclaimable_bytes(self) -> int:
        """What all but the best copy take."""
        return sum(item.bytes for item in self.items[1:])

    def as_json(self) -> dict[str, Any]:
        """The copies with what tells them apart."""
        return {
            "reclaimable_bytes": self.reclaimable_bytes,
            "items": [
                {
                    "id": item.id,
                    "uri": item.uri,
                    "width": item.width,
                    "height": item.height,
                    "bytes": item.bytes,
                    "format": item.format,
                }
                for item in self.items
            ],
        }


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """All groups, those with the most to reclaim first."""

    groups: tuple[DuplicateGroup, ...]
    compared: int  # pictures that were not compared before
    unreadable: int = 0  # pictures without a hash, whose files cannot be read now

    @property
    def copies(self) -> int:
        """Items that are not the best of their group."""
        return sum(len(group.items) - 1 for group in self.groups)

    @property
    def reclaimable_bytes(self) -> int:
        """What all copies but the best take."""
        return sum(group.reclaimable_bytes for group in self.groups)

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return {
            "groups": [group.as_json() for group in self.groups],
            "copies": self.copies,
            "reclaimable_bytes": self.reclaimable_bytes,
            "compared": self.compared,
            "unreadable": self.unreadable,
        }


def find_duplicates(
    library: Library, progress: Progress | None = None, stop: threading.Event | None = None
) -> DuplicateReport:
    """Bring the groups up to date, and list them.

    Only what is new is compared; where nothing is, no right to write is needed. When `stop` is set, the files read so
    far count. Raises NotFoundError for an empty library, LibraryLockedError while another job writes.
    """
    progress, stop = progress or Silent(), stop or threading.Event()
    space = library.space()
    compared = unreadable = 0
    missing = list(library.catalog.perceptual_hashes.missing())
    if missing or library.catalog.perceptual_hashes.counts()[1]:
        with library.catalog.lease.acquire("vasari dedupe"):
            unreadable = _hash(library, missing, progress, stop)
            progress.update(ProgressEvent("comparing"))
            compared = regroup(library.catalog.perceptual_hashes, library.gallery(Modality.IMAGE, space))
    return DuplicateReport(_groups(library), compared, unreadable)


def _groups(library: Library) -> tuple[DuplicateGroup, ...]:
    groups = library.catalog.perceptual_hashes.copies()
    items = library.items([item for group in groups for item in group.ids])
    there = [tuple(items[item] for item in group.ids if item in items) for group in groups]
    return tuple(DuplicateGroup(found) for found in there if len(found) > 1)


def _hash(library: Library, missing: Sequence[ItemId], progress: Progress, stop: threading.Event) -> int:
    """Read and hash pictures; says how many could not be read."""
    done = unreadable = 0
    with ThreadPoolExecutor(thread_name_prefix="hash") as threads:
        for batch in _batches(missing):
            if stop.is_set():
                break
            progress.update(ProgressEvent("hashing", done, len(missing), unreadable))
            items = list(library.items(batch).values())
            numbers = threads.map(partial(_hash_of, library), items)
            hashes = {
                item.id: number for item, number in zip(items, numbers, strict=True) if number is not None
            }
            library.catalog.perceptual_hashes.add(hashes)
            done += len(batch)
            unreadable += len(items) - len(hashes)
    return unreadable


def _hash_of(library: Library, item: Item) -> int | None:
    """The picture's hash; None where its file is gone, broken, or another one than was indexed."""
    try:
        data = library.original_of(item)
        if content_hash(data) != item.content_hash:
            return None
        picture = decode(data, library.image_limits, target=SIDE).picture
    except ImageError:
        return None
    return fingerprint(picture, item.content_hash)


def _batches(ids: Sequence[ItemId]) -> Iterator[list[ItemId]]:
    rest = iter(ids)
    while batch := list(islice(rest, _BATCH)):
        yield batch
