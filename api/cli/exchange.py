"""`vasari export` and `vasari import`: collections in and out, with their vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from api.cli import output
from api.cli.libraries import filling
from api.cli.options import JsonOption, LibraryOption, SpaceOption, open_settings

LayoutOption = Annotated[
    Literal["parquet", "jsonl", "clip-retrieval", "faiss"] | None,
    typer.Option("--format", help="What to write. [default: by the suffix of TARGET]", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("export", epilog="Example: vasari export photos.parquet")(export)
    app.command(
        "import",
        epilog="Example: vasari import ./clip-output --model ViT-B-32/laion2b_s34b_b79k",
    )(import_)


def export(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="File or folder to write; a new one.")],
    layout: LayoutOption = None,
    space: SpaceOption = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Write items with their captions and vectors, for other tools."""
    from indexer.exchange.exporting import Format
    from indexer.exchange.exporting import export as write
    from retrieval.library import Library

    with Library.open(library) as opened:
        report = write(opened, target.expanduser(), Format(layout) if layout else None, space)
    if json:
        output.print_json(report.as_json())
        return
    texts = f" and {report.texts:,} texts" if report.texts else ""
    output.line(
        f"{report.pictures:,} pictures{texts} of {report.space} written to {target} ({report.format})"
    )
    if report.without_vector:
        output.note(f"{report.without_vector:,} items have no vector in {report.space} and were left out")


def import_(
    given: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="What `export` writes, clip-retrieval's folder, a FAISS index."),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="The model that made the vectors, where the files do not say. No weights needed.",
        ),
    ] = None,
    metadata: Annotated[
        Path | None, typer.Option("--metadata", help="Table that describes the vectors of a FAISS index.")
    ] = None,
    image_column: Annotated[
        str | None, typer.Option("--image-column", help="The table's column of paths or URLs.")
    ] = None,
    caption_column: Annotated[
        list[str] | None,
        typer.Option("--caption-column", help="The table's columns of captions; repeatable."),
    ] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Bring in items with the vectors that another tool made."""
    from api.cli.progress import Bar
    from indexer.exchange.importing import import_ as read
    from indexer.sources.columns import Columns
    from retrieval.originals.uris import local_path

    columns = Columns(image_column, tuple(caption_column or ()))
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
