"""`vasari tags`: what people wrote here, for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.options import PLACE, command, json_option, library_option
from vasari.indexer.exchange.sidecars import write_sidecars
from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.uris import absolute


@command(example="vasari tags write ~/Pictures --dry-run")
@click.argument("where", metavar="[PATH...]", type=PLACE, nargs=-1, help="Only pictures here. [default: all]")
@click.option("--filter", "-F", "filter_", metavar="FILTER", help="Such as: taken >= 2024-05 and tag:holiday")
@click.option("--dry-run", is_flag=True, help="Only tell which sidecars would be written.")
@json_option
@library_option
def write(
    where: tuple[str, ...], filter_: str | None, dry_run: bool, json: bool, library: Path | None
) -> None:
    """Write tags, captions and ratings into XMP sidecars.

    Those that people gave here. Pictures themselves are never written to, and what a sidecar has stays in it.
    """
    with Library.open(library) as opened:
        report = write_sidecars(opened, _chosen(opened, where, filter_), dry_run=dry_run)
    if json:
        output.print_json(report.as_json())
    else:
        if dry_run:
            for path in report.written:
                output.entry("", str(path))
        verb = "would be written" if dry_run else "written"
        count = len(report.written)
        output.line(
            f"{count:,} sidecar{'' if count == 1 else 's'} {verb}, {report.unchanged:,} say it already"
        )
    if report.elsewhere:
        elsewhere = output.counted(report.elsewhere, "is no file", "are no files")
        output.note(f"{elsewhere} of this machine now: nothing can lie beside them")
    for uri, reason in report.failed.items():
        output.note(f"{uri}: {reason}")
    if report.failed:
        raise click.exceptions.Exit(1)


def _chosen(library: Library, where: tuple[str, ...], filter_: str | None) -> Iterator[ItemId]:
    """Ids of the live pictures in these places that the filter accepts."""
    accepted = (
        None if filter_ is None else set(library.catalog.filters.matching(filter_, Modality.IMAGE).tolist())
    )
    places = [absolute(path) for path in where] or None
    for file in library.catalog.items.known_files(Modality.IMAGE, places):
        if not file.missing and (accepted is None or file.id in accepted):
            yield file.id
