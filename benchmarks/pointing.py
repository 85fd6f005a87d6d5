"""Do heat maps point at what was asked for?

    python -m benchmarks.pointing DIR [--model scenes] [--limit 200]

DIR is a folder made by `vasari scenes render`, whose `scenes.jsonl` knows the box of every object. For each object of
each picture, "a red boat" is looked for, and the hottest patch counts as a hit if its middle lies in a box of a red
boat (the pointing game; Zhang et al., "Top-down neural attention by excitation backprop", ECCV 2016). `chance` is the
share of the picture that those boxes cover. Both kinds of maps are measured: the reranker's cross-attention, and the
patches of the dual encoder, which stand in where there is no reranker. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import finish
from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.library import understanding
from vasari.retrieval.library.library import Library

Box = tuple[float, float, float, float]  # left, top, right, bottom in [0, 1]


@dataclass(frozen=True, slots=True)
class Sought:
    """Words, and where in a picture is what they name."""

    picture: Path
    text: str
    boxes: list[Box]

    def hit(self, heat: NDArray[np.float32]) -> bool:
        """Whether the hottest patch of a map (rows, columns) lies on it."""
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        x, y = (column + 0.5) / heat.shape[1], (row + 0.5) / heat.shape[0]
        return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in self.boxes)

    def chance(self, side: int = 64) -> float:
        """The share of the picture that the boxes cover."""
        middles = (np.arange(side) + 0.5) / side
        covered = np.zeros((side, side), dtype=bool)
        for left, top, right, bottom in self.boxes:
            inside = (middles >= left) & (middles <= right)
            covered |= inside[None, :] & ((middles >= top) & (middles <= bottom))[:, None]
        return float(covered.mean())


def sought(folder: Path, limit: int) -> Iterator[Sought]:
    """What stands in the first pictures of a rendered folder, each kind of thing once a picture."""
    with (folder / "scenes.jsonl").open(encoding="utf-8") as lines:
        for _, line in zip(range(limit), lines, strict=False):
            told = json.loads(line)
            boxes: dict[str, list[Box]] = {}
            for found in told["objects"]:
                boxes.setdefault(found["phrase"], []).append(tuple(found["box"]))
            for phrase, places in boxes.items():
                article = "an" if phrase[0] in "aeiou" else "a"
                yield Sought(folder / told["file_name"], f"{article} {phrase}", places)


def by_attention(library: Library) -> Callable[[Sought], NDArray[np.float32]]:
    """The maps that `vasari why` draws."""
    return lambda what: library.why(what.picture, what.text)


def by_patches(library: Library) -> Callable[[Sought], NDArray[np.float32]]:
    """The maps that it draws where there is no reranker."""
    encoder = library.models.whole(library.space())

    def heat(what: Sought) -> NDArray[np.float32]:
        patches = encoder.embed_patches(encoder.prepare(library.open_picture(what.picture))[None])[0]
        vectors = library.embed_texts([what.text, *understanding.NOTHING], library.space())
        return understanding.patch_map(patches, UnitVectors(vectors[:1]), UnitVectors(vectors[1:]))

    return heat


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="scenes")
    parser.add_argument("--limit", type=int, default=200, help="pictures")
    options = parser.parse_args(arguments)
    asked = list(sought(options.folder, options.limit))
    figures = {"chance": float(np.mean([what.chance() for what in asked]))}
    with tempfile.TemporaryDirectory() as root, Library.open(root, create=True) as library:
        library.use_model(options.model)
        for name, ways in (("reranker", by_attention), ("patches", by_patches)):
            heat = ways(library)
            figures[name] = float(np.mean([what.hit(heat(what)) for what in asked]))
    print(f"{len(asked)} things sought; the hottest patch lies on them:")
    for name, share in figures.items():
        print(f"  {name:9} {share:6.1%}")
    finish("pointing", sought=len(asked), **{name: round(share, 4) for name, share in figures.items()})


if __name__ == "__main__":
    main()
