"""`vasari read`: the text in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from vasari.api.cli import output, pictures, render
from vasari.api.cli.libraries import borrowed
from vasari.api.cli.options import PLACE, choice, command, json_option, library_option, open_settings
from vasari.api.cli.progress import Bar
from vasari.api.cli.stopping import stoppable
from vasari.api.contract.items import text_line_fields
from vasari.indexer.reading import ReadReport, read_library
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.text_reading import read_text

if TYPE_CHECKING:
    from vasari.retrieval.models.ports import TextReader


@command(example="vasari read && vasari search --filter 'ocr:\"no entry\"' street")
@click.argument(
    "files",
    metavar="[ITEM|FILE...]",
    type=PLACE,
    nargs=-1,
    help="Paths of pictures, or item:ID: only print their text. [default: the whole library]",
)
@click.option(
    "--with",
    "by",
    type=choice(("ocr", "captioner")),
    default="ocr",
    help="What reads: RapidOCR, or the captioner, where it can (Florence-2).",
)
@click.option("--again", is_flag=True, help="Also what another reader, or another version of it, has read.")
@json_option
@library_option
def read(
    files: tuple[str, ...],
    by: Literal["ocr", "captioner"],
    again: bool,
    json: bool,
    library: Path | None,
) -> None:
    """Read the text in pictures (OCR), to find them by it.

    Takes down the text of every picture of the library that was not read yet;
    stopped or killed, it goes on there the next time. Searches then find
    pictures by their text, whole words and parts of words (filter ocr:RE16).
    """
    if files and again:
        raise UsageError("--again is for the whole library: leave out the pictures")
    settings = open_settings(library=library)
    if files:
        chosen = [pictures.chosen(file) for file in files]
        known = any(isinstance(what, int) for what in chosen)
        with Library.open(library, settings) if known else borrowed(library, settings) as opened:
            _print_text(opened, opened.text_reader(by), files, json=json)
        return
    with Library.open(library, settings) as opened:
        report = read_whole(opened, opened.text_reader(by), again=again)
        if json:
            output.print_json(report.as_json())
        else:
            output.line(render.read_summary(report))
    finish(report)


def read_whole(library: Library, reader: TextReader, *, again: bool = False) -> ReadReport:
    """Read a library with a progress bar; Ctrl-C finishes the pictures at work."""
    with stoppable() as stop, Bar() as bar:
        return read_library(library, reader, bar, stop, again=again)


def finish(report: ReadReport) -> None:
    """Say where failures are listed; exit code 130 for a job that was stopped."""
    if report.failed:
        output.note("see `vasari failures` for what could not be read, and why")
    if report.interrupted:
        output.note("stopped; everything so far is kept. Run the same command again to go on")
        raise click.exceptions.Exit(130)


def _print_text(library: Library, reader: TextReader, files: tuple[str, ...], *, json: bool) -> None:
    found = [(file, read_text(library, pictures.content(library, file), reader)) for file in files]
    if json:
        output.print_json(
            [
                {"uri": pictures.uri_of(library, file), "text_lines": text_line_fields(lines)}
                for file, lines in found
            ]
        )
        return
    for file, lines in found:
        if len(files) > 1:
            output.line(f"{file}:")
        for line in lines:
            output.entry("  " if len(files) > 1 else "", line.text)
        if not lines:
            output.note(f"{file}: no text")
