"""`vasari doctor` and `vasari rebuild`: looking after a library."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import output
from api.cli.options import JsonOption, LibraryOption


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(epilog="Example: vasari doctor --repair")(doctor)
    app.command(epilog="Example: vasari rebuild --kind hnsw")(rebuild)


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what was found.")] = False,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Check that catalog, vectors and indexes agree.

    The exit code is 1 when something is wrong and was not mended.
    """
    from indexer.doctor import examine
    from retrieval.library import Library

    with Library.open(library) as opened:
        findings = examine(opened, repair=repair)
    if json:
        output.print_json([finding.as_json() for finding in findings])
    else:
        for finding in findings:
            output.line(str(finding))
        if not findings:
            output.line("all is well")
    if any(not finding.repaired for finding in findings):
        raise typer.Exit(1)


def rebuild(
    kind: Annotated[
        str | None, typer.Option(help="flat, hnsw or ivf; default: chosen by measuring.", metavar="KIND")
    ] = None,
    recall: Annotated[
        float, typer.Option(help="Recall@10 that the index must reach.", min=0.5, max=1.0)
    ] = 0.95,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Build new indexes, and switch to them.

    Searches go on meanwhile.
    """
    from api.cli.progress import Bar
    from indexer.generations import rebuild as build
    from retrieval.library import Library

    with Library.open(library) as opened, Bar() as bar:
        built = build(opened, kind=kind, recall_target=recall, progress=bar)
    if json:
        output.print_json([generation.as_json() for generation in built])
    else:
        for generation in built:
            output.line(str(generation))
