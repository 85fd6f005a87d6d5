"""`vasari models list|info|pull|optimize`: which models there are, which are here, and faster forms of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.cli import output
from api.cli.libraries import filling
from api.cli.options import JsonOption, LibraryOption, open_settings

if TYPE_CHECKING:
    from indexer.optimizing import OptimizeReport
    from retrieval.domain import EmbeddingSpace
    from retrieval.library import Library
    from retrieval.models.presets import PresetStatus

group = typer.Typer(
    help="The models: list them, look one up, fetch one.",
    epilog="Example: vasari models list",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(group, name="models")


@group.command("list", epilog="Example: vasari models list --json")
def list_models(json: JsonOption = False) -> None:
    """List the presets: size, licence, quality, and whether they are here."""
    from retrieval.models.presets import describe_presets

    found = describe_presets()
    if json:
        output.print_json([_fields(status) for status in found])
        return
    output.line(f"{'name':19} {'kind':12} {'params':>7} {'dim':>5}  {'here':4}  {'COCO R@1 i→t / t→i':>18}")
    for status in found:
        preset = status.preset
        recall = f"{preset.coco.image_to_text} / {preset.coco.text_to_image}" if preset.coco else "–"
        output.line(
            f"{preset.name:19} {preset.kind:12} {_millions(preset.parameters):>7} {preset.dim or '–':>5}  "
            f"{'yes' if status.local else 'no':4}  {recall:>18}"
        )
        output.line(f"    {preset.licence}; {preset.use}")


@group.command("info", epilog="Example: vasari models info fast")
def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A preset's name.")], json: JsonOption = False
) -> None:
    """Tell all that is known of one preset."""
    from retrieval.models.presets import PresetStatus, find_preset, location

    preset = find_preset(name)
    fields = _fields(PresetStatus(preset, location(preset)))
    if json:
        output.print_json(fields)
        return
    for key, value in fields.items():
        if value not in (None, ""):
            output.line(f"{key:15} {_told(value)}")


@group.command("pull", epilog="Example: vasari models pull balanced")
def pull(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A preset, architecture/tag or hf-hub:owner/name.")
    ],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Agree to a licence that must be agreed to.")
    ] = False,
) -> None:
    """Download a model's weights, so that it works without a network."""
    from retrieval.models.hub import HubAccess
    from retrieval.models.presets import PRESETS, ModelKind
    from retrieval.models.sources import HUB_PREFIX, locate, locate_folder, resolve, use_of_repository

    settings = open_settings()
    access = HubAccess(settings.offline, settings.hub_timeout)
    use = ModelKind.DUAL_ENCODER
    if (preset := PRESETS.get(name)) is not None:
        use = preset.kind
    elif name.startswith(HUB_PREFIX):
        use = use_of_repository(name.removeprefix(HUB_PREFIX), access)
    source = resolve(name, use)
    if use is ModelKind.DUAL_ENCODER:
        folder = locate(source, access, accept_licence=accept_licence).weights.parent
    else:
        folder = locate_folder(source, access, accept_licence=accept_licence)
    output.line(f"{name} is on this machine: {folder}")


@group.command("optimize", epilog="Example: vasari models optimize --precision int8 --dry-run")
def optimize_model(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="A model reference. [default: what the library searches with]"),
    ] = None,
    precision: Annotated[
        Literal["int8", "float32", "bfloat16"],
        typer.Option(help="int8 wants VNNI, bfloat16 AMX; float32 is exported and needs no torch."),
    ] = "int8",
    photos: Annotated[
        Path | None, typer.Option(help="Measure on this folder instead of the library's pictures.")
    ] = None,
    pictures: Annotated[int, typer.Option(help="Measure on so many pictures.", min=8)] = 64,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure and report; switch nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Switch even where the vectors are too far off.")
    ] = False,
    off: Annotated[bool, typer.Option("--off", help="Go back to the model as it is.")] = False,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Make a faster form of a library's model for this CPU.

    Its vectors are compared with the model's own on your pictures before anything is switched, and nothing is
    switched that is too far off. Vectors that are in the library stay as they are.
    """
    from indexer.optimizing import optimize, own_pictures, pictures_below, switch_off
    from retrieval.library import Library

    settings = open_settings(library=library)
    with Library.open(library, settings) if model is None else filling(library, settings) as opened:
        space = _space_of(opened, model)
        if off:
            was_on = switch_off(opened, space)
            output.line(f"{space.model} runs as it is" + ("" if was_on else "; nothing was switched on"))
            return
        chosen = (
            own_pictures(opened, pictures)
            if photos is None
            else pictures_below(photos, pictures, opened.image_limits)
        )
        report = optimize(opened, space, chosen, precision=precision, force=force, dry_run=dry_run)
    if json:
        output.print_json(report.as_json())
    else:
        _show(report)


def _space_of(library: Library, model: str | None) -> EmbeddingSpace:
    """The library's space of a model, made if there is none yet."""
    if model is None:
        return library.space()
    from retrieval.models.sources import absolute_reference

    named = (model, absolute_reference(model))
    found = (space for space in library.catalog.spaces() if space.model in named or space.name == model)
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
        f"drift     cosine to the model's own vectors: mean {report.cosine_mean:.5f}, least {report.cosine_min:.5f}"
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


def _fields(status: PresetStatus) -> dict[str, Any]:
    preset = status.preset

    def recall(found: Any) -> dict[str, float] | None:
        return found and {"image_to_text": found.image_to_text, "text_to_image": found.text_to_image}

    return {
        "name": preset.name,
        "kind": str(preset.kind),
        "reference": preset.reference,
        "parameters": preset.parameters,
        "dim": preset.dim,
        "licence": preset.licence,
        "use": preset.use,
        "coco_r1": recall(preset.coco),
        "flickr_r1": recall(preset.flickr),
        "source": preset.source,
        "local": status.local,
        "location": str(status.location) if status.location else None,
    }


def _told(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name.replace('_', ' ')} {share}" for name, share in value.items())
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M" if parameters < 1e7 else f"{parameters / 1e6:.0f} M"
