"""`vasari match`, `classify`, `caption`, `ask` and `why`: what a picture shows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import get_args

import click

from vasari.api.cli import output, pictures, targets
from vasari.api.cli.libraries import borrowed
from vasari.api.cli.options import FILE, PLACE, choice, command, json_option, library_option, open_settings
from vasari.api.cli.pictures import picture_argument
from vasari.api.cli.progress import Bar
from vasari.api.cli.stopping import stoppable
from vasari.api.contract.answers import answer_fields, description_fields, labels_fields, match_fields
from vasari.indexer.captions import caption_library
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.ports import Detail


@command(example="vasari match ./boat.jpg 'a red boat'")
@picture_argument
@click.argument("text", metavar="TEXT", help="What it might show.")
@json_option
@library_option
def match(what: str, text: str, json: bool, library: Path | None) -> None:
    """Tell how well a text describes a picture."""
    words = said(text)
    with open_for(library, what) as opened:
        (score,) = opened.match([pictures.content(opened, what)], words)
    if json:
        output.print_json(match_fields(score))
    else:
        output.line(f"{score:.3f}")


@command(example="vasari classify ./pet.jpg cat dog rabbit")
@picture_argument
@click.argument("labels", metavar="LABEL...", nargs=-1, required=True, help="The classes to choose from.")
@click.option("--template", multiple=True, help="A prompt with {} in it; may be given several times.")
@json_option
@library_option
def classify(
    what: str, labels: tuple[str, ...], template: tuple[str, ...], json: bool, library: Path | None
) -> None:
    """Choose among labels, without training (zero-shot)."""
    names = [said(label) for label in labels]
    with open_for(library, what) as opened:
        found = opened.classify(pictures.content(opened, what), names, template or None)
    if json:
        output.print_json(labels_fields(found))
        return
    for label, score in found:
        output.entry(f"{score:6.3f}  ", label)


@command(example="vasari caption ./boat.jpg; vasari caption --all")
@click.argument("files", metavar="ITEM|FILE...", type=PLACE, nargs=-1, help="Paths of pictures, or item:ID.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Every picture of the library that has no such caption yet; resumable.",
)
@click.option(
    "--detail",
    type=choice(get_args(Detail)),
    default="short",
    help="A sentence, all there is to see, or a paragraph.",
)
@json_option
@library_option
def caption(
    files: tuple[str, ...], everything: bool, detail: Detail, json: bool, library: Path | None
) -> None:
    """Describe pictures.

    With --all, the captions are written into the library.
    """
    if everything == bool(files):
        raise UsageError(
            "`vasari caption` takes pictures or --all, not both"
            if everything
            else "`vasari caption` misses ITEM|FILE (paths of pictures, or item:ID), or --all for the whole library."
            " Example: vasari caption ./boat.jpg"
        )
    with open_for(library, *files, must_exist=everything) as opened:
        if everything:
            _caption_library(opened, detail, json=json)
            return
        names = [pictures.uri_of(opened, file) for file in files]
        captions = opened.caption([pictures.content(opened, file) for file in files], detail)
    if json:
        found = zip(names, captions, strict=True)
        output.print_json([{"uri": name, **description_fields(text)} for name, text in found])
        return
    for file, text in zip(files, captions, strict=True):
        output.line(text if len(names) == 1 else f"{file}: {text}")


def _caption_library(library: Library, detail: Detail, *, json: bool) -> None:
    with stoppable() as stop, Bar() as bar:
        report = caption_library(library, detail, progress=bar, stop=stop)
    if json:
        output.print_json(report.as_json())
    else:
        output.line(f"{report.captioned:,} captioned, {report.unchanged:,} had one, {report.failed:,} failed")
    if report.failed:
        output.note("see `vasari failures` for what could not be captioned, and why")
    if report.interrupted:
        output.note("stopped; everything so far is kept. Run the same command again to go on")
        raise click.exceptions.Exit(130)


@command(example="vasari ask ./boat.jpg 'How many boats are there?'")
@picture_argument
@click.argument("question", metavar="QUESTION", help="In a sentence.")
@json_option
@library_option
def ask(what: str, question: str, json: bool, library: Path | None) -> None:
    """Answer a question about a picture."""
    words = said(question)
    with open_for(library, what) as opened:
        answer = opened.ask(pictures.content(opened, what), words)
    if json:
        output.print_json(answer_fields(answer))
    else:
        output.line(answer)


@command(example="vasari why ./boat.jpg 'a red boat' -o why.png")
@picture_argument
@click.argument("text", metavar="TEXT", help="The query.")
@click.option("--output", "-o", "target", type=FILE, default="why.png", help="Where the PNG goes.")
@library_option
def why(what: str, text: str, target: Path, library: Path | None) -> None:
    """Draw where in a picture a query's words are seen.

    By the reranker's attention; where none is on this machine, by how like the words each part of it is.
    """
    words = said(text)
    destination = targets.file(target, (".png",))
    pictures.chosen(what)
    with open_for(library, must_exist=True) as opened:
        drawn = opened.why_png(pictures.content(opened, what), words)
    targets.write(destination, drawn)
    output.line(str(target))


def said(text: str) -> str:
    """A text that says something: a model would answer an empty one too, with a number that means nothing."""
    if not text.strip():
        raise UsageError("the text is empty: say in words what to look for")
    return text


def open_for(library: Path | None, *words: str, must_exist: bool = False) -> AbstractContextManager[Library]:
    """The library whose models are used; where there is none, an empty one does as well for pictures on disk.

    `words` name the pictures: they are looked at first, and an item needs a library that is there.
    """
    named = [pictures.chosen(word) for word in words]
    if must_exist or any(isinstance(what, int) for what in named):
        return Library.open(library, open_settings(library=library))
    return borrowed(library, open_settings(library=library))
