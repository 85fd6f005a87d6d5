"""The job's stages and its commits, in listing order; what depends on all files is settled at the end.

    tasks ──► `Stages`: read, decode, encode ──► finished groups, in order ──► sink
                                                      └──► puzzles ──► identity ──► moves, and tasks once more

The caller's thread does nothing but count and commit: threads that read and decode, and a worker for each device, go on
meanwhile. All that lies between two stages is bounded, so memory does not depend on the number of files; and results
are taken in listing order, so a job's outcome does not depend on which thread was faster.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Protocol

from vasari.indexer.decode import Loaded, Loader
from vasari.indexer.embed import Begin, Encoding
from vasari.indexer.identity import Puzzle, Verdict
from vasari.indexer.plan import Plan, Task
from vasari.indexer.progress import Progress, ProgressEvent, Stopwatch
from vasari.indexer.slabs import Group, Outcome, Slabs
from vasari.indexer.sources.source import Candidate
from vasari.indexer.stages import Load, Stages
from vasari.retrieval.catalog.records import KnownFile, NewItem
from vasari.retrieval.domain import Skipped

_BACKLOG = 4096  # embedded files that wait while others are committed


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
    described: int = 0  # of the touched, those of which their source says something else
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

    def touch(self, task: Task) -> None:
        """Count a picture whose content is the same."""
        self.touched += 1
        self.described += task.told_anew

    def embed(self, task: Task) -> None:
        """Count a picture that went through the model."""
        if task.known is None:
            self.added += 1
        elif task.known.missing:
            self.restored += 1
        else:
            self.updated += 1

    def found(self, item: KnownFile) -> None:
        """Count an item that was found again without embedding it."""
        self.restored += item.missing
        self.moved += not item.missing


@dataclass(frozen=True, slots=True)
class Decoding:
    """Who reads and decodes: a thread for each of `loaders`, which is given so many tasks at once."""

    loaders: Sequence[Load]
    at_once: int = 1
    slabs: Slabs | None = None  # where the pixels lie; None: in memory of this process


def in_threads(loader: Loader, count: int, slabs: Slabs | None = None) -> Decoding:
    """So many threads of this process: reading waits, and decoders leave Python's lock alone."""

    def load(tasks: Sequence[Task], group: Group, place: int) -> list[Loaded]:
        return [
            loader.load(task, partial(group.keep, number)) for number, task in enumerate(tasks, start=place)
        ]

    return Decoding([load] * count, slabs=slabs)


class Pipeline:
    """One run over a plan's tasks."""

    def __init__(
        self,
        decoding: Decoding,
        devices: Sequence[Begin],
        sink: Sink,
        *,
        batch_size: int,
        progress: Progress,
        stop: threading.Event,
        watch: Stopwatch | None = None,
        backlog: int = _BACKLOG,
    ) -> None:
        """A device is first asked when its first batch is full: a run with nothing to embed loads no model."""
        self.tally = Tally()
        self.watch = watch or Stopwatch()
        self._decoding = decoding
        self._encoders = [Encoding(begin, batch_size) for begin in devices]
        self._sink = sink
        self._batch_size = batch_size
        self._backlog = backlog
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
        puzzles: list[Puzzle] = []
        stages = Stages(
            tasks,
            self._decoding.loaders,
            self._encoders,
            size=self._batch_size,
            at_once=self._decoding.at_once,
            backlog=self._backlog,
            stop=self._stop,
            watch=self.watch,
            slabs=self._decoding.slabs,
        )
        with stages:
            for group in stages.finished():
                puzzles += filter(None, map(self._settle, group.outcomes))
                self._pulse(total)
                self._commit(self._sink.commit_if_due)
        self._commit(self._sink.commit)
        return puzzles

    def _settle(self, outcome: Outcome | None) -> Puzzle | None:
        """Hand on and count what is done; what cannot be decided yet is returned."""
        match outcome:
            case Skipped():
                self._sink.fail(outcome)
                self.tally.failed += 1
            case Puzzle(task=task, touched=known) if known is not None:
                self._sink.touch(known, task.candidate)
                self.tally.touch(task)
            case Puzzle():
                return outcome
            case (task, item) if isinstance(item, NewItem):
                self._sink.add(task, item)
                self.tally.embed(task)
        return None

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
