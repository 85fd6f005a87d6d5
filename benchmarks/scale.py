"""What 10 million, 1 billion and 10 billion pictures take: a model, checked against measured points.

    python -m benchmarks.scale                                   # check the model, print the tables
    python -m benchmarks.scale --measure 10000 30000 100000      # measure the points anew (minutes)
    python -m benchmarks.scale --write docs/scale.md             # put the tables into the page

Points (`benchmarks/scale_points.json`) are libraries of generated vectors, filled as `vasari index` commits. Constants
come from the smallest points; the check predicts the largest from them and fails where it is off by more than the
tolerance beside each quantity. Seconds are processor seconds of one core.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np

from benchmarks.measuring import finish
from vasari.retrieval.domain import EmbeddingSpace, Modality, UnitVectors, unit_vectors
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings
from vasari.retrieval.vectors.gallery import Gallery

POINTS = Path(__file__).with_name("scale_points.json")
DIM = 512
COMMIT = 4096
SIZES = (10_000_000, 1_000_000_000, 10_000_000_000)
_TIMED = 20  # queries

# Not measured here: prices (US dollars, rounded list prices of large clouds), and what a GPU encodes (`benchmarks.gpu`
# measures it where there is one).
CORE_HOUR = 0.04
GPU_HOUR = 2.5
RAM_GIB_MONTH = 3.0
NVME_TIB_MONTH = 80.0
BUCKET_TIB_MONTH = 23.0
GPU_PICTURES = 2_000.0  # ViT-B-32 a second, pictures decoded by the CPUs beside it
# Measured by `benchmarks.index_throughput` and in docs/benchmarks.md, per core: ViT-B-32-256 in int8 and float32, and
# decoding of 0.2-megapixel photos.
CORE_PICTURES_INT8, CORE_PICTURES = 29.5, 6.8
ROWS_A_MACHINE = 100_000_000
PROBES = 256


@dataclass(frozen=True, slots=True)
class Point:
    """One measured library; bytes and processor seconds in total, of one query where it says so."""

    rows: int
    segment_bytes: float
    catalog_bytes: float
    add_seconds: float
    ivf_bytes: float
    ivf_build_seconds: float
    bits_bytes: float  # RaBitQ, two bits a dimension
    bits_build_seconds: float
    scan_seconds: float  # a query by comparing all rows
    ivf_seconds: float  # a query over a sixteenth of the lists
    gallery_bytes: float  # held in memory by a process that searches, beside the index
    open_seconds: float  # of a gallery with a mapped index


@dataclass(frozen=True, slots=True)
class Quantity:
    """A formula for one field of a point: a sum of given shapes, each with a constant that is fitted."""

    name: str
    shapes: tuple[Callable[[float], float], ...]
    tolerance: float  # the largest point may be off by this factor
    said: str


def lists(rows: float) -> float:
    """Inverted lists of an index of whole rows; one of bits has half as many."""
    return 4 * math.sqrt(rows)


def _bits(rows: float) -> float:
    row = DIM / 4 + 20 + 8
    return rows * row + lists(rows) / 2 * (4 * DIM + 16 * row) + 4 * DIM**2


def _rows(rows: float) -> float:
    return rows


def _compared(rows: float) -> float:
    """Centroids and rows that a query over a sixteenth of the lists is compared with."""
    return lists(rows) + rows / 16


def _placed(rows: float) -> float:
    return rows * lists(rows)


def _once(_: float) -> float:
    return 1.0


def _halves(rows: float) -> float:
    return rows * (2 * DIM + 8) + lists(rows) * 4 * DIM


QUANTITIES = (
    Quantity("segment_bytes", (_rows,), 1.05, "rows"),
    Quantity("catalog_bytes", (_rows,), 1.3, "rows"),
    Quantity("add_seconds", (_rows,), 2.0, "rows"),
    Quantity("ivf_bytes", (_halves,), 1.1, "rows and centroids"),
    Quantity("ivf_build_seconds", (_rows, _placed), 2.0, "rows, and rows × lists"),
    Quantity("bits_bytes", (_bits,), 1.1, "rows, centroids, half-filled blocks, the rotation"),
    Quantity("bits_build_seconds", (_rows, _placed), 2.0, "rows, and rows × lists"),
    Quantity("scan_seconds", (_rows,), 2.0, "rows"),
    Quantity("ivf_seconds", (_once, _compared), 2.0, "centroids, and rows in the lists looked at"),
    Quantity("gallery_bytes", (_rows,), 1.1, "rows"),
)


class Model:
    """The constants, fitted to all points but the largest."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.points = sorted(points, key=lambda point: point.rows)
        self.constants = {quantity.name: _fitted(quantity, self.points[:-1]) for quantity in QUANTITIES}

    def predict(self, name: str, rows: float) -> float:
        """A field of a point of this size."""
        quantity = next(quantity for quantity in QUANTITIES if quantity.name == name)
        return sum(c * shape(rows) for c, shape in zip(self.constants[name], quantity.shapes, strict=True))

    def query_seconds(self, rows: float, probes: int) -> float:
        """A query over so many lists of an index of inverted lists."""
        once, each = self.constants["ivf_seconds"]
        return once + each * (lists(rows) + rows * probes / lists(rows))

    def check(self) -> list[tuple[Quantity, float, float, float]]:
        """Of each quantity: predicted and measured at the largest point, and the factor between them (1 or more)."""
        largest = self.points[-1]
        found = []
        for quantity in QUANTITIES:
            predicted, measured = self.predict(quantity.name, largest.rows), getattr(largest, quantity.name)
            found.append((quantity, predicted, measured, max(predicted / measured, measured / predicted)))
        return found


