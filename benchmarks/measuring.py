"""Run other processes and measure them: wall time, processor time, peak memory.

The process is started by a bare Python of 8 MB, not by the benchmark itself: on Linux the peak memory of a child
counts from the fork on, so a large parent would be measured instead.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_LAUNCHER = """
import json, os, sys, time
command = sys.argv[2:]
started = time.perf_counter()
child = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - started
unit = 1 if sys.platform == "darwin" else 1024
report = [seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**20]
with open(sys.argv[1], "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), report], file)
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process cost. Wall time depends on what else the machine does; processor time hardly does."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str

    def as_json(self) -> dict[str, float]:
        """The figures, rounded."""
        return {name: round(value, 4) for name, value in asdict(self).items() if name != "output"}


def run(
    command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Run:
    """Run `command` to its end in `folder`, with `environment` on top of this process's own.

    Modules are compiled once, as an installation's are, whatever this process was told (`PYTHONDONTWRITEBYTECODE`): a
    command would spend a third of a second on that. A command that fails ends the benchmark with its words.
    """
    with tempfile.NamedTemporaryFile("r", suffix=".json") as report:
        words = [sys.executable, "-I", "-S", "-c", _LAUNCHER, report.name, *map(str, command)]
        done = subprocess.run(
            words,
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
        )
        if done.returncode:
            raise SystemExit(f"cannot start {command[0]}:\n{done.stderr}")
        code, (seconds, cpu_seconds, peak_mib) = json.loads(Path(report.name).read_text(encoding="utf-8"))
    if code:
        raise SystemExit(f"{' '.join(map(str, command))} failed with exit code {code}:\n{done.stderr}")
    return Run(seconds, cpu_seconds, peak_mib, done.stdout)


def median(runs: Sequence[Run]) -> Run:
    """The median of each figure by itself."""
    return Run(
        statistics.median(each.seconds for each in runs),
        statistics.median(each.cpu_seconds for each in runs),
        statistics.median(each.peak_mib for each in runs),
        runs[-1].output,
    )


def machine() -> dict[str, Any]:
    """The processor, its cores and how busy they are: what every figure has to be read beside."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in facts if line.startswith("model name"))
    return next(named, platform.machine())


def finish(benchmark: str, **figures: Any) -> None:
    """Print the last line: JSON for programs."""
    print(json.dumps({"benchmark": benchmark, "machine": machine(), **figures}), flush=True)
