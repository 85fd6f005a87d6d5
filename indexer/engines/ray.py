"""Index on a cluster: the job of `local`, with decoding, encoding and writing done by pools of Ray actors.

    report = index(library, source, cluster=Cluster(address="auto"))

This process lists, plans and settles what needs the whole plan (moves, touches, failures, removals). Tasks go in
listing order, a batch a block, so that a shard's pictures are read by few machines. A worker or a machine that dies
loses its batch only: Ray gives it to another, and `stages.Write` knows what was committed before.
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

from indexer.commit import Committer
from indexer.engines import local, stages
from indexer.engines.cluster import Cluster, cause_of, connected, pools_for
from indexer.engines.local import IndexOptions
from indexer.engines.stages import Entry, Work, Written
from indexer.identity import Puzzle
from indexer.pipeline import Tally
from indexer.plan import Plan, Task
from indexer.progress import IndexReport, Progress, Pulse
from indexer.sources.source import Source
from retrieval.domain import Skipped
from retrieval.errors import UsageError
from retrieval.library import Library
from retrieval.originals.addresses import reach

if TYPE_CHECKING:
    from retrieval.catalog.leases import Lease

_ENTRY = "entry"  # the one column of the blocks: pickled entries


def index(
    library: Library,
    source: Source,
    options: IndexOptions | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    *,
    cluster: Cluster | None = None,
) -> IndexReport:
    """As `local.index`, on a cluster.

    A commit holds `commit_every` pictures; there is none by time. Raises MissingExtraError without Ray, and UsageError
    for a cluster of several machines over a catalog in a file.
    """
    cluster = cluster or Cluster()
    return local.index(library, source, options, progress, stop, job_type=partial(_Job, cluster))


class _Job(local.Job):
    def __init__(self, cluster: Cluster, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._cluster = cluster
        self._tally = Tally()

    def embed(self, plan: Plan, lease: Lease) -> Tally:
        """Run the plan's tasks on the cluster."""
        if not plan.tasks:
            return self._tally
        preparer = self.library.models.preprocessing(self.space) or self.library.encoder(self.space).preparer
        committer = self.committer(lease)
        known = frozenset(self.catalog.contents(self.modality))
        total = len(plan.tasks)
        self.progress.update(Pulse("indexing", total=total))
        with connected(self._cluster), _marked(self.library, lease.token):
            _check_catalog(self.library)
            work = self._work(lease.token, preparer, known)
            puzzles = self._pass(plan.tasks, work, committer, total)
            if puzzles and not self.stop.is_set():
                verdict = self.identify(plan, puzzles)
                for item, task in verdict.moves:
                    committer.move(item, task.candidate)
                    self._tally.found(item)
                self._tally.displaced = len(verdict.displaced)
                committer.commit()
                self._pass(verdict.tasks, work, committer, total)
        self.watch.listing = 0.0  # where a cluster's time goes, Ray's own figures tell
        return self._tally

    def _work(self, token: int, preparer: Any, known: frozenset[str]) -> Work:
        return Work(
            open_library=partial(type(self.library).open, self.library.root, self.library.settings),
            space=self.space,
            modality=self.modality,
            source=self.source,
            preparer=preparer,
            limits=self.library.image_limits,
            known=known,
            failed=frozenset(self.failed),
            token=token,
            batch_size=self.options.batch_size,
            reach=reach(),
        )

    def _pass(self, tasks: Sequence[Task], work: Work, committer: Committer, total: int) -> list[Puzzle]:
        """One stream through the workers; the files whose item depends on the others."""
        puzzles: list[Puzzle] = []
        if not tasks:
            return puzzles
        started, before = perf_counter(), self._tally.embedded
        for entries in _stream(tasks, work, self._cluster, self.options.commit_every):
            for entry in entries:
                puzzle = self._settle(entry, committer)
                if puzzle is not None:
                    puzzles.append(puzzle)
            committer.commit_if_due()
            speed = (self._tally.embedded - before) / (perf_counter() - started)
            self.progress.update(Pulse("indexing", self._tally.done, total, self._tally.failed, speed))
            if self.stop.is_set():
                break
        committer.commit()
        return puzzles

    def _settle(self, entry: Entry, committer: Committer) -> Puzzle | None:
        """Count what is done; what cannot be decided yet is returned."""
        match entry:
            case Written():
                self._tally.updated += entry.updated
                self._tally.added += not entry.updated
                self.troubled.update(entry.troubled)
            case Skipped():
                committer.fail(entry)
                self._tally.failed += 1
            case Puzzle(task=task, touched=known) if known is not None:
                committer.touch(known, task.candidate)
                self._tally.touched += 1
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
    batches = -(-len(tasks) // work.batch_size)
    pools = pools_for(cluster, ray.cluster_resources(), batches)
    rows = [{_ENTRY: ray.cloudpickle.dumps(task)} for task in tasks]
    entries = ray.data.from_items(rows, override_num_blocks=batches)
    del rows
    for stage, size, batch_size, cpus, gpus in (
        (stages.Decode, pools.decoders, work.batch_size, 1.0, 0.0),
        (stages.Encode, pools.encoders, work.batch_size, pools.cpus, pools.gpus),
        (stages.Write, pools.writers, commit_every, 0.0, 0.0),
    ):
        entries = entries.map_batches(
            _Worker,
            fn_constructor_args=(
                stage,
                work,
            ),  # by value: a machine that dies takes objects of its store along
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
