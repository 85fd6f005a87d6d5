"""Choice of an index and its parameters: by the number of rows and a memory budget, then by measured recall.

Recall is measured with texts, since texts are what people search pictures with: their vectors lie in a cone of their
own, apart from the pictures', and an index that is tuned with pictures as queries promises too much. (Published: a
recall@20 of 0.1 for text queries on indexes built by default, autofaiss issue 142.)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.vectors.exact import Rows, scan
from vasari.retrieval.vectors.faiss_index import FaissIndex
from vasari.retrieval.vectors.faiss_kinds import LISTED, lists_for
from vasari.retrieval.vectors.index import NO_ID, HalfRows, Ids, IndexKind, RecallPoint
from vasari.retrieval.vectors.rescoring import RECALL_AT, Fetch, candidates_for, gathered, rescored
from vasari.retrieval.vectors.segments import Segment
from vasari.retrieval.vectors.shards import ADDED_AT_ONCE, add_rows

_EXACT_UP_TO = 150_000  # rows of 512 numbers that one core scans in 50 to 80 ms
# Rows scored again for each answer.
_DEPTHS = (4, 6, 8, 12, 16, 24, 32, 64, 128)
_LEAST_SHARE = 128  # one list in so many is looked at in any case: with fewer, recall of texts is below 0.8
_NEARLY = 1.1  # timing noise: times that differ by less are the same
_SAMPLE_QUERIES = 100
_TRAINING_ROWS_PER_LIST = 40
_DISTURBANCE = 0.5  # length of the noise added to a row (of length 1) that plays a query
_SEED = 1234


@dataclass(frozen=True, slots=True)
class Tuned:
    """How recall was measured, and what came out, in the order of rising effort."""

    curve: tuple[RecallPoint, ...]
    queries: str
    chosen: RecallPoint | None = None  # None: nothing is approximate
    considered: tuple[str, ...] = ()  # kinds that were built and given up, and why
    recall_at: int = RECALL_AT


def choose_kind(rows: int) -> IndexKind:
    """The kind that is tried first for this many rows where none is asked for."""
    return IndexKind.EXACT if rows <= _EXACT_UP_TO else IndexKind.RABITQ


def bytes_needed(kind: IndexKind, rows: int, dim: int) -> int:
    """Memory of an index of this kind in this process; rows that are scored again are mapped files and do not count."""
    each = {
        IndexKind.FLAT: 2 * dim + 8,
        IndexKind.IVF: 2 * dim + 8,
        IndexKind.HNSW: 2 * dim + 8 + 4 * 2 * 32 + 8,  # links of the lowest layer, ids
        IndexKind.RABITQ: dim // 4 + 20 + 8,  # five numbers of float32 beside the bits, ids
    }.get(kind, 0)
    centroids = 4 * dim * lists_for(kind, rows) if kind in LISTED else 0
    return rows * each + centroids


def build(
    segments: Sequence[Segment],
    live: Sequence[NDArray[np.int64]],
    *,
    kind: IndexKind | None,
    parameters: Mapping[str, int],
    target_recall: float,
    queries: UnitVectors | None,
    threads: int | None,
    memory: int | None = None,
    described: str | None = None,
    fill: Callable[[FaissIndex], None] | None = None,
) -> tuple[FaissIndex, Tuned]:
    """Fill an index with the `live` rows of each segment and choose its effort: the fastest that reaches the target.

    `memory` (bytes) leaves out kinds that need more; where a kind misses the target, the next one is built, and the
    best of them is kept. `fill` adds all live rows to a trained, empty index of a mergeable kind in a way of
    its own.
    """
    parts = [Rows(segment.ids, segment.vectors, rows) for segment, rows in zip(segments, live, strict=True)]
    if queries is None or not len(queries):
        queries = disturbed_rows(parts, _SAMPLE_QUERIES)
        described = f"{len(queries)} rows with noise of length {_DISTURBANCE}"
    described = described or f"{len(queries)} given queries"
    tried: list[tuple[FaissIndex, list[RecallPoint], RecallPoint | None]] = []
    for candidate in [kind] if kind else _candidates(parts, memory):
        index = _trained(parts, candidate, parameters, threads)
        if index.kind is IndexKind.HNSW:
            _link_rows(index, parts)
        elif fill is None:
            add_rows(index, parts)
        else:
            fill(index)
        safe = safe_recall(target_recall, len(queries))
        curve = measure(index, parts, queries, safe)
        point = cheapest(curve, safe)
        tried.append((index, curve, point))
        if point is None or point.recall >= target_recall:
            break
    index, curve, point = max(tried, key=lambda each: each[2].recall if each[2] else 1.0)
    if point is not None:
        index.set_effort(point.effort)
    given_up = tuple(
        f"{other.kind}: recall {best.recall:.3f} at most"
        for other, _, best in tried
        if other is not index and best is not None
    )
    return index, Tuned(tuple(curve), described, point, given_up)


def _link_rows(index: FaissIndex, parts: Sequence[Rows]) -> None:
    """Add all rows to a graph in random order.

    It links a row with rows that are there already: added as folders have them, alike ones together, they are linked
    among themselves, and a walk does not come from one kind to the other.
    """
    ids = np.concatenate([part.block(0, len(part))[0] for part in parts])
    np.random.default_rng(0).shuffle(ids)
    fetch = fetching(parts)
    for start in range(0, len(ids), ADDED_AT_ONCE):
        some = ids[start : start + ADDED_AT_ONCE]
        index.add(some, UnitVectors(fetch(some).astype(np.float32)))


def measure(
    index: FaissIndex, parts: Sequence[Rows], queries: UnitVectors, target: float = 1.0
) -> list[RecallPoint]:
    """Recall@10 and time per query for rising efforts; no points for an exact index.

    Ends where nothing is missed, more effort finds nothing more, or with twice the effort that reached the `target`
    first: then fewer rows scored again are as good, and what comes after is slower.
    """
    rows = len(index)
    if index.kind is IndexKind.FLAT or not rows or not len(queries):
        return []
    truth, _ = scan(parts, queries, RECALL_AT)
    fetch = fetching(parts)
    curve: list[RecallPoint] = []
    best = 0.0
    enough = math.inf
    for effort in _efforts(index):
        points = _points(index, effort, queries, truth, fetch)
        curve.extend(points)
        reached = max(point.recall for point in points)
        if reached >= target:
            enough = min(enough, 2 * effort)
        no_more = index.estimates and best > 0.9 and reached < best + 0.001
        if reached >= 0.999 or no_more or effort >= enough:
            break
        best = max(best, reached)
    return curve


def fetching(parts: Sequence[Rows]) -> Fetch:
    """What reads the stored rows of ids; an id that is not in `parts` raises IndexError or gives another row."""
    ids = np.concatenate([part.block(0, len(part))[0] for part in parts])
    order = np.argsort(ids, kind="stable")
    known = ids[order]
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def fetch(wanted: Ids) -> HalfRows:
        return gathered(parts, starts, order[np.searchsorted(known, wanted)])

    return fetch


def _points(
    index: FaissIndex, effort: int, queries: UnitVectors, truth: Ids, fetch: Fetch
) -> list[RecallPoint]:
    """One point for an index with exact scores; else one for each depth, until more depth finds nothing more."""
    if not index.estimates:
        started = time.process_time()
        found, _ = index.search(queries, RECALL_AT, effort=effort)
        return [RecallPoint(effort, recall(found, truth), _milliseconds(started, queries))]
    points: list[RecallPoint] = []
    for depth in _DEPTHS:
        started = time.process_time()
        found, _ = index.search(queries, candidates_for(RECALL_AT, depth), effort=effort, least=RECALL_AT)
        found, _ = rescored(found, queries, RECALL_AT, fetch)
        point = RecallPoint(effort, recall(found, truth), _milliseconds(started, queries), depth)
        points.append(point)
        if len(points) > 1 and point.recall < points[-2].recall + 0.001:
            break
    return points


def _milliseconds(started: float, queries: UnitVectors) -> float:
    """Processor time of a query: what else the machine does hardly changes it."""
    return 1e3 * (time.process_time() - started) / len(queries)


def cheapest(curve: Sequence[RecallPoint], target: float) -> RecallPoint | None:
    """The point of least effort that reaches the target (with depths: the fastest), else the one of best recall.

    Among points within the timing noise of the fastest, it is the one of best recall.
    """
    good = [point for point in curve if point.recall >= target]
    if not good or not good[0].depth:
        return good[0] if good else max(curve, key=lambda point: point.recall, default=None)
    nearly = _NEARLY * min(point.milliseconds for point in good)
    return max((point for point in good if point.milliseconds <= nearly), key=lambda point: point.recall)


def _candidates(parts: Sequence[Rows], memory: int | None) -> Iterator[IndexKind]:
    """Kinds in the order of what they cost to build, as far as they fit; none of them: the smallest."""
    rows, dim = sum(len(part) for part in parts), parts[0].vectors.shape[1]
    first = choose_kind(rows)
    kinds = [first] if first is IndexKind.EXACT else [first, IndexKind.IVF, IndexKind.HNSW]
    fitting = [kind for kind in kinds if memory is None or bytes_needed(kind, rows, dim) <= memory]
    yield from fitting or kinds[:1]


def safe_recall(target: float, queries: int) -> float:
    """The target plus two standard errors: what this sample of queries must reach for others to reach it.

    Of a share of their answers, as if each was found or missed by itself; at most half of what is missing to 1.
    """
    error = math.sqrt(target * (1 - target) / max(queries * RECALL_AT, 1))
    return target + min(2 * error, (1 - target) / 2)


def recall(found: Ids, truth: Ids) -> float:
    """The share of `truth`'s ids (n, k) that are in the same row of `found`; 1 where there is nothing to find."""
    wanted = truth != NO_ID
    hits = (truth[:, :, None] == found[:, None, :]).any(axis=2) & wanted
    return float(hits.sum() / wanted.sum()) if wanted.any() else 1.0


