"""Searching many vectors by texts: our tuned index beside hnswlib, usearch and FAISS HNSW at the same recall.

    python -m benchmarks.large_index [--rows 1000000] [--peer hnswlib --peer usearch --peer faiss-hnsw] [--kind rabitq]

Vectors and queries are those of `clip_like`: pictures in clusters within a cone, texts in another. All systems get the
same rows; recall@10 is against the exact scan. Ours is a generation built and tuned as `vasari rebuild` does, with
other texts than those it is measured with, and searched through the gallery: what the index finds is scored again from
the memory-mapped segments. Everything is kept in the cache (`large-index/ROWS`), so a run goes on where it was
stopped. Peers run in an environment of their own. `memory` is what a process holds that is not in the page cache.

Also measured: at which number of rows the index begins to be faster than the exact scan. The last line is JSON; at 0.95
and 0.99, `speed_N` is ours / the best peer in queries a second on N threads, `memory` and `build` ours / theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cache import cache_folder
from benchmarks.clip_like import ClipLike
from benchmarks.measuring import finish
from benchmarks.peers.environments import environment
from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.vectors.exact import Rows, scan
from vasari.retrieval.vectors.gallery import Gallery, GallerySnapshot
from vasari.retrieval.vectors.index import IndexKind
from vasari.retrieval.vectors.segments import Segment, write_segment

PEERS = ("hnswlib", "usearch", "faiss-hnsw")
_PACKAGES = ("hnswlib==0.8.0", "usearch>=2.15", "faiss-cpu>=1.10", "numpy")
_SEGMENT = 65_536  # rows of a segment, as `vasari index` leaves them in a collection of this size
_AT_ONCE = 20_000
_TUNING = 200  # texts that the index is tuned with
TARGETS = (0.95, 0.99)
_CROSSING = (10_000, 20_000, 50_000, 100_000)  # rows at which scan and index are compared


def prepare(folder: Path, rows: int, dim: int, queries: int) -> None:
    """Write vectors, segments, queries and their true neighbours, unless they are there."""
    if (folder / "truth.npy").is_file():
        return
    source = ClipLike(dim)
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (rows, dim))
    start = 0
    for block in source.pictures(rows):
        # The truth is what is stored: rows rounded to float16, for the peers as well.
        vectors[start : start + len(block)] = block.astype(np.float16)
        start += len(block)
    shutil.rmtree(folder / "segments", ignore_errors=True)
    for number, first in enumerate(range(0, rows, _SEGMENT)):
        part = vectors[first : first + _SEGMENT]
        ids = np.arange(first, first + len(part), dtype=np.int64)
        write_segment(folder / "segments", number, ids, part)
    texts = source.texts(queries + _TUNING, rows)
    np.save(folder / "queries.npy", texts[:queries])
    np.save(folder / "tuning.npy", texts[queries:])
    np.save(folder / "truth.npy", _nearest(vectors, texts[:queries]))


def _nearest(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> NDArray[np.int64]:
    """The ten nearest rows of each query, best first, by comparing all."""
    ids = np.empty((len(queries), 0), np.int64)
    scores = np.empty((len(queries), 0), np.float32)
    for start in range(0, len(vectors), _AT_ONCE):
        block = queries @ vectors[start : start + _AT_ONCE].T
        numbers = np.broadcast_to(np.arange(start, start + block.shape[1]), block.shape)
        ids, scores = np.concatenate([ids, numbers], axis=1), np.concatenate([scores, block], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        ids, scores = np.take_along_axis(ids, best, axis=1), np.take_along_axis(scores, best, axis=1)
    return ids


def _segments(folder: Path) -> list[Segment]:
    count = len(list((folder / "segments").glob("*.ids.npy")))
    return [Segment.open(folder / "segments", number) for number in range(count)]


def _first(segments: Sequence[Segment], rows: int) -> Iterator[Segment]:
    """The first rows, as segments of which the last is cut short."""
    for segment in segments:
        if rows > 0:
            yield Segment(segment.number, segment.ids[:rows], segment.vectors[:rows])
        rows -= len(segment)


def build(folder: Path, kind: IndexKind) -> None:
    """Build a generation of `folder` by the tuning that the product uses, and note what it cost."""
    from vasari.retrieval.vectors.generation import build_generation

    wall, cpu = perf_counter(), process_time()
    manifest = build_generation(
        folder / "segments",
        folder / "generations",
        1,
        [segment.number for segment in _segments(folder)],
        kind=kind,
        target_recall=0.999,  # the whole curve is measured, of which each target takes its point
        queries=UnitVectors(np.load(folder / "tuning.npy")),
        described=f"{_TUNING} generated texts",
    )
    note = {"build_seconds": perf_counter() - wall, "build_cpu_seconds": process_time() - cpu}
    note["index_mib"] = manifest.bytes["index.faiss"] / 2**20
    (folder / f"ours-{kind}.json").write_text(json.dumps(note))


def search(folder: Path, target: float) -> dict[str, Any]:
    """Recall, queries a second and memory of the generation at the point that tuning takes for the target."""
    from vasari.retrieval.vectors.faiss_index import FaissIndex
    from vasari.retrieval.vectors.tuning import cheapest, safe_recall

    queries, truth = UnitVectors(np.load(folder / "queries.npy")), np.load(folder / "truth.npy")
    segments = [segment.number for segment in _segments(folder)]
    before = _own_memory()
    gallery = Gallery.open(
        folder / "segments",
        folder / "generations",
        GallerySnapshot(segments, generation=1),
        threads=1,
    )
    generation = gallery.generation
    if generation is None:
        raise SystemExit(f"there is no generation in {folder}")
    point = cheapest(generation.manifest.curve, safe_recall(target, _TUNING))
    index = generation.index
    if point is not None and isinstance(index, FaissIndex):
        generation.manifest = replace(generation.manifest, effort=point.effort, depth=max(point.depth, 1))
        index.set_effort(point.effort)
    gallery.search(queries, 10)  # peers have met the queries before as well, at lower efforts
    found: dict[str, Any] = {"memory_mib": _own_memory() - before}
    found |= {"effort": generation.manifest.effort, "depth": generation.manifest.depth}
    for threads in (1, os.cpu_count() or 1):
        parts = [UnitVectors(part) for part in np.array_split(queries, threads)]
        wall, cpu = perf_counter(), process_time()
        with ThreadPoolExecutor(threads) as pool:
            ids = np.concatenate([each[0] for each in pool.map(lambda part: gallery.search(part, 10), parts)])
        found[f"qps_{threads}"] = len(queries) / (perf_counter() - wall)
        found[f"cpu_ms_{threads}"] = 1e3 * (process_time() - cpu) / len(queries)
    found["recall"] = float((truth[:, :, None] == ids[:, None, :]).any(axis=2).mean())
    return found


def ours(folder: Path, kind: IndexKind) -> list[dict[str, Any]]:
    """One entry for each target: what building cost and searching does, each in a process of its own."""
    note = folder / f"ours-{kind}.json"
    if not note.is_file():
        _step("build", folder, kind.value)
    built = json.loads(note.read_text())
    return [{"target": target, **built, **_step("search", folder, str(target))} for target in TARGETS]


def peer(name: str, folder: Path) -> dict[str, Any]:
    """What a peer does on the same files."""
    python = environment("nearest", _PACKAGES) / "python"
    script = Path(__file__).parent / "peers" / "nearest.py"
    return _run([str(python), str(script), name, str(folder)])


def at_recall(curve: Sequence[dict[str, float]], target: float) -> dict[str, float] | None:
    """The first point of a peer's curve that reaches the target."""
    return next((point for point in curve if point["recall"] >= target), None)


