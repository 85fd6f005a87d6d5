"""`vasari watch`: keeping a library in step with folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output
from api.cli.jobs import stoppable, summary
from api.cli.options import LibraryOption

if TYPE_CHECKING:
    from indexer.progress import IndexReport


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(epilog="Example: vasari watch ~/Pictures")(watch)


def watch(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders to keep in step.")],
    settle: Annotated[float, typer.Option(help="Seconds without changes before indexing.")] = 2.0,
    hidden: Annotated[bool, typer.Option("--hidden", help="Also take hidden files and folders.")] = False,
    library: LibraryOption = None,
) -> None:
    """Keep the library in step with folders until Ctrl-C."""
    from indexer.sources.folder import FolderSource
    from indexer.watch import watch as changes
    from retrieval.library import Library

    roots = [path.expanduser() for path in paths]
    with Library.open(library, create=True) as opened, stoppable() as stop:

        def report(done: IndexReport) -> None:
            if done.added or done.updated or done.moved or done.removed or done.failed:
                output.line(summary(done))

        changes(
            opened,
            lambda: FolderSource(roots, hidden=hidden, limits=opened.image_limits),
            report,
            stop,
            settle=settle,
        )
