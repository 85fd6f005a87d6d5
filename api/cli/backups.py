"""`vasari backup`, `vasari restore`, `vasari move-root`: a library that outlives its disk, or changes its place."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.options import FILE, Integer, command, json_option, library_option, open_settings
from vasari.api.cli.render import readable
from vasari.indexer.backups.backup import back_up, manifests
from vasari.indexer.backups.restore import restore as restore_library
from vasari.indexer.backups.restore import verify as verify_library
from vasari.indexer.backups.store import Store
from vasari.indexer.build import rebuild
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.relocation import move_root as move


@command(example="vasari backup /mnt/backups/pictures --keep 14")
@click.argument("to", metavar="TO", help="A folder, or a URL such as s3://bucket/backups.")
@click.option(
    "--keep", type=Integer(1), help="Give up all backups but the newest so many. [default: all stay]"
)
@click.option("--list", "listed", is_flag=True, help="List the backups that are there, and take none.")
@json_option
@library_option
def backup(to: str, keep: int | None, listed: bool, json: bool, library: Path | None) -> None:
    """Keep the library as it is now, while it is used.

    Its catalog, vectors, indexes, exported models and uploads; not the pictures that were indexed where they lie.
    What did not change since the last backup is not kept twice. One that is killed leaves those before it.
    """
    if to.startswith("memory:"):
        raise UsageError(
            f"{to} is gone when this command ends: name a folder, or a URL such as s3://bucket/backups"
        )
    store = Store(to)
    if listed:
        _list(store, json=json)
        return
    with Library.open(library) as opened:
        report = back_up(opened, store, keep=keep)
    if json:
        output.print_json(report.as_json())
        return
    gone = f"; {report.removed} older ones are given up" if report.removed else ""
    output.line(
        f"backup {report.moment}: {_counted(report.items)}, {report.files:,} files,"
        f" {readable(report.bytes)}, of which {readable(report.new_bytes)} are new{gone}"
    )


def _list(store: Store, *, json: bool) -> None:
    found = list(manifests(store))
    sizes = {one.moment: sum(file.bytes for file in one.files) for one in found}
    if json:
        output.print_json(
            [{"moment": one.moment, "items": dict(one.items), "bytes": sizes[one.moment]} for one in found]
        )
        return
    output.table([(one.moment, _counted(one.items), readable(sizes[one.moment])) for one in found], name=1)
    if not found:
        output.note(f"no backup in {store.place}")


@command(example="vasari restore /mnt/backups/pictures ~/restored --verify")
@click.argument("source", metavar="FROM", help="Where backups were taken to.")
@click.argument("to", metavar="TO", type=FILE, help="The new library's folder, which must not be there yet.")
@click.option("--moment", help="Which backup, from `vasari backup FROM --list`. [default: the newest]")
@click.option("--verify", is_flag=True, help="Examine the library afterwards, as `vasari doctor` does.")
@json_option
def restore(source: str, to: Path, moment: str | None, verify: bool, json: bool) -> None:
    """Make a library anew from a backup.

    It is made whole, or not at all.
    The catalog becomes a SQLite file in it, or goes into VASARI_DATABASE_URL, whatever it came from. With
    VASARI_VECTORS its vectors are copied into new collections there. Exits with 1 where --verify finds something wrong.
    """
    root = to.expanduser().absolute()
    settings = open_settings(library=root)
    report = restore_library(Store(source), root, moment, settings.database_url)
    findings = []
    if settings.vectors is not None:
        with Library.open(root, settings) as opened:
            for built in rebuild(opened):
                output.note(str(built))
    if verify:
        with Library.open(root, settings) as opened:
            findings = verify_library(opened, report)
    if json:
        told = {"verified": verify, "findings": [finding.as_json() for finding in findings]}
        output.print_json({**report.as_json(), **told})
    else:
        output.line(
            f"restored {report.moment} to {root}: {_counted(report.items)}, {report.files:,} files,"
            f" {readable(report.bytes)}"
        )
        for finding in findings:
            output.line(str(finding))
        if verify and not findings:
            output.line("verified: all is well")
    if findings:
        sys.exit(1)


@command("move-root", example="vasari move-root /photos /mnt/nas/photos")
@click.argument("old", metavar="OLD", help="Where the pictures lay: a folder, an archive or a URL.")
@click.argument("new", metavar="NEW", help="Where they lie now.")
@click.option("--force", is_flag=True, help="Also where NEW is not there at the moment.")
@json_option
@library_option
def move_root(old: str, new: str, force: bool, json: bool, library: Path | None) -> None:
    """Tell the library that pictures lie elsewhere now.

    Nothing is read or embedded again.
    Items keep their numbers, vectors, captions, tags and all else. Keys and saved searches whose filter names the old
    folder are told: make them anew.
    """
    with Library.open(library) as opened:
        done = move(opened, old, new, force=force)
    if json:
        output.print_json({"moved": done.moved, "filters": [asdict(each) for each in done.changed]})
        return
    output.line(f"{done.moved:,} items of {old} lie in {new} from now on")
    for each in done.changed:
        output.note(
            f"{each.of} sees {each.gained:,} items more and {each.lost:,} fewer, as its filter names folders:"
            f" {each.filter}"
        )


def _counted(items: Mapping[str, int]) -> str:
    pictures, texts = items.get("image", 0), items.get("text", 0)
    return f"{pictures:,} pictures" + (f" and {texts:,} texts" if texts else "")
