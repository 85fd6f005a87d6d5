"""`vasari models list` and `info`: which models there are, what each is for, and which are here."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from vasari.api.cli import output
from vasari.api.cli.options import command, json_option
from vasari.api.cli.render import pictures_per_second
from vasari.retrieval.models.ports import ModelKind, Task
from vasari.retrieval.models.registry.presets import (
    Preset,
    PresetStatus,
    describe_presets,
    find_preset,
    location,
)
from vasari.retrieval.models.registry.published import Recall, has_languages, languages, recall_in
from vasari.retrieval.models.speed import Speed, remembered

_KINDS = {
    ModelKind.DUAL_ENCODER: "Dual encoders find pictures by words: --model NAME",
    ModelKind.RERANKER: "Rerankers compare again what was found: --rerank, match, why",
    ModelKind.CAPTIONER: "Captioners describe pictures: caption, locate, detect",
    ModelKind.ANSWERER: "Answerers answer questions: ask",
}
_FIGURES = (
    "COCO, Flickr30k: for how many English captions the picture is found first, in %. XM3600: the same on average of"
    " 36 languages; those are counted in which the mean of R@1, R@5 and R@10 is 50 or more. As published: `vasari"
    " models info NAME` names the source."
)
_MEASURED = "Pictures a second are this machine's; `vasari models recommend` measures it again."
_NOT_MEASURED = (
    "`vasari models recommend` measures how many pictures a second this machine embeds, and chooses."
)
_WIDTH = 78
_KNOWN = 50.0  # percent of recall from which a language counts as known


@command("list", example="vasari models list --json")
@json_option
def list_models(json: bool) -> None:
    """List the presets: what each is for, its size, licence and quality."""
    found = describe_presets()
    if json:
        output.print_json([_fields(status) for status in found])
        return
    speed = remembered()
    for kind, title in _KINDS.items():
        output.line(title)
        for text in _table([status for status in found if status.preset.kind is kind], speed):
            output.line(text)
        output.line("")
    for text in textwrap.wrap(f"{_FIGURES} {_NOT_MEASURED if speed is None else _MEASURED}", _WIDTH):
        output.line(text)


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
        if value not in (None, "", {}, []):
            output.line(f"{key:18} {_told(value)}")


def _table(found: Sequence[PresetStatus], speed: Speed | None) -> Iterator[str]:
    searches = any(status.preset.kind is ModelKind.DUAL_ENCODER for status in found)
    heads = ("COCO", "Flickr", "XM3600", "a second") if searches else ()
    yield f"  {'name':19}{'download':>9}{''.join(f'{head:>9}' for head in heads)}  here"
    for status in found:
        preset = status.preset
        figures = "".join(f"{figure:>9}" for figure in _figures(preset, speed)) if searches else ""
        here = "yes" if status.local else "no"
        yield f"  {preset.name:19}{_download(preset.download_bytes):>9}{figures}  {here}"
        about = f"{preset.use[0].upper()}{preset.use[1:]}. {_languages(preset)}. {preset.licence}."
        yield from textwrap.wrap(
            about, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False
        )


def _figures(preset: Preset, speed: Speed | None) -> Iterator[str]:
    published = preset.published
    yield from (_percent(recall) for recall in (published.coco, published.flickr, published.xm3600))
    rate = speed.pictures_per_second(preset.tower) if speed and preset.tower else None
    yield "–" if rate is None else pictures_per_second(rate)


def _languages(preset: Preset) -> str:
    if not has_languages(preset.reference):
        return preset.languages[0].upper() + preset.languages[1:]
    figures = [recall_in(preset.reference, code) or 0.0 for code in languages()]
    known = sum(recall >= _KNOWN for recall in figures)
    return f"{known} of {len(figures)} languages"


def _percent(recall: Recall | None) -> str:
    return "–" if recall is None or recall.text_to_image is None else f"{recall.text_to_image:.1f}"


def _download(size: int) -> str:
    if size == 0:
        return "none"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _fields(status: PresetStatus) -> dict[str, Any]:
    preset, published = status.preset, status.preset.published

    def recall(found: Recall | None) -> dict[str, float | None] | None:
        return asdict(found) if found else None

    return {
        "name": preset.name,
        "kind": str(preset.kind),
        "reference": preset.reference,
        "parameters": preset.parameters,
        "download_bytes": preset.download_bytes,
        "dim": preset.dim,
        "licence": preset.licence,
        "use": preset.use,
        "tasks": [task.value for task in Task if task in preset.tasks],
        "languages": preset.languages,
        "coco_r1": recall(published.coco),
        "flickr_r1": recall(published.flickr),
        "xm3600_r1": recall(published.xm3600),
        "source": published.source,
        "xm3600_by_language": _by_language(preset.reference),
        "local": status.local,
        "location": str(status.location) if status.location else None,
    }


def _by_language(reference: str) -> dict[str, float | None]:
    """Mean of R@1, R@5 and R@10 by language, null below what the source lists; empty where it has no row."""
    return {code: recall_in(reference, code) for code in languages()} if has_languages(reference) else {}


def _told(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            told = {name.replace("_", " "): share for name, share in value.items() if share is not None}
            return ", ".join(f"{name} {share}" for name, share in told.items())
        case list():
            return ", ".join(map(str, value))
        case int():
            return f"{value:,}"
        case _:
            return str(value)
