"""`vasari match`, `classify`, `caption`, `ask` and `why`: what a picture shows."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output
from api.cli.options import JsonOption, LibraryOption, open_settings

if TYPE_CHECKING:
    from retrieval.library import Library

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A picture.")]


class DetailChoice(StrEnum):
    """How much a caption tells."""

    SHORT = "short"
    DETAILED = "detailed"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(epilog="Example: vasari match ./boat.jpg 'a red boat'", no_args_is_help=True)(match)
    app.command(epilog="Example: vasari classify ./pet.jpg cat dog rabbit", no_args_is_help=True)(classify)
    app.command(epilog="Example: vasari caption ./boat.jpg; vasari caption --all")(caption)
    app.command(epilog="Example: vasari ask ./boat.jpg 'How many boats are there?'", no_args_is_help=True)(
        ask
    )
    app.command(epilog="Example: vasari why ./boat.jpg 'a red boat' -o why.png", no_args_is_help=True)(why)


def match(
    file: FileArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What it might show.")],
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Tell how well a text describes a picture."""
    with _open(library) as opened:
        probability = opened.match([_picture(file)], _words(text))[0]
    if json:
        output.print_json({"probability": probability})
    else:
        output.line(f"{probability:.3f}")


def classify(
    file: FileArgument,
    labels: Annotated[list[str], typer.Argument(metavar="LABEL...", help="The classes to choose from.")],
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="A prompt with {} in it; may be given several times."),
    ] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Choose among labels, without training (zero-shot)."""
    with _open(library) as opened:
        found = opened.classify(_picture(file), [_words(label) for label in labels], template)
    if json:
        output.print_json([{"label": label, "probability": share} for label, share in found])
        return
    for label, share in found:
        output.line(f"{share:6.3f}  {label}")


def caption(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE...", help="Pictures.")] = None,
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
    from retrieval.errors import UsageError

    if everything == bool(files):
        raise UsageError("give pictures, or --all for the whole library")
    with _open(library, must_exist=everything) as opened:
        if everything:
            _caption_library(opened, detail, json=json)
            return
        paths = [_picture(file) for file in files or ()]
        captions = opened.caption(paths, detail.value)
    if json:
        found = zip(paths, captions, strict=True)
        output.print_json([{"uri": str(path.absolute()), "caption": text} for path, text in found])
        return
    for path, text in zip(paths, captions, strict=True):
        output.line(text if len(paths) == 1 else f"{path}: {text}")


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
    file: FileArgument,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="In a sentence.")],
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Answer a question about a picture."""
    with _open(library) as opened:
        answer = opened.ask(_picture(file), _words(question))
    if json:
        output.print_json({"answer": answer})
    else:
        output.line(answer)


def why(
    what: Annotated[str, typer.Argument(metavar="ITEM|FILE", help="An item's number, or a picture's path.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The query.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="Where the PNG goes.")] = Path("why.png"),
    library: LibraryOption = None,
) -> None:
    """Draw where in a picture a query's words are seen.

    By the reranker's attention; where none is on this machine, by how like the words each part of it is.
    """
    from retrieval.errors import UsageError

    path = Path(what).expanduser()
    number = what.removeprefix("item:")
    if not path.is_file() and not number.isdecimal():
        raise UsageError(f"no such file, and no item number: {what}")
    with _open(library, must_exist=True) as opened:
        drawn = opened.why_png(path if path.is_file() else int(number), _words(text))
    target.expanduser().write_bytes(drawn)
    output.line(str(target))


def _picture(file: Path) -> Path:
    """A picture's path, of a file that is there."""
    from retrieval.errors import NotFoundError

    path = file.expanduser()
    if not path.exists():
        raise NotFoundError(f"no such file: {file}")
    return path


def _words(text: str) -> str:
    """A text that says something: a model would answer an empty one too, with a number that means nothing."""
    from retrieval.errors import UsageError

    if not text.strip():
        raise UsageError("the text is empty: say in words what to look for")
    return text


def _open(library: Path | None, *, must_exist: bool = False) -> Library:
    """The library whose models are used; where there is none, an empty one does as well for pictures on disk."""
    from retrieval.library import Library

    return Library.open(library, open_settings(), create=not must_exist)
