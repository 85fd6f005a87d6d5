"""`vasari index`, `status`, `failures`, `remove` and `watch`: filling a library and seeing what is in it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.cli import output
from api.cli.options import (
    DeviceOption,
    JsonOption,
    KeyOption,
    LibraryOption,
    PrecisionOption,
    ServerOption,
    open_settings,
)

if TYPE_CHECKING:
    from indexer.engines.local import IndexOptions
    from indexer.progress import IndexReport, Progress
    from indexer.sources.source import Source
    from retrieval.library import Library

    Job = Callable[[IndexOptions, Progress, threading.Event], IndexReport]

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
GpusOption = Annotated[
    float | None, typer.Option("--gpus", help="Ray: GPUs of each, such as 0.5. [default: to fit]", min=0)
]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(epilog="Example: vasari index ~/Pictures --model fast", no_args_is_help=True)(index)
    app.command(epilog="Example: vasari status --json")(status)
    app.command(epilog="Example: vasari failures --retry")(failures)
    app.command(epilog="Example: vasari remove ~/Pictures/old item:42", no_args_is_help=True)(remove)
    app.command(epilog="Example: vasari watch ~/Pictures", no_args_is_help=True)(watch)


def index(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Folders, pictures, tables, shards; paths or URLs."),
    ],
    model: ModelOption = None,
    source: SourceOption = None,
    texts: TextsOption = False,
    image_column: ImageColumnOption = None,
    caption_column: CaptionColumnOption = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude-dir", help="Leave out folders with this name (wildcards allowed)."),
    ] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Also take hidden files and folders.")] = False,
    batch: BatchOption = 32,
    decode_threads: ThreadsOption = None,
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
    """
    from indexer.sources.choice import Reading, SourceKind, choose_source
    from indexer.sources.folder import EXCLUDED_FOLDERS
    from indexer.sources.table import Columns
    from retrieval.library import Library

    settings = open_settings(model=model, device=device, precision=precision)
    with Library.open(library, settings, create=True) as opened:
        if texts:
            column = next(iter(caption_column or ()), None)
            _finish(run_texts(opened, paths, column, model=model, batch_size=batch), json=json, unit="texts")
            return
        reading = Reading(
            SourceKind(source) if source else None,
            Columns(image_column, tuple(caption_column or ())),
            [*EXCLUDED_FOLDERS, *(exclude or ())],
            hidden,
            opened.image_limits,
        )
        chosen, kinds = choose_source(paths, reading)
        if source is None and kinds != {SourceKind.FOLDER}:
            output.note(f"read as {', '.join(sorted(kinds))} (--source says otherwise)")
        given: dict[str, Any] = {"batch_size": batch, "decode_threads": decode_threads}
        if engine == "ray":
            report = run_cluster(opened, chosen, address, encoders, gpus, model=model, **given)
        else:
            report = run_index(opened, chosen, model=model, **given)
        _finish(report, json=json)


def run_index(library: Library, source: Source, *, model: str | None = None, **options: Any) -> IndexReport:
    """Run a job with a progress bar; Ctrl-C finishes the batch. A model named explicitly becomes the default."""
    from indexer.engines.local import index as run

    report = _run(library, partial(run, library, source), model, options)
    _warn_of_drawings(library, report, source)
    return report


def run_cluster(
    library: Library,
    source: Source,
    address: str | None,
    encoders: int | None,
    gpus: float | None,
    *,
    model: str | None = None,
    **options: Any,
) -> IndexReport:
    """The same on a Ray cluster."""
    from indexer.engines.cluster import Cluster
    from indexer.engines.ray import index as run

    cluster = Cluster(address, encoders=encoders, gpus=gpus)
    report = _run(library, partial(run, library, source, cluster=cluster), model, options)
    _warn_of_drawings(library, report, source)
    return report


def run_texts(
    library: Library, paths: Sequence[str], column: str | None, *, model: str | None = None, **options: Any
) -> IndexReport:
    """The same for files of texts, and for the captions of the library's pictures."""
    from indexer.sources.texts import OWN_CAPTIONS, OwnCaptions, TextFiles
    from indexer.texts import index_texts
    from retrieval.errors import UsageError

    if OWN_CAPTIONS not in paths:
        return _run(library, partial(index_texts, library, TextFiles(paths, column)), model, options)
    if len(paths) > 1:
        raise UsageError(f"{OWN_CAPTIONS} stands alone: index files of texts by another command")
    return _run(library, partial(index_texts, library, OwnCaptions(library)), model, options)


def _run(library: Library, job: Job, model: str | None, options: Mapping[str, Any]) -> IndexReport:
    from api.cli.progress import Bar
    from indexer.engines.local import IndexOptions

    space = library.use_model(model) if model is not None else None
    with stoppable() as stop, Bar() as bar:
        report = job(IndexOptions(space=space.name if space else None, **options), bar, stop)
    if space is not None and not report.interrupted and library.space() != space:
        library.catalog.set_default_space(space.name)
        output.note(f"searches now use {space.name}; the vectors of other models are kept")
    return report


