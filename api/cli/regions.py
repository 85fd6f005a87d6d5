"""`vasari locate` and `detect`: where things are in a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from vasari.api.cli import output, pictures, targets
from vasari.api.cli.options import FILE, command, json_option, library_option
from vasari.api.cli.pictures import picture_argument
from vasari.api.cli.understanding import open_for, said
from vasari.api.contract.answers import regions_fields
from vasari.retrieval.domain import Region
from vasari.retrieval.library.library import Library

_drawing_option = click.option(
    "--output", "-o", "target", type=FILE, help="Also draw the boxes over the picture: a PNG."
)


@command(example="vasari locate ./boat.jpg 'a red boat' -o where.png")
@picture_argument
@click.argument("phrase", metavar="PHRASE", help="A thing, or a sentence that names several.")
@_drawing_option
@json_option
@library_option
def locate(what: str, phrase: str, target: Path | None, json: bool, library: Path | None) -> None:
    """Tell where in a picture a phrase is to be seen.

    Boxes are in pixels of the whole picture as it is seen, upright, from its top left corner.
    """
    words = said(phrase)
    _tell(library, what, lambda opened, picture: opened.locate(picture, words), target, json=json)


@command(example="vasari detect ./boat.jpg")
@picture_argument
@click.option("--describe", is_flag=True, help="Say what each thing looks like, instead of its name.")
@_drawing_option
@json_option
@library_option
def detect(what: str, describe: bool, target: Path | None, json: bool, library: Path | None) -> None:
    """List the things in a picture, and where they are.

    Boxes are in pixels of the whole picture as it is seen, upright, from its top left corner.
    """
    _tell(library, what, lambda opened, picture: opened.detect(picture, describe=describe), target, json=json)


def _tell(
    library: Path | None,
    what: str,
    find: Callable[[Library, bytes | Path], list[Region]],
    target: Path | None,
    *,
    json: bool,
) -> None:
    destination = target and targets.file(target, (".png",))
    with open_for(library, what) as opened:
        picture = pictures.content(opened, what)
        found = find(opened, picture)
        if destination is not None:
            targets.write(destination, opened.regions_png(picture, found))
    if json:
        output.print_json(regions_fields(found))
    else:
        _list(found)


def _list(found: Sequence[Region]) -> None:
    if not found:
        output.note("nothing of that is seen in the picture")
        return
    output.line(" ".join(f"{side:>6}" for side in ("left", "top", "right", "bottom")) + "  what")
    for region in found:
        sides = (region.left, region.top, region.right, region.bottom)
        output.entry(" ".join(f"{side:6.0f}" for side in sides) + "  ", region.label)
