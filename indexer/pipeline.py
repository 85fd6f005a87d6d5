"""Threads that read and decode, one consumer that encodes, and a sink that commits.

    tasks ──► window of futures ──► loaded, in order ──► batch ──► vectors ──► sink
                                         └──► puzzles ──► identity ──► moves, and tasks once more

At most `ahead` files are between the threads and the consumer, so memory does not depend on their number.
Results are taken in listing order: a job's outcome does not depend on which thread was faster.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from vasari.indexer.decode import Loaded, Loader, Ready
from vasari.indexer.embed import Encoding
from vasari.indexer.identity import Puzzle, Verdict
from vasari.indexer.plan import Plan, Task
from vasari.indexer.progress import Progress, ProgressEvent
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.catalog.records import KnownFile, NewItem
from vasari.retrieval.domain import Skipped, UnitVectors
from vasari.retrieval.library.commit import Pixels


class Sink(Protocol):
    """Takes outcomes, and makes them durable from time to time."""

    def add(self, task: Task, item: NewItem) -> None: ...  # noqa: D102
    def move(self, known: KnownFile, candidate: Candidate) -> None: ...  # noqa: D102
    def touch(self, known: KnownFile, candidate: Candidate) -> None: ...  # noqa: D102
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
    restored: int = 0  # they were missing
    touched: int = 0
    displaced: int = 0  # items whose place another content has taken
    failed: int = 0

    @property
    def embedded(self) -> int:
        """Pictures that went through the model."""
        return self.added + self.updated

    @property
    def done(self) -> int:
        """Files dealt with."""
        return self.embedded + self.moved + self.restored + self.touched + self.failed

    def found(self, item: KnownFile) -> None:
        """Count an item that was found again without embedding it."""
        self.restored += item.missing
        self.moved += not item.missing


class Pipeline:
    """One run over a plan's tasks."""

    def __init__(
        self,
        loader: Loader,
        embed: Callable[[Sequence[Pixels | str]], UnitVectors],
        sink: Sink,
        *,
        batch_size: int,
        decode_threads: int,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        """`embed` is called when the first batch is full: a run with nothing to embed loads no model."""
        self.tally = Tally()
        self.watch = loader.watch
        self._loader = loader
        self._encode = Encoding(embed, batch_size)
        self._sink = sink
        self._batch_size = batch_size
        self._threads = decode_threads
        self._progress = progress
        self._stop = stop
        self._recent: deque[tuple[float, int]] = deque(maxlen=20)

    def run(self, plan: Plan, identify: Callable[[Sequence[Puzzle]], Verdict]) -> Tally:
        """Work until the tasks are done or `stop` is set; either way all that was finished is committed.

        `identify` is asked about files whose item depends on the others, when all were read.
        """
        total = len(plan.tasks)
        self._pulse(total)
        puzzles = self._pass(plan.tasks, total)
        if puzzles and not self._stop.is_set():
            verdict = identify(puzzles)
            for item, task in verdict.moves:
                self._sink.move(item, task.candidate)
                self.tally.found(item)
            self.tally.displaced = len(verdict.displaced)
            self._commit(self._sink.commit)
            self._pass(verdict.tasks, total)
        return self.tally

    def _pass(self, tasks: Sequence[Task], total: int) -> list[Puzzle]:
        """Take all tasks through; those that are to be decided later come back."""
        batch: list[Ready] = []
        puzzles: list[Puzzle] = []
        for loaded in self._loaded(tasks):
            if isinstance(loaded, Skipped):
                self._fail(loaded)
            elif not isinstance(loaded, Puzzle):
                batch.append(loaded)
            elif loaded.touched is not None:
                self._sink.touch(loaded.touched, loaded.task.candidate)
                self.tally.touched += 1
            else:
                puzzles.append(loaded)
            if len(batch) >= self._batch_size:
                self._flush(batch, total)
            self._commit(self._sink.commit_if_due)
        self._flush(batch, total)
        self._commit(self._sink.commit)
        return puzzles

    def _loaded(self, tasks: Iterable[Task]) -> Iterator[Loaded]:
        """Outcomes in the order of `tasks`; at most `ahead` are being worked on or wait to be taken."""
        ahead = 2 * self._batch_size + 2 * self._threads
        window: deque[Future[Loaded]] = deque()
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

    def _fail(self, skipped: Skipped) -> None:
        self._sink.fail(skipped)
        self.tally.failed += 1

    def _flush(self, batch: list[Ready], total: int) -> None:
        """Embed the batch, hand its members on, and empty it."""
        started = perf_counter()
        outcomes = self._encode(batch)
        self.watch.encode += perf_counter() - started
        for outcome in outcomes:
            if isinstance(outcome, Skipped):
                self._fail(outcome)
                continue
            task, item = outcome
            self._sink.add(task, item)
            if task.known is None:
                self.tally.added += 1
            elif task.known.missing:
                self.tally.restored += 1
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
            ProgressEvent("indexing", tally.done, total, tally.failed, speed, self.watch.bottleneck)
        )
