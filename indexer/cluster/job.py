"""Index on a cluster: the job of `vasari index`, whose stages run in Ray actors, each over its part of the tasks.

    report = index(library, source, cluster=Cluster(address="auto"))

This process lists, plans and settles what needs the whole plan (moves, touches, failures, removals). Tasks go in
listing order, some batches a block, so that a shard's pictures are read by few machines. A worker or a machine that
dies loses its block only: Ray gives it to another, and `stages.Write` knows what was committed before.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from vasari.indexer import job
from vasari.indexer.batch_size import ON_CPU, UNTRIED
from vasari.indexer.cluster import stages
from vasari.indexer.cluster.connection import Cluster, Workers, cause_of, connected, workers_for
from vasari.indexer.cluster.stages import Entry, Work, Written
from vasari.indexer.commit import Committer
from vasari.indexer.identity import Puzzle
from vasari.indexer.job import IndexOptions, Job
from vasari.indexer.pipeline import Tally
from vasari.indexer.plan import Plan, Task
from vasari.indexer.progress import IndexReport, Progress, ProgressEvent
from vasari.indexer.sources.source import Source
from vasari.retrieval.domain import Skipped
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.network_addresses import reach

if TYPE_CHECKING:
    from vasari.retrieval.catalog.lease import HeldLease

_ENTRY = "entry"  # the one column of the blocks: pickled entries
_BATCHES = 4  # that a worker is given together: the second is decoded while the first is embedded


def index(
    library: Library,
    source: Source,
    options: IndexOptions | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    *,
    cluster: Cluster | None = None,
) -> IndexReport:
    """As `job.index`, on a cluster.

    A commit holds `commit_every` pictures; there is none by time. Raises MissingExtraError without Ray, and UsageError
    for a cluster of several machines over a catalog in a file.
    """
    cluster = cluster or Cluster()
    return job.index(library, source, options, progress, stop, embed=partial(_embed, cluster))


def _embed(cluster: Cluster, job: Job, plan: Plan, lease: HeldLease) -> Tally:
    """Run the plan's tasks on the cluster."""
    if not plan.tasks:
        return Tally()
    preparer = job.library.models.preprocessing(job.space) or job.library.encoder(job.space).preparer
    work = Work(
        open_library=partial(type(job.library).open, job.library.root, job.library.settings),
        space=job.space,
        modality=job.modality,
        read=job.source.read,
        preparer=preparer,
        limits=job.library.image_limits,
        known=frozenset(job.catalog.items.contents(job.modality)),
        failed=frozenset(job.failed),
        token=lease.token,
        batch_size=job.options.batch_size or (UNTRIED if cluster.gpus else ON_CPU),
        reach=reach(),
    )
    job.progress.update(ProgressEvent("indexing", total=len(plan.tasks)))
    with connected(cluster), _marked(job.library, lease.token):
        _check_catalog(job.library)
        tally = _Run(job, work, cluster, job.committer(lease)).run(plan)
    job.watch.listing = 0.0  # where a cluster's time goes, Ray's own figures tell
    return tally


