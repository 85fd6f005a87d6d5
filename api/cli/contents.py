"""`vasari status`, `failures`, `fields`, `remove` and `purge`: what is in a library."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output, render
from api.cli.jobs import finish, run_index
from api.cli.options import JsonOption, KeyOption, LibraryOption, ServerOption, duration

if TYPE_CHECKING:
    from retrieval.catalog.records import Failure
    from retrieval.library import Library


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(epilog="Example: vasari status --json")(status)
    app.command(epilog="Example: vasari failures --retry")(failures)
    app.command(epilog="Example: vasari fields")(fields)
    app.command(epilog="Example: vasari remove ~/Pictures/old item:42")(remove)
    app.command(epilog="Example: vasari purge --older-than 30d")(purge)


def status(
    json: JsonOption = False,
    library: LibraryOption = None,
    server: ServerOption = None,
    key: KeyOption = None,
) -> None:
    """Tell what the library holds.

    Also by which model, and whether a job is writing it.
    """
    if server is not None:
        from api.client import Client

        with Client(server, key) as client:
            facts = {"library": server, **client.status()}
    else:
        from api import contract
        from retrieval.library import Library

        with Library.open(library) as opened:
            facts = {"library": str(opened.root), **contract.status_fields(opened)}
    if json:
        output.print_json(facts)
        return
    for line in render.status_lines(facts):
        output.line(line)


def failures(
    retry: Annotated[bool, typer.Option("--retry", help="Try these files again.")] = False,
    limit: Annotated[int | None, typer.Option(help="Print at most so many.", min=1)] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """List the files that could not be indexed, and why."""
    from api import contract
    from retrieval.library import Library

    with Library.open(library) as opened:
        if retry:
            _retry(opened, json=json)
            return
        found = opened.catalog.failures(limit)
    if json:
        output.print_json([contract.failure_fields(failure) for failure in found])
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
    from indexer.progress import IndexReport
    from indexer.sources.folder import FolderSource
    from retrieval.originals.uris import is_local_file

    uris = [failure.uri for failure in library.catalog.failures()]
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


def fields(json: JsonOption = False, library: LibraryOption = None) -> None:
    """List what a filter may ask for.

    The fields of every item, and the attributes that items have, with how many have each.
    """
    from api import contract
    from retrieval.catalog.filter_language import FIELDS
    from retrieval.library import Library

    with Library.open(library) as opened:
        attributes = opened.catalog.attribute_counts()
    if json:
        output.print_json(contract.filter_fields(FIELDS, attributes))
        return
    output.table([(name, str(kind)) for name, kind in FIELDS.items()], name=1)
    for name, count in attributes.items():
        output.entry("", name, f"  of {count:,} items")


def remove(
    what: Annotated[list[str], typer.Argument(metavar="PATH|ITEM...", help="Files, folders or item:ID.")],
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Take items out of the library.

    Your files are never touched; pictures that the library stored itself, because they were uploaded, are deleted.
    The exit code is 1 when something was named that is not in the library.
    """
    from retrieval.library import Library
    from retrieval.removal import remove as take_out

    with Library.open(library) as opened:
        done = take_out(opened, what)
    if json:
        output.print_json({"removed": done.removed, "not_found": list(done.not_found)})
    else:
        output.line(f"{done.removed} removed from the library; your files are untouched")
    for name in done.not_found:
        output.note(f"not in the library: {name}")
    if done.not_found:
        raise typer.Exit(1)


def purge(
    where: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH...]", help="Only what lay here. [default: anywhere]")
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only what is missing for so long: 30d, 12h, 8w."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Forget missing pictures and texts for good.

    Those whose files are gone are hidden, and keep their tags, captions and
    attributes until the files come back. This deletes what was written.
    """
    from retrieval.errors import UsageError
    from retrieval.library import Library
    from retrieval.originals.uris import absolute

    since = None if older_than is None else datetime.now(UTC) - duration(older_than)
    places = None
    if where:
        places = [place for path in map(absolute, where) for place in (path, f"text:{path}")]
    with Library.open(library) as opened:
        found = opened.catalog.missing_items(since, places)
        if found and not yes:
            if json or not output.can_ask():
                raise UsageError(f"{_counted(len(found))} would be forgotten for good: say --yes")
            if not typer.confirm(f"Forget {_counted(len(found))} and all that is said of them?", err=True):
                raise typer.Exit(1)
        with opened.catalog.acquire_lease("vasari purge"):
            purged = opened.catalog.purge_items(found)
    if json:
        output.print_json({"purged": purged})
    else:
        output.line(f"{_counted(purged)} forgotten")


def _counted(items: int) -> str:
    return "1 missing item" if items == 1 else f"{items:,} missing items"
