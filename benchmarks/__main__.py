"""Run a short form of every benchmark: `make bench`, or `python -m benchmarks [NAME…] [--photos DIR]`.

The short forms show that the programs run and roughly what they find; the figures in docs/benchmarks.md come from
the long ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

# Program → the arguments of its short form; PHOTOS stands for a folder of photos.
SHORT: dict[str, list[str]] = {
    "cold_query": ["--quick", "--peer", "rclip"],
    "index_throughput": ["--quick", "--photos", "PHOTOS", "--peer", "rclip"],
    "first_image": ["--quick", "--photos", "PHOTOS"],
    "one_picture": ["--quick"],
    "large_index": ["--quick"],
    "growth": ["--quick"],
    "gpu": ["--quick", "--photos", "PHOTOS"],
    "host_limit": ["--quick", "--photos", "PHOTOS"],
    "decode_drift": ["--photos", "PHOTOS", "--count", "4"],
    "memory": ["--counts", "200", "400"],
    "second_looks": ["--quick", "--pictures", "34", "--searches", "3"],
    "groups": ["--rows", "20000", "--rounds", "5"],
    "filter_recall": ["--rows", "20000"],
    "service": ["--items", "2000", "--seconds", "2"],
}
_FOLDER = Path(__file__).parent
_DRAWN = 60  # pictures drawn where no photos are given


def short_forms(names: Sequence[str], photos: Path) -> list[list[str]]:
    """The commands of the programs that exist here, of those named or all."""
    present = [name for name in SHORT if (_FOLDER / f"{name}.py").is_file() and name in (names or SHORT)]
    return [
        [
            sys.executable,
            "-m",
            f"benchmarks.{name}",
            *(str(photos) if word == "PHOTOS" else word for word in SHORT[name]),
        ]
        for name in present
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(SHORT)}")
    parser.add_argument("--photos", type=Path, help="a folder of photos; default: drawn pictures")
    options = parser.parse_args()
    if unknown := set(options.names) - set(SHORT):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    failed: list[str] = []
    with TemporaryDirectory() as scratch:
        photos = options.photos or Path(scratch)
        if options.photos is None:
            vasari = Path(sys.executable).with_name("vasari")
            subprocess.run([vasari, "scenes", "render", scratch, "--count", str(_DRAWN)], check=True)
        for command in short_forms(options.names, photos):
            name = command[2].removeprefix("benchmarks.")
            print(f"\n== {name}", flush=True)
            if subprocess.run(command, check=False, cwd=_FOLDER.parent).returncode:
                failed.append(name)
    print(json.dumps({"benchmark": "all", "failed": failed}))
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
