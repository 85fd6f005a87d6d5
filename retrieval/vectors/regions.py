"""Regions: overlapping parts of each picture, embedded on their own and kept as two bits a dimension.

One vector of a picture is what all of it shows, and small things in it are lost. `00000042.regions.npy`, (rows,
regions, bytes) uint8, has for each row of segment 42 the codes of its picture's regions, in the order of `LAYOUTS`. A
row of zeros is a picture whose regions were not embedded (yet). An answer is scored by the best of its regions.

A code is a unit vector turned by a fixed random rotation, after which its coordinates are close to normal, and rounded
to the four levels that lose least of a normal distribution (Max, IRE Trans. Inf. Theory, 1960). As in RaBitQ (Gao &
Long, SIGMOD 2024) it keeps what its rounding took, so that the estimated cosine has no bias: of 512 dimensions 128
bytes and two more, where the exact vector takes 1,024. The estimate's standard error is 0.36 / √dimensions for
unrelated vectors. The best of many estimates is too high by about that much, and so much is taken off it: otherwise a
part of another picture now and then comes before the picture that as a whole is right.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.errors import LibraryCorruptError
from vasari.retrieval.storage.atomic import replaced, write_file
from vasari.retrieval.vectors.index import Ids, Scores
from vasari.retrieval.vectors.segments import Segment, mapped_array, write_array

Codes = NDArray[np.uint8]  # (…, bytes)
Box = tuple[float, float, float, float]
"""Left, top, right and bottom as shares of a picture's width and height."""

_LEVELS = np.array([-1.510, -0.4528, 0.4528, 1.510], np.float32)  # of a normal distribution of deviation 1
_BETWEEN = 0.9816  # where a coordinate is rounded outwards
_PLACES = 4  # dimensions a byte
_FACTOR = 2  # bytes of what the rounding took, a float16
_MOST = 64  # regions, at most
_ERROR = 0.36  # standard error of an estimate, times the root of the dimensions
_BLOCK = 8192  # rows scored at once


def _grid(sides: int, part: float) -> list[Box]:
    """Regions of `part` of the width and height, `sides` of them each way, spread evenly."""
    step = (1 - part) / (sides - 1)
    return [
        (column * step, row * step, column * step + part, row * step + part)
        for row in range(sides)
        for column in range(sides)
    ]


LAYOUTS: dict[int, tuple[Box, ...]] = {
    4: tuple(_grid(2, 0.6)),
    5: (*_grid(2, 0.6), (0.2, 0.2, 0.8, 0.8)),
    9: tuple(_grid(3, 0.5)),
    34: (*_grid(3, 0.5), *_grid(5, 0.36)),
}
"""How a picture is parted, by how many its regions are: 4 overlapping corners; also the middle; 3 by 3; also 5 by 5."""


@dataclass(frozen=True, slots=True)
class RegionHits:
    """The best region of each of some items: `ids` (n,), estimated cosines (n,) less their standard error, places (n,).

    `box_of` reads the places.
    """

    ids: Ids
    scores: Scores
    places: NDArray[np.int64]

    def first(self, k: int) -> RegionHits:
        """The best k, equal ones by ascending id."""
        order = np.lexsort((self.ids, -self.scores))[:k]
        return RegionHits(self.ids[order], self.scores[order], self.places[order])


