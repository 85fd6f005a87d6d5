"""A library whose encoders write down what they embed, and one of them dies on the way: for workers of a cluster.

Run as a program it fills a library, changes the folder, and goes on with a small cluster of this machine: indexing
folder and shards, then building an index, for which a worker dies too. It prints the reports as JSON:

    python -m tests.mortal LIBRARY PHOTOS SHARDS…
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.grey import GreyEncoder, GreyLibrary, write_picture
from vasari.indexer import job
from vasari.indexer.build import rebuild
from vasari.indexer.cluster.connection import Cluster, ClusterUnavailableError, connected
from vasari.indexer.cluster.job import index
from vasari.indexer.cluster.shards import cluster_spread
from vasari.indexer.job import IndexOptions
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.domain import EmbeddingSpace, UnitVectors
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import DualEncoder
from vasari.retrieval.vectors.shards import Shard, fill_shard

BATCH = 4
OPTIONS = IndexOptions(batch_size=BATCH, commit_every=12)
# Two processors and one GPU that Ray only counts, whatever this machine has; two encoders share the GPU.
CLUSTER = Cluster(cpus=2, devices=1, decoders=1, gpus=0.5)


class MortalEncoder(GreyEncoder):
    """Adds a line (process, pictures, share of a GPU) to the diary for each batch; who finds the poison drinks it."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self._diary, self._poison = folder / "diary", folder / "poison"

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        with self._diary.open("a") as diary:
            diary.write(f"{os.getpid()} {len(batch)} {_share_of_gpu()}\n")
        if self._poison.exists() and len(self._diary.read_text().splitlines()) > 3:
            self._poison.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_images(batch)


def mortal_fill(shard: Shard, threads: int) -> None:
    """Fill a shard; the first worker that comes dies before it has saved anything."""
    poison = shard.build / "poison"
    if shard.number == 0 and not poison.exists():
        poison.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    fill_shard(shard, threads)


def _share_of_gpu() -> float:
    """What Ray set aside for this worker."""
    import ray

    share: float = ray.get_runtime_context().get_assigned_resources().get("GPU", 0.0)
    return share


class MortalLibrary(Library):
    """A library of grey vectors."""

    _encoder: MortalEncoder | None = None

    def use_model(self, reference: str) -> EmbeddingSpace:
        space = self.catalog.spaces.ensure(GreyEncoder("grey").space)
        if self.catalog.spaces.default() is None:
            self.catalog.spaces.set_default(space.name)
        return space

    def encoder(self, space: EmbeddingSpace | None = None) -> DualEncoder:
        if self._encoder is None:
            self._encoder = MortalEncoder("grey", self.root)
        return self._encoder


def change(photos: Path) -> None:
    """What people do to folders: rename, copy, touch, edit, delete."""
    pictures = sorted(photos.glob("*.png"))
    pictures[0].rename(photos / "moved.png")
    (photos / "copy.png").write_bytes((photos / "moved.png").read_bytes())
    pictures[1].touch()
    write_picture(pictures[2], 12_345)
    pictures[3].unlink()


def main(arguments: Sequence[str]) -> int:
    """See above; 75 where Ray cannot start."""
    import ray.data  # noqa: F401 (compiled here, before Ray starts half a dozen processes that import it at once)

    root, photos, *more = arguments
    source = choose_source([*more, photos])[0]
    with GreyLibrary.open(root, create=True) as library:
        library.use_model("grey")
        job.index(library, choose_source([photos])[0])
    change(Path(photos))
    (Path(photos) / "broken.png").write_bytes(b"no picture")
    with MortalLibrary.open(root) as library:
        try:
            with connected(CLUSTER):
                report = index(library, source, OPTIONS, cluster=CLUSTER)
                with cluster_spread(CLUSTER, shards=2, fill=mortal_fill) as spread:
                    [built] = rebuild(library, kind="ivf", spread=spread)
        except ClusterUnavailableError as error:
            print(error, file=sys.stderr)
            return 75
    print(json.dumps([report.as_json(), built.as_json()]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
