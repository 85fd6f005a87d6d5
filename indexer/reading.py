"""Read the text in a whole library's pictures (OCR): every picture that was not read yet is, side by side.

What was read is committed every few seconds, so a kill loses no more than that, and the next run goes on there.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from vasari.indexer.progress import Progress, ProgressEvent, Silent
from vasari.retrieval.domain import Item, ItemId, Modality, Skipped, TextLine
from vasari.retrieval.errors import ImageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.text_reading import read_text
from vasari.retrieval.models.ports import TextReader

COMMIT_SECONDS = 5.0
_MOST_AT_ONCE = 8  # readers, each of which takes up to half a gigabyte
_PAGE = 256  # items looked up at once

Lines = tuple[TextLine, ...]


@dataclass(slots=True)
class ReadReport:
    """What a reading job did, in pictures."""

    read: int = 0
    with_text: int = 0  # of those that were read
    unchanged: int = 0  # had been read before
    failed: int = 0
    seconds: float = 0.0
    interrupted: bool = False

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def read_library(
    library: Library,
    reader: TextReader,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    *,
    again: bool = False,
) -> ReadReport:
    """Take down the text in pictures; `again`: also in those that another reader, or version of it, has read.

    When `stop` is set, the pictures at work are finished. One that cannot be opened goes to the failure ledger.
    Raises LibraryLockedError while another job writes.
    """
    stop, began = stop or threading.Event(), time.perf_counter()
    with library.catalog.lease.acquire("vasari read") as lease:
        waiting = list(library.catalog.readings.unread(reader.name if again else None))
        total = library.catalog.items.count(Modality.IMAGE)
        job = _Job(library, reader, ReadReport(unchanged=total - len(waiting)))
        for done, (item, outcome) in enumerate(job.outcomes(waiting, stop), start=1):
            job.take(item, outcome)
            if job.is_due:
                lease.check()
                job.commit()
            (progress or Silent()).update(ProgressEvent("reading", done, len(waiting), job.report.failed))
        job.commit()
        job.report.seconds = round(time.perf_counter() - began, 3)
        job.report.interrupted = stop.is_set() and job.report.read + job.report.failed < len(waiting)
    return job.report


@dataclass(slots=True)
class _Job:
    """A job under way, and what it has not committed yet."""

    library: Library
    reader: TextReader
    report: ReadReport
    lines: dict[ItemId, Lines] = field(default_factory=dict)
    failures: list[Skipped] = field(default_factory=list)
    committed: float = field(default_factory=time.monotonic)

    def outcomes(self, ids: list[ItemId], stop: threading.Event) -> Iterator[tuple[Item, Lines | ImageError]]:
        """Each picture with its text, or why there is none, in order; no further ones begin once `stop` is set."""
        at_once = min(self.library.settings.threads or os.cpu_count() or 1, _MOST_AT_ONCE)
        under_way: deque[tuple[Item, Future[Lines | ImageError]]] = deque()
        with ThreadPoolExecutor(at_once, thread_name_prefix="read") as pool:
            for item in self._items(ids):
                if stop.is_set():
                    break
                under_way.append((item, pool.submit(self._read, item)))
                if len(under_way) > 2 * at_once:
                    first, future = under_way.popleft()
                    yield first, future.result()
            for item, future in under_way:
                if not (stop.is_set() and future.cancel()):
                    yield item, future.result()

    def _items(self, ids: list[ItemId]) -> Iterator[Item]:
        for start in range(0, len(ids), _PAGE):
            yield from self.library.items(ids[start : start + _PAGE]).values()

    def _read(self, item: Item) -> Lines | ImageError:
        try:
            return read_text(self.library, item, self.reader)
        except ImageError as error:
            return error

    def take(self, item: Item, outcome: Lines | ImageError) -> None:
        """Count an outcome, and keep it for the next commit."""
        if isinstance(outcome, ImageError):
            self.failures.append(Skipped(item.uri, outcome.stage, str(outcome)))
            self.report.failed += 1
        else:
            self.lines[item.id] = outcome
            self.report.read += 1
            self.report.with_text += bool(outcome)

    @property
    def is_due(self) -> bool:
        """Whether it is time to commit."""
        return time.monotonic() - self.committed >= COMMIT_SECONDS

    def commit(self) -> None:
        """Take down what was read since the last time."""
        self.library.catalog.readings.note(self.reader.name, self.lines)
        self.library.catalog.failures.record(self.failures)
        self.lines, self.failures, self.committed = {}, [], time.monotonic()