def _fitted(quantity: Quantity, points: Sequence[Point]) -> list[float]:
    """The constants that miss these points least, relative to their size; none is negative."""
    measured = np.array([getattr(point, quantity.name) for point in points])
    shapes = np.array([[shape(point.rows) for shape in quantity.shapes] for point in points])
    found = np.linalg.lstsq(shapes / measured[:, None], np.ones(len(points)), rcond=None)[0]
    return [max(float(constant), 0.0) for constant in found]


def tables(model: Model) -> str:
    """The page's tables, as Markdown."""
    head = "| | " + " | ".join(f"{size:,}" for size in SIZES) + " |\n|---|" + "---|" * len(SIZES)
    rows = [(name, [figure(model, size) for size in SIZES]) for name, figure in FIGURES]
    body = "\n".join(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows)
    checks = "\n".join(
        f"| {q.name} | {q.said} | {_short(predicted)} | {_short(measured)} | {factor:.2f} | {q.tolerance:.2f} |"
        for q, predicted, measured, factor in model.check()
    )
    sizes = ", ".join(f"{point.rows:,}" for point in model.points)
    return (
        f"{head}\n{body}\n\nThe model against the largest measured point (of {sizes} rows):\n\n"
        "| quantity | grows with | predicted | measured | off by a factor of | allowed |\n"
        f"|---|---|---|---|---|---|\n{checks}"
    )


def _machines(rows: float) -> int:
    return math.ceil(rows / ROWS_A_MACHINE)


def _a_machine(rows: float) -> float:
    return min(rows, ROWS_A_MACHINE)


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    if hours < 1:
        return f"{60 * hours:,.0f} min"
    return f"{hours:,.1f} h" if hours < 100 else f"{hours / 24:,.0f} days"


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:,.3g} {unit}"
        size /= 1024
    return f"{size:,.3g} TiB"


def _money(dollars: float) -> str:
    return f"${dollars:,.0f}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _memory(model: Model, rows: float) -> float:
    return model.predict("bits_bytes", rows) + model.predict("gallery_bytes", rows)


def _monthly(model: Model, rows: float) -> float:
    disk = model.predict("segment_bytes", rows) + model.predict("catalog_bytes", rows)
    return (
        _memory(model, rows) / 2**30 * RAM_GIB_MONTH
        + disk / 2**40 * NVME_TIB_MONTH
        + model.predict("segment_bytes", rows) / 2**40 * BUCKET_TIB_MONTH
    )


FIGURES: tuple[tuple[str, Callable[[Model, float], str]], ...] = (
    ("segments (the vectors themselves)", lambda m, n: _size(m.predict("segment_bytes", n))),
    ("catalog", lambda m, n: _size(m.predict("catalog_bytes", n))),
    ("index of whole rows (`ivf`), on disk and mapped", lambda m, n: _size(m.predict("ivf_bytes", n))),
    ("index of two bits a dimension (`rabitq`)", lambda m, n: _size(m.predict("bits_bytes", n))),
    ("encoding, one core, int8", lambda _, n: _hours(n / CORE_PICTURES_INT8)),
    ("encoding, one GPU (assumed)", lambda _, n: _hours(n / GPU_PICTURES)),
    ("encoding on 64 GPUs (assumed)", lambda _, n: _hours(n / GPU_PICTURES / 64)),
    ("… and its price; the same again to re-embed", lambda _, n: _money(n / GPU_PICTURES / 3600 * GPU_HOUR)),
    ("committing, one writer", lambda m, n: _hours(m.predict("add_seconds", n))),
    ("machines, 100 million rows each", lambda _, n: f"{_machines(n):,}"),
    ("memory of a machine (`rabitq` and ids)", lambda m, n: _size(_memory(m, _a_machine(n)))),
    (
        "building a machine's `rabitq` index, 32 cores",
        lambda m, n: _hours(m.predict("bits_build_seconds", _a_machine(n)) / 32),
    ),
    (
        f"a query over {PROBES} lists (`ivf`), processor time of each machine",
        lambda m, n: f"{1e3 * m.query_seconds(_a_machine(n), PROBES):,.0f} ms",
    ),
    (
        "a query by comparing all rows, all cores added up",
        lambda m, n: f"{m.predict('scan_seconds', n):,.1f} s",
    ),
    ("memory and disks, a month", lambda m, n: _money(_monthly(m, n))),
)


