"""Sharded index build: copies of one trained index each take a shard of the rows, and are merged in order.

    trained, empty index ──► fill_shard × n, wherever the folders are seen ──► merge

Which list a row belongs to is settled by the training, so that the merged index answers as one filled in a single
process does. A graph has no such parts: its rows are linked with each other.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.errors import StorageError
from vasari.retrieval.storage.atomic import TEMPORARY, discarded_on_failure
from vasari.retrieval.vectors.exact import Rows
from vasari.retrieval.vectors.faiss_index import FaissIndex
from vasari.retrieval.vectors.segments import Segment, live_rows

ADDED_AT_ONCE = 16_384  # rows held as float32 while an index is filled
_TRAINED = "trained"


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """Some segments' rows, as a job for one worker; small enough to be sent, since the rows stay in their files."""

    number: int
    build: Path  # folder of the build: has the trained index, and takes the filled ones
    directory: Path  # of the segments
    segments: tuple[int, ...]
    dead: NDArray[np.int64]  # (n, 2): segment, row; left out

    @property
    def filled(self) -> Path:
        """Folder of the filled index."""
        return self.build / str(self.number)


@dataclass(frozen=True, slots=True)
class Spread:
    """Workers that fill shards elsewhere: at most `count` shards, which `fill` has filled when it returns."""

    count: int
    fill: Callable[[Sequence[Shard]], None]


@dataclass(frozen=True, slots=True, eq=False)
class Build:
    """What a generation is built over, for `spread` to work on."""

    folder: Path  # for the build's own files
    directory: Path  # of the segments
    segments: Sequence[Segment]
    dead: NDArray[np.int64]  # (n, 2): segment, row
    spread: Spread

    def fill(self, index: FaissIndex) -> None:
        """Add all live rows to `index`, which is trained and empty.

        Raises StorageError for a full disk, and what the workers raise.
        """
        shards = split(self)
        shutil.rmtree(self.folder, ignore_errors=True)  # of a build that died
        with discarded_on_failure(self.folder):
            index.save(self.folder / _TRAINED)
            self.spread.fill(shards)
            for shard in shards:
                index.merge(FaissIndex.open(shard.filled, threads=index.threads))
                shutil.rmtree(shard.filled)
            shutil.rmtree(self.folder)


def build_folder(generations: Path, number: int) -> Path:
    """Where the parts of a generation lie while it is built."""
    return generations / f"{number:08d}{TEMPORARY}"


def split(build: Build) -> list[Shard]:
    """Neighbouring segments for each worker, of about as many rows; fewer shards where there are fewer segments."""
    ends = np.cumsum([len(segment) for segment in build.segments])
    middles = ends - [len(segment) / 2 for segment in build.segments]
    homes = (middles * build.spread.count / max(int(ends[-1]), 1)).astype(np.int64)
    numbers = np.asarray([segment.number for segment in build.segments])
    shards = []
    for home in np.unique(homes):
        mine = numbers[homes == home]
        dead = build.dead[np.isin(build.dead[:, 0], mine)]
        shards.append(Shard(int(home), build.folder, build.directory, tuple(mine.tolist()), dead))
    return shards


def fill_shard(shard: Shard, threads: int | None = None) -> None:
    """Add a shard's rows to a copy of the trained index, and save it; again does no harm."""
    if not (shard.build / _TRAINED).is_dir():
        raise StorageError(
            f"{shard.build} is not there on every machine of the cluster: put the library on a shared file system,"
            " and name it by the same path everywhere"
        )
    index = FaissIndex.open(shard.build / _TRAINED, threads=threads)
    segments = [Segment.open(shard.directory, number) for number in shard.segments]
    add_rows(
        index,
        [
            Rows(segment.ids, segment.vectors, live)
            for segment, live in zip(segments, live_rows(segments, shard.dead), strict=True)
        ],
    )
    index.save(shard.filled)


def add_rows(index: FaissIndex, parts: Sequence[Rows]) -> None:
    """Add the rows of each part, some thousand at a time."""
    for part in parts:
        for start in range(0, len(part), ADDED_AT_ONCE):
            ids, halves = part.block(start, start + ADDED_AT_ONCE)
            index.add(ids, UnitVectors(halves.astype(np.float32)))
