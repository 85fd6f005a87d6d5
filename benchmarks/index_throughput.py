"""Images a second of `vasari index`, beside rclip and the usual script, on the same files, weights and cores.

    python -m benchmarks.index_throughput --photos DIR [--peer rclip] [--peer script] [--runs 1] [--quick]

The photos in DIR are re-encoded with small changes until there are enough: 1,000 of 500 × 375, and 200 of 12
megapixels. Each program indexes a tenth of them, and all of them, each time from nothing; the difference of the
files over the difference of the times is its steady state, without the start and the loading of the model. The last
line is JSON: `ratio` is ours / peer in images a second for the small photos, `ratio_large` for the large ones, and
`share_of_limit` is ours / what the same cores do on decoding alone and encoding alone, added up.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cache import random_model
from benchmarks.measuring import Run, finish, run
from benchmarks.peers.rclip import Rclip
from benchmarks.photos import copies, part

VASARI = Path(sys.executable).with_name("vasari")

Index = Callable[[Path, Path], Run]  # photos, an empty folder to work in → what it cost


def programs(peers: Sequence[str], model: Path) -> dict[str, Index]:
    """What indexes a folder, by name."""

    def ours(photos: Path, scratch: Path) -> Run:
        return run([VASARI, "index", photos, "--model", model, "--library", scratch / "library", "--json"])

    def rclip(photos: Path, scratch: Path) -> Run:
        return Rclip(model, scratch / "rclip").index(photos)

    def script(photos: Path, scratch: Path) -> Run:
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "benchmarks.peers.usual_script",
            photos,
            "--model",
            model,
        ]
        return run([*command, "--index", scratch / "index.faiss"])

    known: dict[str, Index] = {"rclip": rclip, "script": script}
    return {"vasari": ours} | {name: known[name] for name in peers}


def steady(index: Index, few: Path, all_: Path) -> dict[str, float]:
    """Images/s and processor seconds an image between indexing `few` photos and `all_` of them."""
    with TemporaryDirectory() as name:
        scratch = Path(name)
        for folder in ("few", "all"):
            (scratch / folder).mkdir()
        short, long = index(few, scratch / "few"), index(all_, scratch / "all")
    more = len(list(all_.glob("*.jpg"))) - len(list(few.glob("*.jpg")))
    return {
        "images_per_second": more / max(long.seconds - short.seconds, 1e-9),
        "cpu_ms_per_image": 1e3 * (long.cpu_seconds - short.cpu_seconds) / more,
        "peak_mib": long.peak_mib,
        "whole_run_seconds": long.seconds,
    }


def compared(indexers: dict[str, Index], folder: Path, few: int, runs: int) -> dict[str, dict[str, float]]:
    """The median of each figure over `runs` turns, in which the programs alternate."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in indexers}
    smaller = part(folder, few)
    for _ in range(runs):
        for name, index in indexers.items():
            found[name].append(steady(index, smaller, folder))
    return {
        name: {key: round(median(figures[key] for figures in each), 3) for key in each[0]}
        for name, each in found.items()
    }


def limits(folder: Path, model: Path, count: int) -> dict[str, Any]:
    """Decode-only and encode-only speed, and the drift of the vectors, measured in a process of its own."""
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.indexing_limits", folder, "--model", model]
    printed = run([*command, "--count", str(count)]).output
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def show(label: str, found: dict[str, dict[str, float]], limit: dict[str, Any]) -> None:
    for name, figures in found.items():
        print(
            f"{label:>6} {name:>7} {figures['images_per_second']:9.1f} images/s"
            f" {figures['cpu_ms_per_image']:7.1f} ms processor {figures['peak_mib']:7.0f} MiB"
        )
    print(
        f"{label:>6} limit: decode {limit['decode']:.1f}, encode {limit['encode']:.1f} ({limit['precision']}), both"
        f" {limit['limit']:.1f} images/s; cosine mean {limit['cosine_mean']:.5f} min {limit['cosine_min']:.5f}",
        flush=True,
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=Path, required=True, help="any folder of photos")
    parser.add_argument("--peer", action="append", default=[], choices=["rclip", "script"])
    parser.add_argument(
        "--model", type=Path, help="an open_clip folder; default: ViT-B-32-256, random weights"
    )
    parser.add_argument("--counts", type=int, nargs=2, default=[1000, 200], metavar=("SMALL", "LARGE"))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="120 small and 20 large photos")
    options = parser.parse_args(arguments)
    if options.quick:
        options.counts = [120, 20]
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    model = options.model or random_model()
    indexers = programs(options.peer, model)
    figures: dict[str, Any] = {}
    for size, count, suffix in zip(("small", "large"), options.counts, ("", "_large"), strict=True):
        folder = copies(options.photos, count, size)
        found = compared(indexers, folder, max(count // 10, 2), options.runs)
        limit = limits(folder, model, min(count, 200))
        show(size, found, limit)
        mine = found["vasari"]["images_per_second"]
        if options.peer:
            figures["ratio" + suffix] = round(mine / found[options.peer[0]]["images_per_second"], 3)
        figures["share_of_limit" + suffix] = round(mine / limit["limit"], 3)
        figures[size] = {"programs": found, "limit": limit, "photos": count}
    finish("index_throughput", **figures, peers=options.peer)


if __name__ == "__main__":
    main()
