"""`vasari models list` and `info`: which models there are, and which are here."""

from __future__ import annotations

from typing import Any

import click

from vasari.api.cli import output
from vasari.api.cli.options import command, json_option
from vasari.retrieval.models.registry.presets import PresetStatus, describe_presets, find_preset, location


@command("list", example="vasari models list --json")
@json_option
def list_models(json: bool) -> None:
    """List the presets: size, licence, quality, and whether they are here."""
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


@command(example="vasari models info fast")
@click.argument("name", metavar="NAME", help="A preset's name.")
@json_option
def info(name: str, json: bool) -> None:
    """Tell all that is known of one preset."""
    preset = find_preset(name)
    fields = _fields(PresetStatus(preset, location(preset)))
    if json:
        output.print_json(fields)
        return
    for key, value in fields.items():
        if value not in (None, ""):
            output.line(f"{key:15} {_told(value)}")


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
