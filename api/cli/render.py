"""Rendering of reports and status as lines for people."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vasari.indexer.sources.left_out import in_words

if TYPE_CHECKING:
    from vasari.indexer.forecast import Forecast
    from vasari.indexer.progress import IndexReport
    from vasari.indexer.reading import ReadReport
    from vasari.indexer.regions import RegionReport
    from vasari.indexer.second_looks import SecondLookReport
    from vasari.retrieval.library.spaces import SpaceState

THINGS = {"image": "pictures", "text": "texts"}  # what a person calls items of a modality


def status_lines(fields: Mapping[str, Any]) -> Iterator[str]:
    """What a library holds; `fields` are `contract.status_fields`, and under "library" where it lies."""
    yield f"library   {fields['library']}"
    yield f"pictures  {fields['items']['image']:,}"
    if fields["items"]["text"]:
        yield f"texts     {fields['items']['text']:,}"
    if missing := fields.get("missing"):  # an older service does not tell
        yield f"missing   {missing:,}  (their files are gone; they come back with them, or `vasari purge`)"
    yield f"failures  {fields['failures']:,}" + ("  (vasari failures)" if fields["failures"] else "")
    for space in fields["spaces"]:
        mark = " (default)" if space["default"] else ""
        built = space["generation"]
        served = f"index {built['kind']} over {built['rows']:,}" if built else "exact search"
        form = f", encoded in {space['precision']}" if space.get("precision") else ""
        vectors = f"{sum(space['vectors'].values()):,} vectors of {space['dim']} numbers"
        yield f"space     {space['name']}{mark}: {vectors}, {served}{form}"
        if fair := space.get("fair_ranking"):
            yield (
                f"          ranks fairly by {fair['method']}, weight {fair['weight']:g},"
                f" {fair['texts']:,} texts: {fair['source']}"
            )
        if tuned := space.get("reranking"):
            yield f"          reranks {tuned['top']} candidates, weight {tuned['weight']:g}, by {tuned['model']}"
        if lacking := _lacking(space["vectors"], space["absent"]):
            yield f"          {lacking} no vector in it: `vasari index --all --model {shlex.quote(space['model'])}`"
    if not fields["spaces"] and (items := sum(fields["items"].values())):
        them = "them" if items > 1 else "it"
        yield f"space     none: nothing is found before `vasari index --all --model MODEL` embeds {them} again"
    if upgrade := fields.get("upgrade"):
        yield f"model     {upgrade} takes over when it has embedded all: `vasari upgrade-model`"
    yield f"job       {fields['job'] or 'none'}"


def absent_words(state: SpaceState) -> str:
    """How many items have no vector in a space: "1 of 2 pictures have no vector in clip-1a2b3c4d"."""
    return f"{_lacking(state.vectors, state.absent)} no vector in {state.space.name}"


def remedy(state: SpaceState) -> str:
    """What makes a space complete."""
    return f"`vasari index --all --model {shlex.quote(state.space.model)}` embeds them"


def _lacking(vectors: Mapping[Any, int], absent: Mapping[Any, int]) -> str:
    """Who has none, with the verb; empty where all have one. By modality."""
    parts = [
        f"{absent[kind]:,} of {absent[kind] + vectors[kind]:,} {things}"
        for kind, things in THINGS.items()
        if absent[kind]
    ]
    return f"{' and '.join(parts)} have" if parts else ""


def summary(report: IndexReport, unit: str = "images") -> str:
    """One line: what changed, how fast, and what held it up."""
    names = ("added", "updated", "moved", "restored", "described", "removed", "unchanged", "failed")
    words = {"described": "described anew"}
    counts = [
        f"{getattr(report, name):,} {words.get(name, name)}"
        for name in names
        if getattr(report, name) or name == "added"
    ]
    speed = f", {report.images_per_second:.0f} {unit}/s" if report.added or report.updated else ""
    waits = f", limited by {report.bottleneck}" if speed and report.bottleneck else ""
    return f"{', '.join(counts)} in {report.seconds:.1f} s{speed}{waits}"


def forecast_line(told: Forecast) -> str:
    """One line: what a job would do."""
    counts = [("new", len(told.new)), ("changed", len(told.changed)), ("gone", len(told.gone))]
    counts += [("unchanged", told.unchanged), ("unusable", len(told.failed) + told.still_failed)]
    return "dry run: " + ", ".join(f"{count:,} {name}" for name, count in counts if count or name == "new")


def forecast_notes(told: Forecast) -> Iterator[str]:
    """What would be asked or left out, a line each."""
    for each in told.withheld:
        yield f"{each} (--allow-removal {each.vanished})"
    if told.gone and told.new:
        yield "what is gone may be among the new under another name: it then keeps all that is known of it"
    if words := in_words(told.skipped, all_kinds=not (told.new or told.changed or told.unchanged)):
        yield words


def read_summary(report: ReadReport) -> str:
    """One line: in how many pictures text was looked for, and found."""
    if not (report.read or report.failed or report.interrupted):
        return f"nothing to read: all {report.unchanged:,} pictures were read before"
    speed = f" in {report.seconds:.1f} s ({report.seconds / report.read:.2f} s each)" if report.read else ""
    return (
        f"{report.read:,} read, {report.with_text:,} of them with text, {report.unchanged:,} read before,"
        f" {report.failed:,} failed{speed}"
    )


def looks_summary(report: SecondLookReport) -> str:
    """One line: what is kept for the reranker, and what it takes."""
    speed = (
        f" in {report.seconds:.1f} s ({report.seconds / report.encoded:.2f} s each)" if report.encoded else ""
    )
    room = (
        f", {report.without_room:,} without room (VASARI_RERANKER_STORE_BYTES)" if report.without_room else ""
    )
    return (
        f"{report.encoded:,} encoded for reranking, {report.unchanged:,} before, {report.failed:,} failed{room};"
        f" {report.bytes / 1e6:,.1f} MB{speed}"
    )


def regions_summary(report: RegionReport) -> str:
    """One line: of how many pictures parts were embedded, and what their codes take."""
    if not report.regions:
        return "regions of pictures are forgotten"
    speed = f" in {report.seconds:.1f} s" if report.embedded else ""
    return (
        f"{report.embedded:,} pictures embedded in {report.regions} regions, {report.unchanged:,} before,"
        f" {report.failed:,} failed; {report.bytes / 1e6:,.1f} MB{speed}"
    )


def skipped_lines(report: IndexReport, places: Sequence[str] | None = None) -> Iterator[str]:
    """What was taken for no picture; and where there is none at all, what there is instead."""
    nothing = report.found_nothing and places is not None
    if nothing and not report.skipped:
        yield f"{', '.join(places or ())} {'is' if len(places or ()) == 1 else 'are'} empty: there is nothing to index"
    elif nothing:
        yield f"{', '.join(places or ())}: no pictures"
    if words := in_words(report.skipped, all_kinds=nothing):
        yield words


def doubts(report: IndexReport) -> Iterator[str]:
    """What a job noticed, a line each: metadata read late, folders it has already, removals that look like a fault."""
    if report.facts_note:
        yield report.facts_note
    yield from map(str, report.aliases)
    for each in report.withheld:
        yield f"{each} (--allow-removal {each.vanished})"


def readable(count: float) -> str:
    """Bytes as people say them: 1.4 MB."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def pictures_per_second(rate: float) -> str:
    """Two figures of it: 48, 4.4, 0.14."""
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"
