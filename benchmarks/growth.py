"""What a picture costs to add, and a query to answer, as a library grows; and both at once.

    python -m benchmarks.growth [--rows 10000 100000 1000000] [--queries 50] [--quick]

Adding is everything but the encoder: the segment's files, the catalog's rows, the commit; merging small segments, which
follows a job, is measured for itself. A query is a whole text query
in a running process: the text tower, the vectors, the catalog's words about the hits. At each size it is measured on an
index with a tenth of the rows newer than it, which are scanned. Then one thread searches while another adds pictures,
deletes some and builds a new index: no search may fail, and none may find what was deleted before it began.

Vectors are those of `clip_like`. The last line is JSON; `add` is the cost of a picture at the largest size / at the
smallest.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np

from benchmarks.cache import random_model
from benchmarks.clip_like import ClipLike
from benchmarks.filled_library import add, uris
from benchmarks.measuring import finish
from vasari.indexer.build import publish
from vasari.retrieval.domain import EmbeddingSpace, Modality, SearchRequest, UnitVectors
from vasari.retrieval.library.compaction import compact_if_due
from vasari.retrieval.library.library import Library
from vasari.retrieval.search.query import parse_query
from vasari.retrieval.settings import Settings
from vasari.retrieval.vectors.index import IndexKind

_COMMIT = 1000  # what ten seconds of encoding bring on a fast CPU
_TIMED = 5  # commits at the end of each size that are timed
_WORDS = (
    "a red boat",
    "two dogs in the snow",
    "an old lighthouse at dusk",
    "people at a market",
    "a bowl of fruit",
)


class Growing:
    """A library that is filled step by step with generated pictures."""

    def __init__(self, library: Library, most: int) -> None:
        self.library = library
        self.space: EmbeddingSpace = library.space()
        self._names = uris(most + 100_000, Path("/photos"))
        self._blocks = self._batches(ClipLike(self.space.dim).pictures(most + 100_000))
        self.rows = 0

    @staticmethod
    def _batches(blocks: Iterator[UnitVectors]) -> Iterator[UnitVectors]:
        for block in blocks:
            for start in range(0, len(block) - _COMMIT + 1, _COMMIT):
                yield UnitVectors(block[start : start + _COMMIT])

    def commit(self) -> list[int]:
        """Add the next pictures as one commit; their ids."""
        vectors = next(self._blocks)
        ids = add(self.library, self.space, vectors, [next(self._names) for _ in vectors])
        self.rows += len(vectors)
        return ids

    def grow(self, rows: int) -> dict[str, float]:
        """Add pictures until there are `rows`; milliseconds a picture of the last commits, and of merging segments."""
        wall, cpu, before = [], [], self.rows
        while self.rows < rows:
            started, spent = perf_counter(), process_time()
            count = len(self.commit())
            wall.append(1e3 * (perf_counter() - started) / count)
            cpu.append(1e3 * (process_time() - spent) / count)
        spent = process_time()
        folder = self.library.segments_directory(self.space, Modality.IMAGE)
        with self.library.catalog.lease.acquire("benchmark"):
            compact_if_due(self.library.catalog, folder, self.space, Modality.IMAGE)
        merging = 1e3 * (process_time() - spent) / max(self.rows - before, 1)
        return {
            "add_ms": median(wall[-_TIMED:]),
            "add_cpu_ms": median(cpu[-_TIMED:]),
            "merge_cpu_ms": merging,
        }


def query(library: Library, words: str) -> list[int]:
    """Ids of the ten best pictures for a text."""
    return [hit.item.id for hit in library.search(SearchRequest(parse_query(words), limit=10)).hits]


def query_cost(library: Library, queries: int) -> dict[str, float]:
    """Milliseconds of a text query, median: wall and processor."""
    for words in _WORDS:
        query(library, words)
    wall, cpu = [], []
    for number in range(queries):
        started, spent = perf_counter(), process_time()
        query(library, _WORDS[number % len(_WORDS)])
        wall.append(1e3 * (perf_counter() - started))
        cpu.append(1e3 * (process_time() - spent))
    return {"ms": median(wall), "cpu_ms": median(cpu)}


def at_size(growing: Growing, rows: int, queries: int) -> dict[str, Any]:
    """Grow to `rows` and measure: adding, the exact scan, an index with a tenth of the rows beside it."""
    library, space = growing.library, growing.space
    most = growing.grow(int(0.9 * rows))
    started = perf_counter()
    with library.catalog.lease.acquire("benchmark"):
        manifest = publish(library, space, Modality.IMAGE, kind=IndexKind.RABITQ)
    found: dict[str, Any] = {"build_seconds": perf_counter() - started}
    found |= growing.grow(rows) | {"merge_cpu_ms": most["merge_cpu_ms"]}
    found["indexed"] = query_cost(library, queries) | {
        "fresh_rows": library.gallery(Modality.IMAGE).fresh_rows
    }
    found["recall"] = manifest.recall if manifest else 1.0
    return found


def while_searching(growing: Growing, commits: int) -> dict[str, float]:
    """Search without a pause while pictures are added and deleted and a new index is built."""
    library, done = growing.library, threading.Event()
    deleted: set[int] = set()
    times: list[float] = []
    wrong: list[str] = []

    def keep_searching() -> None:
        number = 0
        while not done.is_set():
            gone, started = frozenset(deleted), perf_counter()
            try:
                if gone & set(query(library, _WORDS[number % len(_WORDS)])):
                    wrong.append("a deleted picture came back")
            except Exception as error:
                wrong.append(repr(error))
            times.append(1e3 * (perf_counter() - started))
            number += 1

    searching = threading.Thread(target=keep_searching)
    searching.start()
    try:
        with library.catalog.lease.acquire("benchmark"):
            for _ in range(commits):
                growing.commit()
                found = [hit for words in _WORDS for hit in query(library, words)]
                library.catalog.items.delete(found)
                deleted.update(found)
            publish(library, growing.space, Modality.IMAGE, kind=IndexKind.RABITQ)
    finally:
        done.set()
        searching.join()
    if wrong:
        raise SystemExit(f"{len(wrong)} of {len(times)} searches went wrong: {wrong[0]}")
    return {
        "searches": len(times),
        "deleted": len(deleted),
        "median_ms": round(median(times), 2),
        "p95_ms": round(float(np.percentile(times, 95)), 2),
        "worst_ms": round(max(times), 2),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--quick", action="store_true", help="10,000 and 20,000 rows")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rows, options.queries = [10_000, 20_000], 10
    sizes: dict[str, Any] = {}
    settings = Settings(threads=1)
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name) / "library"
        with Library.open(folder, settings, create=True) as library:
            library.use_model(str(random_model()))
        # Without torch, as a running service is.
        library = stack.enter_context(Library.open(folder, settings))
        growing = Growing(library, max(options.rows))
        print(
            f"{'rows':>10} {'add ms':>8} {'(cpu)':>8} {'merge':>8} {'build s':>9} {'query ms':>9} {'(cpu)':>8}"
            f" {'recall':>7}"
        )
        for rows in sorted(options.rows):
            found = sizes[str(rows)] = at_size(growing, rows, options.queries)
            asked = found["indexed"]
            print(
                f"{rows:>10,} {found['add_ms']:>8.3f} {found['add_cpu_ms']:>8.3f} {found['merge_cpu_ms']:>8.3f}"
                f" {found['build_seconds']:>9.1f} {asked['ms']:>9.2f} {asked['cpu_ms']:>8.2f} {found['recall']:>7.3f}",
                flush=True,
            )
        beside = while_searching(growing, 3)
    print(f"while adding, deleting and building: {beside}")
    fewest, most = (str(pick(options.rows)) for pick in (min, max))
    costs = {key: round(sizes[most][key] / sizes[fewest][key], 3) for key in ("add_ms", "add_cpu_ms")}
    finish("growth", add=costs["add_ms"], add_cpu=costs["add_cpu_ms"], sizes=sizes, while_searching=beside)


if __name__ == "__main__":
    main()
