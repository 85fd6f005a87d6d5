"""`vasari doctor`, `vasari rebuild` and `vasari dedupe`: looking after a library."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.options import (
    Integer,
    Number,
    address_option,
    command,
    engine_option,
    json_option,
    library_option,
)
from vasari.api.cli.progress import Bar
from vasari.api.cli.render import readable
from vasari.api.cli.stopping import stoppable
from vasari.indexer.build import check_shards
from vasari.indexer.build import rebuild as build
from vasari.indexer.cluster.connection import Cluster
from vasari.indexer.cluster.shards import cluster_spread
from vasari.indexer.doctor import examine
from vasari.indexer.duplicates import DuplicateGroup, find_duplicates
from vasari.retrieval.library.library import Library
from vasari.retrieval.vectors.shards import Spread


@command(example="vasari doctor --repair")
@click.option("--repair", is_flag=True, help="Mend what was found.")
@click.option(
    "--forget-missing",
    is_flag=True,
    help="With --repair: give up vectors whose folder is gone as a whole.",
)
@json_option
@library_option
def doctor(repair: bool, forget_missing: bool, json: bool, library: Path | None) -> None:
    """Check that catalog, vectors, indexes and exported models are whole and agree.

    Repairs move what is damaged into the library's folder quarantine, and delete nothing. The exit code is 1 when
    something is wrong and was not mended.
    """
    with Library.open(library) as opened:
        findings = examine(opened, repair=repair, forget_missing=forget_missing)
    if json:
        output.print_json([finding.as_json() for finding in findings])
    else:
        for finding in findings:
            output.line(str(finding))
        if not findings:
            output.line("all is well")
    if any(not finding.repaired for finding in findings):
        raise click.exceptions.Exit(1)


@command(example="vasari rebuild --kind hnsw")
@click.option("--kind", metavar="KIND", help="flat, hnsw, ivf or rabitq; default: chosen by measuring.")
@click.option("--recall", type=Number(0.5, 1), default=0.95, help="Recall@10 that the index must reach.")
@click.option("--memory", metavar="MIB", type=Integer(1), help="MiB that an index may take in memory.")
@engine_option
@address_option
@click.option("--shards", type=Integer(1), help="Ray: parts that are filled side by side. [default: to fit]")
@json_option
@library_option
def rebuild(
    kind: str | None,
    recall: float,
    memory: int | None,
    engine: str,
    address: str | None,
    shards: int | None,
    json: bool,
    library: Path | None,
) -> None:
    """Build new indexes, and switch to them.

    Searches go on meanwhile. On a cluster, an index is trained here, filled in parts by its workers, and merged.
    """
    with (
        Library.open(library) as opened,
        Bar() as bar,
        _spread(opened, kind, engine, address, shards) as spread,
    ):
        built = build(
            opened,
            kind=kind,
            recall_target=recall,
            memory=memory * 2**20 if memory else None,
            progress=bar,
            spread=spread,
        )
    if json:
        output.print_json([generation.as_json() for generation in built])
    else:
        for generation in built:
            output.line(str(generation))


def _spread(
    library: Library,
    kind: str | None,
    engine: str,
    address: str | None,
    shards: int | None,
) -> AbstractContextManager[Spread | None]:
    """Who fills the index: None for this process, or the workers of a cluster."""
    if engine == "local":
        return nullcontext()
    check_shards(library, kind)
    return cluster_spread(Cluster(address), shards)


@command(example="vasari dedupe --json")
@click.option("--limit", type=Integer(1), help="Show at most so many groups.")
@json_option
@library_option
def dedupe(limit: int | None, json: bool, library: Path | None) -> None:
    """List near-duplicates, the best copy of each group first.

    Copies are found by perceptual hash and vector. Nothing is deleted: that is yours to decide.
    """
    with Library.open(library) as opened, stoppable() as stop, Bar() as bar:
        report = find_duplicates(opened, bar, stop)
    if json:
        output.print_json({**report.as_json(), "groups": [g.as_json() for g in report.groups[:limit]]})
        return
    for group in report.groups[:limit]:
        _show_group(group)
    if not report.groups:
        output.line("no near-duplicates")
    else:
        output.line(
            f"{output.counted(len(report.groups), 'group', 'groups')} with"
            f" {output.counted(report.copies, 'copy', 'copies')} beside the best;"
            f" {readable(report.reclaimable_bytes)} could be reclaimed"
        )
    if report.unreadable:
        output.note(f"{report.unreadable:,} pictures could not be read and were not compared")


def _show_group(group: DuplicateGroup) -> None:
    for place, item in enumerate(group.items):
        size = f"{item.width}×{item.height}" if item.width else ""
        output.entry(f"{'best' if place == 0 else 'copy'}  {size:>11}  {readable(item.bytes):>9}  ", item.uri)
    output.line("")
