"""How long a read-only replica takes to start: `vasari serve --read-only` until /readyz, and its first search.

    python -m benchmarks.replica_start [--rows 100000] [--starts 3]

Vectors are random; the model is the built-in one.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.filled_library import fill
from benchmarks.measuring import finish
from benchmarks.serving import serving
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--starts", type=int, default=3)
    options = parser.parse_args()
    runs = []
    with TemporaryDirectory() as scratch:
        root = Path(scratch) / "library"
        with Library.open(root, Settings(offline=True), create=True) as library:
            fill(library, options.rows, "scenes", Path("/photos"))
        for _ in range(options.starts):
            began = time.perf_counter()
            with serving(root, "--read-only") as replica:
                seconds = time.perf_counter() - began
                used = replica.processor_seconds()
                began = time.perf_counter()
                answer = httpx.post(f"{replica.address}/v1/search", json={"query": "a red boat"}, timeout=120)
                first = time.perf_counter() - began
                assert len(answer.json()["hits"]) == 10
                job = httpx.post(f"{replica.address}/v1/jobs", json={"kind": "rebuild"}, timeout=120)
                assert job.status_code == 403, job.text
            runs.append(
                {"ready": round(seconds, 2), "processor": round(used, 2), "first_search": round(first, 3)}
            )
            print(runs[-1], flush=True)
    finish("replica_start", rows=options.rows, runs=runs)


if __name__ == "__main__":
    main()
