"""Index on this machine: list → plan → decode → embed → commit, under the library's write lease.

    report = index(library, FolderSource(["~/Pictures"]))

A job may end at any moment, by Ctrl-C, a crash or a pulled plug; running it again goes on from the last commit
and comes to the same library as a run that was never disturbed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from vasari.indexer.aliases import Alias, SameFolders
from vasari.indexer.batch_size import batch_size_for, may_overlap
from vasari.indexer.build import is_due, publish, remove_unpublished
from vasari.indexer.commit import Committer
from vasari.indexer.decode import Deferred, Loader
from vasari.indexer.embed import embedding
from vasari.indexer.identity import Puzzle, Verdict, inherit, resolve
from vasari.indexer.in_place import is_in_place
from vasari.indexer.listing import Listing, StoppedListing
from vasari.indexer.pipeline import Decoding, Pipeline, Tally, in_threads
from vasari.indexer.plan import Comparison, Places, Plan, Task
from vasari.indexer.progress import IndexReport, Progress, ProgressEvent, Silent, Stopwatch
from vasari.indexer.removal import Removal, judge
from vasari.indexer.slabs import Slabs
from vasari.indexer.sources.source import Differing, FileFacts, Source
from vasari.retrieval.catalog.records import Failure, KnownFile, Sighting, Telling
from vasari.retrieval.catalog.sqlite_reader import SqliteReader
from vasari.retrieval.domain import EmbeddingSpace, ItemId, Modality
from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.library.compaction import compact_if_due
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import DualEncoder, Overlapping, Preparer
from vasari.retrieval.storage.local_files import content_hash
from vasari.retrieval.vectors.segments import between_files_and_transaction, remove_orphans

if TYPE_CHECKING:
    from vasari.indexer.decode_processes import Reading
    from vasari.retrieval.catalog.catalog import Catalog  # SQLAlchemy, for which a look would wait
    from vasari.retrieval.catalog.lease import HeldLease

# Stages at which the same bytes fail again; reading may succeed next time.
_LASTING = frozenset({"decode", "limit"})
_THREADS = 4  # that decode side by side in one process; with more they wait for Python's lock
_WORTH_PROCESSES = 2000  # pictures: processes take seconds to start
_TRYING = "trying which form of the model is fastest on this processor: some seconds, once for a space"
_LOOKS = 64  # files read beforehand, to see whether a GPU is needed at all: most often one


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How a job is run; the defaults suit a laptop."""

    batch_size: int | None = None  # default: by the device, see `indexer/batch_size`
    decode_threads: int | None = None  # or processes; default: one a core
    decode: Literal["auto", "threads", "processes", "gpu"] = "auto"  # where: by the device and the cores
    commit_every: int = 4096  # files between commits
    commit_seconds: float = 10.0  # seconds between commits: what a kill can cost at most
    space: str | None = None  # default: the library's default space
    retry_failed: bool = False  # also files that failed before and did not change since
    # Items that may go missing where a place lists nothing, or less than half of what it had.
    allow_removal: int = 0


def index(
    library: Library,
    source: Source,
    options: IndexOptions | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    *,
    embed: Callable[[Job, Plan, HeldLease], Tally] | None = None,
) -> IndexReport:
    """Bring the library in step with the source, be it of pictures or of texts.

    When `stop` is set, the batch at work is finished and committed, and the report says `interrupted`. `embed`
    is how another engine runs the plan's tasks; default: `Job.embed`.

    Raises:
        LibraryLockedError: another job writes this library.
        ModelUnavailableError: the library's model cannot be had.
        StorageError: the disk is full; what was committed stays.
    """
    options, progress, stop = options or IndexOptions(), progress or Silent(), stop or threading.Event()
    started = perf_counter()
    try:
        look = _look(library, source, options, progress, stop)
        if look is not None and not look.plan.has_work:
            return look.job.report(look.plan, perf_counter() - started)
        with library.catalog.lease.acquire("vasari index") as lease:
            if look is not None and lease.token == look.token + 1:
                job, plan = look.job, look.plan
                job.sweep()
            else:
                space = space_to_fill(library, options.space)
                job = Job(library, space, source, options, progress, stop)
                job.sweep()
                plan = job.plan(library.catalog)
            return job.run(plan, lease, started, embed or Job.embed)
    except StoppedListing:
        return IndexReport(seconds=perf_counter() - started, bottleneck="list", interrupted=True)


