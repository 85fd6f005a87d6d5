"""`vasari models optimize`: a faster form of a model for this machine."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from vasari.api.cli import output
from vasari.api.cli.libraries import filling
from vasari.api.cli.options import (
    FILE,
    PLACE,
    Integer,
    choice,
    command,
    json_option,
    library_option,
    open_settings,
)
from vasari.indexer.optimize import (
    OptimizedPrecision,
    OptimizeReport,
    own_pictures,
    pictures_below,
    switch_off,
)
from vasari.indexer.optimize import optimize as make_faster
from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.registry.resolve import absolute_reference


@command(example="vasari models optimize --precision int8 --dry-run")
@click.argument(
    "model",
    metavar="[MODEL]",
    type=PLACE,
    required=False,
    help="A model reference. [default: what the library searches with]",
)
@click.option(
    "--precision",
    type=choice(get_args(OptimizedPrecision)),
    default="int8",
    help="int8 wants VNNI, bfloat16 AMX or AVX512-BF16; none needs torch.",
)
@click.option("--photos", type=FILE, help="Measure on this folder instead of the library's pictures.")
@click.option("--pictures", type=Integer(8), default=64, help="Measure on so many pictures.")
@click.option("--dry-run", is_flag=True, help="Measure and report; switch nothing.")
@click.option("--force", is_flag=True, help="Switch even where the vectors are too far off, or no faster.")
@click.option("--off", is_flag=True, help="Go back to the model as it is.")
@json_option
@library_option
def optimize(
    model: str | None,
    precision: OptimizedPrecision,
    photos: Path | None,
    pictures: int,
    dry_run: bool,
    force: bool,
    off: bool,
    json: bool,
    library: Path | None,
) -> None:
    """Make a faster form of a library's model for this CPU.

    Its vectors are compared with the model's own on your pictures before anything is switched, and nothing is
    switched that is too far off, or no faster than the model as it is and the form that is on. Vectors that are in
    the library stay as they are.
    """
    settings = open_settings(library=library)
    with Library.open(library, settings) if model is None else filling(library, settings) as opened:
        space = _space_of(opened, model)
        if off:
            was_on = switch_off(opened, space)
            if json:
                output.print_json({"model": space.model, "space": space.name, "switched_off": was_on})
            else:
                output.line(f"{space.model} runs as it is" + ("" if was_on else "; nothing was switched on"))
            return
        chosen = (
            own_pictures(opened, pictures)
            if photos is None
            else pictures_below(photos, pictures, opened.image_limits)
        )
        report = make_faster(opened, space, chosen, precision=precision, force=force, dry_run=dry_run)
    if json:
        output.print_json(report.as_json())
    else:
        _show(report)


def _space_of(library: Library, model: str | None) -> EmbeddingSpace:
    """The library's space of a model, made if there is none yet."""
    if model is None:
        return library.space()
    named = (model, absolute_reference(model))
    found = (space for space in library.catalog.spaces.all() if space.model in named or space.name == model)
    return next(found, None) or library.use_model(model)


def _show(report: OptimizeReport) -> None:
    gain = report.images_per_second / report.images_per_second_before
    output.line(
        f"{report.model} in {report.precision} by {report.engine}, measured on {report.pictures} pictures"
    )
    output.line(
        f"speed     {report.images_per_second:.1f} images/s, {gain:.2f} × the"
        f" {report.images_per_second_before:.1f} of the model as it is (encoding alone)"
    )
    output.line(
        f"drift     cosine to the model's own vectors: mean {report.cosine_mean:.5f}, least {report.cosine_min:.5f},"
        f" centred {report.cosine_centred:.4f}"
    )
    if report.images_per_second_on is not None:
        output.line(
            f"on now    {report.on}: {report.images_per_second_on:.1f} images/s, mean cosine of the two forms"
            f" {report.cosine_on:.5f}"
        )
    k = report.recall_at
    output.line(
        f"recall@{k:<2} {report.text_recall:.3f} for texts ({report.texts}), {report.image_recall:.3f} for pictures,"
        " against the model's own vectors"
    )
    if report.switched:
        output.line("switched on for this library; `vasari models optimize --off` goes back")
    else:
        output.line("nothing was switched" + (f": {report.too_far}" if report.too_far else ""))