def crossing(folder: Path, kind: IndexKind, sizes: Sequence[int]) -> list[dict[str, float]]:
    """Processor milliseconds a query of the exact scan and of the tuned index over the first rows of `folder`."""
    from vasari.retrieval.vectors.tuning import build as tuned

    texts = UnitVectors(np.load(folder / "tuning.npy")[:50])
    found = []
    for size in sizes:
        segments = list(_first(_segments(folder), size))
        live: list[NDArray[np.int64]] = [np.arange(len(segment)) for segment in segments]
        rows = [Rows(segment.ids, segment.vectors) for segment in segments]
        scan(rows, UnitVectors(texts[:20]), 10)  # the files are mapped page by page
        started = process_time()
        scan(rows, UnitVectors(texts[:20]), 10)
        exact = 1e3 * (process_time() - started) / 20
        _, result = tuned(
            segments, live, kind=kind, parameters={}, target_recall=0.95, queries=texts, threads=1
        )
        point = result.chosen
        found.append(
            {
                "rows": float(sum(map(len, segments))),
                "scan_ms": round(exact, 3),
                "index_ms": round(point.milliseconds, 3) if point else 0.0,
                "recall": round(point.recall, 4) if point else 1.0,
            }
        )
        print(f"{size:>10,} rows: scan {exact:8.2f} ms, index {found[-1]['index_ms']:8.2f} ms", flush=True)
    return found


