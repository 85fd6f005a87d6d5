"""Index on a cluster: the job of `local`, with decoding, encoding and writing done by pools of Ray actors.

    report = index(library, source, cluster=Cluster(address="auto"))

This process lists, plans and settles what needs the whole plan (moves, touches, failures, removals). Tasks go in
listing order, a batch a block, so that a shard's pictures are read by few machines. A worker or a machine that dies
loses its batch only: Ray gives it to another, and `stages.Write` knows what was committed before.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.commit import Committer
from indexer.decode import Loaded
from indexer.engines import local, stages
from indexer.engines.local import IndexOptions
from indexer.engines.stages import Entry, Work, Written
from indexer.pipeline import Tally
from indexer.plan import Gone, Plan, Task
from indexer.progress import IndexReport, Progress, Pulse
from indexer.sources.source import Source
from retrieval.domain import Skipped
from retrieval.errors import MissingExtraError, UsageError, VasariError
from retrieval.library import Library

if TYPE_CHECKING:
    from retrieval.catalog.leases import Lease

# Nothing is reported to anybody; and on a busy machine workers have minutes to start.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_agent_register_timeout_ms": "240000",
    "RAY_worker_register_timeout_seconds": "240",
}
_REACHED_WITHIN = 10.0  # seconds
_ENTRY = "entry"  # the one column of the blocks: pickled entries


class ClusterUnavailableError(VasariError):
    """No cluster could be reached, or started."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where to run, and with how many workers; None: what the cluster's CPUs and GPUs allow."""

    address: str | None = None  # "auto", HOST:PORT or ray://HOST:PORT; None: one that is started here
    cpus: int | None = None  # of one that is started here; None: all of this machine
    encoders: int | None = None
    decoders: int | None = None
    writers: int = 1
    gpus: float | None = None  # of each encoder, such as 0.5: two share a GPU. None: 1 where there are GPUs


@dataclass(frozen=True, slots=True)
class _Pools:
    """Workers of each kind, and what an encoder occupies."""

    decoders: int
    encoders: int
    writers: int
    cpus: float
    gpus: float


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
        preparer = self.library.encoder(self.space).preparer
        committer = self.committer(lease)
        gone = frozenset(file.content_hash for file in plan.gone)
        total = len(plan.tasks)
        self.progress.update(Pulse("indexing", total=total))
        with connected(self._cluster, self.library), _marked(self.library, lease.token):
            tasks: Sequence[Task] = plan.tasks
            # What looked like a move and was none comes again, to be decoded after all.
            while tasks and not self.stop.is_set():
                work = self._work(lease.token, preparer, gone)
                tasks = self._pass(tasks, work, plan.gone, committer, total)
                gone = frozenset()
        self.watch.listing = 0.0  # where a cluster's time goes, Ray's own figures tell
        return self._tally

    def _work(self, token: int, preparer: Any, gone: frozenset[str]) -> Work:
        return Work(
            open_library=partial(type(self.library).open, self.library.root, self.library.settings),
            space=self.space,
            modality=self.modality,
            source=self.source,
            preparer=preparer,
            limits=self.library.image_limits,
            gone=gone,
            failed=frozenset(self.failed),
            token=token,
            batch_size=self.options.batch_size,
        )

    def _pass(
        self, tasks: Sequence[Task], work: Work, gone: Gone, committer: Committer, total: int
    ) -> list[Task]:
        """One stream through the workers; the tasks that have to go through again."""
        again: list[Task] = []
        started, before = perf_counter(), self._tally.embedded
        for entries in _stream(tasks, work, self._cluster, self.options.commit_every):
            for entry in entries:
                task = self._settle(entry, gone, committer)
                if task is not None:
                    again.append(task)
            committer.commit_if_due()
            speed = (self._tally.embedded - before) / (perf_counter() - started)
            self.progress.update(Pulse("indexing", self._tally.done, total, self._tally.failed, speed))
            if self.stop.is_set():
                break
        committer.commit()
        return again

    def _settle(self, entry: Entry, gone: Gone, committer: Committer) -> Task | None:
        """Count what is done; a file that turns out to need its pixels is returned."""
        match entry:
            case Written():
                self._tally.updated += entry.updated
                self._tally.added += not entry.updated
            case Skipped():
                committer.fail(entry)
                self._tally.failed += 1
            case Loaded(task=Task(known=None) as task):
                origin = gone.claim(entry.content_hash)
                if origin is None or origin.id in self.unembedded:
                    return Task(task.candidate, origin, origin is not None)
                committer.move(origin, task.candidate)
                self._tally.moved += 1
            case Loaded(task=Task(known=known)) if known is not None:
                committer.touch(known, entry.task.candidate)
                self._tally.touched += 1
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
    pools = _pools(cluster, ray.cluster_resources())
    rows = [{_ENTRY: ray.cloudpickle.dumps(task)} for task in tasks]
    entries = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // work.batch_size))
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
        raise _cause(error) from error


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


def _pools(cluster: Cluster, resources: dict[str, float]) -> _Pools:
    """An encoder for each GPU or part of one, or for every fourth CPU; the CPUs that are left decode."""
    cpus, gpus = resources.get("CPU", 1.0), resources.get("GPU", 0.0)
    share = (1.0 if gpus else 0.0) if cluster.gpus is None else cluster.gpus
    occupied = 0.0 if share else 1.0
    encoders = cluster.encoders or max(1, int(gpus / share if share else cpus / 4))
    decoders = cluster.decoders or max(1, int(cpus - encoders * occupied))
    return _Pools(decoders, encoders, max(1, cluster.writers), occupied, share)


@contextmanager
def connected(cluster: Cluster, library: Library) -> Iterator[None]:
    """A connection to the cluster, or a small one of this machine's own; one that is open already is used."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray", "ray") from error
    mine = not ray.is_initialized()
    if mine:
        try:
            _knock(cluster.address)
            ray.init(
                address=cluster.address,
                log_to_driver=False,
                logging_level="ERROR",
                **({} if cluster.address else {"num_cpus": cluster.cpus, "include_dashboard": False}),
            )
        except Exception as error:  # Ray raises bare exceptions too
            raise ClusterUnavailableError(
                f"no Ray cluster at {cluster.address or 'this machine'}: {_first_line(error)}; start one with"
                " `ray start --head`, and name it by --address"
            ) from error
    try:
        machines = sum(bool(node["Alive"]) for node in ray.nodes())
        if machines > 1 and library.settings.database_url is None:
            raise UsageError(
                f"the cluster has {machines} machines, and a catalog in a file serves one: set"
                " VASARI_DATABASE_URL to a PostgreSQL database"
            )
        yield
    finally:
        if mine:
            ray.shutdown()


def _knock(address: str | None) -> None:
    """Raise OSError where nothing listens at HOST:PORT: Ray itself tries for ten minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _REACHED_WITHIN).close()


@contextmanager
def _marked(library: Library, token: int) -> Iterator[None]:
    path = stages.write_mark(library.root, token)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _cause(error: BaseException) -> VasariError:
    """The error for people among the causes of Ray's own."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, VasariError):
            # Ray makes classes of its own that inherit from both; callers look at ours.
            found = getattr(seen, "cause", seen)
            return found if isinstance(found, VasariError) else seen
        cause = getattr(seen, "cause", None)
        seen = cause if isinstance(cause, BaseException) else seen.__cause__
    return VasariError(
        f"the cluster gave up: {_first_line(error)}; indexing again goes on from the last commit"
    )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
