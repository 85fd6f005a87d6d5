"""Commands that take one picture, each as a whole process, and an unchanged folder with a broken file in it.

    python -m benchmarks.one_picture [--model DIR] [--items 1000] [--runs 5] [--quick]

The library is filled with generated vectors; the model has random weights (ViT-B-32-256) unless one is given.
Figures are medians with all files in the page cache. The last line is JSON: `worst` is the slowest of the three
commands by processor time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from benchmarks.cache import random_model
from benchmarks.measuring import Run, finish, median, run

VASARI = Path(sys.executable).with_name("vasari")


def picture(path: Path) -> Path:
    """A photo's worth of noise, 1200 × 800."""
    noise = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((1200, 800), Image.Resampling.BICUBIC).save(path)
    return path


def broken_folder(folder: Path) -> Path:
    """A folder with one picture and one file that is none."""
    folder.mkdir()
    picture(folder / "a.jpg")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    return folder


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path, help="a model's folder")
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="three runs")
    options = parser.parse_args(arguments)
    runs, model = 3 if options.quick else options.runs, options.model or random_model()
    with TemporaryDirectory() as name:
        scratch = Path(name)
        library, photo = scratch / "library", picture(scratch / "query.jpg")
        fill = [sys.executable, "-m", "benchmarks.filled_library", library, "--model", model]
        fill += ["--items", options.items, "--photos", scratch / "photos", "--also", scratch / "items"]
        subprocess.run(list(map(str, fill)), check=True, stdout=subprocess.DEVNULL)
        commands: dict[str, list[str | Path]] = {
            "search FILE": ["search", photo],
            "similar FILE": ["similar", photo],
            "classify FILE": ["classify", photo, "boat", "house", "dog"],
            "search WORDS": ["search", "a red boat at sunset"],
        }
        run([VASARI, "search", photo, "--library", library])
        found: dict[str, Run] = {}
        for label, words in commands.items():
            found[label] = median([run([VASARI, *words, "--library", library]) for _ in range(runs)])
        index: list[str | Path] = [VASARI, "index", broken_folder(scratch / "broken"), "--library", library]
        run(index)
        found["index, a broken file"] = median([run(index) for _ in range(runs)])
    for label, figures in found.items():
        print(
            f"{label:21} {figures.seconds:7.2f} s {figures.cpu_seconds:7.2f} s processor {figures.peak_mib:6.0f} MiB"
        )
    finish(
        "one_picture",
        worst=round(max(found[label].cpu_seconds for label in list(commands)[:3]), 3),
        runs=runs,
        **{label.replace(" ", "_").replace(",", "").lower(): each.as_json() for label, each in found.items()},
    )


if __name__ == "__main__":
    main()
