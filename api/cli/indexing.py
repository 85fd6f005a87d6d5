"""`vasari index`: filling a library."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from vasari.api.cli import output
from vasari.api.cli.jobs import finish, run_cluster, run_index, run_known, with_consent
from vasari.api.cli.libraries import filling
from vasari.api.cli.options import (
    PLACE,
    Integer,
    Number,
    address_option,
    batch_option,
    choice,
    command,
    decode_threads_option,
    device_option,
    engine_option,
    hidden_option,
    json_option,
    library_option,
    model_option,
    open_settings,
    precision_option,
    texts_option,
)
from vasari.indexer.progress import IndexReport
from vasari.indexer.sources.columns import Columns
from vasari.indexer.sources.detect import Reading, SourceKind, absent, choose_source, has_items, same_folders
from vasari.indexer.sources.folder import EXCLUDED_FOLDERS
from vasari.indexer.sources.source import Source
from vasari.indexer.sources.texts import choose_texts
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.library import Library


@command(example="vasari index ~/Pictures --model fast")
@click.argument(
    "paths",
    metavar="PATH...",
    type=PLACE,
    nargs=-1,
    help="Folders, pictures, tables, shards; paths or URLs.",
)
@model_option
@click.option(
    "--source",
    type=choice(SourceKind),
    help="How to read PATH. [default: by what is there]",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Instead of PATH: all that the library knows and --model has not seen.",
)
@texts_option
@click.option("--image-column", help="Column of a table that has paths, URLs or pictures.")
@click.option("--caption-column", multiple=True, help="Column of a table that has captions; repeatable.")
@click.option(
    "--exclude-dir",
    "exclude",
    multiple=True,
    help="Leave out folders with this name (wildcards allowed).",
)
@hidden_option
@click.option(
    "--allow-private-addresses",
    is_flag=True,
    help="Fetch from hosts of this network, too, where rows of tables name them."
    " [env: VASARI_PRIVATE_ADDRESSES]",
)
@batch_option
@decode_threads_option
@click.option(
    "--allow-removal",
    metavar="NUMBER|all",
    help="Let go so many pictures where a folder or table lost more than half of what it had.",
)
@engine_option
@address_option
@click.option("--encoders", type=Integer(1), help="Ray: workers that encode. [default: to fit]")
@click.option("--gpus", type=Number(0), help="Ray: GPUs of each, such as 0.5. [default: to fit]")
@device_option
@precision_option
@json_option
@library_option
def index(
    paths: tuple[str, ...],
    model: str | None,
    source: str | None,
    everything: bool,
    texts: bool,
    image_column: str | None,
    caption_column: tuple[str, ...],
    exclude: tuple[str, ...],
    hidden: bool,
    allow_private_addresses: bool,
    batch: int,
    decode_threads: int | None,
    allow_removal: str | None,
    engine: str,
    address: str | None,
    encoders: int | None,
    gpus: float | None,
    device: str | None,
    precision: str | None,
    json: bool,
    library: Path | None,
) -> None:
    """Bring the library in step with folders, tables or buckets.

    Adds, updates, moves and removes what changed, and touches nothing else.
    What is removed is only hidden, with all that was written about it, until
    its content is seen again (`vasari purge` forgets it).
    """
    if everything is bool(paths):
        raise UsageError(
            "say what to index: one or more PATHs, or --all for what the library knows already."
            " Example: vasari index ~/Pictures --model fast"
        )
    allowed = removable(allow_removal)
    settings = open_settings(
        library=library,
        model=model,
        device=device,
        precision=precision,
        private_addresses=allow_private_addresses or None,
    )
    with Library.open(library, settings) if everything else filling(library, settings) as opened:
        if everything:
            finish(run_known(opened, model=model, batch_size=batch, decode_threads=decode_threads), json=json)
            return
        given: dict[str, Any] = {"batch_size": batch, "decode_threads": decode_threads}

        def run(allow: int) -> IndexReport:
            options = {"model": model, "allow_removal": allow, **given}
            if engine == "ray":
                return run_cluster(opened, chosen, address, encoders, gpus, **options)
            return run_index(opened, chosen, **options)

        chosen: Source
        if texts:
            chosen = choose_texts(opened, paths, next(iter(caption_column), None))
            finish(with_consent(run, allowed, ask=not json), json=json, unit="texts")
            return
        reading = Reading(
            SourceKind(source) if source else None,
            Columns(image_column, caption_column),
            [*EXCLUDED_FOLDERS, *exclude],
            hidden,
            opened.image_limits,
            partial(has_items, opened),
        )
        chosen, kinds = choose_source(paths, reading)
        for path in absent(paths):
            kept = ": what the library has of it stays, unless it is found elsewhere"
            output.note(f"{path} is not there{kept if has_items(opened, path) else ''}")
        for path, other in same_folders(paths):
            output.note(f"{path} is the same folder as {other}: it is read once")
        if source is None and kinds - {SourceKind.FOLDER}:
            output.note(f"read as {', '.join(sorted(kinds))} (--source says otherwise)")
        finish(with_consent(run, allowed, ask=not json), json=json, places=paths)


def removable(given: str | None) -> int:
    """How many items `--allow-removal` lets go; raises UsageError for what is no number."""
    if given is None:
        return 0
    if given in ("all", "yes"):
        return sys.maxsize
    if not (given.isascii() and given.isdecimal()):
        raise UsageError(f"--allow-removal takes a number, or all, and not {given!r}")
    return int(given)
