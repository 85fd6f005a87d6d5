"""Recall and cost of filtered search, by how many rows the filter leaves.

    python -m benchmarks.filter_recall [--rows 100000] [--dim 512]

Fills a library with generated rows and vectors that lie as CLIP's do: topics of very different sizes in a space of
few dimensions, all of them inside a narrow cone. A filter keeps 0.01 % to 50 % of the rows, either by chance
(independent of the query), or those least like what is asked for (anti-correlated): the hard case for an index,
whose nearest rows are then all forbidden.

- Recall@10 against the exact scan of the matching rows, for each kind of index.
- Cost of a whole search (filter in SQL, not remembered from an earlier one; vectors; reading the hits) over that of the
  unfiltered one just before it, in the same run; for the index that a library of this size gets. By the clock, and in
  processor time, which other work on the machine does not change.

Prints a table, and ends with one line of JSON. Exits with 1 if recall is below 0.95 or cost above 3 anywhere.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import finish
from vasari.retrieval.catalog.records import GenerationRecord, NewItem, SegmentRecord
from vasari.retrieval.domain import (
    EmbeddingSpace,
    Modality,
    SearchRequest,
    Term,
    TermKind,
    UnitVectors,
    unit_vectors,
)
from vasari.retrieval.library.library import Library
from vasari.retrieval.vectors.gallery import Gallery
from vasari.retrieval.vectors.generation import build_generation
from vasari.retrieval.vectors.index import IndexKind
from vasari.retrieval.vectors.segments import write_segment
from vasari.retrieval.vectors.tuning import choose_kind, recall

SHARES = (0.0001, 0.001, 0.01, 0.1, 0.5)
# The column that holds each row's place in an order.
CASES = {"independent": "width", "anti-correlated": "height"}
QUERIES = 50
ROUNDS = 15
K = 10
_COMMIT = 5000
_INNER = 32  # dimensions in which topics differ


class Topics:
    """A source of vectors like CLIP's."""

    def __init__(self, dim: int, count: int = 300) -> None:
        self._random = np.random.default_rng(0)
        self._centres = self._random.standard_normal((count, _INNER))
        self._spread = self._random.standard_normal((_INNER, dim))
        self._cone = 4 * self._random.standard_normal(dim)
        self._sizes = self._random.dirichlet(np.full(count, 0.5))

    def draw(self, count: int, topic: int | None = None) -> UnitVectors:
        """Vectors (count, dim) of topics by their size, or of one topic."""
        parts = [self._part(min(_COMMIT, count - start), topic) for start in range(0, count, _COMMIT)]
        return UnitVectors(np.concatenate(parts))

    def _part(self, count: int, topic: int | None) -> UnitVectors:
        topics = self._random.choice(len(self._centres), count, p=self._sizes) if topic is None else topic
        inner = self._centres[topics] + 0.6 * self._random.standard_normal((count, _INNER))
        noise = 0.8 * self._random.standard_normal((count, len(self._cone)))
        return unit_vectors(inner @ self._spread + self._cone + noise)


def fill(library: Library, space: EmbeddingSpace, vectors: UnitVectors, asked: UnitVectors) -> None:
    """Commit a row for each vector: `width` is its place by chance, `height` from least to most like `asked`."""
    catalog, count = library.catalog, len(vectors)
    chance = np.random.default_rng(1).permutation(count)
    likeness = np.empty(count, np.int64)
    likeness[np.argsort(vectors @ asked.mean(axis=0))] = np.arange(count)
    catalog.spaces.ensure(space)
    for start in range(0, count, _COMMIT):
        part = vectors[start : start + _COMMIT]
        ids = catalog.items.reserve(len(part))
        number = catalog.segments.reserve(space.name, Modality.IMAGE)
        folder = library.segments_directory(space, Modality.IMAGE)
        checksum = write_segment(folder, number, np.array(ids, np.int64), part)
        rows = [
            _item(item, part[row], int(chance[start + row]), int(likeness[start + row]))
            for row, item in enumerate(ids)
        ]
        catalog.segments.commit(SegmentRecord(space.name, Modality.IMAGE, number, len(part), checksum), rows)


def _item(item: int, vector: NDArray[np.float32], width: int, height: int) -> NewItem:
    attributes = {
        "camera": "X100V",
        "taken": f"2024-05-{1 + item % 28:02}T12:00:00",
        "iso": 200,
        "f_number": 2.8,
    }
    uri = f"/photos/{item // 1000:04}/IMG_{item:08}.jpg"
    return NewItem(
        uri=uri,
        content_hash=f"{item:032x}",
        bytes=100_000 + item,
        mtime_ns=item,
        vector=vector,
        id=item,
        width=width,
        height=height,
        format="jpeg",
        attributes=attributes,
    )


def publish(library: Library, space: EmbeddingSpace, kind: IndexKind) -> None:
    """Build an index of this kind over all segments and make it the active one."""
    catalog = library.catalog
    segments = [segment.number for segment in catalog.segments.all(space.name, Modality.IMAGE)]
    number = catalog.segments.reserve_generation(space.name, Modality.IMAGE)
    manifest = build_generation(
        library.segments_directory(space, Modality.IMAGE),
        library.generations_directory(space, Modality.IMAGE),
        number,
        segments,
        (),
        kind=kind,
    )
    catalog.segments.publish_generation(
        GenerationRecord(space.name, Modality.IMAGE, number, segments[-1], kind.value, manifest.rows)
    )


