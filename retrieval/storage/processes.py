"""Process liveness, safe against reuse of process ids."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path


@cache
def machine() -> str:
    """Where a process number has a meaning: this boot of this host, and this namespace of processes.

    Two containers may share a host name, and the same number is another process in each.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        import socket  # not for a plain search

        return socket.gethostname()
    return f"{boot}/{namespace}"


def process_started(pid: int) -> str | None:
    """When process `pid` started, in the words of the system; None if it is gone, or that cannot be told."""
    if Path("/proc/self/stat").exists():
        return _from_proc(pid)
    return _from_ps(pid) if Path("/bin/ps").exists() else None


def is_alive(pid: int, started: str | None) -> bool:
    """Whether process `pid` runs and is the one that started then; where that cannot be told, True."""
    return started is None or process_started(pid) == started


def _from_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return None if state in "ZX" else fields[18]  # a zombie writes nothing any more


def _from_ps(pid: int) -> str | None:
    import subprocess  # not for a plain search

    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
    return shown.strip() or None


@contextlib.contextmanager
def abandoned(folder: Path) -> Iterator[bool]:
    """Hold a folder that one process works in (flock); False where one does, for the system frees what was killed."""
    try:
        held = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _locked(held) and folder.exists() and os.path.samestat(os.fstat(held), folder.stat())
    finally:
        os.close(held)


def _locked(descriptor: int) -> bool:
    import fcntl  # not on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
