"""Decoding in processes over shared memory: for devices that are faster than Python's lock allows threads to be.

A thread of the job for each process sends it some tasks at once, and which shared memory their pixels belong to; what
comes back is everything but pixels. So the job's own process does next to nothing for a picture. A process
that dies over a picture costs that picture, not the job.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import ForkingPickler, recv_handle, send_handle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.decode import Loaded, Loader
from vasari.indexer.pipeline import Decoding
from vasari.indexer.plan import Task
from vasari.indexer.progress import Stopwatch
from vasari.indexer.slabs import Group, Slab, Slabs
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.allocator import FOR_PICTURES, return_large_blocks
from vasari.retrieval.domain import Skipped
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.commit import Pixels, Prepared
from vasari.retrieval.models.ports import Preparer
from vasari.retrieval.storage.local_files import Roots, confined, roots_in_force
from vasari.retrieval.storage.network_addresses import Reach, allow, reach

_AT_ONCE = 16  # tasks in a message
_ELSEWHERE: Pixels = np.empty((0, 0, 3), np.uint8)  # pixels that lie in shared memory


class KnownContents(Container[str]):
    """Content hashes by their first 64 bits, eight bytes each: a million takes 8 MB in each process.

    Two contents that begin alike do no harm: a file that is taken for a known one is looked at again at the end.
    """

    def __init__(self, hashes: Iterable[str]) -> None:
        self._sorted: NDArray[np.uint64] = np.unique(np.array([_beginning(one) for one in hashes], np.uint64))

    def __contains__(self, content_hash: object) -> bool:
        wanted = np.uint64(_beginning(str(content_hash)))
        place = int(np.searchsorted(self._sorted, wanted))
        return place < len(self._sorted) and bool(self._sorted[place] == wanted)


def _beginning(content_hash: str) -> int:
    return int(content_hash[:16], 16)


@dataclass(frozen=True, slots=True)
class Reading:
    """All that a process must know to read and decode; can be pickled if `read` can."""

    read: Callable[[Candidate], bytes]  # of the source
    preparer: Preparer
    limits: ImageLimits
    known: Container[str] = frozenset()
    reach: Reach = field(default_factory=reach)
    roots: Roots | None = field(default_factory=roots_in_force)

    def can_be_sent(self) -> bool:
        """Whether other processes can do it."""
        try:
            ForkingPickler.dumps(self)
        except Exception:  # whatever a member of the source raises: a lambda, a lock, an open file
            return False
        return True


def are_possible() -> bool:
    """Whether this system has anonymous shared memory that can be handed to another process."""
    return hasattr(os, "memfd_create")


@contextmanager
def in_processes(
    reading: Reading,
    count: int,
    rows: int,
    watch: Stopwatch,
    pin: Callable[[Slab], object] | None = None,
) -> Iterator[Decoding]:
    """So many processes, and slabs of `rows` pictures that they share; `pin` is told of each slab.

    At the end of the block the processes are gone.
    """
    from vasari.retrieval.images.formats import RgbxPicture  # Pillow, which nothing else here needs

    shape = reading.preparer.prepare(RgbxPicture(np.zeros((8, 8, 4), np.uint8))).shape
    memory = _SharedSlabs()
    slabs = Slabs(rows, memory.allocate, pin)
    workers = [_Worker(reading, shape, memory, watch) for _ in range(count)]
    try:
        for worker in workers:
            worker.start()
        yield Decoding([worker.load for worker in workers], _AT_ONCE, slabs)
    finally:
        for worker in workers:
            worker.close()
        memory.close()


class _SharedSlabs:
    """Slabs in memory without a name: however the job ends, nothing of it stays."""

    def __init__(self) -> None:
        self._handles: dict[int, int] = {}

    def allocate(self, shape: tuple[int, ...]) -> Slab:
        """A slab of this shape."""
        size = int(np.prod(shape))
        handle = os.memfd_create("vasari-slab")
        os.ftruncate(handle, size)
        slab: Slab = np.ndarray(shape, np.uint8, mmap.mmap(handle, size))
        self._handles[slab.ctypes.data] = handle
        return slab

    def handle(self, slab: Slab) -> int:
        """The descriptor of a slab's memory."""
        return self._handles[slab.ctypes.data]

    def close(self) -> None:
        """Close the descriptors; the memory goes with the last who uses it."""
        for handle in self._handles.values():
            os.close(handle)


