"""`vasari scenes render`: the drawn collection."""

from __future__ import annotations

from pathlib import Path

import click

from vasari.api.cli import output, targets
from vasari.api.cli.options import FILE, Integer, choice, command
from vasari.training.scenes.dataset import render as draw
from vasari.training.scenes.scene import Split


@command(example="vasari scenes render --seed 7 --count 300 ./scenes")
@click.argument("directory", metavar="DIR", type=FILE, help="Where to draw; continued if it was begun.")
@click.option("--seed", type=Integer(0), default=0, help="Another seed draws other scenes.")
@click.option("--count", type=Integer(1), default=100, help="How many pictures.")
@click.option(
    "--split",
    type=choice(Split),
    default="train",
    help="train, or combinations that training never draws.",
)
@click.option("--size", type=Integer(16, 4096), default=256, help="Pixels a side.")
def render(directory: Path, seed: int, count: int, split: str, size: int) -> None:
    """Draw picture postcards with captions, questions and hard negatives."""
    draw(targets.folder(directory), seed, count, Split(split), size)
    output.line(
        f"{count} postcards in {directory}; evaluate a model on them: vasari eval {directory} --model scenes"
    )
