"""Are small things found in large pictures, with and without parts of them embedded?

    python -m benchmarks.regions [--pictures 60] [--regions 5 9 34]

Drawn scenes of heldout combinations, in pictures of five kinds: alone, and among others on sheets of 2 by 2 and of 3 by
3, where a scene has a quarter or a ninth of the area, as one of them or over them at any place. All pictures are one
library, indexed and searched as by commands with the built-in model; asked is a detailed caption of a scene, right is
its picture. R@1 and R@10 by kind, seconds of indexing and of a search, bytes a picture. The last line is JSON.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random

from PIL import Image

from benchmarks.measuring import finish
from vasari.retrieval.domain import SearchRequest, Term, TermKind
from vasari.retrieval.library.library import Library
from vasari.training.scenes.captions import describe
from vasari.training.scenes.dataset import DrawnCollection
from vasari.training.scenes.painter import paint
from vasari.training.scenes.scene import Detail, Language, Split

_SIZE = 256  # pixels of a scene alone; sheets are so much larger

Queries = dict[str, list[tuple[str, str]]]  # by kind: caption, file name


def draw(folder: Path, pictures: int) -> Queries:
    """Paint as many pictures of each kind; a caption of a scene of each, at a place drawn at random."""
    collection, random = DrawnCollection(2026, Split.HELDOUT), Random(0)
    numbers = itertools.count()
    queries: Queries = defaultdict(list)
    for side, anywhere in [(1, False), (2, False), (3, False), (2, True), (3, True)]:
        kind = f"{'over' if anywhere else 'one of'} {side * side}"
        for number in range(pictures):
            sheet = Image.new("RGB", (side * _SIZE, side * _SIZE))
            corners = [(place % side * _SIZE, place // side * _SIZE) for place in range(side * side)]
            asked = random.randrange(side * side)
            if anywhere:
                asked = len(corners)
                corners.append((random.randrange((side - 1) * _SIZE), random.randrange((side - 1) * _SIZE)))
            name = f"{kind.replace(' ', '-')}-{number:04d}.jpg"
            for place, corner in enumerate(corners):
                drawn = collection.scene(scene := next(numbers))
                sheet.paste(paint(drawn, _SIZE), corner)
                if place == asked:
                    caption = describe(drawn, Language.ENGLISH, Detail.HIGH, Random(scene + 1))
                    queries[kind].append((caption, name))
            sheet.save(folder / name, quality=90)
    return queries


def measured(library: Library, queries: Queries, regions: bool) -> dict[str, float]:
    """R@1 and R@10 by kind, and the median milliseconds of a search."""
    figures: dict[str, float] = {}
    seconds = []
    for kind, asked in queries.items():
        places = []
        for caption, name in asked:
            term = Term(TermKind.TEXT, text=caption)
            request = SearchRequest((term,), limit=10, regions=regions, literally=True)
            began = time.perf_counter()
            found = [Path(hit.item.uri).name for hit in library.search(request).hits]
            seconds.append(time.perf_counter() - began)
            places.append(found.index(name) if name in found else 10)
        for k in (1, 10):
            share = sum(place < k for place in places) / len(places)
            figures[f"R@{k}, {kind}"] = round(share, 3)
    return figures | {"search_ms": round(1000 * statistics.median(seconds), 2)}


def index(pictures: Path, library: Path, *options: str) -> float:
    """`vasari index` of the pictures; seconds."""
    command = [sys.executable, "-m", "vasari.api.cli", "index", str(pictures), "--source", "folder"]
    began = time.perf_counter()
    subprocess.run([*command, "--library", str(library), "--model", "scenes", *options], check=True)
    return round(time.perf_counter() - began, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=60, help="of each kind")
    parser.add_argument("--regions", type=int, nargs="+", default=[5, 9, 34])
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        pictures, folder = Path(scratch) / "pictures", Path(scratch) / "library"
        pictures.mkdir()
        queries = draw(pictures, options.pictures)
        seconds = index(pictures, folder)
        with Library.open(folder) as library:
            rows = {"none": measured(library, queries, False) | {"index_s": seconds}}
        for regions in options.regions:
            seconds = index(pictures, folder, "--regions", str(regions))
            codes = sum(path.stat().st_size for path in folder.rglob("*.regions.npy"))
            with Library.open(folder) as library:
                rows[str(regions)] = measured(library, queries, True) | {
                    "index_s": seconds,
                    "bytes_a_picture": codes // sum(map(len, queries.values())),
                }
    for name, row in rows.items():
        print(f"{name:5}", "  ".join(f"{key} {value}" for key, value in row.items()))
    finish("regions", pictures=options.pictures, rows=rows)


if __name__ == "__main__":
    main()
