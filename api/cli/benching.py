"""`vasari bench`: how fast this machine indexes a folder, and what would make it faster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from vasari.api.cli import output
from vasari.api.cli.options import (
    FILE,
    Integer,
    batch_option,
    command,
    decode_threads_option,
    device_option,
    json_option,
    library_option,
    model_option,
    open_settings,
    precision_option,
)
from vasari.indexer.batch_size import ON_CPU, UNTRIED
from vasari.indexer.bench import BenchReport
from vasari.indexer.bench import bench as measure
from vasari.retrieval.errors import NotFoundError
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.loading import load_encoder
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.exported.image import OptimizedEncoder
from vasari.retrieval.settings import Settings
from vasari.training.scenes.dataset import render
from vasari.training.scenes.scene import Split

_DRAWN = 32
_DRAWN_SIZE = 512


@command(example="vasari bench ~/Pictures --device cpu")
@click.argument(
    "folder", metavar="[FOLDER]", type=FILE, required=False, help="Your pictures. [default: drawn ones]"
)
@click.option("--count", type=Integer(1), default=200, help="Measure on so many pictures.")
@model_option
@batch_option
@decode_threads_option
@device_option
@precision_option
@json_option
@library_option
def bench(
    folder: Path | None,
    count: int,
    model: str | None,
    batch: int | None,
    decode_threads: int | None,
    device: str | None,
    precision: str | None,
    json: bool,
    library: Path | None,
) -> None:
    """Measure how fast a folder would be indexed, what holds it up, and what would help.

    Nothing is written. A library that is there is asked for its model only.
    """
    settings = open_settings(device=device, precision=precision)
    reference, encoder = _encoder(library, model, settings)
    with _pictures(folder) as pictures:
        report = measure(
            pictures,
            encoder,
            model=reference,
            device=encoder.device,
            precision=encoder.precision,
            count=count,
            batch_size=batch or (ON_CPU if encoder.device == "cpu" else UNTRIED),
            decode_threads=decode_threads,
        )
    if json:
        output.print_json(report.as_json())
    else:
        _show(report)


def _encoder(
    library: Path | None, model: str | None, settings: Settings
) -> tuple[str, OpenClipEncoder | OptimizedEncoder]:
    """The model's reference and the model: the one given, else the library's (as it runs there), else the default."""
    if model is None:
        try:
            with Library.open(library, settings) as opened:
                found = opened.encoder()
                if isinstance(found, (OpenClipEncoder, OptimizedEncoder)):
                    return found.space.model, found
        except NotFoundError:
            pass
    reference = model or settings.model
    return reference, load_encoder(reference, settings)


@contextmanager
def _pictures(folder: Path | None) -> Iterator[Path]:
    """The folder, or one with drawn pictures for a while."""
    if folder is not None:
        yield folder
        return
    with TemporaryDirectory() as name:
        output.note(f"no folder was given: measuring on {_DRAWN} drawn pictures")
        render(Path(name), 1, _DRAWN, Split.HELDOUT, _DRAWN_SIZE, workers=1, progress=False)
        yield Path(name)


def _show(report: BenchReport) -> None:
    skipped = f", {report.skipped} could not be used" if report.skipped else ""
    output.line(
        f"{report.model} on {report.device} in {report.precision}; {report.pictures} pictures of"
        f" {report.megapixels:.1f} megapixels{skipped}; {report.threads} decode threads, batches of"
        f" {report.batch_size}"
    )
    for name, speed in (("read", report.read), ("decode", report.decode), ("encode", report.encode)):
        output.line(f"{name:9} {speed:9.1f} images/s alone")
    output.line(
        f"together  {report.together:9.1f} images/s: {report.together / report.limit:.0%} of what both allow"
        f" ({report.limit:.1f})"
    )
    hours = 1e5 / report.together / 3600
    output.line(f"limited by {report.bottleneck}; 100,000 such pictures take {hours:.1f} hours")
    for line in report.advice:
        output.line(f"- {line}")
