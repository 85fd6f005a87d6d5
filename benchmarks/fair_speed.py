"""What fair ranking costs a search, and what it finds: a library with a tuned index, with and without.

    python -m benchmarks.fair_speed [--rows 100000] [--model starter] [--kind rabitq] [--weight 0.25] [--queries 100]
                                    [--library FOLDER]

Vectors are those of `clip_like`, committed as by `vasari index`, with an index as by `vasari rebuild`. The hubs
are the fifth of the pictures that lie nearest to 2,120 texts of the same source. Everyday phrases are searched for, as
by `Library.searched`, warm, each without and with fair ranking in turn, which first changes; times are of the processor
and by the clock, of which other work on the machine takes as much from both. Then other texts of the source are
compared with the exact scan ranked the same way, through the index alone. The last line is JSON: `search`, `clock` and
`index` are times with / without at the median.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.clip_like import ClipLike
from benchmarks.filled_library import add
from benchmarks.measuring import finish
from vasari.indexer.build import publish
from vasari.retrieval.domain import (
    EmbeddingSpace,
    FairMethod,
    Modality,
    SearchRequest,
    Term,
    TermKind,
    UnitVectors,
)
from vasari.retrieval.evaluation.text_banks import everyday_phrases
from vasari.retrieval.library.fair_ranking import gate_of, switch_on
from vasari.retrieval.library.library import Library
from vasari.retrieval.vectors.gallery import Gallery, GallerySnapshot
from vasari.retrieval.vectors.index import IndexKind

Query = TypeVar("Query")
_COMMIT, _BANK, _HUBS = 4096, 2120, 0.2


def fill(library: Library, space: EmbeddingSpace, rows: int, kind: IndexKind) -> None:
    """Commit generated vectors, and build an index over them."""
    done = 0
    with library.catalog.lease.acquire("benchmark"):
        for block in ClipLike(space.dim).pictures(rows):
            for start in range(0, len(block), _COMMIT):
                part = block[start : start + _COMMIT]
                add(library, space, part, [f"/photos/{done + row}.jpg" for row in range(len(part))])
                done += len(part)
        publish(library, space, Modality.IMAGE, kind=kind)


def rank_fairly(library: Library, space: EmbeddingSpace, bank: UnitVectors, weight: float) -> float:
    """Switch fair ranking on; seconds of the processor for the numbers of a million rows."""
    gate, began = gate_of(library, space, bank, _HUBS), process_time()
    method, source = FairMethod.NNN, "generated texts"
    switch_on(library, space, bank, method=method, weight=weight, source=source, gate=gate)
    return (process_time() - began) / len(library.gallery(Modality.IMAGE, space)) * 1e6


def milliseconds(ask: Callable[[Query], object], queries: Iterable[Query]) -> list[float]:
    """Of processor time, for each query."""
    spent = []
    for query in queries:
        began = process_time()
        ask(query)
        spent.append((process_time() - began) * 1e3)
    return spent


def searched(library: Library, phrases: list[str]) -> dict[str, float]:
    """Median milliseconds of a search without and with fair ranking, and their ratio: processor's, and by the clock."""
    spent: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for number, phrase in enumerate([*phrases[:5], *phrases, *phrases]):
        request = SearchRequest((Term(TermKind.TEXT, text=phrase),))
        for is_fair in (False, True) if number % 2 else (True, False):
            began = process_time(), perf_counter()
            library.searched(request, fair=None if is_fair else False)
            if number >= 5:
                spent[is_fair].append(((process_time() - began[0]) * 1e3, (perf_counter() - began[1]) * 1e3))
    figures: dict[str, float] = {}
    for place, name in enumerate(("search", "clock")):
        without, fairly = (float(np.median([each[place] for each in spent[one]])) for one in (False, True))
        figures |= {f"{name}_ms_without": without, f"{name}_ms_with": fairly, name: fairly / without}
    return figures


def recall(found: NDArray[np.int64], wanted: NDArray[np.int64]) -> float:
    """The share of the wanted answers (queries, 10) that was found."""
    return float(np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, wanted, strict=True)]))


def of_the_index(library: Library, space: EmbeddingSpace, texts: UnitVectors) -> dict[str, float]:
    """Times, and recall@10 against the exact scan, with and without."""
    indexed, places = library.gallery(Modality.IMAGE, space), library.catalog.segments
    numbers = [record.number for record in places.all(space.name, Modality.IMAGE)]
    snapshot = GallerySnapshot(numbers, dim=space.dim, fair=indexed.fair)
    folders = (
        library.segments_directory(space, Modality.IMAGE),
        library.generations_directory(space, Modality.IMAGE),
    )
    scanned = Gallery.open(*folders, snapshot)
    queries = [UnitVectors(text[None]) for text in texts]
    found, times, truth = {}, {}, {}
    for name, gallery, exact in (("without", indexed, scanned), ("with", indexed.fairly, scanned.fairly)):
        times[name] = float(np.median(milliseconds(partial(gallery.search, k=10), queries)))
        found[name] = gallery.search(texts, 10)[0]
        truth[name] = exact.search(texts, 10)[0]
    return {
        "index_ms_without": times["without"],
        "index_ms_with": times["with"],
        "index": times["with"] / times["without"],
        "recall_without": recall(found["without"], truth["without"]),
        "recall_with": recall(found["with"], truth["with"]),
        "answers_changed": 1 - recall(truth["without"], truth["with"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--kind", type=IndexKind, default=IndexKind.RABITQ)
    parser.add_argument("--weight", type=float, default=0.25)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument(
        "--library", type=Path, help="where it is made and kept, and measured again the next time"
    )
    options = parser.parse_args()
    phrases = everyday_phrases(["en"])
    asked = phrases[:: max(len(phrases) // options.queries, 1)][: options.queries]
    with contextlib.ExitStack() as stack:
        folder = options.library or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        library = stack.enter_context(Library.open(folder, create=True))
        space = library.use_model(options.model)
        texts = ClipLike(space.dim).texts(options.queries + _BANK, options.rows)
        figures = {}
        if not len(library.gallery(Modality.IMAGE, space)):
            fill(library, space, options.rows, options.kind)
            bank = UnitVectors(texts[options.queries :])
            figures["numbers_seconds_a_million"] = rank_fairly(library, space, bank, options.weight)
        figures |= searched(library, asked)
        figures |= of_the_index(library, space, UnitVectors(texts[: options.queries]))
    for name, value in figures.items():
        print(f"{name:26} {value:.3f}")
    finish("fair_speed", rows=options.rows, kind=str(options.kind), weight=options.weight, **figures)


if __name__ == "__main__":
    main()
