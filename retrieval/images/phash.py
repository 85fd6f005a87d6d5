"""Perceptual hashes: 64 bits that stay nearly the same when a picture is scaled, recompressed or slightly changed.

A hash says which way each of the 64 lowest frequencies of the picture's brightness swings (the DCT hash of Zauner,
"Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1, without the constant term,
whose bit would say nothing). Copies of a picture differ in few bits, unrelated pictures in about 32.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vasari.retrieval.domain import Picture

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]

MAX_DISTANCE = 7
"""Bits in which near-duplicates may differ. Seven is also the most at which one of four bands of 16 bits surely differs
in one bit at most, which is what finds them."""

SIDE = 32  # pixels a side that a hash looks at
_BOX = 4  # Pillow's Resampling.BOX: every pixel counts, and it is the fastest
_FLAT = 1.5  # grey levels of deviation below which the swings are noise
_BANDS = 4
_BAND_BITS = 16
_FLIPS = np.array([0, *(1 << bit for bit in range(_BAND_BITS))])
_MOST_PAIRS = 4_000_000  # compared at once
_AT_ONCE = 65_536  # askers


def _cosines() -> NDArray[np.float32]:
    place, frequency = np.arange(SIDE), np.arange(SIDE)[:, None]
    table: NDArray[np.float32] = np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE)).astype(np.float32)
    return table


_DCT = _cosines()
_LOWEST = np.array(
    sorted(
        ((down, across) for down in range(SIDE) for across in range(SIDE) if down or across),
        key=lambda place: (place[0] + place[1], place),
    )[:64]
)


def fingerprint(picture: Picture, content_hash: str) -> int:
    """The hash of a decoded picture, as the signed 64-bit number that a database keeps.

    A picture without structure (a blank page, one colour) has no swings to tell: its content's hash stands in, so
    that only its exact copies count as the same.
    """
    # Brightness (ITU-R BT.601) first: one channel is scaled in a third of the time, and two bits at most differ from
    # those of colours scaled first (280 photos: two in 19 of them, none in the others).
    grey = _shrunk(picture)
    if grey.std() < _FLAT:
        return int.from_bytes(bytes.fromhex(content_hash[:16]), signed=True)
    return _hashed(grey)


def turned_fingerprints(picture: Picture) -> list[int]:
    """The hashes of the seven other ways to hang a picture: turned by 90°, 180°, 270°, mirrored, and both.

    They are those of a square (the dihedral group of order 8), for a hash knows no lengths of sides. A picture without
    structure has none. What is kept of a picture is the hash as it hangs; a copy is looked for under all eight.
    """
    grey = _shrunk(picture)
    if grey.std() < _FLAT:
        return []
    mirrored = grey[:, ::-1]
    return [_hashed(np.rot90(side, turn)) for side in (grey, mirrored) for turn in range(4)][1:]


def _shrunk(picture: Picture) -> NDArray[np.float32]:
    """The picture's brightness (32, 32)."""
    return np.asarray(picture.convert("L").resize((SIDE, SIDE), _BOX), np.float32)


def _hashed(grey: NDArray[np.float32]) -> int:
    swings = (_DCT @ grey @ _DCT.T)[_LOWEST[:, 0], _LOWEST[:, 1]]  # (64,)
    ordered = np.sort(swings)
    median = (ordered[31] + ordered[32]) / 2  # `np.median` holds Python's lock six times as long
    return int.from_bytes(np.packbits(swings > median).tobytes(), signed=True)


class Bands:
    """Multi-index hashing (Norouzi et al., CVPR 2012): which of many hashes are near others, without comparing all.

    Of four bands one differs in at most one bit, so only rows that share a band up to one bit are compared. The cost
    grows with the number of askers × rows per band's value; making it takes 0.1 s a million hashes.
    """

    def __init__(self, hashes: Hashes) -> None:
        self._hashes = hashes
        self._bands = [_sorted(_keys(hashes, band)) for band in range(_BANDS)]

    def near(self, asked: Hashes) -> Iterator[tuple[Rows, Rows]]:
        """All pairs (row of `asked`, row) at most `MAX_DISTANCE` bits apart; a pair may come repeatedly."""
        for begin in range(0, len(asked), _AT_ONCE):
            part = asked[begin : begin + _AT_ONCE]
            askers = np.repeat(np.arange(begin, begin + len(part)), len(_FLIPS))
            for band, (order, starts) in enumerate(self._bands):
                wanted = (_keys(part, band)[:, None] ^ _FLIPS).ravel()
                first, last = starts[wanted], starts[wanted + 1]
                for some in _parts(last - first):
                    a, b = _expanded(askers[some], first[some], last[some], order)
                    near = np.bitwise_count(asked[a] ^ self._hashes[b]) <= MAX_DISTANCE
                    if near.any():
                        yield a[near], b[near]


def near_pairs(hashes: Hashes, fresh: NDArray[np.bool_]) -> Iterator[tuple[Rows, Rows]]:
    """All pairs of rows (a, b) with a fresh, a ≠ b, at most `MAX_DISTANCE` bits apart; a pair may come repeatedly."""
    askers = np.flatnonzero(fresh)
    for asker, b in Bands(hashes).near(hashes[askers]):
        a = askers[asker]
        if (other := a != b).any():
            yield a[other], b[other]


def _keys(hashes: Hashes, band: int) -> Rows:
    return ((hashes >> np.uint64(band * _BAND_BITS)) & np.uint64((1 << _BAND_BITS) - 1)).astype(np.int64)


def _sorted(keys: Rows) -> tuple[NDArray[np.uint32], Rows]:
    """Rows by key, and where each key's begin."""
    order = np.argsort(keys.astype(np.uint16), kind="stable").astype(np.uint32)  # a radix sort
    return order, np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=1 << _BAND_BITS))])


def _parts(counts: Rows) -> Iterator[slice]:
    """Batches: slices of `counts` whose sums stay near `_MOST_PAIRS`."""
    sums = np.cumsum(counts)
    if not len(sums) or sums[-1] == 0:
        return
    cuts = np.searchsorted(sums, np.arange(_MOST_PAIRS, sums[-1], _MOST_PAIRS), "right")
    bounds = np.unique([0, *cuts, len(counts)])
    yield from (slice(start, end) for start, end in pairwise(bounds.tolist()))


def _expanded(askers: Rows, first: Rows, last: Rows, order: NDArray[np.uint32]) -> tuple[Rows, Rows]:
    """Each asker beside each row of its range of `order`."""
    counts = last - first
    a = np.repeat(askers, counts)
    within = np.arange(len(a)) - np.repeat(np.cumsum(counts) - counts, counts)
    return a, order[np.repeat(first, counts) + within].astype(np.int64)
