"""`vasari models list|info|pull`: which models there are, and which are on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import output
from api.cli.options import JsonOption, open_settings

if TYPE_CHECKING:
    from retrieval.models.presets import PresetStatus

group = typer.Typer(help="The models: list them, look one up.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(group, name="models")


@group.command("list", epilog="Example: vasari models list --json")
def list_models(json: JsonOption = False) -> None:
    """List the presets with size, licence, published quality, and whether the weights are here."""
    from retrieval.models.presets import describe_presets

    found = describe_presets()
    if json:
        output.print_json([_fields(status) for status in found])
        return
    output.line(
        f"{'name':19} {'kind':12} {'params':>7} {'dim':>5}  {'here':4}  {'COCO R@1':>11}  licence, use"
    )
    output.line(f"{'':19} {'':12} {'':7} {'':5}  {'':4}  {'i→t / t→i':>11}")
    for status in found:
        preset = status.preset
        recall = f"{preset.coco.image_to_text} / {preset.coco.text_to_image}" if preset.coco else "–"
        output.line(
            f"{preset.name:19} {preset.kind:12} {_millions(preset.parameters):>7} {preset.dim or '–':>5}  "
            f"{'yes' if status.local else 'no':4}  {recall:>11}  {preset.licence}; {preset.use}"
        )


@group.command("info", epilog="Example: vasari models info fast", no_args_is_help=True)
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
            output.line(f"{key:15} {value}")


@group.command("pull", epilog="Example: vasari models pull balanced", no_args_is_help=True)
def pull(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A preset, architecture/tag or hf-hub:owner/name.")
    ],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Agree to a licence that must be agreed to.")
    ] = False,
) -> None:
    """Download a model's weights, so that it works without a network."""
    from retrieval.models.folders import find_folder
    from retrieval.models.hub import HubAccess
    from retrieval.models.presets import PRESETS, ModelKind
    from retrieval.models.sources import locate, resolve

    settings = open_settings()
    access = HubAccess(settings.offline, settings.hub_timeout)
    preset = PRESETS.get(name)
    if preset is not None and preset.kind is not ModelKind.DUAL_ENCODER:
        folder = find_folder(name, preset.kind, access)
    else:
        folder = locate(resolve(name), access, accept_licence=accept_licence).weights.parent
    output.line(f"{name} is on this machine: {folder}")


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


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M" if parameters < 1e7 else f"{parameters / 1e6:.0f} M"
