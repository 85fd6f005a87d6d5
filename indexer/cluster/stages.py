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
from typing import TypeGuard

from vasari.indexer.commit import Committer
from vasari.indexer.decode import Loader, Ready
from vasari.indexer.embed import Encoding, embedding
from vasari.indexer.identity import Puzzle
from vasari.indexer.plan import Task
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.catalog.records import NewItem
from vasari.retrieval.domain import EmbeddingSpace, Modality, Skipped
from vasari.retrieval.errors import StorageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.commit import Prepared
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import Preparer
from vasari.retrieval.storage.network_addresses import Reach, allow

MARK_FILE = "cluster.mark"  # while a cluster writes: proves to a worker that it sees the same folder


@dataclass(frozen=True, slots=True)
class Written:
    """A picture that is in the library now; `updated` if it was an item before."""

    updated: bool
    troubled: tuple[str, ...] = ()  # texts beside it that could not be used


Entry = Task | Ready | Puzzle | tuple[Task, NewItem] | Skipped | Written


@dataclass(frozen=True, slots=True)
class Work:
    """All that a worker must know; small enough to be sent to each once."""

    open_library: Callable[[], Library]
    space: EmbeddingSpace
    modality: Modality
    read: Callable[[Candidate], bytes]  # of the source
    preparer: Preparer
    limits: ImageLimits
    known: frozenset[str]  # content hashes of the library's items: files with these may be moves
    failed: frozenset[str]  # uris in the ledger of failures
    token: int  # of the job's lease
    batch_size: int
    reach: Reach  # hosts that may be read from

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
        allow(work.reach)
        self._loader = Loader(work.read, lambda: work.preparer, work.limits, work.known)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def __call__(self, entries: Sequence[Entry]) -> list[Entry]:
        """Each `Task` becomes what it is when it was read."""
        return list(self._threads.map(self._decoded, entries))

    def _decoded(self, entry: Entry) -> Entry:
        if not isinstance(entry, Task):
            return entry
        return self._loader.load(entry)


class Encode:
    """Pixels to vectors; holds the model."""

    def __init__(self, work: Work) -> None:
        self._encode = Encoding(embedding(work.open(), work.space, work.modality), work.batch_size)

    def __call__(self, entries: Sequence[Entry]) -> list[Entry]:
        """Each `Prepared` becomes a `NewItem` or `Skipped`."""
        outcomes = iter(self._encode([entry for entry in entries if _is_ready(entry)]))
        return [next(outcomes) if _is_ready(entry) else entry for entry in entries]


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
        """All `NewItem`s of the batch become one segment, and then `Written`."""
        arrived = [entry for entry in entries if _is_embedded(entry)]
        committed = self._library.catalog.embedded(
            self._work.space.name, self._work.modality, [item.uri for _, item in arrived]
        )
        for task, item in arrived:
            if committed.get(item.uri) != item.content_hash:
                self._committer.add(task, item)
        self._committer.commit()
        return [_written(entry[0]) if _is_embedded(entry) else entry for entry in entries]


def write_mark(root: Path, token: int) -> Path:
    """Show the lease's token to workers; the caller removes the file at the end."""
    path = root / MARK_FILE
    path.write_text(str(token), encoding="ascii")
    with path.open("rb") as file:
        os.fsync(file.fileno())  # so that other machines' views of a network folder have it
    return path


def _is_ready(entry: Entry) -> TypeGuard[Ready]:
    return isinstance(entry, tuple) and isinstance(entry[1], Prepared)


def _is_embedded(entry: Entry) -> TypeGuard[tuple[Task, NewItem]]:
    return isinstance(entry, tuple) and isinstance(entry[1], NewItem)


def _written(task: Task) -> Written:
    return Written(task.known is not None, tuple(trouble.uri for trouble in task.candidate.troubles))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