@dataclass(frozen=True, slots=True)
class _Look:
    """A plan made without the write lease: it holds as long as nobody has taken the lease since."""

    job: Job
    plan: Plan
    token: int  # of the last lease before


def _look(
    library: Library, source: Source, options: IndexOptions, progress: Progress, stop: threading.Event
) -> _Look | None:
    """Plan by a glance at the catalog: where nothing changed, SQLAlchemy is not imported and nothing is written.

    None where a job is writing or has died, and where there is no such glance.
    """
    glance = library.glance
    if glance is None or (options.space is None and library.default_space() is None):
        return None
    token = glance.free_lease()
    if token is None:
        return None
    job = Job(library, library.space(options.space), source, options, progress, stop)
    return _Look(job, job.plan(glance), token)


def space_to_fill(library: Library, name: str | None) -> EmbeddingSpace:
    """The space to fill, by default the library's own; a new library gets its first."""
    return library.begin() if name is None else library.space(name)


class Job:
    """The steps of one run."""

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
        self.space = space
        self.source = source
        self.modality = source.modality
        self.directory = library.segments_directory(space, self.modality)
        self.options = options
        self.progress = progress
        self.stop = stop
        self._encoder: Callable[[], DualEncoder] = cache(partial(library.encoder, space))
        image = library.models.preprocessing(space)
        self._image_size = None if image is None else image.image_size
        self.unembedded: frozenset[ItemId] = frozenset()
        self.failed: dict[str, Failure] = {}
        self.troubled: set[str] = set()  # texts beside pictures that could not be used
        self.newest: ItemId = 0  # before the job
        self.twice = SameFolders()
        self.aliases: tuple[Alias, ...] = ()

    @property
    def catalog(self) -> Catalog:
        """The library's, opened when it is first needed."""
        return self.library.catalog

    def sweep(self) -> None:
        """Remove files that killed jobs left between file and transaction."""
        with between_files_and_transaction:
            known = {segment.number for segment in self.catalog.segments.all(self.space.name, self.modality)}
            remove_orphans(self.directory, known)
        remove_unpublished(self.library, self.space, self.modality)

    def plan(self, catalog: Catalog | SqliteReader) -> Plan:
        """List the source and compare."""
        started = perf_counter()
        self.newest = catalog.items.newest()
        self.unembedded = frozenset(catalog.segments.missing_embeddings(self.space.name, self.modality))
        self.failed = {failure.uri: failure for failure in catalog.failures.latest()}
        unread = catalog.unread_facts.ids() if self.modality is Modality.IMAGE else frozenset()
        comparison = Comparison(
            partial(catalog.items.known_files, self.modality, self.source.roots),
            facts=None if unread or self.unembedded else self._facts(catalog),
            failed=self.failed,
            hopeless=self._hopeless(),
            unembedded=self.unembedded,
            unread=unread,
            places=self.source.places,
        )
        listing = Listing(self.source, self.library.root, self.progress, self.stop)
        for entry in listing.differing(comparison.as_they_were):
            comparison.add(entry)
        plan = comparison.finish(self.source.covers)
        self.watch.listing = perf_counter() - started
        return plan

    def _facts(self, catalog: Catalog | SqliteReader) -> frozenset[FileFacts] | None:
        """Of the known files what a listing tells, where that decides about most of them."""
        if not isinstance(catalog, SqliteReader) or not isinstance(self.source, Differing):
            return None
        return catalog.items.facts(self.modality, self.source.roots)

    def run(
        self, plan: Plan, lease: HeldLease, started: float, embed: Callable[[Job, Plan, HeldLease], Tally]
    ) -> IndexReport:
        """Carry the plan out; the listing's own failures go to the ledger."""
        library, space = self.library, self.space
        if plan.skipped:
            self.catalog.failures.record(plan.skipped)
        form = self.choose_form(plan)
        if form is not None:
            self.progress.update(ProgressEvent("trying", told=form))
        tally = embed(self, plan, lease)
        facts = self.fill_facts(plan)
        interrupted = self.stop.is_set()
        removal = Removal() if interrupted else self.remove(plan)
        if (tally.embedded or tally.restored) and not interrupted:
            self._follow_up()
        if self.modality is Modality.IMAGE and not interrupted:
            library.models.export_pictures(space)  # if the model was loaded at all
        report = self.report(plan, perf_counter() - started, tally, removal)
        return replace(report, interrupted=interrupted, form=form, facts=facts)

    def fill_facts(self, plan: Plan) -> int:
        """Ask the files of pictures of an older library for what was not read then; how many were."""
        if not plan.unread:
            return 0
        from vasari.indexer.metadata_backfill import fill_facts  # SQLAlchemy, for which a look would wait

        unread, limits = self.catalog.unread_facts, self.library.image_limits
        return fill_facts(plan.unread, unread, self.source.read, limits, self.progress, self.stop)

    def _follow_up(self) -> None:
        """What new vectors bring with them: near-duplicates, stacks, compaction, an index."""
        # SQLAlchemy, for which a look would wait
        from vasari.retrieval.library.near_duplicates import regroup
        from vasari.retrieval.library.stacking import restack

        library, space = self.library, self.space
        if self.modality is Modality.IMAGE:
            self.progress.update(ProgressEvent("comparing"))
            gallery = library.gallery(self.modality, space)
            regroup(library.catalog.perceptual_hashes, gallery)
            restack(library.catalog.stacks, gallery)
        compact_if_due(library.catalog, self.directory, space, self.modality)
        if is_due(library, space, self.modality):
            self.progress.update(ProgressEvent("building"))
            publish(library, space, self.modality)

    def report(
        self, plan: Plan, seconds: float, tally: Tally | None = None, removal: Removal | None = None
    ) -> IndexReport:
        """What was done: by default nothing, as nothing had changed."""
        tally, removal = tally or Tally(), removal or Removal()
        return IndexReport(
            added=tally.added,
            updated=tally.updated,
            moved=tally.moved,
            restored=tally.restored,
            removed=len(removal.missing) + tally.displaced,
            described=tally.described,
            unchanged=plan.unchanged + tally.touched - tally.described,
            failed=tally.failed + len(plan.skipped) + plan.still_failed + len(self.troubled | plan.troubled),
            seconds=seconds,
            images_per_second=tally.embedded / seconds,
            bottleneck=self.watch.bottleneck,
            withheld=removal.withheld,
            aliases=self.aliases,
            skipped=dict(self.source.left_out),
        )

    def choose_form(self, plan: Plan) -> str | None:
        """Before the first commit to a new space choose what encodes its pictures; what was chosen, in a line."""
        if self.modality is not Modality.IMAGE or not plan.tasks:
            return None
        # The hub's client: half a second for nothing new.
        from vasari.indexer.encoding_form import choose_form

        return choose_form(
            self.library,
            self.space,
            self.source.read,
            plan.tasks,
            lambda: self.progress.update(ProgressEvent("trying", told=_TRYING)),
        )

    def embed(self, plan: Plan, lease: HeldLease) -> Tally:
        """Run the pipeline over the plan's tasks."""
        fresh = self._fresh(plan)
        size = self._batch_size(fresh)
        with self._decoding(plan, size, fresh) as decoding:
            pipeline = Pipeline(
                decoding,
                embedding(self.library, self.space, self.modality),
                self.committer(lease),
                batch_size=size,
                progress=self.progress,
                stop=self.stop,
                watch=self.watch,
            )
            return pipeline.run(plan, partial(self.identify, plan))

    @contextmanager
    def _decoding(self, plan: Plan, size: int, fresh: int) -> Iterator[Decoding]:
        """Threads; or processes, where a device is faster than the threads of one process can be."""
        how, count = self.options.decode, self.options.decode_threads or os.cpu_count() or 1
        device = self._overlapping() if fresh else None
        pin = None if device is None else device.pin
        worth = device is not None and count > _THREADS and fresh >= _WORTH_PROCESSES
        pictures = fresh and self.modality is Modality.IMAGE
        if pictures and (how == "processes" or (how == "auto" and worth)):
            from vasari.indexer.decode_processes import in_processes  # multiprocessing, for few jobs

            reading = self._reading()
            if reading is not None:
                with in_processes(reading, count, size, self.watch, pin) as decoding:
                    yield decoding
                return
            if how == "processes":
                raise UsageError("here pictures can be decoded by threads only: --decode threads")
        loader = Loader(
            self.source.read, self._preparer, self.library.image_limits, _Contents(self), watch=self.watch
        )
        slabs = pin and Slabs(size, pin=pin)
        yield (
            self._on_gpu(loader, plan, count, slabs)
            if pictures and how == "gpu"
            else in_threads(loader, count, slabs)
        )

    def _on_gpu(self, loader: Loader, plan: Plan, count: int, slabs: Slabs | None) -> Decoding:
        """JPEGs on the first GPU that the job embeds on; UnsupportedError where that cannot be, or drifts."""
        from vasari.indexer.decode_gpu import check_drift, on_gpu
        from vasari.retrieval.models.clip.nvjpeg import jpegs_on  # torch

        limits = self.library.image_limits
        jpegs = jpegs_on(next((name for name in self.library.devices if name.startswith("cuda")), "cuda"))
        check_drift(loader, jpegs, limits, self._encoder(), [task for task in plan.tasks if not task.same])
        return on_gpu(loader, jpegs, limits, count, slabs)

    def _reading(self) -> Reading | None:
        """What processes are told that decode; None where there can be none, or the source is not to be sent."""
        from vasari.indexer.decode_processes import KnownContents, Reading, are_possible

        encoder, contents = self._encoder(), KnownContents(self.catalog.items.contents(self.modality))
        preparer = encoder.sent_preparer if isinstance(encoder, Overlapping) else encoder.preparer
        reading = Reading(self.source.read, preparer, self.library.image_limits, contents)
        return reading if are_possible() and reading.can_be_sent() else None

    def _overlapping(self) -> Overlapping | None:
        """The first device if it computes beside us; None for a CPU, without loading a model to find that out."""
        if self.modality is Modality.TEXT or not may_overlap(self.library):
            return None
        encoder = self._encoder()
        return encoder if isinstance(encoder, Overlapping) and encoder.overlaps else None

    def _batch_size(self, fresh: int) -> int:
        """Pictures of a batch: as told, else as suits the device."""
        told = self.options.batch_size
        return told or batch_size_for(self.library, self.space, self.modality, fresh)

    def _fresh(self, plan: Plan) -> int:
        """How many files may have to be embedded: a run without any asks no device what it is, and loads no model.

        Beside a GPU some of them are read, until one was not moved. If others were not moved after all, the model is
        loaded for them as on a CPU.
        """
        fresh = [task for task in plan.tasks if task.known is None or task.unembedded]
        looks = self.modality is Modality.IMAGE and not self.unembedded and may_overlap(self.library)
        if looks and all(self._is_moved(task, plan) for task in _spread(fresh, _LOOKS)):
            return 0
        return len(fresh)

    def _is_moved(self, task: Task, plan: Plan) -> bool:
        """Whether a file holds what is at its old place no more; one that cannot be read needs no model either."""
        try:
            digest = content_hash(self.source.read(task.candidate))
        except (ImageError, OSError):
            return True  # the pipeline will say why
        found = self.of_content([digest])
        return any(item.missing or item.id in plan.gone or not self._in_place(item) for item in found)

    def identify(self, plan: Plan, puzzles: Sequence[Puzzle]) -> Verdict:
        """Decide which items the files are; those without a vector in this space are embedded on the way."""
        verdict = resolve(puzzles, plan, self.of_content, self._in_place, self.twice.same)
        self.aliases = self.twice.summed(verdict.aliases)
        bare = self.catalog.segments.without_vector(self.space.name, [item.id for item, _ in verdict.moves])
        for item, task in verdict.moves:
            if item.id in bare:
                verdict.tasks.append(replace(task, known=item, unembedded=True, settled=True))
        verdict.moves = [(item, task) for item, task in verdict.moves if item.id not in bare]
        return verdict

    def of_content(self, hashes: Iterable[str]) -> Sequence[KnownFile]:
        """The items, live or missing, of some contents; not those that this job has made."""
        return self.catalog.items.files_of_content(hashes, self.modality, newest=self.newest)

    def _in_place(self, item: KnownFile) -> bool:
        """Whether an item's file, about which this listing says nothing, is still there with its content."""
        return is_in_place(item, self.modality, self.library.image_limits)

    def committer(self, lease: HeldLease) -> Committer:
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
            troubled=self.troubled,
        )

    def remove(self, plan: Plan) -> Removal:
        """Hide what is gone and was not found elsewhere; forget failures of what is no trouble any more."""
        removal = judge(plan, Places(self.source.places), self.options.allow_removal)
        self.progress.update(ProgressEvent("removing", total=len(removal.missing)))
        if removal.missing:
            heirs = self._heirs([plan.gone[item] for item in removal.missing])
            self.catalog.items.move(heirs)
            self.catalog.items.lose(set(removal.missing) - {seen.item for seen in heirs})
        self.catalog.annotations.describe(
            {file.id: Telling(file.teller or "", 0) for file in removal.silenced}
        )
        if plan.settled:
            self.catalog.failures.clear(plan.settled)
        return removal

    def _heirs(self, lost: Sequence[KnownFile]) -> list[Sighting]:
        """Of lost items that people wrote about, those that have a copy about which nobody did: where it lies."""
        written = self.catalog.annotations.written_about(item.id for item in lost)
        written -= self.catalog.segments.without_vector(self.space.name, written)
        lost = [item for item in lost if item.id in written]
        hashes = {item.content_hash for item in lost}
        gone = {item.id for item in lost}
        copies = [
            copy
            for copy in self.catalog.items.files_of_content(hashes, self.modality)
            if not copy.missing and copy.id not in gone and self._in_place(copy)
        ]
        written = self.catalog.annotations.written_about(copy.id for copy in copies)
        copies = [copy for copy in copies if copy.id not in written]
        return [
            Sighting(item.id, copy.uri, copy.bytes, copy.mtime_ns, copy.ctime_ns)
            for item, copy in inherit(lost, copies)
        ]

    def _preparer(self) -> Preparer:
        """What prepares pictures; the model is loaded for the first that could be decoded."""
        size = self._image_size
        return self._encoder() if size is None else Deferred(size, self._encoder)

    def _hopeless(self) -> Mapping[str, Failure]:
        if self.options.retry_failed:
            return {}
        return {uri: failure for uri, failure in self.failed.items() if failure.stage in _LASTING}


def _spread(tasks: Sequence[Task], count: int) -> Sequence[Task]:
    """Up to `count` of them, evenly spread."""
    return tasks[:: max(-(-len(tasks) // count), 1)]


class _Contents:
    """The contents that the library knew before a job; asked by many threads."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __contains__(self, content_hash: object) -> bool:
        job = self._job
        return job.newest > 0 and job.catalog.items.holds_content(
            str(content_hash), job.modality, newest=job.newest
        )
