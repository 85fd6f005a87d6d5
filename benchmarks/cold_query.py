"""One search as a whole process: `vasari search "…"` beside rclip on the same items and weights.

    python -m benchmarks.cold_query [--photos DIR] [--peer rclip] [--items 1000 100000] [--runs 9]

Libraries are filled with generated vectors (what a search costs does not depend on their meaning); with --photos
there is one more, for which both programs index that folder themselves. Runs of the two alternate, files are in the
page cache, and each figure is a median. The last line is JSON: `ratio` is ours / peer in wall time,
`cpu_ratio` in processor time and `memory_ratio` in peak memory, of the library where they are worst.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cache import random_model
from benchmarks.measuring import Run, finish, median, run
from benchmarks.peers.rclip import Rclip

VASARI = Path(sys.executable).with_name("vasari")
_QUERIES = ("a red boat at sunset", "two dogs playing in the snow", "an old lighthouse", "people at a market")

Search = Callable[[str], Run]


def ours(library: Path) -> Search:
    """`vasari search` on a library."""
    return lambda query: run([VASARI, "search", query, "--library", library])


def generated(folder: Path, items: int, model: Path, peer: bool) -> dict[str, Search]:
    """Both programs on the same generated items."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    fill = [sys.executable, "-m", "benchmarks.filled_library", folder / "library", "--model", model]
    fill += ["--items", str(items), "--photos", photos, "--also", folder / "items"]
    subprocess.run(list(map(str, fill)), check=True)
    searches = {"vasari": ours(folder / "library")}
    if peer:
        rclip = Rclip(model, folder / "rclip")
        rclip.fill(folder / "items")
        searches["rclip"] = lambda query: rclip.search(photos, query)
    return searches


def indexed(folder: Path, photos: Path, model: Path, peer: bool) -> dict[str, Search]:
    """Both programs on a folder that each has indexed itself."""
    run([VASARI, "index", photos, "--model", model, "--library", folder / "library"])
    searches = {"vasari": ours(folder / "library")}
    if peer:
        rclip = Rclip(model, folder / "rclip")
        rclip.index(photos)
        searches["rclip"] = lambda query: rclip.search(photos, query)
    return searches


def alternate(searches: dict[str, Search], runs: int) -> dict[str, Run]:
    """The median of `runs` searches by each program, taking turns, after one that warms the page cache."""
    results: dict[str, list[Run]] = {name: [] for name in searches}
    for number, query in zip(range(runs + 1), itertools.cycle(_QUERIES)):
        for name, search in searches.items():
            result = search(query)
            if not result.output.strip():
                raise SystemExit(f"{name} found nothing for {query!r}")
            if number:
                results[name].append(result)
    return {name: median(each) for name, each in results.items()}


def show(label: str, found: dict[str, Run]) -> dict[str, Any]:
    """Print a library's rows, and return them with the ratios."""
    for name, figures in found.items():
        print(
            f"{label:>10} {name:>8} {figures.seconds:8.3f} s {figures.cpu_seconds:8.3f} s"
            f" {figures.peak_mib:8.0f} MiB",
            flush=True,
        )
    entry: dict[str, Any] = {name: figures.as_json() for name, figures in found.items()}
    if "rclip" in found:
        mine, peer = found["vasari"], found["rclip"]
        entry["ratio"] = round(mine.seconds / peer.seconds, 3)
        entry["cpu_ratio"] = round(mine.cpu_seconds / peer.cpu_seconds, 3)
        entry["memory_ratio"] = round(mine.peak_mib / peer.peak_mib, 3)
    return entry


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=Path, help="also measure on this folder, indexed by both")
    parser.add_argument("--peer", choices=["rclip"], help="measure this program too")
    parser.add_argument("--items", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="1,000 items, three runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.items, options.runs = [1_000], 3
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    model, peer = random_model(), options.peer is not None
    libraries: dict[str, Any] = {}
    print(f"{'library':>10} {'program':>8} {'wall':>10} {'processor':>10} {'peak':>12}")
    with TemporaryDirectory() as name:
        for items in options.items:
            label = f"{items:,}"
            searches = generated(Path(name) / str(items), items, model, peer)
            libraries[label] = show(label, alternate(searches, options.runs))
        if options.photos is not None:
            searches = indexed(Path(name) / "own", options.photos.absolute(), model, peer)
            libraries["photos"] = show("photos", alternate(searches, options.runs))
    worst = {
        key: max(entry[key] for entry in libraries.values())
        for key in ("ratio", "cpu_ratio", "memory_ratio")
        if peer
    }
    finish("cold_query", **worst, runs=options.runs, libraries=libraries)


if __name__ == "__main__":
    main()
