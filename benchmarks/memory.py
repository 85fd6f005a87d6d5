"""Peak memory of `vasari index` over collections of different size: it must not grow with the number of pictures.

    python benchmarks/memory.py [--counts 2000 10000] [--model REFERENCE | --architecture ViT-B-32]

Pictures are generated (640 × 480 JPEGs, each another one). Each run is a process of its own with a new library; its
peak is what the operating system says (`ru_maxrss`). Without `--model` a model with random weights is written first.
The last line is JSON: peaks in MiB, and how many bytes each additional picture costs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (640, 480)


def generate(folder: Path, count: int) -> None:
    """Bring the folder to `count` pictures: smooth colours from 16 × 12 random cells."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            cells = np.random.default_rng(number).integers(0, 256, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(cells).resize(SIZE, Image.Resampling.BICUBIC).save(path, quality=85)


def peak_memory(photos: Path, library: Path, model: Path | str) -> tuple[float, dict[str, float]]:
    """Index in a process of its own: its peak in MiB, and its report."""
    program = str(Path(sys.executable).with_name("vasari"))
    command = [program, "index", str(photos), "--model", str(model), "--json", "--library", str(library)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answer = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"vasari index failed with exit code {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return usage.ru_maxrss * unit / 2**20, json.loads(answer)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[2_000, 10_000])
    parser.add_argument("--model", help="a model reference; default: random weights")
    parser.add_argument("--architecture", default="ViT-B-32")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = options.model
        if model is None:
            model = folder / "model"
            writer = Path(__file__).with_name("random_model.py")
            subprocess.run(
                [sys.executable, writer, model, "--architecture", options.architecture], check=True
            )
        peaks: dict[int, float] = {}
        print(f"{'pictures':>10} {'peak MiB':>10} {'images/s':>10}")
        for count in sorted(options.counts):
            generate(folder / "photos", count)
            peaks[count], report = peak_memory(folder / "photos", folder / f"library-{count}", model)
            assert report["added"] == count, report
            print(f"{count:>10,} {peaks[count]:>10.1f} {report['images_per_second']:>10.1f}", flush=True)
    fewest, most = min(peaks), max(peaks)
    growth = (peaks[most] - peaks[fewest]) * 2**20 / max(most - fewest, 1)
    figures = {
        "benchmark": "memory",
        "model": str(options.model or options.architecture),
        "peak_mib": {str(count): round(peak, 1) for count, peak in peaks.items()},
        "growth_bytes_per_picture": round(growth),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
