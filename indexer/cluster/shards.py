"""Build indexes on a cluster: tasks of Ray fill the shards that this process merges.

    with cluster_spread(Cluster(address="auto")) as spread:
        rebuild(library, spread=spread)

Training, measuring recall and publishing stay here. Shards go through the library's folder, which every machine sees;
one whose worker dies is filled by another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from vasari.indexer.cluster.connection import Cluster, cause_of, connected

if TYPE_CHECKING:
    from vasari.retrieval.vectors.shards import Shard, Spread  # imports FAISS

# A worker holds its part of the index and the centroids, and FAISS uses its CPUs side by side.
_CPUS_A_SHARD = 4


@contextmanager
def cluster_spread(
    cluster: Cluster, shards: int | None = None, *, fill: Callable[[Shard, int], None] | None = None
) -> Iterator[Spread]:
    """What has shards filled on the cluster: `shards` of them, by default one for every four CPUs.

    `fill` is what a worker does with a shard and its number of threads, by default `fill_shard`.
    """
    with connected(cluster):
        import ray

        from vasari.retrieval.vectors.shards import Spread, fill_shard

        cpus = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
        threads = max(1, min(_CPUS_A_SHARD, int(min(filter(None, cpus), default=1))))
        yield Spread(shards or max(1, int(sum(cpus) / threads)), partial(_fill, fill or fill_shard, threads))


def _fill(fill: Callable[[Shard, int], None], threads: int, shards: Sequence[Shard]) -> None:
    import ray

    task = ray.remote(num_cpus=threads)(fill)
    pending = [task.remote(shard, threads) for shard in shards]
    try:
        ray.get(pending)
    except BaseException as error:
        for result in pending:
            ray.cancel(result, force=True)
        if isinstance(error, ray.exceptions.RayError):
            raise cause_of(error) from error
        raise
