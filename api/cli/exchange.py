"""`vasari export` and `vasari import`: collections in and out, with their vectors."""

from __future__ import annotations

from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.libraries import filling
from vasari.api.cli.options import (
    FILE,
    choice,
    command,
    json_option,
    library_option,
    open_settings,
    space_option,
)
from vasari.api.cli.progress import Bar
from vasari.indexer.exchange.exporting import Format
from vasari.indexer.exchange.exporting import export as write
from vasari.indexer.exchange.importing import import_ as read
from vasari.indexer.sources.columns import Columns
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.uris import local_path


@command(example="vasari export photos.parquet")
@click.argument("target", metavar="TARGET", type=FILE, help="File or folder to write; a new one.")
@click.option(
    "--format",
    "layout",
    type=choice(Format),
    help="What to write. [default: by the suffix of TARGET]",
)
@space_option
@json_option
@library_option
def export(target: Path, layout: str | None, space: str | None, json: bool, library: Path | None) -> None:
    """Write items with their captions and vectors, for other tools."""
    with Library.open(library) as opened:
        report = write(opened, target.expanduser(), Format(layout) if layout else None, space)
    if json:
        output.print_json(report.as_json())
        return
    texts = f" and {report.texts:,} texts" if report.texts else ""
    output.line(
        f"{report.pictures:,} pictures{texts} of {report.space} written to {target} ({report.format})"
    )
    if report.missing:
        output.note(f"{report.missing:,} missing ones are in it as well, with what was written about them")
    if report.without_vector:
        output.note(f"{report.without_vector:,} items have no vector in {report.space} and were left out")


@command("import", example="vasari import ./clip-output --model ViT-B-32/laion2b_s34b_b79k")
@click.argument(
    "given",
    metavar="PATH",
    type=FILE,
    help="What `export` writes, clip-retrieval's folder, a FAISS index.",
)
@click.option(
    "--model",
    "-m",
    help="The model that made the vectors, where the files do not say. No weights needed.",
)
@click.option("--metadata", type=FILE, help="Table that describes the vectors of a FAISS index.")
@click.option("--image-column", help="The table's column of paths or URLs.")
@click.option("--caption-column", multiple=True, help="The table's columns of captions; repeatable.")
@json_option
@library_option
def import_(
    given: Path,
    model: str | None,
    metadata: Path | None,
    image_column: str | None,
    caption_column: tuple[str, ...],
    json: bool,
    library: Path | None,
) -> None:
    """Bring in items with the vectors that another tool made."""
    columns = Columns(image_column, caption_column)
    with filling(library, open_settings(library=library)) as opened, Bar() as bar:
        report = read(
            opened, local_path(given), model=model, metadata=metadata, columns=columns, progress=bar
        )
    if json:
        output.print_json(report.as_json())
        return
    output.line(f"{report.added:,} added, {report.updated:,} updated in {report.space}")
    if report.failed:
        output.note(f"{report.failed:,} failed: see `vasari failures`")