def compared(
    mine: Sequence[dict[str, Any]], peers: dict[str, dict[str, Any]], threads: int
) -> dict[str, dict[str, float]]:
    """Ours / the best peer, at each target."""
    found: dict[str, dict[str, float]] = {}
    for own in mine:
        target = own["target"]
        points = {name: at_recall(each["curve"], target) for name, each in peers.items()}
        reaching = {name: point for name, point in points.items() if point is not None}
        if not reaching:
            continue
        best = {n: max(point[f"qps_{n}"] for point in reaching.values()) for n in (1, threads)}
        found[str(target)] = {
            **{f"speed_{n}": round(own[f"qps_{n}"] / best[n], 3) for n in (1, threads)},
            "cpu": round(own["cpu_ms_1"] / min(point["cpu_ms_1"] for point in reaching.values()), 3),
            "memory": round(own["memory_mib"] / min(peers[name]["memory_mib"] for name in reaching), 3),
            "build": round(
                own["build_cpu_seconds"] / min(peers[name]["build_cpu_seconds"] for name in reaching), 3
            ),
        }
    return found


def show(mine: Sequence[dict[str, Any]], peers: dict[str, dict[str, Any]], threads: int) -> None:
    print(
        f"{'system':>12} {'target':>7} {'recall':>7} {'queries/s':>10} {f'on {threads}':>10} {'MiB':>8}"
        f" {'build s':>9} {'processor s':>12} {'query ms':>9}"
    )

    def line(name: str, target: float, point: dict[str, float], facts: dict[str, Any]) -> None:
        print(
            f"{name:>12} {target:>7} {point['recall']:>7.4f} {point['qps_1']:>10.0f}"
            f" {point[f'qps_{threads}']:>10.0f} {facts['memory_mib']:>8.0f} {facts['build_seconds']:>9.1f}"
            f" {facts['build_cpu_seconds']:>12.1f} {point['cpu_ms_1']:>9.2f}",
            flush=True,
        )

    for own in mine:
        line("vasari", own["target"], own, own)
    for name, facts in peers.items():
        for target in TARGETS:
            if (point := at_recall(facts["curve"], target)) is not None:
                line(name, target, point, facts)
            else:
                print(f"{name:>12} {target:>7} not reached: {facts['curve'][-1]['recall']:.4f} at most")


def _step(name: str, folder: Path, *words: str) -> dict[str, Any]:
    return _run([sys.executable, "-m", "benchmarks.large_index", "--step", name, str(folder), *words])


def _run(command: Sequence[str]) -> dict[str, Any]:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed with exit code {done.returncode}")
    lines = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found


def _own_memory() -> float:
    """MiB of this process that are not files in the page cache."""
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))


def step(words: Sequence[str]) -> None:
    """One measured step in a process of its own."""
    name, folder, value = words
    if name == "build":
        build(Path(folder), IndexKind(value))
    else:
        print(json.dumps(search(Path(folder), float(value))))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--kind", default="rabitq", choices=[kind.value for kind in IndexKind][2:])
    parser.add_argument("--peer", action="append", choices=PEERS, help="default: all three")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument(
        "--crossing",
        type=int,
        nargs="*",
        default=list(_CROSSING),
        help="rows at which scan and index are compared",
    )
    parser.add_argument("--quick", action="store_true", help="20,000 rows, one peer")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.step:
        step(options.step)
        return
    if options.quick:
        options.rows, options.queries, options.peer = 20_000, 100, ["hnswlib"]
        options.crossing = [10_000]
    names = [] if options.no_peers else options.peer or PEERS
    folder = cache_folder(f"large-index/{options.rows}")
    kind = IndexKind(options.kind)
    threads = os.cpu_count() or 1
    prepare(folder, options.rows, options.dim, options.queries)
    mine = ours(folder, kind)
    show(mine, {}, threads)
    peers = {name: peer(name, folder) for name in names}
    show([], peers, threads)
    found = compared(mine, peers, threads)
    crossed = crossing(folder, kind, [size for size in options.crossing if size <= options.rows])
    finish("large_index", rows=options.rows, dim=options.dim, kind=kind, ratios=found, ours=mine, peers=peers,
           crossing=crossed)  # fmt: skip


if __name__ == "__main__":
    main()
