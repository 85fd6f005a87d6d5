"""From the command to the first picture, and a second run over a library that did not change.

    python -m benchmarks.first_image [--files 100000] [--photos DIR] [--quick]

Three figures. `start`: seconds from the start of `vasari index` to its first batch encoded (and, beside it, to the
first commit, from which on pictures can be found). `unchanged`: seconds of `vasari index` over a library of so many
files that are all known; `reading`: seconds to read and hash the same files, which is the least that any program
must do that does not trust sizes and times. Both are measured in turns, and the medians told; processor seconds beside
them, of which reading spreads its own over all cores. The last line is JSON; `ratio` is unchanged / reading.

The files are photos of 500 × 375 pixels, each under hundreds of names, so that all lie in the page cache: that favours
reading. The library's rows are written through the catalog as `vasari index` does, with generated vectors.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time, time

from benchmarks.cache import random_model
from benchmarks.measuring import finish, run
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.storage.local_files import content_hash

VASARI = Path(sys.executable).with_name("vasari")
_BYTES = 115_000  # a photo of 500 × 375 pixels
_ORIGINALS = 200  # a file may have 65,000 names at most

# Runs `vasari index` in its process and notes when the first batch was encoded and the first commit was done.
_START = """
import json, sys, time
started = float(sys.argv[1])
moments = {}
from vasari.api.cli.main import main
from vasari.indexer.commit import Committer
add, commit = Committer.add, Committer.commit
def noting(name, method):
    def noted(self, *arguments):
        had = bool(self._items) or name == "first_batch"
        result = method(self, *arguments)
        if had:
            moments.setdefault(name, time.time() - started)
        return result
    return noted
Committer.add = noting("first_batch", add)
Committer.commit = noting("first_commit", commit)
try:
    main(sys.argv[2:])
finally:
    print(json.dumps(moments))
"""

# Makes the catalog know every file of a folder as it is, by the catalog's own commits.
_KNOW = """
import sys
from pathlib import Path
import numpy as np
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.records import NewItem, SegmentRecord
from vasari.retrieval.domain import Modality, unit_vectors
from vasari.retrieval.library.library import Library
from vasari.retrieval.vectors.segments import write_segment
root, photos, model = sys.argv[1:]
with Library.open(root, create=True) as library:
    space, catalog, modality = library.use_model(model), library.catalog, Modality.IMAGE
    files = list(FolderSource([photos]).candidates())
    chance = np.random.default_rng(0)
    with catalog.lease.acquire("benchmark"):
        for start in range(0, len(files), 4096):
            chunk = files[start : start + 4096]
            ids = list(catalog.items.reserve(len(chunk)))
            number = catalog.segments.reserve(space.name, modality)
            rows = unit_vectors(chance.standard_normal((len(chunk), space.dim), dtype=np.float32))
            checksum = write_segment(library.segments_directory(space, modality), number, np.array(ids), rows)
            items = [
                NewItem(file.uri, f"{item:032x}", file.bytes, file.mtime_ns, row, item, file.ctime_ns)
                for item, file, row in zip(ids, chunk, rows, strict=True)
            ]
            catalog.segments.commit(SegmentRecord(space.name, modality, number, len(chunk), checksum), items)
"""


def first(photos: Path, model: Path, library: Path) -> dict[str, float]:
    """Seconds from the start of the process to its first batch, and to its first commit."""
    words = [sys.executable, "-c", _START, str(time()), "index", str(photos), "--model", str(model)]
    done = run([*words, "--library", library])
    moments: dict[str, float] = json.loads(done.output.splitlines()[-1])
    return {name: round(seconds, 3) for name, seconds in moments.items()}


def write_files(folder: Path, count: int, photos: Path | None) -> None:
    """`count` names in folders of a thousand, linked to a few hundred files: `photos`, or as many random bytes."""
    store = folder.with_name("store")
    store.mkdir()
    originals = sorted(photos.rglob("*.*"))[:_ORIGINALS] if photos is not None else []
    for number in range(_ORIGINALS):
        data = originals[number % len(originals)].read_bytes() if originals else os.urandom(_BYTES)
        (store / f"{number}.jpg").write_bytes(data)
    for number in range(count):
        path = folder / f"{number // 1000:04d}" / f"IMG_{number:08d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(store / f"{number % _ORIGINALS}.jpg", path)


def reading(folder: Path) -> tuple[float, float]:
    """Seconds, and processor seconds, to list, read and hash all files on all cores by indexing's own functions."""

    def read(paths: Sequence[str]) -> None:
        for path in paths:
            content_hash(Path(path).read_bytes())

    started, used = perf_counter(), process_time()
    paths = [entry.uri for entry in FolderSource([folder]).candidates()]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(read, [paths[i : i + 256] for i in range(0, len(paths), 256)]))
    return perf_counter() - started, process_time() - used


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--photos", type=Path, help="photos to begin with; without them `start` is left out")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="5,000 files, one run")
    options = parser.parse_args(arguments)
    if options.quick:
        options.files, options.runs = 5_000, 1
    model = random_model()
    start: dict[str, float] = {}
    with TemporaryDirectory() as name:
        scratch = Path(name)
        if options.photos is not None:
            start = first(options.photos.absolute(), model, scratch / "first")
            batch, commit = start["first_batch"], start["first_commit"]
            print(f"start: first batch after {batch:.2f} s, first commit after {commit:.2f} s")
        write_files(scratch / "photos", options.files, options.photos)
        library = scratch / "library"
        know = [sys.executable, "-c", _KNOW, str(library), str(scratch / "photos"), str(model)]
        subprocess.run(know, check=True)
        again: list[tuple[float, float]] = []
        read: list[tuple[float, float]] = []
        for _ in range(options.runs):
            done = run([VASARI, "index", scratch / "photos", "--library", library, "--json"])
            report = json.loads(done.output)
            if report["unchanged"] != options.files:
                raise SystemExit(f"not all files were found unchanged: {report}")
            again.append((done.seconds, done.cpu_seconds))
            read.append(reading(scratch / "photos"))
    (unchanged, unchanged_cpu), (whole, whole_cpu) = (
        map(median, zip(*runs, strict=True)) for runs in (again, read)
    )
    print(
        f"unchanged: {options.files:,} files in {unchanged:.2f} s ({unchanged_cpu:.2f} of the processor);"
        f" reading and hashing them {whole:.2f} s ({whole_cpu:.2f})"
    )
    finish(
        "first_image",
        ratio=round(unchanged / whole, 3),
        files=options.files,
        unchanged_seconds=round(unchanged, 3),
        unchanged_cpu_seconds=round(unchanged_cpu, 3),
        reading_seconds=round(whole, 3),
        reading_cpu_seconds=round(whole_cpu, 3),
        **start,
    )


if __name__ == "__main__":
    main()