def _warn_of_drawings(library: Library, report: IndexReport, source: Source) -> None:
    """Say once a run that the built-in encoder knows no photos, where pictures other than drawn ones came in."""
    from retrieval.models.folders import knows_drawings_only

    drawn = all(
        any((folder / "render.json").is_file() for folder in (Path(root), Path(root).parent))
        for root in source.roots or ()
    )
    if (report.added or report.updated) and not drawn and knows_drawings_only(library.space().model):
        output.note(
            "note: the model `scenes` knows drawings, not photos. For photos:"
            " vasari models pull fast && vasari index PATH --model fast"
        )


def status(
    json: JsonOption = False,
    library: LibraryOption = None,
    server: ServerOption = None,
    key: KeyOption = None,
) -> None:
    """Tell what the library holds.

    Also by which model, and whether a job is writing it.
    """
    from api.status import status_fields, status_lines

    if server is not None:
        from api.client import Client

        with Client(server, key) as client:
            facts = {"library": server, **client.status()}
    else:
        from retrieval.library import Library

        with Library.open(library) as opened:
            facts = {"library": str(opened.root), **status_fields(opened)}
    if json:
        output.print_json(facts)
        return
    for line in status_lines(facts):
        output.line(line)


def failures(
    retry: Annotated[bool, typer.Option("--retry", help="Try these files again.")] = False,
    limit: Annotated[int | None, typer.Option(help="Print at most so many.")] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """List the files that could not be indexed, and why."""
    from indexer.progress import IndexReport
    from indexer.sources.folder import FolderSource
    from retrieval.library import Library
    from retrieval.originals.uris import is_local_file

    with Library.open(library) as opened:
        if retry:
            uris = [failure.uri for failure in opened.catalog.failures()]
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
            source = FolderSource(files, hidden=True, limits=opened.image_limits, may_be_gone=True)
            _finish(run_index(opened, source, retry_failed=True), json=json)
            return
        found = opened.catalog.failures(limit)
    if json:
        output.print_json(
            [
                {"uri": f.uri, "stage": f.stage, "reason": f.reason, "attempts": f.attempts, "at": f.at}
                for f in found
            ]
        )
        return
    for failure in found:
        output.line(f"{failure.uri}\n    {failure.stage}: {failure.reason} (tried {failure.attempts}×)")
    output.note(f"{len(found)} failures" if found else "no failures")


def remove(
    what: Annotated[list[str], typer.Argument(metavar="PATH|ITEM...", help="Files, folders or item:ID.")],
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Take items out of the library.

    Files on disk are never touched.
    """
    from retrieval.domain import Modality
    from retrieval.library import Library
    from retrieval.originals.uris import absolute

    with Library.open(library) as opened:
        ids = {int(w.removeprefix("item:")) for w in what if w.startswith("item:") and w[5:].isdecimal()}
        folders = [absolute(w) for w in what if not w.startswith("item:")]
        if folders:
            ids |= {file.id for file in opened.catalog.known_files(Modality.IMAGE, folders)}
            texts = [f"text:{folder}" for folder in folders]
            ids |= {file.id for file in opened.catalog.known_files(Modality.TEXT, texts)}
        with opened.catalog.acquire_lease("vasari remove"):
            removed = opened.catalog.delete_items(sorted(ids))
    if json:
        output.print_json({"removed": removed})
    else:
        output.line(f"{removed} removed from the library; the files are untouched")


def watch(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders to keep in step.")],
    settle: Annotated[float, typer.Option(help="Seconds without changes before indexing.")] = 2.0,
    hidden: Annotated[bool, typer.Option("--hidden", help="Also take hidden files and folders.")] = False,
    library: LibraryOption = None,
) -> None:
    """Keep the library in step with folders until Ctrl-C."""
    from indexer.sources.folder import FolderSource
    from indexer.watch import watch as changes
    from retrieval.library import Library

    roots = [path.expanduser() for path in paths]
    with Library.open(library, create=True) as opened, stoppable() as stop:

        def report(done: IndexReport) -> None:
            if done.added or done.updated or done.moved or done.removed or done.failed:
                output.line(summary(done))

        changes(
            opened,
            lambda: FolderSource(roots, hidden=hidden, limits=opened.image_limits),
            report,
            stop,
            settle=settle,
        )


def summary(report: IndexReport, unit: str = "images") -> str:
    """One line: what changed, how fast, and what held it up."""
    counts = [
        f"{getattr(report, name):,} {name}"
        for name in ("added", "updated", "moved", "removed", "unchanged", "failed")
        if getattr(report, name) or name == "added"
    ]
    speed = f", {report.images_per_second:.0f} {unit}/s" if report.added or report.updated else ""
    waits = f", limited by {report.bottleneck}" if speed and report.bottleneck else ""
    return f"{', '.join(counts)} in {report.seconds:.1f} s{speed}{waits}"


def _finish(report: IndexReport, *, json: bool, unit: str = "images") -> None:
    if json:
        output.print_json(report.as_json())
    else:
        output.line(summary(report, unit))
        if report.failed:
            output.note("see `vasari failures` for what could not be used, and why")
    if report.interrupted:
        output.note("stopped; everything so far is kept. Run the same command again to go on")
        raise typer.Exit(130)


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets; a second Ctrl-C ends the program at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        output.note(
            "\nfinishing the batch… (again to stop at once)" if number == signal.SIGINT else "stopping…"
        )

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