def filter_for(case: str, share: float, rows: int) -> str:
    """The filter that keeps this share of the rows."""
    return f"{CASES[case]} < {max(1, round(share * rows))}"


def recalls(
    library: Library, gallery: Gallery, exact: Gallery, case: str, queries: UnitVectors
) -> dict[float, tuple[float, str]]:
    """Recall@10 and the strategy, by share."""
    found: dict[float, tuple[float, str]] = {}
    for share in SHARES:
        allowed = library.catalog.filters.matching(filter_for(case, share, len(exact)), Modality.IMAGE)
        truth = exact.search(queries, K, allowed)[0]
        answers = [gallery.search(UnitVectors(query[None]), K, allowed) for query in queries]
        ids: NDArray[np.int64] = np.concatenate([answer[0] for answer in answers])
        if ((ids >= 0).sum(axis=1) != min(K, len(allowed))).any():
            raise SystemExit(f"{case}, {share}: fewer than {K} results although more match")
        ways = {answer[2].split(" over ")[0] for answer in answers}
        found[share] = recall(ids, truth), " or ".join(sorted(ways))
    return found


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians of a whole search: milliseconds, and how many times an unfiltered search, by the clock and in work."""

    wall_ms: float
    processor_ms: float
    wall: float
    processor: float


def costs(library: Library, rows: int, items: Sequence[int]) -> dict[str, Cost]:
    """Cost by filter; "" is the search without one."""
    filters = ["", *(filter_for(case, share, rows) for case in CASES for share in SHARES)]
    taken: dict[str, list[tuple[float, float]]] = {text: [] for text in filters}
    bare: dict[str, list[tuple[float, float]]] = {text: [] for text in filters}  # just before each
    for round_, item in enumerate(items):
        for text in filters:
            # Spaces change nothing but the text, so that no earlier answer is remembered.
            written = text + " " * (round_ + 1) if text else None
            bare[text].append(_milliseconds(library, item, None))
            taken[text].append(_milliseconds(library, item, written))
    found = {}
    for text in filters:
        mine, unfiltered = np.array(taken[text][2:]), np.array(bare[text][2:])  # the first two warm up
        wall_ms, processor_ms = np.median(mine, axis=0)
        wall, processor = np.median(mine / unfiltered, axis=0)
        found[text] = Cost(*(round(float(value), 2) for value in (wall_ms, processor_ms, wall, processor)))
    return found


def _milliseconds(library: Library, item: int, written: str | None) -> tuple[float, float]:
    """What one search takes by the clock, and of the processor."""
    request = SearchRequest((Term(TermKind.ITEM, item=item),), filter=written, limit=K)
    clock, work = time.perf_counter(), time.process_time()
    library.search(request)
    return 1e3 * (time.perf_counter() - clock), 1e3 * (time.process_time() - work)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument(
        "--kinds", nargs="*", default=["ivf", "hnsw"], help="indexes to measure beside the default"
    )
    options = parser.parse_args()
    topics = Topics(options.dim)
    vectors = topics.draw(options.rows)
    queries = {"independent": topics.draw(QUERIES), "anti-correlated": topics.draw(QUERIES, topic=7)}
    space = EmbeddingSpace("generated", "generated", "none", "none", options.dim)
    report: dict[str, object] = {"rows": options.rows, "dim": options.dim, "k": K}
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder), create=True) as library:
        fill(library, space, vectors, queries["anti-correlated"])
        exact = library.gallery(Modality.IMAGE, space)
        taken = costs(library, options.rows, list(range(1, ROUNDS + 1)))
        bare = taken.pop("")
        print(
            f"unfiltered search, {choose_kind(options.rows)}: {bare.wall_ms:.1f} ms,"
            f" {bare.processor_ms:.1f} ms of processor time"
        )
        print(f"{'index':6} {'case':16} {'share':>8} {'recall@10':>9} {'cost':>6} {'work':>6}  strategy")
        measured: dict[str, dict[str, dict[str, float]]] = {}
        for kind in ("exact", *options.kinds):
            if kind != "exact":
                publish(library, space, IndexKind(kind))
            gallery = library.gallery(Modality.IMAGE, space)
            for case in CASES:
                for share, (found, way) in recalls(library, gallery, exact, case, queries[case]).items():
                    cost = taken[filter_for(case, share, options.rows)]
                    dear = f"{cost.wall:6.2f} {cost.processor:6.2f}" if kind == "exact" else " " * 13
                    print(f"{kind:6} {case:16} {share:8.2%} {found:9.3f} {dear}  {way}", flush=True)
                    measured.setdefault(kind, {}).setdefault(case, {})[str(share)] = round(found, 4)
    worst = min(
        value for cases in measured.values() for shares in cases.values() for value in shares.values()
    )
    dearest = max(cost.wall for cost in taken.values())
    report |= {"unfiltered": asdict(bare), "recall": measured, "worst_recall": worst}
    report |= {"cost": {text: asdict(cost) for text, cost in taken.items()}, "worst_cost": dearest}
    report["worst_work"] = max(cost.processor for cost in taken.values())
    finish("filter_recall", **report)
    sys.exit(0 if worst >= 0.95 and dearest <= 3 else 1)


if __name__ == "__main__":
    main()
