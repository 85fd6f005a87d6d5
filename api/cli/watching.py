"""`vasari watch`: keeping a library in step with folders."""

from __future__ import annotations

from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.libraries import filling
from vasari.api.cli.options import (
    FILE,
    Number,
    command,
    exclude_option,
    hidden_option,
    library_option,
    open_settings,
    texts_option,
)
from vasari.api.cli.render import doubts, summary
from vasari.api.cli.stopping import stoppable
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.detect import choose_source, reading_for
from vasari.indexer.sources.source import Source
from vasari.indexer.sources.texts import TextFiles
from vasari.indexer.watch import watch as changes
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.uris import local_path


def _tell_of_other_spaces(library: Library) -> None:
    """What comes in gets a vector in the default space alone."""
    default = library.catalog.spaces.default()
    others = [space.name for space in library.catalog.spaces.all() if space != default]
    if default is not None and others:
        output.note(
            f"new pictures are embedded in {default.name}; for {', '.join(others)}: `vasari index --all -m MODEL`"
        )


@command(example="vasari watch ~/Pictures")
@click.argument(
    "paths",
    metavar="PATH...",
    type=FILE,
    nargs=-1,
    required=True,
    help="Folders, tables, archives to keep in step.",
)
@click.option("--settle", type=Number(0), default=2.0, help="Seconds without changes before indexing.")
@exclude_option
@hidden_option
@texts_option
@click.option("--caption-column", "column", help="With --texts: the column that has them.")
@library_option
def watch(
    paths: tuple[Path, ...],
    settle: float,
    ignored: tuple[str, ...],
    hidden: bool,
    texts: bool,
    column: str | None,
    library: Path | None,
) -> None:
    """Keep the library in step with folders until Ctrl-C."""
    roots = [local_path(path) for path in paths]
    with filling(library, open_settings(library=library), keep_empty=False) as opened:
        _tell_of_other_spaces(opened)
        reading = reading_for(opened, ignored=ignored, hidden=hidden)
        said: set[str] = set()

        def report(done: IndexReport) -> None:
            if done.changed or done.described or done.failed:
                output.line(summary(done, "texts" if texts else "images"))
            doubtful = set(doubts(done))
            for line in sorted(doubtful - said):
                output.note(line)
            said.clear()
            said.update(doubtful)

        def source() -> Source:
            return TextFiles(list(map(str, roots)), column) if texts else choose_source(roots, reading)[0]

        if opened.catalog.spaces.default() is None:
            source()  # what is wrong with it is told before a model is loaded
            opened.begin()  # which Ctrl-C ends at once
        with stoppable() as stop:
            output.note(f"watching {', '.join(map(str, paths))} (Ctrl-C stops)")
            changes(
                opened,
                source,
                report,
                stop,
                settle=settle,
                complain=lambda error: output.note(str(error)),
            )
