"""hnswlib, usearch and FAISS HNSW on the same vectors: run by `large_index` in an environment that has them.

    python nearest.py LIBRARY FOLDER

FOLDER holds `vectors.npy` (n, dim) float32 unit vectors, `queries.npy` and `truth.npy` (the ten nearest rows of each
query). The index is kept there and only built where it is missing, so that a run goes on where it was stopped. Prints
JSON: build seconds, memory, and for rising efforts the recall@10 and queries a second on one thread and on all.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

LINKS, CONSTRUCTION = 16, 128  # M of each graph and efConstruction; FAISS's and hnswlib's usual choice
EFFORTS = (16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)

Search = Callable[[Any, int, int], Any]  # queries, effort, threads → ids (n, 10)


def hnswlib_index(vectors: Any, file: Path) -> tuple[Search, float]:
    hnswlib: Any = import_module("hnswlib")
    index = hnswlib.Index(space="ip", dim=vectors.shape[1])
    seconds = 0.0
    if file.is_file():
        index.load_index(str(file))
    else:
        started = perf_counter()
        index.init_index(max_elements=len(vectors), M=LINKS, ef_construction=CONSTRUCTION)
        index.add_items(vectors, np.arange(len(vectors)))
        seconds = perf_counter() - started
        index.save_index(str(file))

    def search(queries: Any, effort: int, threads: int) -> Any:
        index.set_ef(effort)
        return index.knn_query(queries, k=10, num_threads=threads)[0]

    return search, seconds


def usearch_index(vectors: Any, file: Path) -> tuple[Search, float]:
    usearch: Any = import_module("usearch.index")
    index = usearch.Index(
        ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=LINKS, expansion_add=CONSTRUCTION
    )
    seconds = 0.0
    if file.is_file():
        index.load(str(file))
    else:
        started = perf_counter()
        index.add(np.arange(len(vectors)), vectors)
        seconds = perf_counter() - started
        index.save(str(file))

    def search(queries: Any, effort: int, threads: int) -> Any:
        index.expansion_search = effort
        return index.search(queries, 10, threads=threads).keys

    return search, seconds


def faiss_index(vectors: Any, file: Path) -> tuple[Search, float]:
    faiss: Any = import_module("faiss")
    seconds = 0.0
    if file.is_file():
        index = faiss.read_index(str(file))
    else:
        started = perf_counter()
        index = faiss.IndexHNSWFlat(vectors.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = CONSTRUCTION
        index.add(vectors)
        seconds = perf_counter() - started
        faiss.write_index(index, str(file))

    def search(queries: Any, effort: int, threads: int) -> Any:
        faiss.omp_set_num_threads(threads)
        return index.search(queries, 10, params=faiss.SearchParametersHNSW(efSearch=effort))[1]

    return search, seconds


def own_memory() -> float:
    """MiB of this process that are not files in the page cache."""
    with open("/proc/self/status") as status:  # noqa: PTH123 (this runs where nothing else is installed)
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))


def recall(found: Any, truth: Any) -> float:
    return float((truth[:, :, None] == np.asarray(found)[:, None, :]).any(axis=2).mean())


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    make = {"hnswlib": hnswlib_index, "usearch": usearch_index, "faiss-hnsw": faiss_index}[name]
    file, built = folder / f"{name}.index", folder / f"{name}.json"
    vectors = np.load(folder / "vectors.npy", mmap_mode=None if not file.is_file() else "r")
    queries, truth = np.load(folder / "queries.npy"), np.load(folder / "truth.npy")
    if not file.is_file():
        cpu = process_time()
        _, seconds = make(vectors, file)
        built.write_text(json.dumps({"build_seconds": seconds, "build_cpu_seconds": process_time() - cpu}))
        # Memory is measured without what building left.
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606
    before = own_memory()
    search, _ = make(vectors, file)
    search(queries[:10], 16, 1)
    memory = own_memory() - before
    curve = []
    for effort in EFFORTS:
        point: dict[str, float] = {"effort": effort}
        for threads in (1, os.cpu_count() or 1):
            wall, cpu = perf_counter(), process_time()
            found = search(queries, effort, threads)
            point[f"qps_{threads}"] = len(queries) / (perf_counter() - wall)
            point[f"cpu_ms_{threads}"] = 1e3 * (process_time() - cpu) / len(queries)
        point["recall"] = recall(found, truth)
        curve.append(point)
        if point["recall"] >= 0.995:
            break
    print(json.dumps({**json.loads(built.read_text()), "memory_mib": memory, "curve": curve}))


if __name__ == "__main__":
    main()
