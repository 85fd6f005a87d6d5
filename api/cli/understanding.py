"""`vasari match`, `classify`, `caption`, `ask` and `why`: what a picture shows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output, pictures, targets
from api.cli.libraries import borrowed
from api.cli.options import JsonOption, LibraryOption, open_settings
from api.cli.pictures import PictureArgument

if TYPE_CHECKING:
    from retrieval.library import Library


class DetailChoice(StrEnum):
    """How much a caption tells."""

    SHORT = "short"
    DETAILED = "detailed"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(epilog="Example: vasari match ./boat.jpg 'a red boat'")(match)
    app.command(epilog="Example: vasari classify ./pet.jpg cat dog rabbit")(classify)
    app.command(epilog="Example: vasari caption ./boat.jpg; vasari caption --all")(caption)
    app.command(epilog="Example: vasari ask ./boat.jpg 'How many boats are there?'")(ask)
    app.command(epilog="Example: vasari why ./boat.jpg 'a red boat' -o why.png")(why)


def match(
    file: PictureArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What it might show.")],
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Tell how well a text describes a picture."""
    from api import contract

    words = _words(text)
    with _open(library, file) as opened:
        (score,) = opened.match([pictures.content(opened, file)], words)
    if json:
        output.print_json(contract.match_fields(score))
    else:
        output.line(f"{score:.3f}")


def classify(
    file: PictureArgument,
    labels: Annotated[list[str], typer.Argument(metavar="LABEL...", help="The classes to choose from.")],
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="A prompt with {} in it; may be given several times."),
    ] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Choose among labels, without training (zero-shot)."""
    from api import contract

    names = [_words(label) for label in labels]
    with _open(library, file) as opened:
        found = opened.classify(pictures.content(opened, file), names, template)
    if json:
        output.print_json(contract.labels_fields(found))
        return
    for label, score in found:
        output.entry(f"{score:6.3f}  ", label)


def caption(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="ITEM|FILE...", help="Paths of pictures, or item:ID.")
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every picture of the library that has no such caption yet; resumable."),
    ] = False,
    detail: Annotated[
        DetailChoice, typer.Option(help="A sentence, or all there is to see.")
    ] = DetailChoice.SHORT,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Describe pictures.

    With --all, the captions are written into the library.
    """
    from api import contract
    from retrieval.errors import UsageError

    if everything == bool(files):
        raise UsageError(
            "`vasari caption` takes pictures or --all, not both"
            if everything
            else "`vasari caption` misses ITEM|FILE (paths of pictures, or item:ID), or --all for the whole library."
            " Example: vasari caption ./boat.jpg"
        )
    with _open(library, *(files or ()), must_exist=everything) as opened:
        if everything:
            _caption_library(opened, detail, json=json)
            return
        names = [_uri(opened, file) for file in files or ()]
        captions = opened.caption([pictures.content(opened, file) for file in files or ()], detail.value)
    if json:
        found = zip(names, captions, strict=True)
        output.print_json([{"uri": name, **contract.description_fields(text)} for name, text in found])
        return
    for file, text in zip(files or (), captions, strict=True):
        output.line(text if len(names) == 1 else f"{file}: {text}")


def _uri(library: Library, word: str) -> str:
    """What JSON calls a picture that was given."""
    what = pictures.chosen(word)
    return str(what.absolute()) if isinstance(what, Path) else pictures.item_of(library, what).uri


def _caption_library(library: Library, detail: DetailChoice, *, json: bool) -> None:
    from api.cli.jobs import stoppable
    from api.cli.progress import Bar
    from indexer.captions import caption_library

    with stoppable() as stop, Bar() as bar:
        report = caption_library(library, detail.value, progress=bar, stop=stop)
    if json:
        output.print_json(report.as_json())
    else:
        output.line(f"{report.captioned:,} captioned, {report.unchanged:,} had one, {report.failed:,} failed")
    if report.interrupted:
        output.note("stopped; everything so far is kept. Run the same command again to go on")
        raise typer.Exit(130)


def ask(
    file: PictureArgument,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="In a sentence.")],
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Answer a question about a picture."""
    from api import contract

    words = _words(question)
    with _open(library, file) as opened:
        answer = opened.ask(pictures.content(opened, file), words)
    if json:
        output.print_json(contract.answer_fields(answer))
    else:
        output.line(answer)


def why(
    what: PictureArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The query.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="Where the PNG goes.")] = Path("why.png"),
    library: LibraryOption = None,
) -> None:
    """Draw where in a picture a query's words are seen.

    By the reranker's attention; where none is on this machine, by how like the words each part of it is.
    """
    words = _words(text)
    destination = targets.file(target, (".png",))
    pictures.chosen(what)
    with _open(library, must_exist=True) as opened:
        drawn = opened.why_png(pictures.content(opened, what), words)
    targets.write(destination, drawn)
    output.line(str(target))


def _words(text: str) -> str:
    """A text that says something: a model would answer an empty one too, with a number that means nothing."""
    from retrieval.errors import UsageError

    if not text.strip():
        raise UsageError("the text is empty: say in words what to look for")
    return text


def _open(library: Path | None, *words: str, must_exist: bool = False) -> AbstractContextManager[Library]:
    """The library whose models are used; where there is none, an empty one does as well for pictures on disk.

    `words` name the pictures: they are looked at first, and an item needs a library that is there.
    """
    from retrieval.library import Library

    named = [pictures.chosen(word) for word in words]
    if must_exist or any(isinstance(what, int) for what in named):
        return Library.open(library, open_settings(library=library))
    return borrowed(library, open_settings(library=library))
