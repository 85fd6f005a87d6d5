"""Do the boxes of `vasari locate` and `detect` lie where things are?

    python -m benchmarks.boxes DIR [--captioner scenes-florence] [--limit 100]

DIR is a folder made by `vasari scenes render`, whose `scenes.jsonl` knows the box of every object. Each picture is
detected once, and each phrase of it ("red boat") is located; a box is right if it has the phrase of an object and
overlaps it by half (intersection over union ≥ 0.5, as in PASCAL VOC), each object being found once. The last line is
JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import finish
from vasari.retrieval.domain import Region
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings

_SIZE = 256  # of a rendered picture, whose boxes are shares of its sides
_OVERLAP = 0.5


@dataclass(slots=True)
class Tally:
    """Boxes that were found, that were right, and that there are."""

    found: int = 0
    right: int = 0
    there: int = 0

    def count(self, found: Sequence[Region], there: Sequence[Region]) -> None:
        """Match each box with the object that it overlaps most."""
        left = list(there)
        for region in found:
            same = [other for other in left if other.label == region.label]
            best = max(same, key=lambda other: overlap(region, other), default=None)
            if best is not None and overlap(region, best) >= _OVERLAP:
                left.remove(best)
                self.right += 1
        self.found, self.there = self.found + len(found), self.there + len(there)

    def figures(self) -> dict[str, float]:
        """Precision and recall."""
        return {
            "precision": round(self.right / max(self.found, 1), 3),
            "recall": round(self.right / max(self.there, 1), 3),
        }


@dataclass(slots=True)
class Tallies:
    """Both ways of asking."""

    detect: Tally = field(default_factory=Tally)
    locate: Tally = field(default_factory=Tally)
    refused: int = 0  # pictures


def overlap(one: Region, other: Region) -> float:
    """Intersection over union of two boxes."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(width, 0) * max(height, 0)
    return shared / (area(one) + area(other) - shared)


def area(region: Region) -> float:
    """In pixels."""
    return (region.right - region.left) * (region.bottom - region.top)


def drawn(folder: Path, limit: int) -> Iterator[tuple[Path, list[Region]]]:
    """The first pictures of a rendered folder, each with what stands where."""
    with (folder / "scenes.jsonl").open(encoding="utf-8") as lines:
        for _, line in zip(range(limit), lines, strict=False):
            told = json.loads(line)
            boxes = [(entry["phrase"], [_SIZE * side for side in entry["box"]]) for entry in told["objects"]]
            regions = [
                Region(left, top, right, bottom, phrase) for phrase, (left, top, right, bottom) in boxes
            ]
            yield folder / told["file_name"], regions


def measure(library: Library, folder: Path, limit: int) -> Tallies:
    """Ask for everything in each picture."""
    tallies = Tallies()
    for picture, there in drawn(folder, limit):
        try:
            tallies.detect.count(library.detect(picture), there)
        except UnsupportedError:  # taken for a photo: as if nothing were found
            tallies.refused += 1
            tallies.detect.count([], there)
            tallies.locate.count([], there)
            continue
        for phrase in sorted({region.label for region in there}):
            wanted = [region for region in there if region.label == phrase]
            tallies.locate.count(library.locate(picture, phrase), wanted)
    return tallies


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--captioner", default="scenes-florence")
    parser.add_argument("--limit", type=int, default=100, help="pictures")
    options = parser.parse_args(arguments)
    settings = Settings(model="scenes", captioner=options.captioner)
    with tempfile.TemporaryDirectory() as root, Library.open(root, settings, create=True) as library:
        tallies = measure(library, options.folder, options.limit)
    figures = {"detect": tallies.detect.figures(), "locate": tallies.locate.figures()}
    print(f"{tallies.detect.there} things in {options.limit} pictures")
    for way, shares in figures.items():
        print(f"  {way:7} precision {shares['precision']:.3f}, recall {shares['recall']:.3f}")
    finish("boxes", captioner=options.captioner, pictures=options.limit, refused=tallies.refused, **figures)


if __name__ == "__main__":
    main()
