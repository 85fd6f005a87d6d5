"""What do words beside vectors cost a search?

    python -m benchmarks.words [--items 100000] [--queries 400] [--model scenes]

Fills a library with pictures of random vectors, each with the caption of a drawn scene (most of whose words are common,
which is the dear case), every third with one of 2,000 names, each with a number in its file's name. Then it asks
sentences, single words, names and numbers in turn, each once, as `vasari search` does by default and, turn by turn in
the same process, as with `--no-hybrid`. Searching costs the same whatever the vectors mean; queries are embedded
before, as a text tower would only make the difference look smaller. Prints a table and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.filled_library import fill
from benchmarks.measuring import finish
from vasari.retrieval.domain import SearchRequest, Term, TermKind
from vasari.retrieval.library.library import Library
from vasari.training.scenes.captions import describe
from vasari.training.scenes.sampling import sample_scene
from vasari.training.scenes.scene import Detail, Language, Split

_SCENES = 5000  # scenes that the captions are of; more of them have no other words
_NAMES = 2000


def captions(items: int, rng: random.Random) -> list[str]:
    """A caption of each picture, of every third with a name: few names on many pictures, most on few."""
    scenes = [
        describe(sample_scene(seed, Split.TRAIN), Language.ENGLISH, Detail.HIGH, rng)
        for seed in range(min(items, _SCENES))
    ]
    names = [_name(number) for number in range(_NAMES)]
    shares = [1 / (1 + number) for number in range(_NAMES)]
    drawn = rng.choices(names, shares, k=items)
    told = rng.choices(scenes, k=items)
    return [f"{told[item]} {drawn[item]}" if item % 3 == 0 else told[item] for item in range(items)]


def _name(number: int) -> str:
    syllables = ("ka", "lo", "mi", "ru", "ta", "ne", "so", "vi", "pe", "da", "ju", "ha", "zo")
    return "".join(syllables[number // len(syllables) ** place % len(syllables)] for place in range(4))


def queries(count: int, said: Sequence[str], rng: random.Random) -> Iterator[str]:
    """Sentences, words, names and numbers in turn."""
    for number in range(count):
        sentence = rng.choice(said).split(" ")
        start = rng.randrange(max(1, len(sentence) - 6))
        yield (
            " ".join(sentence[start : start + 6]),
            rng.choice(sentence),
            f"{_name(rng.randrange(_NAMES))} {rng.choice(sentence)}",
            f"{rng.choice(sentence)} {rng.randrange(100_000):08d}",
        )[number % 4]


def ask(library: Library, query: str, *, words: bool) -> tuple[float, float]:
    """Milliseconds of one search, and of the processor in it, which a busy machine changes less."""
    request = SearchRequest((Term(TermKind.TEXT, text=query),), hybrid=None if words else False)
    vector = library.embed_query(request.terms, library.space())
    began, worked = time.perf_counter(), time.process_time()
    library.search(request, vector)
    return (time.perf_counter() - began) * 1e3, (time.process_time() - worked) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--model", default="scenes")
    options = parser.parse_args()
    rng = random.Random(0)
    said = captions(options.items, rng)
    with tempfile.TemporaryDirectory() as folder, Library.open(folder, create=True) as library:
        fill(library, options.items, options.model, Path("/photos"), said)
        asked = list(queries(options.queries, said, rng))
        for words in (True, False):
            ask(library, "red boat", words=words)
        times = [(ask(library, query, words=True), ask(library, query, words=False)) for query in asked]
    figures = {}
    for place, name in enumerate(("with words", "vectors alone")):
        wall, worked = np.array([both[place] for both in times]).T
        figures[name] = {
            "p50_ms": _quantile(wall, 0.5),
            "p95_ms": _quantile(wall, 0.95),
            "processor_p50_ms": _quantile(worked, 0.5),
            "processor_p95_ms": _quantile(worked, 0.95),
        }
        print(f"{name:14} {'  '.join(f'{figure} {ms:.2f}' for figure, ms in figures[name].items())}")
    ratio = figures["with words"]["p95_ms"] / figures["vectors alone"]["p95_ms"]
    print(f"p95 with words is {ratio:.2f} times that of vectors alone")
    finish("words", items=options.items, model=options.model, ratio=round(ratio, 3), **figures)


def _quantile(values: NDArray[np.float64], share: float) -> float:
    return round(float(np.quantile(values, share)), 2)


if __name__ == "__main__":
    main()
