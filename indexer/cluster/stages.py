"""What the workers of a cluster do: embed, write. Plain classes that no cluster is needed to run.

    tasks ──► Embed ──► Write ──► outcomes, which the job's own process settles

Each is called with a block of entries and returns as many; what it has nothing to do with passes through. A block may
come twice, when a worker died before its answer arrived: embedding it again does no harm, and `Write` leaves out what
was committed.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from vasari.indexer.commit import Committer
from vasari.indexer.decode import Loader
from vasari.indexer.embed import Encoding, embedding
from vasari.indexer.pipeline import in_threads
from vasari.indexer.plan import Task
from vasari.indexer.progress import Stopwatch
from vasari.indexer.slabs import Outcome
from vasari.indexer.sources.source import Candidate
from vasari.indexer.stages import Stages
from vasari.retrieval.catalog.records import NewItem
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.errors import StorageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import Preparer
from vasari.retrieval.storage.network_addresses import Reach, allow

MARK_FILE = "cluster.mark"  # while a cluster writes: proves to a worker that it sees the same folder


@dataclass(frozen=True, slots=True)
class Written:
    """A picture that is in the library now; `updated` if it was an item before."""

    updated: bool
    troubled: tuple[str, ...] = ()  # texts beside it that could not be used


Entry = Task | Outcome | Written


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
        library.catalog.lease.join(self.token)
        return library


class Embed:
    """Tasks to vectors, by the stages of `vasari index`; holds the model."""

    def __init__(self, work: Work, threads: int = 2) -> None:
        """So many threads read and decode."""
        allow(work.reach)
        loader = Loader(work.read, lambda: work.preparer, work.limits, work.known)
        self._decoding = in_threads(loader, threads)
        devices = embedding(work.open(), work.space, work.modality)
        self._encodings = [Encoding(begin, work.batch_size) for begin in devices]
        self._size = work.batch_size

    def __call__(self, entries: Sequence[Entry]) -> list[Entry]:
        """Each `Task` becomes a `NewItem`, a `Puzzle`, or `Skipped`."""
        tasks = [entry for entry in entries if isinstance(entry, Task)]
        stages = Stages(
            tasks,
            self._decoding.loaders,
            self._encodings,
            size=self._size,
            backlog=len(tasks),
            stop=threading.Event(),
            watch=Stopwatch(),
        )
        with stages:
            groups = list(stages.finished())
        outcomes = (outcome for group in groups for outcome in group.outcomes)
        return [_entry(next(outcomes)) if isinstance(entry, Task) else entry for entry in entries]


def _entry(outcome: Outcome | None) -> Entry:
    assert outcome is not None  # a finished group has no gaps
    return outcome


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
        """All `NewItem`s of the block become one segment, and then `Written`."""
        arrived = [entry for entry in entries if _is_embedded(entry)]
        committed = self._library.catalog.segments.embedded(
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


def _is_embedded(entry: Entry) -> TypeGuard[tuple[Task, NewItem]]:
    return isinstance(entry, tuple) and isinstance(entry[1], NewItem)


def _written(task: Task) -> Written:
    return Written(task.known is not None, tuple(trouble.uri for trouble in task.candidate.troubles))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
