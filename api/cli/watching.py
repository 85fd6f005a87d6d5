"""`vasari watch`: keeping a library in step with folders."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output
from api.cli.indexing import TextsOption
from api.cli.jobs import doubts, stoppable, summary
from api.cli.libraries import filling
from api.cli.options import LibraryOption, amount, open_settings

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
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Folders, tables, archives to keep in step.")
    ],
    settle: Annotated[
        float, typer.Option(help="Seconds without changes before indexing.", callback=amount)
    ] = 2.0,
    hidden: Annotated[bool, typer.Option("--hidden", help="Also take hidden files and folders.")] = False,
    texts: TextsOption = False,
    column: Annotated[
        str | None, typer.Option("--caption-column", help="With --texts: the column that has them.")
    ] = None,
    library: LibraryOption = None,
) -> None:
    """Keep the library in step with folders until Ctrl-C."""
    from indexer.sources.choice import Reading, choose_source, has_items
    from indexer.sources.texts import TextFiles
    from indexer.watch import watch as changes
    from retrieval.originals.uris import local_path

    roots = [local_path(path) for path in paths]
    with filling(library, open_settings(library=library)) as opened, stoppable() as stop:
        _tell_of_other_spaces(opened)
        reading = Reading(hidden=hidden, limits=opened.image_limits, known=partial(has_items, opened))
        said: set[str] = set()

        def report(done: IndexReport) -> None:
            if done.changed or done.failed:
                output.line(summary(done, "texts" if texts else "images"))
            doubtful = set(doubts(done))
            for line in sorted(doubtful - said):
                output.note(line)
            said.clear()
            said.update(doubtful)

        changes(
            opened,
            lambda: TextFiles(list(map(str, roots)), column) if texts else choose_source(roots, reading)[0],
            report,
            stop,
            settle=settle,
            complain=lambda error: output.note(str(error)),
        )
