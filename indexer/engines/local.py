"""Index on this machine: list → plan → decode → embed → commit, under the library's write lease.

    report = index(library, FolderSource(["~/Pictures"]))

A job may end at any moment, by Ctrl-C, a crash or a pulled plug; running it again goes on from the last commit
and comes to the same library as a run that was never disturbed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from indexer.commit import Committer
from indexer.decode import Loader
from indexer.generations import is_due, publish
from indexer.pipeline import Pipeline, Tally
from indexer.plan import Plan, make_plan
from indexer.progress import IndexReport, Progress, Pulse, Silent, Stopwatch
from indexer.sources.source import Candidate, Source
from retrieval.catalog.records import Failure
from retrieval.compaction import compact_if_due
from retrieval.domain import EmbeddingSpace, ItemId, Modality, Skipped
from retrieval.library import Library
from retrieval.models.ports import DualEncoder
from retrieval.vectors.segments import remove_orphans

if TYPE_CHECKING:
    from retrieval.catalog.leases import Lease

_LASTING = frozenset(
    {"decode", "limit"}
)  # stages at which the same bytes fail again; reading may succeed next time
_SETTLING_NS = 600 * 10**9  # a file changed this shortly before it failed may have been read half written


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How a job is run; the defaults suit a laptop."""

    batch_size: int = 32  # the fastest on CPUs with AMX (134 images/s, against 100 at 8 and 87 at 128)
    decode_threads: int | None = None  # default: one a core
    commit_every: int = 4096  # files between commits
    commit_seconds: float = 10.0  # seconds between commits: what a kill can cost at most
    space: str | None = None  # default: the library's default space
    retry_failed: bool = False  # also files that failed before and did not change since


def index(
    library: Library,
    source: Source,
    options: IndexOptions | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    *,
    job_type: Callable[..., Job] | None = None,
) -> IndexReport:
    """Bring the library in step with the source.

    When `stop` is set, the batch at work is finished and committed, and the report says `interrupted`. `job_type`
    makes the job that another engine runs.

    Raises:
        LibraryLockedError: another job writes this library.
        ModelUnavailableError: the library's model cannot be had.
        StorageError: the disk is full; what was committed stays.
    """
    options, progress, stop = options or IndexOptions(), progress or Silent(), stop or threading.Event()
    started = perf_counter()
    with library.catalog.acquire_lease("vasari index") as lease:
        space = space_to_fill(library, options.space)
        job = (job_type or Job)(library, space, source, options, progress, stop)
        job.sweep()
        try:
            plan = job.plan()
        except _StoppedListing:
            return IndexReport(seconds=perf_counter() - started, bottleneck="list", interrupted=True)
        tally = job.embed(plan, lease)
        interrupted = stop.is_set()
        removed = 0 if interrupted else job.remove(plan)
        if tally.embedded and not interrupted:
            progress.update(Pulse("comparing"))
            library.group_duplicates(space, always=True)
            compact_if_due(library.catalog, job.directory, space, job.modality)
        if tally.embedded and not interrupted and is_due(library, space, job.modality):
            progress.update(Pulse("building"))
            publish(library, space, job.modality)
    seconds = perf_counter() - started
    return IndexReport(
        added=tally.added,
        updated=tally.updated,
        moved=tally.moved,
        removed=removed,
        unchanged=plan.unchanged + tally.touched,
        failed=tally.failed + len(plan.skipped) + plan.still_failed,
        seconds=seconds,
        images_per_second=tally.embedded / seconds,
        bottleneck=job.watch.bottleneck,
        interrupted=interrupted,
    )


def space_to_fill(library: Library, name: str | None) -> EmbeddingSpace:
    """The space to fill; a new library gets the one of the model in the settings."""
    if name is None and library.catalog.default_space() is None:
        return library.use_model(library.settings.model)
    return library.space(name)


class _StoppedListing(Exception):  # noqa: N818 (nothing went wrong)
    """Ctrl-C came before there was a plan."""


class Job:
    """The steps of one run; another engine embeds elsewhere, and shares the rest."""

    modality = Modality.IMAGE

    def __init__(
        self,
        library: Library,
        space: EmbeddingSpace,
        source: Source,
        options: IndexOptions,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self.watch = Stopwatch()
        self.library = library
        self.catalog = library.catalog
        self.space = space
        self.directory = library.segments_directory(space, self.modality)
        self.source = source
        self.options = options
        self.progress = progress
        self.stop = stop
        self.unembedded: frozenset[ItemId] = frozenset()
        self.failed: dict[str, Failure] = {}

    def sweep(self) -> None:
        """Remove files that a killed job left between file and transaction."""
        known = {segment.number for segment in self.catalog.segments(self.space.name, self.modality)}
        remove_orphans(self.directory, known)

    def plan(self) -> Plan:
        """List the source and compare; the listing's own failures go to the ledger."""
        started = perf_counter()
        catalog = self.catalog
        self.unembedded = frozenset(catalog.missing_embeddings(self.space.name, self.modality))
        self.failed = {failure.uri: failure for failure in catalog.failures()}
        plan = make_plan(
            self._listing(),
            catalog.known_files(self.modality, self.source.roots),
            self.source.covers,
            failed_at={uri: _moment(failure) for uri, failure in self.failed.items()},
            hopeless=self._hopeless(),
            unembedded=self.unembedded,
        )
        self.watch.listing = perf_counter() - started
        if plan.skipped:
            catalog.record_failures(plan.skipped)
        return plan

    def embed(self, plan: Plan, lease: Lease) -> Tally:
        """Run the pipeline over the plan's tasks."""
        options = self.options
        loader = Loader(self.source, self._encoder, self.library.image_limits, plan.gone)
        pipeline = Pipeline(
            loader,
            self._encoder,
            self.committer(lease),
            batch_size=options.batch_size,
            decode_threads=options.decode_threads or os.cpu_count() or 1,
            progress=self.progress,
            stop=self.stop,
            watch=self.watch,
        )
        return pipeline.run(plan, self.unembedded)

    def committer(self, lease: Lease) -> Committer:
        """What makes this job's outcomes durable."""
        return Committer(
            self.catalog,
            self.directory,
            self.space.name,
            self.modality,
            every=self.options.commit_every,
            seconds=self.options.commit_seconds,
            still_mine=lease.check,
            failed_before=self.failed,
        )

    def remove(self, plan: Plan) -> int:
        """Delete what is gone and was not found elsewhere; forget failures of what is no trouble any more."""
        gone = [file.id for file in plan.gone]
        self.progress.update(Pulse("removing", total=len(gone)))
        removed = self.catalog.delete_items(gone) if gone else 0
        if plan.settled:
            self.catalog.clear_failures(plan.settled)
        return removed

    def _encoder(self) -> DualEncoder:
        return self.library.encoder(self.space)

    def _hopeless(self) -> frozenset[str]:
        if self.options.retry_failed:
            return frozenset()
        return frozenset(uri for uri, failure in self.failed.items() if failure.stage in _LASTING)

    def _listing(self) -> Iterator[Candidate | Skipped]:
        """The listing, with a pulse now and then; half a listing proves nothing, so stopping it raises."""
        for count, entry in enumerate(self.source.candidates()):
            if count % 1000 == 0:
                self.progress.update(Pulse("listing", done=count))
                if self.stop.is_set():
                    raise _StoppedListing
            yield entry


def _moment(failure: Failure) -> int:
    """Until when a file must have lain unchanged for its failure to be final, in nanoseconds since 1970."""
    return int(failure.at.timestamp() * 1e9) - _SETTLING_NS
