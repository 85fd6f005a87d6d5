"""`vasari doctor`, `vasari rebuild` and `vasari dedupe`: looking after a library."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli import output
from api.cli.indexing import AddressOption, EngineOption
from api.cli.options import JsonOption, LibraryOption
from api.cli.sizes import readable

if TYPE_CHECKING:
    from indexer.duplicates import DuplicateGroup
    from retrieval.library import Library
    from retrieval.vectors.shards import Spread


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(epilog="Example: vasari doctor --repair")(doctor)
    app.command(epilog="Example: vasari rebuild --kind hnsw")(rebuild)
    app.command(epilog="Example: vasari dedupe --json")(dedupe)


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what was found.")] = False,
    forget_missing: Annotated[
        bool,
        typer.Option(
            "--forget-missing", help="With --repair: give up vectors whose folder is gone as a whole."
        ),
    ] = False,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Check that catalog, vectors, indexes and exported models are whole and agree.

    Repairs move what is damaged into the library's folder quarantine, and delete nothing. The exit code is 1 when
    something is wrong and was not mended.
    """
    from indexer.doctor import examine
    from retrieval.library import Library

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
        raise typer.Exit(1)


def rebuild(
    kind: Annotated[
        str | None,
        typer.Option(help="flat, hnsw, ivf or rabitq; default: chosen by measuring.", metavar="KIND"),
    ] = None,
    recall: Annotated[
        float, typer.Option(help="Recall@10 that the index must reach.", min=0.5, max=1.0)
    ] = 0.95,
    memory: Annotated[
        int | None, typer.Option(help="MiB that an index may take in memory.", min=1, metavar="MIB")
    ] = None,
    engine: EngineOption = "local",
    address: AddressOption = None,
    shards: Annotated[
        int | None,
        typer.Option("--shards", help="Ray: parts that are filled side by side. [default: to fit]", min=1),
    ] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Build new indexes, and switch to them.

    Searches go on meanwhile. On a cluster, an index is trained here, filled in parts by its workers, and merged.
    """
    from api.cli.progress import Bar
    from indexer.generations import rebuild as build
    from retrieval.library import Library

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
    engine: Literal["local", "ray"],
    address: str | None,
    shards: int | None,
) -> AbstractContextManager[Spread | None]:
    """Who fills the index: None for this process, or the workers of a cluster."""
    if engine == "local":
        return nullcontext()
    from indexer.generations import check_shards

    check_shards(library, kind)
    from indexer.engines.cluster import Cluster
    from indexer.engines.shards import cluster_spread

    return cluster_spread(Cluster(address), shards)


def dedupe(
    limit: Annotated[int | None, typer.Option("--limit", help="Show at most so many groups.", min=1)] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """List near-duplicates, the best copy of each group first.

    Copies are found by perceptual hash and vector. Nothing is deleted: that is yours to decide.
    """
    from api.cli.jobs import stoppable
    from api.cli.progress import Bar
    from indexer.duplicates import find_duplicates
    from retrieval.library import Library

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
            f"{len(report.groups):,} groups with {report.copies:,} copies beside the best;"
            f" {readable(report.reclaimable_bytes)} could be reclaimed"
        )
    if report.unreadable:
        output.note(f"{report.unreadable:,} pictures could not be read and were not compared")


def _show_group(group: DuplicateGroup) -> None:
    for place, item in enumerate(group.items):
        size = f"{item.width}×{item.height}" if item.width else ""
        output.entry(f"{'best' if place == 0 else 'copy'}  {size:>11}  {readable(item.bytes):>9}  ", item.uri)
    output.line("")
