"""A library whose encoders write down what they embed, and one of them dies on the way: for workers of a cluster.

Run as a program it indexes on a small cluster of this machine, twice, and prints the reports as JSON:

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

from indexer.engines.local import IndexOptions
from indexer.engines.ray import Cluster, ClusterUnavailableError, connected, index
from indexer.sources.choice import choose_source
from retrieval.domain import EmbeddingSpace, UnitVectors
from retrieval.library import Library
from retrieval.models.ports import DualEncoder
from tests.grey import GreyEncoder, write_picture

BATCH = 4
OPTIONS = IndexOptions(batch_size=BATCH, commit_every=12)
CLUSTER = Cluster(cpus=3, encoders=2, decoders=1)


class MortalEncoder(GreyEncoder):
    """Adds a line (process, pictures) to the diary for each batch; the one that finds the poison drinks it."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self._diary, self._poison = folder / "diary", folder / "poison"

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        with self._diary.open("a") as diary:
            diary.write(f"{os.getpid()} {len(batch)}\n")
        if self._poison.exists() and len(self._diary.read_text().splitlines()) > 3:
            self._poison.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_images(batch)


class MortalLibrary(Library):
    """A library of grey vectors."""

    _encoder: MortalEncoder | None = None

    def use_model(self, reference: str) -> EmbeddingSpace:
        space = self.catalog.ensure_space(GreyEncoder("grey").space)
        if self.catalog.default_space() is None:
            self.catalog.set_default_space(space.name)
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
    """Index the shards and the folder, change the folder, and index again; 75 where Ray cannot start."""
    root, photos, *more = arguments
    paths = [*more, photos]
    # Three logical processors, whatever this machine has; the first of two jobs starts the cluster for both.
    with MortalLibrary.open(root, create=True) as library:
        try:
            with connected(CLUSTER, library):
                first = index(library, choose_source(paths)[0], OPTIONS, cluster=CLUSTER)
                change(Path(photos))
                second = index(library, choose_source(paths)[0], OPTIONS, cluster=CLUSTER)
        except ClusterUnavailableError as error:
            print(error, file=sys.stderr)
            return 75
    print(json.dumps([first.as_json(), second.as_json()]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
