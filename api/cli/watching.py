"""`vasari watch`: keeping a library in step with folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output
from api.cli.jobs import stoppable, summary
from api.cli.libraries import filling
from api.cli.options import LibraryOption, open_settings

if TYPE_CHECKING:
    from indexer.progress import IndexReport
    from retrieval.library import Library


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(epilog="Example: vasari watch ~/Pictures")(watch)


def _tell_of_other_spaces(library: Library) -> None:
    """What comes in gets a vector in the default space alone."""
    default = library.catalog.default_space()
    others = [space.name for space in library.catalog.spaces() if space != default]
    if default is not None and others:
        output.note(
            f"new pictures are embedded in {default.name}; for {', '.join(others)}: `vasari index --all -m MODEL`"
        )


def watch(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders to keep in step.")],
    settle: Annotated[float, typer.Option(help="Seconds without changes before indexing.")] = 2.0,
    hidden: Annotated[bool, typer.Option("--hidden", help="Also take hidden files and folders.")] = False,
    library: LibraryOption = None,
) -> None:
    """Keep the library in step with folders until Ctrl-C."""
    from indexer.sources.folder import FolderSource
    from indexer.watch import watch as changes
    from retrieval.originals.uris import local_path

    roots = [local_path(path) for path in paths]
    with filling(library, open_settings()) as opened, stoppable() as stop:
        _tell_of_other_spaces(opened)

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
