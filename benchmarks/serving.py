"""A service to measure: `vasari serve` on a free port of this machine, ready to answer, ended with the block."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_PATIENCE = 300.0  # seconds until it is ready, on a busy machine


@dataclass(frozen=True, slots=True)
class Serving:
    """A running service, and what its process has taken so far (Linux)."""

    address: str
    process: int

    def resident_mib(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process}/status").read_text("utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def processor_seconds(self) -> float:
        """Processor time, of user and system."""
        fields = Path(f"/proc/{self.process}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(library: Path, *options: str, **environment: str) -> Iterator[Serving]:
    """Serve a library; a service that ends, or is not ready in five minutes, ends the benchmark."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    vasari = Path(sys.executable).with_name("vasari")
    command: list[str | Path] = [vasari, "serve", "--port", str(port), "--library", library, *options]
    given = {**os.environ, "VASARI_OFFLINE": "1", **environment}
    process = subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process)
        yield Serving(address, process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/readyz", timeout=60).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.01)
    raise SystemExit("the service ended, or was not ready in time")