class _Run:
    """One run over a plan's tasks on a cluster; this process settles what needs the whole plan."""

    def __init__(self, job: Job, work: Work, cluster: Cluster, committer: Committer) -> None:
        self._job = job
        self._work = work
        self._cluster = cluster
        self._committer = committer
        self._tally = Tally()

    def run(self, plan: Plan) -> Tally:
        """Stream the tasks through the workers, and once more those that were puzzles."""
        total = len(plan.tasks)
        puzzles = self._pass(plan.tasks, total)
        if puzzles and not self._job.stop.is_set():
            verdict = self._job.identify(plan, puzzles)
            for item, task in verdict.moves:
                self._committer.move(item, task.candidate)
                self._tally.found(item)
            self._tally.displaced = len(verdict.displaced)
            self._committer.commit()
            self._pass(verdict.tasks, total)
        return self._tally

    def _pass(self, tasks: Sequence[Task], total: int) -> list[Puzzle]:
        """One stream through the workers; the files whose item depends on the others."""
        puzzles: list[Puzzle] = []
        if not tasks:
            return puzzles
        job = self._job
        started, before = perf_counter(), self._tally.embedded
        for entries in _stream(tasks, self._work, self._cluster, job.options.commit_every):
            puzzles += [puzzle for entry in entries if (puzzle := self._settle(entry)) is not None]
            self._committer.commit_if_due()
            speed = (self._tally.embedded - before) / (perf_counter() - started)
            job.progress.update(ProgressEvent("indexing", self._tally.done, total, self._tally.failed, speed))
            if job.stop.is_set():
                break
        self._committer.commit()
        return puzzles

    def _settle(self, entry: Entry) -> Puzzle | None:
        """Count what is done; what cannot be decided yet is returned."""
        match entry:
            case Written():
                self._tally.updated += entry.updated
                self._tally.added += not entry.updated
                self._job.troubled.update(entry.troubled)
            case Skipped():
                self._committer.fail(entry)
                self._tally.failed += 1
            case Puzzle(task=task, touched=known) if known is not None:
                self._committer.touch(known, task.candidate)
                self._tally.touch(task)
            case Puzzle():
                return entry
        return None


def _stream(
    tasks: Sequence[Task], work: Work, cluster: Cluster, commit_every: int
) -> Iterator[Sequence[Entry]]:
    """Outcomes as they come, in any order. An error of a worker that no repetition mends is raised here."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    DataContext.get_current().enable_progress_bars = False
    block = _BATCHES * work.batch_size
    blocks = -(-len(tasks) // block)
    workers = _workers(cluster, blocks)
    rows = [{_ENTRY: ray.cloudpickle.dumps(task)} for task in tasks]
    entries = ray.data.from_items(rows, override_num_blocks=blocks)
    del rows
    embed = partial(stages.Embed, threads=workers.threads)
    for stage, size, batch_size, cpus, gpus in (
        (embed, workers.encoders, block, workers.cpus, workers.gpus),
        (stages.Write, workers.writers, commit_every, 0.0, 0.0),
    ):
        entries = entries.map_batches(
            _Worker,
            # By value: a machine that dies takes objects of its store along.
            fn_constructor_args=(stage, work),
            batch_size=batch_size,
            batch_format="numpy",
            compute=ActorPoolStrategy(size=size),
            num_cpus=cpus,
            num_gpus=gpus,
        )
    try:
        for batch in entries.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
            yield _unpacked(batch)
    except ray.exceptions.RayError as error:
        raise cause_of(error) from error


def _workers(cluster: Cluster, blocks: int) -> Workers:
    import ray

    return workers_for(cluster, [node["Resources"] for node in ray.nodes() if node["Alive"]], blocks)


class _Worker:
    """An actor's side: one stage over pickled entries."""

    def __init__(self, stage: Callable[[Work], Callable[[Sequence[Entry]], list[Entry]]], work: Work) -> None:
        self._stage = stage(work)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        import ray

        outcomes = self._stage(_unpacked(batch))
        packed = np.empty(len(outcomes), dtype=object)
        packed[:] = [ray.cloudpickle.dumps(outcome) for outcome in outcomes]
        return {_ENTRY: packed}


def _unpacked(batch: dict[str, Any]) -> list[Entry]:
    import ray

    return [ray.cloudpickle.loads(entry) for entry in batch[_ENTRY]]


def _check_catalog(library: Library) -> None:
    import ray

    machines = len({node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]})
    if machines > 1 and library.settings.database_url is None:
        raise UsageError(
            f"the cluster has {machines} machines, and a catalog in a file serves one: set"
            " VASARI_DATABASE_URL to a PostgreSQL database"
        )


@contextmanager
def _marked(library: Library, token: int) -> Iterator[None]:
    path = stages.write_mark(library.root, token)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
