"""How long a read-only replica takes to start: `vasari serve --read-only` until /readyz, and its first search.

    python -m benchmarks.replica_start [--rows 100000] [--starts 3]

Vectors are random; the model is the built-in one.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.filled_library import fill
from benchmarks.measuring import finish
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings


def start(library: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A replica on a free port, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    vasari = Path(sys.executable).with_name("vasari")
    command = [str(vasari), "serve", "--read-only", "--port", str(port), "--library", str(library)]
    environment = {**os.environ, "VASARI_OFFLINE": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return process, f"http://127.0.0.1:{port}"


def ready(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the replica says that it can answer."""
    while process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", timeout=60).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.01)
    raise SystemExit("the replica ended")


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    """What the process has used so far (Linux)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
            replica, address = start(root)
            try:
                ready(address, replica)
                seconds = time.perf_counter() - began
                used = processor_seconds(replica)
                began = time.perf_counter()
                answer = httpx.post(f"{address}/v1/search", json={"query": "a red boat"}, timeout=120)
                first = time.perf_counter() - began
                assert len(answer.json()["hits"]) == 10
                upload = httpx.post(f"{address}/v1/jobs", json={"kind": "rebuild"}, timeout=120)
                assert upload.status_code == 403, upload.text
            finally:
                replica.terminate()
                replica.wait(60)
            runs.append(
                {"ready": round(seconds, 2), "processor": round(used, 2), "first_search": round(first, 3)}
            )
            print(runs[-1], flush=True)
    finish("replica_start", rows=options.rows, runs=runs)


if __name__ == "__main__":
    main()
