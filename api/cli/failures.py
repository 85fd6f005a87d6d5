"""`vasari failures`: the files that could not be indexed, listed or tried again."""

from __future__ import annotations

from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.indexing import finish, run_index
from vasari.api.cli.options import Integer, command, json_option, library_option
from vasari.api.contract.library import failure_fields
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.records import Failure
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.uris import is_local_file


@command(example="vasari failures --retry")
@click.option("--retry", is_flag=True, help="Try these files again.")
@click.option("--limit", type=Integer(1), help="Print at most so many.")
@json_option
@library_option
def failures(retry: bool, limit: int | None, json: bool, library: Path | None) -> None:
    """List the files that could not be indexed, and why."""
    with Library.open(library) as opened:
        if retry:
            _retry(opened, json=json)
            return
        found = opened.catalog.failures.latest(limit)
    if json:
        output.print_json([failure_fields(failure) for failure in found])
        return
    for failure in found:
        output.entry("", failure.uri)
        output.line(f"    {failure.stage}: {failure.reason} ({_tried(failure)})")
    counted = "1 failure" if len(found) == 1 else f"{len(found):,} failures"
    output.note(counted if found else "no failures")


def _tried(failure: Failure) -> str:
    """How often and when last."""
    times = "once" if failure.attempts == 1 else f"{failure.attempts} times, last"
    return f"tried {times} at {failure.at.isoformat(timespec='seconds')}"


def _retry(library: Library, *, json: bool) -> None:
    """Index the files that failed once more."""
    uris = [failure.uri for failure in library.catalog.failures.latest()]
    if not uris:
        if json:
            output.print_json(IndexReport().as_json())
        output.note("no failures to try again")
        return
    files = [uri for uri in uris if is_local_file(uri)]
    if len(files) < len(uris):
        output.note(
            f"{len(uris) - len(files)} failures lie in archives, tables or at URLs:"
            " run `vasari index` on these again"
        )
    source = FolderSource(files, hidden=True, limits=library.image_limits, may_be_gone=True)
    finish(run_index(library, source, retry_failed=True), json=json)
