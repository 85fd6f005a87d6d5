"""What a search for one of each group costs beside a plain one, and that it finds k groups: by group size.

    python -m benchmarks.groups --rows 100000 --kinds hnsw rabitq

Rows are like CLIP's (`benchmarks.filter_recall`), in families: those of a family lie near each other, as pictures of
one product do. Each row is in a group of each size twice: with its own family ("alike"), so that the nearest rows are
of few groups, and with rows by chance ("scattered"). A plain search and a grouped one for the same row follow each
other; the ratio is the median over all pairs. All answers have k groups, and five of each kind are held against
a look at all rows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import measuring
from benchmarks.filter_recall import Topics, publish
from vasari.retrieval.catalog.records import NewItem, SegmentRecord
from vasari.retrieval.domain import (
    EmbeddingSpace,
    Modality,
    SearchRequest,
    Term,
    TermKind,
    UnitVectors,
    unit_vectors,
)
from vasari.retrieval.library.library import Library
from vasari.retrieval.vectors.index import IndexKind
from vasari.retrieval.vectors.segments import write_segment

SIZES = (1, 3, 10, 100)
LAYOUTS = ("alike", "scattered")
K = 10
_COMMIT = 5000


def families(rows: int, dim: int) -> UnitVectors:
    """Vectors (rows, dim): each hundred, ten and three in a row has something of its own."""
    random = np.random.default_rng(2)
    drawn = Topics(dim).draw(-(-rows // 100)).repeat(100, axis=0)[:rows] * 1.0
    for size in (10, 3, 1):
        noise = random.standard_normal((-(-rows // size), dim)) * 0.25 / np.sqrt(dim)
        drawn = drawn + noise.repeat(size, axis=0)[:rows]
    return unit_vectors(drawn)


def groups(rows: int) -> dict[str, NDArray[np.int64]]:
    """The group of each row (rows,), by name of the attribute that tells it."""
    chance = np.random.default_rng(1).permutation(rows)
    places = {"alike": np.arange(rows), "scattered": chance}
    return {f"{layout}_{size}": places[layout] // size for layout in LAYOUTS for size in SIZES}


def fill(library: Library, space: EmbeddingSpace, vectors: UnitVectors) -> None:
    """Commit a row for each vector, with the attributes that say its groups."""
    catalog, named = library.catalog, groups(len(vectors))
    catalog.spaces.ensure(space)
    for start in range(0, len(vectors), _COMMIT):
        part = vectors[start : start + _COMMIT]
        ids = catalog.items.reserve(len(part))
        number = catalog.segments.reserve(space.name, Modality.IMAGE)
        folder = library.segments_directory(space, Modality.IMAGE)
        checksum = write_segment(folder, number, np.array(ids, np.int64), part)
        rows = [
            NewItem(
                f"/photos/{item:08}.jpg",
                f"{item:032x}",
                bytes=1,
                mtime_ns=item,
                vector=part[row],
                id=item,
                attributes={name: f"P-{of[start + row]}" for name, of in named.items()},
            )
            for row, item in enumerate(ids)
        ]
        catalog.segments.commit(SegmentRecord(space.name, Modality.IMAGE, number, len(part), checksum), rows)


def searched(library: Library, item: int, name: str | None) -> tuple[float, list[int]]:
    """Milliseconds of a search for items like one, and the items found."""
    request = SearchRequest((Term(TermKind.ITEM, item=item),), limit=K, group_by=name)
    began = time.perf_counter()
    hits = library.search(request).hits
    return (time.perf_counter() - began) * 1e3, [hit.item.id for hit in hits]


def truth(vectors: UnitVectors, item: int, of: NDArray[np.int64]) -> list[int]:
    """The best of each of the nearest K groups, by a look at all rows; row 0 is item 1."""
    halves = vectors.astype(np.float16).astype(np.float32)
    query = halves[item - 1] / np.linalg.norm(halves[item - 1])
    order = np.lexsort((np.arange(len(halves)), -(halves @ query)))
    _, first = np.unique(of[order], return_index=True)
    return [int(row) + 1 for row in order[np.sort(first)][:K]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--kinds", nargs="*", default=[], help="indexes to measure beside none")
    options = parser.parse_args()
    vectors, named = families(options.rows, options.dim), groups(options.rows)
    asked = np.random.default_rng(4).choice(options.rows, options.rounds, replace=False) + 1
    space = EmbeddingSpace("generated", "generated", "none", "none", options.dim)
    report: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder), create=True) as library:
        fill(library, space, vectors)
        for kind in ("exact", *options.kinds):
            if kind != "exact":
                publish(library, space, IndexKind(kind))
            report[kind] = {}
            for name, of in named.items():
                first, _ = searched(library, 1, name)  # reads the groups
                library.catalog.annotations.set_attributes(1, {"seen": f"{kind} {name}"})
                searched(library, 1, None)  # reads what else changed
                changed, _ = searched(library, 1, name)
                pairs, checked, right = [], asked[:5].tolist(), 0
                for item in map(int, asked):
                    plain, _ = searched(library, item, None)
                    grouped, found = searched(library, item, name)
                    if len(found) != K or len({int(of[one - 1]) for one in found}) != K:
                        raise SystemExit(f"{kind}, {name}: fewer than {K} groups")
                    if item in checked:
                        right += len(set(found) & set(truth(vectors, item, of)))
                    pairs.append((plain, grouped))
                plain_ms, grouped_ms = np.median(pairs, axis=0)
                figures = {
                    "plain_ms": round(float(plain_ms), 2),
                    "grouped_ms": round(float(grouped_ms), 2),
                    "ratio": round(float(np.median([grouped / plain for plain, grouped in pairs])), 2),
                    "first_ms": round(first, 1),
                    "after_a_change_ms": round(changed, 1),
                    "recall": round(right / (K * len(checked)), 3),
                }
                report[kind][name] = figures
                print(f"{kind:7} {name:14}" + "  ".join(f"{key} {value}" for key, value in figures.items()))
    measuring.finish("groups", rows=options.rows, dim=options.dim, k=K, kinds=report)


if __name__ == "__main__":
    main()
