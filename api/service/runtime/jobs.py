"""Background jobs: one at a time and process, on a thread of its own.

The catalog's `jobs` table is the truth, so that every worker process sees the same. Who runs a job (or has it in
line) writes a heartbeat; a job that was silent for `STALE` seconds, or was let go by a service that stopped, is
taken over by whoever notices. All kinds of work skip what was done before, so running a job again resumes it.
Cancelling writes the state; the runner sees it with its next heartbeat, finishes its batch and stops.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from vasari.api.service.problems import kind_of, outward
from vasari.api.service.runtime.job_kinds import KINDS
from vasari.api.service.settings import ServiceSettings
from vasari.indexer.progress import ProgressEvent
from vasari.retrieval.catalog.records import JobRecord
from vasari.retrieval.errors import LibraryLockedError, NotFoundError, VasariError
from vasari.retrieval.library.library import Library

STALE = timedelta(seconds=30)
_BEAT = 1.0  # seconds between heartbeats, which also notice cancellations
_LOOK = 5.0  # seconds between looks for jobs that others left, and between tries for a lease
_LOG = logging.getLogger("vasari.jobs")


@dataclass
class _Own:
    """A job this process runs or has in line; hears its pulses."""

    id: int
    kind: str
    params: Mapping[str, Any]
    stop: threading.Event = field(default_factory=threading.Event)
    progress: dict[str, Any] = field(default_factory=lambda: {"phase": "waiting"})
    begun: bool = False  # it holds the lease and has swept: others may write beside it

    def update(self, event: ProgressEvent) -> None:
        """Note how far it is."""
        self.begun = True
        self.progress = {
            "phase": event.phase,
            "done": event.done,
            "total": event.total,
            "failed": event.failed,
            "images_per_second": round(event.images_per_second, 2),
            "bottleneck": event.bottleneck,
        }


class Jobs:
    """Starts, runs, cancels and resumes jobs of one library. All methods block; `start` and `close` begin and end."""

    def __init__(self, library: Library, settings: ServiceSettings) -> None:
        self._library = library
        self._settings = settings
        self._line: deque[_Own] = deque()
        self._current: _Own | None = None
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._runner = threading.Thread(target=self._run, name="vasari-jobs", daemon=True)
        self._heart = threading.Thread(target=self._beat, name="vasari-jobs-heart", daemon=True)

    def start(self) -> None:
        """Begin to work, with what a former service left; a replica leaves that to who writes."""
        if self._library.settings.read_only:
            return
        self._runner.start()
        self._heart.start()

    @property
    def alive(self) -> bool:
        """Whether the runner's threads work."""
        if self._library.settings.read_only:
            return True
        return self._runner.is_alive() and self._heart.is_alive()

    def close(self, seconds: float | None = None) -> None:
        """Finish the batch at work, and leave unfinished jobs to be resumed; one that takes longer is left as it is."""
        self._closing.set()
        with self._lock:
            if self._current is not None:
                self._current.stop.set()
        self._wake.set()
        if self._runner.is_alive():
            self._runner.join(seconds)
        if self._runner.is_alive():
            _LOG.warning("a job did not stop within %g s: the next service resumes it", seconds)
        if self._heart.is_alive():
            self._heart.join()
        for own in self._line:
            self._library.catalog.jobs.release(own.id)

    def submit(self, kind: str, params: Mapping[str, Any]) -> JobRecord:
        """Put a job in line. Raises what its kind raises for wrong parameters (UsageError, ProblemError)."""
        KINDS[kind].check(self._library, self._settings, params)
        own = _Own(self._library.catalog.jobs.start(kind, params), kind, params)
        with self._lock:
            self._line.append(own)
        self._wake.set()
        return self.job(own.id)

    def job(self, job: int) -> JobRecord:
        """The job, with its progress of this moment if it runs here; NotFoundError if there is none."""
        record = self._library.catalog.jobs.get(job)
        if record is None:
            raise NotFoundError(f"there is no job {job}")
        return self._live(record)

    def recent(self, limit: int) -> list[JobRecord]:
        """Jobs, the latest first."""
        return [self._live(record) for record in self._library.catalog.jobs.latest(limit)]

    def cancel(self, job: int) -> JobRecord:
        """Stop a job, wherever it runs; one that has ended stays as it is."""
        self.job(job)
        self._library.catalog.jobs.end(job, "cancelled")
        with self._lock:
            self._line = deque(own for own in self._line if own.id != job)
            if self._current is not None and self._current.id == job:
                self._current.stop.set()
        return self.job(job)

    @property
    def busy(self) -> bool:
        """Whether a job is at work in this process."""
        return self._current is not None

    def look_around(self) -> None:
        """Look now for jobs that others left, and not at the next turn."""
        self._wake.set()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until nothing runs or is in line; whether that came about."""
        deadline = time.monotonic() + seconds
        while self._current is not None or self._line:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    @contextmanager
    def shared_lease(self) -> Iterator[bool]:
        """Whether a job of this process holds the library's lease, so that others here may write under it."""
        current = self._current
        yield current is not None and current.begun and not current.stop.is_set()

    def _live(self, record: JobRecord) -> JobRecord:
        current = self._current
        if record.state == "running" and current is not None and current.id == record.id:
            return replace(record, progress=current.progress)
        return record

    # The runner's thread

    def _run(self) -> None:
        while not self._closing.is_set():
            own = self._next()
            if own is None:
                self._wake.wait(_LOOK)
                self._wake.clear()
                continue
            try:
                self._work(own)
            except Exception:  # the catalog is away: the job stays running there, and is resumed
                _LOG.exception("job %s", own.id)
            finally:
                self._current = None

    def _next(self) -> _Own | None:
        with self._lock:
            if not self._line:
                self._line.extend(self._abandoned())
            self._current = self._line.popleft() if self._line else None
            return self._current

    def _abandoned(self) -> Iterator[_Own]:
        """Claim jobs whose runner is gone, the oldest first."""
        try:
            for record in reversed(self._library.catalog.jobs.latest(100)):
                silent = datetime.now(UTC) - record.heartbeat_at
                waits = record.state == "running" and record.kind in KINDS and silent > STALE
                if waits and self._library.catalog.jobs.claim(record.id, record.heartbeat_at):
                    yield _Own(record.id, record.kind, record.params)
        except VasariError as error:
            _LOG.warning("cannot look for jobs: %s", error)

    def _work(self, own: _Own) -> None:
        catalog = self._library.catalog
        while True:
            own.progress = {"phase": "starting"}  # the model may have to be loaded first
            try:
                report = KINDS[own.kind].run(self._library, self._settings, own.params, own, own.stop)
            except LibraryLockedError as error:
                own.progress = {"phase": "waiting", "for": error.holder}
                if own.stop.wait(_LOOK):
                    break
                continue
            except VasariError as error:
                _LOG.warning("job %s (%s): %s", own.id, own.kind, error)
                why = {"error": outward(error), "problem": kind_of(error)}
                catalog.jobs.end(own.id, "failed", {**own.progress, **why})
                return
            except Exception as error:
                _LOG.exception("job %s (%s)", own.id, own.kind)
                words = f"it failed unforeseen ({type(error).__name__}); the service's log has the details"
                why = {"error": words, "problem": {"type": "urn:vasari:problem:internal"}}
                catalog.jobs.end(own.id, "failed", {**own.progress, **why})
                return
            if not own.stop.is_set():
                catalog.jobs.end(own.id, "done", {**own.progress, "phase": "done", "report": report})
                return
            break
        if self._closing.is_set():
            catalog.jobs.release(own.id)

    # The heartbeat's thread

    def _beat(self) -> None:
        while not self._closing.wait(_BEAT):
            with self._lock:
                owned = [*self._line, *([self._current] if self._current else [])]
            for own in owned:
                self._beat_once(own, self._library.catalog.jobs.beat)

    def _beat_once(self, own: _Own, beat: Callable[[int, Mapping[str, Any]], bool]) -> None:
        try:
            if beat(own.id, own.progress):
                return
        except VasariError as error:  # a full disk, a busy catalog: the next beat may succeed
            _LOG.warning("no heartbeat of job %s: %s", own.id, error)
            return
        own.stop.set()  # cancelled elsewhere (or it has just ended)
        with self._lock:
            self._line = deque(other for other in self._line if other is not own)
