"""Is a picture one that the library has? The same bytes, re-encoded, a part of one, or edited; with the evidence.

A cascade, the cheapest first: the hash of the bytes, then perceptual hashes (all of them, held in memory; the picture's
own, that without a border, and those of it mirrored and turned), and only where these find no copy vectors, which find
what was cropped. The likeliest are looked at, pixel by pixel (`images.overlap`), for a near hash or vector alone may
also be of another picture of the same scene. Finding them reads no file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np

from vasari.retrieval.catalog.perceptual_hashes import ItemHashes
from vasari.retrieval.domain import EmbeddingSpace, Item, ItemId, Modality, UnitVectors
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.alignment import Box, View
from vasari.retrieval.images.decode import Picture, decode
from vasari.retrieval.images.overlap import SIDE, CopyKind, overlaps
from vasari.retrieval.images.phash import MAX_DISTANCE, fingerprint, turned_fingerprints
from vasari.retrieval.library.near_duplicates import MIN_COSINE
from vasari.retrieval.library.ports import Contents
from vasari.retrieval.storage.local_files import content_hash
from vasari.retrieval.vectors.index import Ids, is_among

NEAR_HASH = 12  # bits of 64, also of what lost a strip; what was turned differs in four at most (150 photos)
_NEAREST = 16  # candidates by hashes, and by vectors
_LOOKS = 3  # candidates that are looked at together; more only where each of them is a copy
_MOST_LOOKS = 5
_READERS = 16  # threads for all who ask: an original may lie on a slow disk, or behind a URL
_RE_ENCODED = 2  # bits by which the hash of a re-encoded picture differs, at most


class Originals(Contents, Protocol):
    """A library, and how its originals are read."""

    read_original: Callable[[Item], bytes]

    def candidate_side(self, space: EmbeddingSpace) -> int: ...  # noqa: D102
    def embed_candidate(self, picture: Picture, space: EmbeddingSpace) -> UnitVectors: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for two pictures being one; None: not known."""

    hash_distance: int | None = None  # of 64 bits of their perceptual hashes
    cosine: float | None = None  # of their vectors
    agreement: float | None = None  # share of equal blocks in [0, 1], where both were looked at


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An item that a picture is a copy of."""

    item: Item
    kind: CopyKind
    evidence: Evidence
    # Of the larger of both pictures, where the other lies: shares of its sides.
    box: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class _Candidate:
    item: ItemId
    evidence: Evidence
    turned: int | None = None  # bits by which its hash differs from that of the picture mirrored or turned

    @property
    def rank(self) -> float:
        """Lower is likelier: bits of distance, or what the cosine is worth in bits."""
        cosine = self.evidence.cosine
        distances = [bits for bits in (self.evidence.hash_distance, self.turned) if bits is not None]
        return min([64.0, *distances, 64.0 if cosine is None else (1 - cosine) * 64])


def duplicates_of(library: Originals, data: bytes, *, allowed: Ids | None = None) -> list[Duplicate]:
    """The items that a picture is a copy of, the surest first; it is embedded only where hashes find none.

    Args:
        library: the library.
        data: the encoded picture.
        allowed: sorted ids (n,), beyond which there are no items.

    Raises ImageError for what is no picture, ModelUnavailableError where it cannot be embedded.
    """
    asked = _Asked(library, data, allowed)
    return asked.by_hash() or asked.by_vector()


class _Asked:
    """A picture that is asked for, and what was seen so far."""

    def __init__(self, library: Originals, data: bytes, allowed: Ids | None) -> None:
        """Raises ImageError for what is no picture."""
        self._library, self._allowed = library, allowed
        self._digest, self._space = content_hash(data), library.space()
        side = max(SIDE, library.candidate_side(self._space))
        self._picture = decode(data, library.image_limits, target=side).picture
        self._view = View(self._picture)
        self._distances: dict[ItemId, int] = {}  # of the perceptual hashes
        self._turned: dict[ItemId, int] = {}  # of those of the picture mirrored or turned
        self._looked: set[ItemId] = set()
        self._unreadable: set[ItemId] = set()  # take no look from others when vectors are asked, too

    def by_hash(self) -> list[Duplicate]:
        """The items that it is a copy of by the hash of its bytes, or near in perceptual hashes; reads no vectors."""
        same = _of_content(self._library, self._digest, self._allowed)
        self._looked |= {item.id for item in same}
        sure = Evidence(hash_distance=0, cosine=1.0, agreement=1.0)
        known = self._library.catalog.perceptual_hashes.remembered()
        grey, bare = self._view.grey, self._view.bare
        straight = [fingerprint(one, self._digest) for one in (grey, bare) if one is not None]
        self._distances = near_hashes(known, straight, NEAR_HASH, self._allowed)
        self._turned = near_hashes(known, turned_fingerprints(grey), MAX_DISTANCE, self._allowed)
        return [Duplicate(item, CopyKind.SAME_BYTES, sure) for item in same] + self._seen({})

    def by_vector(self) -> list[Duplicate]:
        """The other items that it is a copy of, by its vector in the default space."""
        vector = self._library.embed_candidate(self._picture, self._space)
        gallery = self._library.gallery(Modality.IMAGE, self._space)
        ids, scores, _ = gallery.search(vector, _NEAREST, self._allowed, near=True)
        found = zip(ids[0].tolist(), scores[0].tolist(), strict=True)
        return self._seen({item: score for item, score in found if item >= 0})

    def _seen(self, cosines: Mapping[ItemId, float]) -> list[Duplicate]:
        """Those of the likeliest items that are the picture when looked at, the surest first."""
        every = {**self._distances, **self._turned, **cosines}.keys() - self._looked
        candidates = [
            _Candidate(item, Evidence(self._distances.get(item), cosines.get(item)), self._turned.get(item))
            for item in every
        ]
        candidates = sorted(candidates, key=lambda one: (one.rank, one.item))
        lost = [one for one in candidates if one.item in self._unreadable]
        candidates = [one for one in candidates if one.item not in self._unreadable][:_MOST_LOOKS]
        wanted = [one.item for one in (*candidates, *lost)]
        items = self._library.items(wanted) if wanted else {}
        there = [(items[one.item], one.evidence) for one in candidates if one.item in items]
        found = self._look(there[:_LOOKS])
        if len(found) == _LOOKS:
            found += self._look(there[_LOOKS:])
        for one in lost:
            if one.item in items:
                found += _unseen(items[one.item], one.evidence)
        return sorted(found, key=lambda one: (-(one.evidence.agreement or 0.0), one.item.id))

    def _look(self, candidates: Sequence[tuple[Item, Evidence]]) -> list[Duplicate]:
        """The items that are the picture when looked at; where one cannot be read, if its hash and vector say so."""
        views = self._views([item for item, _ in candidates])
        self._looked |= views.keys()
        self._unreadable |= {item.id for item, _ in candidates} - views.keys()
        seen = dict(zip(views, overlaps(self._view, list(views.values())), strict=True))
        found: list[Duplicate] = []
        for item, evidence in candidates:
            if item.id not in seen:
                found += _unseen(item, evidence)
            elif (one := seen[item.id]) is not None:
                more = Evidence(evidence.hash_distance, evidence.cosine, one.agreement)
                found.append(Duplicate(item, one.kind, more, one.box))
        return found

    def _views(self, items: Sequence[Item]) -> dict[ItemId, View]:
        """Those of the items that can be read: files are read and decoded together."""
        if len(items) < 2:
            opened = [self._view_of(item) for item in items]
        else:
            contexts = [copy_context() for _ in items]  # with the flag of who left
            opened = list(
                _lookers().map(lambda context, item: context.run(self._view_of, item), contexts, items)
            )
        return {item.id: view for item, view in zip(items, opened, strict=True) if view is not None}

    def _view_of(self, item: Item) -> View | None:
        try:
            data = self._library.read_original(item)
            view = View(decode(data, self._library.image_limits, target=SIDE).picture)
        except ImageError:
            return None
        _ = view.reduced  # here, beside the others
        return view


@cache
def _lookers() -> ThreadPoolExecutor:
    """Threads that read and decode candidates; kept, for starting some takes longer than what they do."""
    return ThreadPoolExecutor(_READERS, thread_name_prefix="look")


def near_hashes(
    known: ItemHashes, hashes: Sequence[int], distance: int, allowed: Ids | None
) -> dict[ItemId, int]:
    """The items whose perceptual hashes are nearest to any of these, with their distances of so many bits at most."""
    ids, bits = known.near(hashes, distance)
    if allowed is not None:
        among = is_among(ids, allowed)
        ids, bits = ids[among], bits[among]
    return dict(zip(ids[:_NEAREST].tolist(), bits[:_NEAREST].tolist(), strict=True))


def _of_content(library: Originals, digest: str, allowed: Ids | None) -> list[Item]:
    files = library.catalog.items.files_of_content([digest], Modality.IMAGE)
    ids = np.array([file.id for file in files], np.int64)
    if allowed is not None:
        ids = ids[is_among(ids, allowed)]
    return list(library.items(ids.tolist()).values()) if len(ids) else []


def _unseen(item: Item, evidence: Evidence) -> list[Duplicate]:
    distance, cosine = evidence.hash_distance, evidence.cosine
    if distance is None or cosine is None or distance > MAX_DISTANCE or cosine < MIN_COSINE:
        return []
    return [Duplicate(item, CopyKind.RE_ENCODED if distance <= _RE_ENCODED else CopyKind.EDITED, evidence)]
