"""`vasari scenes render`: the drawn collection."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.cli import output, targets

scenes = typer.Typer(
    help="The drawn collection.",
    epilog="Example: vasari scenes render --count 300 ./scenes",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class SplitChoice(StrEnum):
    """Which combinations of object, colour and setting are drawn."""

    TRAIN = "train"
    HELDOUT = "heldout"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(scenes, name="scenes")


@scenes.command("render", epilog="Example: vasari scenes render --seed 7 --count 300 ./scenes")
def render(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to draw; continued if it was begun.")
    ],
    seed: Annotated[int, typer.Option(help="Another seed draws other scenes.")] = 0,
    count: Annotated[int, typer.Option(help="How many pictures.", min=1)] = 100,
    split: Annotated[SplitChoice, typer.Option(help="train, or combinations that training never draws.")] = (
        SplitChoice.TRAIN
    ),
    size: Annotated[int, typer.Option(help="Pixels a side.", min=16, max=4096)] = 256,
) -> None:
    """Draw picture postcards with captions, questions and hard negatives."""
    from training.scenes.dataset import render as draw
    from training.scenes.scene import Split

    draw(targets.folder(directory), seed, count, Split(split), size)
    output.line(
        f"{count} postcards in {directory}; evaluate a model on them: vasari eval {directory} --model scenes"
    )
