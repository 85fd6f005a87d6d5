"""What the workers of a cluster do: decode, encode, write. Plain classes that no cluster is needed to run.

    tasks ──► Decode ──► Encode ──► Write ──► outcomes, which the job's own process settles

Each is called with a batch of entries and returns as many; what a stage has nothing to do with passes through. A
batch may come twice, when a worker died before its answer arrived: decoding and encoding it again does no harm, and
`Write` leaves out what was committed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.commit import Committer
from indexer.decode import Loaded, Loader
from indexer.encode import Encoding
from indexer.pipeline import Embedded
from indexer.plan import Task
from indexer.sources.source import Source
from retrieval.domain import EmbeddingSpace, Modality, Skipped
from retrieval.errors import StorageError
from retrieval.imaging.limits import ImageLimits
from retrieval.library import Library
from retrieval.models.ports import Preparer

MARK_FILE = "cluster.mark"  # while a cluster writes: proves to a worker that it sees the same folder


@dataclass(frozen=True, slots=True)
class Written:
    """A picture that is in the library now; `updated` if it was an item before."""

    updated: bool
    troubled: tuple[str, ...] = ()  # texts beside it that could not be used


Entry = Task | Loaded | Embedded | Skipped | Written


@dataclass(frozen=True, slots=True)
class Work:
    """All that a worker must know; small enough to be sent to each once."""

    open_library: Callable[[], Library]
    space: EmbeddingSpace
    modality: Modality
    source: Source
    preparer: Preparer
    limits: ImageLimits
    known: frozenset[str]  # content hashes of the library's items: files with these may be moves
    failed: frozenset[str]  # uris in the ledger of failures
    token: int  # of the job's lease
    batch_size: int

    def open(self) -> Library:
        """The library, joined to the job's lease; StorageError where this machine sees another folder."""
        library = self.open_library()
        if _read(library.root / MARK_FILE) != str(self.token):
            library.close()
            raise StorageError(
                f"{library.root} is not the same folder on every machine of the cluster: put the library on a"
                " shared file system, and name it by the same path everywhere"
            )
        library.catalog.join_lease(self.token)
        return library


class Decode:
    """Tasks to pixels, on a few threads: reading waits, and decoding leaves Python's lock alone."""

    def __init__(self, work: Work, threads: int = 2) -> None:
        self._loader = Loader(work.source, lambda: work.preparer, work.limits, work.known)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def __call__(self, entries: Sequence[Entry]) -> list[Entry]:
        """Each `Task` becomes `Loaded` or `Skipped`."""
        return list(self._threads.map(self._decoded, entries))

    def _decoded(self, entry: Entry) -> Entry:
        if not isinstance(entry, Task):
            return entry
        return self._loader.load(entry)


class Encode:
    """Pixels to vectors; holds the model."""

    def __init__(self, work: Work) -> None:
        self._library = work.open()
        self._encode = Encoding(lambda: self._library.encoder(work.space), work.batch_size)

    def __call__(self, entries: Sequence[Entry]) -> list[Entry]:
        """Each `Loaded` with pixels becomes `Embedded` or `Skipped`."""
        vectors = iter(self._encode(list(map(_pixels, filter(_has_pixels, entries)))))
        return [_embedded(entry, next(vectors)) if _has_pixels(entry) else entry for entry in entries]


class Write:
    """Vectors to segments, each committed by this worker itself, under the job's lease."""

    def __init__(self, work: Work) -> None:
        self._library = work.open()
        self._work = work
        self._committer = Committer(
            self._library.catalog,
            self._library.segments_directory(work.space, work.modality),
            work.space.name,
            work.modality,
            every=sys.maxsize,
            seconds=float("inf"),
            still_mine=lambda: None,  # every transaction looks by itself
            failed_before=work.failed,
        )

    def __call__(self, entries: Sequence[Entry]) -> list[Entry]:
        """All `Embedded` of the batch become one segment, and then `Written`."""
        arrived = [entry for entry in entries if isinstance(entry, Embedded)]
        committed = self._library.catalog.embedded(
            self._work.space.name, self._work.modality, [entry.candidate.uri for entry in arrived]
        )
        for entry in arrived:
            if committed.get(entry.candidate.uri) != entry.content_hash:
                self._committer.add(entry)
        self._committer.commit()
        return [_written(entry) if isinstance(entry, Embedded) else entry for entry in entries]


def write_mark(root: Path, token: int) -> Path:
    """Show the lease's token to workers; the caller removes the file at the end."""
    path = root / MARK_FILE
    path.write_text(str(token), encoding="ascii")
    with path.open("rb") as file:
        os.fsync(file.fileno())  # so that other machines' views of a network folder have it
    return path


def _has_pixels(entry: Entry) -> bool:
    return isinstance(entry, Loaded) and entry.picture is not None


def _pixels(entry: Entry) -> NDArray[np.uint8]:
    if not isinstance(entry, Loaded) or entry.picture is None:
        raise TypeError(f"{entry} has no pixels")
    return entry.picture.pixels


def _embedded(entry: Entry, vector: NDArray[np.float32] | str) -> Entry:
    if not isinstance(entry, Loaded) or entry.picture is None:
        raise TypeError(f"{entry} has no pixels")
    task = entry.task
    if isinstance(vector, str):
        return Skipped(task.candidate.uri, "encode", vector)
    return Embedded(task.candidate, task.known, entry.content_hash, entry.picture.facts, vector)


def _written(entry: Embedded) -> Written:
    return Written(entry.known is not None, tuple(trouble.uri for trouble in entry.candidate.troubles))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