def box_of(place: int) -> Box:
    """Where a region lies."""
    return LAYOUTS[place // _MOST][place % _MOST]


def bytes_of(dim: int) -> int:
    """How long the code of a vector is."""
    return -(-dim // _PLACES) + _FACTOR


def encode(vectors: NDArray[np.float32]) -> Codes:
    """The codes (n, bytes) of unit vectors (n, dim)."""
    turned = vectors @ _rotation(vectors.shape[1]) * np.float32(np.sqrt(vectors.shape[1]))
    levels = np.where(np.abs(turned) > _BETWEEN, 3, 2).astype(np.uint8)
    levels = np.where(turned < 0, 3 - levels, levels).astype(np.uint8)  # (n, dim), 0 to 3
    kept = (turned * _LEVELS[levels]).sum(axis=1, dtype=np.float32) / vectors.shape[1]
    factors = (1 / (kept * np.sqrt(vectors.shape[1]))).astype("<f2")
    padded = np.pad(levels, ((0, 0), (0, -vectors.shape[1] % _PLACES))).reshape(len(levels), -1, _PLACES)
    packed = (padded << np.array([0, 2, 4, 6], np.uint8)).sum(axis=2, dtype=np.uint8)
    return np.concatenate([packed, factors[:, None].view(np.uint8)], axis=1)


def estimates(codes: Codes, query: NDArray[np.float32]) -> Scores:
    """The cosines (…,) of coded vectors (…, bytes) with a unit vector (dim,); -inf where nothing is coded."""
    turned = query @ _rotation(len(query))
    padded = np.pad(turned, (0, -len(query) % _PLACES)).reshape(-1, _PLACES)
    numbers = np.arange(256)[:, None] >> np.array([0, 2, 4, 6]) & 3
    table = np.asarray(padded @ _LEVELS[numbers].T, np.float32)  # (bytes, 256): what each byte adds
    packed = codes[..., :-_FACTOR].reshape(-1, table.shape[0])
    factors = np.ascontiguousarray(codes[..., -_FACTOR:]).view("<f2").reshape(-1).astype(np.float32)
    offsets = np.arange(table.shape[0], dtype=np.int32) * 256
    found = np.empty(len(packed), np.float32)
    for start in range(0, len(packed), _BLOCK):
        part = packed[start : start + _BLOCK]
        found[start : start + _BLOCK] = table.ravel().take(part + offsets).sum(axis=1)
    found *= factors
    found[factors == 0] = -np.inf
    return found.reshape(codes.shape[:-1])


def best_regions(
    directory: Path,
    segments: Sequence[tuple[Segment, NDArray[np.int64]]],
    query: UnitVectors,
    k: int,
) -> RegionHits:
    """The k items whose best region is nearest to the query (1, dim), among these rows of segments, best first."""
    parts = []
    for segment, rows in segments:
        codes = known_regions(directory, segment)
        if codes is not None and len(rows):
            cosines = estimates(codes if len(rows) == len(codes) else codes[rows], query[0])
            places = cosines.argmax(axis=1) + _MOST * codes.shape[1]
            best = cosines.max(axis=1) - np.float32(_ERROR / np.sqrt(query.shape[1]))
            parts.append(RegionHits(segment.ids[rows], best, places).first(k))
    names = ("ids", "scores", "places")
    empty = RegionHits(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.int64))
    all_of = RegionHits(
        *(np.concatenate([getattr(part, name) for part in [empty, *parts]]) for name in names)
    )
    coded = np.isfinite(all_of.scores)
    return RegionHits(all_of.ids[coded], all_of.scores[coded], all_of.places[coded]).first(k)


def known_regions(directory: Path, segment: Segment) -> Codes | None:
    """The codes (rows, regions, bytes) beside a segment; None where there are none, or they are damaged."""
    path = _path(directory, segment.number)
    if not path.is_file():
        return None
    try:
        codes: Codes = mapped_array(path, "|u1", 3)
    except LibraryCorruptError:
        return None
    fits = len(codes) == len(segment) and codes.shape[2] == bytes_of(segment.vectors.shape[1])
    return codes if fits and codes.shape[1] in LAYOUTS else None


def write_regions(directory: Path, number: int, codes: Codes) -> None:
    """Put the codes (rows, regions, bytes) beside segment `number`; StorageError where they cannot be written."""
    with replaced(_path(directory, number)) as (temporary,):
        write_file(temporary, functools.partial(write_array, np.ascontiguousarray(codes)))


def carry_regions(directory: Path, number: int, parts: Sequence[tuple[Segment, NDArray[np.int64]]]) -> None:
    """Write the codes of these rows of segments, one after the other, beside segment `number` that they make up.

    Where parts have different layouts, the finest is kept, and rows of the others are those of no picture yet.
    """
    found = [known_regions(directory, segment) for segment, _ in parts]
    most = max((codes.shape[1] for codes in found if codes is not None), default=0)
    if not most:
        return
    joined = [
        codes[rows]
        if codes is not None and codes.shape[1] == most
        else np.zeros((len(rows), most, bytes_of(segment.vectors.shape[1])), np.uint8)
        for codes, (segment, rows) in zip(found, parts, strict=True)
    ]
    write_regions(directory, number, np.concatenate(joined))


def layout_in(directory: Path) -> int | None:
    """How many regions the pictures of a space have, by the newest file of codes; None where it has none."""
    files = sorted(directory.glob("*.regions.npy"), reverse=True) if directory.is_dir() else []
    for file in files:
        try:
            return int(mapped_array(file, "|u1", 3).shape[1])
        except LibraryCorruptError:
            continue
    return None


def remove_regions(directory: Path) -> None:
    """Forget the regions of a space; only for the holder of the library's lease."""
    for file in directory.glob("*.regions.npy") if directory.is_dir() else ():
        file.unlink(missing_ok=True)


def is_coded(codes: Codes) -> NDArray[np.bool_]:
    """Which rows (n,) of codes (n, regions, bytes) are of pictures whose regions were embedded."""
    return np.asarray(codes[:, 0, -_FACTOR:].any(axis=1), np.bool_)


@functools.lru_cache(maxsize=2)
def _rotation(dim: int) -> NDArray[np.float32]:
    """A rotation (dim, dim), always the same."""
    drawn = np.random.Generator(np.random.PCG64(20241)).standard_normal((dim, dim))
    turned, triangle = np.linalg.qr(drawn)
    return np.asarray(turned * np.sign(np.diag(triangle)), np.float32)


def _path(directory: Path, number: int) -> Path:
    return directory / f"{number:08d}.regions.npy"
