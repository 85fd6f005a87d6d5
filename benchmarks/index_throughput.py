"""Images a second of `vasari index`, beside rclip and the usual script, on the same files, weights and cores.

    python -m benchmarks.index_throughput --photos DIR [--peer rclip] [--peer script] [--runs 1] [--only-int8] [--quick]

`vasari` runs the model as it is on this machine, `vasari-int8` what `vasari models optimize` makes of it (made once,
before the clock starts; where the CPU multiplies bfloat16 the model as it is may be the faster one). The ratio is that
of the faster of the two, named in `precision`.

The photos in DIR are re-encoded with small changes until there are enough: 1,000 of 500 × 375, and 200 of 12
megapixels. Each program indexes a tenth of them, and all of them, each time from nothing; the difference of the
files over the difference of the times is its steady state, without the start and the loading of the model. The last
line is JSON: `ratio` is ours / peer in images a second for the small photos, `ratio_large` for the large ones, and
`share_of_limit` is ours / what the same cores do on decoding alone and encoding alone, added up.
"""

from __future__ import annotations

import argparse
import json
import shutil
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


def programs(peers: Sequence[str], model: Path, optimized: Path | None) -> dict[str, Index]:
    """What indexes a folder, by name; `optimized` is an empty library whose model runs in int8."""

    def int8(photos: Path, scratch: Path) -> Run:
        if optimized is not None:
            shutil.copytree(optimized, scratch / "library")
        return run([VASARI, "index", photos, "--library", scratch / "library", "--json"])

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
    own = {"vasari": ours} | ({"vasari-int8": int8} if optimized else {})
    return own | {name: known[name] for name in peers}


def int8_library(folder: Path, model: Path, photos: Path) -> Path:
    """An empty library in `folder` whose model was optimized and is near enough, by its own measure on `photos`."""
    command: list[str | Path] = [VASARI, "models", "optimize", model, "--photos", photos, "--json"]
    report = json.loads(run([*command, "--library", folder]).output)
    speed, before = report["images_per_second"], report["images_per_second_before"]
    print(
        f"int8: cosine mean {report['cosine_mean']:.5f} least {report['cosine_min']:.5f}, text recall"
        f" {report['text_recall']:.3f}, {speed:.1f} images/s encoding where the model as it is has {before:.1f}",
        flush=True,
    )
    return folder


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


def limits(folder: Path, model: Path, library: Path | None, count: int) -> dict[str, Any]:
    """Decode-only and encode-only speed, and the drift of the vectors, measured in a process of its own."""
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.indexing_limits", folder, "--model", model]
    if library is not None:
        command += ["--library", library]
    printed = run([*command, "--count", str(count)]).output
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def show(label: str, found: dict[str, dict[str, float]], limit: dict[str, Any]) -> None:
    for name, figures in found.items():
        print(
            f"{label:>6} {name:>11} {figures['images_per_second']:9.1f} images/s"
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
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--no-int8", action="store_true", help="of ours, only the model as it is")
    which.add_argument("--only-int8", action="store_true", help="of ours, only the model in 8 bits")
    parser.add_argument("--quick", action="store_true", help="60 small and 10 large photos")
    options = parser.parse_args(arguments)
    if options.quick:
        options.counts = [60, 10]
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    model = options.model or random_model()
    figures: dict[str, Any] = {}
    with TemporaryDirectory() as name:
        library = None
        if not options.no_int8:
            library = int8_library(Path(name) / "library", model, options.photos)
        indexers = programs(options.peer, model, library)
        if options.only_int8:
            del indexers["vasari"]
        for size, count, suffix in zip(("small", "large"), options.counts, ("", "_large"), strict=True):
            folder = copies(options.photos, count, size)
            found = compared(indexers, folder, max(count // 10, 2), options.runs)
            own = max(
                (n for n in found if n.startswith("vasari")), key=lambda n: found[n]["images_per_second"]
            )
            limit = limits(folder, model, library if own == "vasari-int8" else None, min(count, 200))
            show(size, found, limit)
            mine = found[own]
            if options.peer:
                theirs = found[options.peer[0]]
                speeds = mine["images_per_second"], theirs["images_per_second"]
                figures["ratio" + suffix] = round(speeds[0] / speeds[1], 3)
                figures["cpu_ratio" + suffix] = round(
                    theirs["cpu_ms_per_image"] / mine["cpu_ms_per_image"], 3
                )
            figures["share_of_limit" + suffix] = round(mine["images_per_second"] / limit["limit"], 3)
            figures["precision" + suffix] = limit["precision"]
            figures[size] = {"programs": found, "limit": limit, "photos": count}
    finish("index_throughput", **figures, peers=options.peer)


if __name__ == "__main__":
    main()
