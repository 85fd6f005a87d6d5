"""Memory that decoding large pictures of each format takes, beside what `images.decode.weigh` says before.

    python -m benchmarks.decode_memory [--target 224]

Each picture is decoded in a process of its own. `decode` waits by what `weigh` says, so a ratio above 1 is a
fault of the table in `images/formats.py`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.attack import bombs
from benchmarks.measuring import finish
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.decode import decode, weigh
from vasari.retrieval.images.limits import ImageLimits

_LIMITS = ImageLimits(max_pixels=200_000_000)


def measure(file: Path, target: int | None) -> dict[str, float]:
    """MiB that decoding `file` added to this process at most, and what was foreseen."""
    data = file.read_bytes()
    before = _peak_mib()
    foreseen = weigh(data, _LIMITS, target=target)
    try:
        decode(data, _LIMITS, target=target)
    except ImageError as error:
        print(file.name, error, file=sys.stderr)
    return {"foreseen": round(foreseen / 2**20, 1), "held": round(_peak_mib() - before, 1)}


def _peak_mib() -> float:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--target", type=int, default=224)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.target or None)))
        return
    figures: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as scratch:
        for name, data in bombs().items():
            file = Path(scratch) / name
            file.write_bytes(data)
            command = [
                sys.executable, "-m", "benchmarks.decode_memory", "--target", str(options.target), "--one", str(file)
            ]  # fmt: skip
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            figures[name] = json.loads(done.stdout)
            print(
                f"{name:24} {figures[name]['foreseen']:8.0f} {figures[name]['held']:8.0f} MiB  {done.stderr[:80]}"
            )
    finish("decode_memory", target=options.target, figures=figures)


if __name__ == "__main__":
    main()
