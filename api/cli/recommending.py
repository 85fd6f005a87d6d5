"""`vasari models recommend`: which model for a language, a collection and this machine."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import click

from vasari.api.cli import output
from vasari.api.cli.options import Integer, command, json_option, open_settings
from vasari.api.cli.render import pictures_per_second
from vasari.api.contract.recommendations import pull_command, recommendation_fields
from vasari.retrieval.models.recommend import Candidate, Recommendation, parse_bytes, recommend
from vasari.retrieval.models.speed import Speed, measure, remember
from vasari.retrieval.settings import physical_memory

_WIDTH = 78


@command("recommend", example="vasari models recommend --language ja --memory 4GB --images 50000")
@click.option("--language", default="en", help="Of the questions: a code (bn) or a name.", show_default=True)
@click.option("--memory", help="What a job may take: 4GB, 512MB. [default: this machine's]")
@click.option("--images", type=Integer(1), default=10_000, help="Pictures to index.", show_default=True)
@click.option("--gpu", is_flag=True, help="Measure on the GPU; an error where there is none.")
@json_option
def recommend_models(language: str, memory: str | None, images: int, gpu: bool, json: bool) -> None:
    """Choose a model: recall in a language, time on this machine, memory, licence.

    Times are measured in some seconds; nothing is downloaded. The choice finds the most of the models that index the
    pictures within a night (8 hours), or is the fastest.
    """
    limit = parse_bytes(memory) if memory else physical_memory() or None
    found = recommend(_measured(gpu), language=language, memory=limit, images=images)
    if json:
        output.print_json(recommendation_fields(found))
        return
    for text in _told(found):
        output.line(text)


def _measured(gpu: bool) -> Speed:
    settings = open_settings()
    output.waiting("measuring this machine …")
    speed = measure("cuda" if gpu else settings.device, settings.precision)
    remember(speed)
    return speed


def _told(found: Recommendation) -> Iterator[str]:
    speed = found.speed
    place = f"{speed.cores} cores" if speed.device == "cpu" else f"the GPU ({speed.device})"
    yield from _wrapped(
        f"Photos asked for in {found.language}; {found.images:,} pictures on {place} in {speed.precision}:"
    )
    yield ""
    shown = [candidate for candidate in found.candidates if candidate.fits and not candidate.outdone_by]
    if shown:
        yield f"  {'name':19}{'recall':>7}{'pictures/s':>12}{'all of them':>13}{'memory':>9}  licence"
        yield from (_row(candidate, found.choice) for candidate in shown)
        yield ""
    yield from _advice(found)
    recall = f"Recall: text→image, {found.recall_is}, in %; source: {found.source}."
    times = "Times are with decoding of 12 megapixels; memory is the peak of a first job, estimated."
    yield from _wrapped(f"{recall} {times}")
    yield from _left_out(found)


def _row(candidate: Candidate, choice: Candidate | None) -> str:
    mark = ">" if choice is not None and candidate.preset is choice.preset else " "
    licence = candidate.preset.licence.partition(" (")[0]
    rate = pictures_per_second(candidate.pictures_per_second)
    return (
        f"{mark} {candidate.preset.name:19}{candidate.recall:7.1f}{rate:>12}"
        f"{_duration(candidate.seconds):>13}{candidate.memory_bytes / 1e9:6.1f} GB  {licence}"
    )


def _advice(found: Recommendation) -> Iterator[str]:
    if found.choice is None:
        least = min(found.candidates, key=lambda candidate: candidate.memory_bytes)
        yield from _wrapped(
            f"Memory suffices for none: {least.preset.name} takes the least, {least.memory_bytes / 1e9:.1f} GB."
        )
        return
    yield f"  {pull_command(found.choice.preset)}"
    yield f"  vasari index PATH --model {found.choice.preset.name}"
    yield ""
    if found.choice.restricted:
        free = f" Of an open licence: {found.open_choice.preset.name}." if found.open_choice else ""
        yield from _wrapped(f"Its licence: {found.choice.preset.licence}.{free}")


def _left_out(found: Recommendation) -> Iterator[str]:
    large = [c.preset.name for c in found.candidates if not c.fits]
    outdone = [c.preset.name for c in found.candidates if c.fits and c.outdone_by]
    if large:
        yield from _wrapped(f"Left out, as they need more memory: {', '.join(large)}.")
    if outdone:
        yield from _wrapped(
            f"Left out, as others find more in no more time and memory: {', '.join(outdone)}."
        )


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_on_hyphens=False)


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