def disturbed_rows(parts: Sequence[Rows], count: int) -> UnitVectors:
    """Synthetic queries: up to `count` rows moved by noise, near the rows but never equal to one."""
    sample = _sample(parts, count)
    noise = np.random.default_rng(_SEED).standard_normal(sample.shape, dtype=np.float32)
    return unit_vectors(sample + _DISTURBANCE / np.sqrt(sample.shape[1]) * noise)


def _trained(
    parts: Sequence[Rows], kind: IndexKind, parameters: Mapping[str, int], threads: int | None
) -> FaissIndex:
    rows = sum(len(part) for part in parts)
    # A generation that is asked for although a scan would do is a flat one.
    kind = IndexKind.FLAT if kind is IndexKind.EXACT else kind
    index = FaissIndex(kind, parts[0].vectors.shape[1], parameters, threads=threads)
    if kind in LISTED and rows:
        lists = parameters.get("lists") or lists_for(kind, rows)
        index.train(_sample(parts, _TRAINING_ROWS_PER_LIST * lists), rows)
    return index


def _efforts(index: FaissIndex) -> list[int]:
    if index.kind is IndexKind.HNSW:
        return [16, 32, 64, 128, 256, 512, 1024]
    powers = [2**power for power in range(index.lists.bit_length())]
    steps = {*powers, *(3 * power // 2 for power in powers), index.lists}
    return sorted(step for step in steps if index.lists // _LEAST_SHARE <= step <= index.lists)


def _sample(parts: Sequence[Rows], count: int) -> UnitVectors:
    """At most `count` rows, spread evenly over all parts, as float32."""
    rows = sum(len(part) for part in parts)
    picked = np.unique(np.linspace(0, max(rows - 1, 0), min(rows, count)).astype(np.int64))
    found = []
    start = 0
    for part in parts:
        mine = picked[(picked >= start) & (picked < start + len(part))] - start
        numbers = mine if part.picked is None else part.picked[mine]
        found.append(part.vectors[numbers].astype(np.float32))
        start += len(part)
    return UnitVectors(np.concatenate(found))
