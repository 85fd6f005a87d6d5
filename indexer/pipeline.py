"""Threads that read and decode, one consumer that encodes, and a sink that commits.

    tasks ──► window of futures ──► loaded, in order ──► batch ──► vectors ──► sink

At most `ahead` files are between the threads and the consumer, so memory does not depend on their number.
Results are taken in listing order: a job's outcome does not depend on which thread was faster.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.decode import Loaded, Loader
from indexer.encode import Encoding, ImageEncoder
from indexer.plan import Gone, Known, Plan, Task
from indexer.progress import Progress, Pulse, Stopwatch
from indexer.sources.source import Candidate
from retrieval.domain import ItemId, Skipped
from retrieval.ingest import PictureFacts, PreparedPicture


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture with its vector, ready to be committed."""

    candidate: Candidate
    known: Known | None  # the item that it updates; None: a new item
    content_hash: str
    picture: PictureFacts
    vector: NDArray[np.float32]  # (dim,)


class Sink(Protocol):
    """Takes outcomes, and makes them durable from time to time."""

    def add(self, embedded: Embedded) -> None: ...  # noqa: D102
    def move(self, known: Known, candidate: Candidate) -> None: ...  # noqa: D102
    def touch(self, known: Known, candidate: Candidate) -> None: ...  # noqa: D102
    def fail(self, skipped: Skipped) -> None: ...  # noqa: D102

    def commit_if_due(self) -> None:
        """Commit when enough was gathered, or enough time has passed."""
        ...

    def commit(self) -> None:
        """Make everything gathered so far durable."""
        ...


@dataclass(slots=True)
class Tally:
    """Files by outcome, as far as the pipeline has come."""

    added: int = 0
    updated: int = 0
    moved: int = 0
    touched: int = 0
    failed: int = 0

    @property
    def embedded(self) -> int:
        """Pictures that went through the model."""
        return self.added + self.updated

    @property
    def done(self) -> int:
        """Files dealt with."""
        return self.embedded + self.moved + self.touched + self.failed


class Pipeline:
    """One run over a plan's tasks."""

    def __init__(
        self,
        loader: Loader,
        encoder: Callable[[], ImageEncoder],
        sink: Sink,
        *,
        batch_size: int,
        decode_threads: int,
        progress: Progress,
        stop: threading.Event,
        watch: Stopwatch | None = None,
    ) -> None:
        """`encoder` is asked when the first batch is full: a run with nothing to embed loads no model."""
        self.tally = Tally()
        self.watch = watch or Stopwatch()
        self._loader = loader
        self._encode = Encoding(encoder, batch_size)
        self._sink = sink
        self._batch_size = batch_size
        self._threads = decode_threads
        self._progress = progress
        self._stop = stop
        self._recent: deque[tuple[float, int]] = deque(maxlen=20)

    def run(self, plan: Plan, unembedded: Container[ItemId] = frozenset()) -> Tally:
        """Work until the tasks are done or `stop` is set; either way all that was finished is committed."""
        batch: list[tuple[Task, str, PreparedPicture]] = []
        total = len(plan.tasks)
        self._pulse(total)
        for loaded in self._loaded(plan.tasks):
            ready = self._settle(loaded, plan.gone, unembedded)
            if ready is not None:
                batch.append(ready)
            if len(batch) >= self._batch_size:
                self._flush(batch, total)
            self._commit(self._sink.commit_if_due)
        self._flush(batch, total)
        self._commit(self._sink.commit)
        return self.tally

    def _loaded(self, tasks: Iterable[Task]) -> Iterator[Loaded | Skipped]:
        """Outcomes in the order of `tasks`; at most `ahead` are being worked on or wait to be taken."""
        ahead = 2 * self._batch_size + 2 * self._threads
        window: deque[Future[Loaded | Skipped]] = deque()
        remaining = iter(tasks)
        with ThreadPoolExecutor(self._threads, thread_name_prefix="decode") as threads:
            try:
                while not self._stop.is_set():
                    while len(window) < ahead and (task := next(remaining, None)) is not None:
                        window.append(threads.submit(self._loader.load, task))
                    if not window:
                        return
                    started = perf_counter()
                    loaded = window.popleft().result()
                    self.watch.waiting += perf_counter() - started
                    yield loaded
            finally:
                threads.shutdown(wait=False, cancel_futures=True)

    def _settle(
        self, loaded: Loaded | Skipped, gone: Gone, unembedded: Container[ItemId]
    ) -> tuple[Task, str, PreparedPicture] | None:
        """Deal with everything that needs no encoder; return what does."""
        if isinstance(loaded, Skipped):
            self._fail(loaded)
            return None
        self.watch.read += loaded.read_seconds
        self.watch.decode += loaded.decode_seconds
        task = loaded.task
        if loaded.picture is not None:
            return task, loaded.content_hash, loaded.picture
        if task.known is not None:
            self._sink.touch(task.known, task.candidate)
            self.tally.touched += 1
            return None
        origin = gone.claim(loaded.content_hash)
        if origin is not None and origin.id not in unembedded:
            self._sink.move(origin, task.candidate)
            self.tally.moved += 1
            return None
        # A second copy of a moved file, or a moved file without a vector: it has to be decoded after all.
        picture = self._loader.decode(task.candidate.uri, loaded.data or b"", loaded.content_hash)
        if isinstance(picture, Skipped):
            self._fail(picture)
            return None
        return Task(task.candidate, origin, origin is not None), loaded.content_hash, picture

    def _fail(self, skipped: Skipped) -> None:
        self._sink.fail(skipped)
        self.tally.failed += 1

    def _flush(self, batch: list[tuple[Task, str, PreparedPicture]], total: int) -> None:
        """Encode the batch, hand its members on, and empty it."""
        if batch:
            started = perf_counter()
            vectors = self._encode([picture.pixels for _, _, picture in batch])
            self.watch.encode += perf_counter() - started
        else:
            vectors = []
        for (task, content_hash, picture), vector in zip(batch, vectors, strict=True):
            if isinstance(vector, str):
                self._fail(Skipped(task.candidate.uri, "encode", vector))
                continue
            self._sink.add(Embedded(task.candidate, task.known, content_hash, picture.facts, vector))
            if task.known is None:
                self.tally.added += 1
            else:
                self.tally.updated += 1
        batch.clear()
        self._pulse(total)

    def _commit(self, commit: Callable[[], None]) -> None:
        started = perf_counter()
        commit()
        self.watch.commit += perf_counter() - started

    def _pulse(self, total: int) -> None:
        tally = self.tally
        self._recent.append((perf_counter(), tally.embedded))
        (then, before), (now, after) = self._recent[0], self._recent[-1]
        speed = (after - before) / (now - then) if now > then else 0.0
        self._progress.update(
            Pulse("indexing", tally.done, total, tally.failed, speed, self.watch.bottleneck)
        )
