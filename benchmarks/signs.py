"""Are pictures found by the text in them: by all of it, and by a part of four letters?

    python -m benchmarks.signs [--pictures 500] [--seed 2026] [--model starter] [--keep FOLDER]

The painter draws scenes with signs (number plates, street names, shop signs, rules, posters) and saves them as JPEG;
they are indexed, read and searched as `vasari index`, `vasari read` and `vasari search` do. A picture is right for a
query whose letters stand on its sign in a row, spaces and punctuation apart; the first hit counts. A part is four
neighbouring letters or digits of one word. The last line is JSON.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.measuring import finish
from vasari.api.cli.progress import Bar
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.reading import read_library
from vasari.indexer.sources.detect import choose_source
from vasari.retrieval.catalog.folding import letters_of
from vasari.retrieval.domain import SearchRequest
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.loading import load_text_reader
from vasari.retrieval.search.query import parse_query
from vasari.training.scenes.painter import paint
from vasari.training.scenes.sampling import sample_scene, scene_seed
from vasari.training.scenes.scene import Split
from vasari.training.scenes.signs import Sign, put_up, sample_sign

_SIZE = 512  # pixels of a side
_PART = 4
_WORD = re.compile(r"[^\W_]{4,}")


@dataclass(frozen=True, slots=True)
class Query:
    """What is typed, and of which sign it is (or a part)."""

    text: str
    sign: Sign


def draw(folder: Path, count: int, seed: int) -> dict[str, Sign]:
    """Draw so many pictures; the sign in each, by the name of its file."""
    signs = {}
    for number in range(count):
        scene = sample_scene(scene_seed(seed, number, Split.HELDOUT), Split.HELDOUT)
        rng = Random(f"{seed}:{number}")
        sign = sample_sign(rng)
        picture = put_up(paint(scene, _SIZE), sign, scene.time, rng)
        name = f"{number:04}.jpg"
        picture.save(folder / name, quality=85)
        signs[name] = sign
    return signs


def wholes(signs: Mapping[str, Sign]) -> Iterator[Query]:
    """All that each sign says."""
    return (Query(sign.text, sign) for sign in signs.values())


def parts(signs: Mapping[str, Sign], seed: int) -> Iterator[Query]:
    """Four neighbouring letters of a word of each sign."""
    rng = Random(seed)
    for sign in signs.values():
        if words := _WORD.findall(sign.text):
            word = rng.choice(words)
            start = rng.randint(0, len(word) - _PART)
            yield Query(word[start : start + _PART], sign)


def first_by_search(library: Library, text: str) -> str | None:
    """The name of the first hit of a search for these words."""
    hits = library.search(SearchRequest(parse_query(text), limit=1, hybrid=True)).hits
    return Path(hits[0].item.uri).name if hits else None


def found_first(
    queries: Sequence[Query], signs: Mapping[str, Sign], first: Callable[[str], str | None]
) -> dict[str, list[bool]]:
    """Whether the first hit of each query is right, by the kind of its sign."""
    found: dict[str, list[bool]] = defaultdict(list)
    for query in queries:
        name = first(query.text)
        right = name is not None and letters_of(query.text) in letters_of(signs[name].text)
        found[query.sign.kind].append(right)
    return found


def share(found: Mapping[str, Sequence[bool]]) -> float:
    """Of all queries."""
    every = [right for kind in found.values() for right in kind]
    return round(sum(every) / max(len(every), 1), 4)


def main() -> None:
    """Draw, index, read, search, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--model", default="starter")
    parser.add_argument(
        "--keep", type=Path, help="Draw into this folder, and leave pictures and library there."
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        photos = folder / "photos"
        photos.mkdir(parents=True, exist_ok=True)
        signs = draw(photos, options.pictures, options.seed)
        with Library.open(folder / "library", create=True) as library, Bar() as bar:
            space = library.use_model(options.model)
            index(library, choose_source([str(photos)])[0], IndexOptions(space=space.name), bar)
            report = read_library(library, load_text_reader(), bar)
            measured = {
                "whole": found_first(list(wholes(signs)), signs, lambda text: first_by_search(library, text)),
                "part": found_first(
                    list(parts(signs, options.seed)), signs, lambda text: first_by_search(library, text)
                ),
            }
            exact = exactly_read(library, signs)
    for kind in sorted(measured["whole"]):
        cells = [f"{share({kind: found.get(kind, [])}):.3f}" for found in measured.values()]
        print(
            f"{kind:14} {len(measured['whole'][kind]):5,} signs, found first by all: {cells[0]}, by a part: {cells[1]}"
        )
    each = report.seconds / max(report.read, 1)
    print(f"{exact:.3f} of the signs were read without a mistake, {each:.2f} s a picture")
    figures = {name: share(found) for name, found in measured.items()}
    finish("signs", **figures, read_exactly=exact, seconds_a_picture=round(each, 3), pictures=len(signs))


def exactly_read(library: Library, signs: Mapping[str, Sign]) -> float:
    """The share of signs all of whose letters were read."""
    by_name = {name: letters_of(sign.text) for name, sign in signs.items()}
    known = {item.id: Path(item.uri).name for item in library.items(list(range(1, len(signs) + 1))).values()}
    read = library.catalog.readings.of(known)
    right = [
        by_name[name] in "".join(letters_of(line.text) for line in read.get(item, ()))
        for item, name in known.items()
    ]
    return round(sum(right) / max(len(right), 1), 4)


if __name__ == "__main__":
    main()