def measure(sizes: Sequence[int]) -> list[Point]:
    """Fill one library step by step, and measure it at each size."""
    from benchmarks.clip_like import ClipLike
    from benchmarks.filled_library import add, uris

    points: list[Point] = []
    vectors = np.concatenate(list(ClipLike(DIM).pictures(max(sizes))))
    names = list(uris(max(sizes), Path("/photos")))
    with TemporaryDirectory() as scratch:
        settings = Settings(database_url=None, vectors=None, threads=1)
        with Library.open(Path(scratch) / "library", settings, create=True) as library:
            space = library.catalog.spaces.ensure(EmbeddingSpace("scale", "scale", "w", "p", DIM))
            library.catalog.spaces.set_default(space.name)
            seconds, start = 0.0, 0
            for size in sorted(sizes):
                began = process_time()
                with library.catalog.lease.acquire("benchmark"):
                    while start < size:
                        stop = min(start + COMMIT, size)
                        add(library, space, UnitVectors(vectors[start:stop]), names[start:stop])
                        start = stop
                seconds += process_time() - began
                points.append(_point(library, size, seconds))
                print(points[-1], file=sys.stderr, flush=True)
    return points


def _point(library: Library, rows: int, add_seconds: float) -> Point:
    from vasari.indexer.build import publish
    from vasari.retrieval.vectors.faiss_index import FaissIndex
    from vasari.retrieval.vectors.index import IndexKind

    space, modality = library.space(), Modality.IMAGE
    queries = unit_vectors(np.random.default_rng(1).standard_normal((_TIMED, DIM)))
    gallery = library.gallery(modality, space)
    began = process_time()
    for query in queries:
        gallery.search(UnitVectors(query[None]), 10)
    scan = (process_time() - began) / _TIMED
    built: dict[IndexKind, tuple[float, float]] = {}
    for kind in (IndexKind.RABITQ, IndexKind.IVF):
        began = process_time()
        with library.catalog.lease.acquire("benchmark"):
            manifest = publish(library, space, modality, kind=kind)
        assert manifest is not None
        built[kind] = (process_time() - began, float(manifest.bytes["index.faiss"]))
    began = process_time()
    fresh = Library.open(library.root, library.settings)
    opened = fresh.gallery(modality, space)
    index = opened.generation.index if opened.generation else None
    open_seconds = process_time() - began
    assert isinstance(index, FaissIndex)
    began = process_time()
    for query in queries:
        index.search(UnitVectors(query[None]), 10, effort=max(1, index.lists // 16))
    ivf = (process_time() - began) / _TIMED
    held = _held(opened) + len(index) * 8
    fresh.close()
    segments = sum(path.stat().st_size for path in (library.root / "segments").rglob("*") if path.is_file())
    catalog = sum(path.stat().st_size for path in library.root.glob("catalog.sqlite3"))
    return Point(
        rows,
        segments,
        catalog,
        add_seconds,
        built[IndexKind.IVF][1],
        built[IndexKind.IVF][0],
        built[IndexKind.RABITQ][1],
        built[IndexKind.RABITQ][0],
        scan,
        ivf,
        held,
        open_seconds,
    )


def _held(gallery: Gallery) -> float:
    """Bytes of a gallery's own arrays: ids, masks, and the table from ids to rows."""
    gallery.ids()  # makes the table
    found: list[object] = []
    for value in vars(gallery).values():
        found.extend(value if isinstance(value, tuple) else [value])
    return float(sum(array.nbytes for array in found if isinstance(array, np.ndarray)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--measure", type=int, nargs="+", metavar="ROWS")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="replace the tables between the page's marks"
    )
    options = parser.parse_args()
    if options.measure:
        points = [asdict(point) for point in measure(options.measure)]
        POINTS.write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
    model = Model(read_points())
    text = tables(model)
    print(text)
    if options.write:
        options.write.write_text(
            with_tables(options.write.read_text(encoding="utf-8"), text), encoding="utf-8"
        )
    wrong = [quantity.name for quantity, _, _, factor in model.check() if factor > quantity.tolerance]
    finish("scale", constants=model.constants, off=wrong)
    if wrong:
        raise SystemExit(1)


def read_points() -> list[Point]:
    """The measured points."""
    return [Point(**point) for point in json.loads(POINTS.read_text(encoding="utf-8"))]


def with_tables(page: str, text: str) -> str:
    """The page with other tables between its marks; ValueError for a page without them."""
    before, start, rest = page.partition("<!-- tables -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not start or not end:
        raise ValueError("the page has no place for the tables: <!-- tables -->, <!-- end -->")
    return f"{before}{start}{text}\n{end}{after}"


if __name__ == "__main__":
    main()