class _Worker:
    """A process, as the thread that asks it sees it."""

    def __init__(
        self, reading: Reading, shape: tuple[int, ...], memory: _SharedSlabs, watch: Stopwatch
    ) -> None:
        self._reading, self._shape, self._memory, self._watch = reading, shape, memory, watch
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Begin a process that knows no slab yet."""
        context = _context()
        self._connection, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, self._reading), daemon=True)
        self._process.start()
        there.close()
        self._sent: set[int] = set()

    def load(self, tasks: Sequence[Task], group: Group, place: int) -> list[Loaded]:
        """Have tasks read and decoded; if the process dies of it, one by one: only the guilty one is left out."""
        try:
            return self._ask(tasks, group.rows(self._shape), place)
        except (EOFError, OSError):
            with self._lock:
                if self._closed:
                    raise
                self.start()
        if len(tasks) == 1:
            return [Skipped(tasks[0].candidate.uri, "decode", "the decoder crashed on it")]
        alone = enumerate(tasks, start=place)
        return [outcome for number, task in alone for outcome in self.load([task], group, number)]

    def _ask(self, tasks: Sequence[Task], slab: Slab, place: int) -> list[Loaded]:
        handle = self._memory.handle(slab)
        self._connection.send((handle, slab.shape, handle not in self._sent, place, tasks))
        if handle not in self._sent:
            send_handle(self._connection, handle, self._process.pid)
            self._sent.add(handle)
        outcomes, read, decode, error = self._connection.recv()
        if error is not None:
            raise error
        with self._lock:
            self._watch.read += read
            self._watch.decode += decode
        return [
            (task, outcome) if isinstance(outcome, Prepared) else outcome
            for task, outcome in zip(tasks, outcomes, strict=True)
        ]

    def close(self) -> None:
        """End the process, whatever it does."""
        with self._lock:
            self._closed = True
            self._process.kill()
        self._process.join()


@cache
def _context() -> ForkServerContext:
    """Processes come from a server that has imported once what all need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *_PRELOADED])
    return context


_PRELOADED = ("vasari.retrieval.images.decode", "vasari.retrieval.models.clip.pixels")


def _serve(connection: Connection, reading: Reading) -> None:
    """What a process does: answer until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the job, which ends its processes
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)
    return_large_blocks(FOR_PICTURES)
    allow(reading.reach)
    loader = Loader(reading.read, lambda: reading.preparer, reading.limits, reading.known)
    with confined(reading.roots) if reading.roots is not None else nullcontext():
        _answer_all(connection, loader)
    os._exit(0)  # with no regard to what maps the slabs


def _answer_all(connection: Connection, loader: Loader) -> None:
    slabs: dict[int, Slab] = {}
    while True:
        try:
            handle, shape, is_new, place, tasks = connection.recv()
            if is_new:
                slabs[handle] = _mapped(recv_handle(connection), shape)
        except EOFError:
            return
        connection.send(_answer(loader, tasks, slabs[handle], place))


def _mapped(handle: int, shape: tuple[int, ...]) -> Slab:
    slab: Slab = np.ndarray(shape, np.uint8, mmap.mmap(handle, int(np.prod(shape))))
    os.close(handle)
    return slab


def _answer(
    loader: Loader, tasks: Sequence[Task], slab: Slab, place: int
) -> tuple[list[Any], float, float, BaseException | None]:
    """What tasks came to, seconds of reading and of decoding, and what went wrong with all of it."""
    watch = loader.watch = Stopwatch()
    try:
        outcomes = [_sent(task, loader.load(task, _into(slab[row]))) for row, task in enumerate(tasks, place)]
    except Exception as error:
        return [], watch.read, watch.decode, error
    return outcomes, watch.read, watch.decode, None


def _into(row: Pixels) -> Callable[[Pixels], Pixels]:
    def keep(pixels: Pixels) -> Pixels:
        row[:] = pixels
        return _ELSEWHERE

    return keep


def _sent(task: Task, outcome: Loaded) -> Any:
    """An outcome without the task where that is as it came."""
    if isinstance(outcome, tuple) and outcome[0].candidate is task.candidate:
        return outcome[1]
    return outcome
