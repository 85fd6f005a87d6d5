"""`vasari index`: filling a library."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.cli import output
from api.cli.jobs import finish, run_cluster, run_index, run_known, with_consent
from api.cli.libraries import filling
from api.cli.options import DeviceOption, JsonOption, LibraryOption, PrecisionOption, amount, open_settings

if TYPE_CHECKING:
    from indexer.progress import IndexReport
    from indexer.sources.source import Source

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Preset, architecture/tag, hf-hub:…, or a directory. [default: the library's, or fast]",
    ),
]
SourceOption = Annotated[
    Literal["folder", "pairs", "table", "coco", "webdataset", "hf"] | None,
    typer.Option("--source", help="How to read PATH. [default: by what is there]", show_default=False),
]
ImageColumnOption = Annotated[
    str | None, typer.Option("--image-column", help="Column of a table that has paths, URLs or pictures.")
]
CaptionColumnOption = Annotated[
    list[str] | None,
    typer.Option("--caption-column", help="Column of a table that has captions; repeatable."),
]
TextsOption = Annotated[
    bool,
    typer.Option(
        "--texts",
        help="PATH holds texts: lines, CSV or JSON lines; `captions:` are the captions of the library's pictures.",
    ),
]
BatchOption = Annotated[int, typer.Option("--batch", "-b", help="Pictures a batch.", min=1)]
ThreadsOption = Annotated[int | None, typer.Option("--decode-threads", help="Threads that decode.", min=1)]
EngineOption = Annotated[
    Literal["local", "ray"], typer.Option("--engine", help="Where to run: this machine, or a Ray cluster.")
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="Ray cluster: auto, or HOST:PORT. [default: one that is started here]"),
]
EncodersOption = Annotated[
    int | None, typer.Option("--encoders", help="Ray: workers that encode. [default: to fit]", min=1)
]
AllowOption = Annotated[
    str | None,
    typer.Option(
        "--allow-removal",
        metavar="NUMBER|all",
        help="Let go so many pictures where a folder or table lost more than half of what it had.",
    ),
]
GpusOption = Annotated[
    float | None,
    typer.Option("--gpus", help="Ray: GPUs of each, such as 0.5. [default: to fit]", min=0, callback=amount),
]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(epilog="Example: vasari index ~/Pictures --model fast")(index)


def index(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Folders, pictures, tables, shards; paths or URLs."),
    ] = None,
    model: ModelOption = None,
    source: SourceOption = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Instead of PATH: all that the library knows and --model has not seen."),
    ] = False,
    texts: TextsOption = False,
    image_column: ImageColumnOption = None,
    caption_column: CaptionColumnOption = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude-dir", help="Leave out folders with this name (wildcards allowed)."),
    ] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Also take hidden files and folders.")] = False,
    allow_private_addresses: Annotated[
        bool,
        typer.Option(
            "--allow-private-addresses",
            help="Fetch from hosts of this network, too, where rows of tables name them."
            " [env: VASARI_PRIVATE_ADDRESSES]",
        ),
    ] = False,
    batch: BatchOption = 32,
    decode_threads: ThreadsOption = None,
    allow_removal: AllowOption = None,
    engine: EngineOption = "local",
    address: AddressOption = None,
    encoders: EncodersOption = None,
    gpus: GpusOption = None,
    device: DeviceOption = None,
    precision: PrecisionOption = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Bring the library in step with folders, tables or buckets.

    Adds, updates, moves and removes what changed, and touches nothing else.
    What is removed is only hidden, with all that was written about it, until
    its content is seen again (`vasari purge` forgets it).
    """
    from indexer.sources.choice import Reading, SourceKind, absent, choose_source, has_items, same_folders
    from indexer.sources.columns import Columns
    from indexer.sources.folder import EXCLUDED_FOLDERS
    from indexer.sources.texts import choose_texts
    from retrieval.errors import UsageError
    from retrieval.library import Library

    if everything is bool(paths):
        raise UsageError(
            "say what to index: one or more PATHs, or --all for what the library knows already."
            " Example: vasari index ~/Pictures --model fast"
        )
    paths = paths or []
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
            chosen = choose_texts(opened, paths, next(iter(caption_column or ()), None))
            finish(with_consent(run, allowed, ask=not json), json=json, unit="texts")
            return
        reading = Reading(
            SourceKind(source) if source else None,
            Columns(image_column, tuple(caption_column or ())),
            [*EXCLUDED_FOLDERS, *(exclude or ())],
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
    from retrieval.errors import UsageError

    if given is None:
        return 0
    if given in ("all", "yes"):
        return sys.maxsize
    if not (given.isascii() and given.isdecimal()):
        raise UsageError(f"--allow-removal takes a number, or all, and not {given!r}")
    return int(given)
