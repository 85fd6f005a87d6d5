"""What stacks by rules cost as a library grows: RAW photos with JPEGs, edits, bursts, and a clock that stands still.

    python -m benchmarks.stacks --rows 25000 50000 100000

Generated rows, committed as jobs commit them. "shoots": folders of 1,000 files, of which ten each are a RAW photo with
its JPEG and an edited copy, a burst of five, and two alone. "one moment": no two pictures are alike, and a camera
wrote the same time into all of them. Processor time of the whole pass, with a search's gallery: the first time, which
writes the stacks, and again, when nothing changed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks import measuring
from vasari.retrieval.catalog.records import NewItem, SegmentRecord
from vasari.retrieval.domain import EmbeddingSpace, Modality, UnitVectors, unit_vectors
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.stacking import restack
from vasari.retrieval.vectors.segments import write_segment

_COMMIT, _FOLDER, _DIM = 5000, 1000, 512
_NAMES = (
    "{0}.dng",
    "{0}.jpg",
    "{0}-edited.jpg",
    "{1}.jpg",
    "{2}.jpg",
    "{3}.jpg",
    "{4}.jpg",
    "{5}.jpg",
    "{6}.jpg",
)
_SCENES = (0, 0, 0, 1, 1, 1, 1, 1, 2, 3)  # of the ten files of a shoot


def fill(library: Library, space: EmbeddingSpace, rows: int, layout: str) -> None:
    """Commit the rows of a layout."""
    library.catalog.spaces.ensure(space)
    for start in range(0, rows, _COMMIT):
        places = np.arange(start, min(start + _COMMIT, rows))
        vectors = _vectors(places, layout)
        ids = library.catalog.items.reserve(len(places))
        number = library.catalog.segments.reserve(space.name, Modality.IMAGE)
        folder = library.segments_directory(space, Modality.IMAGE)
        checksum = write_segment(folder, number, np.array(ids, np.int64), vectors)
        items = [
            _item(item, place, vectors[row], layout)
            for row, (item, place) in enumerate(zip(ids, places.tolist(), strict=True))
        ]
        record = SegmentRecord(space.name, Modality.IMAGE, number, len(items), checksum)
        library.catalog.segments.commit(record, items)


def _vectors(places: np.ndarray, layout: str) -> UnitVectors:
    """Those of one scene are alike."""
    noise = np.random.default_rng(int(places[0])).standard_normal((len(places), _DIM))
    if layout == "one moment":
        return unit_vectors(noise)
    scenes = places // 10 * 4 + np.array(_SCENES)[places % 10]
    scene = np.array([np.random.default_rng(number).standard_normal(_DIM) for number in scenes.tolist()])
    return unit_vectors(scene + 0.1 * noise)


def _item(item: int, place: int, vector: np.ndarray, layout: str) -> NewItem:
    shoot, file = divmod(place, 10)
    name = (*_NAMES, "{7}.jpg")[file].format(*(f"IMG_{8 * shoot + number:07}" for number in range(8)))
    moment = datetime(2024, 1, 1) + timedelta(minutes=shoot, seconds=20 * _SCENES[file])
    taken = "2000-01-01T00:00:00" if layout == "one moment" else moment.isoformat()
    folder = 0 if layout == "one moment" else place // _FOLDER
    return NewItem(
        f"/photos/{folder:04}/{name}" if layout != "one moment" else f"/photos/{place:08}.jpg",
        f"{item:032x}",
        bytes=1,
        mtime_ns=item,
        vector=vector,
        id=item,
        format="raw" if name.endswith("dng") else "jpeg",
        attributes={"taken": taken, "camera": "A camera"},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[25_000, 50_000, 100_000])
    options = parser.parse_args()
    space = EmbeddingSpace("generated", "generated", "none", "none", _DIM)
    report: dict[str, dict[int, dict[str, float]]] = {}
    for layout in ("shoots", "one moment"):
        report[layout] = {}
        for rows in options.rows:
            with tempfile.TemporaryDirectory() as place, Library.open(Path(place), create=True) as library:
                fill(library, space, rows, layout)
                spent, gallery = [], library.gallery(Modality.IMAGE, space)
                for _ in range(2):
                    began = time.process_time()
                    restack(library.catalog.stacks, gallery)
                    spent.append(round(time.process_time() - began, 2))
                found = len(library.catalog.stacks.all())
            report[layout][rows] = {"first_s": spent[0], "again_s": spent[1], "stacks": found}
            print(f"{layout:11} {rows:8,}  " + "  ".join(f"{k} {v}" for k, v in report[layout][rows].items()))
    measuring.finish("stacks", layouts=report)


if __name__ == "__main__":
    main()
