"""Which index, and how thorough: decided by the number of rows, then by measuring recall against the exact scan."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import UnitVectors, unit_vectors
from retrieval.vectors.exact import Rows, scan
from retrieval.vectors.faiss_index import FaissIndex
from retrieval.vectors.index import NO_ID, Ids, IndexKind, RecallPoint
from retrieval.vectors.segments import Segment

RECALL_AT = 10
_SAMPLE_QUERIES = 100
_ADDED_AT_ONCE = 16_384  # rows held as float32 while an index is filled
_TRAINING_ROWS_PER_LIST = 64
_DISTURBANCE = 0.5  # length of the noise added to a row (of length 1) that plays a query
_SEED = 1234


@dataclass(frozen=True, slots=True)
class Tuned:
    """How recall was measured, and what came out, in the order of rising effort."""

    curve: tuple[RecallPoint, ...]
    queries: str
    recall_at: int = RECALL_AT


def choose_kind(rows: int) -> IndexKind:
    """The kind for this many rows where none is asked for.

    The exact scan answers 100,000 × 512 in about 50 ms on one core, so an index pays above that.
    """
    if rows <= 150_000:
        return IndexKind.EXACT
    return IndexKind.HNSW if rows <= 2_000_000 else IndexKind.IVF


def build(
    segments: Sequence[Segment],
    live: Sequence[NDArray[np.int64]],
    *,
    kind: IndexKind | None,
    parameters: Mapping[str, int],
    target_recall: float,
    queries: UnitVectors | None,
    threads: int | None,
) -> tuple[FaissIndex, Tuned]:
    """Fill an index with the `live` rows of each segment and choose its effort: the least that reaches the target."""
    parts = [Rows(segment.ids, segment.vectors, rows) for segment, rows in zip(segments, live, strict=True)]
    index = _filled(parts, kind, parameters, threads)
    described = f"{0 if queries is None else len(queries)} given queries"
    if queries is None:
        queries = disturbed_rows(parts, _SAMPLE_QUERIES)
        described = f"{len(queries)} rows with noise of length {_DISTURBANCE}"
    curve = measure(index, parts, queries)
    if curve:
        good = [point for point in curve if point.recall >= target_recall] or curve[-1:]
        index.set_effort(good[0].effort)
    return index, Tuned(tuple(curve), described)


def measure(index: FaissIndex, parts: Sequence[Rows], queries: UnitVectors) -> list[RecallPoint]:
    """Recall@10 and time per query for rising efforts, until nothing is missed; no points for an exact index."""
    rows = len(index)
    if index.kind is IndexKind.FLAT or not rows or not len(queries):
        return []
    truth, _ = scan(parts, queries, RECALL_AT)
    curve: list[RecallPoint] = []
    for effort in _efforts(index):
        started = time.perf_counter()
        found, _ = index.search(queries, RECALL_AT, effort=effort)
        elapsed = time.perf_counter() - started
        curve.append(RecallPoint(effort, recall(found, truth), 1e3 * elapsed / len(queries)))
        if curve[-1].recall >= 0.999:
            break
    return curve


def recall(found: Ids, truth: Ids) -> float:
    """The share of `truth`'s ids (n, k) that are in the same row of `found`; 1 where there is nothing to find."""
    wanted = truth != NO_ID
    hits = (truth[:, :, None] == found[:, None, :]).any(axis=2) & wanted
    return float(hits.sum() / wanted.sum()) if wanted.any() else 1.0


def disturbed_rows(parts: Sequence[Rows], count: int) -> UnitVectors:
    """Up to `count` rows moved by noise: queries near the rows, but never equal to one."""
    sample = _sample(parts, count)
    noise = np.random.default_rng(_SEED).standard_normal(sample.shape, dtype=np.float32)
    return unit_vectors(sample + _DISTURBANCE / np.sqrt(sample.shape[1]) * noise)


def _filled(
    parts: Sequence[Rows], kind: IndexKind | None, parameters: Mapping[str, int], threads: int | None
) -> FaissIndex:
    rows = sum(len(part) for part in parts)
    if kind is None:
        kind = choose_kind(rows)
    # A generation that is asked for although a scan would do is a flat one.
    kind = IndexKind.FLAT if kind is IndexKind.EXACT else kind
    index = FaissIndex(kind, parts[0].vectors.shape[1], parameters, threads=threads)
    if kind is IndexKind.IVF and rows:
        lists = parameters.get("lists") or int(4 * np.sqrt(rows))
        index.train(_sample(parts, _TRAINING_ROWS_PER_LIST * lists), rows)
    for part in parts:
        for start in range(0, len(part), _ADDED_AT_ONCE):
            ids, halves = part.block(start, start + _ADDED_AT_ONCE)
            index.add(ids, UnitVectors(halves.astype(np.float32)))
    return index


def _efforts(index: FaissIndex) -> list[int]:
    if index.kind is IndexKind.HNSW:
        return [16, 32, 64, 128, 256, 512, 1024]
    return [2**power for power in range(index.lists.bit_length())]


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
