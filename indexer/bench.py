"""Indexing throughput of this machine by stage, its bottleneck, and what would help. Nothing is written.

The stages are measured alone (reading, decoding on all threads, encoding) and then together, by the pipeline that
`vasari index` runs. Where both share the same cores, a picture costs the sum of its times; where the encoder is a GPU,
the slower of the two is the limit.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, TypeVar

import numpy as np

from vasari.indexer.decode import Loader, Ready
from vasari.indexer.embed import begin_images
from vasari.indexer.identity import Puzzle, Verdict
from vasari.indexer.pipeline import Pipeline, in_threads
from vasari.indexer.plan import Plan, Task
from vasari.indexer.progress import Progress, Silent
from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.catalog.records import KnownFile, NewItem
from vasari.retrieval.domain import Skipped
from vasari.retrieval.errors import NotFoundError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.ports import DualEncoder

T = TypeVar("T")
Bottleneck = Literal["read", "decode", "encode"]
_REPEATED = 32  # pictures that are encoded at least, for a steady figure


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Pictures a second by stage. `bytes_per_second` is from the disk, or from memory where files were read before."""

    pictures: int
    skipped: int
    model: str
    device: str
    precision: str
    batch_size: int
    threads: int
    megapixels: float  # of a picture, on average
    read: float
    decode: float
    encode: float
    together: float  # read, decode and encode in the pipeline of `vasari index`
    limit: float  # what decoding and encoding alone allow
    bottleneck: Bottleneck
    advice: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The fields, and how near the pipeline comes to the limit."""
        rounded = {k: round(v, 2) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return {**rounded, "share_of_limit": round(self.together / self.limit, 3)}


def bench(
    folder: Path,
    encoder: DualEncoder,
    *,
    model: str,
    device: str,
    precision: str,
    count: int = 200,
    batch_size: int = 32,
    decode_threads: int | None = None,
    limits: ImageLimits | None = None,
    progress: Progress | None = None,
) -> BenchReport:
    """Measure on up to `count` pictures of `folder`, evenly spread; NotFoundError where there are none."""
    limits, threads = limits or ImageLimits(), decode_threads or os.cpu_count() or 1
    source = FolderSource([folder], limits=limits)
    tasks = _spread(source, count)
    if not tasks:
        raise NotFoundError(f"there are no pictures in {folder}")
    read = _speed(lambda task: source.read(task.candidate), tasks, 1)[1]
    loader = Loader(source.read, lambda: encoder, limits)
    loader.load(tasks[0])  # imports and tables
    outcomes, decode = _speed(loader.load, tasks, threads)
    loaded = [outcome for outcome in outcomes if not isinstance(outcome, Puzzle | Skipped)]
    if not loaded:
        raise NotFoundError(f"none of the {len(tasks)} pictures in {folder} can be decoded")
    encode = _encode_speed(loaded, encoder, batch_size)
    pipeline = Pipeline(
        in_threads(loader, threads),
        [partial(begin_images, encoder)],
        _Nowhere(),
        batch_size=batch_size,
        progress=progress or Silent(),
        stop=threading.Event(),
    )
    report = BenchReport(
        pictures=len(loaded),
        skipped=len(tasks) - len(loaded),
        model=model,
        device=device,
        precision=precision,
        batch_size=batch_size,
        threads=threads,
        megapixels=_megapixels(loaded),
        read=read,
        decode=decode,
        encode=encode,
        together=_pipeline_speed(pipeline, tasks),
        limit=1 / (1 / decode + 1 / encode) if device == "cpu" else min(decode, encode),
        bottleneck=_slowest(read, decode, encode),
    )
    return replace(report, advice=tuple(advice(report)))


def _spread(source: FolderSource, count: int) -> list[Task]:
    """Up to `count` pictures, evenly spread over all."""
    files = [entry for entry in source.candidates() if not isinstance(entry, Skipped)]
    return [Task(file) for file in files[:: max(len(files) // count, 1)][:count]]


def _speed(work: Callable[[Task], T], tasks: Sequence[Task], threads: int) -> tuple[list[T], float]:
    """What `work` makes of the tasks, and how many it does a second."""
    started = perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(work, tasks))
    return results, len(tasks) / max(perf_counter() - started, 1e-9)


def _megapixels(loaded: Sequence[Ready]) -> float:
    """Mean megapixels of a picture."""
    return float(np.mean([(picture.width or 0) * (picture.height or 0) for _, picture in loaded])) / 1e6


def _pipeline_speed(pipeline: Pipeline, tasks: list[Task]) -> float:
    started = perf_counter()
    tally = pipeline.run(Plan(tasks=tasks), lambda _: Verdict())  # nothing is known: no puzzles
    return tally.embedded / (perf_counter() - started)


def _encode_speed(loaded: Sequence[Ready], encoder: DualEncoder, batch_size: int) -> float:
    """Pictures a second, after a first batch that warms up."""
    pixels = [picture.content for _, picture in loaded]
    while len(pixels) < _REPEATED:
        pixels += pixels
    batches = [np.stack(pixels[i : i + batch_size]) for i in range(0, len(pixels), batch_size)]
    encoder.embed_images(batches[0])
    started = perf_counter()
    for batch in batches:
        encoder.embed_images(batch)
    return len(pixels) / max(perf_counter() - started, 1e-9)


def _slowest(read: float, decode: float, encode: float) -> Bottleneck:
    speeds: dict[Bottleneck, float] = {"read": read, "decode": decode, "encode": encode}
    return min(speeds, key=lambda stage: speeds[stage])


def advice(report: BenchReport) -> list[str]:
    """What would help most, in words; each follows from a figure of the report."""
    found = []
    if report.bottleneck == "encode" and report.device == "cpu":
        if report.precision == "float32":
            found.append("the encoder is the slowest part: try `vasari models optimize` (int8)")
        found.append("a smaller model (`vasari models list`), or a GPU (--device cuda), encodes faster")
    elif report.bottleneck == "encode":
        found.append("the encoder is the slowest part: a larger batch (-b), or a smaller model, may help")
    elif report.bottleneck == "decode":
        if report.device != "cpu":
            found.append("the GPU waits for pixels: more cores would help, a faster GPU would not")
        elif report.megapixels > 8:  # a phone's pictures
            found.append("large pictures take most of the time: more cores help, a faster model does not")
    else:
        found.append("reading the files is the slowest part: a faster disk would help")
    if report.together < 0.85 * report.limit:
        found.append(
            f"together the stages reach {report.together / report.limit:.0%} of what they do alone:"
            " other programs may be using this machine"
        )
    return found


class _Nowhere:
    """A null sink."""

    def add(self, task: Task, item: NewItem) -> None:
        """Forget it."""

    def move(self, known: KnownFile, candidate: Candidate) -> None:
        """Forget it."""

    def touch(self, known: KnownFile, candidate: Candidate) -> None:
        """Forget it."""

    def fail(self, skipped: Skipped) -> None:
        """Forget it."""

    def commit_if_due(self) -> None:
        """Nothing is kept."""

    def commit(self) -> None:
        """Nothing is kept."""
