"""Lose a node of a cluster in the middle of an indexing job, and see that the library is that of a quiet run.

    python -m tests.faults.lost_node            # minutes; needs Ray

Three nodes of Ray run on this machine: the first has the process that plans, the other two an encoder each. When both
have begun, the one that encoded last is killed with everything on it: its encoder, decoders, and blocks on their way.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests import forms
from tests.faults.kill import differences
from tests.grey import GreyEncoder, GreyLibrary
from vasari.indexer import job
from vasari.indexer.cluster.connection import ENVIRONMENT, Cluster
from vasari.indexer.cluster.job import index
from vasari.indexer.doctor import examine
from vasari.indexer.job import IndexOptions
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.domain import EmbeddingSpace, UnitVectors
from vasari.retrieval.models.ports import DualEncoder

BATCH = 8
SECONDS = 0.05  # a picture takes to encode


class WitnessEncoder(GreyEncoder):
    """Adds a line (node, pictures) to the diary for each batch, and takes its time."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name, SECONDS)
        self._diary = folder / "diary"

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        import ray

        with self._diary.open("a") as diary:
            diary.write(f"{ray.get_runtime_context().get_node_id()} {len(batch)}\n")
        return super().embed_images(batch)


class WitnessLibrary(GreyLibrary):
    """A library of grey vectors whose encoders tell where they work."""

    _witness: WitnessEncoder | None = None

    def encoder(self, space: EmbeddingSpace | None = None) -> DualEncoder:
        if self._witness is None:
            self._witness = WitnessEncoder(self.space().name, self.root)
        return self._witness


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    added: int
    nodes: int  # that encoded
    by_the_lost: int  # pictures that the lost node had begun
    twice: int  # pictures that were encoded again
    differences: tuple[str, ...]
    findings: tuple[str, ...]
    seconds: float


@contextmanager
def three_nodes() -> Iterator[Any]:
    """A cluster with two nodes that have a GPU each, which Ray only counts; this process is connected."""
    os.environ.update(ENVIRONMENT)
    import ray
    from ray.cluster_utils import Cluster as LocalCluster

    cluster = LocalCluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, num_gpus=1)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def lose_one(cluster: Any, diary: Path, over: threading.Event, lost: list[str]) -> None:
    """Kill the node that encoded last, as soon as two have."""
    while not over.is_set():
        nodes = [line.split()[0] for line in diary.read_text().splitlines()] if diary.exists() else []
        if len(set(nodes)) == 2:
            lost.append(nodes[-1])
            victim = next(node for node in cluster.list_all_nodes() if node.node_id == nodes[-1])
            cluster.remove_node(victim, allow_graceful=False)
            return
        sleep(0.05)


def disturbed(root: Path, photos: Path, lost: list[str]) -> IndexReport:
    """The report of a job that loses a node."""
    over = threading.Event()
    with three_nodes() as cluster, WitnessLibrary.open(root, create=True) as library:
        library.use_model("grey")
        killer = threading.Thread(target=lose_one, args=(cluster, root / "diary", over, lost))
        killer.start()
        try:
            options = IndexOptions(batch_size=BATCH, commit_every=4 * BATCH)
            return index(library, choose_source([photos])[0], options, cluster=Cluster(gpus=1))
        finally:
            over.set()
            killer.join()


def run(folder: Path, count: int) -> Outcome:
    """Index `count` pictures with a node lost on the way, and again in quiet elsewhere."""
    photos, root = folder / "photos", folder / "library"
    forms.write_folder(photos, count)
    lost: list[str] = []
    started = perf_counter()
    report = disturbed(root, photos, lost)
    seconds = perf_counter() - started
    begun: Counter[str] = Counter()
    for line in (root / "diary").read_text().splitlines():
        node, pictures = line.split()
        begun[node] += int(pictures)
    with GreyLibrary.open(root) as library, GreyLibrary.open(folder / "quiet", create=True) as quiet:
        quiet.use_model("grey")
        job.index(quiet, choose_source([photos])[0])
        return Outcome(
            report.added,
            len(begun),
            sum(begun[node] for node in lost),
            begun.total() - count,
            tuple(differences(library, quiet)),
            tuple(map(str, examine(library))),
            round(seconds, 1),
        )


def main() -> None:
    """Run in a temporary folder, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pictures", type=int, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        outcome = run(Path(name), options.pictures)
    print(outcome)
    good = outcome.added == options.pictures and outcome.by_the_lost > 0
    sys.exit(0 if good and not outcome.differences and not outcome.findings else 1)


if __name__ == "__main__":
    main()
